//! What one processor counts for a device: requests, bytes and latencies by operation, and what was not followed.
//!
//! Each processor has a [`Shard`] of its own, so that counting moves no cache line between processors; a reader sums
//! them. A word that is read is exact; words are read one after the other, so two of them may differ by what was
//! counted in between. Rates and ratios are the reader's business.

#[cfg(not(loom))]
use zerocopy::FromZeros;

use crate::histogram::Histogram;
use crate::sync::{AtomicU64, Ordering};

/// The operations that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// IRP_MJ_READ.
    Read,
    /// IRP_MJ_WRITE.
    Write,
    /// IRP_MJ_FLUSH_BUFFERS.
    FlushBuffers,
    /// IRP_MJ_DEVICE_CONTROL.
    DeviceControl,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::FlushBuffers, Self::DeviceControl];

    /// Whether it moves the device's data, so that bytes are counted: what IoStatus says of the others counts something
    /// else, or nothing.
    #[must_use]
    pub const fn transfers(self) -> bool {
        match self {
            Self::Read | Self::Write => true,
            Self::FlushBuffers | Self::DeviceControl => false,
        }
    }
}

/// What is counted for one operation: of [`AtomicU64`] in a shard, of `u64` in a snapshot.
///
/// Once all is quiet, `completed_success + completed_error` is the count of `latency_ns`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(loom), derive(FromZeros))]
#[repr(C)]
pub struct OperationCounters<W> {
    /// Requests that were followed, counted before the lower driver could complete them.
    pub sent: W,
    /// Bytes that those requests asked for.
    pub bytes_requested: W,
    /// Requests that came back with a success or informational status.
    pub completed_success: W,
    /// Requests that came back with a warning or error status.
    pub completed_error: W,
    /// Bytes that the successful ones transferred.
    pub bytes_transferred: W,
    /// How long all completed ones took, in nanoseconds.
    pub latency_ns: Histogram<W>,
}

/// What hardening a device comes to, each counted apart.
///
/// None of it is in the figures of an operation: a request counts once there, whatever it takes to carry it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Harden {
    /// A request that had failed was sent again.
    Resent,
    /// A request that had been sent again succeeded.
    Recovered,
    /// A request failed for good with a status for which it would be sent again: its attempts were used up, or its time.
    Exhausted,
    /// The completion routine of a request that was to be sent again could not be registered.
    ResendRefused,
    /// A request was carried out by parts of the driver's own.
    SplitParallel,
    /// A request was carried out one part after the other, by itself.
    SplitSerial,
    /// A part of a request was sent.
    PartSent,
    /// A request had to wait until the device's reserve was free.
    WaitedForReserve,
    /// A request that is too long for the device was sent whole, since it cannot be divided.
    SentWhole,
    /// A probe was sent.
    ProbeSent,
    /// A probe failed.
    ProbeFailed,
    /// A probe had no answer within its time.
    ProbeHung,
    /// A probe was due, and could not be built or registered.
    ProbeRefused,
}

impl Harden {
    /// All of it, in the order in which it lies in memory.
    pub const ALL: [Self; 13] = [
        Self::Resent,
        Self::Recovered,
        Self::Exhausted,
        Self::ResendRefused,
        Self::SplitParallel,
        Self::SplitSerial,
        Self::PartSent,
        Self::WaitedForReserve,
        Self::SentWhole,
        Self::ProbeSent,
        Self::ProbeFailed,
        Self::ProbeHung,
        Self::ProbeRefused,
    ];

    /// What it is called where figures are read by programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resent => "resent",
            Self::Recovered => "recovered",
            Self::Exhausted => "exhausted",
            Self::ResendRefused => "resend_refused",
            Self::SplitParallel => "split_parallel",
            Self::SplitSerial => "split_serial",
            Self::PartSent => "parts_sent",
            Self::WaitedForReserve => "waited_for_reserve",
            Self::SentWhole => "sent_whole",
            Self::ProbeSent => "probes_sent",
            Self::ProbeFailed => "probes_failed",
            Self::ProbeHung => "probes_hung",
            Self::ProbeRefused => "probes_refused",
        }
    }
}

