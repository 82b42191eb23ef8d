//! The kernel's functions, types and constants that this driver uses, as Microsoft documents them for x64.
//!
//! Not here: the fields of what the functions are handed, which are in `objects`.

use core::ffi::{c_char, c_void};

/// A pointer to something of the kernel's, or to memory.
pub(crate) type Object = *mut c_void;
pub(crate) type Driver = Object;
pub(crate) type Device = Object;
pub(crate) type Irp = Object;
pub(crate) type Location = Object;
pub(crate) type Mdl = Object;
pub(crate) type Handle = Object;

/// NTSTATUS: negative where something failed.
pub(crate) type NtStatus = i32;
/// KIRQL.
pub(crate) type Irql = u8;

/// The statuses, by the bits that Windows documents.
macro_rules! statuses {
    ($($name:ident = $bits:literal;)*) => {$(
        #[expect(clippy::cast_possible_wrap, reason = "NTSTATUS is documented as its bits")]
        pub(crate) const $name: NtStatus = $bits as NtStatus;
    )*};
}

pub(crate) const STATUS_SUCCESS: NtStatus = 0;
pub(crate) const STATUS_WAIT_1: NtStatus = 1;
pub(crate) const STATUS_TIMEOUT: NtStatus = 0x102;
pub(crate) const STATUS_PENDING: NtStatus = 0x103;
/// An informational status, which is a success to NT_SUCCESS.
pub(crate) const STATUS_OBJECT_NAME_EXISTS: NtStatus = 0x4000_0000;
/// What a completion routine returns to let completion go on.
pub(crate) const STATUS_CONTINUE_COMPLETION: NtStatus = STATUS_SUCCESS;

statuses! {
    // A warning, which is no success to NT_SUCCESS.
    STATUS_BUFFER_OVERFLOW = 0x8000_0005_u32;
    STATUS_NO_MORE_ENTRIES = 0x8000_001A_u32;
    STATUS_MORE_PROCESSING_REQUIRED = 0xC000_0016_u32;
    STATUS_BUFFER_TOO_SMALL = 0xC000_0023_u32;
    STATUS_OBJECT_TYPE_MISMATCH = 0xC000_0024_u32;
    STATUS_OBJECT_NAME_NOT_FOUND = 0xC000_0034_u32;
    STATUS_OBJECT_NAME_COLLISION = 0xC000_0035_u32;
    STATUS_DELETE_PENDING = 0xC000_0056_u32;
    STATUS_INSUFFICIENT_RESOURCES = 0xC000_009A_u32;
    STATUS_DEVICE_NOT_READY = 0xC000_00A3_u32;
    STATUS_CANCELLED = 0xC000_0120_u32;
}

pub(crate) const IRP_MJ_READ: u8 = 0x03;
pub(crate) const IRP_MJ_WRITE: u8 = 0x04;
pub(crate) const IRP_MJ_FLUSH_BUFFERS: u8 = 0x09;
pub(crate) const IRP_MJ_DEVICE_CONTROL: u8 = 0x0e;
pub(crate) const IRP_MJ_INTERNAL_DEVICE_CONTROL: u8 = 0x0f;

pub(crate) const PASSIVE_LEVEL: Irql = 0;
pub(crate) const APC_LEVEL: Irql = 1;
pub(crate) const DISPATCH_LEVEL: Irql = 2;

pub(crate) const FALSE: u8 = 0;
pub(crate) const TRUE: u8 = 1;
pub(crate) const NO_INCREMENT: i8 = 0;

/// NotificationEvent of EVENT_TYPE, and NotificationTimer of TIMER_TYPE.
pub(crate) const NOTIFICATION: i32 = 0;
/// SynchronizationEvent, and SynchronizationTimer.
pub(crate) const SYNCHRONIZATION: i32 = 1;
/// WaitAll of WAIT_TYPE.
pub(crate) const WAIT_ALL: i32 = 0;
/// WaitAny of WAIT_TYPE.
pub(crate) const WAIT_ANY: i32 = 1;
/// Executive of KWAIT_REASON.
pub(crate) const EXECUTIVE: i32 = 0;
/// KernelMode of MODE.
pub(crate) const KERNEL_MODE: i8 = 0;
/// DelayedWorkQueue of WORK_QUEUE_TYPE.
pub(crate) const DELAYED_WORK_QUEUE: i32 = 1;
/// IoWriteAccess of LOCK_OPERATION.
pub(crate) const IO_WRITE_ACCESS: i32 = 1;
/// MmCached of MEMORY_CACHING_TYPE.
pub(crate) const CACHED: i32 = 1;
/// NormalPagePriority of MM_PAGE_PRIORITY, and MdlMappingNoExecute.
pub(crate) const NORMAL_PRIORITY_NO_EXECUTE: u32 = 0x4000_0010;

