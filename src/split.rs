//! READs and WRITEs that are longer than the device takes: carried out by parts.
//!
//! How a request is divided and what it ends with is decided in `policy::split`, and how its parts are sent is `wdm`'s; here both
//! come together with what the filter counts.
//!
//! Where there is no memory for a request, it is carried out with what the device has in reserve, one part after the other. Where
//! another request has that, it waits in a queue, from which it can be cancelled.

use policy::{
    Harden, Operation,
    split::{self, Decision, Memory, Outcome, Part, Transfer},
};
use wdm::{
    Device, Dispatch, Dispatched, Held, Irp, NtError, NtStatus, Piece, Queued, Settled, Split, SplitMemory,
    SplitReserve, TransferMemory, TransferShape, Way, pool::Tag, time::InterruptTime,
};

use crate::{
    filter::{Filter, State},
    following::Timing,
    parts::Parts,
    retry::{self, Verdict},
};

const MEMORY_TAG: Tag = Tag::new(*b"ISsp");
const RESERVE_TAG: Tag = Tag::new(*b"ISsv");

/// What a device has in reserve, to carry out one request by parts where there is no memory for it.
pub(crate) type Reserve = SplitReserve<Filter, ByParts>;

/// Allocates the reserve of a device that takes so many bytes at once.
pub(crate) fn reserve(transfer_max: u32) -> Result<Reserve, NtError> {
    Reserve::new(transfer_max, RESERVE_TAG)
}

/// Takes a READ or WRITE that is to be carried out by parts.
///
/// # Errors
///
/// The request itself, where it is short enough, or cannot be divided: then it is counted, and sent whole. The device may
/// refuse it; but that is for the device to say.
pub(crate) fn take<'irp>(
    irp: Irp<'irp, Filter>,
    operation: Operation,
    length: u32,
) -> Result<Dispatched<'irp>, Irp<'irp, Filter>> {
    let state = irp.device().state();
    let is_long = state
        .configuration()
        .max_transfer_bytes()
        .is_some_and(|most| length > most.get());
    // Without a reserve the device had no memory for anything, and nothing of it is followed.
    if !is_long || state.reserve().is_none() {
        return Err(irp);
    }
    let Some(plan) = irp.transfer().and_then(|shape| plan(state, shape)) else {
        state.harden(Harden::SentWhole);
        return Err(irp);
    };
    state.count(|statistics, shard| statistics.sent(shard, operation, length.into()));
    // What it waits for the reserve is part of how long it took.
    let mut timing = Timing::new(operation, irp.is_paging_io());
    timing.start_holding();
    let (dispatched, irp, mut irql) = irp.park();
    start(irp.settle(Err(NtError::DELETE_PENDING), 0), plan, timing, &mut irql);
    Ok(dispatched)
}

/// How a request is carried out by parts, where it can be.
fn plan(state: &State, shape: TransferShape) -> Option<split::Split> {
    let configuration = state.configuration();
    let TransferShape { offset, length, memory } = shape;
    let memory = match memory {
        TransferMemory::Mdl { bytes } => Memory::Mdl { bytes },
        TransferMemory::ChainedMdls => Memory::ChainedMdls,
        TransferMemory::SystemBuffer => Memory::SystemBuffer,
        TransferMemory::Unknown => Memory::Unknown,
    };
    let transfer = Transfer { offset, length, memory };
    match split::decide(
        &transfer,
        configuration.max_transfer_bytes(),
        configuration.split_window(),
    ) {
        Decision::Split(plan) => Some(plan),
        Decision::Fits | Decision::Whole(_) => None,
    }
}

/// Carries out a request: at once, or where there is no memory for it, when the reserve is free.
fn start(irp: Held<Filter, Settled>, plan: split::Split, timing: Timing, irql: &mut Dispatch) {
    let most = irp.device().state().configuration().max_transfer_bytes();
    let Ok(memory) = SplitMemory::new(most.map_or(0, core::num::NonZeroU32::get), MEMORY_TAG) else {
        return wait_for_reserve(irp, timing, irql);
    };
    let way = if plan.is_serial() { Way::Serial } else { Way::Parallel };
    let (irp, by_parts) = ByParts::new(irp, plan, timing);
    // Not given back: it can be divided, or there were no plan.
    if let Err((irp, by_parts)) = memory.carry_out(irp, by_parts, way, irql) {
        complete(irp.settle(Err(NtError::INVALID_PARAMETER), 0), &by_parts.timing, irql);
    }
}

