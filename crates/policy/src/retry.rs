//! Whether a request that the drivers below have failed is sent to them again, and when.
//!
//! Only failures that pass are worth it: the [table](TRANSIENT) has them, and the setting
//! [`RetryStatuses`](Setting::RetryStatuses) says which of them count. Everything else is what the request ends with.
//!
//! What it is not: the waiting. It reads no clock and knows no IRP.

use core::time::Duration;

use crate::configuration::{Configuration, Setting};

/// A failure that may be gone when the request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transient {
    /// The name of its NTSTATUS.
    pub name: &'static str,
    /// The NTSTATUS.
    pub status: i32,
    /// What it says, for the person who chooses.
    pub meaning: &'static str,
}

/// Makes the table, in which the place of a row is its bit.
macro_rules! transient {
    ($($name:ident = $status:literal, $meaning:literal;)*) => {
        /// All of them. The first has bit 0 of [`RetryStatuses`](Setting::RetryStatuses), the next bit 1, and so on: a row
        /// never moves, since registries have the bits.
        pub const TRANSIENT: &[Transient] = &[$(Transient {
            name: stringify!($name),
            status: ($status as u32).cast_signed(),
            meaning: $meaning,
        },)*];
    };
}

transient! {
    STATUS_IO_TIMEOUT = 0xC000_00B5, "The device did not answer in time.";
    STATUS_DEVICE_BUSY = 0x8000_0011, "It has too much to do.";
    STATUS_DEVICE_NOT_READY = 0xC000_00A3, "It is not ready yet, as after it was powered or reset.";
    STATUS_IO_DEVICE_ERROR = 0xC000_0185, "It failed the request and did not say why in words that Windows has.";
    STATUS_DEVICE_DATA_ERROR = 0xC000_009C, "The data on the medium is damaged; most often it stays so.";
    STATUS_CRC_ERROR = 0xC000_003F, "A checksum was wrong, on the medium or on the way.";
    STATUS_PARITY_ERROR = 0xC000_002B, "A parity was wrong on the way.";
    STATUS_ADAPTER_HARDWARE_ERROR = 0xC000_00C2, "The adapter failed.";
    STATUS_BUS_RESET = 0x8000_001D, "The bus was reset while the request was on it.";
    STATUS_DEVICE_PROTOCOL_ERROR = 0xC000_0186, "Device and driver did not understand each other.";
    STATUS_DEVICE_POWER_FAILURE = 0xC000_009E, "The device had no power.";
    STATUS_INSUFFICIENT_RESOURCES = 0xC000_009A, "A driver below had no memory.";
}

/// The bits that mean something.
pub const ALL_STATUSES: u32 = {
    assert!(TRANSIENT.len() <= 16, "a mask of more bits is no good to type");
    1_u32.wrapping_shl(TRANSIENT.len() as u32).wrapping_sub(1)
};
const _: () = assert!(
    Setting::RetryStatuses.definition().maximum == ALL_STATUSES,
    "the setting takes other bits than the table has"
);

/// What retrying a device's requests goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    statuses: u32,
    backoff_ms: u32,
    deadline_ms: u32,
}

/// How a request that was sent has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// What the drivers below completed it with.
    pub status: i32,
    /// Whether whoever sent it has cancelled it.
    pub cancelled: bool,
    /// How often it has been sent again already.
    pub resent: u32,
    /// How long ago it was sent for the first time.
    pub elapsed: Duration,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is completed with what the drivers below completed it with.
    Complete(Why),
    /// It is sent to them again when so much time has passed; at once where that is none.
    Again(Duration),
}

/// Why a request is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It ended as one that is never sent again does: well at the first sending, or with a failure that is not transient.
    Final,
    /// It succeeded because it was sent again.
    Recovered,
    /// Whoever sent it does not want it any more.
    Cancelled,
    /// It was sent as often as it may be.
    OutOfAttempts,
    /// Its next sending would begin after the deadline.
    OutOfTime,
}

impl Why {
    /// Whether retrying was of no use: the request still fails, and is not sent again.
    #[must_use]
    pub const fn is_exhausted(self) -> bool {
        matches!(self, Self::OutOfAttempts | Self::OutOfTime)
    }
}

impl Retry {
    /// As a device's configuration has it.
    #[must_use]
    pub const fn new(configuration: &Configuration) -> Self {
        Self {
            attempts: configuration.retry_attempts(),
            statuses: configuration.retry_statuses(),
            backoff_ms: configuration.retry_backoff_ms(),
            deadline_ms: configuration.retry_deadline_ms(),
        }
    }

    /// Whether anything is sent again at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.attempts != 0
    }

    /// What becomes of a request that has come back.
    #[must_use]
    pub fn next(&self, returned: &Returned) -> Next {
        let Returned {
            status,
            cancelled,
            resent,
            elapsed,
        } = *returned;
        Next::Complete(if status >= 0 {
            if resent == 0 { Why::Final } else { Why::Recovered }
        } else if !self.is_on() || !self.is_transient(status) {
            Why::Final
        } else if cancelled {
            Why::Cancelled
        } else if resent >= self.attempts {
            Why::OutOfAttempts
        } else {
            let after = self.backoff_after(resent);
            if self.is_in_time(elapsed.saturating_add(after)) {
                return Next::Again(after);
            }
            Why::OutOfTime
        })
    }

    /// Whether a sending may still begin so long after the first one. Asked once more when the time has come, which may be
    /// later than it was to be.
    #[must_use]
    pub fn is_in_time(&self, elapsed: Duration) -> bool {
        elapsed <= Duration::from_millis(self.deadline_ms.into())
    }

    /// Whether a failure with this status counts as one that passes.
    #[must_use]
    pub fn is_transient(&self, status: i32) -> bool {
        let mut bits = TRANSIENT.iter().zip(0..);
        bits.any(|(transient, bit)| transient.status == status && self.statuses & 1_u32.wrapping_shl(bit) != 0)
    }

    /// How long a request waits that has been sent again so often: twice as long each time.
    fn backoff_after(&self, resent: u32) -> Duration {
        let times = 1_u64.checked_shl(resent).unwrap_or(u64::MAX);
        Duration::from_millis(u64::from(self.backoff_ms).saturating_mul(times))
    }
}
