//! What following a device's requests takes: statistics, and slots for the contexts of those that are below us.
//!
//! All of it is allocated when the device is added. After that nothing is, however many requests come.

use core::num::NonZeroU32;

use policy::{DeviceStatistics, Operation, Shard, Statistics, clock::Clock, configuration::Configuration};
use wdm::{
    Device, NtError, Observe, Slab, View,
    pool::{Array, Tag},
    processor,
    time::{self, Ticks},
};

use crate::{filter::Filter, split};

const STATISTICS_TAG: Tag = Tag::new(*b"ISst");
const SLAB_TAG: Tag = Tag::new(*b"ISsl");
const RESERVE_TAG: Tag = Tag::new(*b"ISrs");

const SLOTS_PER_SHARD: NonZeroU32 = {
    #[expect(clippy::cast_possible_truncation, reason = "128")]
    const SLOTS: u32 = Slab::<Filter, Timing>::SLOTS_PER_SHARD as u32;
    match NonZeroU32::new(SLOTS) {
        Some(slots) => slots,
        None => NonZeroU32::MIN,
    }
};

/// The statistics of a device and the slots for its requests.
pub(crate) struct Following {
    /// Always there, so that what a debugger finds it by is there just where there is something to find.
    statistics: DeviceStatistics,
    memory: Option<Memory>,
}

/// What is allocated for a device.
struct Memory {
    /// One for each processor that the machine can have.
    shards: Array<Shard>,
    slab: Slab<Filter, Timing>,
    reserve: Slab<Filter, Timing>,
    /// Where requests are divided.
    split: Option<split::Reserve>,
}

impl Memory {
    /// Allocates all of it, or nothing.
    fn new(configuration: &Configuration) -> Result<Self, NtError> {
        let processors = processor::maximum();
        let slab = configuration.slab_shards(processors, SLOTS_PER_SHARD);
        let reserve = configuration.reserve_shards(processors, SLOTS_PER_SHARD);
        Ok(Self {
            shards: Array::zeroed(processors, STATISTICS_TAG)?,
            slab: Slab::new(slab, SLAB_TAG)?,
            reserve: Slab::new(reserve, RESERVE_TAG)?,
            split: match configuration.max_transfer_bytes() {
                Some(most) => Some(split::reserve(most.get())?),
                None => None,
            },
        })
    }
}

impl Following {
    /// Allocates what it takes; where there is no memory for it, nothing is followed.
    pub(crate) fn new(configuration: &Configuration) -> Self {
        let memory = Memory::new(configuration).ok();
        let shards: &[Shard] = memory.as_ref().map_or(&[], |memory| &memory.shards);
        let clock = Clock::new(time::frequency_hz());
        Self {
            statistics: DeviceStatistics::new(clock, Ticks::now().to_raw(), shards),
            memory,
        }
    }

    /// What the device is counted with, where there is memory for it.
    pub(crate) fn statistics(&self) -> Option<Statistics<'_>> {
        self.statistics.over(&self.memory.as_ref()?.shards)
    }

    /// What is in reserve for carrying out a request by parts.
    pub(crate) fn reserve(&self) -> Option<&split::Reserve> {
        self.memory.as_ref()?.split.as_ref()
    }

    /// The slots for requests that are paging I/O, or for those that are not.
    pub(crate) fn slab(&self, paging: bool) -> Option<&Slab<Filter, Timing>> {
        let memory = self.memory.as_ref()?;
        Some(if paging { &memory.reserve } else { &memory.slab })
    }
}

/// The context of a request that is followed.
pub(crate) struct Timing {
    operation: Operation,
    /// When the lower driver was called.
    started: Ticks,
}

impl Timing {
    /// For a request that has not been sent yet.
    pub(crate) fn new(operation: Operation) -> Self {
        let started = Ticks::default();
        Self { operation, started }
    }
}

impl Observe<Filter> for Timing {
    fn calling(&mut self, _device: &Device<Filter>) {
        // Not when the context was made: what the registration takes is not the device's.
        self.started = Ticks::now();
    }

    fn done(self, device: &Device<Filter>, view: View<'_>) {
        let latency = Ticks::now().since(self.started);
        device.state().count(|statistics, shard| {
            statistics.done(
                shard,
                self.operation,
                view.status().to_raw(),
                view.information(),
                latency,
            );
        });
    }
}
