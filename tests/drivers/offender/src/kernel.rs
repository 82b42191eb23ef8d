//! The kernel's functions and constants that this driver uses, as Microsoft documents them for x64.
//!
//! Not here: what the functions are handed, which is in `objects`.

use core::ffi::c_void;

use crate::objects::{Device, Driver, Irp, Mdl};

/// NTSTATUS: negative where something failed.
pub(crate) type NtStatus = i32;

/// Names the statuses by the bits that Windows documents.
macro_rules! statuses {
    ($($name:ident = $bits:literal;)*) => {$(
        #[expect(clippy::cast_possible_wrap, reason = "NTSTATUS is documented as its bits")]
        pub(crate) const $name: NtStatus = $bits as NtStatus;
    )*};
}

pub(crate) const STATUS_SUCCESS: NtStatus = 0;
pub(crate) const STATUS_PENDING: NtStatus = 0x103;
/// What a completion routine returns to let completion go on.
pub(crate) const STATUS_CONTINUE_COMPLETION: NtStatus = STATUS_SUCCESS;

statuses! {
    STATUS_UNSUCCESSFUL = 0xC000_0001_u32;
    STATUS_NOT_IMPLEMENTED = 0xC000_0002_u32;
    STATUS_MORE_PROCESSING_REQUIRED = 0xC000_0016_u32;
    STATUS_DELETE_PENDING = 0xC000_0056_u32;
    STATUS_INSUFFICIENT_RESOURCES = 0xC000_009A_u32;
    STATUS_DEVICE_NOT_READY = 0xC000_00A3_u32;
    STATUS_NOT_SUPPORTED = 0xC000_00BB_u32;
}

pub(crate) const IRP_MJ_CREATE: u8 = 0x00;
pub(crate) const IRP_MJ_CLOSE: u8 = 0x02;
pub(crate) const IRP_MJ_READ: u8 = 0x03;
pub(crate) const IRP_MJ_WRITE: u8 = 0x04;
pub(crate) const IRP_MJ_FLUSH_BUFFERS: u8 = 0x09;
pub(crate) const IRP_MJ_DEVICE_CONTROL: u8 = 0x0e;
pub(crate) const IRP_MJ_INTERNAL_DEVICE_CONTROL: u8 = 0x0f;
pub(crate) const IRP_MJ_SHUTDOWN: u8 = 0x10;
pub(crate) const IRP_MJ_CLEANUP: u8 = 0x12;
pub(crate) const IRP_MJ_POWER: u8 = 0x16;
pub(crate) const IRP_MJ_SYSTEM_CONTROL: u8 = 0x17;
pub(crate) const IRP_MJ_PNP: u8 = 0x1b;
pub(crate) const IRP_MN_START_DEVICE: u8 = 0x00;
pub(crate) const IRP_MN_QUERY_REMOVE_DEVICE: u8 = 0x01;
pub(crate) const IRP_MN_REMOVE_DEVICE: u8 = 0x02;
pub(crate) const IRP_MN_CANCEL_STOP_DEVICE: u8 = 0x06;
pub(crate) const IRP_MN_QUERY_CAPABILITIES: u8 = 0x09;
pub(crate) const IRP_MN_CANCEL_REMOVE_DEVICE: u8 = 0x03;
pub(crate) const IRP_MN_DEVICE_USAGE_NOTIFICATION: u8 = 0x16;
pub(crate) const IRP_MN_QUERY_ID: u8 = 0x13;
pub(crate) const IRP_MN_QUERY_PNP_DEVICE_STATE: u8 = 0x14;
pub(crate) const IRP_MN_SET_POWER: u8 = 0x02;
pub(crate) const IRP_MN_QUERY_POWER: u8 = 0x03;
/// No minor function of IRP_MJ_POWER.
pub(crate) const IRP_MN_NO_POWER: u8 = 0x0f;
/// No minor function: its number is reserved.
pub(crate) const IRP_MN_RESERVED: u8 = 0x0e;
pub(crate) const IRP_MN_SURPRISE_REMOVAL: u8 = 0x17;

