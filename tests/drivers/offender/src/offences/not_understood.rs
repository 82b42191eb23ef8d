//! Offences with requests that this driver knows nothing about, or that are for another: it has to pass them on as they
//! came.

use crate::{
    kernel::{NtStatus, STATUS_SUCCESS},
    request::Request,
    switch::Conduct,
};

/// Completes the IRP, with the status that it came with.
pub(super) fn complete(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        return request.complete(request.irp.status());
    }
    request.skip_and_call()
}

/// Passes the IRP on as one that has succeeded.
pub(super) fn change_status(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.irp.set_status(STATUS_SUCCESS);
    }
    request.skip_and_call()
}

/// Passes the IRP on with an information of this driver's own.
pub(super) fn change_information(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.irp.set_information(request.irp.information().wrapping_add(1));
    }
    request.skip_and_call()
}
