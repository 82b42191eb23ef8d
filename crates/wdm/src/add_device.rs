//! How a filter device comes into a stack.
//!
//! One call makes, attaches and starts it, because between these steps nothing can be done that is right and much that
//! is wrong: a device that is attached must be ready, and one that is not must be deleted.

use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering},
};

use wdk_sys::{
    DEVICE_OBJECT, DO_BUFFERED_IO, DO_DEVICE_INITIALIZING, DO_DIRECT_IO, DO_POWER_INRUSH, DO_POWER_PAGABLE,
    DRIVER_OBJECT, FILE_DEVICE_SECURE_OPEN, FILE_FLOPPY_DISKETTE, FILE_READ_ONLY_DEVICE, FILE_REMOVABLE_MEDIA,
    PLUGPLAY_REGKEY_DEVICE,
    ntddk::{
        IoAttachDeviceToDeviceStackSafe, IoCreateDevice, IoDeleteDevice, IoGetAttachedDeviceReference,
        IoOpenDeviceRegistryKey, ObfDereferenceObject,
    },
};

use crate::{
    driver::Driver,
    error_log::{self, Event},
    extension::Extension,
    irql::Passive,
    layout::device_object,
    parts::{Making, Parts as _},
    registry::{self, Key, OpenError},
    remove_lock::RemoveLock,
    status::{NtError, NtStatus},
    usage_turn::UsageTurn,
};

/// How a filter is reached and powered is decided by the device below it, so these are taken over as they are there.
const INHERITED_FLAGS: u32 = DO_BUFFERED_IO | DO_DIRECT_IO | DO_POWER_PAGABLE | DO_POWER_INRUSH;

/// What the medium is, which a filter does not change.
pub(crate) const INHERITED_CHARACTERISTICS: u32 = FILE_REMOVABLE_MEDIA | FILE_READ_ONLY_DEVICE | FILE_FLOPPY_DISKETTE;

/// The chance to put a filter on one device, while the PnP manager builds its stack.
///
/// Dropping it declines: the stack is built without this driver, and everything above and below it works.
pub struct AddDevice<'call, D: Driver> {
    driver: NonNull<DRIVER_OBJECT>,
    physical_device: NonNull<DEVICE_OBJECT>,
    irql: Passive,
    /// The call of the AddDevice routine, after which the physical device may go.
    call: PhantomData<&'call ()>,
    filter: PhantomData<fn() -> D>,
}