pub(crate) const FILE_DEVICE_UNKNOWN: u32 = 0x22;
pub(crate) const FILE_DEVICE_SECURE_OPEN: u32 = 0x100;
pub(crate) const DO_BUFFERED_IO: u32 = 0x04;
pub(crate) const DO_DIRECT_IO: u32 = 0x10;
pub(crate) const DO_DEVICE_INITIALIZING: u32 = 0x80;

/// UNICODE_STRING, with lengths in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct UnicodeString {
    pub(crate) length_bytes: u16,
    pub(crate) maximum_length_bytes: u16,
    pub(crate) buffer: *mut u16,
}

/// ANSI_STRING.
#[repr(C)]
pub(crate) struct AnsiString {
    pub(crate) length_bytes: u16,
    pub(crate) maximum_length_bytes: u16,
    pub(crate) buffer: *mut u8,
}

/// OBJECT_ATTRIBUTES.
#[repr(C)]
pub(crate) struct ObjectAttributes {
    pub(crate) length_bytes: u32,
    pub(crate) root: Handle,
    pub(crate) name: *const UnicodeString,
    pub(crate) attributes: u32,
    pub(crate) security_descriptor: Object,
    pub(crate) quality_of_service: Object,
}

/// RTL_QUERY_REGISTRY_TABLE.
#[repr(C)]
pub(crate) struct QueryTable {
    pub(crate) routine: Object,
    pub(crate) flags: u32,
    pub(crate) name: *const u16,
    pub(crate) entry_context: Object,
    pub(crate) default_type: u32,
    pub(crate) default_data: Object,
    pub(crate) default_length: u32,
}

