//! Filter device objects: how one is made and attached, what its extension holds, how it goes.
//!
//! Not here: control devices, which are attached to nothing.

use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering},
};

use wdk_sys::{
    DEVICE_OBJECT, DO_BUFFERED_IO, DO_DEVICE_INITIALIZING, DO_DIRECT_IO, DO_POWER_INRUSH, DO_POWER_PAGABLE,
    DRIVER_OBJECT, FILE_DEVICE_SECURE_OPEN, FILE_FLOPPY_DISKETTE, FILE_READ_ONLY_DEVICE, FILE_REMOVABLE_MEDIA,
    ntddk::{
        IoAttachDeviceToDeviceStackSafe, IoCreateDevice, IoDeleteDevice, IoDetachDevice, IoGetAttachedDeviceReference,
        ObfDereferenceObject,
    },
};

use crate::{
    driver::Driver,
    layout::device_object,
    remove_lock::RemoveLock,
    status::{NtError, NtStatus},
};

/// How a filter is reached and powered is decided by the device below it, so these are taken over as they are there.
const INHERITED_FLAGS: u32 = DO_BUFFERED_IO | DO_DIRECT_IO | DO_POWER_PAGABLE | DO_POWER_INRUSH;

/// What the medium is, which a filter does not change.
const INHERITED_CHARACTERISTICS: u32 = FILE_REMOVABLE_MEDIA | FILE_READ_ONLY_DEVICE | FILE_FLOPPY_DISKETTE;

/// What the kernel aligns a device extension to.
const EXTENSION_ALIGNMENT: usize = 16;

/// What stands behind each device object of `D`.
///
/// # Invariants
///
/// From before the device is attached until its removal has waited for the remove lock, all three are initialised,
/// and none is moved.
#[repr(C)]
struct Extension<D: Driver> {
    remove_lock: RemoveLock,
    /// The device that was on top of the stack when this one was attached. Written by the attachment alone.
    lower: *mut DEVICE_OBJECT,
    state: D::State,
}

impl<D: Driver> Extension<D> {
    /// The extension's size, as IoCreateDevice takes it.
    const SIZE: u32 = {
        assert!(
            align_of::<Self>() <= EXTENSION_ALIGNMENT,
            "the kernel aligns a device extension to 16 bytes and no further"
        );
        assert!(
            size_of::<Self>() < u16::MAX as usize,
            "a device object's size is 16 bits"
        );
        #[expect(clippy::cast_possible_truncation, reason = "asserted on the line above")]
        {
            size_of::<Self>() as u32
        }
    };
}

/// A device object of the driver `D`, attached to a stack.
///
/// Reached only through something that holds its remove lock, so it cannot be gone.
///
/// # Invariants
///
/// The pointer is to a device object that [`AddDevice::attach`] made for `D`: its extension is an [`Extension<D>`].
pub struct Device<D: Driver> {
    object: NonNull<DEVICE_OBJECT>,
    driver: PhantomData<fn() -> D>,
}

impl<D: Driver> Clone for Device<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Driver> Copy for Device<D> {}

impl<D: Driver> Device<D> {
    /// Takes a device object as the I/O manager hands it to a dispatch routine.
    ///
    /// # Safety
    ///
    /// `object` was made by [`AddDevice::attach`] for `D`, and is not deleted while the result is used.
    pub(crate) unsafe fn from_raw(object: NonNull<DEVICE_OBJECT>) -> Self {
        Self {
            object,
            driver: PhantomData,
        }
    }

    /// What the driver keeps for this device.
    #[must_use]
    pub fn state(&self) -> &D::State {
        // SAFETY: `extension` points to the initialised extension, which stays while `self` is reachable.
        unsafe { &(*self.extension()).state }
    }

    /// The next-lower device object of the stack.
    pub(crate) fn lower(&self) -> *mut DEVICE_OBJECT {
        // SAFETY: as in `state`; the field is not written after the attachment.
        unsafe { (*self.extension()).lower }
    }

    /// The lock that keeps this device from being deleted.
    pub(crate) fn remove_lock(&self) -> &RemoveLock {
        // SAFETY: as in `state`.
        unsafe { &(*self.extension()).remove_lock }
    }

    fn extension(&self) -> *mut Extension<D> {
        extension_of::<D>(self.object)
    }

    /// Drops the state, detaches the device from its stack and deletes it.
    ///
    /// # Safety
    ///
    /// Called at PASSIVE_LEVEL, once, when the device's remove lock has been waited for and nothing else uses it.
    pub(crate) unsafe fn detach_and_delete(self) {
        let lower = self.lower();
        // SAFETY: the state is initialised, and the caller promises that nobody else sees it, now or later.
        unsafe { ptr::drop_in_place(&raw mut (*self.extension()).state) };
        // SAFETY: `lower` is what this device is attached to, and it is still attached.
        unsafe { IoDetachDevice(lower) };
        // SAFETY: the device belongs to this driver, is detached, and is deleted once.
        unsafe { IoDeleteDevice(self.object.as_ptr()) };
    }
}

/// The extension of a device object that this library created for `D`.
fn extension_of<D: Driver>(object: NonNull<DEVICE_OBJECT>) -> *mut Extension<D> {
    // SAFETY: the object is a live device object. The field is set when it is created and never changed.
    unsafe { device_object::extension(object.as_ptr()).read() }.cast()
}

