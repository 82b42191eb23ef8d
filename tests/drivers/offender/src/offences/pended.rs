//! Offences in keeping a request of the PnP manager or the power manager for a work item, which sends it on: it is marked
//! pending before.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{DELAYED_WORK_QUEUE, ExQueueWorkItem, NtStatus, STATUS_PENDING, WorkQueueItem},
    pool,
    request::Request,
    switch::Conduct,
};

/// PowerSystemWorking, and SystemPowerState of POWER_STATE_TYPE.
const POWER_SYSTEM_WORKING: u64 = 1;
const SYSTEM_POWER_STATE: u64 = 0;

/// A request that a work item sends on.
#[repr(C)]
struct Kept {
    work: WorkQueueItem,
    request: Request,
}

/// Keeps the request without the mark.
pub(super) fn not_marked(request: Request, conduct: Conduct) -> NtStatus {
    let kept = pool::allocate(size_of::<Kept>()).cast::<Kept>();
    if kept.is_null() {
        return request.skip_and_call();
    }
    let work = WorkQueueItem {
        links: [ptr::null_mut(); 2],
        routine: Some(send_on),
        parameter: kept.cast(),
    };
    // SAFETY: pool of this size, aligned to 16 bytes, that nobody else knows of.
    unsafe { kept.write(Kept { work, request }) };
    if !conduct.offends() {
        request.irp.mark_pending();
    }
    // The work item is the first field.
    ExQueueWorkItem(kept.cast(), DELAYED_WORK_QUEUE);
    STATUS_PENDING
}

extern "system" fn send_on(context: *mut c_void) {
    let kept = context.cast::<Kept>();
    // SAFETY: the block was written before the work item was queued, and is freed here only.
    let request = unsafe { (*kept).request };
    pool::free(kept.cast());
    request.follow();
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
