//! What following a device's requests takes: statistics, and slots for the contexts of those that are below us.
//!
//! All of it is allocated when the device is added. After that nothing is, however many requests come.

use core::{num::NonZeroU32, time::Duration};

use policy::{DeviceStatistics, Operation, Shard, Statistics, clock::Clock, configuration::Configuration};
use wdm::{
    Device, NtError, NtStatus, Observe, Slab, View,
    pool::{Array, Tag},
    processor,
    time::{self, InterruptTime, Ticks},
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

/// The context of a request that is followed: what it is, and how long it has taken.
pub(crate) struct Timing {
    pub(crate) operation: Operation,
    /// Whether it is paging I/O, for which nothing is allocated.
    pub(crate) paging: bool,
    /// How often it has been sent again: no more often than the setting allows, which is less than ten times.
    resent: u8,
    /// How many microseconds after `began` it is due, where it waits in a queue whose entries have no room for more.
    due_us: u32,
    /// When the lower driver was called first.
    started: Ticks,
    /// The same by the clock that timers go by, which stands still while the system sleeps. Only of one that is held.
    began: InterruptTime,
}

// A slot of the slab is then one cache line, and not two.
const _: () = assert!(size_of::<Timing>() <= 24);

impl Timing {
    /// For a request that has not been sent yet.
    pub(crate) fn new(operation: Operation, paging: bool) -> Self {
        Self {
            operation,
            paging,
            resent: 0,
            due_us: 0,
            started: Ticks::default(),
            began: InterruptTime::default(),
        }
    }

    /// The lower driver is called for the first time. Not when the context was made: what the registration takes is not the
    /// device's.
    fn start(&mut self) {
        self.started = Ticks::now();
    }

    /// The same, of a request that may be sent again.
    pub(crate) fn start_holding(&mut self) {
        self.began = InterruptTime::now();
        self.start();
    }

    /// How long ago a request that is held was sent first.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.until(InterruptTime::now())
    }

    /// How often it has been sent again.
    pub(crate) fn resent(&self) -> u32 {
        self.resent.into()
    }

    /// For the next sending.
    pub(crate) fn once_more(self) -> Self {
        let resent = self.resent.saturating_add(1);
        Self { resent, ..self }
    }

    /// It is due at this time, or up to a microsecond later.
    pub(crate) fn due_at(self, due: InterruptTime) -> Self {
        let microseconds = self.began.until(due).as_nanos().div_ceil(1_000);
        let due_us = u32::try_from(microseconds).unwrap_or(u32::MAX);
        Self { due_us, ..self }
    }

    /// When it is due.
    pub(crate) fn due(&self) -> InterruptTime {
        self.began.after(Duration::from_micros(self.due_us.into()))
    }

    /// Counts a request that is completed next.
    pub(crate) fn count_done(&self, device: &Device<Filter>, status: NtStatus, information: u64) {
        let latency = Ticks::now().since(self.started);
        device.state().count(|statistics, shard| {
            statistics.done(shard, self.operation, status.to_raw(), information, latency);
        });
    }
}

impl Observe<Filter> for Timing {
    fn calling(&mut self, _device: &Device<Filter>) {
        self.start();
    }

    fn done(self, device: &Device<Filter>, view: View<'_>) {
        self.count_done(device, view.status(), view.information());
    }
}
