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
    "IoSetCompletionRoutineNonPnpDriver" not "drivers without AddDevice only, which are in no stack of the lab";
    "IrpCancelField" not "the lab does not see a driver read Irp->Cancel; what comes of it is found as LAB/IrpLost";
    "IrpProcessingComplete" by IRP_DROPPED "drop-irp";
    "LowerDriverReturn" by RETURNED_OTHER_STATUS "return-other-status-than-lower";
    "PnpIrpCompletion" by UNKNOWN_PNP_COMPLETED "complete-unknown-pnp";
    "PnpRemove";
    "PnpSurpriseRemove";
    "PowerDownAllocate" not "allocating in a power request is right where its failure is dealt with";
    "PowerDownFail";
    "PowerIrpDDIs" not "the IRQL that each function is called at is checked in power requests too";
    "PowerUpFail";
    "SignalEventInCompletion";
    "SignalEventInCompletion2" by EVENT_FORGOTTEN "forward-and-forget-event";
    "SignalEventInCompletion3" by EVENT_FORGOTTEN "forward-and-forget-event";
    "StartIoCancel" not "a filter has no StartIo";
    "StartIoRecursion" not "a filter has no StartIo";
    "WmiComplete" not "drivers that register with WMI only";
    "WmiForward" not "drivers that register with WMI only";

    in "pending IRPs":
    "MarkDevicePower" not "function drivers only: a filter requests no power IRPs";
    "MarkIrpPending" by MARKED_NOT_PENDING "marked-not-pending";
    "MarkIrpPending2" by PENDING_NOT_MARKED "pending-not-marked";
    "MarkPower" not "function drivers only: a filter requests no power IRPs";
    "MarkPowerDown" not "function drivers only: a filter requests no power IRPs";
    "MarkQueryRelations" not "bus drivers only";
    "MarkStartDevice" by MARKED_NOT_PENDING "mark-start-not-pending";
    "MarkingInterlockedQueuedIrps" not "which of a driver's lists hold IRPs is not known at run time";
    "MarkingQueuedIrps" not "which of a driver's lists hold IRPs is not known at run time";
    "PendedCompletedRequest" by PENDING_NOT_MARKED "complete-and-return-pending";
    "PendedCompletedRequest2" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "PendedCompletedRequest3" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "PendedCompletedRequestEx" not "checked, and shown for PendedCompletedRequest3";
    "StartDeviceWait" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";
    "StartDeviceWait2" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";
    "StartDeviceWait3" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";
    "StartDeviceWait4" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";

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
    "RequestedPowerIrp" not "function drivers only: a filter requests no power IRPs";

    in "remove lock":
    "IoReleaseRemoveLockAndWaitOutsideRemoveDevice" not "where in a driver a remove lock is waited for is not followed";
    "NsRemoveLockMnRemove" not "the lab asks that REMOVE_DEVICE does not fail, and does not tell its errors apart";
    "NsRemoveLockMnSurpriseRemove" not "the statuses of SURPRISE_REMOVAL are not followed";
    "NsRemoveLockQueryMnRemove" not "the statuses of QUERY_REMOVE_DEVICE are not followed";
    "RemoveLock";
    "RemoveLockCheck" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForward" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForward2" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardDeviceControl" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardDeviceControl2" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardDeviceControlInternal" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardDeviceControlInternal2" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardRead" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardRead2" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardWrite" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockForwardWrite2" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockMnRemove" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockMnRemove2" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockMnSurpriseRemove" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockQueryMnRemove" not "a remove lock's balance and tags are followed, and not where it is acquired";
    "RemoveLockRelease2" not "a lock that the completion routine releases is held when dispatch returns, and that is right";
    "RemoveLockReleaseCleanup" not "checked for every request, and shown for READ";
    "RemoveLockReleaseClose" not "checked for every request, and shown for READ";
    "RemoveLockReleaseCreate" not "checked for every request, and shown for READ";
    "RemoveLockReleaseDeviceControl" not "checked for every request, and shown for READ";
    "RemoveLockReleaseInternalDeviceControl" not "checked for every request, and shown for READ";
    "RemoveLockReleasePnp" not "checked for every request, and shown for READ";
    "RemoveLockReleasePower" not "checked for every request, and shown for READ";
    "RemoveLockReleaseRead" by REMOVE_LOCK_LEAKED "leak-remove-lock";
    "RemoveLockReleaseShutdown" not "checked for every request, and shown for READ";
    "RemoveLockReleaseSystemControl" not "checked for every request, and shown for READ";
    "RemoveLockReleaseWrite" not "checked for every request, and shown for READ";

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
    "PagedCode" not "PAGED_CODE is nothing in a free build; what it guards is found as 0xC4/0x20004 and its like";
    "PagedCodeAtPowerTrans" not "PAGED_CODE is nothing in a free build";
    "ReservedDDIs" not "a check of what the driver imports";
};
