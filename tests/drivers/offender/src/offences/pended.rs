//! Offences in keeping a request of the PnP manager or the power manager for a work item, which sends it on: it is marked
//! pending before.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{DELAYED_WORK_QUEUE, ExQueueWorkItem, IofCallDriver, NtStatus, STATUS_PENDING, WorkQueueItem},
    objects::Device,
    request::{Request, complete_followed},
    switch::Conduct,
};

/// PowerSystemWorking, and SystemPowerState of POWER_STATE_TYPE.
const POWER_SYSTEM_WORKING: u64 = 1;
const SYSTEM_POWER_STATE: u64 = 0;

/// Keeps the request without the mark. A device has one such request at a time.
pub(super) fn not_marked(request: Request, conduct: Conduct) -> NtStatus {
    let Request { device, irp } = request;
    let work = WorkQueueItem {
        links: [ptr::null_mut(); 2],
        routine: Some(send_on),
        parameter: device.as_ptr(),
    };
    // SAFETY: a field of the extension, whose work item is queued for this request alone.
    unsafe { device.work_place().write(work) };
    // SAFETY: as above.
    unsafe { device.waiting_place().write(irp) };
    if !conduct.offends() {
        irp.mark_pending();
    }
    ExQueueWorkItem(device.work_place(), DELAYED_WORK_QUEUE);
    STATUS_PENDING
}

extern "system" fn send_on(context: *mut c_void) {
    let device = Device::from_context(context);
    // SAFETY: written before the work item was queued, in a device that the remove lock keeps until the request is back.
    let irp = unsafe { device.waiting_place().read() };
    irp.copy_location_to_next();
    irp.set_completion_routine(complete_followed, ptr::null_mut());
    IofCallDriver(device.lower(), irp);
}

/// Keeps a SET_POWER to the working state of the system.
pub(super) fn power_up(request: Request, conduct: Conduct) -> NtStatus {
    where_power(request, conduct, |kind, state| {
        kind == SYSTEM_POWER_STATE && state == POWER_SYSTEM_WORKING
    })
}

/// Keeps a SET_POWER to a sleeping state of the system.
pub(super) fn power_down(request: Request, conduct: Conduct) -> NtStatus {
    where_power(request, conduct, |kind, state| {
        kind == SYSTEM_POWER_STATE && state != POWER_SYSTEM_WORKING
    })
}

/// Keeps a SET_POWER to a state of the device.
pub(super) fn device_power(request: Request, conduct: Conduct) -> NtStatus {
    where_power(request, conduct, |kind, _| kind != SYSTEM_POWER_STATE)
}

fn where_power(request: Request, conduct: Conduct, is_meant: fn(u64, u64) -> bool) -> NtStatus {
    let [_, kind, state, _] = request.irp.location().parameters();
    if is_meant(kind & 0xFFFF_FFFF, state & 0xFFFF_FFFF) {
        not_marked(request, conduct)
    } else {
        request.skip_and_call()
    }
}
