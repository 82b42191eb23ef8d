//! Sending requests again that the drivers below have failed for a reason that may pass: READ, WRITE and FLUSH_BUFFERS, where
//! the setting RetryAttempts allows it. Whether and when is decided in `policy::retry`.
//!
//! A request that is followed for it is held: dispatch returns STATUS_PENDING, and when it comes back it is completed, sent again
//! at once, or put where it waits. There are such queues for transfers and for flushes, ordered by the time that a request is due,
//! and one for transfers that are carried out by parts (`split`), which are sent again as a whole; and one timer, which is set for
//! the earliest. A READ or WRITE is sent from the timer's DPC, at DISPATCH_LEVEL. A FLUSH_BUFFERS is sent from a work
//! item and from nowhere else, since a disk's driver waits within it. No thread of anybody's is blocked meanwhile.
//!
//! What waits holds the remove lock of its device, and can be cancelled. It is let go when the device goes, with what the
//! drivers below said of it last. While the device is stopped nothing is sent again, and what has become due meanwhile is sent
//! when it has been started. While the system sleeps no time passes for what waits.
//!
//! What it is not: a queue of requests that nobody has seen. One that passes because no slot is free is not sent again, nor is
//! one that was forwarded for PnP or power, or a DEVICE_CONTROL.

use policy::{
    Harden, Operation,
    retry::{Next, Returned},
};
use wdm::{
    Device, Dispatch, Expire, Held, Hold, NtError, NtStatus, Passive, Queued, Slot, Stashed, View, Wanted, Work,
    time::InterruptTime,
};

use crate::{
    filter::{Filter, State},
    following::Timing,
    parts::Parts,
    split,
};

/// How many READs and WRITEs one run of the DPC sends at the most. If more are due, the timer is set for at once, and the
/// processor does what else it has to do in between: a thousand that are due together do not hold it without end.
const SENT_BY_ONE_DPC_MAX: usize = 64;

/// A request that came back from below.
type CameBack = Held<Filter, Slot<Filter, Timing>>;

/// The same while it waits.
type Waits = Held<Filter, Stashed<Filter, Timing>>;

/// What becomes of a request that has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is completed with what the drivers below completed it with.
    Complete,
    /// It is sent again by the thread that has it, at whatever IRQL that has.
    SendNow,
    /// It is sent again at this time or later, by whoever sends what waits.
    SendAt(InterruptTime),
}

/// Decides what becomes of a request that has come back with `status`, and counts what that comes to.
///
/// `timing` says what it is, when it was sent first and how often it was sent again. A FLUSH_BUFFERS always waits, if only
/// for a thread that may send it; and so does everything while the device is stopped.
pub(crate) fn judge(state: &State, timing: &Timing, status: NtStatus, cancelled: bool) -> Verdict {
    let next = state.retry().next(&Returned {
        status: status.to_raw(),
        cancelled,
        resent: timing.resent(),
        elapsed: timing.elapsed(),
    });
    match next {
        Next::Again(after) => {
            let waits = !after.is_zero() || timing.operation == Operation::FlushBuffers || state.lifecycle.is_stopped();
            if waits {
                Verdict::SendAt(InterruptTime::now().after(after))
            } else {
                Verdict::SendNow
            }
        }
        Next::Complete(why) => {
            if why == policy::retry::Why::Recovered {
                state.harden(Harden::Recovered);
            } else if why.is_exhausted() {
                state.harden(Harden::Exhausted);
            }
            Verdict::Complete
        }
    }
}

impl Hold<Filter> for Timing {
    fn calling(&mut self, device: &Device<Filter>) {
        if self.resent() == 0 {
            self.start_holding();
        } else {
            device.state().harden(Harden::Resent);
        }
    }

    fn refused(self, device: &Device<Filter>, view: View<'_>) {
        device.state().harden(Harden::ResendRefused);
        self.count_done(device, view.status(), view.information());
    }

    fn done(self, irp: CameBack, irql: &mut Dispatch) -> wdm::Next<Filter, Self> {
        match judge(irp.device().state(), &self, irp.status(), irp.is_cancelled()) {
            Verdict::Complete => complete(irp, &self, irql),
            Verdict::SendNow => return wdm::Next::Resend(irp, self.once_more()),
            Verdict::SendAt(due) => wait(irp, self, due, irql),
        }
        wdm::Next::Gone
    }
}

/// Completes a request with what the drivers below said last.
fn complete(irp: CameBack, timing: &Timing, irql: &mut Dispatch) {
    timing.count_done(irp.device(), irp.status(), irp.information());
    irp.complete(irql);
}

/// Ends a request that whoever sent it does not want any more.
fn cancel(irp: CameBack, timing: &Timing, irql: &mut Dispatch) {
    timing.count_done(irp.device(), NtError::CANCELLED.into(), 0);
    irp.fail(NtError::CANCELLED, irql);
}