/// KIRQL.
pub(crate) type Irql = u8;
pub(crate) const PASSIVE_LEVEL: Irql = 0;
pub(crate) const APC_LEVEL: Irql = 1;
pub(crate) const DISPATCH_LEVEL: Irql = 2;
/// The lowest level at which device interrupts come, and at which next to nothing may be called.
pub(crate) const ABOVE_DISPATCH_LEVEL: Irql = 3;

pub(crate) const NO_INCREMENT: i8 = 0;
pub(crate) const FALSE: u8 = 0;
pub(crate) const TRUE: u8 = 1;

/// NotificationEvent of EVENT_TYPE.
pub(crate) const NOTIFICATION_EVENT: i32 = 0;
/// SynchronizationEvent of EVENT_TYPE.
pub(crate) const SYNCHRONIZATION_EVENT: i32 = 1;
/// DelayedWorkQueue of WORK_QUEUE_TYPE.
pub(crate) const DELAYED_WORK_QUEUE: i32 = 1;
/// Executive of KWAIT_REASON.
pub(crate) const EXECUTIVE: i32 = 0;
/// IoWriteAccess of LOCK_OPERATION: the pages are written to, as READ does.
pub(crate) const IO_WRITE_ACCESS: i32 = 1;
/// MmCached of MEMORY_CACHING_TYPE.
pub(crate) const CACHED: i32 = 1;
/// NormalPagePriority of MM_PAGE_PRIORITY, and MdlMappingNoExecute.
pub(crate) const NORMAL_PRIORITY_NO_EXECUTE: u32 = 0x4000_0010;
/// KernelMode of MODE.
pub(crate) const KERNEL_MODE: i8 = 0;

pub(crate) const FILE_DEVICE_UNKNOWN: u32 = 0x22;
pub(crate) const FILE_DEVICE_SECURE_OPEN: u32 = 0x100;

/// UNICODE_STRING, with lengths in bytes.
#[repr(C)]
pub(crate) struct UnicodeString {
    pub(crate) length_bytes: u16,
    pub(crate) maximum_length_bytes: u16,
    pub(crate) buffer: *const u16,
}

/// OBJECT_ATTRIBUTES.
#[repr(C)]
pub(crate) struct ObjectAttributes {
    pub(crate) length_bytes: u32,
    pub(crate) root: *const c_void,
    pub(crate) name: *const UnicodeString,
    pub(crate) attributes: u32,
    pub(crate) security_descriptor: *const c_void,
    pub(crate) quality_of_service: *const c_void,
}

/// FAST_MUTEX: free where its count is 1.
#[repr(C)]
pub(crate) struct FastMutex {
    pub(crate) count: i32,
    pub(crate) owner: *const c_void,
    pub(crate) contention: u32,
    pub(crate) event: Event,
    pub(crate) old_irql: u32,
}

/// ERESOURCE, opaque.
#[repr(C, align(16))]
pub(crate) struct Resource([u64; 13]);

/// KLOCK_QUEUE_HANDLE, opaque.
#[repr(C)]
#[derive(Default)]
pub(crate) struct LockQueueHandle([u64; 3]);

/// KEVENT, opaque.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Event([u64; 3]);

impl Event {
    pub(crate) const ZERO: Self = Self([0; 3]);
}

/// IO_STATUS_BLOCK, opaque.
#[repr(C)]
#[derive(Default)]
pub(crate) struct IoStatusBlock([u64; 2]);

impl IoStatusBlock {
    pub(crate) const ZERO: Self = Self([0; 2]);
}

/// KDPC, opaque.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Dpc([u64; 8]);

/// KTIMER, opaque.
#[repr(C)]
pub(crate) struct Timer([u64; 8]);

/// KMUTANT, opaque.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Mutex([u64; 7]);

/// KDEVICE_QUEUE, opaque.
#[repr(C)]
#[derive(Default)]
pub(crate) struct DeviceQueue([u64; 5]);

/// KDEVICE_QUEUE_ENTRY, opaque.
#[repr(C)]
#[derive(Default)]
pub(crate) struct DeviceQueueEntry([u64; 3]);

