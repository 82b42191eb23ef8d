//! Following an IRP and owning it when it comes back: to complete it, to keep it, or to send it down again.
//!
//! It is registered first, so that a refusal is still an error of dispatch; then it is marked pending, sent, and dispatch
//! returns STATUS_PENDING whatever the lower driver said. The completion routine always keeps the IRP. A lower driver
//! that completes at once is answered in a loop and not by recursion, see [`rendezvous`](crate::rendezvous).

use core::{ffi::c_void, ptr::NonNull};

use wdk_sys::{DEVICE_OBJECT, IRP, NTSTATUS, PIO_COMPLETION_ROUTINE};

use crate::{
    device::Device,
    driver::Driver,
    held::{Held, HeldParts},
    irp::{Dispatched, Irp, Outcome},
    irql::Dispatch,
    observe::{View, WithSlot},
    raw_irp,
    remove_lock::Locked,
    rendezvous::Turn,
    slab::{Cell, Contents, Slot},
    status::{NtError, NtStatus},
};

/// What is kept for an IRP while the lower driver has it, and what is done with it when it comes back.
pub trait Hold<D: Driver>: Send + Sized + 'static {
    /// The completion routine is registered, and the lower driver is called next, for the first time or once more: the place
    /// to start a clock or to count. It does not run where the registration was refused.
    fn calling(&mut self, _device: &Device<D>) {}

    /// The IRP was to be sent again, and the completion routine could not be registered: there was no memory for it. When this
    /// returns, the IRP is completed with what the lower driver completed it with the last time.
    fn refused(self, _device: &Device<D>, _view: View<'_>) {}

    /// The IRP has come back and is this driver's again, at DISPATCH_LEVEL or below.
    fn done(self, irp: Held<D, Slot<D, Self>>, irql: &mut Dispatch) -> Next<D, Self>;
}

/// What becomes of an IRP that came back.
#[must_use = "the IRP is in it"]
pub enum Next<D: Driver, C> {
    /// It has been completed, or is kept elsewhere.
    Gone,
    /// It is sent to the lower driver again, and comes back to this context.
    ///
    /// It is sent at the IRQL at which it came back. At DISPATCH_LEVEL a driver below takes READ, WRITE and device
    /// control requests, and nothing else.
    ///
    /// Where the completion routine cannot be registered again, the IRP is completed with what the lower driver
    /// completed it with the last time, see [`Hold::refused`].
    Resend(Held<D, Slot<D, C>>, C),
}

impl<'irp, D: Driver, C: Hold<D>> WithSlot<'irp, D, C> {
    /// Follows the IRP and takes it over when it comes back. Dispatch returns STATUS_PENDING.
    ///
    /// # Errors
    ///
    /// The IRP with the status of the registration, which found no memory: all that can be done is to complete it.
    pub fn hold(self, context: C) -> Outcome<'irp, D> {
        let routine = Some(held::<D, C, Fallible> as _);
        // SAFETY: we own the IRP, which has a stack location for the lower driver (invariant). The slot is filled and the
        // IRP sent next, or neither.
        let registered = unsafe { Fallible::register(self.irp.raw, &self.slot, &self.irp.device, routine) };
        if let Err(error) = registered {
            // Given back before the lock is, which is in the IRP.
            drop(self.slot);
            return Err(self.irp.reject(error));
        }
        let Self { slot, irp } = self;
        let Irp {
            raw, device, mut irql, ..
        } = irp;
        // After the registration, whose refusal must find an IRP that is not marked yet.
        // SAFETY: we own the IRP, and our stack location is the current one.
        unsafe { raw_irp::mark_pending(raw) };
        let parts = HeldParts { raw, slot, device };
        pump::<D, C, Fallible>(Registered { parts, context }, &mut irql);
        Ok(Dispatched::new(NtStatus::PENDING))
    }

    /// The same by the plain IoSetCompletionRoutine, which allocates nothing and cannot fail, however often the IRP is sent:
    /// for requests that must not fail because memory ran out.
    ///
    /// What it does without, and why that is enough, is said at
    /// [`observe_infallibly`](Self::observe_infallibly).
    pub fn hold_infallibly(self, context: C) -> Dispatched<'irp> {
        let Self { slot, irp } = self;
        let Irp {
            raw, device, mut irql, ..
        } = irp;
        // SAFETY: we own the IRP, which has a stack location for each device of the stack; the slot is filled and the IRP
        // sent next.
        let Ok(()) = unsafe { Infallible::register(raw, &slot, &device, Some(held::<D, C, Infallible>)) };
        // SAFETY: we own the IRP, and our stack location is the current one.
        unsafe { raw_irp::mark_pending(raw) };
        let parts = HeldParts { raw, slot, device };
        pump::<D, C, Infallible>(Registered { parts, context }, &mut irql);
        Dispatched::new(NtStatus::PENDING)
    }
}

