//! What the driver does with each device and each request.

use core::time::Duration;

use wdm::{
    AddDevice, Device, Dispatch, Driver, Event, Held, Hold, Irp, Next, Notification, NtError, NtStatus, Outcome,
    Passive, Queue, Queued, Request, Slab, Slot, SpinLock, Work, WorkItem,
    mdl::PartialMdl,
    own_irp::{Allocated, Returned},
    pool::Tag,
};

use crate::{memory, own};

/// How often a request that is paging I/O is sent again that the lower driver is too busy for.
pub(crate) const RESENDS_MAX: u32 = 8;

/// How long the work item waits at the gate.
const WAIT_MAX: Duration = Duration::from_millis(1);

/// How much of a request's memory is looked at.
const LOOKED_AT_MAX: u32 = 4096;

/// IRP_MJ_SHUTDOWN.
const SHUTDOWN: u8 = 0x10;

const DEVICE_BUSY: NtStatus = NtStatus::from_raw(0x8000_0011_u32.cast_signed());

const TAG: Tag = Tag::new(*b"Wrkr");

pub(crate) enum Worker {}

/// What the driver keeps for a device.
pub(crate) struct State {
    slab: Slab<Worker, Busy>,
    partial: SpinLock<PartialMdl>,
    /// The driver's own IRP that has written and is to read.
    pub(crate) written: SpinLock<Option<Returned<Allocated>>>,
}

wdm::parts! {
    /// What a device has of parts.
    pub(crate) struct Parts for Worker {
        queue: Queue<Worker, Waiting>,
        item: WorkItem<Worker, SendAll>,
        gate: Event<Notification>,
        own_flight: own::OwnFlight,
        read_again: own::ReadAgain,
    }
}

impl Driver for Worker {
    type State = State;
    type Parts = Parts;

    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError> {
        memory::own_is_described_as_it_is(TAG)?;
        let slab = Slab::new(1, TAG)?;
        let partial = SpinLock::new(PartialMdl::new(LOOKED_AT_MAX)?);
        let written = SpinLock::new(None);
        add.attach(State { slab, partial, written })
    }

    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match request {
            Request::RemoveDevice(removal) => removal.call_detach_and_delete(),
            Request::SurpriseRemoval(irp)
            | Request::CancelRemoveDevice(irp)
            | Request::StopDevice(irp)
            | Request::CancelStopDevice(irp) => irp.succeed_and_call(),
            Request::QueryRemoveDevice(irp) | Request::QueryStopDevice(irp) => irp.skip_and_call(),
            Request::MustPass(irp) => irp.skip_and_call(),
            Request::Read { irp, .. } | Request::Write { irp, .. } if irp.is_paging_io() => hold(irp),
            Request::Read { irp, .. } | Request::Write { irp, .. } => hand_over(irp)?,
            Request::FlushBuffers(mut irp) => {
                let (device, irql) = irp.device_and_irql();
                device.parts().gate.set(irql);
                irp.skip_and_call()
            }
            Request::DeviceControl { mut irp, .. } => {
                let (device, irql) = irp.device_and_irql();
                device.parts().gate.clear(irql);
                irp.skip_and_call()
            }
            Request::StartDevice(irp) => irp.skip_and_call(),
            Request::DeviceUsageNotification(irp) => irp.skip_and_call(),
            Request::QueryPnpDeviceState(irp) => irp.skip_and_call(),
            Request::PnpQuestion(irp) => irp.skip_and_call(),
            Request::InternalDeviceControl(irp) => irp.skip_and_call(),
            Request::Other(mut irp) => {
                if irp.major_function() == SHUTDOWN {
                    let (device, irql) = irp.device_and_irql();
                    own::write(device, irql);
                }
                irp.skip_and_call()
            }
        })
    }
}

/// Lets a request wait for the work item.
fn hand_over<'irp>(irp: Irp<'irp, Worker>) -> Outcome<'irp, Worker> {
    let device = match irp.keep_device() {
        Ok(device) => device,
        Err(error) => return Err(irp.reject(error)),
    };
    let (dispatched, irp, mut irql) = irp.park();
    match device.parts().queue.insert(irp, Waiting, &mut irql) {
        // Where it is refused, the device is going, and what waits is let go by the draining.
        Ok(()) => _ = device.parts().item.queue(&mut irql),
        Err((irp, Waiting)) => irp.call(&mut irql),
    }
    Ok(dispatched)
}

/// What is kept with a request that waits.
pub(crate) struct Waiting;

impl Queued<Worker> for Waiting {
    type Slot = ();

    fn released(self, irp: Held<Worker>, irql: &mut Dispatch) {
        irp.call(irql);
    }
}

/// What the work item does.
pub(crate) enum SendAll {}

impl Work<Worker> for SendAll {
    fn run(device: &Device<Worker>, irql: &mut Passive) {
        let Parts { queue, gate, .. } = device.parts();
        if !gate.is_set(irql.as_dispatch()) {
            // As good as one that was opened.
            let _ = gate.wait_at_most(WAIT_MAX, irql);
        }
        let irql = irql.as_dispatch();
        while let Some((irp, Waiting)) = queue.take_first(irql) {
            let mut partial = device.state().partial.lock(irql);
            let same = irp
                .mdl()
                .is_none_or(|mdl| memory::is_the_same_in_part(mdl, &mut partial));
            drop(partial);
            if same {
                irp.call(irql);
            } else {
                irp.fail(NtError::INSUFFICIENT_RESOURCES, irql);
            }
        }
    }
}

/// Holds a request that is paging I/O.
fn hold<'irp>(irp: Irp<'irp, Worker>) -> wdm::Dispatched<'irp> {
    match irp.with_slot(|state| Some(&state.slab)) {
        Ok(irp) => irp.hold_infallibly(Busy {
            resends_left: RESENDS_MAX,
        }),
        Err(irp) => irp.skip_and_call(),
    }
}

/// The context of a request that is held.
pub(crate) struct Busy {
    resends_left: u32,
}

impl Hold<Worker> for Busy {
    fn done(self, irp: Held<Worker, Slot<Worker, Self>>, irql: &mut Dispatch) -> Next<Worker, Self> {
        match self.resends_left.checked_sub(1) {
            Some(resends_left) if irp.status() == DEVICE_BUSY => Next::Resend(irp, Self { resends_left }),
            _ => {
                irp.complete(irql);
                Next::Gone
            }
        }
    }
}