/// Puts a request where it waits until it is due.
fn wait(irp: CameBack, timing: Timing, due: InterruptTime, irql: &mut Dispatch) {
    // As soon as the request waits it may end, on another processor, and its remove lock with it.
    let Ok(device) = irp.keep_device() else {
        return complete(irp, &timing, irql);
    };
    let Parts {
        transfers,
        flushes,
        flusher,
        ..
    } = device.parts();
    let is_flush = timing.operation == Operation::FlushBuffers;
    let queue = match (is_flush, flusher.get()) {
        (false, _) => transfers,
        (true, Some(_)) => flushes,
        // There was no memory for what would send it.
        (true, None) => return complete(irp, &timing, irql),
    };
    match queue.insert(irp.stash(timing), Waiting { due }, irql) {
        Ok(()) if is_flush && due <= InterruptTime::now() => have_flushes_sent(&device, irql),
        Ok(()) => wake_at(&device, due, irql),
        // The device is going: nothing waits any more.
        Err((irp, Waiting { .. })) => {
            let (irp, timing) = irp.take_back();
            complete(irp, &timing, irql);
        }
    }
}

/// What is kept with a request that waits, beside its slot.
pub(crate) struct Waiting {
    due: InterruptTime,
}

impl Queued<Filter> for Waiting {
    type Slot = Stashed<Filter, Timing>;

    fn goes_before(&self, waiting: &Self) -> bool {
        self.due < waiting.due
    }

    fn cancelled(self, irp: Waits, irql: &mut Dispatch) {
        let (irp, timing) = irp.take_back();
        cancel(irp, &timing, irql);
    }

    fn released(self, irp: Waits, irql: &mut Dispatch) {
        let (irp, timing) = irp.take_back();
        complete(irp, &timing, irql);
    }
}

/// Sends a request again that has waited.
fn send(irp: Waits, irql: &mut Dispatch) {
    let (irp, timing) = irp.take_back();
    if irp.is_cancelled() {
        return cancel(irp, &timing, irql);
    }
    let state = irp.device().state();
    // The timer may be late, and the device may have been stopped for long.
    if !state.retry().is_in_time(timing.elapsed()) {
        state.harden(Harden::Exhausted);
        return complete(irp, &timing, irql);
    }
    let timing = timing.once_more();
    if timing.paging {
        irp.send_again_infallibly(timing, irql);
    } else {
        irp.send_again(timing, irql);
    }
}

/// A FLUSH_BUFFERS that has waited.
struct Flush(Waits);

impl Flush {
    /// Sends it again. A disk's driver waits within it, which no thread may at DISPATCH_LEVEL.
    fn send(self, irql: &mut Passive) {
        send(self.0, irql.as_dispatch());
    }
}

/// What the timer does: it sends the READs and WRITEs that are due, and has the FLUSH_BUFFERS that are due sent.
pub(crate) enum SendDue {}

impl Expire<Filter> for SendDue {
    fn expired(device: &Device<Filter>, irql: &mut Dispatch) {
        if device.state().lifecycle.is_stopped() {
            // `resume` sets the timer.
            return;
        }
        let Parts { transfers, flushes, .. } = device.parts();
        let now = InterruptTime::now();
        for _ in 0..SENT_BY_ONE_DPC_MAX {
            let Some((irp, Waiting { .. })) = transfers.take_first_if(|waiting| waiting.due <= now, irql) else {
                break;
            };
            send(irp, irql);
        }
        split::send_due(device, now, SENT_BY_ONE_DPC_MAX, irql);
        if let Some(due) = transfers.look_at_first(|waiting| waiting.due, irql) {
            wake_at(device, due, irql);
        }
        match flushes.look_at_first(|waiting| waiting.due, irql) {
            Some(due) if due <= now => have_flushes_sent(device, irql),
            Some(due) => wake_at(device, due, irql),
            None => {}
        }
    }
}

/// Sets the timer for this time, unless it is set for an earlier one.
pub(crate) fn wake_at(device: &Device<Filter>, due: InterruptTime, irql: &mut Dispatch) {
    if let Some(timer) = device.parts().timer.get() {
        timer.set_no_later(due, irql);
    }
}

/// Which devices have what it takes to send requests again.
pub(crate) enum Retried {}

impl Wanted<Filter> for Retried {
    fn is_wanted(state: &State) -> bool {
        state.retry().is_on()
    }
}

fn have_flushes_sent(device: &Device<Filter>, irql: &mut Dispatch) {
    if let Some(flusher) = device.parts().flusher.get() {
        flusher.queue(irql);
    }
}

/// What the work item does.
pub(crate) enum SendFlushes {}

impl Work<Filter> for SendFlushes {
    fn run(device: &Device<Filter>, irql: &mut Passive) {
        if device.state().lifecycle.is_stopped() {
            return;
        }
        let Parts { flushes, .. } = device.parts();
        let now = InterruptTime::now();
        while let Some((irp, Waiting { .. })) = flushes.take_first_if(|waiting| waiting.due <= now, irql.as_dispatch())
        {
            Flush(irp).send(irql);
        }
        if let Some(due) = flushes.look_at_first(|waiting| waiting.due, irql.as_dispatch()) {
            wake_at(device, due, irql.as_dispatch());
        }
    }
}

/// The device has been started: what became due while it was stopped is sent.
pub(crate) fn resume(device: &Device<Filter>, irql: &mut Dispatch) {
    if device.state().retry().is_on() {
        wake_at(device, InterruptTime::now(), irql);
    }
}
