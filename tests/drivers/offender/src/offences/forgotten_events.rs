//! Offences of a completion routine that keeps an IRP and does not tell who waits for it.

use crate::{
    kernel::{IRP_MJ_FLUSH_BUFFERS, IoFreeIrp, NtStatus, STATUS_SUCCESS},
    request::Request,
    sending::{SECTOR_BYTES, allocate, build_read, free_built, send_and_wait_by, started, with_buffer},
    switch::Conduct,
};

/// With START_DEVICE itself.
pub(super) fn of_forwarded(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.copy_location_to_next();
    send_and_wait_by(request.device, request.irp, !conduct.offends());
    let status = request.irp.status();
    request.complete_as_it_is();
    status
}

/// With a flush of the driver's own.
pub(super) fn of_own(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let own = allocate(device, IRP_MJ_FLUSH_BUFFERS, 0, STATUS_SUCCESS);
        if !own.is_null() {
            send_and_wait_by(device, own, !conduct.offends());
            IoFreeIrp(own);
        }
    })
}

/// With a READ that was built.
pub(super) fn of_built(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        with_buffer(SECTOR_BYTES, |buffer| {
            let built = build_read(device, buffer);
            if !built.is_null() {
                send_and_wait_by(device, built, !conduct.offends());
                free_built(built);
            }
        });
    })
}
