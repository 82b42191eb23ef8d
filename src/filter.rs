//! What the filter does with each device and each request.
//!
//! Two rules meet here: a completion routine that could not be registered means that the request is completed with that
//! failure, and some requests may not fail. So what may not fail is never registered with a call that can: paging I/O takes
//! the plain IoSetCompletionRoutine, and the PnP and power requests that tell what is so are only passed on.

use policy::{Harden, Operation, Statistics, configuration::Configuration, probe::Event, retry::Retry};
use wdm::{AddDevice, Device, Driver, DriverEntry, Invariant, Irp, NtError, Outcome, Request, processor};

use crate::{
    bypass_io, configuration, events, fatal,
    following::{Following, Timing},
    lifecycle::{self, Lifecycle},
    parts::Parts,
    probe::{self, Probing},
    split::{self, Reserve},
};

/// The filter: on every device that it is asked to join, where it follows each READ, WRITE,
/// FLUSH_BUFFERS and DEVICE_CONTROL that it can.
pub(crate) enum Filter {}

/// What the filter keeps for a device.
pub(crate) struct State {
    configuration: Configuration,
    retry: Retry,
    /// Where there was no memory for it when the device was added, the filter is on the device all the same and lets
    /// every request pass, since a stack that lacks a filter it was set up with may be the one that Windows boots from;
    /// it counts nothing then, and says so by having no statistics.
    following: Following,
    pub(crate) lifecycle: Lifecycle,
    /// Where the device is probed when it is idle.
    probing: Option<Probing>,
}

impl State {
    /// What the device goes by.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// When the device's requests are sent again.
    pub(crate) fn retry(&self) -> &Retry {
        &self.retry
    }

    /// The watch over the device, where it is probed when it is idle.
    pub(crate) fn probing(&self) -> Option<&Probing> {
        self.probing.as_ref()
    }

    /// How many requests the device has been sent; nothing that changes where it has no statistics.
    pub(crate) fn traffic(&self) -> u64 {
        self.following.statistics().map_or(0, |statistics| statistics.traffic())
    }

    /// Counts with the statistics of the device, where it has any, in the shard of this processor.
    pub(crate) fn count(&self, count: impl FnOnce(Statistics<'_>, usize)) {
        if let Some(statistics) = self.following.statistics() {
            count(statistics, processor::current());
        }
    }

    /// Counts what was done to harden the device.
    pub(crate) fn harden(&self, what: Harden) {
        self.count(|statistics, shard| statistics.harden(shard, what));
    }

    /// What the device has in reserve to carry out a request by parts: nothing, where no request is divided.
    pub(crate) fn reserve(&self) -> Option<&Reserve> {
        self.following.reserve()
    }
}

impl Driver for Filter {
    type State = State;
    type Parts = Parts;

    fn initialise(mut entry: DriverEntry<'_>) -> Result<(), NtError> {
        configuration::initialise(&mut entry);
        Ok(())
    }

