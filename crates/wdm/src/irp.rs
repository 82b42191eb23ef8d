//! An IRP in dispatch: who owns it, and the ways to dispose of it.
//!
//! A dispatch routine must complete its IRP or pass it on, just once, and must return the status that belongs to what
//! it did. Here that is what compiles: [`Irp`] is neither `Copy` nor `Clone`, each disposal takes it by value, and
//! only a disposal makes the [`Dispatched`] that the routine has to return. The brand `'irp` is fresh for each call, so
//! a `Dispatched` of one IRP is none of another.
//!
//! Not here: the requests that may not be disposed of in every way there is, see `request` and `remove_device`.

use core::{marker::PhantomData, ptr::NonNull};

use wdk_sys::{IO_STACK_LOCATION, IRP};

use crate::{
    device::Device,
    driver::Driver,
    held::{Held, HeldParts},
    irql::Dispatch,
    layout::{self, io_stack_location},
    raw_irp,
    remove_lock::{KeptDevice, Locked},
    status::{NtError, NtStatus},
};

/// Invariant in `'irp`, so that two IRPs never have the same brand.
pub(crate) type Brand<'irp> = PhantomData<fn(&'irp ()) -> &'irp ()>;

/// How a dispatch routine ends: it disposed of its IRP, or it gives the IRP back to be completed with an error.
pub type Outcome<'irp, D> = Result<Dispatched<'irp>, Rejected<'irp, D>>;

/// An IRP that this driver owns in dispatch, with the remove lock of the device that it was sent to.
///
/// # States
///
/// 1. *Owned*: a value of this type exists.
/// 2. *Owned, with a slot*: it has become a [`WithSlot`](crate::WithSlot), which can follow it.
/// 3. *Disposed of*: completed, sent down, followed or parked. The value is gone, and a [`Dispatched`] is there
///    instead.
///
/// # Invariants
///
/// The IRP was sent to the device, its current stack location is that device's, and it has been neither completed nor
/// sent on.
#[must_use = "an IRP has to be completed or sent down"]
pub struct Irp<'irp, D: Driver> {
    pub(crate) raw: NonNull<IRP>,
    pub(crate) device: Locked<D>,
    /// What the routine that has the IRP may call. It goes where the IRP goes, so that a spin lock that is held, for
    /// which it is borrowed, keeps the IRP from being completed or sent.
    pub(crate) irql: Dispatch,
    pub(crate) brand: Brand<'irp>,
}

/// Proof that an IRP has been disposed of, with the status that goes back to the I/O manager.
#[must_use = "dispatch has to return the status that belongs to what it did"]
pub struct Dispatched<'irp> {
    status: NtStatus,
    brand: Brand<'irp>,
}

impl Dispatched<'_> {
    pub(crate) fn new(status: NtStatus) -> Self {
        Self {
            status,
            brand: PhantomData,
        }
    }

    /// What the dispatch routine returns.
    pub(crate) fn status(self) -> NtStatus {
        self.status
    }
}

/// An IRP that could not be served: it is completed with the error when dispatch returns it, so `?` works.
#[must_use = "a rejected IRP has to be returned, to be completed"]
pub struct Rejected<'irp, D: Driver> {
    irp: Irp<'irp, D>,
    error: NtError,
}

impl<'irp, D: Driver> Rejected<'irp, D> {
    /// The device that the IRP was sent to.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.irp.device()
    }

    /// Completes the IRP with the error that it was rejected with.
    pub(crate) fn complete(self) -> Dispatched<'irp> {
        self.irp.complete(self.error.into())
    }
}

impl<'irp, D: Driver> Irp<'irp, D> {
    /// Takes over the IRP of a dispatch routine.
    ///
    /// # Safety
    ///
    /// The I/O manager has just passed `raw` to a dispatch routine of the device that `device` locks, the routine has
    /// done nothing with it but acquire that lock, and `'irp` ends before the routine returns.
    pub(crate) unsafe fn from_raw(raw: NonNull<IRP>, device: Locked<D>, irql: Dispatch) -> Self {
        Self {
            raw,
            device,
            irql,
            brand: PhantomData,
        }
    }