/// Has a request wait for the reserve, which it may have at once.
fn wait_for_reserve(irp: Held<Filter, Settled>, timing: Timing, irql: &mut Dispatch) {
    // As soon as it is in the queue it may end, and with it the device.
    let Ok(device) = irp.keep_device() else {
        return complete(irp, &timing, irql);
    };
    let state = device.state();
    if state.reserve().is_some_and(|reserve| reserve.is_taken(irql)) {
        state.harden(Harden::WaitedForReserve);
    }
    match device.parts().waiting.insert(irp, Waiting(timing), irql) {
        Ok(()) => serve(&device, irql),
        // The device is going: nothing waits any more.
        Err((irp, Waiting(timing))) => complete(irp, &timing, irql),
    }
}

/// Carries out the requests that wait for the reserve, as far as it is free.
fn serve(device: &Device<Filter>, irql: &mut Dispatch) {
    let next = |irql: &mut Dispatch| {
        loop {
            let (irp, Waiting(timing)) = device.parts().waiting.take_first(irql)?;
            match irp.transfer().and_then(|shape| plan(device.state(), shape)) {
                Some(plan) => return Some(ByParts::new(irp, plan, timing)),
                // It had one when it came, and nothing of it has changed.
                None => complete(irp, &timing, irql),
            }
        }
    };
    Reserve::serve(device, State::reserve, next, irql);
}

/// What carrying out a request by parts has come to.
#[derive(Clone, Copy)]
struct Ended {
    result: Result<(), NtError>,
    /// How many bytes were transferred, from the first one on.
    transferred: u64,
}

impl Ended {
    /// What was settled before it was carried out.
    fn settled(irp: &Held<Filter, Settled>) -> Self {
        Self {
            result: irp.status().ok().map(|_| ()),
            transferred: irp.information(),
        }
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self {
            result: NtStatus::from_raw(outcome.status).ok().map(|_| ()),
            transferred: outcome.transferred.into(),
        }
    }
}

/// A request has been carried out. Everything that was made for it is freed; it is completed, or waits until it is carried
/// out again.
///
/// Every request that [`take`] took comes here once for each time that it was [started](start).
fn finished(irp: Held<Filter>, by_parts: ByParts, irql: &mut Dispatch) {
    let ByParts {
        plan, timing, before, ..
    } = by_parts;
    let outcome = plan.outcome();
    if outcome.refused && timing.resent() != 0 {
        irp.device().state().harden(Harden::ResendRefused);
        let irp = irp.settle(before.result, before.transferred);
        return complete(irp, &timing, irql);
    }
    let ended = Ended::from(outcome);
    let irp = irp.settle(ended.result, ended.transferred);
    let state = irp.device().state();
    if outcome.refused {
        state.count(|statistics, shard| statistics.refused(shard));
        return irp.complete(irql);
    }
    // What was stopped was not failed by the device.
    if outcome.stopped {
        return complete(irp, &timing, irql);
    }
    match retry::judge(state, &timing, irp.status(), irp.is_cancelled()) {
        Verdict::Complete => complete(irp, &timing, irql),
        // Not here, where a lower driver that completes at once would make this go deeper.
        Verdict::SendNow => wait(irp, timing, InterruptTime::now(), irql),
        Verdict::SendAt(due) => wait(irp, timing, due, irql),
    }
}

/// Completes a request with what was settled.
fn complete(irp: Held<Filter, Settled>, timing: &Timing, irql: &mut Dispatch) {
    timing.count_done(irp.device(), irp.status(), irp.information());
    irp.complete(irql);
}

/// Ends a request that whoever sent it does not want any more.
fn cancel(irp: Held<Filter, Settled>, timing: &Timing, irql: &mut Dispatch) {
    complete(irp.reopen().settle(Err(NtError::CANCELLED), 0), timing, irql);
}

/// Puts a request where it waits until it is carried out again.
fn wait(irp: Held<Filter, Settled>, timing: Timing, due: InterruptTime, irql: &mut Dispatch) {
    // As soon as it waits it may end, on another processor, and its remove lock with it.
    let Ok(device) = irp.keep_device() else {
        return complete(irp, &timing, irql);
    };
    let Parts { divided, .. } = device.parts();
    let timing = timing.due_at(due);
    let due = timing.due();
    match divided.insert(irp, Due(timing), irql) {
        Ok(()) => retry::wake_at(&device, due, irql),
        // The device is going: nothing waits any more.
        Err((irp, Due(timing))) => complete(irp, &timing, irql),
    }
}

