//! What the filter does with each device and each request.

use policy::{Operation, Statistics, configuration::Configuration};
use wdm::{AddDevice, Device, Driver, DriverEntry, Invariant, Irp, NtError, Outcome, Request, processor};

use crate::{
    bypass_io, configuration, events, fatal,
    following::{Following, Timing},
};

/// The filter: on every device that it is asked to join, where it follows each READ and WRITE that it can.
pub(crate) enum Filter {}

/// What the filter keeps for a device.
pub(crate) struct State {
    configuration: Configuration,
    /// Where there was no memory for it when the device was added, the filter is on the device all the same and lets
    /// every request pass, since a stack that lacks a filter it was set up with may be the one that Windows boots from;
    /// it counts nothing then, and says so by having no statistics.
    following: Following,
}

impl State {
    /// What the device goes by.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Counts with the statistics of the device, where it has any, in the shard of this processor.
    pub(crate) fn count(&self, count: impl FnOnce(Statistics<'_>, usize)) {
        if let Some(statistics) = self.following.statistics() {
            count(statistics, processor::current());
        }
    }
}

impl Driver for Filter {
    type State = State;
    type Parts = ();

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
        add.attach(State {
            configuration,
            following,
        })
    }

    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match request {
            Request::RemoveDevice(removal) => removal.call_detach_and_delete(),
            // After a surprise removal the device is neither detached nor deleted: IRP_MN_REMOVE_DEVICE is still to come.
            Request::SurpriseRemoval(irp)
            | Request::CancelRemoveDevice(irp)
            | Request::StopDevice(irp)
            | Request::CancelStopDevice(irp) => irp.succeed_and_call(),
            Request::QueryRemoveDevice(irp) | Request::QueryStopDevice(irp) => irp.skip_and_call(),
            Request::Read { irp, length } => follow(irp, Operation::Read, length)?,
            Request::Write { irp, length } => follow(irp, Operation::Write, length)?,
            Request::MustPass(irp) => irp.skip_and_call(),
            Request::Other(irp) => match bypass_io::veto(irp) {
                Ok(refused) => refused?,
                Err(irp) => irp.skip_and_call(),
            },
        })
    }

    fn held_dropped(device: &Device<Self>) {
        device.state().count(|statistics, shard| statistics.held_dropped(shard));
    }

    fn broken(invariant: Invariant) -> ! {
        fatal::broken(invariant)
    }
}

/// Follows a READ or WRITE to its end; lets it pass where there is no slot for it.
fn follow<'irp>(irp: Irp<'irp, Filter>, operation: Operation, length: u32) -> Outcome<'irp, Filter> {
    // Such a request must never fail because memory ran out: it is followed without an allocation, of ours or of the
    // kernel's, and from slots that no other request can use up.
    let paging = irp.is_paging_io();
    match irp.with_slot(|state| state.following.slab(paging)) {
        Ok(irp) => {
            irp.device().state().count(|statistics, shard| {
                statistics.sent(shard, operation, length.into());
            });
            let timing = Timing::new(operation);
            if paging {
                Ok(irp.observe_infallibly(timing))
            } else {
                irp.observe(timing).inspect_err(|rejected| {
                    rejected
                        .device()
                        .state()
                        .count(|statistics, shard| statistics.refused(shard));
                })
            }
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
