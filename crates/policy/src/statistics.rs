//! A device's statistics in place: the head in its device extension, the shards in memory that the driver allocates.
//!
//! The head says where the shards are, so that a debugger that finds it finds all: see [`dump`](crate::dump). What is
//! counted when is said here, once, for all who count.

use crate::clock::Clock;
use crate::counters::{Harden, Operation, Shard};
use crate::dump::{SIGNATURE, VERSION};
use crate::errors::ErrorTable;
use crate::in_flight::InFlight;
use crate::snapshot::{Device, Snapshot};
use crate::sync::{AtomicU64, Ordering};

/// The head of a device's statistics.
///
/// It asks for no alignment above that of a word, since a device extension has none. What every request writes
/// ([`InFlight`]) is kept off the cache lines of what every request reads (the clock) by the error table before it, and
/// off whatever the driver puts after it by words that are never used.
///
/// # Invariants
///
/// 1. The first six words are what [`dump::read`](crate::dump::read) finds the rest by, and never change.
/// 2. All-zero memory is no head, and neither is what was made for no shards: they have no signature.
#[derive(Debug)]
#[repr(C)]
pub struct DeviceStatistics {
    signature: u64,
    version: u64,
    shard_count: u64,
    shard_stride_bytes: u64,
    shards_address: u64,
    started_at_ticks: u64,
    clock: Clock,
    errors: ErrorTable,
    in_flight: InFlight,
    _apart: [u64; 14],
}

impl DeviceStatistics {
    /// The head for `shards`, whose memory must stay where it is.
    ///
    /// For none, which is where there was no memory for them, it is no head: a reader finds nothing, and nothing counts.
    #[must_use]
    pub fn new(clock: Clock, started_at_ticks: u64, shards: &[Shard]) -> Self {
        Self {
            signature: if shards.is_empty() { 0 } else { SIGNATURE },
            version: VERSION,
            shard_count: shards.len() as u64,
            shard_stride_bytes: size_of::<Shard>() as u64,
            shards_address: address_of(shards),
            started_at_ticks,
            clock,
            errors: ErrorTable::new(),
            in_flight: InFlight::new(),
            _apart: [0; 14],
        }
    }

    /// Head and shards together, or none where these are not the shards that the head was made for, or are none.
    #[must_use]
    pub fn over<'s>(&'s self, shards: &'s [Shard]) -> Option<Statistics<'s>> {
        let mine = self.shards_address == address_of(shards) && self.shard_count == shards.len() as u64;
        let first = shards.first().filter(|_| mine)?;
        Some(Statistics {
            head: self,
            first,
            shards,
        })
    }
}

fn address_of(shards: &[Shard]) -> u64 {
    shards.as_ptr().addr() as u64
}

/// What a device is counted with, by all processors at once.
///
/// `shard` is the number of the caller's processor. It only spares cache traffic: any number counts right, and one
/// that no shard has (a processor added since) counts in the first.
///
/// Once all is quiet, the requests sent are those that completed and those that were refused.
#[derive(Debug, Clone, Copy)]
pub struct Statistics<'s> {
    head: &'s DeviceStatistics,
    first: &'s Shard,
    shards: &'s [Shard],
}

