//! Offences in calling a function at an IRQL that its documentation rules out, one function for each rule.
//!
//! They are done in START_DEVICE, which comes at PASSIVE_LEVEL. Those that leave something behind, or wait, are in other
//! files.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        ABOVE_DISPATCH_LEVEL, APC_LEVEL, DISPATCH_LEVEL, DeviceQueue, DeviceQueueEntry, Event, FALSE,
        IoDeleteSymbolicLink, IoGetDeviceToVerify, IoIsWdmVersionAvailable, Irql, KERNEL_MODE,
        KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeClearEvent, KeDelayExecutionThread,
        KeEnterCriticalRegion, KeEnterGuardedRegion, KeGetCurrentThread, KeInitializeDeviceQueue, KeInitializeEvent,
        KeInsertDeviceQueue, KeLeaveCriticalRegion, KeLeaveGuardedRegion, KeLowerIrql, KeReleaseSpinLockFromDpcLevel,
        KeRemoveDeviceQueue, KeSetEvent, KfRaiseIrql, MmAllocateContiguousMemory, MmAllocateNonCachedMemory,
        MmFreeContiguousMemory, MmFreeNonCachedMemory, NOTIFICATION_EVENT, NtStatus, ObReferenceObjectByHandle,
        ObfDereferenceObject, PASSIVE_LEVEL, ProbeForRead, PsGetVersion, RtlCreateRegistryKey, RtlDeleteRegistryValue,
        STATUS_SUCCESS, TRUE, UnicodeString,
    },
    request::Request,
    switch::Conduct,
};

use super::irql_limits::utf16;

/// RTL_REGISTRY_SERVICES.
const UNDER_SERVICES: u32 = 1;

const PAGE_BYTES: usize = 4096;

/// What a routine is called with: the IRQL that the offence needs, or PASSIVE_LEVEL.
fn at<T>(irql: Irql, work: impl FnOnce() -> T) -> T {
    let old = KfRaiseIrql(irql);
    let result = work();
    KeLowerIrql(old);
    result
}

