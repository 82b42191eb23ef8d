//! Offences in the way in which an IRP is made, and made anew.

use core::{cell::UnsafeCell, ffi::c_void, ptr};

use crate::{
    kernel::{
        Event, FALSE, IRP_MJ_READ, IoAllocateIrp, IoBuildAsynchronousFsdRequest, IoBuildDeviceIoControlRequest,
        IoFreeIrp, IoInitializeIrp, IoReuseIrp, IoStatusBlock, IofCallDriver, KeInitializeEvent, NOTIFICATION_EVENT,
        NtStatus, STATUS_PENDING, STATUS_SUCCESS, TRUE,
    },
    objects::Irp,
    request::Request,
    sending::{
        CONTROL_CODE, SECTOR_BYTES, build_control, build_read, free_built, new_event, send_and_wait,
        send_built_and_wait, started, wait_for, with_buffer,
    },
    switch::Conduct,
};

/// An address that no memory has.
fn no_memory() -> *mut c_void {
    ptr::without_provenance_mut(8)
}

/// Builds a transfer from where no memory is.
pub(super) fn transfer_of_no_memory(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        with_buffer(SECTOR_BYTES, |buffer| {
            let offset = 0;
            let built = IoBuildAsynchronousFsdRequest(
                u32::from(IRP_MJ_READ),
                device.lower(),
                conduct.choose(no_memory(), buffer),
                SECTOR_BYTES,
                &raw const offset,
                ptr::null_mut(),
            );
            if !built.is_null() {
                send_and_wait(device, built);
                free_built(built);
            }
        });
    })
}

/// Builds a device control request with input where no memory is.
pub(super) fn control_of_no_memory(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        with_buffer(SECTOR_BYTES, |buffer| {
            let mut event = new_event();
            let mut status_block = IoStatusBlock::default();
            let built = IoBuildDeviceIoControlRequest(
                CONTROL_CODE,
                device.lower(),
                conduct.choose(no_memory(), buffer),
                SECTOR_BYTES,
                ptr::null_mut(),
                0,
                FALSE,
                &raw mut event,
                &raw mut status_block,
            );
            if !built.is_null() {
                send_built_and_wait(device.lower(), built, &mut event);
            }
        });
    })
}

/// Sends an IRP with an event that is signalled.
pub(super) fn signalled_event(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let mut event = Event::default();
        KeInitializeEvent(&mut event, NOTIFICATION_EVENT, conduct.choose(TRUE, FALSE));
        let mut status_block = IoStatusBlock::default();
        let built = build_control(device.lower(), &raw mut event, &raw mut status_block);
        if !built.is_null() {
            send_built_and_wait(device.lower(), built, &mut event);
        }
    })
}

/// What is there as long as the image.
struct Lasting {
    event: UnsafeCell<Event>,
    status_block: UnsafeCell<IoStatusBlock>,
}

// SAFETY: nothing in this driver reads or writes them: they are for the kernel, which is given their addresses.
unsafe impl Sync for Lasting {}

static LASTING: Lasting = Lasting {
    event: UnsafeCell::new(Event::ZERO),
    status_block: UnsafeCell::new(IoStatusBlock::ZERO),
};

/// Returns while an IRP is under way whose I/O status block is on its stack.
pub(super) fn status_block_unwound(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let mut status_block = IoStatusBlock::default();
        let event = LASTING.event.get();
        // SAFETY: the kernel, which shares it, is handed it only behind this.
        KeInitializeEvent(unsafe { &mut *event }, NOTIFICATION_EVENT, FALSE);
        let built = build_control(device.lower(), event, &raw mut status_block);
        if built.is_null() {
            return;
        }
        if IofCallDriver(device.lower(), built) == STATUS_PENDING && !conduct.offends() {
            // SAFETY: as above; the kernel changes it under its own lock.
            wait_for(unsafe { &mut *event });
        }
    })
}

/// The same with the event.
pub(super) fn event_unwound(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let mut event = new_event();
        let built = build_control(device.lower(), &raw mut event, LASTING.status_block.get());
        if built.is_null() {
            return;
        }
        if IofCallDriver(device.lower(), built) == STATUS_PENDING && !conduct.offends() {
            wait_for(&mut event);
        }
    })
}

/// Initialises an IRP that was allocated with a charge of quota.
pub(super) fn initialise_charged(request: Request, conduct: Conduct) -> NtStatus {
    initialise_or_reuse(IoAllocateIrp(request.device.lower().stack_size(), TRUE), conduct);
    request.skip_and_call()
}

/// Initialises an IRP that IoAllocateIrp has initialised.
pub(super) fn initialise_allocated(request: Request, conduct: Conduct) -> NtStatus {
    initialise_or_reuse(IoAllocateIrp(request.device.lower().stack_size(), FALSE), conduct);
    request.skip_and_call()
}

fn initialise_or_reuse(own: Irp, conduct: Conduct) {
    if own.is_null() {
        return;
    }
    if conduct.offends() {
        IoInitializeIrp(own, own.bytes(), own.stack_size());
    } else {
        IoReuseIrp(own, STATUS_SUCCESS);
    }
    IoFreeIrp(own);
}

/// Reuses an IRP that the I/O manager has built.
pub(super) fn reuse_built(request: Request, conduct: Conduct) -> NtStatus {
    with_buffer(SECTOR_BYTES, |buffer| {
        let built = build_read(request.device, buffer);
        if !built.is_null() {
            if conduct.offends() {
                IoReuseIrp(built, STATUS_SUCCESS);
            }
            free_built(built);
        }
    });
    request.skip_and_call()
}

/// Reuses the IRP that arrived.
pub(super) fn reuse_arrived(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        IoReuseIrp(request.irp, STATUS_SUCCESS);
    }
    request.follow()
}
