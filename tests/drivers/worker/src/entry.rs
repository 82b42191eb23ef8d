//! The image's entry point, and the driver's only `unsafe`.

use core::ptr::NonNull;

use wdm::raw::{DRIVER_OBJECT, NTSTATUS, UNICODE_STRING};

use crate::filter::Worker;

/// Called by the I/O manager when it has loaded the image.
///
/// # Safety
///
/// Called once, at PASSIVE_LEVEL, with the driver object that was made for this image and the path
/// of its service's key.
// SAFETY: no other symbol of the image has this name, and the linker takes it as the entry point by it.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(
    driver: NonNull<DRIVER_OBJECT>,
    registry_path: NonNull<UNICODE_STRING>,
) -> NTSTATUS {
    // SAFETY: the arguments are the I/O manager's, and this is the only call.
    unsafe { wdm::driver_entry::<Worker>(driver, registry_path) }
}
