//! Offences in calling at DISPATCH_LEVEL what may not be called there. The twin of each calls it at PASSIVE_LEVEL, which
//! is where START_DEVICE and REMOVE_DEVICE come.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL, Event, ExAcquireFastMutex, ExAcquireResourceExclusiveLite,
        ExAllocatePool2, ExDeleteResourceLite, ExFreePool, ExInitializeResourceLite, ExReleaseFastMutex,
        ExReleaseResourceLite, FALSE, FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN, FastMutex, IoCreateDevice,
        IoDeleteDevice, KeEnterCriticalRegion, KeInitializeEvent, KeLeaveCriticalRegion, KeLowerIrql,
        KeRaiseIrqlToDpcLevel, KfRaiseIrql, NtStatus, ObjectAttributes, Resource, STATUS_SUCCESS,
        SYNCHRONIZATION_EVENT, TRUE, UnicodeString, ZwClose, ZwCreateKey, ZwOpenKey,
    },
    objects::Device,
    pool,
    request::Request,
    switch::Conduct,
};

const POOL_FLAG_PAGED: u64 = 0x100;

/// Does something at DISPATCH_LEVEL where that is the offence.
fn raised<T>(conduct: Conduct, work: impl FnOnce() -> T) -> T {
    if !conduct.offends() {
        return work();
    }
    let old = KeRaiseIrqlToDpcLevel();
    let result = work();
    KeLowerIrql(old);
    result
}

/// Opens a key of the registry.
pub(super) fn open_key(request: Request, conduct: Conduct) -> NtStatus {
    open_and_close_key(|open| raised(conduct, open));
    request.skip_and_call()
}

/// Opens a key of the registry, in the way given, and closes it.
pub(super) fn open_and_close_key(way: impl FnOnce(&mut dyn FnMut() -> NtStatus) -> NtStatus) {
    let mut handle = ptr::null_mut();
    let opened = way(&mut || with_key_attributes(|attributes| ZwOpenKey(&mut handle, KEY_READ, attributes)));
    if opened >= STATUS_SUCCESS {
        ZwClose(handle);
    }
}

/// Opens a key of the registry, and leaves it open.
pub(super) fn leave_opened_key(request: Request, conduct: Conduct) -> NtStatus {
    let mut handle = ptr::null_mut();
    let opened = with_key_attributes(|attributes| ZwOpenKey(&mut handle, KEY_READ, attributes));
    close_unless_offending(opened, handle, conduct);
    request.skip_and_call()
}

/// Creates a key of the registry, or opens the one that is there, and leaves it open.
pub(super) fn leave_created_key(request: Request, conduct: Conduct) -> NtStatus {
    let mut handle = ptr::null_mut();
    let created = with_key_attributes(|attributes| {
        ZwCreateKey(&mut handle, KEY_READ, attributes, 0, ptr::null(), 0, ptr::null_mut())
    });
    close_unless_offending(created, handle, conduct);
    request.skip_and_call()
}

fn close_unless_offending(status: NtStatus, handle: *mut c_void, conduct: Conduct) {
    if status >= STATUS_SUCCESS && !conduct.offends() {
        ZwClose(handle);
    }
}

const KEY_READ: u32 = 0x2_0019;

/// Does something with the attributes of a key that is always there.
fn with_key_attributes(work: impl FnOnce(*const ObjectAttributes) -> NtStatus) -> NtStatus {
    const NAME: [u16; 17] = utf16(b"\\Registry\\Machine");
    #[expect(clippy::cast_possible_truncation, reason = "34 bytes")]
    const NAME_BYTES: u16 = size_of_val(&NAME) as u16;
    #[expect(clippy::cast_possible_truncation, reason = "48 bytes")]
    const ATTRIBUTES_BYTES: u32 = size_of::<ObjectAttributes>() as u32;
    const OBJ_CASE_INSENSITIVE: u32 = 0x40;
    const OBJ_KERNEL_HANDLE: u32 = 0x200;

    let name = UnicodeString {
        length_bytes: NAME_BYTES,
        maximum_length_bytes: NAME_BYTES,
        buffer: NAME.as_ptr(),
    };
    let attributes = ObjectAttributes {
        length_bytes: ATTRIBUTES_BYTES,
        root: ptr::null(),
        name: &raw const name,
        attributes: OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
        security_descriptor: ptr::null(),
        quality_of_service: ptr::null(),
    };
    work(&raw const attributes)
}

/// ASCII as UTF-16.
pub(super) const fn utf16<const N: usize>(text: &[u8; N]) -> [u16; N] {
    let mut units = [0; N];
    let mut index = 0;
    while index < N {
        #[expect(
            clippy::indexing_slicing,
            clippy::arithmetic_side_effects,
            reason = "runs in the compiler only"
        )]
        {
            units[index] = text[index] as u16;
            index += 1;
        }
    }
    units
}

