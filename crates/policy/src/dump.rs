//! Reads a device's statistics out of memory that cannot be trusted: a crash dump, or a debugger's target.
//!
//! Everything is little-endian 64-bit words, in the order in which the `repr(C)` types have them; no pointer is
//! followed but the one to the shards, and nothing is believed that would make the reader read without end. It does
//! not find the head: the eight bytes of [`SIGNATURE`] are there to be searched for.

use core::fmt;
use core::ops::Range;

use crate::counters::{Counters, Shard};
use crate::errors::{ENTRIES, ErrorTable, Key};
use crate::snapshot::{Device, Snapshot};

/// The first word of a head: the eight characters `irpscope`.
pub const SIGNATURE: u64 = u64::from_le_bytes(*b"irpscope");

/// The version of the layout. Another layout of head or shards has another version.
pub const VERSION: u64 = 3;

/// More shards than this are not believed. Windows has at most 2,048 logical processors.
pub const SHARDS_MAX: u64 = 4096;

const WORD_BYTES: usize = 8;
/// The words of a head that say what it is, and those up to its last.
const IDENTITY_WORDS: usize = 2;
const BODY_WORDS: usize = 3 + 1 + 3 + ErrorTable::WORDS + 2;
const SHARD_WORDS: usize = size_of::<Counters<u64>>() / WORD_BYTES;

/// Why there is nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DumpError {
    /// The memory does not have these bytes.
    Unreadable {
        /// Where they would be.
        address: u64,
        /// How many were asked for.
        bytes: u64,
    },
    /// What is there does not begin with [`SIGNATURE`].
    NotStatistics {
        /// Where it is.
        address: u64,
    },
    /// The statistics have another layout than [`VERSION`].
    Version {
        /// The version that they have.
        found: u64,
    },
    /// The head describes shards that cannot be.
    Shards {
        /// How many they are said to be.
        count: u64,
        /// How many bytes from one to the next.
        stride_bytes: u64,
    },
    /// The error table has a key that no status makes.
    ErrorTable {
        /// The key.
        key: u64,
    },
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { address, bytes } => {
                write!(
                    f,
                    "the {bytes} bytes at {address:#x} cannot be read; is the dump complete?"
                )
            }
            Self::NotStatistics { address } => write!(
                f,
                "no statistics at {address:#x}; search for the bytes \"irpscope\" and give their address"
            ),
            Self::Version { found } => write!(
                f,
                "the statistics have layout {found} and this reader knows {VERSION}; use that of the driver's release"
            ),
            Self::Shards { count, stride_bytes } => write!(
                f,
                "the head is damaged: {count} shards of {stride_bytes} bytes, where a shard has {}",
                size_of::<Shard>()
            ),
            Self::ErrorTable { key } => write!(f, "the error table is damaged: {key:#x} is no key"),
        }
    }
}

impl core::error::Error for DumpError {}

/// Reads the statistics whose head is at `head_address`.
///
/// `memory` fills the buffer from an address on and returns true, or returns false where it has not all of it.
///
/// # Errors
///
/// [`DumpError`] where memory is missing or is not what a driver of this version writes.
pub fn read(mut memory: impl FnMut(u64, &mut [u8]) -> bool, head_address: u64) -> Result<Snapshot, DumpError> {
    let mut words = Words::new(&mut memory, head_address, IDENTITY_WORDS);
    if words.next()? != SIGNATURE {
        return Err(DumpError::NotStatistics { address: head_address });
    }
    let found = words.next()?;
    if found != VERSION {
        return Err(DumpError::Version { found });
    }
    let body_address = head_address.wrapping_add((IDENTITY_WORDS * WORD_BYTES) as u64);
    let mut words = Words::new(&mut memory, body_address, BODY_WORDS);
    let shard_count = words.next()?;
    let stride_bytes = words.next()?;
    if shard_count > SHARDS_MAX || stride_bytes != size_of::<Shard>() as u64 {
        return Err(DumpError::Shards {
            count: shard_count,
            stride_bytes,
        });
    }
    let shards_address = words.next()?;

    let mut snapshot = Snapshot::EMPTY;
    let started_at_ticks = words.next()?;
    let frequency_hz = words.next()?;
    // The rest of the clock: latencies were converted when they were counted.
    words.next()?;
    words.next()?;
    read_errors(&mut words, &mut snapshot)?;
    let in_flight = words.next()?;
    let in_flight_peak = words.next()?;
    snapshot.add_device(&Device::one(started_at_ticks, frequency_hz, in_flight, in_flight_peak));

    let mut shard_address = shards_address;
    for _ in 0..shard_count {
        let mut words = Words::new(&mut memory, shard_address, SHARD_WORDS);
        for counter in snapshot.counters.words_mut() {
            *counter = counter.saturating_add(words.next()?);
        }
        shard_address = shard_address.wrapping_add(stride_bytes);
    }
    Ok(snapshot)
}

fn read_errors<M: FnMut(u64, &mut [u8]) -> bool>(
    words: &mut Words<'_, M>,
    snapshot: &mut Snapshot,
) -> Result<(), DumpError> {
    for _ in 0..ENTRIES {
        let (key, count) = (words.next()?, words.next()?);
        match Key::of(key) {
            Key::Of(status) => snapshot.errors.add(status, count),
            Key::Free => {}
            Key::Broken => return Err(DumpError::ErrorTable { key }),
        }
    }
    snapshot.errors.add_others(words.next()?);
    Ok(())
}

/// The words of a piece of memory, which is read a chunk at a time and never beyond its end.
struct Words<'m, M> {
    memory: &'m mut M,
    /// Of the next chunk.
    address: u64,
    /// Words that are not in a chunk yet.
    left: usize,
    chunk: [u8; CHUNK_BYTES],
    /// What of the chunk is not given out yet.
    unread: Range<usize>,
}

const CHUNK_BYTES: usize = 64 * WORD_BYTES;

impl<'m, M: FnMut(u64, &mut [u8]) -> bool> Words<'m, M> {
    fn new(memory: &'m mut M, address: u64, words: usize) -> Self {
        Self {
            memory,
            address,
            left: words,
            chunk: [0; CHUNK_BYTES],
            unread: 0..0,
        }
    }

    fn next(&mut self) -> Result<u64, DumpError> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        let word = self.chunk.get(self.unread.clone()).and_then(<[u8]>::first_chunk);
        self.unread.start = self.unread.start.saturating_add(WORD_BYTES);
        // Only past the end, where `fill` finds nothing to read, is there no word.
        let past_the_end = DumpError::Unreadable {
            address: self.address,
            bytes: WORD_BYTES as u64,
        };
        word.map_or(Err(past_the_end), |word| Ok(u64::from_le_bytes(*word)))
    }

    fn fill(&mut self) -> Result<(), DumpError> {
        let words = self.left.min(CHUNK_BYTES / WORD_BYTES);
        let bytes = words.saturating_mul(WORD_BYTES);
        let unreadable = DumpError::Unreadable {
            address: self.address,
            bytes: bytes as u64,
        };
        let end = self.address.checked_add(bytes as u64).ok_or(unreadable)?;
        let chunk = self.chunk.get_mut(..bytes).unwrap_or_default();
        if !(self.memory)(self.address, chunk) {
            return Err(unreadable);
        }
        self.address = end;
        self.left = self.left.saturating_sub(words);
        self.unread = 0..bytes;
        Ok(())
    }
}

/// A shard is its counters and nothing else.
#[cfg(not(loom))]
const _: () = assert!(size_of::<Shard>() == size_of::<Counters<u64>>());