impl<D: Driver, C: Hold<D>> Held<D, Slot<D, C>> {
    /// Sends the IRP to the lower driver again, some time after it came back: from a timer's routine or a work item. It comes
    /// back to this context, on this thread, before this returns, where the lower driver completes it at once.
    ///
    /// Not from [`Hold::done`], which has [`Next::Resend`] for it: that takes no stack, however often the IRP comes back.
    ///
    /// It is sent at whatever IRQL this thread has: at DISPATCH_LEVEL a driver below takes READ, WRITE and device control
    /// requests, and nothing else. Whatever else is sent again goes through a function of the driver's that takes a
    /// [`Passive`](crate::Passive).
    ///
    /// Where the completion routine cannot be registered again, the IRP is completed with what the lower driver completed it
    /// with the last time, see [`Hold::refused`].
    pub fn send_again(self, context: C, irql: &mut Dispatch) {
        if let Some(registered) = again::<D, C, Fallible>(self, context, irql) {
            pump::<D, C, Fallible>(registered, irql);
        }
    }

    /// The same by the plain IoSetCompletionRoutine, for what was held by
    /// [`hold_infallibly`](WithSlot::hold_infallibly): no memory is asked for, and nothing is refused.
    pub fn send_again_infallibly(self, context: C, irql: &mut Dispatch) {
        if let Some(registered) = again::<D, C, Infallible>(self, context, irql) {
            pump::<D, C, Infallible>(registered, irql);
        }
    }
}

/// How a completion routine is registered, each time that the IRP is sent.
trait Register: 'static {
    /// Why it may not be.
    type Error;

    /// Sets up the next stack location and registers `routine` there, with the slot as its context.
    ///
    /// # Safety
    ///
    /// The caller owns the IRP, has a stack location of `device` as the current one, and one for the lower driver. If this
    /// succeeds, the slot is filled and the IRP sent next.
    unsafe fn register<D: Driver, C>(
        irp: NonNull<IRP>,
        slot: &Slot<D, C>,
        device: &Locked<D>,
        routine: PIO_COMPLETION_ROUTINE,
    ) -> Result<(), Self::Error>;
}

/// By IoSetCompletionRoutineEx. Where it fails, the IRP may only be completed.
enum Fallible {}

/// By IoSetCompletionRoutine.
enum Infallible {}

impl Register for Fallible {
    type Error = NtError;

    unsafe fn register<D: Driver, C>(
        irp: NonNull<IRP>,
        slot: &Slot<D, C>,
        device: &Locked<D>,
        routine: PIO_COMPLETION_ROUTINE,
    ) -> Result<(), NtError> {
        // SAFETY: as the caller promises.
        unsafe { raw_irp::copy_to_next(irp) };
        // SAFETY: as above.
        unsafe { raw_irp::register(irp, device.device(), routine, slot.as_context()) }
    }
}

impl Register for Infallible {
    type Error = core::convert::Infallible;

    unsafe fn register<D: Driver, C>(
        irp: NonNull<IRP>,
        slot: &Slot<D, C>,
        _device: &Locked<D>,
        routine: PIO_COMPLETION_ROUTINE,
    ) -> Result<(), Self::Error> {
        // SAFETY: as the caller promises.
        unsafe { raw_irp::copy_to_next(irp) };
        // SAFETY: as above.
        unsafe { raw_irp::register_infallibly(irp, routine, slot.as_context()) };
        Ok(())
    }
}

/// An IRP that is registered and about to be sent.
///
/// # Invariants
///
/// As for [`Held`]; and [`held`] is registered for it with the slot that is here, which is empty.
struct Registered<D: Driver, C> {
    parts: HeldParts<D, Slot<D, C>>,
    context: C,
}

