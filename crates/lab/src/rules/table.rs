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
    "A driver that registers no completion routine skips its stack location and does not copy it, unless it has marked the IRP pending.";
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
    COMPLETION_ROUTINE_PAGEABLE: "0xC9/0x227" "completion routine in pageable code", DV, Fatal, "completion-routine-in-page-section";
    "A completion routine may be called at DISPATCH_LEVEL, so it is in no pageable section, unless that is locked.";
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
    REMOVE_FAILED: "0xC9/0x306" "REMOVE_DEVICE completed with failure", DV, Fatal, "fail-remove", enforced by "Request, RemoveDevice, MustSucceed" in "PnpRemove";
    "REMOVE_DEVICE does not fail.";

    PNP_NOTICE_FAILED: "0xC4/0x43006" "PnpRemove", DV, Fatal, "fail-cancel-remove";
    "SURPRISE_REMOVAL, STOP_DEVICE, CANCEL_STOP_DEVICE and CANCEL_REMOVE_DEVICE do not fail, also where memory runs out. A driver may not leave them at STATUS_NOT_SUPPORTED.";
    DETACHED_BY_SURPRISE: "SDV/PnpSurpriseRemove" "PnpSurpriseRemove", SDV, Fatal, "remove-by-surprise", enforced by "RemoveDevice, MustSucceed, Request" in "PnpSurpriseRemove";
    "A device is neither detached nor deleted for SURPRISE_REMOVAL: REMOVE_DEVICE is still to come.";
    POWER_DOWN_FAILED: "SDV/PowerDownFail" "PowerDownFail", SDV, Fatal, "fail-power-down", enforced by "Request, MustPass" in "PowerDownFail";
    "A SET_POWER to a sleeping state does not fail: who cannot sleep says so to QUERY_POWER.";
    POWER_UP_FAILED: "SDV/PowerUpFail" "PowerUpFail", SDV, Fatal, "fail-power-up", enforced by "MustPass" in "PowerUpFail";
    "A SET_POWER to the working state does not fail.";
    POWER_PAGABLE_AND_PAGING: "LAB/PowerPagable" "DO_POWER_PAGABLE and the files on the device", Lab, Fatal, "lose-power-pagable";
    "A filter that changes DO_POWER_PAGABLE for usage notifications has it cleared while a paging file is on the device and the device below has it cleared, and set again when the last file is gone or was refused.";

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
    SPIN_LOCK_HELD: "0xC4/0x40009" "SpinLock", DV, Fatal, "spin-lock-held-at-return", enforced by "SpinLockGuard" in "SpinlockRelease";
    "A routine releases each spin lock that it acquires, once, before it returns.";
    COMPLETE_UNDER_SPIN_LOCK: "SDV/SpinLockSafe" "SpinLockSafe", SDV, Fatal, "complete-under-spin-lock", enforced by "SpinLockGuard, Dispatch, Held, Irp" in "SpinLockSafe";
    "IoCompleteRequest is not called with a spin lock held.";

    LOCK_ACQUIRED_AGAIN: "0xC4/0x1000" "deadlock detection: self-deadlock", DV, Fatal, "acquire-spin-lock-again";
    "A spin lock or a fast mutex is not acquired by who holds it.";
    LOCK_HIERARCHY: "0xC4/0x1001" "deadlock detection: lock hierarchy violation", DV, Fatal, "acquire-in-other-order";
    "Locks are acquired in the same order everywhere, even where nothing came of it yet. Two orders that only ever occur with one more lock held, the same one, are right.";
    LOCK_NOT_INITIALISED: "0xC4/0x1002" "deadlock detection: uninitialized resource", DV, Fatal, "acquire-uninitialised-mutex";
    "A fast mutex is initialised before it is acquired.";
    LOCK_RELEASED_OUT_OF_ORDER: "0xC4/0x1003" "deadlock detection: unexpected release", DV, Warning, "release-out-of-order";
    "Of two locks the one that was acquired last is released first.";
    LOCK_RELEASED_BY_OTHER: "0xC4/0x1004" "deadlock detection: unexpected thread", DV, Fatal, "release-mutex-of-another";
    "A lock is released by the thread that acquired it.";
    LOCK_INITIALISED_AGAIN: "0xC4/0x1005" "deadlock detection: multiple initialization", DV, Fatal, "initialise-held-mutex";
    "A lock that is held is not initialised. To initialise one again that nobody holds is let pass.";
    LOCK_NOT_ACQUIRED: "0xC4/0x1007" "deadlock detection: unacquired resource", DV, Fatal, "release-unheld-mutex";
    "A lock is released only where it was acquired.";
    LOCK_ACQUIRED_AS_OTHER_KIND: "0xC4/0x1008" "deadlock detection: acquired as another type of lock", DV, Fatal, "acquire-spin-lock-as-queued";
    "A lock is acquired with the functions of one kind of lock only: a spin lock is queued each time or never.";
    LOCK_RELEASED_AS_OTHER_KIND: "0xC4/0x1009" "deadlock detection: released as another type of lock", DV, Fatal, "release-fast-mutex-unsafely";
    "A lock is released with the counterpart of the function that acquired it.";
    THREAD_ENDED_WITH_LOCK: "0xC4/0x100A" "deadlock detection: the terminated thread owns the lock", DV, Fatal, "end-thread-with-mutex";
    "A thread that ends holds no lock.";
    HELD_LOCK_FREED: "0xC4/0x100B" "deadlock detection: the deleted lock is still owned", DV, Fatal, "free-held-mutex";
    "The memory of a lock that is held is not freed.";

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

    FREE_OF_NO_IRP: "0xC9/0x01" "IoFreeIrp with what is no IRP", DV, Fatal, "free-no-irp";
    "What IoFreeIrp frees is an IRP.";
    FREE_OF_THREADED: "0xC9/0x02" "IoFreeIrp of an IRP in a thread's list", DV, Fatal, "free-threaded-irp";
    "The I/O manager frees what IoBuildDeviceIoControlRequest and IoBuildSynchronousFsdRequest have built, when it has been completed. SDV's names for it are IoBuildDeviceControlNoFree and IoBuildSynchronousFsdRequestNoFree.";
    FREE_OF_THREADED_IN_USE: "0xC9/0x20C" "IoFreeIrp of an IRP that is queued to a thread", DV, Fatal, "free-threaded-irp-in-flight";
    "An IRP that was built for a thread is not freed by its driver while another driver has it.";
    FREE_OF_OTHER: "SDV/IoAllocateFree" "IoAllocateFree", SDV, Fatal, "free-arrived-irp";
    "IoFreeIrp is for IRPs that the driver allocated, or had built by IoBuildAsynchronousFsdRequest, of which SDV says it as IoBuildFsdFree: an IRP that arrived is completed.";
    IRP_FREED_AS_POOL: "0xC4/0x105" "ExFreePool of an IRP", DV, Fatal, "free-irp-as-pool";
    "An IRP is freed with IoFreeIrp, unless the driver made it itself in memory of its own.";
    BAD_BUFFER_OF_TRANSFER: "0xC9/0x08" "bad buffer to IoBuildAsynchronousFsdRequest", DV, Fatal, "build-transfer-of-no-memory";
    "The buffer of a transfer that is built is memory.";
    BAD_BUFFER_OF_CONTROL: "0xC9/0x09" "bad buffer to IoBuildDeviceIoControlRequest", DV, Fatal, "build-control-of-no-memory";
    "The buffers of a device control request that is built are memory.";
    STATUS_BLOCK_UNWOUND: "0xC9/0x0C" "I/O status block on an unwound stack", DV, Fatal, "status-block-on-unwound-stack";
    "A routine whose stack the I/O status block of an IRP is on waits until the IRP is completed. SDV's names for it are IoBuildDeviceControlWait and IoBuildSynchronousFsdRequestWait.";
    EVENT_UNWOUND: "0xC9/0x0D" "event on an unwound stack", DV, Fatal, "event-on-unwound-stack";
    "A routine whose stack the event of an IRP is on waits until the IRP is completed.";
    CHARGED_IRP_INITIALISED: "0xC9/0x20D" "IoInitializeIrp of an IRP with quota", DV, Fatal, "initialise-charged-irp";
    "An IRP that was allocated with a charge of quota is not initialised again: the charge is lost.";
    ALLOCATED_IRP_INITIALISED: "0xC9/0x238" "IoInitializeIrp of an IRP of IoAllocateIrp", DV, Warning, "initialise-allocated-irp";
    "IoAllocateIrp initialises what it allocates, and IoReuseIrp does it again.";
    INITIALISED_IN_USE: "0xC9/0x310" "initialising an IRP in use", DV, Fatal, "reuse-irp-in-flight";
    "An IRP is initialised, or reused, when no driver has it any more.";
    BUILT_IRP_INITIALISED: "0xC9/0x311" "initialising an IRP that the I/O manager has built", DV, Fatal, "initialise-associated-irp";
    "IoInitializeIrp is not for what IoMakeAssociatedIrp and IoBuild* have built.";
    PNP_SENT_WITH_STATUS: "0xC9/0x20E" "PnP IRP created with another status than STATUS_NOT_SUPPORTED", DV, Fatal, "send-pnp-with-status";
    "A new PnP IRP begins with STATUS_NOT_SUPPORTED.";
    POWER_SENT_WITH_STATUS: "0xC9/0x20F" "power IRP created with another status than STATUS_NOT_SUPPORTED", DV, Fatal, "send-power-with-status";
    "A new power IRP begins with STATUS_NOT_SUPPORTED.";
    WMI_SENT_WITH_STATUS: "0xC9/0x210" "WMI IRP created with another status than STATUS_NOT_SUPPORTED", DV, Fatal, "send-system-control-with-status";
    "A new IRP_MJ_SYSTEM_CONTROL begins with STATUS_NOT_SUPPORTED.";
    SENT_FOR_SYSTEM: "0xC9/0x237" "IRP that only the system sends", DV, Fatal, "send-for-system";
    "The PnP manager's own requests (START_DEVICE to CANCEL_STOP_DEVICE, SURPRISE_REMOVAL) and power IRPs are sent by no driver: there is PoRequestPowerIrp.";
    EVENT_SIGNALLED_BEFORE: "0xC9/0x307" "event signalled before the call", DV, Fatal, "send-with-signalled-event";
    "The event of an IRP is not signalled when the IRP is sent.";
    INFORMATION_BEYOND_OUTPUT: "0xC9/0x312" "Information beyond the output buffer", DV, Fatal, "information-beyond-output";
    "A buffered device control request is completed with no more information than its output has room for.";
    OWN_IRP_WITHOUT_ROUTINE: "SDV/IoAllocateForward" "IoAllocateForward", SDV, Fatal, "send-own-without-routine";
    "An IRP of IoAllocateIrp is sent with a completion routine, which takes it back.";
    BUILT_IRP_WITHOUT_ROUTINE: "SDV/IoBuildFsdForward" "IoBuildFsdForward", SDV, Fatal, "send-built-without-routine";
    "An IRP of IoBuildAsynchronousFsdRequest is sent with a completion routine, which takes it back.";
    OWN_IRP_COMPLETED: "SDV/IoAllocateComplete" "IoAllocateComplete", SDV, Fatal, "complete-own-irp";
    "A driver does not complete an IRP of IoAllocateIrp: it frees it.";
    BUILT_IRP_COMPLETED: "SDV/IoBuildFsdComplete" "IoBuildFsdComplete", SDV, Fatal, "complete-built-irp";
    "A driver does not complete an IRP of IoBuildAsynchronousFsdRequest: it frees it.";
    REUSED_BUILT: "SDV/IoReuseIrp" "IoReuseIrp", SDV, Fatal, "reuse-built-irp";
    "IoReuseIrp is for IRPs of IoAllocateIrp, and not for what the I/O manager has built.";
    REUSED_OF_OTHER: "SDV/IoReuseIrp2" "IoReuseIrp2", SDV, Fatal, "reuse-arrived-irp";
    "A driver reuses no IRP that arrived at it.";
    EVENT_OF_IRP_SET: "SDV/IoBuildDeviceIoControlSetEvent" "IoBuildDeviceIoControlSetEvent", SDV, Fatal, "set-event-of-irp";
    "The I/O manager sets the event that an IRP was built with. A driver does not, before the IRP is completed.";
    EVENT_FORGOTTEN: "SDV/SignalEventInCompletion" "SignalEventInCompletion", SDV, Fatal, "forward-and-forget-event";
    "Where a dispatch routine waits for an IRP that it has sent on, the completion routine that keeps the IRP sets the event. SignalEventInCompletion2 and 3 are the same.";
    EVENT_FORGOTTEN_FOR_OWN: "SDV/IoAllocateIrpSignalEventInCompletion" "IoAllocateIrpSignalEventInCompletion", SDV, Fatal, "send-own-and-forget-event";
    "Where a routine waits for an IRP of IoAllocateIrp, the completion routine that keeps the IRP sets the event. The rules of the same name with 2, 3 and Timeout are the same.";
    EVENT_FORGOTTEN_FOR_BUILT: "SDV/IoBuildFsdIrpSignalEventInCompletion" "IoBuildFsdIrpSignalEventInCompletion", SDV, Fatal, "send-built-and-forget-event";
    "Where a routine waits for an IRP of IoBuildAsynchronousFsdRequest, the completion routine that keeps the IRP sets the event. The rules of the same name with 2, 3 and Timeout are the same.";
    WAIT_FOR_NOTHING: "SDV/IoBuildDeviceControlWaitTimeout" "IoBuildDeviceControlWaitTimeout", SDV, Fatal, "wait-for-what-failed";
    "A driver waits for the event of an IRP that the I/O manager frees only where IoCallDriver returned STATUS_PENDING: of one that fails at once no event is set. IoBuildSynchronousFsdRequestWaitTimeout is the same.";
    ASSOCIATED_NOT_COUNTED: "LAB/AssociatedIrpCount" "associated IRPs that are not counted", Lab, Fatal, "forget-associated-count";
    "A driver writes to the master's IrpCount how many associated IRPs it sends, before it sends them. Windows completes the master at a wrong time, or never.";

    LOCKED_ABOVE_DISPATCH: "0xC4/0x70" "MmProbeAndLockPages above DISPATCH_LEVEL", DV, Fatal, "lock-pages-above-dispatch";
    "MmProbeAndLockPages is called at DISPATCH_LEVEL or below.";
    MAPPED_ABOVE_DISPATCH: "0xC4/0x76" "MmMapLockedPagesSpecifyCache above DISPATCH_LEVEL", DV, Fatal, "map-pages-above-dispatch";
    "MmMapLockedPagesSpecifyCache is called at DISPATCH_LEVEL or below.";
    UNLOCKED_ABOVE_DISPATCH: "0xC4/0x78" "MmUnlockPages above DISPATCH_LEVEL", DV, Fatal, "unlock-pages-above-dispatch";
    "MmUnlockPages is called at DISPATCH_LEVEL or below.";
    UNMAPPED_ABOVE_DISPATCH: "0xC4/0x79" "MmUnmapLockedPages above DISPATCH_LEVEL", DV, Fatal, "unmap-pages-above-dispatch";
    "MmUnmapLockedPages is called at DISPATCH_LEVEL or below.";
    UNLOCKED_MDL_UNLOCKED: "0xC4/0x7C" "MmUnlockPages of pages that are not locked", DV, Fatal, "unlock-unlocked-mdl";
    "MmUnlockPages is for an MDL whose pages MmProbeAndLockPages has locked.";
    NONPAGED_MDL_UNLOCKED: "0xC4/0x7D" "MmUnlockPages of nonpaged pool", DV, Fatal, "unlock-nonpaged-mdl";
    "An MDL that was built for nonpaged pool is not unlocked.";
    MDL_BUILT_OF_PAGED_POOL: "0xC4/0x7F" "MmBuildMdlForNonPagedPool of paged pool", DV, Fatal, "build-mdl-of-paged-pool";
    "MmBuildMdlForNonPagedPool is for memory whose pages stay: those of paged pool are locked.";
    MAPPED_BY_OLD_FUNCTION: "0xC4/0x81" "MmMapLockedPages", DV, Fatal, "map-by-old-function";
    "MmMapLockedPagesSpecifyCache, with BugCheckOnFailure FALSE, is called in its place.";
    MAPPED_OR_BUG_CHECK: "0xC4/0x82" "MmMapLockedPagesSpecifyCache with BugCheckOnFailure", DV, Fatal, "map-or-bug-check";
    "MmMapLockedPagesSpecifyCache is called with BugCheckOnFailure FALSE.";
    MDL_LOCKED_WITH_FLAGS: "0xC4/0xB0" "MmProbeAndLockPages of an MDL with wrong flags", DV, Fatal, "lock-built-mdl";
    "MmProbeAndLockPages is for an MDL that only describes memory: not for one that was built, locked, mapped or made a partial one.";
    MDL_MAPPED_TWICE: "0xC4/0xB2" "mapping of an MDL that is mapped", DV, Fatal, "map-mdl-twice";
    "An MDL that has a system address is not mapped again: MmGetSystemAddressForMdlSafe takes care of it.";
    UNLOCKED_MDL_MAPPED: "0xC4/0xB3" "mapping of an MDL that is not locked", DV, Fatal, "map-unlocked-mdl";
    "The pages of an MDL are locked before they are mapped.";
    PARTIAL_MDL_UNLOCKED: "0xC4/0xB4" "MmUnlockPages of a partial MDL", DV, Fatal, "unlock-partial-mdl";
    "The pages of a partial MDL are those of the MDL that it is a part of, and are unlocked with that.";
    PARTIAL_MDL_UNMAPPED: "0xC4/0xB5" "MmUnmapLockedPages of a partial MDL", DV, Fatal, "unmap-partial-mdl";
    "A partial MDL shares the mapping of the MDL that it is a part of. One of its own is released by MmPrepareMdlForReuse.";
    UNMAPPED_MDL_UNMAPPED: "0xC4/0xB6" "MmUnmapLockedPages of an MDL that is not mapped", DV, Fatal, "unmap-unmapped-mdl";
    "Only an MDL that is mapped is unmapped.";
    MDL_FREED_MAPPED: "0xC4/0xB8" "IoFreeMdl of an MDL that is mapped", DV, Fatal, "free-mapped-mdl";
    "The pages of an MDL are unmapped, which MmUnlockPages does as well, before IoFreeMdl. A partial MDL is unmapped by IoFreeMdl.";
    WRITE_DATA_CHANGED: "0xC4/0x1010" "invariant MDL of a WRITE was written to", DV, Fatal, "change-data-of-write";
    "The data of an IRP_MJ_WRITE stays as it is for the life of the IRP.";
    READ_BUFFER_CHANGED: "0xC4/0x1011" "invariant MDL of a READ was written to on the way down", DV, Fatal, "change-buffer-of-read";
    "The buffer of an IRP_MJ_READ is not written to before the request is sent on.";
    PAGES_LEFT_LOCKED: "0xCB" "DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS", DV, Fatal, "leave-pages-locked";
    "Pages that a driver has locked it unlocks, before it frees their MDL.";
    PARTIAL_MDL_TOO_SMALL: "0x40" "TARGET_MDL_TOO_SMALL", DV, Fatal, "build-partial-into-small-mdl";
    "IoBuildPartialMdl gets an MDL that has room for all pages of the part.";
    PARTIAL_MDL_OUT_OF_RANGE: "LAB/PartialMdlRange" "partial MDL beyond its source", Lab, Fatal, "build-partial-beyond-source";
    "What a partial MDL describes is within what the MDL describes that it is a part of. Windows would take pages that are others'.";
    PARTIAL_MDL_NOT_PREPARED: "LAB/PartialMdlMapped" "partial MDL used again while mapped", Lab, Fatal, "reuse-mapped-partial";
    "A partial MDL that has a mapping of its own is prepared with MmPrepareMdlForReuse before the next IoBuildPartialMdl. Windows would lose the mapping.";
    MDL_WITHOUT_PAGES: "LAB/MdlWithoutPages" "MDL without pages", Lab, Fatal, "send-mdl-without-pages";
    "An MDL that is sent down, or that a part is made of, has been locked or built. Windows would transfer to and from whatever pages its list happens to name.";
    MDL_OF_OTHER: "LAB/MdlOfOther" "MDL of another was freed or unlocked", Lab, Fatal, "free-arrived-mdl";
    "A driver neither frees nor unlocks the MDL of a request that arrived, nor one that the I/O manager frees with its IRP. Windows would free it twice.";

    COMPLETED_TWICE: "0x44" "MULTIPLE_IRP_COMPLETE_REQUESTS", DV, Fatal, "complete-twice", enforced by "Irp" in "DoubleCompletion";
    "An IRP is completed once. SDV's name for it is DoubleCompletion.";
    SUCCEEDED_WHAT_FAILED: "SDV/CompleteRequestStatusCheck" "CompleteRequestStatusCheck", SDV, Fatal, "succeed-what-failed-below", enforced by "NtError, Held" in "CompleteRequestStatusCheck";
    "An IRP that failed below is not turned into a success.";
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
    KERNEL_FAULT_AT_DISPATCH: "0xA" "IRQL_NOT_LESS_OR_EQUAL", DV, Fatal, "signal-paged-event-at-dispatch";
    "What a driver passes to the kernel at DISPATCH_LEVEL or above is not pageable.";
    DISCARDED_MEMORY: "0x50" "PAGE_FAULT_IN_NONPAGED_AREA", DV, Fatal, "call-discarded-init";
    "What is in a discardable INIT section is not used when DriverEntry has returned.";
    KERNEL_STACK_OVERRUN: "0x7F/0x08" "UNEXPECTED_KERNEL_MODE_TRAP: double fault", DV, Fatal, "overrun-stack-entry";
    "A driver stays within the kernel stack, which it shares with every other driver of the request.";
    STUCK: "LAB/Stuck" "nothing goes on", Lab, Fatal, "loop-read";
    "A driver's routine returns, and what it waits for comes. Windows would hang, or stop with 0x133 DPC_WATCHDOG_VIOLATION or 0x9F.";
    BUG_CHECK: "LAB/BugCheck" "KeBugCheckEx", Lab, Fatal, "bug-check-read";
    "A driver does not stop the machine.";
    IRP_LOST: "LAB/IrpLost" "an IRP that is never completed", Lab, Fatal, "park-for-ever";
    "Every IRP is completed. Windows would show a process that cannot end, or a machine that does not shut down.";
    DATA_CHANGED: "LAB/DataChanged" "a transfer that arrives changed", Lab, Fatal, "change-data";
    "What is read is what was written.";
    LAB_OVERWRITTEN: "LAB/Overwritten" "the lab's own memory was written over", Lab, Fatal, "overwrite-lab-entry";
    "A driver writes to memory that is its own or that it was given. Windows would stop at some later time, with whatever bug check the damage leads to.";
}
