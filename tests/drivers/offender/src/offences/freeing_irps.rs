//! Offences in the way in which an IRP is freed.

use crate::{
    kernel::{
        IRP_MJ_FLUSH_BUFFERS, IoFreeIrp, IoStatusBlock, IofCompleteRequest, NO_INCREMENT, NtStatus, STATUS_SUCCESS,
    },
    pool,
    request::Request,
    sending::{
        SECTOR_BYTES, allocate, build_control, build_read, free_built, new_event, send_built_and_wait, started,
        with_buffer,
    },
    switch::Conduct,
};

/// Frees what says of itself that it is no IRP.
pub(super) fn of_no_type(request: Request, conduct: Conduct) -> NtStatus {
    let own = allocate(request.device, IRP_MJ_FLUSH_BUFFERS, 0, STATUS_SUCCESS);
    if !own.is_null() {
        if conduct.offends() {
            own.set_kind(0);
        }
        IoFreeIrp(own);
    }
    request.skip_and_call()
}

/// Frees an IRP that was built for a thread; the twin sends it.
pub(super) fn threaded(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let mut event = new_event();
        let mut status_block = IoStatusBlock::default();
        let built = build_control(device.lower(), &raw mut event, &raw mut status_block);
        if built.is_null() {
            return;
        }
        if conduct.offends() {
            IoFreeIrp(built);
        } else {
            send_built_and_wait(device.lower(), built, &mut event);
        }
    })
}

/// Frees the IRP that arrived.
pub(super) fn arrived(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        IoFreeIrp(request.irp);
    }
    request.follow()
}

/// Frees an IRP like any block of pool.
pub(super) fn as_pool(request: Request, conduct: Conduct) -> NtStatus {
    let own = allocate(request.device, IRP_MJ_FLUSH_BUFFERS, 0, STATUS_SUCCESS);
    if !own.is_null() {
        if conduct.offends() {
            pool::free_untagged(own.as_ptr());
        } else {
            IoFreeIrp(own);
        }
    }
    request.skip_and_call()
}

/// Completes an IRP of its own that is not sent after all.
pub(super) fn by_completing(request: Request, conduct: Conduct) -> NtStatus {
    let own = allocate(request.device, IRP_MJ_FLUSH_BUFFERS, 0, STATUS_SUCCESS);
    if !own.is_null() {
        if conduct.offends() {
            IofCompleteRequest(own, NO_INCREMENT);
        }
        IoFreeIrp(own);
    }
    request.skip_and_call()
}

/// The same with one of IoBuildAsynchronousFsdRequest.
pub(super) fn built_by_completing(request: Request, conduct: Conduct) -> NtStatus {
    with_buffer(SECTOR_BYTES, |buffer| {
        let built = build_read(request.device, buffer);
        if !built.is_null() {
            if conduct.offends() {
                IofCompleteRequest(built, NO_INCREMENT);
            }
            free_built(built);
        }
    });
    request.skip_and_call()
}
