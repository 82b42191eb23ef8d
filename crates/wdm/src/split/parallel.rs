//! Parts that are sent by IRPs of their own, several at a time; and the cancellation of the IRP that they are parts of.
//!
//! Each part's IRP is allocated when it is sent, and freed when it is back. The IRP that they are parts of stays here meanwhile,
//! and has a cancel routine: that stops the sending, and cancels what is below, one IRP after the other and with no lock held.

use core::{cell::UnsafeCell, ffi::c_void, mem, ptr::NonNull};

use wdk_sys::{DEVICE_OBJECT, IRP};

use super::{
    Piece, Split, Way,
    block::{Block, Fate, Trip},
};
use crate::{
    driver::Driver,
    flight::RawFlight,
    irql::Dispatch,
    layout,
    own_irp::{OwnIrp, Part, Returned},
    raw_irp,
    status::NtError,
};

/// Room for one part that is below.
///
/// # Invariants
///
/// `what` is of who has claimed the flight, until its IRP is back.
pub(super) struct Slot<D: Driver, S: Split<D>> {
    flight: RawFlight<Part>,
    what: UnsafeCell<Option<What<D, S>>>,
}

/// What is kept for a part that is below.
struct What<D: Driver, S: Split<D>> {
    block: NonNull<Block<D, S>>,
    piece: Piece,
}

impl<D: Driver, S: Split<D>> Slot<D, S> {
    pub(super) fn new() -> Self {
        Self {
            flight: RawFlight::new(),
            what: UnsafeCell::new(None),
        }
    }
}

impl<D: Driver, S: Split<D>> Block<D, S> {
    /// Sends a part by an IRP of its own.
    ///
    /// # Safety
    ///
    /// The caller pumps, and has a reference. No part is sent by the IRP itself.
    pub(super) unsafe fn send_in_parallel(
        this: NonNull<Self>,
        trip: &Trip<D, S>,
        piece: Piece,
        irql: &mut Dispatch,
    ) -> Fate {
        // SAFETY: the caller has a reference.
        let block = unsafe { this.as_ref() };
        // There is one for each part that may be in flight, so that none is free only where the IRP was cancelled.
        let Some(slot) = block.slots().iter().find(|slot| slot.flight.claim()) else {
            return Fate::Cancelled(piece);
        };
        let (device, whole) = (trip.device.device(), trip.divisible.whole);
        let Ok(mut own) = OwnIrp::allocate_part(device, whole, piece.length) else {
            slot.flight.release();
            return Fate::NoMemory(piece);
        };
        // SAFETY: the IRP is held, and stays so as long as any part of it is below, which has a reference.
        if !unsafe { own.set_part(trip.irp, whole, piece.offset, piece.length) } {
            slot.flight.release();
            return Fate::Refused(piece, NtError::INVALID_PARAMETER);
        }
        // SAFETY: this thread has claimed the flight.
        unsafe { *slot.what.get() = Some(What { block: this, piece }) };
        // For the part, which may come back before the call has returned.
        block.take_reference();
        let flight = NonNull::from(&slot.flight);
        let land = (landed::<D, S> as _, (&raw const *slot).cast_mut().cast::<c_void>());
        let sent = if trip.divisible.is_paging {
            // SAFETY: the flight was claimed, and stays where it is as long as the part has its reference. The IRP is for this
            // device, whose lock is in the trip.
            unsafe { RawFlight::send_infallibly(flight, own, device, land, irql) };
            Ok(())
        } else {
            // SAFETY: as above.
            unsafe { RawFlight::send(flight, own, device, land, irql) }
        };
        match sent {
            Ok(()) => {
                if slot.flight.is_closed() {
                    // Whoever closed it may have looked for a part before this one was there.
                    // SAFETY: the caller has a reference to the block that the flight is in.
                    unsafe { RawFlight::cancel(flight, irql) };
                }
                Fate::Sent(Way::Parallel)
            }
            Err(error) => {
                slot.flight.release();
                block.give_up_beside_another();
                Fate::Refused(piece, error)
            }
        }
    }