/// WORK_QUEUE_ITEM.
#[repr(C)]
pub(crate) struct WorkQueueItem {
    pub(crate) links: [*mut c_void; 2],
    pub(crate) routine: Option<WorkerRoutine>,
    pub(crate) parameter: *mut c_void,
}

/// LIST_ENTRY: the next and the one before.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ListEntry {
    pub(crate) next: *mut ListEntry,
    pub(crate) before: *mut ListEntry,
}

/// KSPIN_LOCK, which is free where it is zero.
pub(crate) type SpinLock = usize;

/// IO_REMOVE_LOCK of a free build, opaque.
#[repr(C)]
pub(crate) struct RemoveLock([u64; 4]);

pub(crate) type Dispatch = extern "system" fn(Device, Irp) -> NtStatus;
pub(crate) type AddDevice = extern "system" fn(Driver, Device) -> NtStatus;
pub(crate) type Unload = extern "system" fn(Driver);
pub(crate) type StartIo = extern "system" fn(Device, Irp);
pub(crate) type DeviceTimerRoutine = extern "system" fn(Device, *mut c_void);
pub(crate) type CompletionRoutine = extern "system" fn(Device, Irp, *mut c_void) -> NtStatus;
pub(crate) type CancelRoutine = extern "system" fn(Device, Irp);
pub(crate) type WorkerRoutine = extern "system" fn(*mut c_void);
pub(crate) type ThreadRoutine = extern "system" fn(*mut c_void);
pub(crate) type WorkItemRoutine = extern "system" fn(Device, *mut c_void);
pub(crate) type DeferredRoutine = extern "system" fn(*mut Dpc, *mut c_void, *mut c_void, *mut c_void);