    fn add_device(mut add: AddDevice<'_, Self>) -> Result<(), NtError> {
        let configuration = configuration::of_device(&mut add);
        if !configuration.attach() {
            return Ok(());
        }
        let following = Following::new(&configuration);
        if following.statistics().is_none() && configuration.log_events() {
            events::not_followed(&mut add);
        }
        // Without statistics nobody would hear of a probe, nor know that the device is idle.
        let probing = following.statistics().and_then(|_| Probing::new(&configuration));
        let state = State {
            retry: Retry::new(&configuration),
            configuration,
            following,
            lifecycle: Lifecycle::default(),
            probing,
        };
        match add.attach(state) {
            // The stack is as high as one can be: it works without this filter, and would not with it.
            Err(NtError::INVALID_DEVICE_STATE) => Ok(()),
            attached => attached,
        }
    }

    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match request {
            Request::RemoveDevice(removal) => lifecycle::remove(removal),
            Request::SurpriseRemoval(irp) => lifecycle::stop(irp, Event::Removed),
            Request::StopDevice(irp) => lifecycle::stop(irp, Event::Stopped),
            Request::CancelRemoveDevice(irp) => lifecycle::resume(irp, Event::RemovalCancelled),
            Request::CancelStopDevice(irp) => lifecycle::resume(irp, Event::StopCancelled),
            Request::QueryRemoveDevice(irp) => lifecycle::query(irp, Event::RemovalAsked)?,
            Request::QueryStopDevice(irp) => lifecycle::query(irp, Event::StopAsked)?,
            Request::StartDevice(irp) => lifecycle::start(irp),
            Request::DeviceUsageNotification(irp) => lifecycle::usage_notification(irp)?,
            Request::QueryPnpDeviceState(irp) => lifecycle::query_state(irp),
            Request::PnpQuestion(irp) => irp.skip_and_call(),
            Request::Read { irp, length } => follow_transfer(irp, Operation::Read, length)?,
            Request::Write { irp, length } => follow_transfer(irp, Operation::Write, length)?,
            Request::FlushBuffers(irp) if !irp.device().state().configuration.follow_flush() => irp.skip_and_call(),
            Request::FlushBuffers(irp) => follow(irp, Operation::FlushBuffers, 0, Urgency::MayFail)?,
            Request::DeviceControl { irp, .. } => match bypass_io::veto(irp) {
                Ok(refused) => refused?,
                Err(irp) if !irp.device().state().configuration.follow_device_control() => irp.skip_and_call(),
                Err(irp) => follow(irp, Operation::DeviceControl, 0, Urgency::MayFail)?,
            },
            // Not followed: a refused registration would have to be told in the request's own structure, and nothing is
            // gained that the requests above do not tell.
            Request::InternalDeviceControl(irp) => {
                irp.device()
                    .state()
                    .count(|statistics, shard| statistics.internal_device_control(shard));
                irp.skip_and_call()
            }
            Request::MustPass(mut irp) => {
                probe::powered(&mut irp);
                irp.skip_and_call()
            }
            Request::Other(irp) => irp.skip_and_call(),
        })
    }

    fn held_dropped(device: &Device<Self>) {
        device.state().count(|statistics, shard| statistics.held_dropped(shard));
    }

    fn broken(invariant: Invariant) -> ! {
        fatal::broken(invariant)
    }
}

/// Whether a request may fail because memory ran out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Urgency {
    MayFail,
    /// The memory manager waits for it to have a page: it is followed without an allocation, of ours or of the kernel's,
    /// and from slots that no other request can use up.
    MustNotFail,
}

/// Follows a READ or WRITE, by parts where it is longer than the device takes. Only of these the IRP's flags say whether they are
/// paging I/O.
fn follow_transfer<'irp>(irp: Irp<'irp, Filter>, operation: Operation, length: u32) -> Outcome<'irp, Filter> {
    let irp = match split::take(irp, operation, length) {
        Ok(dispatched) => return Ok(dispatched),
        Err(irp) => irp,
    };
    let urgency = if irp.is_paging_io() {
        Urgency::MustNotFail
    } else {
        Urgency::MayFail
    };
    follow(irp, operation, length, urgency)
}

/// Follows a request to its end; lets it pass where there is no slot for it. One that may be sent again is held.
fn follow<'irp>(irp: Irp<'irp, Filter>, operation: Operation, bytes: u32, urgency: Urgency) -> Outcome<'irp, Filter> {
    let paging = urgency == Urgency::MustNotFail;
    match irp.with_slot(|state| state.following.slab(paging)) {
        Ok(irp) => {
            irp.device().state().count(|statistics, shard| {
                statistics.sent(shard, operation, bytes.into());
            });
            let timing = Timing::new(operation, paging);
            let retried = operation != Operation::DeviceControl && irp.device().state().retry.is_on();
            let sent = match (retried, paging) {
                (false, false) => irp.observe(timing),
                (false, true) => Ok(irp.observe_infallibly(timing)),
                (true, false) => irp.hold(timing),
                (true, true) => Ok(irp.hold_infallibly(timing)),
            };
            sent.inspect_err(|rejected| {
                rejected
                    .device()
                    .state()
                    .count(|statistics, shard| statistics.refused(shard));
            })
        }
        Err(irp) => {
            irp.device().state().count(|statistics, shard| {
                if paging {
                    statistics.reserve_empty(shard);
                } else {
                    statistics.untracked(shard);
                }
            });
            Ok(irp.skip_and_call())
        }
    }
}