impl<D: Driver> AddDevice<'_, D> {
    /// Takes over the arguments of an AddDevice routine.
    ///
    /// # Safety
    ///
    /// They are what the PnP manager passed to the AddDevice routine of the driver object whose dispatch routines are
    /// those of `D`, and the routine does not return while the result is used.
    pub(crate) unsafe fn from_raw(driver: NonNull<DRIVER_OBJECT>, physical_device: NonNull<DEVICE_OBJECT>) -> Self {
        Self {
            driver,
            physical_device,
            // SAFETY: the PnP manager calls AddDevice at PASSIVE_LEVEL, and this is the only token of the call.
            irql: unsafe { Passive::assume() },
            call: PhantomData,
            filter: PhantomData,
        }
    }

    /// Opens the hardware key of the device, where what is set for this one device is kept.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub fn hardware_key(&mut self) -> Result<Key<'_>, OpenError> {
        let mut handle = ptr::null_mut();
        // SAFETY: the physical device object is live during AddDevice, at PASSIVE_LEVEL, and the handle goes to a local.
        let status = unsafe {
            IoOpenDeviceRegistryKey(
                self.physical_device.as_ptr(),
                PLUGPLAY_REGKEY_DEVICE,
                registry::ACCESS,
                &raw mut handle,
            )
        };
        // SAFETY: the handle is what this call opened, which gives kernel handles to drivers.
        unsafe { Key::from_opened(NtStatus::from_raw(status), handle, &mut self.irql) }
    }

    /// Writes an event to the System log, about the driver: it has no device yet. Nothing happens where there is no
    /// memory for it.
    pub fn log(&mut self, event: &Event<'_>) {
        // SAFETY: the driver object is there while AddDevice runs.
        unsafe { error_log::write(self.driver.as_ptr().cast(), event, self.irql.as_dispatch()) };
    }

    /// Creates a filter device with `state` behind it and attaches it to the top of the stack.
    ///
    /// The device can be sent requests as soon as it is attached, which is why `state` is complete before.
    /// DO_DEVICE_INITIALIZING is cleared last.
    ///
    /// # Errors
    ///
    /// The status of the step that failed; those before it are undone, in reverse order. STATUS_INVALID_DEVICE_STATE where
    /// the stack is as high as one can be: nothing was made then.
    pub fn attach(self, state: D::State) -> Result<(), NtError> {
        let object = self.create()?;
        let extension = Extension::<D>::of(object);
        // SAFETY: the extension is this device's, of the right size, unused until the attachment below, and lives as
        // long as the device object. The lock is initialised here only.
        unsafe { RemoveLock::initialise(Extension::remove_lock(extension)) };
        // SAFETY: as above.
        unsafe { UsageTurn::initialise(Extension::usage_turn(extension)) };
        // SAFETY: as above.
        unsafe { Extension::physical_device(extension).write(self.physical_device) };
        // SAFETY: as above.
        unsafe { Extension::state(extension).write(state) };
        if let Err(error) = Self::make_parts(object, extension) {
            // SAFETY: nobody has seen the device, and this is the end of it.
            unsafe { Self::undo(object, None) };
            return Err(error);
        }

        // The Safe variant stores the lower device before it links the two, so a request that arrives at once finds
        // it.
        // SAFETY: both are live device objects, and the lower device is stored in memory that lives as long as ours.
        let status = unsafe {
            IoAttachDeviceToDeviceStackSafe(
                object.as_ptr(),
                self.physical_device.as_ptr(),
                Extension::lower(extension),
            )
        };
        if let Err(error) = NtStatus::from_raw(status).ok() {
            // SAFETY: a device that is not attached has been seen by nobody, and this is the end of it.
            unsafe { Self::undo(object, Some(Extension::parts(extension))) };
            return Err(error);
        }

        // SAFETY: the attachment above succeeded, so the field holds the next-lower device.
        let lower = unsafe { Extension::lower(extension).read() };
        let object = object.as_ptr();
        let [ours, theirs] = [object, lower].map(device_object::flags);
        // SAFETY: fields of our own device, which nobody else changes while it is initialising, and of the one below
        // it, which our attachment keeps.
        let inherited = unsafe { inherit(ours, theirs, INHERITED_FLAGS) };
        // SAFETY: the extension is this device's, and nobody else uses it while it is initialising.
        unsafe { Extension::inherited_flags(extension).write(inherited) };
        let [ours, theirs] = [object, lower].map(device_object::characteristics);
        // SAFETY: as above.
        unsafe { inherit(ours, theirs, INHERITED_CHARACTERISTICS) };
        // SAFETY: the flags of a live device object, aligned, and changed only by this driver.
        let flags = unsafe { AtomicU32::from_ptr(device_object::flags(object)) };
        // Release: whoever sees the device initialised sees all that was written before.
        flags.fetch_and(!DO_DEVICE_INITIALIZING, Ordering::Release);
        Ok(())
    }

    /// Makes the parts of the device where they stay.
    fn make_parts(object: NonNull<DEVICE_OBJECT>, extension: *mut Extension<D>) -> Result<(), NtError> {
        // SAFETY: the state is initialised, and nobody else sees the device yet.
        let state = unsafe { &*Extension::state(extension) };
        let made = D::Parts::make(&Making::new(object, state))?;
        let place = Extension::parts(extension);
        // SAFETY: the extension is this device's, and unused until the attachment.
        unsafe { place.write(made) };
        // SAFETY: written above, and dropped no sooner than the device is deleted.
        let parts: &D::Parts = unsafe { &*place };
        // SAFETY: once for each, before anyone can reach it, and it does not move any more; `detach_and_delete` asks for the
        // draining.
        parts.each(&mut |part| unsafe { part.initialise() });
        Ok(())
    }

    /// Undoes what was done for a device that has not been attached.
    ///
    /// # Safety
    ///
    /// The device is not used again. Its state is initialised, and so is what is behind `parts`.
    unsafe fn undo(object: NonNull<DEVICE_OBJECT>, parts: Option<*mut D::Parts>) {
        if let Some(parts) = parts {
            // SAFETY: as the caller promises; nobody has used the parts.
            unsafe { ptr::drop_in_place(parts) };
        }
        // SAFETY: as the caller promises.
        unsafe { ptr::drop_in_place(Extension::<D>::state(Extension::of(object))) };
        // SAFETY: the device is attached to nothing, and not used again.
        unsafe { IoDeleteDevice(object.as_ptr()) };
    }

    /// Creates the device object, with the type of the device that it will be attached to.
    fn create(&self) -> Result<NonNull<DEVICE_OBJECT>, NtError> {
        // SAFETY: the physical device object is live during AddDevice.
        let top = unsafe { IoGetAttachedDeviceReference(self.physical_device.as_ptr()) };
        // SAFETY: `top` is live while the reference is held.
        let device_type = unsafe { device_object::device_type(top).read() };
        // SAFETY: as above.
        let stack_size = unsafe { device_object::stack_size(top).read() };
        // SAFETY: gives back the reference that was taken above.
        unsafe { ObfDereferenceObject(top.cast()) };

        // Ours will be one more, and an IRP with more stack locations than the count can say cannot be made.
        if stack_size == i8::MAX {
            return Err(NtError::INVALID_DEVICE_STATE);
        }

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
        // SAFETY: the call succeeded, so it stored the device object that it made.
        Ok(unsafe { NonNull::new_unchecked(object) })
    }
}

/// Sets in `ours` those bits of `inherited` that are set in `theirs`, and gives them.
///
/// # Safety
///
/// Both can be read, and `ours` can be written and is changed by nobody else.
unsafe fn inherit(ours: *mut u32, theirs: *const u32, inherited: u32) -> u32 {
    // SAFETY: the caller promises that it can be read.
    let theirs = unsafe { theirs.read() };
    // SAFETY: as above.
    let old = unsafe { ours.read() };
    // SAFETY: the caller promises that it can be written.
    unsafe { ours.write(old | (theirs & inherited)) };
    theirs & inherited
}