/// What is counted for a device: of [`AtomicU64`] in a shard, of `u64` in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(loom), derive(FromZeros))]
#[repr(C)]
pub struct Counters<W> {
    /// Reads.
    pub read: OperationCounters<W>,
    /// Writes.
    pub write: OperationCounters<W>,
    /// Flushes, which have no bytes.
    pub flush_buffers: OperationCounters<W>,
    /// Device control requests, whose bytes are not counted: they are the request's and not the medium's.
    pub device_control: OperationCounters<W>,
    /// Requests that passed without being followed, since no slot was free.
    pub untracked: W,
    /// Requests whose completion routine could not be registered, and which were completed with that failure.
    pub refused: W,
    /// Paging requests that passed without being followed, since the reserve was empty.
    pub reserve_empty: W,
    /// Held requests that were dropped, and so completed with an error, instead of being disposed of.
    pub held_dropped: W,
    /// Internal device control requests, which drivers send each other, and which pass without being followed.
    pub internal_device_control: W,
    /// What hardening came to, in the order of [`Harden::ALL`].
    pub(crate) harden: [W; Harden::ALL.len()],
    /// How long the probes took that came back, in nanoseconds.
    pub probe_latency_ns: Histogram<W>,
    /// Room in which nothing is counted: a shard has no padding, so that a reader of memory knows every word of it.
    pub(crate) unused: [W; 5],
}

impl<W> Counters<W> {
    /// What is counted for `operation`.
    #[must_use]
    pub const fn operation(&self, operation: Operation) -> &OperationCounters<W> {
        match operation {
            Operation::Read => &self.read,
            Operation::Write => &self.write,
            Operation::FlushBuffers => &self.flush_buffers,
            Operation::DeviceControl => &self.device_control,
        }
    }

    /// How often `what` happened.
    #[must_use]
    pub fn harden(&self, what: Harden) -> &W {
        let [first, ..] = &self.harden;
        // There is a word for each, so this always finds one.
        self.harden.get(what as usize).unwrap_or(first)
    }

    /// Every word, in the order in which they lie in memory.
    pub(crate) fn words(&self) -> impl Iterator<Item = &W> {
        let rest = [
            &self.untracked,
            &self.refused,
            &self.reserve_empty,
            &self.held_dropped,
            &self.internal_device_control,
        ];
        let operations = self.read.words().chain(self.write.words());
        let operations = operations.chain(self.flush_buffers.words());
        let operations = operations.chain(self.device_control.words());
        let harden = self.harden.iter().chain(&self.probe_latency_ns.buckets);
        operations.chain(rest).chain(harden).chain(&self.unused)
    }

    /// Every word, in the order in which they lie in memory.
    pub(crate) fn words_mut(&mut self) -> impl Iterator<Item = &mut W> {
        let rest = [
            &mut self.untracked,
            &mut self.refused,
            &mut self.reserve_empty,
            &mut self.held_dropped,
            &mut self.internal_device_control,
        ];
        let operations = self.read.words_mut().chain(self.write.words_mut());
        let operations = operations.chain(self.flush_buffers.words_mut());
        let operations = operations.chain(self.device_control.words_mut());
        let harden = self.harden.iter_mut().chain(&mut self.probe_latency_ns.buckets);
        operations.chain(rest).chain(harden).chain(&mut self.unused)
    }
}

impl<W> OperationCounters<W> {
    fn words(&self) -> impl Iterator<Item = &W> {
        let scalars = [
            &self.sent,
            &self.bytes_requested,
            &self.completed_success,
            &self.completed_error,
            &self.bytes_transferred,
        ];
        scalars.into_iter().chain(&self.latency_ns.buckets)
    }

    fn words_mut(&mut self) -> impl Iterator<Item = &mut W> {
        let scalars = [
            &mut self.sent,
            &mut self.bytes_requested,
            &mut self.completed_success,
            &mut self.completed_error,
            &mut self.bytes_transferred,
        ];
        scalars.into_iter().chain(&mut self.latency_ns.buckets)
    }
}

impl OperationCounters<u64> {
    /// The counters of nothing.
    pub const EMPTY: Self = Self {
        sent: 0,
        bytes_requested: 0,
        completed_success: 0,
        completed_error: 0,
        bytes_transferred: 0,
        latency_ns: Histogram::EMPTY,
    };
}

