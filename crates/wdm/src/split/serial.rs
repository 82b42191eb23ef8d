//! Parts that are sent by the IRP itself, one after the other.
//!
//! Only the next stack location is another one for each part, and what says where the memory is. Our own stack location stays as it
//! came, and what was put in the place of something else is put back as soon as the part is back, or was not sent after all.
//! So whoever completes the IRP has it as it came.
//!
//! While a part is below the drivers there have the IRP, and may set a cancel routine; so we have none. Whether the IRP has been
//! cancelled is asked before each part.

use core::{ffi::c_void, ptr::NonNull};

use wdk_sys::{DEVICE_OBJECT, IRP, NTSTATUS};

use super::{
    Piece, Split, Way,
    block::{Block, Fate, Trip},
};
use crate::{
    driver::Driver,
    irql::Dispatch,
    layout::{self, io_stack_location},
    mdl::PartialMdl,
    own_irp::Whole,
    raw_irp,
    status::{NtError, NtStatus},
};

/// What is kept for parts that are sent by the IRP itself.
pub(super) struct Serial {
    /// Describes the part, of an IRP whose memory an MDL describes.
    partial: Option<PartialMdl>,
    /// The part that is below.
    piece: Option<Piece>,
}

impl Serial {
    pub(super) const fn new(partial: Option<PartialMdl>) -> Self {
        Self { partial, piece: None }
    }

    /// Puts where the memory of a part is in the place of where the whole of it is. Returns false where there is no such part.
    ///
    /// # Safety
    ///
    /// The IRP is held, and its memory is `whole`, to which [`put_back`](Self::put_back) returns it before it is completed.
    unsafe fn put_part(&mut self, irp: NonNull<IRP>, whole: Whole, piece: Piece) -> bool {
        match whole {
            Whole::Direct(mdl) => {
                let Some(partial) = &mut self.partial else {
                    return false;
                };
                // SAFETY: the MDL of an IRP that is held, or below as long as the part is.
                let Some(part) = (unsafe { partial.describe_raw(mdl, piece.offset, piece.length) }) else {
                    return false;
                };
                // SAFETY: a field of an IRP that is held.
                unsafe { layout::irp::mdl_address(irp.as_ptr()).write(part.as_ptr()) };
            }
            Whole::Buffered(buffer) => {
                let part = buffer.as_ptr().wrapping_add(piece.offset as usize);
                // SAFETY: as above.
                unsafe { layout::irp::system_buffer(irp.as_ptr()).write(part.cast()) };
            }
        }
        self.piece = Some(piece);
        true
    }

    /// Returns the IRP to what it came with, and unmaps what the drivers below have mapped of the part. Returns the part.
    ///
    /// # Safety
    ///
    /// The IRP is held, and its memory is `whole`.
    unsafe fn put_back(&mut self, irp: NonNull<IRP>, whole: Whole) -> Option<Piece> {
        match whole {
            // SAFETY: a field of an IRP that is held.
            Whole::Direct(mdl) => unsafe { layout::irp::mdl_address(irp.as_ptr()).write(mdl.as_ptr()) },
            // SAFETY: as above.
            Whole::Buffered(buffer) => unsafe {
                layout::irp::system_buffer(irp.as_ptr()).write(buffer.as_ptr().cast());
            },
        }
        if let Some(partial) = &mut self.partial {
            partial.empty();
        }
        self.piece.take()
    }
}