/// Carries out again what is due, but no more than `most` requests; and sets the timer for those that are left.
pub(crate) fn send_due(device: &Device<Filter>, now: InterruptTime, most: usize, irql: &mut Dispatch) {
    let Parts { divided, .. } = device.parts();
    for _ in 0..most {
        let Some((irp, Due(timing))) = divided.take_first_if(|due| due.0.due() <= now, irql) else {
            break;
        };
        carry_out_again(irp, timing, irql);
    }
    if let Some(due) = divided.look_at_first(|first| first.0.due(), irql) {
        retry::wake_at(device, due, irql);
    }
}

fn carry_out_again(irp: Held<Filter, Settled>, timing: Timing, irql: &mut Dispatch) {
    if irp.is_cancelled() {
        return cancel(irp, &timing, irql);
    }
    let state = irp.device().state();
    // The timer may be late, and the device may have been stopped for long.
    if !state.retry().is_in_time(timing.elapsed()) {
        state.harden(Harden::Exhausted);
        return complete(irp, &timing, irql);
    }
    match irp.transfer().and_then(|shape| plan(state, shape)) {
        Some(plan) => {
            state.harden(Harden::Resent);
            start(irp, plan, timing.once_more(), irql);
        }
        // It had one when it came, and nothing of it has changed.
        None => complete(irp, &timing, irql),
    }
}

/// A request that is carried out by parts.
pub(crate) struct ByParts {
    plan: split::Split,
    timing: Timing,
    /// What it is completed with where this time no part of it can be sent.
    before: Ended,
    is_counted: bool,
}

impl ByParts {
    fn new(irp: Held<Filter, Settled>, plan: split::Split, timing: Timing) -> (Held<Filter>, Self) {
        let before = Ended::settled(&irp);
        let is_counted = false;
        let this = Self {
            plan,
            timing,
            before,
            is_counted,
        };
        (irp.reopen(), this)
    }
}

fn part(piece: Piece) -> Part {
    Part {
        number: piece.number,
        offset: piece.offset,
        length: piece.length,
    }
}

impl Split<Filter> for ByParts {
    fn begin(&mut self, device: &Device<Filter>) -> Option<Piece> {
        // The drivers below let go of the device, and so does the request.
        if device.state().lifecycle.is_going() {
            self.plan.stop(NtStatus::from(NtError::DELETE_PENDING).to_raw());
        }
        let Part { number, offset, length } = self.plan.begin()?;
        Some(Piece { number, offset, length })
    }

    fn sent(&mut self, device: &Device<Filter>, way: Way) {
        let state = device.state();
        if !core::mem::replace(&mut self.is_counted, true) {
            state.harden(match way {
                Way::Parallel => Harden::SplitParallel,
                Way::Serial => Harden::SplitSerial,
            });
        }
        state.harden(Harden::PartSent);
    }

    fn done(&mut self, piece: Piece, status: NtStatus, information: u64) {
        self.plan.done(part(piece), status.to_raw(), information);
    }

    fn no_memory(&mut self, piece: Piece) {
        // What is done about it is up to what is in flight, and the library knows that as well.
        let _ = self.plan.no_memory(part(piece));
    }

    fn refused(&mut self, piece: Piece, error: NtError) {
        self.plan.refused(part(piece), NtStatus::from(error).to_raw());
    }

    fn cancelled(&mut self, unsent: Option<Piece>) {
        if let Some(piece) = unsent {
            self.plan.put_back(part(piece));
        }
        self.plan.cancelled();
    }

    fn finish(self, irp: Held<Filter>, irql: &mut Dispatch) {
        finished(irp, self, irql);
    }

    fn reserve_is_free(device: &Device<Filter>, irql: &mut Dispatch) {
        serve(device, irql);
    }
}

/// A request that waits for the reserve.
pub(crate) struct Waiting(Timing);

impl Queued<Filter> for Waiting {
    // The requests come from dispatch, where they were parked.
    type Slot = Settled;

    fn cancelled(self, irp: Held<Filter, Settled>, irql: &mut Dispatch) {
        cancel(irp, &self.0, irql);
    }

    /// The device is gone, or is going: none of the drivers below would carry it out any more.
    fn released(self, irp: Held<Filter, Settled>, irql: &mut Dispatch) {
        complete(irp, &self.0, irql);
    }
}

/// A request that is carried out again when it is due.
pub(crate) struct Due(Timing);

impl Queued<Filter> for Due {
    type Slot = Settled;

    fn goes_before(&self, waiting: &Self) -> bool {
        self.0.due() < waiting.0.due()
    }

    fn cancelled(self, irp: Held<Filter, Settled>, irql: &mut Dispatch) {
        cancel(irp, &self.0, irql);
    }

    fn released(self, irp: Held<Filter, Settled>, irql: &mut Dispatch) {
        complete(irp, &self.0, irql);
    }
}
