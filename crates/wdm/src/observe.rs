//! Following an IRP to its end without touching it: registered, sent, and looked at when it comes back.
//!
//! Registration and call are one step, so that nothing can come between them: an IRP that is registered and not sent
//! leaks what the kernel allocated for it, and one that is sent although the registration failed is followed by nobody.

use core::{ffi::c_void, marker::PhantomData, ptr::NonNull};

use wdk_sys::{DEVICE_OBJECT, IRP, NTSTATUS};

use crate::{
    device::Device,
    driver::Driver,
    irp::{Dispatched, Irp, Outcome},
    raw_irp,
    slab::{Cell, Contents, Slab, Slot},
    status::NtStatus,
};

/// What is kept for an IRP that is followed, and what is done with it.
///
/// Each method runs at DISPATCH_LEVEL or below, and neither can keep the IRP, fail it, or send it again.
pub trait Observe<D: Driver>: Send + Sized + 'static {
    /// The completion routine is registered, and the lower driver is called next: the place to start a clock or to
    /// count. It does not run for an IRP whose registration was refused.
    fn calling(&mut self, _device: &Device<D>) {}

    /// The IRP has come back.
    fn done(self, device: &Device<D>, view: View<'_>);
}

/// How an IRP that is on its way up came back.
///
/// # Invariants
///
/// The IRP is in this driver's completion routine, or was kept by it and is not given up meanwhile.
#[derive(Debug)]
pub struct View<'routine> {
    irp: NonNull<IRP>,
    routine: PhantomData<&'routine ()>,
}

impl View<'_> {
    /// A look at an IRP.
    ///
    /// # Safety
    ///
    /// The invariant holds for it as long as the value lives.
    pub(crate) unsafe fn new(irp: NonNull<IRP>) -> Self {
        let routine = PhantomData;
        Self { irp, routine }
    }

    /// What the IRP ended with.
    #[must_use]
    pub fn status(&self) -> NtStatus {
        // SAFETY: the IRP may be looked at (invariant).
        unsafe { raw_irp::status(self.irp) }
    }

    /// How much of what was asked for was done; of a READ or WRITE, the bytes that were transferred.
    #[must_use]
    pub fn information(&self) -> u64 {
        // SAFETY: as in `status`.
        unsafe { raw_irp::information(self.irp) }
    }
}

/// An IRP in dispatch that has a slot for its context, so that it can be followed.
///
/// # Invariants
///
/// As for [`Irp`], and it has a stack location for the lower driver.
#[must_use = "an IRP has to be completed or sent down"]
pub struct WithSlot<'irp, D: Driver, C> {
    // Dropped before the remove lock, which is in the IRP.
    pub(crate) slot: Slot<D, C>,
    pub(crate) irp: Irp<'irp, D>,
}

impl<'irp, D: Driver> Irp<'irp, D> {
    /// Takes a slot of the slab that `slab` finds in the device's state.
    ///
    /// # Errors
    ///
    /// The IRP itself, where there is no slab or no free slot in it, or where the IRP has no stack location for the lower
    /// driver, as one has not that was made for a stack without this device. Then it can be sent down and not followed,
    /// which costs it nothing.
    pub fn with_slot<C: Send>(
        self,
        slab: impl for<'state> FnOnce(&'state D::State) -> Option<&'state Slab<D, C>>,
    ) -> Result<WithSlot<'irp, D, C>, Self> {
        // SAFETY: we own the IRP.
        if !unsafe { raw_irp::has_next_stack_location(self.raw) } {
            return Err(self);
        }
        // SAFETY: the slab is in the state, which lives as long as any remove lock is held; and wherever the slot goes,
        // the lock of this IRP goes along and is released after it.
        match slab(self.device().state()).and_then(|slab| unsafe { slab.take() }) {
            Some(slot) => Ok(WithSlot { slot, irp: self }),
            None => Err(self),
        }
    }
}

