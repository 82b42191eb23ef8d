//! Offences with memory descriptor lists: what may be done with one in which of its states, and at which IRQL.
//!
//! Each is done to an MDL of the driver's own while the device starts, unless it is about one that arrives.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        ABOVE_DISPATCH_LEVEL, CACHED, DISPATCH_LEVEL, ExAllocatePool2, FALSE, IRP_MJ_READ, IoAllocateMdl, IoFreeIrp,
        IoFreeMdl, KERNEL_MODE, KeLowerIrql, KfRaiseIrql, MmBuildMdlForNonPagedPool, MmMapLockedPages,
        MmMapLockedPagesSpecifyCache, MmUnlockPages, MmUnmapLockedPages, NORMAL_PRIORITY_NO_EXECUTE, NtStatus,
        STATUS_SUCCESS,
    },
    objects::Mdl,
    pool,
    request::Request,
    sending::{SECTOR_BYTES, allocate, lock, send_and_wait, started, with_buffer},
    switch::Conduct,
};

const POOL_FLAG_NON_PAGED: u64 = 0x40;
const POOL_FLAG_PAGED: u64 = 0x100;

const MDL_MAPPED_TO_SYSTEM_VA: u16 = 0x1;
const MDL_SOURCE_IS_NONPAGED_POOL: u16 = 0x4;

/// Maps an MDL into system space. Null where there is no memory.
pub(super) fn map(list: Mdl) -> *mut c_void {
    MmMapLockedPagesSpecifyCache(
        list,
        KERNEL_MODE,
        CACHED,
        ptr::null_mut(),
        0,
        NORMAL_PRIORITY_NO_EXECUTE,
    )
}

/// MmGetSystemAddressForMdlSafe. Null where there is no memory.
pub(super) fn system_address(list: Mdl) -> *mut c_void {
    if list.flags() & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        list.mapped_address()
    } else {
        map(list)
    }
}

/// Does something with an MDL for a buffer, and frees it.
pub(super) fn with_mdl(work: impl FnOnce(Mdl)) {
    with_buffer(SECTOR_BYTES, |buffer| {
        let list = IoAllocateMdl(buffer, SECTOR_BYTES, FALSE, FALSE, ptr::null_mut());
        if !list.is_null() {
            work(list);
            IoFreeMdl(list);
        }
    });
}

/// Does something above DISPATCH_LEVEL where that is the offence, and at it otherwise.
fn raised<T>(conduct: Conduct, work: impl FnOnce() -> T) -> T {
    let old = KfRaiseIrql(conduct.choose(ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL));
    let result = work();
    KeLowerIrql(old);
    result
}

/// Locks pages above DISPATCH_LEVEL.
pub(super) fn lock_above_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        raised(conduct, || lock(list));
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Maps them there.
pub(super) fn map_above_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        raised(conduct, || map(list));
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Unlocks them there.
pub(super) fn unlock_above_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        raised(conduct, || MmUnlockPages(list));
    });
    request.skip_and_call()
}

/// Unmaps them there.
pub(super) fn unmap_above_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        let address = map(list);
        if !address.is_null() {
            raised(conduct, || MmUnmapLockedPages(address, list));
        }
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Unlocks pages that nobody has locked.
pub(super) fn unlock_unlocked(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        if !conduct.offends() {
            lock(list);
        }
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Unlocks nonpaged pool.
pub(super) fn unlock_nonpaged(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        MmBuildMdlForNonPagedPool(list);
        if conduct.offends() {
            MmUnlockPages(list);
        }
    });
    request.skip_and_call()
}

/// Builds an MDL for nonpaged pool of paged pool.
pub(super) fn build_of_paged_pool(request: Request, conduct: Conduct) -> NtStatus {
    let kind = conduct.choose(POOL_FLAG_PAGED, POOL_FLAG_NON_PAGED);
    let block = ExAllocatePool2(kind, SECTOR_BYTES as usize, pool::TAG);
    if !block.is_null() {
        let list = IoAllocateMdl(block, SECTOR_BYTES, FALSE, FALSE, ptr::null_mut());
        if !list.is_null() {
            MmBuildMdlForNonPagedPool(list);
            IoFreeMdl(list);
        }
        pool::free(block);
    }
    request.skip_and_call()
}

/// Maps pages with the function that stops the machine where it fails.
pub(super) fn map_by_old_function(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        if conduct.offends() {
            MmMapLockedPages(list, KERNEL_MODE);
        } else {
            map(list);
        }
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Asks for the machine to be stopped where it fails.
pub(super) fn map_or_bug_check(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        MmMapLockedPagesSpecifyCache(
            list,
            KERNEL_MODE,
            CACHED,
            ptr::null_mut(),
            conduct.choose(1, 0),
            NORMAL_PRIORITY_NO_EXECUTE,
        );
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Locks the pages of an MDL that was built for nonpaged pool.
pub(super) fn lock_built(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        if conduct.offends() {
            MmBuildMdlForNonPagedPool(list);
        }
        lock(list);
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Maps an MDL twice; the twin asks for its address twice.
pub(super) fn map_twice(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        if !map(list).is_null() {
            if conduct.offends() {
                map(list);
            } else {
                system_address(list);
            }
        }
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Maps pages that are not locked.
pub(super) fn map_unlocked(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        if !conduct.offends() {
            lock(list);
        }
        map(list);
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Unmaps what is not mapped.
pub(super) fn unmap_unmapped(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        let address = if conduct.offends() {
            list.mapped_address()
        } else {
            map(list)
        };
        if !address.is_null() {
            MmUnmapLockedPages(address, list);
        }
        MmUnlockPages(list);
    });
    request.skip_and_call()
}

/// Frees an MDL that is mapped, and locked.
pub(super) fn free_mapped(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        map(list);
        if !conduct.offends() {
            MmUnlockPages(list);
        }
    });
    request.skip_and_call()
}

/// Frees an MDL that is locked.
pub(super) fn leave_locked(request: Request, conduct: Conduct) -> NtStatus {
    with_mdl(|list| {
        lock(list);
        if !conduct.offends() {
            MmUnlockPages(list);
        }
    });
    request.skip_and_call()
}

/// Frees the MDL of a request that arrived.
pub(super) fn free_arrived(request: Request, conduct: Conduct) -> NtStatus {
    let list = request.irp.mdl_list();
    if conduct.offends() && !list.is_null() {
        IoFreeMdl(list);
    }
    request.follow()
}

/// Sends a READ with an MDL that says only where the buffer is.
pub(super) fn send_without_pages(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        with_mdl(|list| {
            if !conduct.offends() {
                MmBuildMdlForNonPagedPool(list);
            }
            let own = allocate(device, IRP_MJ_READ, 0, STATUS_SUCCESS);
            if own.is_null() {
                return;
            }
            own.set_mdl(list.as_ptr());
            own.next_location().set_parameters([u64::from(SECTOR_BYTES), 0, 0, 0]);
            send_and_wait(device, own);
            IoFreeIrp(own);
        });
    })
}

/// Sends a READ of more than its MDL describes.
pub(super) fn send_more(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        with_mdl(|list| {
            MmBuildMdlForNonPagedPool(list);
            let own = allocate(device, IRP_MJ_READ, 0, STATUS_SUCCESS);
            if own.is_null() {
                return;
            }
            own.set_mdl(list.as_ptr());
            let bytes = SECTOR_BYTES.wrapping_mul(conduct.choose(2, 1));
            own.next_location().set_parameters([u64::from(bytes), 0, 0, 0]);
            send_and_wait(device, own);
            IoFreeIrp(own);
        });
    })
}
