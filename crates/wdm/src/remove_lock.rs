//! The remove lock of a device object, and the guard that holds it for one IRP.
//!
//! What it is not: a lock in the sense of mutual exclusion. Any number of IRPs hold it at once; it counts them, and
//! IRP_MN_REMOVE_DEVICE waits until the count is zero.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{self, NonNull},
};

use wdk_sys::{
    IO_REMOVE_LOCK, IRP,
    ntddk::{IoAcquireRemoveLockEx, IoInitializeRemoveLockEx, IoReleaseRemoveLockAndWaitEx, IoReleaseRemoveLockEx},
};

use crate::{
    device::Device,
    driver::Driver,
    irql::Passive,
    status::{NtError, NtStatus},
};

/// The size by which the kernel tells a free from a checked remove lock. It is 0x20; `layout` asserts it.
#[expect(clippy::cast_possible_truncation, reason = "0x20")]
const SIZE: u32 = size_of::<IO_REMOVE_LOCK>() as u32;

/// Shows in the debugger as the owner of the lock's allocations.
const TAG: u32 = u32::from_le_bytes(*b"Wdmr");

/// An IO_REMOVE_LOCK in a device extension.
///
/// # States
///
/// 1. *Uninitialised*: memory of an extension that AddDevice is filling.
/// 2. *Open*: initialised. [`Locked::acquire`] succeeds.
/// 3. *Removing*: [`Locked::release_and_wait`] has begun. No acquisition succeeds any more.
///
/// # Invariants
///
/// Whoever has a reference to one has it in state 2 or 3, and at its final address: the kernel keeps a list through
/// its event.
#[repr(transparent)]
pub(crate) struct RemoveLock(UnsafeCell<IO_REMOVE_LOCK>);

impl RemoveLock {
    /// Takes a lock from *Uninitialised* to *Open*.
    ///
    /// # Safety
    ///
    /// `lock` points to memory for a remove lock that is never moved, initialised only once, and that lives as long
    /// as the device object in whose extension it stands.
    pub(crate) unsafe fn initialise(lock: *mut Self) {
        // SAFETY: the caller promises memory of the right size that stays where it is. `RemoveLock` is transparent.
        // No time limit and no high-water mark: those are for checked builds.
        unsafe { IoInitializeRemoveLockEx(lock.cast(), TAG, 0, 0, SIZE) };
    }
}

/// One acquisition of a device's remove lock on behalf of one IRP: the device cannot be deleted while it lives.
///
/// # Invariants
///
/// The lock was acquired with the IRP's address as its tag and has not been released.
pub(crate) struct Locked<D: Driver> {
    device: Device<D>,
    tag: NonNull<IRP>,
}

// SAFETY: a remove lock may be released on another thread than it was acquired on, and the device's state is shared by
// all of them.
unsafe impl<D: Driver> Send for Locked<D> {}

impl<D: Driver> Locked<D> {
    /// Acquires the remove lock of `device` for `irp`.
    ///
    /// The address of `irp` is a name here: it is never read through, so the guard may outlive the IRP.
    ///
    /// # Errors
    ///
    /// STATUS_DELETE_PENDING where the device is being removed.
    pub(crate) fn acquire(device: Device<D>, irp: NonNull<IRP>) -> Result<Self, NtError> {
        // SAFETY: the device's extension is initialised, so its lock is open or removing, both of which the call
        // expects. The file name and line are what a free build's macro passes.
        let status = unsafe {
            IoAcquireRemoveLockEx(
                device.remove_lock().0.get(),
                irp.as_ptr().cast(),
                c"".as_ptr().cast(),
                1,
                SIZE,
            )
        };
        NtStatus::from_raw(status).ok()?;
        Ok(Self { device, tag: irp })
    }

    /// Takes over an acquisition that was left with the IRP it was made for.
    ///
    /// # Safety
    ///
    /// A guard of `device` for `irp` was forgotten, and this is done once for it.
    pub(crate) unsafe fn take_over(device: Device<D>, irp: NonNull<IRP>) -> Self {
        Self { device, tag: irp }
    }

    /// The device that this guard keeps.
    pub(crate) fn device(&self) -> &Device<D> {
        &self.device
    }

    /// Acquires the lock once more, on behalf of the same IRP.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire).
    pub(crate) fn again(&self) -> Result<Self, NtError> {
        Self::acquire(self.device.again(), self.tag)
    }

    /// Releases the lock and waits until every other holder has: the step from *Open* to *Removing*.
    ///
    /// The device object and its state are the caller's alone afterwards.
    ///
    /// # Safety
    ///
    /// Called in the IRP_MN_REMOVE_DEVICE for which the lock was acquired.
    pub(crate) unsafe fn release_and_wait(self, _irql: &Passive) -> Device<D> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the lock is held with this tag (invariant), and `this` does not release it a second time. The token
        // is proof of the IRQL, and the caller promises that this is the device's one removal.
        unsafe {
            IoReleaseRemoveLockAndWaitEx(this.device.remove_lock().0.get(), this.tag.as_ptr().cast(), SIZE);
        };
        // SAFETY: `this` is not used again, so the device is not there twice.
        unsafe { ptr::read(&raw const this.device) }
    }
}

impl<D: Driver> Drop for Locked<D> {
    fn drop(&mut self) {
        // SAFETY: the lock is held with this tag (invariant), and a guard is dropped once.
        unsafe { IoReleaseRemoveLockEx(self.device.remove_lock().0.get(), self.tag.as_ptr().cast(), SIZE) };
    }
}

/// A device that is kept beyond the IRP that it was reached through, until the value is dropped.
///
/// What it is for: putting an IRP that is held into a queue in its own device's state. As soon as it is there, another
/// thread may complete it, and with it goes its remove lock; so the one who puts it there needs a lock of its own.
///
/// The device's removal waits for it without end. It is not Send, so that it stays with the routine that made it and
/// cannot be kept where it would be forgotten.
#[must_use = "the device is kept until this is dropped"]
pub struct KeptDevice<D: Driver> {
    locked: Locked<D>,
    thread: PhantomData<*mut ()>,
}

impl<D: Driver> KeptDevice<D> {
    pub(crate) fn new(other: &Locked<D>) -> Result<Self, NtError> {
        Ok(Self {
            locked: other.again()?,
            thread: PhantomData,
        })
    }
}

impl<D: Driver> Deref for KeptDevice<D> {
    type Target = Device<D>;

    fn deref(&self) -> &Device<D> {
        self.locked.device()
    }
}
