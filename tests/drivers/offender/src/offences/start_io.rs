//! Offences with StartIo, the routine that gets a device's requests one by one.

use core::ptr;

use crate::{
    kernel::{
        FALSE, IRP_MJ_FLUSH_BUFFERS, IoFreeIrp, IoSetStartIoAttributes, IoStartNextPacket, IoStartPacket, NtStatus,
        STATUS_SUCCESS, TRUE,
    },
    objects::{Device, Irp},
    request::Request,
    sending::{allocate, started},
    switch::Conduct,
};

/// Asks for the next request in StartIo, which may call StartIo there and then.
pub(super) fn start_next(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let own = allocate(device, IRP_MJ_FLUSH_BUFFERS, 0, STATUS_SUCCESS);
        if own.is_null() {
            return;
        }
        device.driver().set_start_io(Some(be_done));
        if !conduct.offends() {
            IoSetStartIoAttributes(device, TRUE, FALSE);
        }
        // The device is idle, so it is started at once, and is over when this returns.
        IoStartPacket(device, own, ptr::null(), None);
        IoFreeIrp(own);
    })
}

extern "system" fn be_done(device: Device, _irp: Irp) {
    IoStartNextPacket(device, FALSE);
}