// The parameters are those of the documentation, in types of the same sizes. `safe`, because what a call can break
// are the kernel's rules, which is what this driver is for, and because the pointers are ones that the kernel has
// handed out: the few that are not are made where an offence says so.
#[link(name = "ntoskrnl", kind = "static", modifiers = "-bundle")]
unsafe extern "system" {
    pub(crate) safe fn DbgBreakPoint();
    pub(crate) safe fn ExAcquireFastMutex(mutex: *mut FastMutex);
    pub(crate) safe fn ExAcquireFastMutexUnsafe(mutex: *mut FastMutex);
    pub(crate) safe fn ExAcquireResourceExclusiveLite(resource: *mut Resource, wait: u8) -> u8;
    pub(crate) safe fn ExAllocatePool2(flags: u64, bytes: usize, tag: u32) -> *mut c_void;
    pub(crate) safe fn ExAllocatePoolWithTag(kind: i32, bytes: usize, tag: u32) -> *mut c_void;
    pub(crate) safe fn ExDeleteResourceLite(resource: *mut Resource) -> NtStatus;
    pub(crate) safe fn ExFreePool(block: *mut c_void);
    pub(crate) safe fn ExFreePoolWithTag(block: *mut c_void, tag: u32);
    pub(crate) safe fn ExInitializeResourceLite(resource: *mut Resource) -> NtStatus;
    pub(crate) safe fn ExInterlockedInsertTailList(
        head: *mut ListEntry,
        entry: *mut ListEntry,
        lock: *mut SpinLock,
    ) -> *mut ListEntry;
    pub(crate) safe fn ExInterlockedRemoveHeadList(head: *mut ListEntry, lock: *mut SpinLock) -> *mut ListEntry;
    pub(crate) safe fn ExQueueWorkItem(item: *mut WorkQueueItem, queue: i32);
    pub(crate) safe fn ExReleaseFastMutex(mutex: *mut FastMutex);
    pub(crate) safe fn ExReleaseFastMutexUnsafe(mutex: *mut FastMutex);
    pub(crate) safe fn ExReleaseResourceLite(resource: *mut Resource);
    pub(crate) safe fn FsRtlIsNameInExpression(
        expression: *const UnicodeString,
        name: *const UnicodeString,
        ignore_case: u8,
        upcase_table: *const u16,
    ) -> u8;
    pub(crate) safe fn IoAcquireCancelSpinLock(old: *mut Irql);
    pub(crate) safe fn IoAcquireRemoveLockEx(
        lock: *mut RemoveLock,
        tag: *const c_void,
        file: *const u8,
        line: u32,
        size_bytes: u32,
    ) -> NtStatus;
    pub(crate) safe fn IoAllocateIrp(stack_size: i8, charge_quota: u8) -> Irp;
    pub(crate) safe fn IoAllocateMdl(
        start: *mut c_void,
        bytes: u32,
        secondary: u8,
        charge_quota: u8,
        irp: *mut c_void,
    ) -> Mdl;
    pub(crate) safe fn IoAllocateWorkItem(device: Device) -> *mut c_void;
    pub(crate) safe fn IoAttachDeviceToDeviceStackSafe(ours: Device, top: Device, lower: *mut Device) -> NtStatus;
    pub(crate) safe fn IoBuildAsynchronousFsdRequest(
        major_function: u32,
        device: Device,
        buffer: *mut c_void,
        bytes: u32,
        offset: *const i64,
        status_block: *mut IoStatusBlock,
    ) -> Irp;
    pub(crate) safe fn IoBuildDeviceIoControlRequest(
        code: u32,
        device: Device,
        input: *mut c_void,
        input_bytes: u32,
        output: *mut c_void,
        output_bytes: u32,
        internal: u8,
        event: *mut Event,
        status_block: *mut IoStatusBlock,
    ) -> Irp;
    pub(crate) safe fn IoBuildPartialMdl(source: Mdl, target: Mdl, start: *mut c_void, bytes: u32);
    pub(crate) safe fn IoCancelIrp(irp: Irp) -> u8;
    pub(crate) safe fn IoCreateDevice(
        driver: Driver,
        extension_bytes: u32,
        name: *const UnicodeString,
        device_type: u32,
        characteristics: u32,
        exclusive: u8,
        device: &mut Device,
    ) -> NtStatus;
    pub(crate) safe fn IoDeleteDevice(device: Device);
    pub(crate) safe fn IoDeleteSymbolicLink(name: *const UnicodeString) -> NtStatus;
    pub(crate) safe fn IoDetachDevice(lower: Device);
    pub(crate) safe fn IoForwardIrpSynchronously(device: Device, irp: Irp) -> u8;
    pub(crate) safe fn IoFreeIrp(irp: Irp);
    pub(crate) safe fn IoFreeMdl(list: Mdl);
    pub(crate) safe fn IoFreeWorkItem(item: *mut c_void);
    pub(crate) safe fn IoGetAttachedDeviceReference(device: Device) -> Device;
    pub(crate) safe fn IoGetDeviceToVerify(thread: *mut c_void) -> Device;
    pub(crate) safe fn IoInitializeIrp(irp: Irp, bytes: u16, stack_size: i8);
    pub(crate) safe fn IoInitializeTimer(device: Device, routine: DeviceTimerRoutine, context: *mut c_void)
    -> NtStatus;
    pub(crate) safe fn IoInitializeRemoveLockEx(
        lock: *mut RemoveLock,
        tag: u32,
        minutes_max: u32,
        high_water_mark: u32,
        size_bytes: u32,
    );
    pub(crate) safe fn IoIsWdmVersionAvailable(major: u8, minor: u8) -> u8;
    pub(crate) safe fn IoMakeAssociatedIrp(master: Irp, stack_size: i8) -> Irp;
    pub(crate) safe fn IoQueueWorkItem(item: *mut c_void, routine: WorkItemRoutine, queue: i32, context: *mut c_void);
    pub(crate) safe fn IoReleaseCancelSpinLock(old: Irql);
    pub(crate) safe fn IoReleaseRemoveLockAndWaitEx(lock: *mut RemoveLock, tag: *const c_void, size_bytes: u32);
    pub(crate) safe fn IoReleaseRemoveLockEx(lock: *mut RemoveLock, tag: *const c_void, size_bytes: u32);
    pub(crate) safe fn IoReuseIrp(irp: Irp, status: NtStatus);
    pub(crate) safe fn IoSetCompletionRoutineEx(
        device: Device,
        irp: Irp,
        routine: CompletionRoutine,
        context: *mut c_void,
        on_success: u8,
        on_error: u8,
        on_cancel: u8,
    ) -> NtStatus;
    pub(crate) safe fn IoWMIRegistrationControl(object: *mut c_void, action: u32) -> NtStatus;
    pub(crate) safe fn IoSetStartIoAttributes(device: Device, defers: u8, is_not_cancelable: u8);
    pub(crate) safe fn IoStartNextPacket(device: Device, cancelable: u8);
    pub(crate) safe fn IoStartPacket(device: Device, irp: Irp, key: *const u32, cancel: Option<CancelRoutine>);
    pub(crate) safe fn IofCallDriver(device: Device, irp: Irp) -> NtStatus;
    pub(crate) safe fn IofCompleteRequest(irp: Irp, priority_boost: i8);
    pub(crate) safe fn KeAcquireInStackQueuedSpinLock(lock: *mut SpinLock, handle: *mut LockQueueHandle);
    pub(crate) safe fn KeAcquireSpinLockAtDpcLevel(lock: *mut SpinLock);
    pub(crate) safe fn KeAcquireSpinLockRaiseToDpc(lock: *mut SpinLock) -> Irql;
    pub(crate) safe fn KeBugCheckEx(code: u32, first: usize, second: usize, third: usize, fourth: usize) -> !;
    pub(crate) safe fn KeCancelTimer(timer: *mut Timer) -> u8;
    pub(crate) safe fn KeClearEvent(event: *mut Event);
    pub(crate) safe fn KeDelayExecutionThread(mode: i8, alertable: u8, interval: *const i64) -> NtStatus;
    pub(crate) safe fn KeEnterCriticalRegion();
    pub(crate) safe fn KeEnterGuardedRegion();
    pub(crate) safe fn KeFlushQueuedDpcs();
    pub(crate) safe fn KeGetCurrentThread() -> *mut c_void;
    pub(crate) safe fn KeInitializeDeviceQueue(queue: *mut DeviceQueue);
    pub(crate) safe fn KeInitializeDpc(dpc: *mut Dpc, routine: DeferredRoutine, context: *mut c_void);
    pub(crate) safe fn KeInitializeEvent(event: &mut Event, kind: i32, signalled: u8);
    pub(crate) safe fn KeInitializeMutex(mutex: *mut Mutex, level: u32);
    pub(crate) safe fn KeInitializeTimer(timer: *mut Timer);
    pub(crate) safe fn KeInsertDeviceQueue(queue: *mut DeviceQueue, entry: *mut DeviceQueueEntry) -> u8;
    pub(crate) safe fn KeInsertQueueDpc(dpc: *mut Dpc, first: *mut c_void, second: *mut c_void) -> u8;
    pub(crate) safe fn KeLeaveCriticalRegion();
    pub(crate) safe fn KeLeaveGuardedRegion();
    pub(crate) safe fn KeLowerIrql(irql: Irql);
    pub(crate) safe fn KeRaiseIrqlToDpcLevel() -> Irql;
    pub(crate) safe fn KeReleaseInStackQueuedSpinLock(handle: *mut LockQueueHandle);
    pub(crate) safe fn KeReleaseMutex(mutex: *mut Mutex, wait: u8) -> i32;
    pub(crate) safe fn KeReleaseSpinLock(lock: *mut SpinLock, old: Irql);
    pub(crate) safe fn KeReleaseSpinLockFromDpcLevel(lock: *mut SpinLock);
    pub(crate) safe fn KeRemoveDeviceQueue(queue: *mut DeviceQueue) -> *mut DeviceQueueEntry;
    pub(crate) safe fn KeSetEvent(event: *mut Event, increment: i32, wait: u8) -> i32;
    pub(crate) safe fn KeSetTimer(timer: *mut Timer, due: i64, dpc: *mut Dpc) -> u8;
    pub(crate) safe fn KeTryToAcquireSpinLockAtDpcLevel(lock: *mut SpinLock) -> u8;
    pub(crate) safe fn KeWaitForMultipleObjects(
        count: u32,
        objects: *const *mut c_void,
        wait_type: i32,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
        blocks: *mut c_void,
    ) -> NtStatus;
    pub(crate) safe fn KeWaitForMutexObject(
        mutex: *mut Mutex,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
    ) -> NtStatus;
    pub(crate) safe fn KeWaitForSingleObject(
        object: *mut Event,
        reason: i32,
        mode: i8,
        alertable: u8,
        timeout: *const i64,
    ) -> NtStatus;
    pub(crate) safe fn KfRaiseIrql(irql: Irql) -> Irql;
    pub(crate) safe fn MmAllocateContiguousMemory(bytes: usize, highest: i64) -> *mut c_void;
    pub(crate) safe fn MmAllocateNonCachedMemory(bytes: usize) -> *mut c_void;
    pub(crate) safe fn MmBuildMdlForNonPagedPool(list: Mdl);
    pub(crate) safe fn MmFreeContiguousMemory(memory: *mut c_void);
    pub(crate) safe fn MmFreeNonCachedMemory(memory: *mut c_void, bytes: usize);
    pub(crate) safe fn MmLockPagableDataSection(address: *mut c_void) -> *mut c_void;
    pub(crate) safe fn MmMapLockedPages(list: Mdl, mode: i8) -> *mut c_void;
    pub(crate) safe fn MmMapLockedPagesSpecifyCache(
        list: Mdl,
        mode: i8,
        cache: i32,
        address: *mut c_void,
        bug_check_on_failure: u32,
        priority: u32,
    ) -> *mut c_void;
    pub(crate) safe fn MmPageEntireDriver(address: *mut c_void) -> *mut c_void;
    pub(crate) safe fn MmProbeAndLockPages(list: Mdl, mode: i8, operation: i32);
    pub(crate) safe fn MmResetDriverPaging(address: *mut c_void);
    pub(crate) safe fn MmUnlockPagableImageSection(section: *mut c_void);
    pub(crate) safe fn MmUnlockPages(list: Mdl);
    pub(crate) safe fn MmUnmapLockedPages(address: *mut c_void, list: Mdl);
    pub(crate) safe fn ObReferenceObjectByHandle(
        handle: *mut c_void,
        access: u32,
        kind: *const c_void,
        mode: i8,
        object: &mut *mut c_void,
        information: *mut c_void,
    ) -> NtStatus;
    pub(crate) safe fn ObfDereferenceObject(object: *mut c_void) -> isize;
    pub(crate) safe fn ProbeForRead(address: *const c_void, bytes: usize, alignment: u32);
    pub(crate) safe fn PoRequestPowerIrp(
        device: Device,
        minor_function: u8,
        state: u32,
        routine: *const c_void,
        context: *mut c_void,
        irp: *mut Irp,
    ) -> NtStatus;
    pub(crate) safe fn PsCreateSystemThread(
        handle: &mut *mut c_void,
        access: u32,
        attributes: *const c_void,
        process: *const c_void,
        client: *mut c_void,
        routine: ThreadRoutine,
        context: *mut c_void,
    ) -> NtStatus;
    pub(crate) safe fn PsGetVersion(
        major: *mut u32,
        minor: *mut u32,
        build: *mut u32,
        service_pack: *mut UnicodeString,
    ) -> u8;
    pub(crate) safe fn RtlCreateRegistryKey(relative_to: u32, path: *const u16) -> NtStatus;
    pub(crate) safe fn RtlDeleteRegistryValue(relative_to: u32, path: *const u16, name: *const u16) -> NtStatus;
    pub(crate) safe fn ZwClose(handle: *mut c_void) -> NtStatus;
    pub(crate) safe fn ZwCreateKey(
        handle: &mut *mut c_void,
        access: u32,
        attributes: *const ObjectAttributes,
        title_index: u32,
        class: *const UnicodeString,
        options: u32,
        disposition: *mut u32,
    ) -> NtStatus;
    pub(crate) safe fn ZwOpenKey(
        handle: &mut *mut c_void,
        access: u32,
        attributes: *const ObjectAttributes,
    ) -> NtStatus;
    pub(crate) safe fn wcscpy(target: *mut u16, source: *const u16) -> *mut u16;
}