/// The chance to put a filter on one device, while the PnP manager builds its stack.
///
/// Dropping it declines: the stack is built without this driver, and everything above and below it works.
pub struct AddDevice<'call, D: Driver> {
    driver: NonNull<DRIVER_OBJECT>,
    physical_device: NonNull<DEVICE_OBJECT>,
    call: PhantomData<(&'call (), fn() -> D)>,
}

impl<D: Driver> AddDevice<'_, D> {
    /// Takes over the arguments of an AddDevice routine.
    ///
    /// # Safety
    ///
    /// They are what the PnP manager passed to the AddDevice routine of the driver object whose dispatch routines are
    /// those of `D`, and the routine has not returned yet.
    pub(crate) unsafe fn from_raw(driver: NonNull<DRIVER_OBJECT>, physical_device: NonNull<DEVICE_OBJECT>) -> Self {
        Self {
            driver,
            physical_device,
            call: PhantomData,
        }
    }

    /// Creates a filter device with `state` behind it and attaches it to the top of the stack.
    ///
    /// The device can be sent requests as soon as it is attached, which is why `state` is complete before.
    /// DO_DEVICE_INITIALIZING is cleared last.
    ///
    /// # Errors
    ///
    /// The status of the step that failed; those before it are undone, in reverse order.
    pub fn attach(self, state: D::State) -> Result<(), NtError> {
        let object = self.create()?;
        let extension = extension_of::<D>(object);

        // SAFETY: the extension is this device's, of the right size, zeroed, unused until the attachment below, and
        // lives as long as the device object. The lock is initialised here only.
        unsafe { RemoveLock::initialise(&raw mut (*extension).remove_lock) };
        // SAFETY: as above.
        unsafe { (&raw mut (*extension).state).write(state) };

        // The Safe variant stores the lower device before it links the two, so a request that arrives at once finds
        // it.
        // SAFETY: both are live device objects, and the lower device is stored in memory that lives as long as ours.
        let status = unsafe {
            IoAttachDeviceToDeviceStackSafe(
                object.as_ptr(),
                self.physical_device.as_ptr(),
                &raw mut (*extension).lower,
            )
        };
        if let Err(error) = NtStatus::from_raw(status).ok() {
            // SAFETY: the state was written above, and a device that is not attached has been seen by nobody.
            unsafe { ptr::drop_in_place(&raw mut (*extension).state) };
            // SAFETY: the device was created above, is attached to nothing, and is not used again.
            unsafe { IoDeleteDevice(object.as_ptr()) };
            return Err(error);
        }

        // SAFETY: the attachment above succeeded, so the field holds the next-lower device, and the attachment keeps
        // that from being deleted.
        let lower = unsafe { (*extension).lower };
        // SAFETY: both are live, and `object` is this driver's, still initialising.
        unsafe { inherit(object.as_ptr(), lower) };
        // SAFETY: the flags of a live device object, aligned, and from here on changed only by this driver.
        let flags = unsafe { AtomicU32::from_ptr(device_object::flags(object.as_ptr())) };
        // Release: whoever sees the device initialised sees all that was written before.
        flags.fetch_and(!DO_DEVICE_INITIALIZING, Ordering::Release);
        Ok(())
    }

    /// Creates the device object, with the type of the device that it will be attached to.
    fn create(&self) -> Result<NonNull<DEVICE_OBJECT>, NtError> {
        // SAFETY: the physical device object is live during AddDevice.
        let top = unsafe { IoGetAttachedDeviceReference(self.physical_device.as_ptr()) };
        // SAFETY: `top` is live while the reference is held.
        let device_type = unsafe { device_object::device_type(top).read() };
        // SAFETY: gives back the reference that was taken above.
        unsafe { ObfDereferenceObject(top.cast()) };

        let mut object = ptr::null_mut();
        // SAFETY: the driver object is this driver's, no name is given, and the result goes to a local.
        let status = unsafe {
            IoCreateDevice(
                self.driver.as_ptr(),
                Extension::<D>::SIZE,
                ptr::null_mut(),
                device_type,
                FILE_DEVICE_SECURE_OPEN,
                0,
                &raw mut object,
            )
        };
        NtStatus::from_raw(status).ok()?;
        NonNull::new(object).ok_or(NtError::NO_SUCH_DEVICE)
    }
}

/// Takes over from `lower` what a filter must have in common with the device below it.
///
/// # Safety
///
/// Both are live device objects, and `object` is changed by nobody else meanwhile.
unsafe fn inherit(object: *mut DEVICE_OBJECT, lower: *mut DEVICE_OBJECT) {
    for (field, inherited) in [
        (device_object::flags as fn(_) -> *mut u32, INHERITED_FLAGS),
        (device_object::characteristics, INHERITED_CHARACTERISTICS),
    ] {
        // SAFETY: a field of the live lower device.
        let theirs = unsafe { field(lower).read() };
        // SAFETY: a field of our own device, which nobody else changes.
        let ours = unsafe { field(object).read() };
        // SAFETY: as above.
        unsafe { field(object).write(ours | (theirs & inherited)) };
    }
}
