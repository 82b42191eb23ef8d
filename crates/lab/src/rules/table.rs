//! The table of rules.
//!
//! Where a rule's text allows two readings, or two rules cover the same offence, the entry's sentence states ours.

use super::{Rule, Severity, Source};

macro_rules! rules {
    ($(
        $entry:ident: $id:literal $name:literal, $source:ident, $severity:ident, $offence:literal
            $(, enforced by $type:literal in $test:literal)?;
        $meaning:literal;
    )*) => {
        $(
            #[doc = $meaning]
            pub(crate) static $entry: Rule = Rule {
                id: $id,
                name: $name,
                source: Source::$source,
                meaning: $meaning,
                severity: Severity::$severity,
                proven_by: $offence,
                enforced_by: rules!(@option $($type)?),
                compile_fail: rules!(@option $($test)?),
            };
        )*

        pub(super) static ALL: &[&Rule] = &[$(&$entry),*];
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
}

rules! {
    FORWARD_AFTER_REFUSAL: "0xC4/0x4100F" "IoSetCompletionExCompleteIrp", DV, Fatal, "forward-after-refused-registration", enforced by "WithSlot, Rejected" in "IoSetCompletionExCompleteIrp";
    "Where IoSetCompletionRoutineEx fails, the IRP is completed and not sent on.";
    WRAPPER_LOST: "SDV/IoSetCompletionRoutineExCheck" "IoSetCompletionRoutineExCheck", SDV, Fatal, "registration-lost", enforced by "WithSlot" in "IoSetCompletionRoutineExCheck";
    "What IoSetCompletionRoutineEx allocated is freed by the routine's call: an IRP that is sent on so that the routine cannot run, or a second registration over the first, leaks it.";
    REGISTERED_WITH_OTHER_DEVICE: "SDV/IoSetCompletionRoutineExCheckDeviceObject" "IoSetCompletionRoutineExCheckDeviceObject", SDV, Fatal, "register-with-lower-device", enforced by "WithSlot" in "IoSetCompletionRoutineExCheckDeviceObject";
    "IoSetCompletionRoutineEx is given a device object of the caller's own, which keeps the caller's image, and never the lower one.";
    REGISTERED_NOT_SENT: "SDV/CompletionRoutineRegistered" "CompletionRoutineRegistered", SDV, Fatal, "register-and-complete", enforced by "WithSlot" in "CompletionRoutineRegistered";
    "After IoSetCompletionRoutineEx the IRP is sent down: one that is completed or kept instead leaks what was allocated.";

    CALL_WITH_NO_IRP: "0xC9/0x03" "IoCallDriver with bad IRP type", DV, Fatal, "forward-no-irp";
    "What is sent to a driver is an IRP.";
    CALL_TO_NO_DEVICE: "0xC9/0x04" "IoCallDriver with invalid device object", DV, Fatal, "forward-to-no-device";
    "An IRP is sent to a device object.";
    CALL_TO_NULL: "0xC9/0x204" "IoCallDriver with NULL device object", DV, Fatal, "forward-to-null";
    "An IRP is not sent to a null pointer.";
    COMPLETE_WITH_PENDING: "0xC9/0x06" "IoCompleteRequest with STATUS_PENDING", DV, Fatal, "complete-with-pending";
    "No IRP is completed with STATUS_PENDING or -1.";
    COMPLETE_WITH_CANCEL_ROUTINE: "0xC9/0x07" "IoCompleteRequest with a cancel routine set", DV, Fatal, "complete-with-cancel-routine";
    "When IoCompleteRequest is called, the IRP has no cancel routine.";
    COMPLETE_ABOVE_DISPATCH: "0xC9/0x0E" "IoCompleteRequest above DISPATCH_LEVEL", DV, Fatal, "complete-above-dispatch";
    "IoCompleteRequest is called at DISPATCH_LEVEL or below.";
    CALL_ABOVE_DISPATCH: "0xC9/0x10" "IoCallDriver above DISPATCH_LEVEL", DV, Fatal, "forward-above-dispatch";
    "IoCallDriver is called at DISPATCH_LEVEL or below.";
    DELETED_WHILE_ATTACHED: "0xC9/0x201" "IoDeleteDevice without IoDetachDevice", DV, Fatal, "delete-without-detach";
    "A device is detached from the one beneath it before it is deleted.";
    DETACHED_TWICE: "0xC9/0x202" "IoDetachDevice of a device that is not attached", DV, Fatal, "detach-twice";
    "Only a device that something is attached to is detached from.";
    CALL_WITH_CANCEL_ROUTINE: "0xC9/0x203" "IoCallDriver with a cancel routine set", DV, Fatal, "forward-with-cancel-routine";
    "An IRP that is sent on has no cancel routine.";
    CALL_WHILE_BELOW: "0xC9/0x205" "forwarding an IRP that is queued below", DV, Fatal, "forward-twice", enforced by "Irp" in "CompleteRequest";
    "An IRP that a lower driver has is not sent again.";
    CONTROL_NOT_CLEARED: "0xC9/0x206" "forwarding with Control not cleared", DV, Fatal, "forward-with-stale-control";
    "The Control field of a copied stack location begins at zero: SL_PENDING_RETURNED and SL_ERROR_RETURNED are not copied.";
    COPIED_UPPER_ROUTINE: "0xC9/0x207" "the upper driver's completion routine was copied", DV, Fatal, "copy-upper-routine";
    "A stack location is not copied with the upper driver's completion routine in it, which would be called twice.";
    OUT_OF_STACK_LOCATIONS: "0xC9/0x208" "out of stack locations", DV, Fatal, "out-of-stack-locations";
    "An IRP is sent to a stack that it has enough stack locations for.";
    COMPLETE_WHILE_BELOW: "0xC9/0x209" "completing an IRP that is queued below", DV, Fatal, "complete-while-pending-below", enforced by "Irp" in "CompleteRequest";
    "An IRP that a lower driver has is not completed.";
    FREE_IN_USE: "0xC9/0x20A" "IoFreeIrp of an IRP in use", DV, Fatal, "free-irp-in-flight";
    "An IRP is freed when no driver has it any more.";
    COPIED_WITHOUT_ROUTINE: "0xC9/0x21C" "stack location copied without a completion routine", DV, Warning, "copy-without-routine";
    "A driver that registers no completion routine skips its stack location and does not copy it.";
    REMOVED_NOT_DETACHED: "0xC9/0x21D" "REMOVE_DEVICE: not detached", DV, Fatal, "remove-without-detach";
    "A driver detaches its device when it is removed.";
    REMOVED_NOT_DELETED: "0xC9/0x21E" "REMOVE_DEVICE: not deleted", DV, Fatal, "remove-without-delete";
    "A driver deletes its device when it is removed.";
    STATUS_OF_UNKNOWN_CHANGED: "0xC9/0x213" "status of an IRP that is not understood was changed", DV, Fatal, "change-status-of-unknown-pnp";
    "A PnP IRP whose minor function a driver does not know keeps its status.";
    SYSTEM_CONTROL_COMPLETED: "0xC9/0x220" "SYSTEM_CONTROL completed by who is not its provider", DV, Fatal, "complete-system-control";
    "An IRP_MJ_SYSTEM_CONTROL for another device is passed on.";
    UNKNOWN_PNP_COMPLETED: "0xC9/0x22D" "PnP IRP that is not understood was completed", DV, Fatal, "complete-unknown-pnp";
    "A PnP IRP whose minor function a driver does not know is passed on. Completing it for want of memory, or because the device is being removed, is right.";
    RETURNED_OTHER_STATUS: "0xC9/0x224" "returned status is not IoStatus.Status", DV, Fatal, "return-other-status", enforced by "Dispatched" in "LowerDriverReturn";
    "A dispatch routine returns the status that the IRP was completed with, by it or below it.";
    IRP_DROPPED: "0xC9/0x226" "returned without completing, passing or pending", DV, Fatal, "drop-irp", enforced by "Irp, Outcome" in "IrpProcessingComplete";
    "A dispatch routine completes its IRP, sends it on, or marks it pending.";
    PENDING_NOT_PROPAGATED: "0xC9/0x228" "PendingReturned not propagated", DV, Fatal, "pending-not-propagated";
    "A completion routine that lets completion go on marks the IRP pending where PendingReturned is set.";
    FORWARDED_AT_BAD_IRQL: "0xC9/0x23A" "forwarded at an IRQL illegal for its major function", DV, Fatal, "forward-flush-at-dispatch";
    "Only READ, WRITE, POWER, DEVICE_CONTROL and INTERNAL_DEVICE_CONTROL are sent at DISPATCH_LEVEL.";
    CANCEL_ROUTINE_LEFT: "0xC9/0x23C" "completed without clearing the cancel routine", DV, Fatal, "cancel-routine-left-by-completion-routine";
    "A completion routine that lets completion go on leaves no cancel routine in the IRP.";
    PENDING_NOT_MARKED: "0xC9/0x23D" "STATUS_PENDING without IoMarkIrpPending", DV, Fatal, "pending-not-marked", enforced by "Dispatched" in "MarkIrpPending2";
    "A dispatch routine that returns STATUS_PENDING has marked the IRP, or a lower driver has it.";
    MARKED_NOT_PENDING: "0xC9/0x23E" "IoMarkIrpPending without STATUS_PENDING", DV, Fatal, "marked-not-pending", enforced by "Irp, Held" in "MarkIrpPending";
    "A dispatch routine that marks the IRP pending returns STATUS_PENDING.";
    POWER_PAGABLE_NOT_INHERITED: "0xC9/0x23F" "DO_POWER_PAGABLE not inherited", DV, Fatal, "power-pagable-not-copied";
    "A filter has DO_POWER_PAGABLE where the device below it has.";
    DELETED_TWICE: "0xC9/0x240" "IoDeleteDevice twice", DV, Fatal, "delete-twice", enforced by "RemoveDevice, Device" in "DeleteDevice";
    "A device object is deleted once.";
    STILL_INITIALIZING: "0xC9/0x243" "DO_DEVICE_INITIALIZING not cleared", DV, Fatal, "initializing-not-cleared";
    "AddDevice clears DO_DEVICE_INITIALIZING before it returns.";
    IO_FLAGS_NOT_INHERITED: "0xC9/0x244" "DO_BUFFERED_IO or DO_DIRECT_IO not copied", DV, Fatal, "io-flags-not-copied";
    "A filter has the buffering of the device below it.";
    DEVICE_TYPE_NOT_INHERITED: "0xC9/0x246" "DeviceType not copied", DV, Fatal, "device-type-not-copied";
    "A filter has the type of the device below it.";
    ATTACHED_ELSEWHERE: "SDV/PnpSameDeviceObject" "PnpSameDeviceObject", SDV, Fatal, "attach-to-another-stack", enforced by "AddDevice" in "PnpSameDeviceObject";
    "AddDevice attaches to the stack of the device that it was called for.";
    DELETED_BEFORE_REMOVAL: "SDV/DeleteDevice" "DeleteDevice", SDV, Fatal, "delete-before-removal-is-sent", enforced by "RemoveDevice, Device" in "DeleteDevice";
    "A device is deleted when IRP_MN_REMOVE_DEVICE has been sent to the drivers below, and not before.";
    REMOVE_FAILED: "0xC9/0x306" "REMOVE_DEVICE completed with failure", DV, Fatal, "fail-remove", enforced by "Request, RemoveDevice, MustSucceed" in "PnpRemove";
    "REMOVE_DEVICE does not fail.";

    RETURNED_AT_OTHER_IRQL: "0xC4/0x2001D" "IrqlReturn", DV, Fatal, "return-at-other-irql", enforced by "SpinLockGuard, Dispatch" in "IrqlReturn";
    "A driver's routine returns at the IRQL that it was called at. For a dispatch routine this is 0xC9/0x05 as well.";
    COMPLETION_ROUTINE_CHANGED_IRQL: "0xC4/0xFA" "completion routine changed the IRQL", DV, Fatal, "completion-routine-changes-irql";
    "A completion routine returns at the IRQL that it was called at.";
    IRQL_RAISED_DOWNWARDS: "0xC4/0x30" "KeRaiseIrql to a lower IRQL", DV, Fatal, "raise-irql-downwards";
    "KeRaiseIrql raises.";
    IRQL_LOWERED_UPWARDS: "0xC4/0x31" "KeLowerIrql to a higher IRQL", DV, Fatal, "lower-irql-upwards";
    "KeLowerIrql lowers.";
    SPIN_LOCK_RELEASED_BELOW_DISPATCH: "0xC4/0x32" "spin lock released below DISPATCH_LEVEL", DV, Fatal, "release-spin-lock-at-passive", enforced by "SpinLockGuard" in "IrqlKeReleaseSpinLock";
    "A spin lock is released at DISPATCH_LEVEL.";
    WAIT_AT_DISPATCH: "0xC4/0x3B" "wait at DISPATCH_LEVEL", DV, Fatal, "wait-at-dispatch";
    "A thread waits below DISPATCH_LEVEL only, unless its timeout is zero.";
    USER_WAIT_FOR_STACK: "0xC4/0x123" "wait in UserMode for an object on the stack", DV, Fatal, "wait-in-user-mode-for-stack";
    "An object on a kernel stack is waited for in KernelMode: in the other mode the stack may be paged out.";
    ZW_ABOVE_PASSIVE: "0xC4/0x2001F" "IrqlZwPassive", DV, Fatal, "open-key-at-dispatch";
    "ZwClose and the functions of the registry are called at PASSIVE_LEVEL.";
    CREATE_ABOVE_PASSIVE: "0xC4/0x2000A" "IrqlIoPassive1", DV, Fatal, "create-device-at-dispatch", enforced by "AddDevice" in "IrqlIoPassive1";
    "IoCreateDevice and IoSetDeviceInterfaceState are called at PASSIVE_LEVEL, IoBuildDeviceIoControlRequest at APC_LEVEL or below.";
    DETACH_ABOVE_PASSIVE: "0xC4/0x2000C" "IrqlIoPassive3", DV, Fatal, "detach-at-dispatch", enforced by "RemoveDevice" in "IrqlIoPassive3";
    "IoDetachDevice and IoRegisterDeviceInterface are called at PASSIVE_LEVEL.";
    DELETE_ABOVE_APC: "0xC4/0x20009" "IrqlIoApcLte", DV, Fatal, "delete-at-dispatch";
    "IoDeleteDevice is called at APC_LEVEL or below.";
    POOL_AT_BAD_IRQL: "0xC4/0x20004" "IrqlExAllocatePool", DV, Fatal, "allocate-paged-at-dispatch";
    "Pool is allocated at DISPATCH_LEVEL or below, paged pool at APC_LEVEL or below. Driver Verifier's pool checks say the same as 0xC4/0x01 and 0xC4/0x02.";
    RESOURCE_ABOVE_APC: "0xC4/0x20007" "IrqlExApcLte3", DV, Fatal, "acquire-resource-at-dispatch";
    "An ERESOURCE is acquired, converted and deleted at APC_LEVEL or below.";
    FAST_MUTEX_ABOVE_APC: "0xC4/0x20005" "IrqlExApcLte1", DV, Fatal, "acquire-fast-mutex-at-dispatch";
    "A fast mutex is acquired, or tried for, at APC_LEVEL or below.";
    NOT_AT_DISPATCH: "0xC4/0x20003" "IrqlDispatch", DV, Fatal, "insert-in-device-queue-at-passive";
    "IoStartNextPacket and the functions of device queues are called at DISPATCH_LEVEL.";
    EXECUTIVE_ABOVE_APC: "0xC4/0x20006" "IrqlExApcLte2", DV, Fatal, "probe-at-dispatch";
    "Paged lookaside lists are initialised and deleted, and addresses of user mode probed, at APC_LEVEL or below.";
    LINK_ABOVE_PASSIVE: "0xC4/0x2000D" "IrqlIoPassive4", DV, Fatal, "delete-symbolic-link-at-dispatch";
    "Symbolic links are made and deleted at PASSIVE_LEVEL.";
    IO_ABOVE_PASSIVE: "0xC4/0x2000E" "IrqlIoPassive5", DV, Fatal, "ask-for-version-of-wdm-at-dispatch";
    "IoGetDeviceObjectPointer, IoInitializeTimer, IoIsWdmVersionAvailable, IoRegisterShutdownNotification, its counterpart and IoWMIRegistrationControl are called at PASSIVE_LEVEL.";
    KERNEL_ABOVE_APC: "0xC4/0x2000F" "IrqlKeApcLte1", DV, Fatal, "delay-at-dispatch";
    "KeDelayExecutionThread and the functions of guarded mutexes are called at APC_LEVEL or below.";
    GUARDED_REGION_ABOVE_APC: "0xC4/0x20010" "IrqlKeApcLte2", DV, Fatal, "enter-guarded-region-at-dispatch";
    "Guarded regions are entered and left at APC_LEVEL or below. The rule is for critical regions too, which Driver Verifier's other checks have as 0xC4/0x11A and 0xC4/0x11B.";
    KERNEL_ABOVE_DISPATCH: "0xC4/0x20011" "IrqlKeDispatchLte", DV, Fatal, "clear-event-above-dispatch", enforced by "SpinLock, Dispatch" in "IrqlKeDispatchLte";
    "Events are cleared, timers set and cancelled and mutexes released at DISPATCH_LEVEL or below.";
    EVENT_SET_AT_BAD_IRQL: "0xC4/0x20016" "IrqlKeSetEvent", DV, Fatal, "set-event-above-dispatch";
    "KeSetEvent is called at DISPATCH_LEVEL or below, and at APC_LEVEL or below where a wait is to follow at once.";
    MEMORY_ABOVE_APC: "0xC4/0x20019" "IrqlMmApcLte", DV, Fatal, "allocate-noncached-at-dispatch";
    "Noncached memory is allocated and freed, and a driver's sections locked and unlocked, at APC_LEVEL or below.";
    CONTIGUOUS_MEMORY_ABOVE_DISPATCH: "0xC4/0x2001A" "IrqlMmDispatch", DV, Fatal, "free-contiguous-above-dispatch";
    "MmFreeContiguousMemory is called at DISPATCH_LEVEL or below.";
    OBJECT_ABOVE_PASSIVE: "0xC4/0x2001B" "IrqlObPassive", DV, Fatal, "reference-by-handle-at-dispatch";
    "ObReferenceObjectByHandle is called at PASSIVE_LEVEL.";
    PROCESS_ABOVE_PASSIVE: "0xC4/0x2001C" "IrqlPsPassive", DV, Fatal, "ask-for-version-at-dispatch";
    "PsCreateSystemThread, PsTerminateSystemThread and PsGetVersion are called at PASSIVE_LEVEL.";
    RTL_ABOVE_PASSIVE: "0xC4/0x2001E" "IrqlRtlPassive", DV, Fatal, "delete-registry-value-at-dispatch";
    "RtlDeleteRegistryValue, RtlQueryRegistryValues and RtlCheckRegistryKey are called at PASSIVE_LEVEL.";
    IO_ABOVE_DISPATCH: "0xC4/0x20022" "IrqlIoDispatch", DV, Fatal, "ask-for-device-to-verify-above-dispatch";
    "IoGetDeviceToVerify and IoSetDeviceToVerify are called at DISPATCH_LEVEL or below.";
    IO_RTL_ZW_ABOVE_PASSIVE: "0xC4/0x20023" "IrqlIoRtlZwPassive", DV, Fatal, "create-registry-key-at-dispatch";
    "IoOpenDeviceRegistryKey, RtlCreateRegistryKey, RtlWriteRegistryValue and ZwDeleteValueKey are called at PASSIVE_LEVEL. Driver Verifier checks it where it is asked for the additional IRQL rules.";
    CRITICAL_REGION_ENTERED_ABOVE_APC: "0xC4/0x11A" "KeEnterCriticalRegion above APC_LEVEL", DV, Fatal, "enter-critical-region-at-dispatch";
    "A critical region is entered at APC_LEVEL or below.";
    CRITICAL_REGION_LEFT_ABOVE_APC: "0xC4/0x11B" "KeLeaveCriticalRegion above APC_LEVEL", DV, Fatal, "leave-critical-region-at-dispatch";
    "A critical region is left at APC_LEVEL or below.";
    PAGED_POOL_FREED_ABOVE_APC: "0xC4/0x11" "paged pool freed above APC_LEVEL", DV, Fatal, "free-paged-at-dispatch";
    "Paged pool is freed at APC_LEVEL or below.";
    POOL_FREED_ABOVE_DISPATCH: "0xC4/0x12" "nonpaged pool freed above DISPATCH_LEVEL", DV, Fatal, "free-nonpaged-above-dispatch";
    "Nonpaged pool is freed at DISPATCH_LEVEL or below.";
    SPIN_LOCK_ACQUIRED_BELOW_DISPATCH: "0xC4/0x40" "KeAcquireSpinLockAtDpcLevel below DISPATCH_LEVEL", DV, Fatal, "acquire-spin-lock-at-dpc-level-at-passive";
    "The functions that acquire a spin lock at DISPATCH_LEVEL and do not raise the IRQL are called there, or above.";
    SPIN_LOCK_LET_GO_BELOW_DISPATCH: "0xC4/0x41" "KeReleaseSpinLockFromDpcLevel below DISPATCH_LEVEL", DV, Fatal, "release-spin-lock-from-dpc-level-at-passive";
    "The functions that release a spin lock and do not lower the IRQL are called at DISPATCH_LEVEL, or above.";
    SPIN_LOCK_ACQUIRED_ABOVE_DISPATCH: "0xC4/0x42" "KeAcquireSpinLock above DISPATCH_LEVEL", DV, Fatal, "acquire-spin-lock-above-dispatch";
    "KeAcquireSpinLock is called at DISPATCH_LEVEL or below: a thread that it interrupts could hold the lock.";
    SPIN_LOCK_HELD: "0xC4/0x40009" "SpinLock", DV, Fatal, "spin-lock-held-at-return", enforced by "SpinLockGuard" in "SpinlockRelease";
    "A routine releases each spin lock that it acquires, once, before it returns.";
    COMPLETE_UNDER_SPIN_LOCK: "SDV/SpinLockSafe" "SpinLockSafe", SDV, Fatal, "complete-under-spin-lock", enforced by "SpinLockGuard, Dispatch, Held, Irp" in "SpinLockSafe";
    "IoCompleteRequest is not called with a spin lock held.";

    CRITICAL_REGION_UNBALANCED: "0xC4/0x40003" "CriticalRegions", DV, Fatal, "stay-in-critical-region-at-unload";
    "A routine leaves each critical region that it enters, and no other. For a dispatch routine this is 0xC4/0xC5, for a completion routine 0xC4/0xFB.";
    CRITICAL_REGION_NOT_ENTERED: "0xC4/0x3E" "critical region left that was not entered", DV, Fatal, "leave-critical-region-twice";
    "A thread leaves a critical region that it is in.";
    DISPATCH_CHANGED_APC_COUNT: "0xC4/0xC5" "dispatch changed the APC disable count", DV, Fatal, "stay-in-critical-region";
    "A dispatch routine returns in as many critical regions as it was called in, and with as many mutexes held.";
    COMPLETION_ROUTINE_CHANGED_APC_COUNT: "0xC4/0xFB" "completion routine changed the APC disable count", DV, Fatal, "completion-routine-stays-in-critical-region";
    "A completion routine returns in as many critical regions as it was called in.";
    GUARDED_REGION_UNBALANCED: "0xC4/0x4000E" "GuardedRegions", DV, Fatal, "stay-in-guarded-region";
    "A routine leaves each guarded region that it enters, and no other.";
    RESOURCE_ACQUIRED_WITH_APCS: "0xC4/0x37" "resource acquired with APCs enabled", DV, Fatal, "acquire-resource-outside-critical-region";
    "In the thread of a request an ERESOURCE is acquired in a critical region. Threads of the system are spared.";
    RESOURCE_RELEASED_WITH_APCS: "0xC4/0x38" "resource released with APCs enabled", DV, Fatal, "release-resource-outside-critical-region";
    "In the thread of a request an ERESOURCE is released in a critical region. Threads of the system are spared.";
    UNSAFE_MUTEX_ACQUIRED_WITH_APCS: "0xC4/0x39" "fast mutex acquired unsafely with APCs enabled", DV, Fatal, "acquire-fast-mutex-unsafely";
    "In the thread of a request ExAcquireFastMutexUnsafe is called in a critical region or at APC_LEVEL.";
    UNSAFE_MUTEX_RELEASED_WITH_APCS: "0xC4/0x3A" "fast mutex released unsafely with APCs enabled", DV, Fatal, "release-fast-mutex-unsafely";
    "In the thread of a request ExReleaseFastMutexUnsafe is called in a critical region or at APC_LEVEL.";
    FAST_MUTEX_RELEASED_AT_BAD_IRQL: "0xC4/0x34" "fast mutex released at another IRQL than APC_LEVEL", DV, Fatal, "release-fast-mutex-at-dispatch";
    "A fast mutex is released at APC_LEVEL, which acquiring it raises to.";
    RESOURCE_INITIALISED_TWICE: "0xC4/0xD0" "ERESOURCE initialised twice", DV, Fatal, "initialise-resource-twice";
    "An ERESOURCE is initialised once before it is deleted.";
    RESOURCE_DELETED_THAT_IS_NONE: "0xC4/0xD1" "ERESOURCE deleted that is none", DV, Fatal, "delete-resource-twice";
    "What is deleted as an ERESOURCE has been initialised, and not deleted since.";
    RESOURCE_NOT_OWNED: "0xE3" "RESOURCE_NOT_OWNED", DV, Fatal, "release-resource-twice";
    "An ERESOURCE is released by the thread that it was acquired for, as often as it was acquired.";
    WORK_ITEM_BUSY: "0xE4" "WORKER_INVALID", DV, Fatal, "queue-work-item-twice";
    "A work item that is queued is neither queued again nor freed.";

    FREED_WITH_TIMER: "0xC4/0x15" "pool freed with an active timer in it", DV, Fatal, "free-with-timer";
    "A timer is cancelled before the memory that it is in is freed, a device extension included.";
    FREED_WITH_RESOURCE: "0xC4/0x17" "pool freed with an active ERESOURCE in it", DV, Fatal, "free-with-resource";
    "An ERESOURCE is deleted before the memory that it is in is freed, a device extension included.";
    TIMER_LEFT: "0xC7" "TIMER_OR_DPC_INVALID", DV, Fatal, "unload-with-timer";
    "When a driver has been unloaded, no timer of its is set and no DPC of its is queued.";
    PENDING_AT_UNLOAD: "0xCE" "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS", DV, Fatal, "unload-with-work-item";
    "When a driver has been unloaded, no work item of ExQueueWorkItem and no system thread of its is left. A work item of IoQueueWorkItem keeps its driver loaded.";
    DEVICE_REFERENCE_LEFT: "SDV/DanglingDeviceObjectReference" "DanglingDeviceObjectReference", SDV, Fatal, "leave-device-reference";
    "A reference to a device object, such as IoGetAttachedDeviceReference takes, is given back.";
    KEY_LEFT_OPEN: "SDV/ZwRegistryOpen" "ZwRegistryOpen", SDV, Fatal, "leave-opened-key-open";
    "A key of the registry that a driver opens or creates is closed before the driver is unloaded.";
    POOL_LEAKED: "0xC4/0x62" "pool not freed at unload", DV, Fatal, "leak-pool";
    "Everything that a driver allocated is freed when it is unloaded.";
    REMOVE_LOCK_OTHER_TAG: "0xC4/0xD5" "IoReleaseRemoveLock with another tag", DV, Fatal, "release-other-tag";
    "A remove lock is released with the tag that it was acquired with.";
    REMOVE_LOCK_WAIT_OTHER_TAG: "0xC4/0xD6" "IoReleaseRemoveLockAndWait with another tag", DV, Fatal, "wait-with-other-tag";
    "A remove lock is waited for with the tag that it was acquired with.";
    REMOVE_LOCK_INITIALISED_TWICE: "0xC4/0xD7" "remove lock initialised twice", DV, Fatal, "initialise-remove-lock-twice", enforced by "Device" in "MultRemoveLock";
    "A remove lock is initialised once in the life of its device.";
    REMOVE_LOCK_LEAKED: "SDV/RemoveLock" "RemoveLock", SDV, Fatal, "leak-remove-lock", enforced by "Irp" in "RemoveLock";
    "Each acquisition of a remove lock is released, when the IRP that it was for has been completed at the latest. Releasing it in the completion routine is right; the letter of RemoveLockRelease2 and its like, which want it released in dispatch, is not applied.";

    COMPLETED_TWICE: "0x44" "MULTIPLE_IRP_COMPLETE_REQUESTS", DV, Fatal, "complete-twice", enforced by "Irp" in "DoubleCompletion";
    "An IRP is completed once. SDV's name for it is DoubleCompletion.";
    SUCCEEDED_WHAT_FAILED: "SDV/CompleteRequestStatusCheck" "CompleteRequestStatusCheck", SDV, Fatal, "succeed-what-failed-below", enforced by "NtError, Held" in "CompleteRequestStatusCheck";
    "An IRP that failed below is not turned into a success.";
    NOTHING_ALLOCATED: "0xC4/0x00" "pool of zero bytes asked for", DV, Fatal, "allocate-nothing";
    "A driver asks for a byte of pool at least.";
    IRP_FREED_AS_POOL: "0xC4/0x105" "IRP freed with ExFreePool", DV, Fatal, "free-irp-as-pool";
    "An IRP is freed with IoFreeIrp.";
    FREED_TWICE: "0xC2/0x07" "BAD_POOL_CALLER: freed twice", DV, Fatal, "free-twice";
    "A pool block is freed once.";
    SLACK_OVERWRITTEN: "0xC1" "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION", DV, Fatal, "overwrite-slack";
    "A driver writes to no byte beside its pool blocks.";
    FREED_POOL_ACCESSED: "0xD5" "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL", DV, Fatal, "use-after-free", enforced by "Array" in "a_pool_block_is_not_used_after_it_is_freed";
    "A driver does not touch what has been freed.";
    POOL_OVERRUN: "0xD6" "DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION", DV, Fatal, "pool-overrun";
    "A driver stays within its pool blocks.";
    FREED_NO_BLOCK: "0xC4/0x10" "free of what is no pool block", DV, Fatal, "free-inside-block";
    "What is freed is a pool block, by its first byte.";

    DRIVER_FAULT: "0x1E" "KMODE_EXCEPTION_NOT_HANDLED", DV, Fatal, "null-entry";
    "A driver accesses memory and executes code only where there is any.";
    DRIVER_FAULT_AT_DISPATCH: "0xD1" "DRIVER_IRQL_NOT_LESS_OR_EQUAL", DV, Fatal, "null-at-dispatch";
    "A driver that touches memory which is not there at DISPATCH_LEVEL or above.";
    KERNEL_STACK_OVERRUN: "0x7F/0x08" "UNEXPECTED_KERNEL_MODE_TRAP: double fault", DV, Fatal, "overrun-stack-entry";
    "A driver stays within the kernel stack, which it shares with every other driver of the request.";
    STUCK: "LAB/Stuck" "nothing goes on", Lab, Fatal, "loop-read";
    "A driver's routine returns, and what it waits for comes. Windows would hang, or stop with 0x133 DPC_WATCHDOG_VIOLATION or 0x9F.";
    BREAKPOINT: "SDV/DebugBreakUsage" "DebugBreakUsage", SDV, Fatal, "break-point";
    "A driver calls neither DbgBreakPoint nor DbgBreakPointWithStatus, which stop a machine without a debugger.";
    OLD_POOL_FUNCTION: "SDV/UnSafeAllocatePool" "UnSafeAllocatePool", SDV, Warning, "allocate-with-old-function";
    "Pool is allocated with ExAllocatePool2 or ExAllocatePool3, whose memory is zeroed.";
    UNBOUNDED_STRING: "SDV/SafeStrings" "SafeStrings", SDV, Warning, "copy-string-without-bound";
    "Strings are copied by functions that are told how long the target is.";
    BUG_CHECK: "LAB/BugCheck" "KeBugCheckEx", Lab, Fatal, "bug-check-read";
    "A driver does not stop the machine.";
    IRP_LOST: "LAB/IrpLost" "an IRP that is never completed", Lab, Fatal, "park-for-ever";
    "Every IRP is completed. Windows would show a process that cannot end, or a machine that does not shut down.";
    DATA_CHANGED: "LAB/DataChanged" "a transfer that arrives changed", Lab, Fatal, "change-data";
    "What is read is what was written.";
    LAB_OVERWRITTEN: "LAB/Overwritten" "the lab's own memory was written over", Lab, Fatal, "overwrite-lab-entry";
    "A driver writes to memory that is its own or that it was given. Windows would stop at some later time, with whatever bug check the damage leads to.";
}
