//! What it takes to send an IRP of this driver's own, the right way: to build it, to wait for it, to free it.
//!
//! Everything here is for PASSIVE_LEVEL.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        EXECUTIVE, Event, FALSE, IO_WRITE_ACCESS, IRP_MJ_READ, IoAllocateIrp, IoBuildAsynchronousFsdRequest,
        IoBuildDeviceIoControlRequest, IoForwardIrpSynchronously, IoFreeIrp, IoFreeMdl, IoStatusBlock, IofCallDriver,
        KERNEL_MODE, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject, MmProbeAndLockPages, MmUnlockPages,
        NOTIFICATION_EVENT, NtStatus, STATUS_MORE_PROCESSING_REQUIRED, STATUS_NOT_SUPPORTED, STATUS_PENDING,
        STATUS_SUCCESS,
    },
    objects::{Device, Irp, Mdl},
    pool,
    request::Request,
};

/// How much is read.
pub(crate) const SECTOR_BYTES: u32 = 512;

/// A device control code that no lower driver knows, with METHOD_BUFFERED.
pub(crate) const CONTROL_CODE: u32 = 0x0007_2000;

const IRP_DEALLOCATE_BUFFER: u32 = 0x20;

/// START_DEVICE: starts those below, does `work`, and completes the request.
pub(crate) fn started(request: Request, work: impl FnOnce(Device)) -> NtStatus {
    // The offender has a stack location, since what is above sends to it.
    IoForwardIrpSynchronously(request.device.lower(), request.irp);
    let status = request.irp.status();
    if status >= STATUS_SUCCESS {
        work(request.device);
    }
    request.complete_as_it_is();
    status
}

/// An event that is not signalled.
pub(crate) fn new_event() -> Event {
    let mut event = Event::default();
    KeInitializeEvent(&mut event, NOTIFICATION_EVENT, FALSE);
    event
}

/// Waits without end.
pub(crate) fn wait_for(event: &mut Event) {
    KeWaitForSingleObject(event, EXECUTIVE, KERNEL_MODE, FALSE, ptr::null());
}

/// Does something with a buffer of nonpaged pool, where there is one.
pub(crate) fn with_buffer(bytes: u32, work: impl FnOnce(*mut c_void)) {
    let buffer = pool::allocate(bytes as usize);
    if !buffer.is_null() {
        work(buffer);
        pool::free(buffer);
    }
}

/// Sends a request of no particular contents to a device of this driver, and waits for it.
pub(crate) fn send_to_self(device: Device, major_function: u8, minor_function: u8) {
    // Requests of PnP, power and WMI begin with it, and it means nothing to others.
    let own = allocate_for(device, major_function, minor_function, STATUS_NOT_SUPPORTED);
    if own.is_null() {
        return;
    }
    let mut event = new_event();
    own.set_completion_routine(set_and_keep, (&raw mut event).cast());
    IofCallDriver(device, own);
    wait_for(&mut event);
    IoFreeIrp(own);
}

/// An IRP for the lower driver, with what it asks for in the next stack location. Null where there is no memory.
pub(crate) fn allocate(device: Device, major_function: u8, minor_function: u8, status: NtStatus) -> Irp {
    allocate_for(device.lower(), major_function, minor_function, status)
}

/// An IRP for `target`.
fn allocate_for(target: Device, major_function: u8, minor_function: u8, status: NtStatus) -> Irp {
    let own = IoAllocateIrp(target.stack_size(), FALSE);
    if !own.is_null() {
        own.set_status(status);
        own.next_location().set_major_function(major_function);
        own.next_location().set_minor_function(minor_function);
    }
    own
}

/// A READ of the first sector, as IoBuildAsynchronousFsdRequest makes it. Null where there is no memory.
pub(crate) fn build_read(device: Device, buffer: *mut c_void) -> Irp {
    let offset = 0;
    IoBuildAsynchronousFsdRequest(
        u32::from(IRP_MJ_READ),
        device.lower(),
        buffer,
        SECTOR_BYTES,
        &raw const offset,
        ptr::null_mut(),
    )
}

/// A device control request without data. Null where there is no memory.
pub(crate) fn build_control(target: Device, event: *mut Event, status_block: *mut IoStatusBlock) -> Irp {
    IoBuildDeviceIoControlRequest(
        CONTROL_CODE,
        target,
        ptr::null_mut(),
        0,
        ptr::null_mut(),
        0,
        FALSE,
        event,
        status_block,
    )
}

/// Sends an IRP that a completion routine has to take back, and waits for it.
pub(crate) fn send_and_wait(device: Device, own: Irp) {
    send_and_wait_by(device, own, true);
}

/// The same, where the completion routine sets the event or forgets it.
pub(crate) fn send_and_wait_by(device: Device, own: Irp, sets_event: bool) {
    let mut event = new_event();
    let context = (&raw mut event).cast();
    own.set_completion_routine(if sets_event { set_and_keep } else { keep }, context);
    IofCallDriver(device.lower(), own);
    wait_for(&mut event);
}

/// Sends an IRP that the I/O manager frees and sets this event of, and waits for it.
pub(crate) fn send_built_and_wait(target: Device, own: Irp, event: &mut Event) {
    if IofCallDriver(target, own) == STATUS_PENDING {
        wait_for(event);
    }
}

/// A completion routine.
pub(crate) extern "system" fn set_and_keep(_device: Device, _own: Irp, context: *mut c_void) -> NtStatus {
    KeSetEvent(context.cast(), 0, FALSE);
    STATUS_MORE_PROCESSING_REQUIRED
}

/// A completion routine, which tells nobody.
pub(crate) extern "system" fn keep(_device: Device, _own: Irp, _context: *mut c_void) -> NtStatus {
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Frees what IoBuildAsynchronousFsdRequest has built.
pub(crate) fn free_built(own: Irp) {
    let mut list = own.mdl_list();
    while !list.is_null() {
        let next = list.next();
        MmUnlockPages(list);
        IoFreeMdl(list);
        list = next;
    }
    if own.flags() & IRP_DEALLOCATE_BUFFER != 0 {
        pool::free_untagged(own.system_buffer());
    }
    IoFreeIrp(own);
}

/// Locks the pages of an MDL, to be written to.
pub(crate) fn lock(list: Mdl) {
    MmProbeAndLockPages(list, KERNEL_MODE, IO_WRITE_ACCESS);
}
