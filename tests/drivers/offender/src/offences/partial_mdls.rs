//! Offences with partial MDLs.

use core::{ffi::c_void, ptr};

use super::mdls::{map, system_address};
use crate::{
    kernel::{
        FALSE, IRP_MJ_READ, IoAllocateMdl, IoBuildPartialMdl, IoFreeIrp, IoFreeMdl, IoSetCompletionRoutineEx,
        IofCallDriver, MmUnlockPages, MmUnmapLockedPages, NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
        TRUE,
    },
    objects::{Device, Irp, Mdl},
    pool,
    request::{Request, complete_followed},
    sending::{SECTOR_BYTES, allocate, lock, send_and_wait, started, with_buffer},
    switch::Conduct,
};

/// Two pages, so that a part can be one.
const SOURCE_BYTES: u32 = 2 * PAGE_BYTES;
const PAGE_BYTES: u32 = 4096;

const MDL_PARTIAL_HAS_BEEN_MAPPED: u16 = 0x20;

/// Does something with a buffer, an MDL of which the pages are locked, and an MDL for `part_bytes` of it.
fn with_part(part_bytes: u32, work: impl FnOnce(*mut c_void, Mdl, Mdl)) {
    with_buffer(SOURCE_BYTES, |buffer| {
        let source = IoAllocateMdl(buffer, SOURCE_BYTES, FALSE, FALSE, ptr::null_mut());
        if source.is_null() {
            return;
        }
        let part = IoAllocateMdl(buffer, part_bytes, FALSE, FALSE, ptr::null_mut());
        if !part.is_null() {
            lock(source);
            work(buffer, source, part);
            IoFreeMdl(part);
            MmUnlockPages(source);
        }
        IoFreeMdl(source);
    });
}

/// MmPrepareMdlForReuse.
fn prepare_for_reuse(part: Mdl) {
    if part.flags() & MDL_PARTIAL_HAS_BEEN_MAPPED != 0 {
        MmUnmapLockedPages(part.mapped_address(), part);
    }
}

/// Unlocks the pages of a part.
pub(super) fn unlock(request: Request, conduct: Conduct) -> NtStatus {
    with_part(PAGE_BYTES, |buffer, source, part| {
        IoBuildPartialMdl(source, part, buffer, PAGE_BYTES);
        if conduct.offends() {
            MmUnlockPages(part);
        }
    });
    request.skip_and_call()
}

/// Unmaps a part, which has its address from the whole.
pub(super) fn unmap(request: Request, conduct: Conduct) -> NtStatus {
    with_part(PAGE_BYTES, |buffer, source, part| {
        if map(source).is_null() {
            return;
        }
        IoBuildPartialMdl(source, part, buffer, PAGE_BYTES);
        let address = system_address(part);
        if conduct.offends() {
            MmUnmapLockedPages(address, part);
        }
    });
    request.skip_and_call()
}

/// Makes an MDL describe more pages than it has room for.
pub(super) fn build_into_small(request: Request, conduct: Conduct) -> NtStatus {
    with_part(conduct.choose(PAGE_BYTES, SOURCE_BYTES), |buffer, source, part| {
        IoBuildPartialMdl(source, part, buffer, SOURCE_BYTES);
    });
    request.skip_and_call()
}

/// Makes a part of a whole that ends before it.
pub(super) fn build_beyond_source(request: Request, conduct: Conduct) -> NtStatus {
    with_part(SOURCE_BYTES, |buffer, source, part| {
        let second = buffer.wrapping_byte_add(PAGE_BYTES as usize);
        IoBuildPartialMdl(source, part, second, conduct.choose(SOURCE_BYTES, PAGE_BYTES));
    });
    request.skip_and_call()
}

/// Makes a part that has a mapping of its own another part.
pub(super) fn reuse_mapped(request: Request, conduct: Conduct) -> NtStatus {
    with_part(PAGE_BYTES, |buffer, source, part| {
        IoBuildPartialMdl(source, part, buffer, PAGE_BYTES);
        system_address(part);
        if !conduct.offends() {
            prepare_for_reuse(part);
        }
        let second = buffer.wrapping_byte_add(PAGE_BYTES as usize);
        IoBuildPartialMdl(source, part, second, PAGE_BYTES);
    });
    request.skip_and_call()
}

/// Sends a READ with a part of an MDL whose pages it has unlocked.
pub(super) fn send_part_of_unlocked(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        with_buffer(SOURCE_BYTES, |buffer| {
            let source = IoAllocateMdl(buffer, SOURCE_BYTES, FALSE, FALSE, ptr::null_mut());
            if source.is_null() {
                return;
            }
            let part = IoAllocateMdl(buffer, PAGE_BYTES, FALSE, FALSE, ptr::null_mut());
            let own = allocate(device, IRP_MJ_READ, 0, STATUS_SUCCESS);
            if !part.is_null() && !own.is_null() {
                lock(source);
                IoBuildPartialMdl(source, part, buffer, PAGE_BYTES);
                own.set_mdl(part.as_ptr());
                own.next_location().set_parameters([u64::from(SECTOR_BYTES), 0, 0, 0]);
                if conduct.offends() {
                    MmUnlockPages(source);
                }
                send_and_wait(device, own);
                if !conduct.offends() {
                    MmUnlockPages(source);
                }
            }
            if !own.is_null() {
                IoFreeIrp(own);
            }
            if !part.is_null() {
                IoFreeMdl(part);
            }
            IoFreeMdl(source);
        });
    })
}

/// What the completion routine of a request needs that has a part of its own MDL in the place of that.
struct Swapped {
    whole: Mdl,
    part: Mdl,
    leaves: bool,
}

/// Sends a request down with a part of its own MDL, and leaves the part in it.
pub(super) fn leave_in_irp(request: Request, conduct: Conduct) -> NtStatus {
    let whole = request.irp.mdl_list();
    if whole.is_null() {
        return request.follow();
    }
    let swapped = pool::allocate(size_of::<Swapped>()).cast::<Swapped>();
    let part = IoAllocateMdl(whole.start(), whole.byte_count(), FALSE, FALSE, ptr::null_mut());
    if swapped.is_null() || part.is_null() {
        if !swapped.is_null() {
            pool::free(swapped.cast());
        }
        if !part.is_null() {
            IoFreeMdl(part);
        }
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    }
    let leaves = conduct.offends();
    // SAFETY: pool of this size that nobody else knows of.
    unsafe { swapped.write(Swapped { whole, part, leaves }) };
    request.irp.copy_location_to_next();
    let routine = put_back;
    let registered = IoSetCompletionRoutineEx(request.device, request.irp, routine, swapped.cast(), TRUE, TRUE, TRUE);
    if registered < STATUS_SUCCESS {
        IoFreeMdl(part);
        pool::free(swapped.cast());
        return request.complete(registered);
    }
    IoBuildPartialMdl(whole, part, whole.start(), whole.byte_count());
    request.irp.set_mdl(part.as_ptr());
    IofCallDriver(request.device.lower(), request.irp)
}

extern "system" fn put_back(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    // SAFETY: what the dispatch routine has written there, for this routine alone.
    let Swapped { whole, part, leaves } = unsafe { context.cast::<Swapped>().read() };
    pool::free(context);
    if !leaves {
        irp.set_mdl(whole.as_ptr());
        IoFreeMdl(part);
    }
    complete_followed(device, irp, ptr::null_mut())
}