impl<'irp, D: Driver, C: Observe<D>> WithSlot<'irp, D, C> {
    /// Follows the IRP: registers a completion routine with IoSetCompletionRoutineEx and calls the lower driver, whose
    /// status is what dispatch returns.
    ///
    /// # Errors
    ///
    /// The IRP with the status of the registration, which found no memory: all that can be done is to complete it.
    pub fn observe(self, context: C) -> Outcome<'irp, D> {
        // SAFETY: we own the IRP, which has a stack location for the lower driver (invariant).
        unsafe { raw_irp::copy_to_next(self.irp.raw) };
        // SAFETY: as above, and copied. The routine is given this slot, and `call` comes next.
        let registered = unsafe {
            raw_irp::register(
                self.irp.raw,
                self.irp.device(),
                Some(observed::<D, C>),
                self.slot.as_context(),
            )
        };
        match registered {
            // SAFETY: registered above, with this slot.
            Ok(()) => Ok(unsafe { self.call(context) }),
            Err(error) => {
                // Given back before the lock is, which is in the IRP.
                drop(self.slot);
                Err(self.irp.reject(error))
            }
        }
    }

    /// Follows the IRP by the plain IoSetCompletionRoutine, which allocates nothing and cannot fail: for requests that
    /// must not fail because memory ran out.
    ///
    /// What the other call gives and this one does not is a reference to the device object until the routine has run. A
    /// driver whose devices the PnP manager removes can do without: removal waits for the remove lock, which the slot
    /// holds.
    pub fn observe_infallibly(self, context: C) -> Dispatched<'irp> {
        // SAFETY: as in `observe`.
        unsafe { raw_irp::copy_to_next(self.irp.raw) };
        // SAFETY: as above, and copied. The routine is given this slot, and `call` comes next.
        unsafe { raw_irp::register_infallibly(self.irp.raw, Some(observed::<D, C>), self.slot.as_context()) };
        // SAFETY: registered above, with this slot.
        unsafe { self.call(context) }
    }

    /// Calls the lower driver.
    ///
    /// # Safety
    ///
    /// [`observed`] is registered for this IRP, with this slot.
    unsafe fn call(self, mut context: C) -> Dispatched<'irp> {
        let Self { slot, irp } = self;
        let Irp { raw, device, .. } = irp;
        context.calling(device.device());
        let lower = device.device().lower();
        slot.fill(Contents { device, context });
        // SAFETY: we own the IRP, the next stack location is set up, and the lock is in the slot. The routine may run
        // from here on, and nothing of the IRP, the slot or the device is used any more.
        Dispatched::new(unsafe { raw_irp::call(raw, lower) })
    }
}

impl<D: Driver, C> WithSlot<'_, D, C> {
    /// The device that the IRP was sent to.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.irp.device()
    }
}

/// The completion routine of an observed IRP.
///
/// # Safety
///
/// Called by the I/O manager, at DISPATCH_LEVEL or below, once for each registration whose IRP was sent. `context` is
/// the slot that the registration was made with, which is full. The device object is not used: the slot has it.
unsafe extern "C" fn observed<D: Driver, C: Observe<D>>(
    _device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    context: *mut c_void,
) -> NTSTATUS {
    // SAFETY: the I/O manager passes the IRP that is completed.
    let irp = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: the registration was made with a slot.
    let cell = unsafe { NonNull::new_unchecked(context.cast::<Cell<D, C>>()) };
    // SAFETY: `call` filled the slot before it called the lower driver, and this is its one completion.
    let (slot, Contents { device, context }) = unsafe { Slot::empty(cell) };
    drop(slot);
    // SAFETY: our own completion routine; an observed IRP was not marked in dispatch.
    unsafe { raw_irp::propagate_pending(irp) };
    // SAFETY: our own completion routine, which has not ended.
    let view = unsafe { View::new(irp) };
    context.done(device.device(), view);
    // What is returned here is only told apart from STATUS_MORE_PROCESSING_REQUIRED. The lock is released last.
    NtStatus::SUCCESS.to_raw()
}
