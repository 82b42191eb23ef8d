//! READs and WRITEs that are too long for a device: which of them are divided, into which parts, which part is sent next, and
//! what the whole has ended with.
//!
//! # The rules
//!
//! 1. Part *k* is the bytes from *k* times the longest transfer on, and as long as that, but for the last one. They are begun
//!    in byte order, one after the other, up to a window of them at once.
//! 2. The whole ends where the first part in byte order did not do all of its bytes: with that part's status where it failed,
//!    and with success where it was short, as a device's end makes it. What counts as transferred is what is before that, and
//!    nothing that a later part did. A part that failed has transferred nothing, whatever it says.
//! 3. Once a part is known to have failed or to be short, none is begun any more. None that matters is missing then: whatever
//!    is before it in byte order has been begun before it. What is in flight is waited for, for one of them may still be the
//!    first in byte order to fail.
//! 4. Whatever stops the whole has no more parts begun: it is cancelled, the device is going, or the completion routine of a
//!    part could not be registered. Where one is left that was not begun, the whole ends before it, with the status of that.
//! 5. The first thing that stops it is the one that counts, and a part that was begun and did not do all of its bytes counts
//!    more, as it is first in byte order.
//! 6. A part for which there is no memory is begun later: when another one has come back, and with a window that is no larger
//!    than what there was memory for. Where none is in flight, one after the other is sent by what takes no memory.
//!
//! What the whole ends with does not depend, but for rule 4, on the window or on the order in which parts come back.
//!
//! What it is not: the sending. It knows no IRP, and does not know where a part's bytes are.

use core::num::NonZeroU32;

/// The most parts that are in flight at once.
pub const WINDOW_MAX: u32 = 32;

const STATUS_SUCCESS: i32 = 0;
/// STATUS_CANCELLED.
const STATUS_CANCELLED: i32 = 0xC000_0120_u32.cast_signed();

/// Where the bytes of a READ or WRITE are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// In what one MDL describes, which is so long.
    Mdl {
        /// How many bytes the MDL describes.
        bytes: u32,
    },
    /// In what several MDLs describe.
    ChainedMdls,
    /// In the I/O manager's own buffer, for a device with DO_BUFFERED_IO.
    SystemBuffer,
    /// Nowhere that this request says: it has no MDL or no buffer where the device takes one, or the device takes neither.
    Unknown,
}

/// A READ or WRITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Where it begins on the device.
    pub offset: i64,
    /// How many bytes it is for.
    pub length: u32,
    /// Where the bytes are.
    pub memory: Memory,
}

/// Why a transfer that is too long is sent whole, for the device to refuse it if it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// A part of a chain would be one, and there is no call that makes it.
    ChainedMdls,
    /// The MDL ends before the transfer does.
    MdlTooShort,
    /// There is nothing to make parts of.
    UnknownMemory,
    /// It begins before the device, as an offset that means something else does, or ends behind every device.
    NoOffset,
}

/// What is done with a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is short enough, or nothing is divided on this device.
    Fits,
    /// It is sent whole although it is too long.
    Whole(Whole),
    /// It is carried out by parts.
    Split(Split),
}

/// Decides about a transfer, on a device that takes no more than `transfer_max` at once.
#[must_use]
pub fn decide(transfer: &Transfer, transfer_max: Option<NonZeroU32>, window: u32) -> Decision {
    let Some(part_bytes) = transfer_max.filter(|most| transfer.length > most.get()) else {
        return Decision::Fits;
    };
    if transfer.offset < 0 || transfer.offset.checked_add(transfer.length.into()).is_none() {
        return Decision::Whole(Whole::NoOffset);
    }
    match transfer.memory {
        Memory::Mdl { bytes } if bytes < transfer.length => Decision::Whole(Whole::MdlTooShort),
        Memory::ChainedMdls => Decision::Whole(Whole::ChainedMdls),
        Memory::Unknown => Decision::Whole(Whole::UnknownMemory),
        Memory::Mdl { .. } | Memory::SystemBuffer => Decision::Split(Split::new(transfer.length, part_bytes, window)),
    }
}

/// A part of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place among the parts, from 0.
    pub number: u32,
    /// Where in the transfer it begins.
    pub offset: u32,
    /// How many bytes it is for, which is never 0.
    pub length: u32,
}

/// What is done about a part for which there was no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Others are in flight: when one of them has come back, there is memory for it.
    Wait,
    /// None is: the parts are sent one after the other by what takes no memory.
    GoSerial,
}

/// What a transfer ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status.
    pub status: i32,
    /// How many bytes were transferred, from the first one on.
    pub transferred: u32,
    /// Whether nothing was ever sent because the completion routine of the first part could not be registered.
    pub refused: bool,
    /// Whether the whole ended before a part that was never begun, since something stopped it (rule 4), and not where the device
    /// ended it.
    pub stopped: bool,
}

