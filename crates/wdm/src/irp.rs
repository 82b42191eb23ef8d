//! An IRP in dispatch: who owns it, and the ways to dispose of it.
//!
//! A dispatch routine must complete its IRP or pass it on, just once, and must return the status that belongs to what
//! it did. Here that is what compiles: [`Irp`] is neither `Copy` nor `Clone`, each disposal takes it by value, and
//! only a disposal makes the [`Dispatched`] that the routine has to return. The brand `'irp` is fresh for each call, so
//! a `Dispatched` of one IRP is none of another.

use core::{marker::PhantomData, ptr::NonNull};

use wdk_sys::{
    IO_NO_INCREMENT, IO_STACK_LOCATION, IRP, IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL,
    ntddk::{IofCallDriver, IofCompleteRequest},
};

use crate::{
    device::Device,
    driver::Driver,
    layout,
    remove_lock::Locked,
    status::{NtError, NtStatus},
};

/// Invariant in `'irp`, so that two IRPs never have the same brand.
type Brand<'irp> = PhantomData<fn(&'irp ()) -> &'irp ()>;

/// How a dispatch routine ends: it disposed of its IRP, or it gives the IRP back to be completed with an error.
pub type Outcome<'irp, D> = Result<Dispatched<'irp>, Rejected<'irp, D>>;

/// An IRP that this driver owns in dispatch, with the remove lock of the device that it was sent to.
///
/// # States
///
/// 1. *Owned*: a value of this type exists.
/// 2. *Disposed of*: completed or sent down. The value is gone, and a [`Dispatched`] is there instead.
///
/// # Invariants
///
/// The IRP was sent to the device, its current stack location is that device's, and it has been neither completed nor
/// sent on.
#[must_use = "an IRP has to be completed or sent down"]
pub struct Irp<'irp, D: Driver> {
    raw: NonNull<IRP>,
    device: Locked<D>,
    brand: Brand<'irp>,
}

/// Proof that an IRP has been disposed of, with the status that goes back to the I/O manager.
#[must_use = "dispatch has to return the status that belongs to what it did"]
pub struct Dispatched<'irp> {
    status: NtStatus,
    brand: Brand<'irp>,
}

impl Dispatched<'_> {
    fn new(status: NtStatus) -> Self {
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
    /// Completes the IRP with the error that it was rejected with.
    pub(crate) fn complete(self) -> Dispatched<'irp> {
        self.irp.complete(self.error.into())
    }
}

/// What an IRP asks for, as far as it changes what a filter may do with it.
pub enum Request<'irp, D: Driver> {
    /// IRP_MN_REMOVE_DEVICE: the device is gone for good and is to be deleted.
    RemoveDevice(RemoveDevice<'irp, D>),
    /// IRP_MN_SURPRISE_REMOVAL: the device is gone, and IRP_MN_REMOVE_DEVICE will follow. It may not be failed.
    SurpriseRemoval(Irp<'irp, D>),
    /// Everything else.
    Other(Irp<'irp, D>),
}

impl<'irp, D: Driver> Irp<'irp, D> {
    /// Takes over the IRP of a dispatch routine.
    ///
    /// # Safety
    ///
    /// The I/O manager has just passed `raw` to a dispatch routine of the device that `device` locks, the routine has
    /// done nothing with it but acquire that lock, and `'irp` ends before the routine returns.
    pub(crate) unsafe fn from_raw(raw: NonNull<IRP>, device: Locked<D>) -> Self {
        Self {
            raw,
            device,
            brand: PhantomData,
        }
    }

    /// The device that the IRP was sent to.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.device.device()
    }

    /// Tells the requests apart that a filter must treat in ways of their own.
    #[must_use]
    pub fn request(self) -> Request<'irp, D> {
        match (u32::from(self.major_function()), u32::from(self.minor_function())) {
            (IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE) => Request::RemoveDevice(RemoveDevice(self)),
            (IRP_MJ_PNP, IRP_MN_SURPRISE_REMOVAL) => Request::SurpriseRemoval(self),
            _ => Request::Other(self),
        }
    }

    /// The request's IRP_MJ_ code.
    #[must_use]
    pub fn major_function(&self) -> u8 {
        // SAFETY: our own stack location, which nobody changes while we own the IRP.
        unsafe { layout::io_stack_location::major_function(self.stack_location()).read() }
    }

    /// The request's IRP_MN_ code, which means something only together with the major function.
    #[must_use]
    pub fn minor_function(&self) -> u8 {
        // SAFETY: as in `major_function`.
        unsafe { layout::io_stack_location::minor_function(self.stack_location()).read() }
    }

    /// Completes the IRP here: nobody below sees it.
    fn complete(self, status: NtStatus) -> Dispatched<'irp> {
        // SAFETY: we own the IRP and give it up with this call. The lock is released after it.
        unsafe { complete(self.raw, status) };
        Dispatched::new(status)
    }

    /// Gives the IRP back, to be completed with `error`.
    pub fn reject(self, error: NtError) -> Rejected<'irp, D> {
        Rejected { irp: self, error }
    }

    /// Sends the IRP down as it is: the lower driver gets our stack location, and we do not hear of it again.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        // SAFETY: we own the IRP and give it up with this call.
        let status = unsafe { skip_and_call(self.raw, self.device()) };
        // Only now may the remove lock go: until the call returned, the lower device was ours to keep.
        drop(self.device);
        Dispatched::new(status)
    }

    /// Sets the status that every filter sets on a PnP request that it has handled and may not fail, and sends the
    /// IRP down.
    pub fn succeed_and_call(self) -> Dispatched<'irp> {
        self.set_status(NtStatus::SUCCESS);
        self.skip_and_call()
    }

    fn set_status(&self, status: NtStatus) {
        // SAFETY: a field of an IRP that we own.
        unsafe { layout::irp::status(self.raw.as_ptr()).write(status.to_raw()) };
    }

    fn stack_location(&self) -> *mut IO_STACK_LOCATION {
        // SAFETY: a field of an IRP that we own.
        unsafe { layout::irp::current_stack_location(self.raw.as_ptr()).read() }
    }
}

