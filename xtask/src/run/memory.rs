//! The filter's statistics, as a debugger gets them: out of the memory of its device.
//!
//! The driver runs in a process of its own, which is gone when the run has ended. So what the reader of
//! [`policy::dump`] asks for is recorded there, and read again here, by the same reader.

use policy::{Snapshot, dump};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The bytes of a word, by which everything in the memory is placed.
const WORD_BYTES: usize = 8;

/// What a device's memory is looked at with.
pub(super) trait Memory {
    /// Where the device extension is, and how many bytes it has.
    fn extension(&self) -> (u64, usize);
    /// Reads what is at `address`. False where there is nothing.
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool;
}

impl Memory for lab::DeviceMemory {
    fn extension(&self) -> (u64, usize) {
        (Self::extension(self), self.extension_bytes())
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        Self::read(self, address, bytes)
    }
}

/// What was found in the memory of a device.
#[derive(Serialize, Deserialize)]
enum Found {
    /// No statistics: the driver had no memory for them when the device was added.
    Nothing,
    /// Statistics that cannot be read, and why.
    Damaged(String),
    /// The memory that they are in.
    Statistics { head: u64, pieces: Vec<Piece> },
}

/// A piece of memory. Most of its words are zero, and not here.
#[derive(Serialize, Deserialize)]
struct Piece {
    address: u64,
    bytes: usize,
    words: Vec<(usize, u64)>,
}

/// Records the statistics of a device. It is called in the process of the run.
pub(super) fn record(memory: &impl Memory) -> Value {
    let found = find(memory).map_or(Found::Nothing, |head| record_at(memory, head));
    // As text, which is a small part of what a tree of values takes; there may be thousands of runs.
    serde_json::to_string(&found).map_or(Value::Null, Value::String)
}

/// The address of the statistics in the device extension.
fn find(memory: &impl Memory) -> Option<u64> {
    let (start, bytes) = memory.extension();
    (0..bytes / WORD_BYTES)
        .map(|word| start + (word * WORD_BYTES) as u64)
        .find(|&address| {
            let mut word = [0; WORD_BYTES];
            memory.read(address, &mut word) && u64::from_le_bytes(word) == dump::SIGNATURE
        })
}

fn record_at(memory: &impl Memory, head: u64) -> Found {
    let mut pieces = Vec::new();
    let recording = |address: u64, bytes: &mut [u8]| {
        let there = memory.read(address, bytes);
        if there {
            pieces.push(Piece::of(address, bytes));
        }
        there
    };
    match dump::read(recording, head) {
        Ok(_) => Found::Statistics { head, pieces },
        Err(error) => Found::Damaged(error.to_string()),
    }
}

impl Piece {
    fn of(address: u64, bytes: &[u8]) -> Self {
        let words = bytes
            .chunks_exact(WORD_BYTES)
            .map(|word| word.try_into().map_or(0, u64::from_le_bytes))
            .enumerate()
            .filter(|&(_, word)| word != 0)
            .collect();
        Self {
            address,
            bytes: bytes.len(),
            words,
        }
    }

    fn write_to(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        for (index, word) in &self.words {
            if let Some(place) = bytes.chunks_exact_mut(WORD_BYTES).nth(*index) {
                place.copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

/// The statistics that were recorded, or `None` where the device had none.
///
/// # Errors
///
/// They cannot be read, and this says why.
pub(super) fn read(recorded: &Value) -> Result<Option<Snapshot>, String> {
    let text = recorded.as_str().ok_or("nothing was recorded of its memory")?;
    let found = serde_json::from_str(text).map_err(|error| format!("what was recorded is damaged: {error}"))?;
    match found {
        Found::Nothing => Ok(None),
        Found::Damaged(why) => Err(why),
        Found::Statistics { head, pieces } => {
            let replayed = |address: u64, bytes: &mut [u8]| {
                let piece = pieces
                    .iter()
                    .find(|piece| piece.address == address && piece.bytes == bytes.len());
                piece.map(|piece| piece.write_to(bytes)).is_some()
            };
            dump::read(replayed, head).map(Some).map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device whose extension is at 0x1000 and whose shards are at 0x8000.
    struct Device {
        extension: Vec<u64>,
        shards: Vec<u64>,
    }

    const EXTENSION: u64 = 0x1000;
    const SHARDS: u64 = 0x8000;
    const SHARD_WORDS: usize = 12_544 / WORD_BYTES;

    impl Device {
        /// With `before` words of something else in front of the head, and this many requests sent on two processors.
        fn new(before: usize, sent: [u64; 2]) -> Self {
            let mut extension = vec![0xABCD; before];
            extension.extend([dump::SIGNATURE, dump::VERSION, 2, 12_544, SHARDS, 77, 10_000_000, 0, 0]);
            extension.extend([0; 33]);
            extension.extend([3, 9]);
            let mut shards = vec![0; 2 * SHARD_WORDS];
            shards[0] = sent[0];
            shards[SHARD_WORDS] = sent[1];
            Self { extension, shards }
        }
    }

    impl Memory for Device {
        fn extension(&self) -> (u64, usize) {
            (EXTENSION, self.extension.len() * WORD_BYTES)
        }

        fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
            let (start, words) = if address >= SHARDS {
                (SHARDS, &self.shards)
            } else {
                (EXTENSION, &self.extension)
            };
            let memory: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let Some(from) = address.checked_sub(start).map(|from| from as usize) else {
                return false;
            };
            let Some(piece) = memory.get(from..from + bytes.len()) else {
                return false;
            };
            bytes.copy_from_slice(piece);
            true
        }
    }

    #[test]
    fn what_is_read_of_a_record_is_what_is_in_the_memory() {
        let device = Device::new(5, [40, 2]);
        let snapshot = read(&record(&device)).unwrap().unwrap();
        assert_eq!(snapshot.counters.read.sent, 42);
        assert_eq!((snapshot.in_flight, snapshot.in_flight_peak), (3, 9));
        let live = dump::read(|address, bytes| device.read(address, bytes), EXTENSION + 5 * 8).unwrap();
        assert_eq!(snapshot, live);
    }

    #[test]
    fn a_device_without_statistics_is_no_error() {
        let device = Device {
            extension: vec![0; 40],
            shards: Vec::new(),
        };
        assert_eq!(read(&record(&device)), Ok(None));
    }

    #[test]
    fn statistics_whose_shards_are_not_there_are_an_error_that_says_so() {
        let mut device = Device::new(0, [1, 1]);
        device.shards.truncate(SHARD_WORDS);
        let error = read(&record(&device)).unwrap_err();
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn a_run_of_which_nothing_was_recorded_is_an_error() {
        assert!(read(&Value::Null).is_err());
        assert!(read(&Value::String("{".to_owned())).is_err());
    }
}