/// Makes a device object.
pub(super) fn create_device(request: Request, conduct: Conduct) -> NtStatus {
    let driver = request.device.driver();
    let mut device = Device::NULL;
    let created = raised(conduct, || {
        IoCreateDevice(
            driver,
            0,
            ptr::null(),
            FILE_DEVICE_UNKNOWN,
            FILE_DEVICE_SECURE_OPEN,
            FALSE,
            &mut device,
        )
    });
    if created >= STATUS_SUCCESS {
        IoDeleteDevice(device);
    }
    request.skip_and_call()
}

/// Detaches the device that is removed.
pub(super) fn detach(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.send_removal();
    request.wait_for_others();
    raised(conduct, || request.detach());
    request.delete();
    status
}

/// Deletes the device that is removed.
pub(super) fn delete(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.send_removal();
    request.wait_for_others();
    request.detach();
    raised(conduct, || request.delete());
    status
}

/// Allocates paged pool.
pub(super) fn allocate_paged(request: Request, conduct: Conduct) -> NtStatus {
    let block = raised(conduct, || ExAllocatePool2(POOL_FLAG_PAGED, 64, pool::TAG));
    if !block.is_null() {
        pool::free(block);
    }
    request.skip_and_call()
}

/// Acquires a resource.
pub(super) fn acquire_resource(request: Request, conduct: Conduct) -> NtStatus {
    let resource = pool::allocate(size_of::<Resource>()).cast::<Resource>();
    if !resource.is_null() {
        ExInitializeResourceLite(resource);
        KeEnterCriticalRegion();
        raised(conduct, || ExAcquireResourceExclusiveLite(resource, TRUE));
        ExReleaseResourceLite(resource);
        KeLeaveCriticalRegion();
        ExDeleteResourceLite(resource);
        pool::free(resource.cast());
    }
    request.skip_and_call()
}

/// Acquires a fast mutex.
pub(super) fn acquire_fast_mutex(request: Request, conduct: Conduct) -> NtStatus {
    with_fast_mutex(|mutex| {
        // Not `raised`: the function raises the IRQL itself, and its counterpart lowers it.
        if conduct.offends() {
            KeRaiseIrqlToDpcLevel();
        }
        ExAcquireFastMutex(mutex);
        ExReleaseFastMutex(mutex);
    });
    request.skip_and_call()
}

/// Allocates nonpaged pool where nothing is allocated.
pub(super) fn allocate_nonpaged(request: Request, conduct: Conduct) -> NtStatus {
    let block = raised_above(conduct, || pool::allocate(64));
    if !block.is_null() {
        pool::free(block);
    }
    request.skip_and_call()
}

/// Frees paged pool.
pub(super) fn free_paged(request: Request, conduct: Conduct) -> NtStatus {
    let block = ExAllocatePool2(POOL_FLAG_PAGED, 64, pool::TAG);
    if !block.is_null() {
        raised(conduct, || pool::free(block));
    }
    request.skip_and_call()
}

/// Frees paged pool with the function that is told no tag.
pub(super) fn free_untagged_paged(request: Request, conduct: Conduct) -> NtStatus {
    let block = ExAllocatePool2(POOL_FLAG_PAGED, 64, pool::TAG);
    if !block.is_null() {
        raised(conduct, || ExFreePool(block));
    }
    request.skip_and_call()
}

/// Frees nonpaged pool where nothing is freed.
pub(super) fn free_nonpaged(request: Request, conduct: Conduct) -> NtStatus {
    let block = pool::allocate(64);
    if !block.is_null() {
        raised_above(conduct, || pool::free(block));
    }
    request.skip_and_call()
}

/// Does something at an IRQL of devices where that is the offence, and else at DISPATCH_LEVEL.
fn raised_above<T>(conduct: Conduct, work: impl FnOnce() -> T) -> T {
    let old = KfRaiseIrql(conduct.choose(ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL));
    let result = work();
    KeLowerIrql(old);
    result
}

/// Does something with a fast mutex that nobody holds, as ExInitializeFastMutex makes it, which headers have inline.
pub(super) fn with_fast_mutex(work: impl FnOnce(*mut FastMutex)) {
    let mut mutex = FastMutex {
        count: 1,
        owner: ptr::null(),
        contention: 0,
        event: Event::default(),
        old_irql: 0,
    };
    KeInitializeEvent(&mut mutex.event, SYNCHRONIZATION_EVENT, FALSE);
    work(&raw mut mutex);
}