impl Statistics<'_> {
    /// A request is about to be followed. Called before it is registered and sent, since it may complete at once.
    pub fn sent(&self, shard: usize, operation: Operation, bytes_requested: u64) {
        let counters = self.shard(shard).counters.operation(operation);
        add(&counters.sent, 1);
        if operation.transfers() {
            add(&counters.bytes_requested, bytes_requested);
        }
        self.head.in_flight.enter();
    }

    /// A request came back. Called on any processor, as its completion routine is.
    ///
    /// `bytes_transferred` is what IoStatus says of it, and counts only with a success status: with an error it means
    /// nothing. Of an operation that [moves no data](Operation::transfers) neither these bytes count nor those requested.
    pub fn done(&self, shard: usize, operation: Operation, status: i32, bytes_transferred: u64, latency_ticks: u64) {
        let counters = self.shard(shard).counters.operation(operation);
        if status >= 0 {
            add(&counters.completed_success, 1);
            if operation.transfers() {
                add(&counters.bytes_transferred, bytes_transferred);
            }
        } else {
            add(&counters.completed_error, 1);
            self.head.errors.record(status);
        }
        counters.latency_ns.record(self.head.clock.nanoseconds(latency_ticks));
        self.head.in_flight.leave();
    }

    /// A request that [`sent`](Self::sent) has counted could not be registered and never left.
    pub fn refused(&self, shard: usize) {
        add(&self.shard(shard).counters.refused, 1);
        self.head.in_flight.leave();
    }

    /// A request was passed on without being followed, since no slot was free.
    pub fn untracked(&self, shard: usize) {
        add(&self.shard(shard).counters.untracked, 1);
    }

    /// A paging request was passed on without being followed, since the reserve was empty.
    pub fn reserve_empty(&self, shard: usize) {
        add(&self.shard(shard).counters.reserve_empty, 1);
    }

    /// An internal device control request was passed on.
    pub fn internal_device_control(&self, shard: usize) {
        add(&self.shard(shard).counters.internal_device_control, 1);
    }

    /// A held request was dropped. That it is completed by it is counted with [`done`](Self::done), as always.
    pub fn held_dropped(&self, shard: usize) {
        add(&self.shard(shard).counters.held_dropped, 1);
    }

    /// Something was done to harden the device.
    pub fn harden(&self, shard: usize, what: Harden) {
        add(self.shard(shard).counters.harden(what), 1);
    }

    /// A probe came back. That it was sent is counted with [`harden`](Self::harden) before.
    pub fn probe_done(&self, shard: usize, status: i32, latency_ticks: u64) {
        if status < 0 {
            self.harden(shard, Harden::ProbeFailed);
        }
        let latency_ns = self.head.clock.nanoseconds(latency_ticks);
        self.shard(shard).counters.probe_latency_ns.record(latency_ns);
    }

    /// How many requests of others the device has been sent so far, followed or not. It tells whether there were any between
    /// two calls, and costs those who count nothing.
    #[must_use]
    pub fn traffic(&self) -> u64 {
        let shards = self.shards.iter().map(|shard| &shard.counters);
        let counts = shards.map(|counters| {
            let sent = Operation::ALL
                .iter()
                .map(|operation| load(&counters.operation(*operation).sent));
            let passed = [
                &counters.untracked,
                &counters.reserve_empty,
                &counters.internal_device_control,
            ];
            let passed = passed.into_iter().map(load);
            sent.chain(passed).fold(0, u64::wrapping_add)
        });
        counts.fold(0, u64::wrapping_add)
    }

    /// Adds all that this device has counted so far to `snapshot`.
    ///
    /// Counting goes on meanwhile: each number is exact, but they need not be of one moment.
    pub fn add_to(&self, snapshot: &mut Snapshot) {
        let DeviceStatistics { clock, in_flight, .. } = self.head;
        snapshot.add_device(&Device::one(
            self.head.started_at_ticks,
            clock.frequency_hz(),
            in_flight.now(),
            in_flight.peak(),
        ));
        self.head.errors.add_to(&mut snapshot.errors);
        for shard in self.shards {
            shard.add_to(&mut snapshot.counters);
        }
    }

    /// All that this device has counted so far, in 5 KB of the caller's stack. A driver has pool for it, and uses
    /// [`add_to`](Self::add_to).
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::EMPTY;
        self.add_to(&mut snapshot);
        snapshot
    }

    fn shard(&self, number: usize) -> &Shard {
        self.shards.get(number).unwrap_or(self.first)
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// What a reader of raw memory relies on. A change here needs a new [`VERSION`].
#[cfg(not(loom))]
const _: () = {
    use core::mem::offset_of;

    type Head = DeviceStatistics;
    assert!(offset_of!(Head, signature) == 0);
    assert!(offset_of!(Head, version) == 8);
    assert!(offset_of!(Head, shard_count) == 16);
    assert!(offset_of!(Head, shard_stride_bytes) == 24);
    assert!(offset_of!(Head, shards_address) == 32);
    assert!(offset_of!(Head, started_at_ticks) == 40);
    assert!(offset_of!(Head, clock) == 48);
    assert!(offset_of!(Head, errors) == 72);
    assert!(offset_of!(Head, in_flight) == 336);
    assert!(size_of::<Head>() == 464 && align_of::<Head>() == 8);
};
