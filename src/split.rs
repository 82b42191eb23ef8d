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
    Device, Dispatch, Dispatched, Held, Irp, NtError, NtStatus, Piece, Queued, Split, SplitMemory, SplitReserve,
    TransferMemory, TransferShape, Way, pool::Tag, time::Ticks,
};

use crate::filter::{Filter, State};

const MEMORY_TAG: Tag = Tag::new(*b"ISsp");
const RESERVE_TAG: Tag = Tag::new(*b"ISsv");

/// What a device has in reserve, to carry out one request by parts where there is no memory for it.
pub(crate) type Reserve = SplitReserve<Filter, ByParts>;

/// Allocates the reserve of a device that takes so many bytes at once.
pub(crate) fn reserve(transfer_max: u32) -> Result<Reserve, NtError> {
    Reserve::new(transfer_max, RESERVE_TAG)
}

/// What is known of a request from the moment that it came, whatever becomes of it.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    operation: Operation,
    /// When it came. What it waits for the reserve is part of how long it took.
    at: Ticks,
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
    let at = Ticks::now();
    let (dispatched, irp, mut irql) = irp.park();
    start(irp, ByParts::new(plan, Arrival { operation, at }), &mut irql);
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
pub(crate) fn start(irp: Held<Filter>, by_parts: ByParts, irql: &mut Dispatch) {
    let most = irp.device().state().configuration().max_transfer_bytes();
    let memory = SplitMemory::new(most.map_or(0, core::num::NonZeroU32::get), MEMORY_TAG);
    match memory {
        Ok(memory) => {
            let way = if by_parts.plan.is_serial() {
                Way::Serial
            } else {
                Way::Parallel
            };
            // Not given back: it can be divided, or there were no plan.
            if let Err((irp, by_parts)) = memory.carry_out(irp, by_parts, way, irql) {
                finished(irp, by_parts.arrival, Ended::error(NtError::INVALID_PARAMETER), irql);
            }
        }
        Err(_) => wait(irp, by_parts.arrival, irql),
    }
}

/// Has a request wait for the reserve, which it may have at once.
fn wait(irp: Held<Filter>, arrival: Arrival, irql: &mut Dispatch) {
    // As soon as it is in the queue it may end, and with it the device.
    let device = match irp.keep_device() {
        Ok(device) => device,
        Err(error) => return finished(irp, arrival, Ended::error(error), irql),
    };
    let state = device.state();
    if state.reserve().is_some_and(|reserve| reserve.is_taken(irql)) {
        state.harden(Harden::WaitedForReserve);
    }
    match device.parts().waiting.insert(irp, Waiting(arrival), irql) {
        Ok(()) => serve(&device, irql),
        // The device is going: nothing waits any more.
        Err((irp, Waiting(arrival))) => finished(irp, arrival, Ended::error(NtError::DELETE_PENDING), irql),
    }
}

/// Carries out the requests that wait for the reserve, as far as it is free.
fn serve(device: &Device<Filter>, irql: &mut Dispatch) {
    let next = |irql: &mut Dispatch| {
        loop {
            let (irp, Waiting(arrival)) = device.parts().waiting.take_first(irql)?;
            match irp.transfer().and_then(|shape| plan(device.state(), shape)) {
                Some(plan) => return Some((irp, ByParts::new(plan, arrival))),
                // It had one when it came, and nothing of it has changed.
                None => finished(irp, arrival, Ended::error(NtError::INVALID_PARAMETER), irql),
            }
        }
    };
    Reserve::serve(device, State::reserve, next, irql);
}

/// What a request has ended with.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    result: Result<(), NtError>,
    /// How many bytes were transferred, from the first one on.
    transferred: u32,
    /// Whether nothing was sent because a completion routine could not be registered.
    refused: bool,
}

impl Ended {
    /// Without anything having been transferred.
    fn error(error: NtError) -> Self {
        Self {
            result: Err(error),
            transferred: 0,
            refused: false,
        }
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self {
            result: NtStatus::from_raw(outcome.status).ok().map(|_| ()),
            transferred: outcome.transferred,
            refused: outcome.refused,
        }
    }
}

/// A request has come to its end. Everything that was made for it is freed.
///
/// Every request that [`take`] took comes here, once for each time that it was [started](start).
fn finished(irp: Held<Filter>, arrival: Arrival, ended: Ended, irql: &mut Dispatch) {
    let status = ended.result.err().map_or(NtStatus::SUCCESS, NtStatus::from);
    let latency = Ticks::now().since(arrival.at);
    irp.device().state().count(|statistics, shard| {
        if ended.refused {
            statistics.refused(shard);
        } else {
            let (status, bytes) = (status.to_raw(), ended.transferred.into());
            statistics.done(shard, arrival.operation, status, bytes, latency);
        }
    });
    irp.complete_with(ended.result, ended.transferred.into(), irql);
}

/// A request that is carried out by parts.
pub(crate) struct ByParts {
    plan: split::Split,
    arrival: Arrival,
    is_counted: bool,
}

impl ByParts {
    fn new(plan: split::Split, arrival: Arrival) -> Self {
        Self {
            plan,
            arrival,
            is_counted: false,
        }
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
        finished(irp, self.arrival, self.plan.outcome().into(), irql);
    }

    fn reserve_is_free(device: &Device<Filter>, irql: &mut Dispatch) {
        serve(device, irql);
    }
}

/// A request that waits for the reserve.
pub(crate) struct Waiting(Arrival);

impl Queued<Filter> for Waiting {
    // The requests come from dispatch, where they were parked.
    type Slot = ();

    fn cancelled(self, irp: Held<Filter>, irql: &mut Dispatch) {
        finished(irp, self.0, Ended::error(NtError::CANCELLED), irql);
    }

    /// The device is gone, or is going: none of the drivers below would carry it out any more.
    fn released(self, irp: Held<Filter>, irql: &mut Dispatch) {
        finished(irp, self.0, Ended::error(NtError::DELETE_PENDING), irql);
    }
}