/// Makes types for the kernel's opaque structures, each with the bytes that it takes on x64 at least.
macro_rules! opaque {
    ($($(#[$documentation:meta])* $name:ident $words:literal;)*) => {$(
        $(#[$documentation])*
        #[repr(C, align(16))]
        pub(crate) struct $name([u64; $words]);
    )*};
}

opaque! {
    /// KEVENT, KSEMAPHORE, KMUTEX, KTIMER: what a thread can wait for.
    Waitable 8;
    /// KDPC.
    Dpc 8;
    /// FAST_MUTEX.
    FastMutex 8;
    /// IO_STATUS_BLOCK: a status and an information.
    StatusBlock 2;
    /// IO_CSQ.
    Csq 8;
    /// IO_CSQ_IRP_CONTEXT.
    CsqContext 4;
    /// SLIST_HEADER.
    SListHeader 2;
}

/// KLOCK_QUEUE_HANDLE, opaque, which belongs on the stack.
#[repr(C)]
#[derive(Default)]
pub(crate) struct LockQueueHandle([u64; 3]);

/// KSPIN_LOCK, which is free where it is zero.
pub(crate) type SpinLock = usize;

/// The bytes of IO_REMOVE_LOCK in a free build.
pub(crate) const REMOVE_LOCK_BYTES: u32 = 0x20;

pub(crate) type Dispatch = extern "system" fn(Device, Irp) -> NtStatus;
pub(crate) type Unload = extern "system" fn(Driver);
pub(crate) type CompletionRoutine = extern "system" fn(Device, Irp, Object) -> NtStatus;
pub(crate) type CancelRoutine = extern "system" fn(Device, Irp);
pub(crate) type WorkRoutine = extern "system" fn(Device, Object);
pub(crate) type WorkRoutineEx = extern "system" fn(Object, Object, Object);
pub(crate) type ThreadRoutine = extern "system" fn(Object);
pub(crate) type DeferredRoutine = extern "system" fn(Object, Object, Object, Object);

// The parameters are those of the documentation, in types of the same sizes. `safe`, because what a call can break are
// the kernel's rules, which this driver is written to keep throughout, and because the pointers are ones that the kernel
// has handed out or that lead to memory of this driver's which outlives the call, or what the call begins.
#[link(name = "ntoskrnl", kind = "static", modifiers = "-bundle")]
unsafe extern "system" {
    pub(crate) safe fn ExAcquireFastMutex(mutex: Object);
    pub(crate) safe fn ExAllocatePool2(flags: u64, bytes: usize, tag: u32) -> Object;
    pub(crate) safe fn ExFreePoolWithTag(block: Object, tag: u32);
    pub(crate) safe fn ExInterlockedInsertHeadList(head: Object, entry: Object, lock: *mut SpinLock) -> Object;
    pub(crate) safe fn ExInterlockedInsertTailList(head: Object, entry: Object, lock: *mut SpinLock) -> Object;
    pub(crate) safe fn ExInterlockedRemoveHeadList(head: Object, lock: *mut SpinLock) -> Object;
    pub(crate) safe fn ExQueryDepthSList(head: Object) -> u16;
    pub(crate) safe fn ExReleaseFastMutex(mutex: Object);
    pub(crate) safe fn ExTryToAcquireFastMutex(mutex: Object) -> u8;
    pub(crate) safe fn ExpInterlockedFlushSList(head: Object) -> Object;
    pub(crate) safe fn ExpInterlockedPopEntrySList(head: Object) -> Object;
    pub(crate) safe fn ExpInterlockedPushEntrySList(head: Object, entry: Object) -> Object;
    pub(crate) safe fn InitializeSListHead(head: Object);
    pub(crate) safe fn IoAcquireCancelSpinLock(old: *mut Irql);
    pub(crate) safe fn IoAcquireRemoveLockEx(
        lock: Object,
        tag: Object,
        file: *const c_char,
        line: u32,
        bytes: u32,
    ) -> NtStatus;
    pub(crate) safe fn IoAllocateIrp(stack_size: i8, charge_quota: u8) -> Irp;
    pub(crate) safe fn IoAllocateMdl(start: Object, bytes: u32, secondary: u8, charge_quota: u8, irp: Irp) -> Mdl;
    pub(crate) safe fn IoAllocateWorkItem(device: Device) -> Object;
    pub(crate) safe fn IoAttachDeviceToDeviceStack(ours: Device, target: Device) -> Device;
    pub(crate) safe fn IoAttachDeviceToDeviceStackSafe(ours: Device, target: Device, lower: *mut Device) -> NtStatus;
    pub(crate) safe fn IoBuildAsynchronousFsdRequest(
        major_function: u32,
        device: Device,
        buffer: Object,
        bytes: u32,
        offset: *const i64,
        status_block: Object,
    ) -> Irp;
    pub(crate) safe fn IoBuildDeviceIoControlRequest(
        code: u32,
        device: Device,
        input: Object,
        input_bytes: u32,
        output: Object,
        output_bytes: u32,
        internal: u8,
        event: Object,
        status_block: Object,
    ) -> Irp;
    pub(crate) safe fn IoBuildPartialMdl(source: Mdl, target: Mdl, start: Object, bytes: u32);
    pub(crate) safe fn IoBuildSynchronousFsdRequest(
        major_function: u32,
        device: Device,
        buffer: Object,
        bytes: u32,
        offset: *const i64,
        event: Object,
        status_block: Object,
    ) -> Irp;
    pub(crate) safe fn IoCancelIrp(irp: Irp) -> u8;
    pub(crate) safe fn IoCreateDevice(
        driver: Driver,
        extension_bytes: u32,
        name: *const UnicodeString,
        device_type: u32,
        characteristics: u32,
        exclusive: u8,
        device: *mut Device,
    ) -> NtStatus;
    pub(crate) safe fn IoCreateSymbolicLink(name: *const UnicodeString, target: *const UnicodeString) -> NtStatus;
    pub(crate) safe fn IoCsqInitialize(
        queue: Object,
        insert: extern "system" fn(Object, Irp),
        remove: extern "system" fn(Object, Irp),
        peek_next: extern "system" fn(Object, Irp, Object) -> Irp,
        acquire_lock: extern "system" fn(Object, *mut Irql),
        release_lock: extern "system" fn(Object, Irql),
        complete_cancelled: extern "system" fn(Object, Irp),
    ) -> NtStatus;
    pub(crate) safe fn IoCsqInitializeEx(
        queue: Object,
        insert: extern "system" fn(Object, Irp, Object) -> NtStatus,
        remove: extern "system" fn(Object, Irp),
        peek_next: extern "system" fn(Object, Irp, Object) -> Irp,
        acquire_lock: extern "system" fn(Object, *mut Irql),
        release_lock: extern "system" fn(Object, Irql),
        complete_cancelled: extern "system" fn(Object, Irp),
    ) -> NtStatus;
    pub(crate) safe fn IoCsqInsertIrp(queue: Object, irp: Irp, context: Object);
    pub(crate) safe fn IoCsqInsertIrpEx(queue: Object, irp: Irp, context: Object, insert_context: Object) -> NtStatus;
    pub(crate) safe fn IoCsqRemoveIrp(queue: Object, context: Object) -> Irp;
    pub(crate) safe fn IoCsqRemoveNextIrp(queue: Object, peek_context: Object) -> Irp;
    pub(crate) safe fn IoDeleteDevice(device: Device);
    pub(crate) safe fn IoDeleteSymbolicLink(name: *const UnicodeString) -> NtStatus;
    pub(crate) safe fn IoDetachDevice(lower: Device);
    pub(crate) safe fn IoForwardIrpSynchronously(device: Device, irp: Irp) -> u8;
    pub(crate) safe fn IoFreeIrp(irp: Irp);
    pub(crate) safe fn IoFreeMdl(list: Mdl);
    pub(crate) safe fn IoFreeWorkItem(item: Object);
    pub(crate) safe fn IoGetIoPriorityHint(irp: Irp) -> i32;
    pub(crate) safe fn IoSetIoPriorityHint(irp: Irp, hint: i32) -> NtStatus;
    pub(crate) safe fn KeGetCurrentThread() -> Object;
    pub(crate) safe fn IoGetAttachedDeviceReference(device: Device) -> Device;
    pub(crate) safe fn IoInitializeIrp(irp: Irp, bytes: u16, stack_size: i8);
    pub(crate) safe fn IoInitializeRemoveLockEx(lock: Object, tag: u32, minutes: u32, high_water_mark: u32, bytes: u32);
    pub(crate) safe fn IoMakeAssociatedIrp(master: Irp, stack_size: i8) -> Irp;
    pub(crate) safe fn IoQueueWorkItem(item: Object, routine: WorkRoutine, queue: i32, context: Object);
    pub(crate) safe fn IoQueueWorkItemEx(item: Object, routine: WorkRoutineEx, queue: i32, context: Object);
    pub(crate) safe fn IoReleaseCancelSpinLock(old: Irql);
    pub(crate) safe fn IoReleaseRemoveLockAndWaitEx(lock: Object, tag: Object, bytes: u32);
    pub(crate) safe fn IoReleaseRemoveLockEx(lock: Object, tag: Object, bytes: u32);
    pub(crate) safe fn IoReuseIrp(irp: Irp, status: NtStatus);
    pub(crate) safe fn IoSetCompletionRoutineEx(
        device: Device,
        irp: Irp,
        routine: CompletionRoutine,
        context: Object,
        on_success: u8,
        on_error: u8,
        on_cancel: u8,
    ) -> NtStatus;
    pub(crate) safe fn IofCallDriver(device: Device, irp: Irp) -> NtStatus;
    pub(crate) safe fn IofCompleteRequest(irp: Irp, priority_boost: i8);
    pub(crate) safe fn KeAcquireInStackQueuedSpinLock(lock: *mut SpinLock, handle: Object);
    pub(crate) safe fn KeAcquireSpinLockAtDpcLevel(lock: *mut SpinLock);
    pub(crate) safe fn KeAcquireSpinLockRaiseToDpc(lock: *mut SpinLock) -> Irql;
    pub(crate) safe fn KeAreApcsDisabled() -> u8;
    pub(crate) safe fn KeCancelTimer(timer: Object) -> u8;
    pub(crate) safe fn KeClearEvent(event: Object);
    pub(crate) safe fn KeDelayExecutionThread(mode: i8, alertable: u8, interval: *const i64) -> NtStatus;
    pub(crate) safe fn KeEnterCriticalRegion();
    pub(crate) safe fn KeFlushQueuedDpcs();
    pub(crate) safe fn KeGetCurrentIrql() -> Irql;
    pub(crate) safe fn KeInitializeDpc(dpc: Object, routine: DeferredRoutine, context: Object);
    pub(crate) safe fn KeInitializeEvent(event: Object, kind: i32, signalled: u8);
    pub(crate) safe fn KeInitializeMutex(mutex: Object, level: u32);
    pub(crate) safe fn KeInitializeSemaphore(semaphore: Object, count: i32, limit: i32);
    pub(crate) safe fn KeInitializeTimerEx(timer: Object, kind: i32);
    pub(crate) safe fn KeInsertQueueDpc(dpc: Object, first: Object, second: Object) -> u8;
    pub(crate) safe fn KeLeaveCriticalRegion();
    pub(crate) safe fn KeLowerIrql(irql: Irql);
    pub(crate) safe fn KeReadStateEvent(event: Object) -> i32;
    pub(crate) safe fn KeReadStateMutex(mutex: Object) -> i32;
    pub(crate) safe fn KeReadStateSemaphore(semaphore: Object) -> i32;
    pub(crate) safe fn KeReadStateTimer(timer: Object) -> u8;
    pub(crate) safe fn KeReleaseInStackQueuedSpinLock(handle: Object);
    pub(crate) safe fn KeReleaseMutex(mutex: Object, wait: u8) -> i32;
    pub(crate) safe fn KeReleaseSemaphore(semaphore: Object, increment: i32, adjustment: i32, wait: u8) -> i32;
    pub(crate) safe fn KeReleaseSpinLock(lock: *mut SpinLock, old: Irql);
    pub(crate) safe fn KeReleaseSpinLockFromDpcLevel(lock: *mut SpinLock);
    pub(crate) safe fn KeRemoveQueueDpc(dpc: Object) -> u8;
    pub(crate) safe fn KeResetEvent(event: Object) -> i32;
    pub(crate) safe fn KeSetEvent(event: Object, increment: i32, wait: u8) -> i32;
    pub(crate) safe fn KeSetTimer(timer: Object, due: i64, dpc: Object) -> u8;
    pub(crate) safe fn KeSetTimerEx(timer: Object, due: i64, period_ms: i32, dpc: Object) -> u8;
    pub(crate) safe fn KeWaitForMultipleObjects(
        count: u32,
        objects: *const Object,
        kind: i32,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
        blocks: Object,
    ) -> NtStatus;
    pub(crate) safe fn KeWaitForSingleObject(
        object: Object,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
    ) -> NtStatus;
    pub(crate) safe fn KfRaiseIrql(irql: Irql) -> Irql;
    pub(crate) safe fn MmBuildMdlForNonPagedPool(list: Mdl);
    pub(crate) safe fn MmMapLockedPagesSpecifyCache(
        list: Mdl,
        mode: i8,
        cache: i32,
        address: Object,
        bug_check_on_failure: u32,
        priority: u32,
    ) -> Object;
    pub(crate) safe fn MmProbeAndLockPages(list: Mdl, mode: i8, operation: i32);
    pub(crate) safe fn MmSizeOfMdl(start: Object, bytes: usize) -> usize;
    pub(crate) safe fn MmUnlockPages(list: Mdl);
    pub(crate) safe fn MmUnmapLockedPages(address: Object, list: Mdl);
    pub(crate) safe fn ObReferenceObjectByHandle(
        handle: Handle,
        access: u32,
        kind: Object,
        mode: i8,
        object: *mut Object,
        information: Object,
    ) -> NtStatus;
    pub(crate) safe fn ObfDereferenceObject(object: Object) -> isize;
    pub(crate) safe fn PsCreateSystemThread(
        handle: *mut Handle,
        access: u32,
        attributes: Object,
        process: Handle,
        client: Object,
        routine: ThreadRoutine,
        context: Object,
    ) -> NtStatus;
    pub(crate) safe fn RtlAnsiStringToUnicodeString(
        target: *mut UnicodeString,
        source: *const AnsiString,
        allocate: u8,
    ) -> NtStatus;
    pub(crate) safe fn RtlAppendUnicodeStringToString(
        target: *mut UnicodeString,
        source: *const UnicodeString,
    ) -> NtStatus;
    pub(crate) safe fn RtlCheckRegistryKey(relative_to: u32, path: *const u16) -> NtStatus;
    pub(crate) safe fn RtlCompareMemory(left: Object, right: Object, bytes: usize) -> usize;
    pub(crate) safe fn RtlCompareUnicodeString(
        left: *const UnicodeString,
        right: *const UnicodeString,
        ignore_case: u8,
    ) -> i32;
    pub(crate) safe fn RtlCopyUnicodeString(target: *mut UnicodeString, source: *const UnicodeString);
    pub(crate) safe fn RtlCreateRegistryKey(relative_to: u32, path: *const u16) -> NtStatus;
    pub(crate) safe fn RtlDeleteRegistryValue(relative_to: u32, path: *const u16, name: *const u16) -> NtStatus;
    pub(crate) safe fn RtlEqualUnicodeString(
        left: *const UnicodeString,
        right: *const UnicodeString,
        ignore_case: u8,
    ) -> u8;
    pub(crate) safe fn RtlFreeUnicodeString(string: *mut UnicodeString);
    pub(crate) safe fn RtlInitUnicodeString(target: *mut UnicodeString, source: *const u16);
    pub(crate) safe fn RtlIntegerToUnicodeString(value: u32, base: u32, target: *mut UnicodeString) -> NtStatus;
    pub(crate) safe fn RtlPrefixUnicodeString(
        prefix: *const UnicodeString,
        text: *const UnicodeString,
        ignore_case: u8,
    ) -> u8;
    pub(crate) safe fn RtlQueryRegistryValues(
        relative_to: u32,
        path: *const u16,
        table: *mut QueryTable,
        context: Object,
        environment: Object,
    ) -> NtStatus;
    pub(crate) safe fn RtlUnicodeStringToInteger(text: *const UnicodeString, base: u32, value: *mut u32) -> NtStatus;
    pub(crate) safe fn RtlWriteRegistryValue(
        relative_to: u32,
        path: *const u16,
        name: *const u16,
        kind: u32,
        data: Object,
        bytes: u32,
    ) -> NtStatus;
    pub(crate) safe fn ZwClose(handle: Handle) -> NtStatus;
    pub(crate) safe fn ZwCreateKey(
        handle: *mut Handle,
        access: u32,
        attributes: *const ObjectAttributes,
        title: u32,
        class: *const UnicodeString,
        options: u32,
        disposition: *mut u32,
    ) -> NtStatus;
    pub(crate) safe fn ZwDeleteKey(handle: Handle) -> NtStatus;
    pub(crate) safe fn ZwDeleteValueKey(handle: Handle, name: *const UnicodeString) -> NtStatus;
    pub(crate) safe fn ZwEnumerateValueKey(
        handle: Handle,
        index: u32,
        class: i32,
        information: Object,
        bytes: u32,
        result_bytes: *mut u32,
    ) -> NtStatus;
    pub(crate) safe fn ZwOpenKey(handle: *mut Handle, access: u32, attributes: *const ObjectAttributes) -> NtStatus;
    pub(crate) safe fn ZwQueryValueKey(
        handle: Handle,
        name: *const UnicodeString,
        class: i32,
        information: Object,
        bytes: u32,
        result_bytes: *mut u32,
    ) -> NtStatus;
    pub(crate) safe fn ZwSetValueKey(
        handle: Handle,
        name: *const UnicodeString,
        title: u32,
        kind: u32,
        data: Object,
        bytes: u32,
    ) -> NtStatus;
}

// The one function of the kernel's with arguments of any number, which is C's convention.
#[link(name = "ntoskrnl", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {
    pub(crate) fn DbgPrint(format: *const c_char, ...) -> u32;
}
