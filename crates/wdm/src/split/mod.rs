//! Carrying out a READ or WRITE by parts, for a device that does not take all of it at once.
//!
//! An IRP is carried out in one of two ways:
//!
//! * *In parallel*: for each part an IRP of this driver's own is allocated and sent (`parallel`), several at a time. The IRP itself
//!   stays here, with a cancel routine, until they are back.
//! * *One after the other*: the IRP itself is sent for each part (`serial`). That takes no memory once it has begun.
//!
//! What it takes to begin, [`SplitMemory`], is allocated for each IRP; and of a [`SplitReserve`] the device has one, for when
//! there is no memory. An IRP that is carried out in parallel goes on one part after the other where there is no memory for
//! the next part and none is in flight.
//!
//! Which parts there are, which is next, and what the IRP ends with is not decided here: a driver says it, by [`Split`]. What
//! is seen to here is that a driver is asked by one thread at a time; that no part is sent once the IRP is cancelled or a
//! registration was refused; that nothing goes deeper, however fast the drivers below are; and that everything which was made for
//! the IRP is freed before the driver gets it to complete it.
//!
//! Not here: IRPs that wait for the reserve, which are in a queue of the driver's.

mod block;
mod parallel;
mod progress;
mod reserve;
mod serial;
mod shape;

use core::ptr::NonNull;

use self::{
    block::{Block, Home},
    parallel::Slot,
    shape::Divisible,
};
pub use self::{
    reserve::SplitReserve,
    shape::{TransferMemory, TransferShape},
};
use crate::{
    device::Device,
    driver::Driver,
    held::Held,
    irql::Dispatch,
    mdl::PartialMdl,
    pool::{Array, Tag},
    status::{NtError, NtStatus},
};

/// The most parts of an IRP that are in flight at once.
pub const SPLIT_WINDOW_MAX: u32 = 32;

/// A part of a READ or WRITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What the driver knows it by.
    pub number: u32,
    /// Where in the request it begins.
    pub offset: u32,
    /// How many bytes it is for.
    pub length: u32,
}

/// How a part is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By an IRP of its own, beside others.
    Parallel,
    /// By the request's IRP, one after the other.
    Serial,
}

/// What is kept for an IRP that is carried out by parts, and what decides about them.
///
/// Its methods, but for the last two, are called with a spin lock held, by one thread at a time.
pub trait Split<D: Driver>: Send + Sized + 'static {
    /// Begins the next part, where one is to be sent now. The IRP is over where none is while none is in flight; and it is asked
    /// no more once the IRP was cancelled or a part was refused.
    fn begin(&mut self, device: &Device<D>) -> Option<Piece>;

    /// The part that was begun last has been sent. It may have come back already.
    fn sent(&mut self, _device: &Device<D>, _way: Way) {}

    /// A part has come back.
    fn done(&mut self, piece: Piece, status: NtStatus, information: u64);

    /// There was no memory to send the part that was begun last. It has to be begun again: where no other is in flight, those that
    /// follow are sent one after the other.
    fn no_memory(&mut self, piece: Piece);

    /// The completion routine of the part that was begun last could not be registered, or there is no such part. It was not
    /// sent.
    fn refused(&mut self, piece: Piece, error: NtError);

    /// The IRP is cancelled. The part that was begun last was not sent, where `unsent` has it.
    fn cancelled(&mut self, unsent: Option<Piece>);

    /// No part is in flight any more, and all that was made for them is freed: the IRP is to be completed.
    fn finish(self, irp: Held<D>, irql: &mut Dispatch);

    /// An IRP that was carried out with the device's reserve has come to its end: another one may have it.
    fn reserve_is_free(device: &Device<D>, irql: &mut Dispatch);
}

/// What it takes to carry out one IRP: a block of pool, room for its parts, and a partial MDL for when they are sent by the IRP
/// itself.
///
/// # States
///
/// 1. *Free*: a value of this type exists.
/// 2. *In use*: it is in itself, see [`Block`], until the IRP is over.
pub struct SplitMemory<D: Driver, S: Split<D>>(Array<Block<D, S>>);

impl<D: Driver, S: Split<D>> SplitMemory<D, S> {
    /// Allocates it, for parts of up to `part_max` bytes.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(part_max: u32, tag: Tag) -> Result<Self, NtError> {
        let slots = Array::from_fn(SPLIT_WINDOW_MAX as usize, tag, |_| Slot::new())?;
        Self::with_slots(part_max, tag, Some(slots))
    }

    /// Allocates it for parts that are sent one after the other and in no other way.
    fn serial(part_max: u32, tag: Tag) -> Result<Self, NtError> {
        Self::with_slots(part_max, tag, None)
    }

    // The block is made on the stack, and is not to stay there while parts are sent.
    #[inline(never)]
    fn with_slots(part_max: u32, tag: Tag, mut slots: Option<Array<Slot<D, S>>>) -> Result<Self, NtError> {
        let mut partial = Some(PartialMdl::new(part_max)?);
        Array::from_fn(1, tag, |_| Block::new(partial.take(), slots.take())).map(Self)
    }

    /// Carries out an IRP by parts, and frees this when it is over. At DISPATCH_LEVEL or below.
    ///
    /// # Errors
    ///
    /// The IRP, where it is not one that can be divided, as [`Irp::transfer`](crate::Irp::transfer) has told.
    pub fn carry_out(self, irp: Held<D>, split: S, way: Way, irql: &mut Dispatch) -> Result<(), (Held<D>, S)> {
        let Some(divisible) = Divisible::new(&irp) else {
            return Err((irp, split));
        };
        let block = self.block();
        // SAFETY: the block is free, since its memory is this value's, and stays where it is until it is freed through its home.
        unsafe { Block::start(block, Home::Pool(self), (irp, divisible), split, way, irql) };
        Ok(())
    }

    fn block(&self) -> NonNull<Block<D, S>> {
        let first = (*self.0).as_ptr().cast_mut();
        // SAFETY: the address of a block of pool.
        unsafe { NonNull::new_unchecked(first) }
    }
}
