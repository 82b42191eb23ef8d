//! The rules that Microsoft documents for WDM drivers by name, in their sets.

use super::Documented;

/// All of them.
pub static NAMED: [Documented; 169] = super::names! {
    in "IRP processing":
    "CompleteRequest" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "CompleteRequestStatusCheck";
    "CompletionRoutineRegistered";
    "DoubleCompletion" by COMPLETED_TWICE "complete-twice";
    "IoReuseIrp";
    "IoReuseIrp2";
    "IoSetCompletionExCompleteIrp";
    "IoSetCompletionRoutineExCheck";
    "IoSetCompletionRoutineExCheckDeviceObject";
    "IoSetCompletionRoutineNonPnpDriver";
    "IrpCancelField";
    "IrpProcessingComplete" by IRP_DROPPED "drop-irp";
    "LowerDriverReturn" by RETURNED_OTHER_STATUS "return-other-status-than-lower";
    "PnpIrpCompletion" by UNKNOWN_PNP_COMPLETED "complete-unknown-pnp" by SUCCESSFUL_PNP_COMPLETED "complete-successful-pnp";
    "PnpRemove";
    "PnpSurpriseRemove" by DETACHED_BY_SURPRISE "remove-by-surprise" by DELETED_BY_SURPRISE "delete-by-surprise";
    "PowerDownAllocate";
    "PowerDownFail";
    "PowerIrpDDIs";
    "PowerUpFail";
    "SignalEventInCompletion";
    "SignalEventInCompletion2" by EVENT_FORGOTTEN "forward-and-forget-event";
    "SignalEventInCompletion3" by EVENT_FORGOTTEN "forward-and-forget-event";
    "StartIoCancel" not "NonCancelable FALSE is the default, and right for a driver that takes its requests out under the cancel spin lock";
    "StartIoRecursion";
    "WmiComplete" not "drivers that register with WMI only";
    "WmiForward" not "drivers that register with WMI only";

    in "pending IRPs":
    "MarkDevicePower" by PENDING_NOT_MARKED "device-power-pending-not-marked";
    "MarkIrpPending" by MARKED_NOT_PENDING "marked-not-pending";
    "MarkIrpPending2" by PENDING_NOT_MARKED "pending-not-marked";
    "MarkPower" by PENDING_NOT_MARKED "power-up-pending-not-marked";
    "MarkPowerDown" by PENDING_NOT_MARKED "power-down-pending-not-marked";
    "MarkQueryRelations" not "bus drivers only";
    "MarkStartDevice" by MARKED_NOT_PENDING "mark-start-not-pending" by PENDING_NOT_MARKED "start-pending-not-marked";
    "MarkingInterlockedQueuedIrps";
    "MarkingQueuedIrps";
    "PendedCompletedRequest" by PENDING_NOT_MARKED "complete-and-return-pending";
    "PendedCompletedRequest2" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "PendedCompletedRequest3" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "PendedCompletedRequestEx" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "StartDeviceWait" not "a matter of speed: correct drivers wait in START_DEVICE for the drivers below, and are documented to";
    "StartDeviceWait2" not "a matter of speed: correct drivers wait in START_DEVICE for the drivers below, and are documented to";
    "StartDeviceWait3" not "a matter of speed: correct drivers wait in START_DEVICE for the drivers below, and are documented to";
    "StartDeviceWait4" not "a matter of speed: correct drivers wait in START_DEVICE for the drivers below, and are documented to";

    in "own IRPs":
    "IoAllocateComplete";
    "IoAllocateForward";
    "IoAllocateFree";
    "IoAllocateIrpSignalEventInCompletion";
    "IoAllocateIrpSignalEventInCompletion2" by EVENT_FORGOTTEN_FOR_OWN "send-own-and-forget-event";
    "IoAllocateIrpSignalEventInCompletion3" by EVENT_FORGOTTEN_FOR_OWN "send-own-and-forget-event";
    "IoAllocateIrpSignalEventInCompletionTimeout" by EVENT_FORGOTTEN_FOR_OWN "send-own-and-forget-event";
    "IoBuildDeviceControlNoFree" by FREE_OF_THREADED "free-threaded-irp";
    "IoBuildDeviceControlWait" by STATUS_BLOCK_UNWOUND "status-block-on-unwound-stack";
    "IoBuildDeviceControlWaitTimeout";
    "IoBuildDeviceIoControlSetEvent";
    "IoBuildFsdComplete";
    "IoBuildFsdForward";
    "IoBuildFsdFree" by FREE_OF_OTHER "free-arrived-irp";
    "IoBuildFsdIrpSignalEventInCompletion";
    "IoBuildFsdIrpSignalEventInCompletion2" by EVENT_FORGOTTEN_FOR_BUILT "send-built-and-forget-event";
    "IoBuildFsdIrpSignalEventInCompletion3" by EVENT_FORGOTTEN_FOR_BUILT "send-built-and-forget-event";
    "IoBuildFsdIrpSignalEventInCompletionTimeout" by EVENT_FORGOTTEN_FOR_BUILT "send-built-and-forget-event";
    "IoBuildSynchronousFsdRequestNoFree" by FREE_OF_THREADED "free-threaded-irp";
    "IoBuildSynchronousFsdRequestWait" by STATUS_BLOCK_UNWOUND "status-block-on-unwound-stack";
    "IoBuildSynchronousFsdRequestWaitTimeout" by WAIT_FOR_NOTHING "wait-for-what-failed";
    "RequestedPowerIrp";

    in "remove lock":
    "IoReleaseRemoveLockAndWaitOutsideRemoveDevice";
    "NsRemoveLockMnRemove" by PNP_NOT_SUPPORTED "remove-as-not-supported";
    "NsRemoveLockMnSurpriseRemove" by UNTOUCHED_PNP_COMPLETED "surprise-as-not-supported";
    "NsRemoveLockQueryMnRemove" by UNTOUCHED_PNP_COMPLETED "query-remove-as-not-supported";
    "RemoveLock";
    "RemoveLockCheck" by REMOVED_WITHOUT_WAITING "remove-after-release";
    "RemoveLockForward";
    "RemoveLockForward2";
    "RemoveLockForwardDeviceControl" by FORWARDED_UNLOCKED "forward-control-unlocked";
    "RemoveLockForwardDeviceControl2" by FORWARDED_WITHOUT_LOCK "forward-control-after-refusal";
    "RemoveLockForwardDeviceControlInternal" by FORWARDED_UNLOCKED "forward-internal-unlocked";
    "RemoveLockForwardDeviceControlInternal2" by FORWARDED_WITHOUT_LOCK "forward-internal-after-refusal";
    "RemoveLockForwardRead" by FORWARDED_UNLOCKED "forward-read-unlocked";
    "RemoveLockForwardRead2" by FORWARDED_WITHOUT_LOCK "forward-read-after-refusal";
    "RemoveLockForwardWrite" by FORWARDED_UNLOCKED "forward-write-unlocked";
    "RemoveLockForwardWrite2" by FORWARDED_WITHOUT_LOCK "forward-write-after-refusal";
    "RemoveLockMnRemove";
    "RemoveLockMnRemove2" by FORWARDED_UNLOCKED "forward-removal-unlocked";
    "RemoveLockMnSurpriseRemove" by FORWARDED_UNLOCKED "forward-surprise-unlocked";
    "RemoveLockQueryMnRemove" by FORWARDED_UNLOCKED "forward-query-remove-unlocked";
    "RemoveLockRelease2" not "a lock that the completion routine releases is held when dispatch returns, and that is right";
    "RemoveLockReleaseCleanup" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-cleanup";
    "RemoveLockReleaseClose" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-close";
    "RemoveLockReleaseCreate" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-create";
    "RemoveLockReleaseDeviceControl" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-control";
    "RemoveLockReleaseInternalDeviceControl" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-internal";
    "RemoveLockReleasePnp" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-pnp";
    "RemoveLockReleasePower" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-power";
    "RemoveLockReleaseRead" by REMOVE_LOCK_LEAKED "leak-remove-lock";
    "RemoveLockReleaseShutdown" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-shutdown";
    "RemoveLockReleaseSystemControl" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-system-control";
    "RemoveLockReleaseWrite" by REMOVE_LOCK_LEAKED "leak-remove-lock-of-write";

    in "IRQL":
    "ForwardedAtBadIrql" by FORWARDED_AT_BAD_IRQL "forward-flush-at-dispatch";
    "ForwardedAtBadIrqlAllocate" not "checked for every IRP, and shown for one that arrived";
    "ForwardedAtBadIrqlFsdAsync" not "checked for every IRP, and shown for one that arrived";
    "ForwardedAtBadIrqlFsdSync" not "checked for every IRP, and shown for one that arrived";
    "IrqlApcLte" not "the lab has no security descriptors of objects";
    "IrqlDispatch";
    "IrqlExAllocatePool";
    "IrqlExApcLte1";
    "IrqlExApcLte2";
    "IrqlExApcLte3";
    "IrqlExApcLteInline" not "inline functions are part of the driver, and call what has a limit of its own";
    "IrqlExFree1" by PAGED_POOL_FREED_ABOVE_APC "free-paged-at-dispatch";
    "IrqlExFree2" by POOL_FREED_ABOVE_DISPATCH "free-nonpaged-above-dispatch";
    "IrqlExFree3" by PAGED_POOL_FREED_ABOVE_APC "free-untagged-paged-at-dispatch";
    "IrqlExPassive" not "the functions that the lab has of it may be called anywhere, by their own pages";
    "IrqlIoApcLte";
    "IrqlIoDispatch";
    "IrqlIoPassive1";
    "IrqlIoPassive2" not "drivers of hardware and file systems only";
    "IrqlIoPassive3";
    "IrqlIoPassive4";
    "IrqlIoPassive5";
    "IrqlIoRtlZwPassive";
    "IrqlKeApcLte1";
    "IrqlKeApcLte2";
    "IrqlKeDispatchLte";
    "IrqlKeRaiseLower" by IRQL_RAISED_DOWNWARDS "raise-irql-downwards";
    "IrqlKeRaiseLower2" by RETURNED_AT_OTHER_IRQL "lower-irql-to-another";
    "IrqlKeReleaseSpinLock" by SPIN_LOCK_RELEASED_BELOW_DISPATCH "release-spin-lock-at-passive";
    "IrqlKeSetEvent" by EVENT_SET_AT_BAD_IRQL "set-event-before-a-wait-at-dispatch";
    "IrqlKeWaitForMultipleObjects" by WAIT_AT_DISPATCH "wait-for-many-at-dispatch";
    "IrqlKeWaitForMutexObject" by WAIT_AT_DISPATCH "wait-for-mutex-at-dispatch";
    "IrqlMmApcLte";
    "IrqlMmDispatch";
    "IrqlNtifsApcPassive" not "file systems only";
    "IrqlObPassive";
    "IrqlPsPassive";
    "IrqlReturn";
    "IrqlRtlPassive";
    "IrqlZwPassive";

    in "locking":
    "CancelSpinLock" by SPIN_LOCK_HELD "cancel-spin-lock-held-at-return";
    "CancelSpinlockRelease" by LOCK_NOT_ACQUIRED "release-cancel-spin-lock-twice";
    "CriticalRegions";
    "ExclusiveResourceAccess" by RESOURCE_NOT_OWNED "release-resource-twice";
    "GuardedRegions";
    "QueuedSpinLock" by SPIN_LOCK_HELD "queued-spin-lock-held-at-return";
    "QueuedSpinLockRelease" by LOCK_NOT_ACQUIRED "release-queued-spin-lock-twice";
    "SpinLock";
    "SpinLockDpc" by SPIN_LOCK_HELD "spin-lock-held-at-return-at-dpc-level";
    "SpinLockSafe";
    "SpinlockRelease" by LOCK_NOT_ACQUIRED "release-spin-lock-twice";
    "WithinCriticalRegion" by RESOURCE_ACQUIRED_WITH_APCS "acquire-resource-outside-critical-region";

    in "miscellaneous":
    "AddDevice" not "a device that is none cannot be attached: the driver fails at once";
    "DanglingDeviceObjectReference";
    "PnpSameDeviceObject";
    "TargetRelationNeedsRef" not "bus drivers only";
    "UnSafeAllocatePool";
    "ZwRegistryCreate" by KEY_LEFT_OPEN "leave-created-key-open";
    "ZwRegistryOpen";

    in "use of functions":
    "DebugBreakUsage";
    "DoubleFetch" not "needs to see each access to memory of user mode, of which requests to a disk have none";
    "NullCheck" by DRIVER_FAULT_AT_DISPATCH "null-at-dispatch";
    "ObsoleteDDIs" not "file systems only";
    "SafeStrings";

    in "warnings":
    "CheckDeviceObjectFlags" not "bus drivers only";
    "CompletionEventChecking" not "what a completion routine calls is not followed";
    "DeleteDevice";
    "MultRemoveLock" by REMOVE_LOCK_INITIALISED_TWICE "initialise-remove-lock-twice";
    "PagedCode" by DRIVER_FAULT_AT_DISPATCH "call-paged-code-at-dispatch" by DRIVER_FAULT_AT_DISPATCH "read-paged-pool-at-dispatch" by DRIVER_FAULT_AT_DISPATCH "page-all-at-dispatch";
    "PagedCodeAtPowerTrans" not "PAGED_CODE is nothing in a free build";
    "ReservedDDIs" not "a check of what the driver imports";
};
