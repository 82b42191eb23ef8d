//! Offences with work items of the I/O manager.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        DELAYED_WORK_QUEUE, EXECUTIVE, Event, FALSE, IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, KERNEL_MODE,
        KeDelayExecutionThread, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject, NOTIFICATION_EVENT, NtStatus,
    },
    objects::Device,
    request::Request,
    switch::Conduct,
};

/// A millisecond from now, as the kernel counts: longer than a work item waits here.
const A_MILLISECOND: i64 = -10_000;

/// Queues a work item twice in a row: no offence where its routine has begun in between.
pub(super) fn queue_twice(request: Request, conduct: Conduct) -> NtStatus {
    let item = IoAllocateWorkItem(request.device);
    if !item.is_null() {
        let mut worked = Event::default();
        KeInitializeEvent(&mut worked, NOTIFICATION_EVENT, FALSE);
        let worked = &raw mut worked;
        IoQueueWorkItem(item, work, DELAYED_WORK_QUEUE, worked.cast());
        if conduct.offends() {
            IoQueueWorkItem(item, work, DELAYED_WORK_QUEUE, worked.cast());
        }
        KeWaitForSingleObject(worked, EXECUTIVE, KERNEL_MODE, FALSE, ptr::null());
        KeDelayExecutionThread(KERNEL_MODE, FALSE, &A_MILLISECOND);
        IoFreeWorkItem(item);
    }
    request.skip_and_call()
}

extern "system" fn work(_device: Device, worked: *mut c_void) {
    KeSetEvent(worked.cast(), 0, FALSE);
}
