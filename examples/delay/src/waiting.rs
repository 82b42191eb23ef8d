//! Where READs and WRITEs wait, and what lets them go: the time, a cancellation, or the device's end.

use core::time::Duration;

use wdm::{Device, Dispatch, Expire, Held, Irp, Outcome, Queue, Queued, Timer, time::InterruptTime};

use crate::filter::Delay;

/// How long a request waits.
const DELAY: Duration = Duration::from_millis(2);

wdm::parts! {
    /// What a device has beside its state. The library makes it before the device is attached, and drains it when it goes.
    pub(crate) struct Parts for Delay {
        /// The requests that wait, in the order in which they came, which is that in which they are due.
        queue: Queue<Delay, Waiting>,
        /// Set for when the first of them is due.
        timer: Timer<Delay, Release>,
    }
}

/// What is kept with a request that waits.
pub(crate) struct Waiting {
    due: InterruptTime,
}

impl Queued<Delay> for Waiting {
    // The requests come from dispatch, where they were parked; they have no slot.
    type Slot = ();

    // Whoever sent the request has cancelled it. Nobody below knows of it, so it ends here; this is what the library does
    // where a driver does not say otherwise.

    /// The device is going. The drivers below have to say what that means for the request.
    fn released(self, irp: Held<Delay>, irql: &mut Dispatch) {
        irp.call(irql);
    }
}

/// Lets a request wait.
pub(crate) fn delay<'irp>(irp: Irp<'irp, Delay>) -> Outcome<'irp, Delay> {
    if irp.is_paging_io() {
        // The memory manager waits for it, and more of the system does than one program.
        return Ok(irp.skip_and_call());
    }
    // As soon as the request is in the queue it may end, on another processor, and with it the device. So the device is kept
    // until this routine has done with it.
    let device = match irp.keep_device() {
        Ok(device) => device,
        Err(error) => return Err(irp.reject(error)),
    };
    // From here on the request is pending: it ends later, and dispatch returns STATUS_PENDING.
    let (dispatched, irp, mut irql) = irp.park();
    let due = InterruptTime::now().after(DELAY);
    let parts = device.parts();
    match parts.queue.insert(irp, Waiting { due }, &mut irql) {
        // It may be set for an earlier request already, or run for one right now.
        Ok(()) => parts.timer.set_no_later(due, &mut irql),
        // The device is going: nothing waits any more.
        Err((irp, _)) => irp.call(&mut irql),
    }
    Ok(dispatched)
}

/// What the timer does.
pub(crate) enum Release {}

impl Expire<Delay> for Release {
    fn expired(device: &Device<Delay>, irql: &mut Dispatch) {
        let Parts { queue, timer } = device.parts();
        let now = InterruptTime::now();
        // The queue is locked to take one out, and not while it is sent.
        while let Some((irp, _)) = queue.take_first_if(|waiting| waiting.due <= now, irql) {
            irp.call(irql);
        }
        if let Some(due) = queue.look_at_first(|waiting| waiting.due, irql) {
            timer.set_no_later(due, irql);
        }
    }
}