/// Makes offences of calls: each is done at an IRQL that is wrong for it, and by the twin at one that is right.
macro_rules! calls {
    ($($(#[$meta:meta])* $name:ident at $wrong:ident not $right:ident: $call:expr;)*) => {$(
        $(#[$meta])*
        pub(super) fn $name(request: Request, conduct: Conduct) -> NtStatus {
            at(conduct.choose($wrong, $right), || $call);
            request.skip_and_call()
        }
    )*};
}

calls! {
    /// Probes an address of user mode: no byte, which is never refused.
    probe at DISPATCH_LEVEL not APC_LEVEL: ProbeForRead(ptr::null(), 0, 1);
    /// Deletes a link that is not there.
    delete_symbolic_link at DISPATCH_LEVEL not PASSIVE_LEVEL: delete_link();
    /// Asks which version of WDM there is.
    ask_for_version_of_wdm at DISPATCH_LEVEL not PASSIVE_LEVEL: IoIsWdmVersionAvailable(1, 0x10);
    /// Waits for a microsecond.
    delay at DISPATCH_LEVEL not APC_LEVEL: KeDelayExecutionThread(KERNEL_MODE, FALSE, &-10);
    /// Enters a guarded region, and leaves it.
    enter_guarded_region at DISPATCH_LEVEL not APC_LEVEL: {
        KeEnterGuardedRegion();
        KeLeaveGuardedRegion();
    };
    /// Enters a critical region, and leaves it.
    enter_critical_region at DISPATCH_LEVEL not APC_LEVEL: {
        KeEnterCriticalRegion();
        KeLeaveCriticalRegion();
    };
    /// Clears an event.
    clear_event at ABOVE_DISPATCH_LEVEL not DISPATCH_LEVEL: with_event(|event| KeClearEvent(event));
    /// Sets an event.
    set_event at ABOVE_DISPATCH_LEVEL not DISPATCH_LEVEL: with_event(|event| {
        KeSetEvent(event, 0, FALSE);
    });
    /// Asks for the version of Windows.
    ask_for_version at DISPATCH_LEVEL not PASSIVE_LEVEL:
        PsGetVersion(ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    /// Deletes a value of the registry that is not there.
    delete_registry_value at DISPATCH_LEVEL not PASSIVE_LEVEL: {
        let (path, value) = (utf16(b"offender\0"), utf16(b"NoSuchValue\0"));
        RtlDeleteRegistryValue(UNDER_SERVICES, path.as_ptr(), value.as_ptr());
    };
    /// Makes a key of the registry.
    create_registry_key at DISPATCH_LEVEL not PASSIVE_LEVEL: {
        let path = utf16(b"offender\0");
        RtlCreateRegistryKey(UNDER_SERVICES, path.as_ptr());
    };
    /// Asks which device wants its medium verified.
    ask_for_device_to_verify at ABOVE_DISPATCH_LEVEL not DISPATCH_LEVEL: IoGetDeviceToVerify(KeGetCurrentThread());
    /// Acquires a spin lock and raises the IRQL.
    acquire_spin_lock at ABOVE_DISPATCH_LEVEL not DISPATCH_LEVEL: {
        let mut lock = 0;
        KeAcquireSpinLockRaiseToDpc(&raw mut lock);
        KeReleaseSpinLockFromDpcLevel(&raw mut lock);
    };
    /// Acquires a spin lock and does not raise the IRQL.
    acquire_spin_lock_at_dpc_level at PASSIVE_LEVEL not DISPATCH_LEVEL: {
        let mut lock = 0;
        KeAcquireSpinLockAtDpcLevel(&raw mut lock);
        KeReleaseSpinLockFromDpcLevel(&raw mut lock);
    };
    /// Queues a packet of a device, and takes it out again.
    insert_in_device_queue at PASSIVE_LEVEL not DISPATCH_LEVEL: {
        let (mut queue, mut entry) = (DeviceQueue::default(), DeviceQueueEntry::default());
        KeInitializeDeviceQueue(&raw mut queue);
        // The first packet makes the device busy, and only the second is queued.
        KeInsertDeviceQueue(&raw mut queue, &raw mut entry);
        KeInsertDeviceQueue(&raw mut queue, &raw mut entry);
        KeRemoveDeviceQueue(&raw mut queue);
    };
}

fn delete_link() {
    const NAME: [u16; 22] = utf16(b"\\DosDevices\\NoSuchLink");
    #[expect(clippy::cast_possible_truncation, reason = "44 bytes")]
    const NAME_BYTES: u16 = size_of_val(&NAME) as u16;
    let name = UnicodeString {
        length_bytes: NAME_BYTES,
        maximum_length_bytes: NAME_BYTES,
        buffer: NAME.as_ptr(),
    };
    IoDeleteSymbolicLink(&raw const name);
}

fn with_event(work: impl FnOnce(*mut Event)) {
    let mut event = Event::default();
    KeInitializeEvent(&mut event, NOTIFICATION_EVENT, FALSE);
    work(&raw mut event);
}

/// Says that a wait follows at once, at an IRQL at which no thread can wait.
pub(super) fn set_event_before_a_wait(request: Request, conduct: Conduct) -> NtStatus {
    let wait = conduct.choose(TRUE, FALSE);
    at(DISPATCH_LEVEL, || {
        with_event(|event| {
            KeSetEvent(event, 0, wait);
        });
    });
    request.skip_and_call()
}

/// Releases a spin lock at PASSIVE_LEVEL with the function that does not lower the IRQL.
pub(super) fn release_spin_lock_from_dpc_level(request: Request, conduct: Conduct) -> NtStatus {
    let mut lock = 0;
    let old = KeAcquireSpinLockRaiseToDpc(&raw mut lock);
    if conduct.offends() {
        KeLowerIrql(old);
    }
    KeReleaseSpinLockFromDpcLevel(&raw mut lock);
    KeLowerIrql(old);
    request.skip_and_call()
}

/// Leaves at DISPATCH_LEVEL the critical region that it entered at PASSIVE_LEVEL.
pub(super) fn leave_critical_region(request: Request, conduct: Conduct) -> NtStatus {
    KeEnterCriticalRegion();
    at(conduct.choose(DISPATCH_LEVEL, APC_LEVEL), || KeLeaveCriticalRegion());
    request.skip_and_call()
}

/// Allocates noncached memory.
pub(super) fn allocate_noncached(request: Request, conduct: Conduct) -> NtStatus {
    let memory = at(conduct.choose(DISPATCH_LEVEL, APC_LEVEL), || {
        MmAllocateNonCachedMemory(PAGE_BYTES)
    });
    if !memory.is_null() {
        MmFreeNonCachedMemory(memory, PAGE_BYTES);
    }
    request.skip_and_call()
}

/// Frees contiguous memory.
pub(super) fn free_contiguous(request: Request, conduct: Conduct) -> NtStatus {
    let memory = MmAllocateContiguousMemory(PAGE_BYTES, -1);
    if !memory.is_null() {
        at(conduct.choose(ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL), || {
            MmFreeContiguousMemory(memory);
        });
    }
    request.skip_and_call()
}

/// Takes a reference to the running thread by the handle that always stands for it.
pub(super) fn reference_by_handle(request: Request, conduct: Conduct) -> NtStatus {
    const CURRENT_THREAD: *mut c_void = ptr::without_provenance_mut(usize::MAX - 1);
    let mut thread = ptr::null_mut();
    let status = at(conduct.choose(DISPATCH_LEVEL, PASSIVE_LEVEL), || {
        ObReferenceObjectByHandle(
            CURRENT_THREAD,
            0,
            ptr::null(),
            KERNEL_MODE,
            &mut thread,
            ptr::null_mut(),
        )
    });
    if status >= STATUS_SUCCESS {
        ObfDereferenceObject(thread);
    }
    request.skip_and_call()
}
