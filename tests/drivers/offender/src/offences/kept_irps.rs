//! Offences against an IRP that is certainly under way: the driver sends it to its own device, where it stays until the
//! driver completes it.

use core::ptr;

use crate::{
    kernel::{
        Event, FALSE, IRP_MJ_DEVICE_CONTROL, IoAllocateIrp, IoBuildDeviceIoControlRequest, IoFreeIrp, IoReuseIrp,
        IoStatusBlock, IofCallDriver, KeSetEvent, NtStatus, STATUS_DEVICE_NOT_READY, STATUS_PENDING, STATUS_SUCCESS,
    },
    objects::{Device, Irp},
    request::Request,
    sending::{CONTROL_CODE, build_control, new_event, set_and_keep, started, wait_for},
    switch::Conduct,
};

/// How many bytes the output of a request has.
const OUTPUT_BYTES: u32 = 4;

/// Whether a request is the driver's own device control request.
fn is_own(request: Request) -> bool {
    let location = request.irp.location();
    let [_, _, code, _] = location.parameters();
    location.major_function() == IRP_MJ_DEVICE_CONTROL && code & 0xFFFF_FFFF == u64::from(CONTROL_CODE)
}

/// What dispatch does: it keeps the driver's own request, starts the device, and passes everything else on.
fn dispatch(request: Request, start: impl FnOnce(Device)) -> NtStatus {
    if is_own(request) {
        request.irp.mark_pending();
        return STATUS_PENDING;
    }
    if request.irp.location().major_function() == IRP_MJ_DEVICE_CONTROL {
        return request.skip_and_call();
    }
    started(request, start)
}

/// Sends a request that was built to the driver itself, does `work` with it and its event, and completes it.
fn with_built(device: Device, work: impl FnOnce(Irp, &mut Event)) {
    let mut event = new_event();
    let mut status_block = IoStatusBlock::default();
    let built = build_control(device, &raw mut event, &raw mut status_block);
    if built.is_null() {
        return;
    }
    if IofCallDriver(device, built) == STATUS_PENDING {
        work(built, &mut event);
        Request { device, irp: built }.complete(STATUS_DEVICE_NOT_READY);
        wait_for(&mut event);
    }
}

/// Frees a request that was built for a thread.
pub(super) fn free(request: Request, conduct: Conduct) -> NtStatus {
    dispatch(request, |device| {
        with_built(device, |built, _| {
            if conduct.offends() {
                IoFreeIrp(built);
            }
        });
    })
}

/// Sets the event that the I/O manager sets.
pub(super) fn set_event(request: Request, conduct: Conduct) -> NtStatus {
    dispatch(request, |device| {
        with_built(device, |_, event| {
            if conduct.offends() {
                KeSetEvent(event, 0, FALSE);
            }
        });
    })
}

/// Reuses an IRP; the twin does it when the IRP is back.
pub(super) fn reuse(request: Request, conduct: Conduct) -> NtStatus {
    dispatch(request, |device| {
        let own = IoAllocateIrp(device.stack_size(), FALSE);
        if own.is_null() {
            return;
        }
        let mut event = new_event();
        own.next_location().set_major_function(IRP_MJ_DEVICE_CONTROL);
        own.next_location().set_parameters([0, 0, u64::from(CONTROL_CODE), 0]);
        own.set_completion_routine(set_and_keep, (&raw mut event).cast());
        if IofCallDriver(device, own) == STATUS_PENDING {
            if conduct.offends() {
                IoReuseIrp(own, STATUS_SUCCESS);
            }
            Request { device, irp: own }.complete(STATUS_DEVICE_NOT_READY);
        }
        wait_for(&mut event);
        IoReuseIrp(own, STATUS_SUCCESS);
        IoFreeIrp(own);
    })
}

/// Waits for a request that has failed at once, whose event nobody sets.
pub(super) fn wait_for_what_failed(request: Request, conduct: Conduct) -> NtStatus {
    if is_own(request) {
        return request.refuse();
    }
    dispatch(request, |device| {
        let mut event = new_event();
        let mut status_block = IoStatusBlock::default();
        let built = build_control(device, &raw mut event, &raw mut status_block);
        if built.is_null() {
            return;
        }
        let status = IofCallDriver(device, built);
        if conduct.offends() || status == STATUS_PENDING {
            wait_for(&mut event);
        }
    })
}

/// Completes a request with more bytes of output than it asked for.
pub(super) fn complete_with_too_much(request: Request, conduct: Conduct) -> NtStatus {
    if is_own(request) {
        request.irp.set_information(conduct.choose(8, 4));
        request.irp.set_status(STATUS_SUCCESS);
        request.complete_as_it_is();
        return STATUS_SUCCESS;
    }
    dispatch(request, |device| {
        let mut event = new_event();
        let mut status_block = IoStatusBlock::default();
        let mut output = [0_u32; 2];
        let built = IoBuildDeviceIoControlRequest(
            CONTROL_CODE,
            device,
            ptr::null_mut(),
            0,
            output.as_mut_ptr().cast(),
            OUTPUT_BYTES,
            FALSE,
            &raw mut event,
            &raw mut status_block,
        );
        if !built.is_null() && IofCallDriver(device, built) == STATUS_PENDING {
            wait_for(&mut event);
        }
    })
}
