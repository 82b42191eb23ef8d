//! DriverEntry and DriverUnload.

use crate::{
    check::Outcome,
    kernel::{Driver, NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, UnicodeString},
    layers::{Stack, dispatch},
    objects::driver_object,
    sequences::SEQUENCES,
};

/// Called by the I/O manager when it has loaded the image. The driver stays loaded whatever the sequences come to, so that
/// there is time to look.
// SAFETY: no other symbol of the image has this name, and the linker takes it as the entry point by it.
#[unsafe(export_name = "DriverEntry")]
extern "system" fn driver_entry(driver: Driver, registry_path: &UnicodeString) -> NtStatus {
    driver_object::MAJOR_FUNCTIONS.set(driver, [dispatch; 28]);
    driver_object::UNLOAD.set(driver, Some(unload));
    let Some(stack) = Stack::make(driver) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let mut outcome = Outcome::begin(registry_path);
    for sequence in SEQUENCES {
        stack.reset();
        outcome.run(sequence, stack);
    }
    stack.take_down();
    outcome.end();
    STATUS_SUCCESS
}

/// Called when the driver is stopped. DriverEntry has left nothing that would have to be taken away.
extern "system" fn unload(_driver: Driver) {}
