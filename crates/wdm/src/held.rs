//! An IRP that this driver keeps after dispatch has returned STATUS_PENDING for it.

use core::{mem::ManuallyDrop, ptr::NonNull};

use wdk_sys::IRP;

use crate::{
    device::Device,
    driver::Driver,
    irql::Dispatch,
    raw_irp,
    remove_lock::{KeptDevice, Locked},
    slab::{Slot, Stashed},
    status::{NtError, NtStatus},
};

/// An IRP that this driver has pending, with the remove lock of its device: it can be kept, and sent to another thread.
///
/// `S` is the slot it has: a [`Slot`] where it came back to [`Hold::done`](crate::Hold::done), a [`Stashed`] where its context
/// was put into that; one that was [parked](crate::Irp::park) has none.
///
/// # States
///
/// 1. *Held*: a value of this type exists.
/// 2. *Completed*, or *sent down again*: the value is gone. Dropping it completes the IRP with STATUS_INTERNAL_ERROR and
///    tells [`Driver::held_dropped`]; no driver should let it come to that.
///
/// # Invariants
///
/// The IRP was marked pending in dispatch, dispatch returns STATUS_PENDING for it, its current stack location is the
/// device's, and nobody below has it.
#[must_use = "an IRP that is dropped is completed with an error"]
pub struct Held<D: Driver, S = ()> {
    parts: ManuallyDrop<HeldParts<D, S>>,
}

/// What a [`Held`] is made of. It has no destructor, so that it can be taken apart.
pub(crate) struct HeldParts<D: Driver, S> {
    pub(crate) raw: NonNull<IRP>,
    pub(crate) slot: S,
    pub(crate) device: Locked<D>,
}

// SAFETY: an IRP that is pending belongs to no thread.
unsafe impl<D: Driver, S: Send> Send for Held<D, S> {}

impl<D: Driver, S> Held<D, S> {
    /// Takes over an IRP.
    ///
    /// # Safety
    ///
    /// The invariants of this type hold for it.
    pub(crate) unsafe fn new(parts: HeldParts<D, S>) -> Self {
        let parts = ManuallyDrop::new(parts);
        Self { parts }
    }

    /// The device that the IRP was sent to.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.parts.device.device()
    }

    /// The device that the IRP was sent to, kept for as long as the result lives and not as long as the IRP does.
    ///
    /// # Errors
    ///
    /// STATUS_DELETE_PENDING where the device is being removed.
    pub fn keep_device(&self) -> Result<KeptDevice<D>, NtError> {
        KeptDevice::new(&self.parts.device)
    }

    /// Whether whoever sent the IRP has cancelled it. It may be cancelled at any moment; one that is has to end soon.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        // SAFETY: the IRP is held.
        unsafe { raw_irp::is_cancelled(self.parts.raw) }
    }

    /// Whether the memory manager waits for this READ or WRITE to have a page, see [`Irp::is_paging_io`](crate::Irp::is_paging_io).
    #[must_use]
    pub fn is_paging_io(&self) -> bool {
        // SAFETY: the IRP is held.
        unsafe { raw_irp::is_paging_io(self.parts.raw) }
    }

    /// Completes the IRP with an error.
    pub fn fail(self, error: NtError, irql: &mut Dispatch) {
        let parts = self.into_parts();
        // SAFETY: the IRP is held.
        unsafe { raw_irp::set_io_status(parts.raw, error.into(), 0) };
        // SAFETY: as above, and its status is set.
        unsafe { parts.complete(irql) };
    }

    /// The IRP.
    pub(crate) fn raw(&self) -> NonNull<IRP> {
        self.parts.raw
    }

    pub(crate) fn into_parts(self) -> HeldParts<D, S> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, and not dropped.
        unsafe { ManuallyDrop::take(&mut this.parts) }
    }
}

impl<D: Driver> Held<D> {
    /// Says what the IRP ends with, if nothing else becomes of it: an error or STATUS_SUCCESS, and `information`, of a READ or
    /// WRITE the bytes that were transferred. It need not end yet.
    pub fn settle(self, result: Result<(), NtError>, information: u64) -> Held<D, Settled> {
        let status = result.err().map_or(NtStatus::SUCCESS, NtStatus::from);
        let HeldParts { raw, device, .. } = self.into_parts();
        // SAFETY: the IRP is held.
        unsafe { raw_irp::set_io_status(raw, status, information) };
        let slot = Settled(());
        // SAFETY: it was held.
        unsafe { Held::new(HeldParts { raw, slot, device }) }
    }