    /// Sets the cancel routine of the IRP.
    ///
    /// # Safety
    ///
    /// The caller pumps and has a reference, and the IRP is held.
    pub(super) unsafe fn set_cancel_routine(this: NonNull<Self>, irql: &mut Dispatch) {
        // SAFETY: the caller has a reference.
        let block = unsafe { this.as_ref() };
        // SAFETY: as above.
        let Some(trip) = (unsafe { block.trip() }) else {
            return;
        };
        // SAFETY: DriverContext is of the driver that has the IRP.
        unsafe { *layout::irp::driver_context(trip.irp.as_ptr()).cast::<NonNull<Self>>() = this };
        block.take_reference();
        block.shared.lock(irql).has_cancel_routine = true;
        // SAFETY: the IRP is held, and the routine finds what it needs. It has a reference.
        let is_cancelled = unsafe { raw_irp::set_cancel_routine(trip.irp, cancelled::<D, S>) };
        // Cancelled before there was a routine: nobody calls it any more.
        // SAFETY: as the caller promises.
        if is_cancelled && unsafe { Self::take_back_cancel_routine(this, irql) } {
            block.shared.lock(irql).cancel();
        }
    }

    /// Takes the cancel routine back, where it is set. Returns false where it was set and has been called: it runs, or will.
    ///
    /// # Safety
    ///
    /// The caller pumps, and has a reference. No part is sent by the IRP itself.
    pub(super) unsafe fn take_back_cancel_routine(this: NonNull<Self>, irql: &mut Dispatch) -> bool {
        // SAFETY: the caller has a reference.
        let block = unsafe { this.as_ref() };
        // SAFETY: as above.
        let Some(trip) = (unsafe { block.trip() }) else {
            return true;
        };
        if !mem::take(&mut block.shared.lock(irql).has_cancel_routine) {
            return true;
        }
        // SAFETY: the IRP is held, and the routine was set by this driver.
        let is_taken_back = unsafe { raw_irp::take_back_cancel_routine(trip.irp) };
        if is_taken_back {
            // The routine's.
            block.give_up_beside_another();
        }
        is_taken_back
    }
}

/// A part has come back.
///
/// # Safety
///
/// Called once for each IRP that was sent, with its slot, for which the part has a reference to the block.
unsafe fn landed<D: Driver, S: Split<D>>(slot: *mut c_void, irp: Returned<Part>, irql: &mut Dispatch) {
    // SAFETY: the IRP was sent with a slot, which is there as long as the part's reference is.
    let slot = unsafe { &*slot.cast::<Slot<D, S>>() };
    let (status, information) = (irp.status(), irp.information());
    // The IRP and its MDL are freed before anybody hears of it.
    drop(irp);
    // SAFETY: the flight is this routine's, and with it what is kept for the part.
    let Some(What { block, piece }) = (unsafe { (*slot.what.get()).take() }) else {
        return;
    };
    slot.flight.release();
    // SAFETY: the part has a reference, until it is given up below.
    let shared = &unsafe { block.as_ref() }.shared;
    let is_to_pump = shared.lock(irql).back(|split| split.done(piece, status, information));
    if is_to_pump {
        // SAFETY: this thread pumps, and has the part's reference.
        unsafe { Block::pump(block, irql) };
    }
    // SAFETY: the part's reference, which is not used again.
    unsafe { Block::give_up(block, irql) };
}

/// The cancel routine.
///
/// # Safety
///
/// Called by the I/O manager, with the cancel spin lock held, once for an IRP that [`Block::set_cancel_routine`] was called for
/// and whose routine was not taken back since.
unsafe extern "C" fn cancelled<D: Driver, S: Split<D>>(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: the I/O manager passes the IRP that is cancelled.
    let irp = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: DriverContext is ours as long as the routine is set, and has the block, to which the routine has a reference.
    let this = unsafe { *layout::irp::driver_context(irp.as_ptr()).cast::<NonNull<Block<D, S>>>() };
    // SAFETY: the argument of this call. The IRP is not completed before the routine's reference is given up.
    unsafe { raw_irp::release_cancel_spin_lock(irp) };
    // SAFETY: a cancel routine is called at DISPATCH_LEVEL at most, this is its only token, and the one lock that was held is
    // not any more.
    let mut irql = unsafe { Dispatch::assume() };
    // SAFETY: as above.
    let block = unsafe { this.as_ref() };
    block.shared.lock(&mut irql).cancel();
    // Each is closed before any is cancelled: a part that is sent at this moment is found below, or its sender finds its flight
    // closed when it is sent, and cancels it.
    for slot in block.slots() {
        slot.flight.close();
    }
    for slot in block.slots() {
        // SAFETY: the routine has a reference to the block that the flight is in.
        unsafe { RawFlight::cancel(NonNull::from(&slot.flight), &mut irql) };
    }
    // SAFETY: the routine's reference, which is not used again.
    unsafe { Block::give_up(this, &mut irql) };
}
