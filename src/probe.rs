//! Probes: an idle device is sent a READ of the filter's own, to learn whether it still answers and how fast.
//!
//! When that is, and when a device hangs, is decided in `policy::probe`; here are the timer, the work item and the IRP. None of
//! it is on the way of other requests: whether there were any is read off the counters that they count with anyway.
//!
//! A probe never is a request among others: it is counted and timed apart, is not followed, and there is one at most.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use policy::{
    Harden,
    configuration::Configuration,
    probe::{Action, Event, Watch},
};
use wdm::{
    Device, DevicePower, Dispatch, Expire, MustPass, NotSent, NtError, NtStatus, Passive, Return, SpinLock, Wanted,
    Work,
    mdl::PoolBuffer,
    own_irp::{Built, OwnIrp, Returned, Transfer},
    pool::Tag,
    time::{InterruptTime, Ticks},
};

use crate::{
    events,
    filter::{Filter, State},
};

const TAG: Tag = Tag::new(*b"ISpb");

/// What a probe reads: a whole number of sectors on every disk there is, from the begin of the device.
const LENGTH: u32 = 4096;
const OFFSET: i64 = 0;

/// The watch over a device that is probed when it is idle.
pub(crate) struct Probing {
    watch: SpinLock<Watch>,
    /// Where the watch's clock starts.
    began: InterruptTime,
    /// An event was written that the device hangs: once for each device.
    logged: AtomicBool,
}

impl Probing {
    /// As the device is configured; `None` where it is not probed.
    pub(crate) fn new(configuration: &Configuration) -> Option<Self> {
        let period_ms = configuration.probe_period_ms()?;
        Some(Self {
            watch: SpinLock::new(Watch::new(period_ms, configuration.probe_hung_ms())),
            began: InterruptTime::now(),
            logged: AtomicBool::new(false),
        })
    }

    fn now_ms(&self) -> u64 {
        let passed = self.began.until(InterruptTime::now());
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }

    /// Wakes the watch at a time of its clock, or sooner where it is to wake sooner anyway.
    fn wake_at(&self, ms: u64, device: &Device<Filter>, irql: &mut Dispatch) {
        if let Some(timer) = device.parts().probe_timer.get() {
            timer.set_no_later(self.began.after(Duration::from_millis(ms)), irql);
        }
    }
}

/// Tells the watch what happens to the device: before a request that stops it is sent down, and after one that starts it is
/// back. A probe that is below is cancelled where it would be in the way.
pub(crate) fn happened(device: &Device<Filter>, event: Event, irql: &mut Dispatch) {
    let Some(probing) = device.state().probing() else {
        return;
    };
    let traffic = device.state().traffic();
    let effect = probing.watch.lock(irql).happened(event, probing.now_ms(), traffic);
    if effect.withdraw {
        device.parts().probe_flight.cancel(irql);
    }
    if let Some(wake_ms) = effect.wake_ms {
        probing.wake_at(wake_ms, device, irql);
    }
}

/// IRP_MN_SET_POWER of the device tells it too, on its way down. A device that wakes may not be powered yet when it is
/// probed next, which is a period later: the drivers below keep what comes until it is.
pub(crate) fn powered(irp: &mut MustPass<'_, Filter>) {
    let event = match irp.device_power() {
        Some(DevicePower::Working) => Event::PoweredUp,
        Some(DevicePower::Sleeping) => Event::PoweredDown,
        None => return,
    };
    let (device, irql) = irp.device_and_irql();
    happened(device, event, irql);
}

/// Which devices are probed.
pub(crate) enum Probed {}

impl Wanted<Filter> for Probed {
    fn is_wanted(state: &State) -> bool {
        state.probing().is_some()
    }
}

/// The timer's work: to wake the watch.
pub(crate) enum Wake {}

impl Expire<Filter> for Wake {
    fn expired(device: &Device<Filter>, irql: &mut Dispatch) {
        let state = device.state();
        let Some(probing) = state.probing() else {
            return;
        };
        let (now_ms, traffic) = (probing.now_ms(), state.traffic());
        let woken = probing.watch.lock(irql).wake(now_ms, traffic);
        if let Some(next_ms) = woken.next_ms {
            probing.wake_at(next_ms, device, irql);
        }
        match woken.action {
            Action::Nothing => {}
            Action::Send => match device.parts().probe_work.get() {
                Some(work) => {
                    // Refused where the device is going, and then nobody asks again.
                    let _ = work.queue(irql);
                }
                // There was no memory for it when the device was added.
                None => refused(device, probing, irql),
            },
            Action::Hung => {
                state.count(|statistics, shard| statistics.harden(shard, Harden::ProbeHung));
                if state.configuration().log_events() && !probing.logged.swap(true, Ordering::Relaxed) {
                    events::hung(device, state.configuration().probe_hung_ms(), irql);
                }
            }
        }
    }
}

/// A probe that is due cannot be sent. The next one is a period later.
fn refused(device: &Device<Filter>, probing: &Probing, irql: &mut Dispatch) {
    probing.watch.lock(irql).ended();
    device
        .state()
        .count(|statistics, shard| statistics.harden(shard, Harden::ProbeRefused));
}

/// The work item's work: to build a probe and to send it.
pub(crate) enum Send {}

impl Work<Filter> for Send {
    fn run(device: &Device<Filter>, irql: &mut Passive) {
        let Some(probing) = device.state().probing() else {
            return;
        };
        let now_ms = probing.now_ms();
        let begun = probing.watch.lock(irql.as_dispatch()).begin(now_ms);
        let Some(hung_ms) = begun else {
            return;
        };
        let Some(irp) = build(device, irql) else {
            refused(device, probing, irql.as_dispatch());
            return;
        };
        let irql = irql.as_dispatch();
        probing.wake_at(hung_ms, device, irql);
        let flight = &device.parts().probe_flight;
        let started = Ticks::now();
        match flight.send(irp, Probe { started }, irql) {
            Ok(()) => {
                device
                    .state()
                    .count(|statistics, shard| statistics.harden(shard, Harden::ProbeSent));
                // What has happened while it was sent may have looked for it before it was there.
                if !probing.watch.lock(irql).suspension().is_over() {
                    flight.cancel(irql);
                }
            }
            Err((NotSent::Refused(_), _)) => refused(device, probing, irql),
            // The device is going.
            Err((NotSent::NotFree | NotSent::Removing | NotSent::OtherDevice, _)) => {
                probing.watch.lock(irql).ended();
            }
        }
    }
}

fn build(device: &Device<Filter>, irql: &mut Passive) -> Option<OwnIrp<Built>> {
    let buffer = PoolBuffer::new(LENGTH, TAG).ok()?;
    OwnIrp::build(device, Transfer::Read, OFFSET, buffer, irql).ok()
}

/// A probe that is below.
pub(crate) struct Probe {
    /// When it was sent.
    started: Ticks,
}

impl Return<Filter> for Probe {
    type Kind = Built;

    fn returned(self, irp: Returned<Built>, device: &Device<Filter>, irql: &mut Dispatch) {
        let latency = Ticks::now().since(self.started);
        let status = irp.status();
        // Freed before anything else is done, as what was read is for nobody.
        drop(irp);
        let Some(probing) = device.state().probing() else {
            return;
        };
        let withdrawn = probing.watch.lock(irql).ended();
        // That the filter has cancelled it says nothing about the device.
        let status = if withdrawn && status == NtError::CANCELLED.into() {
            NtStatus::SUCCESS
        } else {
            status
        };
        device
            .state()
            .count(|statistics, shard| statistics.probe_done(shard, status.to_raw(), latency));
    }
}