/// Sends the IRP, and sends it again as long as it comes back before the call has returned and is to be.
fn pump<D: Driver, C: Hold<D>, R: Register>(mut registered: Registered<D, C>, irql: &mut Dispatch) {
    loop {
        let Registered { parts, mut context } = registered;
        let HeldParts { raw, slot, device } = parts;
        context.calling(device.device());
        let lower = device.device().lower();
        let cell = slot.fill(Contents { device, context });
        // What it returns is for no one: the routine hears of the IRP's end, and dispatch returns STATUS_PENDING.
        // SAFETY: we own the IRP, which is registered, so that the next stack location is set up; the lock is in the
        // slot. From here on the IRP belongs to whoever comes second.
        let _ = unsafe { raw_irp::call(raw, lower) };
        // SAFETY: the slot is full, and we arrive once.
        match unsafe { Cell::rendezvous(cell) }.returned() {
            Turn::Theirs => return,
            Turn::Mine => {}
        }
        // SAFETY: we came second.
        match unsafe { go_on::<D, C, R>(cell, raw, irql) } {
            Some(next) => registered = next,
            None => return,
        }
    }
}

/// Lets the driver decide about an IRP that has come back. Returns it where it is to be sent again.
///
/// # Safety
///
/// Called by the one who comes second to the rendezvous in `cell`, with the IRP that was sent.
unsafe fn go_on<D: Driver, C: Hold<D>, R: Register>(
    cell: NonNull<Cell<D, C>>,
    raw: NonNull<IRP>,
    irql: &mut Dispatch,
) -> Option<Registered<D, C>> {
    // SAFETY: the slot was filled before the call, and only the second empties it.
    let (slot, Contents { device, context }) = unsafe { Slot::empty(cell) };
    // SAFETY: the IRP was marked pending before it was sent for the first time, and the completion routine keeps it.
    let irp = unsafe { Held::new(HeldParts { raw, slot, device }) };
    match context.done(irp, irql) {
        Next::Resend(irp, context) => again::<D, C, R>(irp, context, irql),
        Next::Gone => None,
    }
}

/// Registers an IRP that has come back once more. Where that is refused, the IRP is completed, and `None` returned.
fn again<D: Driver, C: Hold<D>, R: Register>(
    irp: Held<D, Slot<D, C>>,
    context: C,
    irql: &mut Dispatch,
) -> Option<Registered<D, C>> {
    let parts = irp.into_parts();
    // SAFETY: the IRP is held, so it is ours, and it had a stack location for the lower driver before.
    if unsafe { R::register(parts.raw, &parts.slot, &parts.device, Some(held::<D, C, R>)) }.is_err() {
        // SAFETY: the IRP is held, and given up after this.
        let view = unsafe { View::new(parts.raw) };
        context.refused(parts.device.device(), view);
        // SAFETY: the IRP is held, and still has the status that the lower driver set.
        unsafe { parts.complete(irql) };
        return None;
    }
    // Every call starts from the same state, and the last one's is not needed any more.
    // SAFETY: the IRP is held.
    unsafe { raw_irp::set_io_status(parts.raw, NtStatus::SUCCESS, 0) };
    Some(Registered { parts, context })
}

/// The completion routine of an IRP that is held.
///
/// # Safety
///
/// Called by the I/O manager, at DISPATCH_LEVEL or below, once for each registration whose IRP was sent. `context` is
/// the slot that the registration was made with, which is full. The device object is not used: the slot has it.
unsafe extern "C" fn held<D: Driver, C: Hold<D>, R: Register>(
    _device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    context: *mut c_void,
) -> NTSTATUS {
    // SAFETY: the I/O manager passes the IRP that is completed.
    let irp = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: the registration was made with a slot.
    let cell = unsafe { NonNull::new_unchecked(context.cast::<Cell<D, C>>()) };
    // SAFETY: the slot is full, and we arrive once.
    if unsafe { Cell::rendezvous(cell) }.completed() == Turn::Mine {
        // SAFETY: a completion routine is called at DISPATCH_LEVEL at most, and this is its only token.
        let mut irql = unsafe { Dispatch::assume() };
        // SAFETY: we came second.
        if let Some(registered) = unsafe { go_on::<D, C, R>(cell, irp, &mut irql) } {
            pump::<D, C, R>(registered, &mut irql);
        }
    }
    NtStatus::MORE_PROCESSING_REQUIRED.to_raw()
}