impl<D: Driver, S: Split<D>> Block<D, S> {
    /// Sends a part by the IRP itself.
    ///
    /// # Safety
    ///
    /// The caller pumps, and has a reference. No part is in flight.
    pub(super) unsafe fn send_serially(
        this: NonNull<Self>,
        trip: &Trip<D, S>,
        piece: Piece,
        irql: &mut Dispatch,
    ) -> Fate {
        let (irp, whole) = (trip.irp, trip.divisible.whole);
        // The drivers below may set their own, where the parts before this one had IRPs of their own.
        // SAFETY: this thread pumps, and no part is sent by the IRP.
        let is_without_routine = unsafe { Self::take_back_cancel_routine(this, irql) };
        // SAFETY: the IRP is held.
        if !is_without_routine || unsafe { raw_irp::is_cancelled(irp) } {
            return Fate::Cancelled(piece);
        }
        let end = piece.offset.checked_add(piece.length);
        if piece.length == 0 || end.is_none_or(|end| end > trip.divisible.length) {
            return Fate::Refused(piece, NtError::INVALID_PARAMETER);
        }
        // SAFETY: the caller has a reference.
        let block = unsafe { this.as_ref() };
        // SAFETY: the IRP is held, so this is this thread's, until the IRP is sent.
        let serial = unsafe { &mut *block.serial.get() };
        // SAFETY: the IRP is held, and has this memory.
        if !unsafe { serial.put_part(irp, whole, piece) } {
            return Fate::Refused(piece, NtError::INVALID_PARAMETER);
        }
        // SAFETY: the IRP is held, and has a stack location for the lower driver.
        unsafe { raw_irp::copy_to_next(irp) };
        // SAFETY: as above.
        let next = unsafe { raw_irp::next_stack_location(irp) };
        // SAFETY: a field of a stack location that is there, copied from that of a READ or WRITE; they say it in the same places.
        unsafe { io_stack_location::read_length(next).write(piece.length) };
        let offset = io_stack_location::read_byte_offset(next);
        // SAFETY: as above.
        let whole_offset = unsafe { offset.read() };
        // SAFETY: as above.
        unsafe { offset.write(whole_offset.wrapping_add(piece.offset.into())) };
        let (routine, context) = (Some(back::<D, S> as _), this.as_ptr().cast::<c_void>());
        if trip.divisible.is_paging {
            // SAFETY: the IRP is held, its next stack location is set up, and it is sent next. The routine's block is there as long
            // as the part's reference, which is taken below.
            unsafe { raw_irp::register_infallibly(irp, routine, context) };
        // SAFETY: as above.
        } else if let Err(error) = unsafe { raw_irp::register(irp, trip.device.device(), routine, context) } {
            // SAFETY: the IRP is held, and has this memory.
            unsafe { serial.put_back(irp, whole) };
            return Fate::Refused(piece, error);
        }
        // Every call starts from the same state.
        // SAFETY: the IRP is held.
        unsafe { raw_irp::set_io_status(irp, NtStatus::SUCCESS, 0) };
        // For the part, which may come back before the call has returned.
        block.take_reference();
        // What it returns is for no one: the routine hears of the part's end, and dispatch returns STATUS_PENDING.
        // SAFETY: the IRP is registered, so that the next stack location is set up; the lock is in the trip. From here on the IRP
        // belongs to whoever has it below, and then to the routine.
        let _ = unsafe { raw_irp::call(irp, trip.device.device().lower()) };
        Fate::Sent(Way::Serial)
    }
}

/// The completion routine of an IRP by which a part was sent. It keeps the IRP.
///
/// # Safety
///
/// Called by the I/O manager, at DISPATCH_LEVEL or below, once for each registration whose IRP was sent. `context` is the block
/// that the IRP is in, to which the part has a reference. The device object is not used: the block has it.
unsafe extern "C" fn back<D: Driver, S: Split<D>>(
    _device: *mut DEVICE_OBJECT,
    _irp: *mut IRP,
    context: *mut c_void,
) -> NTSTATUS {
    // SAFETY: the registration was made with a block.
    let this = unsafe { NonNull::new_unchecked(context.cast::<Block<D, S>>()) };
    // SAFETY: a completion routine is called at DISPATCH_LEVEL at most, and this is its only token.
    let mut irql = unsafe { Dispatch::assume() };
    // SAFETY: the part has a reference, until it is given up below.
    let block = unsafe { this.as_ref() };
    // SAFETY: as above.
    if let Some(trip) = unsafe { block.trip() } {
        // SAFETY: the IRP is in our completion routine, which keeps it: it is held again.
        let status = unsafe { raw_irp::status(trip.irp) };
        // SAFETY: as above.
        let information = unsafe { raw_irp::information(trip.irp) };
        // SAFETY: the IRP is held, so this is this thread's.
        let serial = unsafe { &mut *block.serial.get() };
        // SAFETY: the IRP is held, and has this memory.
        let piece = unsafe { serial.put_back(trip.irp, trip.divisible.whole) };
        let is_to_pump = block.shared.lock(&mut irql).back(|split| {
            if let Some(piece) = piece {
                split.done(piece, status, information);
            }
        });
        if is_to_pump {
            // SAFETY: this thread pumps, and has the part's reference.
            unsafe { Block::pump(this, &mut irql) };
        }
    }
    // SAFETY: the part's reference, which is not used again.
    unsafe { Block::give_up(this, &mut irql) };
    NtStatus::MORE_PROCESSING_REQUIRED.to_raw()
}