    /// The device that the IRP was sent to.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.device.device()
    }

    /// The device that the IRP was sent to, kept for as long as the result lives and not as long as the IRP does.
    ///
    /// # Errors
    ///
    /// STATUS_DELETE_PENDING where the device is being removed.
    pub fn keep_device(&self) -> Result<KeptDevice<D>, NtError> {
        KeptDevice::new(&self.device)
    }

    /// The same, and what this thread may call: for a spin lock in the device's state.
    pub fn device_and_irql(&mut self) -> (&Device<D>, &mut Dispatch) {
        (self.device.device(), &mut self.irql)
    }

    /// Whether the memory manager waits for this READ or WRITE to have a page: such a request must never fail because
    /// memory ran out.
    #[must_use]
    pub fn is_paging_io(&self) -> bool {
        // SAFETY: we own the IRP.
        unsafe { raw_irp::is_paging_io(self.raw) }
    }

    /// The request's IRP_MJ_ code.
    #[must_use]
    pub fn major_function(&self) -> u8 {
        // SAFETY: our own stack location, which nobody changes while we own the IRP.
        unsafe { io_stack_location::major_function(self.stack_location()).read() }
    }

    /// The request's IRP_MN_ code, which means something only together with the major function.
    #[must_use]
    pub fn minor_function(&self) -> u8 {
        // SAFETY: as in `major_function`.
        unsafe { io_stack_location::minor_function(self.stack_location()).read() }
    }

    /// Completes the IRP here: nobody below sees it.
    fn complete(self, status: NtStatus) -> Dispatched<'irp> {
        // SAFETY: we own the IRP.
        unsafe { raw_irp::set_io_status(self.raw, status, 0) };
        // SAFETY: as above, and we give it up with this call. The lock is released after it.
        unsafe { raw_irp::complete(self.raw) };
        Dispatched::new(status)
    }

    /// Gives the IRP back, to be completed with `error`.
    pub fn reject(self, error: NtError) -> Rejected<'irp, D> {
        Rejected { irp: self, error }
    }

    /// Sends the IRP down as it is: the lower driver gets our stack location, and we do not hear of it again.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        // SAFETY: we own the IRP.
        unsafe { raw_irp::skip(self.raw) };
        // SAFETY: as above, and we give it up with this call. The lock is in `self.device`.
        let status = unsafe { raw_irp::call(self.raw, self.device().lower()) };
        // Only now may the remove lock go: until the call returned, the lower device was ours to keep.
        drop(self.device);
        Dispatched::new(status)
    }

    /// Keeps the IRP: dispatch returns STATUS_PENDING, and it is completed later, on whatever thread that may be. What
    /// this thread may call is given back, for a lock around where the IRP is kept.
    ///
    /// Nothing reminds of it: whoever keeps it must let go of it when the device is removed at the latest, and nobody
    /// can cancel it.
    pub fn park(self) -> (Dispatched<'irp>, Held<D>, Dispatch) {
        let Self { raw, device, irql, .. } = self;
        // Marked before anyone else can have it, and so before it can be completed.
        // SAFETY: we own the IRP, and our stack location is the current one.
        unsafe { raw_irp::mark_pending(raw) };
        // SAFETY: we own the IRP, it is marked, and `Dispatched` has dispatch return STATUS_PENDING.
        let held = unsafe { Held::new(HeldParts { raw, slot: (), device }) };
        (Dispatched::new(NtStatus::PENDING), held, irql)
    }

    /// Sets what the IRP would be completed with if nobody below had anything to say.
    pub(crate) fn set_status(&self, status: NtStatus) {
        // SAFETY: a field of an IRP that we own.
        unsafe { layout::irp::status(self.raw.as_ptr()).write(status.to_raw()) };
    }

    pub(crate) fn stack_location(&self) -> *mut IO_STACK_LOCATION {
        // SAFETY: we own the IRP.
        unsafe { raw_irp::current_stack_location(self.raw) }
    }
}
