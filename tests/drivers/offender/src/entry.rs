//! DriverEntry and DriverUnload.

use crate::{
    add_device::add_device,
    dispatch::dispatch,
    kernel::{KeFlushQueuedDpcs, NtStatus, STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS, UnicodeString},
    objects::Driver,
    races,
    switch::{self, Place},
};

/// Called by the I/O manager when it has loaded the image.
// SAFETY: no other symbol of the image has this name, and the linker takes it as the entry point by it.
#[unsafe(export_name = "DriverEntry")]
extern "system" fn driver_entry(driver: Driver, registry_path: &UnicodeString) -> NtStatus {
    if !switch::set(registry_path) {
        return STATUS_NOT_IMPLEMENTED;
    }
    let [unserved, ..] = driver.major_functions();
    driver.set_major_functions([dispatch; 28]);
    driver.set_unload(Some(unload));
    driver.extension().set_add_device(Some(add_device));
    if let Some((Place::Entry(misbehave), _)) = switch::told() {
        return misbehave();
    }
    if let Some((Place::DriverObject(told), conduct)) = switch::told() {
        return told(driver, unserved, conduct);
    }
    STATUS_SUCCESS
}

/// Called when the last device is gone.
extern "system" fn unload(_driver: Driver) {
    if let Some((Place::Unload(told), conduct)) = switch::told() {
        told(conduct);
    }
    // A DPC routine that has done its work may not have returned.
    KeFlushQueuedDpcs();
    races::free_kept();
}
