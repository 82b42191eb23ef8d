//! A filter device object in use: what is behind it, what is below it, and how it goes.
//!
//! Not here: how it is made, which is in `add_device`; and control devices, which are attached to nothing.

use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering},
};

use wdk_sys::{
    DEVICE_OBJECT, DO_POWER_PAGABLE,
    ntddk::{IoDeleteDevice, IoDetachDevice, IoInvalidateDeviceState},
};

use crate::{
    add_device::INHERITED_CHARACTERISTICS,
    driver::Driver,
    error_log::{self, Event},
    extension::Extension,
    irql::{Dispatch, Passive},
    layout::device_object,
    parts,
    remove_lock::RemoveLock,
    usage_turn::UsageTurn,
};

/// A device object of the driver `D`, attached to a stack.
///
/// Reached only through something that holds its remove lock, so it cannot be gone.
///
/// # Invariants
///
/// The pointer is to a device object that [`AddDevice::attach`](crate::AddDevice::attach) made for `D`: its extension
/// is an [`Extension<D>`].
pub struct Device<D: Driver> {
    object: NonNull<DEVICE_OBJECT>,
    driver: PhantomData<fn() -> D>,
}

impl<D: Driver> Device<D> {
    /// Takes a device object as the I/O manager hands it to a dispatch routine.
    ///
    /// # Safety
    ///
    /// `object` was made by [`AddDevice::attach`](crate::AddDevice::attach) for `D`, and is not deleted while the
    /// result is used.
    pub(crate) unsafe fn from_raw(object: NonNull<DEVICE_OBJECT>) -> Self {
        Self {
            object,
            driver: PhantomData,
        }
    }

    /// The same device, for whoever acquires its remove lock next.
    pub(crate) fn again(&self) -> Self {
        Self {
            object: self.object,
            driver: PhantomData,
        }
    }

    /// What the driver keeps for this device.
    #[must_use]
    pub fn state(&self) -> &D::State {
        // SAFETY: the extension is initialised, and stays so while `self` is reachable.
        unsafe { &*Extension::state(self.extension()) }
    }

    /// The parts that this library made for this device.
    #[must_use]
    pub fn parts(&self) -> &D::Parts {
        // SAFETY: as in `state`.
        unsafe { &*Extension::parts(self.extension()) }
    }

    /// Drains the parts of a device that is going: nothing of it runs afterwards that is not a request.
    pub(crate) fn drain(&self, irql: &mut Passive) {
        parts::drain::<D>(self.parts(), irql);
    }

    /// Has the PnP manager ask for the device's state again, in its own time: an IRP_MN_QUERY_PNP_DEVICE_STATE will come.
    pub fn invalidate_state(&self) {
        // SAFETY: the extension is initialised, and stays so while `self` is reachable.
        let physical_device = unsafe { Extension::physical_device(self.extension()).read() };
        // SAFETY: the bus driver's device is there as long as one is attached above it.
        unsafe { IoInvalidateDeviceState(physical_device.as_ptr()) };
    }

    /// Writes an event to the System log, about this device. Nothing happens where there is no memory for it.
    pub fn log(&self, event: &Event<'_>, irql: &mut Dispatch) {
        // SAFETY: the device object is there while `self` is reachable.
        unsafe { error_log::write(self.object.as_ptr().cast(), event, irql) };
    }

    /// Says that power requests may come at DISPATCH_LEVEL: clears DO_POWER_PAGABLE, for a device that must be powered with
    /// the paging file out of reach.
    pub fn clear_power_pagable(&self) {
        self.flags().fetch_and(!DO_POWER_PAGABLE, Ordering::AcqRel);
    }

    /// Sets DO_POWER_PAGABLE again, where the device had it when it was attached: a device is never pagable by its filter's
    /// own choice.
    pub fn restore_power_pagable(&self) {
        // SAFETY: written when the device was attached, before it could be reached, and not since.
        let inherited = unsafe { Extension::inherited_flags(self.extension()).read() };
        self.flags().fetch_or(inherited & DO_POWER_PAGABLE, Ordering::AcqRel);
    }

    /// Takes over what the medium is from the device below.
    pub(crate) fn inherit_characteristics(&self) {
        let lower = device_object::characteristics(self.lower().as_ptr());
        // SAFETY: a field of the device that ours is attached to, which its own driver alone changes.
        let theirs = unsafe { AtomicU32::from_ptr(lower) }.load(Ordering::Relaxed);
        // SAFETY: a field of our own device, aligned, that nobody else changes.
        let ours = unsafe { AtomicU32::from_ptr(device_object::characteristics(self.object.as_ptr())) };
        let kept = ours.load(Ordering::Relaxed) & !INHERITED_CHARACTERISTICS;
        ours.store(kept | (theirs & INHERITED_CHARACTERISTICS), Ordering::Relaxed);
    }

    fn flags(&self) -> &AtomicU32 {
        // SAFETY: a field of our own live device object, aligned, and changed by atomic operations alone once it is attached.
        unsafe { AtomicU32::from_ptr(device_object::flags(self.object.as_ptr())) }
    }

    /// Whose turn it is to serve a usage notification.
    pub(crate) fn usage_turn(&self) -> &UsageTurn {
        // SAFETY: as in `state`.
        unsafe { &*Extension::usage_turn(self.extension()) }
    }

    /// This device object.
    pub(crate) fn object(&self) -> NonNull<DEVICE_OBJECT> {
        self.object
    }

    /// The next-lower device object of the stack.
    pub(crate) fn lower(&self) -> NonNull<DEVICE_OBJECT> {
        // SAFETY: as in `state`; the field is not written after the attachment.
        let lower = unsafe { Extension::lower(self.extension()).read() };
        // SAFETY: the attachment stored the device that it attached ours to.
        unsafe { NonNull::new_unchecked(lower) }
    }

    /// The lock that keeps this device from being deleted.
    pub(crate) fn remove_lock(&self) -> &RemoveLock {
        // SAFETY: as in `state`.
        unsafe { &*Extension::remove_lock(self.extension()) }
    }

    /// Drops the parts and the state, detaches the device from its stack and deletes it.
    ///
    /// # Safety
    ///
    /// The device has been drained, its remove lock has been waited for, and nothing else uses the device.
    pub(crate) unsafe fn detach_and_delete(self, _irql: &Passive) {
        let lower = self.lower();
        // SAFETY: the parts are initialised and drained, and the caller promises that nobody else sees them.
        unsafe { ptr::drop_in_place(Extension::parts(self.extension())) };
        // SAFETY: the state is initialised, and the caller promises that nobody else sees it, now or later.
        unsafe { ptr::drop_in_place(Extension::state(self.extension())) };
        // SAFETY: `lower` is what this device is attached to, and it is still attached.
        unsafe { IoDetachDevice(lower.as_ptr()) };
        // SAFETY: the device belongs to this driver, is detached, and is deleted once.
        unsafe { IoDeleteDevice(self.object.as_ptr()) };
    }

    fn extension(&self) -> *mut Extension<D> {
        Extension::of(self.object)
    }
}