impl Counters<u64> {
    /// The counters of nothing.
    pub const EMPTY: Self = Self {
        read: OperationCounters::EMPTY,
        write: OperationCounters::EMPTY,
        flush_buffers: OperationCounters::EMPTY,
        device_control: OperationCounters::EMPTY,
        untracked: 0,
        refused: 0,
        reserve_empty: 0,
        held_dropped: 0,
        internal_device_control: 0,
        harden: [0; Harden::ALL.len()],
        probe_latency_ns: Histogram::EMPTY,
        unused: [0; 5],
    };

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.add_words(other.words().copied());
    }

    /// Adds words that come in memory order.
    pub(crate) fn add_words(&mut self, words: impl Iterator<Item = u64>) {
        for (to, from) in self.words_mut().zip(words) {
            *to = to.saturating_add(from);
        }
    }
}

/// What one processor counts, on cache lines that it shares with no other.
///
/// It takes two lines for each, since processors fetch them in pairs. A shard is larger than a page, so pool memory
/// for shards is page-aligned by the kernel's rule for large allocations, and with it the shards.
///
/// # Invariants
///
/// All-zero memory is a shard in which nothing has been counted.
#[derive(Debug)]
#[cfg_attr(not(loom), derive(FromZeros))]
#[repr(C, align(128))]
pub struct Shard {
    pub(crate) counters: Counters<AtomicU64>,
}

impl Shard {
    /// A shard in which nothing has been counted, by way of the stack. Zeroed memory is the same, and is what a driver
    /// takes: a frame of 12 KB needs the stack probe, which a kernel image should not.
    #[must_use]
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        let operation = || OperationCounters {
            sent: zero(),
            bytes_requested: zero(),
            completed_success: zero(),
            completed_error: zero(),
            bytes_transferred: zero(),
            latency_ns: Histogram::new(),
        };
        Self {
            counters: Counters {
                read: operation(),
                write: operation(),
                flush_buffers: operation(),
                device_control: operation(),
                untracked: zero(),
                refused: zero(),
                reserve_empty: zero(),
                held_dropped: zero(),
                internal_device_control: zero(),
                harden: core::array::from_fn(|_| zero()),
                probe_latency_ns: Histogram::new(),
                unused: core::array::from_fn(|_| zero()),
            },
        }
    }

    /// Adds what has been counted so far to `counters`.
    pub fn add_to(&self, counters: &mut Counters<u64>) {
        counters.add_words(self.counters.words().map(|word| word.load(Ordering::Relaxed)));
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::new()
    }
}

/// What a reader of raw memory relies on: `words` is memory order, and nothing else is in a shard. A change here
/// needs a new [`VERSION`](crate::dump::VERSION).
#[cfg(not(loom))]
const _: () = {
    use crate::histogram::BUCKETS;
    use core::mem::offset_of;

    type One = OperationCounters<AtomicU64>;
    assert!(offset_of!(One, sent) == 0);
    assert!(offset_of!(One, bytes_requested) == 8);
    assert!(offset_of!(One, completed_success) == 16);
    assert!(offset_of!(One, completed_error) == 24);
    assert!(offset_of!(One, bytes_transferred) == 32);
    assert!(offset_of!(One, latency_ns) == 40);
    assert!(BUCKETS == 305 && size_of::<One>() == 2480);

    type All = Counters<AtomicU64>;
    assert!(offset_of!(All, read) == 0);
    assert!(offset_of!(All, write) == 2480);
    assert!(offset_of!(All, flush_buffers) == 4960);
    assert!(offset_of!(All, device_control) == 7440);
    assert!(offset_of!(All, untracked) == 9920);
    assert!(offset_of!(All, refused) == 9928);
    assert!(offset_of!(All, reserve_empty) == 9936);
    assert!(offset_of!(All, held_dropped) == 9944);
    assert!(offset_of!(All, internal_device_control) == 9952);
    assert!(offset_of!(All, harden) == 9960);
    assert!(offset_of!(All, probe_latency_ns) == 10064);
    assert!(offset_of!(All, unused) == 12504);

    assert!(offset_of!(Shard, counters) == 0);
    // More than a page, which `Shard` promises; a multiple of its alignment, so nothing is added.
    assert!(size_of::<Shard>() == 12544 && size_of::<All>() == 12544);
};
