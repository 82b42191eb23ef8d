//! What the driver does with each device and each request.

use core::sync::atomic::{AtomicU32, Ordering};

use wdm::{
    AddDevice, Device, Dispatch, Driver, Held, Hold, Irp, Next, NtError, NtStatus, Outcome, Queue, Request, Slab, Slot,
    SpinLock,
    pool::{Array, Tag},
};

use crate::{
    later::{self, Later},
    parked::{Parked, Write},
};

/// How often a READ is sent again that the lower driver is too busy for. If each time took a frame of the stack, this
/// would overrun it many times over.
pub(crate) const RESENDS_MAX: u32 = 1_000_000;

const DEVICE_BUSY: NtStatus = NtStatus::from_raw(0x8000_0011_u32.cast_signed());
const DEVICE_NOT_READY: NtStatus = NtStatus::from_raw(0xC000_00A3_u32.cast_signed());

pub(crate) const TAG: Tag = Tag::new(*b"Hold");

pub(crate) enum Holder {}

/// What the driver keeps for a device.
pub(crate) struct State {
    /// Of one shard: every processor takes from the same.
    slab: Slab<Holder, Busy>,
    parked: SpinLock<Parked>,
    /// How often READs that wait were sent again.
    pub(crate) round: AtomicU32,
}

wdm::parts! {
    /// What a device has of parts.
    pub(crate) struct Parts for Holder {
        /// READs that wait for the next request.
        later: Queue<Holder, Later>,
    }
}

impl Driver for Holder {
    type State = State;
    type Parts = Parts;

    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError> {
        let slab = Slab::new(1, TAG)?;
        let parked = SpinLock::new(Parked::new());
        let round = AtomicU32::new(0);
        add.attach(State { slab, parked, round })
    }

    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match request {
            Request::RemoveDevice(mut removal) => {
                let (device, irql) = removal.device_and_irql();
                close(device, irql.as_dispatch());
                removal.call_detach_and_delete()
            }
            Request::SurpriseRemoval(mut irp) => {
                let (device, irql) = irp.device_and_irql();
                close(device, irql);
                irp.succeed_and_call()
            }
            Request::QueryRemoveDevice(mut irp) | Request::QueryStopDevice(mut irp) => {
                let (device, irql) = irp.device_and_irql();
                serve_what_waits(device, irql);
                irp.succeed_and_call()
            }
            Request::Read { irp, length } => read(after_parked(irp), length)?,
            Request::Write { irp, length } => write(after_parked(irp), length)?,
            mut other => {
                let (device, irql) = other.device_and_irql();
                serve_what_waits(device, irql);
                other.pass()
            }
        })
    }
}

/// The same IRP, after what waited when it came has been served.
fn after_parked<'irp>(mut irp: Irp<'irp, Holder>) -> Irp<'irp, Holder> {
    let (device, irql) = irp.device_and_irql();
    serve_what_waits(device, irql);
    irp
}

/// Completes what is parked, and sends what waits for it again.
fn serve_what_waits(device: &Device<Holder>, irql: &mut Dispatch) {
    complete_parked(device, irql);
    later::send_all(device, irql);
}

/// Completes what is parked, when nothing is to be parked any more: it would keep the device from being removed.
fn close(device: &Device<Holder>, irql: &mut Dispatch) {
    device.state().parked.lock(irql).close();
    complete_parked(device, irql);
}

fn complete_parked(device: &Device<Holder>, irql: &mut Dispatch) {
    // The lock is held for taking one, never for completing it.
    while let Some(write) = take_parked(device, irql) {
        write.complete(irql);
    }
}

fn take_parked(device: &Device<Holder>, irql: &mut Dispatch) -> Option<Write> {
    device.state().parked.lock(irql).take()
}

/// Holds a READ.
fn read<'irp>(irp: Irp<'irp, Holder>, length: u32) -> Outcome<'irp, Holder> {
    let paging = irp.is_paging_io();
    let busy = Busy {
        length,
        resends_left: RESENDS_MAX,
        memory: None,
    };
    match irp.with_slot(|state| Some(&state.slab)) {
        Ok(irp) if paging => Ok(irp.hold_infallibly(busy)),
        Ok(irp) => irp.hold(busy),
        Err(irp) => Ok(irp.skip_and_call()),
    }
}

/// Parks a WRITE.
fn write<'irp>(irp: Irp<'irp, Holder>, length: u32) -> Outcome<'irp, Holder> {
    // As soon as the WRITE is parked, it may be completed and its remove lock released.
    let device = match irp.keep_device() {
        Ok(device) => device,
        Err(error) => return Err(irp.reject(error)),
    };
    let (dispatched, held, mut irql) = irp.park();
    if length == 0 {
        // What a driver does that forgets one.
        drop(held);
        return Ok(dispatched);
    }
    let not_parked = device.state().parked.lock(&mut irql).put(Write { held, length }).err();
    if let Some(write) = not_parked {
        write.complete(&mut irql);
    }
    Ok(dispatched)
}

/// The context of a READ.
pub(crate) struct Busy {
    /// How many bytes it is for.
    pub(crate) length: u32,
    resends_left: u32,
    /// Of one that waits, where there was memory for it: so that a context that is lost shows as memory that is.
    pub(crate) memory: Option<Array<u8>>,
}

impl Busy {
    /// For the next sending, where there may be one.
    fn once_more(self) -> Option<Self> {
        let resends_left = self.resends_left.checked_sub(1)?;
        Some(Self { resends_left, ..self })
    }
}

impl Hold<Holder> for Busy {
    fn done(self, irp: Held<Holder, Slot<Holder, Self>>, irql: &mut Dispatch) -> Next<Holder, Self> {
        let status = irp.status();
        match self.once_more() {
            Some(context) if status == DEVICE_BUSY => return Next::Resend(irp, context),
            Some(context) if status == DEVICE_NOT_READY && !irp.is_cancelled() => later::wait(irp, context, irql),
            _ => irp.complete(irql),
        }
        Next::Gone
    }
}

/// The number of the round after this one.
pub(crate) fn next_round(state: &State) -> u32 {
    state.round.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}