/// A transfer that is carried out by parts: how far it is.
///
/// # States
///
/// 1. *Beginning*: [`begin`](Self::begin) gives parts, as long as the window has room.
/// 2. *Draining*: it gives no more; there are parts in flight.
/// 3. *Over*: none is in flight, and [`outcome`](Self::outcome) says what the whole ended with.
///
/// # Invariants
///
/// 1. The parts below `begun` have been begun, each once, and no other has.
/// 2. `end` is of a part that is below `begun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    length: u32,
    part_bytes: NonZeroU32,
    window: u32,
    /// How many parts have been begun.
    begun: u32,
    in_flight: u32,
    /// The first part in byte order, of those that came back, that did not do all of its bytes.
    end: Option<End>,
    /// With what no more are begun, where it was not a part that came back.
    stopped: Option<i32>,
    /// Whether the first part was refused.
    refused: bool,
}

/// Where and how a transfer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    number: u32,
    status: i32,
    transferred: u32,
}

impl Split {
    fn new(length: u32, part_bytes: NonZeroU32, window: u32) -> Self {
        Self {
            length,
            part_bytes,
            window: window.clamp(1, WINDOW_MAX),
            begun: 0,
            in_flight: 0,
            end: None,
            stopped: None,
            refused: false,
        }
    }

    /// How many parts there are.
    #[must_use]
    pub const fn parts(&self) -> u32 {
        self.length.div_ceil(self.part_bytes.get())
    }

    /// Whether the parts are sent one after the other in any case.
    #[must_use]
    pub const fn is_serial(&self) -> bool {
        self.window == 1
    }

    /// Begins the next part, where one may be begun now.
    pub fn begin(&mut self) -> Option<Part> {
        let may = self.end.is_none() && self.stopped.is_none() && self.in_flight < self.window;
        if !may || self.begun >= self.parts() {
            return None;
        }
        let number = self.begun;
        let offset = self.offset(number);
        self.begun = number.saturating_add(1);
        self.in_flight = self.in_flight.saturating_add(1);
        Some(Part {
            number,
            offset,
            length: self.length.saturating_sub(offset).min(self.part_bytes.get()),
        })
    }

    /// A part has come back.
    pub fn done(&mut self, part: Part, status: i32, information: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let good = if status < 0 {
            0
        } else {
            u32::try_from(information).unwrap_or(u32::MAX).min(part.length)
        };
        if good == part.length || self.end.is_some_and(|end| end.number < part.number) {
            return;
        }
        self.end = Some(End {
            number: part.number,
            status: status.min(STATUS_SUCCESS),
            transferred: part.offset.saturating_add(good),
        });
    }

    /// There was no memory to send `part`, the last one that was begun. It is begun again later.
    pub fn no_memory(&mut self, part: Part) -> Shortage {
        self.put_back(part);
        self.window = self.window.min(self.in_flight).max(1);
        if self.in_flight == 0 {
            Shortage::GoSerial
        } else {
            Shortage::Wait
        }
    }

    /// The completion routine of `part`, the last one that was begun, could not be registered, so it was not sent.
    pub fn refused(&mut self, part: Part, status: i32) {
        self.put_back(part);
        self.refused = self.begun == 0 && self.stopped.is_none();
        self.stopped.get_or_insert(status);
    }

    /// The whole is cancelled.
    pub fn cancelled(&mut self) {
        self.stop(STATUS_CANCELLED);
    }

    /// No more parts are begun, and the whole ends with an error where any are left.
    pub fn stop(&mut self, status: i32) {
        self.stopped.get_or_insert(status);
    }

    /// `part`, the last one that was begun, was not sent after all.
    pub fn put_back(&mut self, part: Part) {
        if part.number.checked_add(1) == Some(self.begun) {
            self.begun = part.number;
            self.in_flight = self.in_flight.saturating_sub(1);
        }
    }

    /// What the whole ended with. It is over when none is in flight, and no part is to be begun.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let (status, transferred, stopped) = match (self.end, self.stopped) {
            (Some(end), _) => (end.status, end.transferred, false),
            (None, _) if self.begun >= self.parts() => (STATUS_SUCCESS, self.length, false),
            (None, stopped) => (stopped.unwrap_or(STATUS_CANCELLED), self.offset(self.begun), true),
        };
        Outcome {
            status,
            transferred,
            refused: self.refused,
            stopped,
        }
    }

    const fn offset(&self, number: u32) -> u32 {
        number.saturating_mul(self.part_bytes.get())
    }
}