    /// Sends the IRP to the lower driver, and does not hear of it again.
    ///
    /// It is sent with a stack location of its own for the lower driver, at whatever IRQL this thread has: at DISPATCH_LEVEL
    /// a driver below takes READ, WRITE and device control requests, and nothing else.
    pub fn call(self, _irql: &mut Dispatch) {
        let HeldParts { raw, device, .. } = self.into_parts();
        // Not skipped: our stack location is marked pending, and the lower driver would have cleared that.
        // SAFETY: the IRP is held, and the I/O manager made it with a stack location for each device of the stack.
        unsafe { raw_irp::copy_to_next(raw) };
        // What it returns is for no one: dispatch has returned STATUS_PENDING.
        // SAFETY: as above, and we give it up with this call; the lock is held until it has returned.
        let _ = unsafe { raw_irp::call(raw, device.device().lower()) };
        drop(device);
    }

    /// Completes the IRP, which nobody below has seen, with STATUS_SUCCESS and `information`: of a READ or WRITE, the
    /// bytes that were transferred.
    pub fn succeed(self, information: u64, irql: &mut Dispatch) {
        let parts = self.into_parts();
        // SAFETY: the IRP is held.
        unsafe { raw_irp::set_io_status(parts.raw, NtStatus::SUCCESS, information) };
        // SAFETY: as above, and its status is set.
        unsafe { parts.complete(irql) };
    }
}

/// What a [`Held`] has in the place of a slot whose IRP has been [settled](Held::settle).
///
/// # Invariants
///
/// The status of the IRP is set.
pub struct Settled(());

/// What a [`Held`] has whose IRP says what it ended with: a slot, where the lower driver has completed it, or [`Settled`].
pub trait HasStatus: sealed::HasStatus {}

impl<S: sealed::HasStatus> HasStatus for S {}

mod sealed {
    /// Only where the status of the IRP is set as long as the value is with it.
    pub trait HasStatus {}
}

impl<D: Driver, C> sealed::HasStatus for Slot<D, C> {}

impl sealed::HasStatus for Settled {}

impl<D: Driver, S: HasStatus> Held<D, S> {
    /// What the lower driver completed the IRP with, or what was [settled](Held::settle).
    #[must_use]
    pub fn status(&self) -> NtStatus {
        // SAFETY: the IRP is held.
        unsafe { raw_irp::status(self.parts.raw) }
    }

    /// How much of what was asked for was done; of a READ or WRITE, the bytes that were transferred.
    #[must_use]
    pub fn information(&self) -> u64 {
        // SAFETY: the IRP is held.
        unsafe { raw_irp::information(self.parts.raw) }
    }

    /// Completes the IRP with that.
    pub fn complete(self, irql: &mut Dispatch) {
        // SAFETY: the IRP is held, and its status is set, as `S` says.
        unsafe { self.into_parts().complete(irql) };
    }
}

impl<D: Driver> Held<D, Settled> {
    /// Goes on with the IRP: what was settled is settled no more.
    pub fn reopen(self) -> Held<D> {
        let HeldParts { raw, device, .. } = self.into_parts();
        // SAFETY: it was held.
        unsafe { Held::new(HeldParts { raw, slot: (), device }) }
    }
}

impl<D: Driver, C> Held<D, Slot<D, C>> {
    /// Puts the context into the slot, so that both go with the IRP wherever it waits, a [`Queue`](crate::Queue) most often.
    pub fn stash(self, context: C) -> Held<D, Stashed<D, C>> {
        let HeldParts { raw, slot, device } = self.into_parts();
        let slot = slot.stash(context);
        // SAFETY: it was held.
        unsafe { Held::new(HeldParts { raw, slot, device }) }
    }
}

impl<D: Driver, C> Held<D, Stashed<D, C>> {
    /// Takes the context back, to complete the IRP or to [send it again](Held::send_again).
    pub fn take_back(self) -> (Held<D, Slot<D, C>>, C) {
        let HeldParts { raw, slot, device } = self.into_parts();
        let (slot, context) = slot.take_back();
        // SAFETY: it was held.
        (unsafe { Held::new(HeldParts { raw, slot, device }) }, context)
    }
}

impl<D: Driver, S> HeldParts<D, S> {
    /// Completes the IRP.
    ///
    /// # Safety
    ///
    /// The IRP is held, and its status is set.
    pub(crate) unsafe fn complete(self, _irql: &mut Dispatch) {
        let Self { raw, slot, device } = self;
        drop(slot);
        // SAFETY: as the caller promises; the IRP is given up here.
        unsafe { raw_irp::complete(raw) };
        drop(device);
    }
}

impl<D: Driver, S> Drop for Held<D, S> {
    fn drop(&mut self) {
        D::held_dropped(self.device());
        // SAFETY: the value is being dropped.
        let parts = unsafe { ManuallyDrop::take(&mut self.parts) };
        // SAFETY: the IRP is held.
        unsafe { raw_irp::set_io_status(parts.raw, NtError::INTERNAL_ERROR.into(), 0) };
        // Where a driver drops one under a spin lock it holds, this is not true. It is better than a request that never
        // ends.
        // SAFETY: what this token is for, completing, is what dropping does.
        let mut irql = unsafe { Dispatch::assume() };
        // SAFETY: the IRP is held, and its status is set.
        unsafe { parts.complete(&mut irql) };
    }
}