/// The last request of a device: IRP_MN_REMOVE_DEVICE.
///
/// # Invariants
///
/// The IRP's major function is IRP_MJ_PNP and its minor function IRP_MN_REMOVE_DEVICE. The PnP manager sends it once in
/// the life of a device, at PASSIVE_LEVEL, and sends nothing after it.
#[must_use = "an IRP has to be completed or sent down"]
pub struct RemoveDevice<'irp, D: Driver>(Irp<'irp, D>);

impl<'irp, D: Driver> RemoveDevice<'irp, D> {
    /// The device that is going.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.0.device()
    }

    /// Sends the IRP down, waits until no other request is in this driver, and takes the device out of its stack.
    ///
    /// The order is the documented one: those below are told first and let go of what they hold, requests that still
    /// run in this driver end, and only then is the device detached and deleted. The request may not fail, and what
    /// the lower driver returned is returned.
    pub fn call_detach_and_delete(self) -> Dispatched<'irp> {
        let Self(irp) = self;
        irp.set_status(NtStatus::SUCCESS);
        // SAFETY: we own the IRP and give it up with this call.
        let status = unsafe { skip_and_call(irp.raw, irp.device()) };
        // SAFETY: this is the removal (invariant), and the PnP manager sends it at PASSIVE_LEVEL.
        let device = unsafe { irp.device.release_and_wait() };
        // SAFETY: as above, and the wait just ended: nobody else holds the lock, and nobody can acquire it.
        unsafe { device.detach_and_delete() };
        Dispatched::new(status)
    }
}

/// Completes an IRP with `status` and no information.
///
/// # Safety
///
/// The caller owns the IRP, and does not touch it afterwards.
pub(crate) unsafe fn complete(irp: NonNull<IRP>, status: NtStatus) {
    // SAFETY: the caller owns the IRP.
    unsafe { layout::irp::status(irp.as_ptr()).write(status.to_raw()) };
    // SAFETY: as above.
    unsafe { layout::irp::information(irp.as_ptr()).write(0) };
    // SAFETY: as above, and it is given up here.
    unsafe { IofCompleteRequest(irp.as_ptr(), IO_NO_INCREMENT as _) };
}

/// Sends an IRP to the device below `device`, in the stack location that it has.
///
/// # Safety
///
/// The caller owns the IRP, its current stack location is that of `device`, and the caller does not touch it
/// afterwards.
unsafe fn skip_and_call<D: Driver>(irp: NonNull<IRP>, device: &Device<D>) -> NtStatus {
    // IofCallDriver moves on to the next stack location. Moved back by one first, the lower driver gets this one.
    let location = layout::irp::current_location(irp.as_ptr());
    // SAFETY: a field of an IRP that the caller owns.
    let current = unsafe { location.read() };
    // SAFETY: as above. The count cannot overflow: it was one lower before the IRP was sent to us.
    unsafe { location.write(current.wrapping_add(1)) };
    let pointer = layout::irp::current_stack_location(irp.as_ptr());
    // SAFETY: a field of an IRP that the caller owns.
    let current = unsafe { pointer.read() };
    // SAFETY: as above. The pointer is one past the last location at most, which is where it was before the IRP was
    // sent to the topmost device.
    unsafe { pointer.write(current.wrapping_add(1)) };
    // SAFETY: `lower` is the live device below ours, and the IRP has a stack location for it: ours.
    NtStatus::from_raw(unsafe { IofCallDriver(device.lower(), irp.as_ptr()) })
}
