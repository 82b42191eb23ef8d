//! IOCTL_STORAGE_MANAGE_BYPASS_IO: whether a file system may send its reads past the filter, and the answer where not.
//!
//! BypassIO takes a disk's reads past every driver between the file system and the disk's own. It is asked for with a
//! BPIO_INPUT, and whoever cannot have it says so in a BPIO_OUTPUT, with STATUS_SUCCESS: an error status would say that
//! the request made no sense, and not who refused it or why.
//!
//! Here are the decision and the bytes, as ntddstor.h has them. What it is not: the request, which the driver completes.

use crate::configuration::{Configuration, Setting};

/// CTL_CODE(FILE_DEVICE_MASS_STORAGE, 0x230, METHOD_BUFFERED, FILE_ANY_ACCESS).
pub const IOCTL_STORAGE_MANAGE_BYPASS_IO: u32 = 0x002D_08C0;

/// The bytes of a BPIO_INPUT.
pub const INPUT_BYTES: usize = 24;
/// The bytes of a BPIO_OUTPUT.
pub const OUTPUT_BYTES: usize = 352;

const BPIO_OP_ENABLE: u32 = 1;
const BPIO_OP_QUERY: u32 = 3;

/// STATUS_NOT_SUPPORTED, the status that the file system hands on with the reason.
const OP_STATUS: u32 = 0xC000_00BB;

/// The name of the image, as Windows knows it.
const DRIVER: &str = "irpscope.sys";

/// How many UTF-16 units BPIO_OUTPUT has room for.
const DRIVER_UNITS: usize = 32;
const REASON_UNITS: usize = 128;

/// Why the filter cannot let reads go past it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The setting [`Setting::BypassIo`] says so.
    Configured,
    /// Requests are divided or sent again, and reads that went past the filter would not be.
    Hardened,
}

impl Reason {
    /// What is shown with `fsutil bypassio state`, in English as Windows asks for.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Configured => "The setting BypassIo is 1: every read of this disk has to pass irpscope.",
            Self::Hardened => {
                "irpscope divides requests of this disk (MaxTransferBytes) or sends them again (RetryAttempts)."
            }
        }
    }
}

/// What is to be done with the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is for the drivers below, as any other DEVICE_CONTROL.
    Pass,
    /// It is completed with STATUS_SUCCESS and the BPIO_OUTPUT of this.
    Veto(Veto),
    /// It is completed with an error.
    Malformed(Malformed),
}

/// What is wrong with a request that would have to be vetoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// There is no whole BPIO_INPUT: STATUS_INFO_LENGTH_MISMATCH.
    InputTooShort,
    /// There is no room for a BPIO_OUTPUT: STATUS_BUFFER_TOO_SMALL.
    OutputTooShort,
    /// Its version or size is less than a BPIO_INPUT has: STATUS_INVALID_PARAMETER.
    Inconsistent,
}

/// A refusal, and what it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Veto {
    operation: u32,
    reason: Reason,
}

impl Veto {
    /// The BPIO_OUTPUT that says so.
    #[must_use]
    pub fn output(self) -> [u8; OUTPUT_BYTES] {
        const SIZE: u32 = OUTPUT_BYTES as u32;
        let mut writer = Writer {
            bytes: [0; OUTPUT_BYTES],
            at: 0,
        };
        // Version, Size, Operation, OutFlags, and the eight bytes that are reserved.
        for word in [SIZE, SIZE, self.operation, 0, 0, 0] {
            writer.put(&word.to_le_bytes());
        }
        writer.put(&OP_STATUS.to_le_bytes());
        writer.text(DRIVER, DRIVER_UNITS);
        writer.text(self.reason.text(), REASON_UNITS);
        writer.bytes
    }
}

/// Fills a structure from its first field on.
struct Writer {
    bytes: [u8; OUTPUT_BYTES],
    at: usize,
}

impl Writer {
    /// Puts as much as there is room for.
    fn put(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.at..).unwrap_or_default();
        for (target, byte) in room.iter_mut().zip(bytes) {
            *target = *byte;
        }
        self.at = self.at.saturating_add(bytes.len());
    }

    /// The length in units, and the units of ASCII text, with nothing after them up to `units`.
    fn text(&mut self, text: &str, units: usize) {
        let length = text.len().min(units);
        self.put(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        let end = self.at.saturating_add(units.saturating_mul(2));
        for character in text.bytes().take(length) {
            self.put(&u16::from(character).to_le_bytes());
        }
        self.at = end;
    }
}

/// Why reads may not go past the filter on a device with this configuration; `None` where they may.
///
/// This is the one place that decides it: whatever has to see every read says so here.
#[must_use]
pub const fn veto(configuration: &Configuration) -> Option<Reason> {
    if configuration.get(Setting::BypassIo) != 0 {
        Some(Reason::Configured)
    } else if configuration.max_transfer_bytes().is_some() || configuration.retry_attempts() != 0 {
        Some(Reason::Hardened)
    } else {
        None
    }
}

/// What is to be done with a request that has this input and room for so many bytes of output.
///
/// Only what would be vetoed is looked at. BPIO_OP_DISABLE is none of that: it ends what this filter has allowed
/// before, and no driver may fail it. An operation that is not known is not the filter's to judge.
#[must_use]
pub fn answer(configuration: &Configuration, input: &[u8], output_length: usize) -> Answer {
    let Some(reason) = veto(configuration) else {
        return Answer::Pass;
    };
    let Some((head, _)) = input.split_first_chunk::<INPUT_BYTES>() else {
        return Answer::Malformed(Malformed::InputTooShort);
    };
    let [version, size, operation] = [0, 4, 8].map(|at| word(head, at));
    if !matches!(operation, BPIO_OP_ENABLE | BPIO_OP_QUERY) {
        return Answer::Pass;
    }
    // A later version is longer, and begins with what is known.
    const SIZE: u32 = INPUT_BYTES as u32;
    if version < SIZE || size < SIZE {
        return Answer::Malformed(Malformed::Inconsistent);
    }
    if output_length < OUTPUT_BYTES {
        return Answer::Malformed(Malformed::OutputTooShort);
    }
    Answer::Veto(Veto { operation, reason })
}

/// The 32-bit word at an offset; 0 where there is none.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |word| u32::from_le_bytes(*word))
}
