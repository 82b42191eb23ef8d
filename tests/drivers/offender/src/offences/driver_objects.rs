//! Offences in what DriverEntry makes of the driver object.

use core::{ffi::c_void, ptr};

use crate::{
    add_device::{clear_initialising, create},
    kernel::{
        CompletionRoutine, Dispatch, IoAttachDeviceToDeviceStackSafe, IoDeleteDevice, IoDetachDevice, IofCallDriver,
        IofCompleteRequest, NO_INCREMENT, NtStatus, STATUS_CONTINUE_COMPLETION, STATUS_DEVICE_NOT_READY,
        STATUS_SUCCESS,
    },
    objects::{Device, Driver, Irp},
    request::Request,
    switch::{self, Conduct},
};

const IRP_MJ_POWER: usize = 0x16;

/// Has no dispatch routine for IRP_MJ_POWER.
pub(super) fn without_power(driver: Driver, unserved: Dispatch, conduct: Conduct) -> NtStatus {
    let mut functions = driver.major_functions();
    if conduct.offends()
        && let Some(power) = functions.get_mut(IRP_MJ_POWER)
    {
        *power = unserved;
    }
    driver.set_major_functions(functions);
    STATUS_SUCCESS
}

/// Is no driver for Plug and Play, but one of two devices, of which the upper passes on to the lower, and sets its
/// completion routine in a way that lets the driver be unloaded before it has returned.
pub(super) fn without_pnp(driver: Driver, _unserved: Dispatch, _conduct: Conduct) -> NtStatus {
    driver.extension().set_add_device(None);
    driver.set_major_functions([pass_on_or_refuse; 28]);
    driver.set_unload(Some(unload));
    let [mut lower, mut upper] = [Device::NULL; 2];
    for device in [&mut lower, &mut upper] {
        let status = create(driver, device);
        if status < STATUS_SUCCESS {
            unload(driver);
            return status;
        }
    }
    let status = IoAttachDeviceToDeviceStackSafe(upper, lower, upper.lower_place());
    if status < STATUS_SUCCESS {
        unload(driver);
        return status;
    }
    clear_initialising(lower);
    clear_initialising(upper);
    STATUS_SUCCESS
}

extern "system" fn pass_on_or_refuse(device: Device, irp: Irp) -> NtStatus {
    let request = Request { device, irp };
    if device.lower().is_null() {
        request.complete_only(STATUS_DEVICE_NOT_READY);
        return STATUS_DEVICE_NOT_READY;
    }
    irp.copy_location_to_next();
    let offends = switch::told().is_some_and(|(_, conduct)| conduct.offends());
    if offends {
        irp.set_completion_routine(go_on, ptr::null_mut());
    } else {
        let registered = request.register(device, go_on as CompletionRoutine);
        if registered < STATUS_SUCCESS {
            irp.set_status(registered);
            IofCompleteRequest(irp, NO_INCREMENT);
            return registered;
        }
    }
    IofCallDriver(device.lower(), irp)
}

extern "system" fn go_on(_device: Device, irp: Irp, _context: *mut c_void) -> NtStatus {
    if irp.pending_returned() {
        irp.mark_pending();
    }
    STATUS_CONTINUE_COMPLETION
}

/// Deletes the devices, the newest first.
extern "system" fn unload(driver: Driver) {
    loop {
        let device = driver.device();
        if device.is_null() {
            return;
        }
        if !device.lower().is_null() {
            IoDetachDevice(device.lower());
        }
        IoDeleteDevice(device);
    }
}
