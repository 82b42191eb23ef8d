//! The rules that Microsoft documents for WDM drivers by name, in their sets.

use super::Documented;

/// All of them.
pub static NAMED: [Documented; 169] = super::names! {
    in "IRP processing":
    "CompleteRequest" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "CompleteRequestStatusCheck";
    "CompletionRoutineRegistered";
    "DoubleCompletion" by COMPLETED_TWICE "complete-twice";
    "IoReuseIrp" not "where an IRP that is used again came from is not followed";
    "IoReuseIrp2" not "where an IRP that is used again came from is not followed";
    "IoSetCompletionExCompleteIrp";
    "IoSetCompletionRoutineExCheck";
    "IoSetCompletionRoutineExCheckDeviceObject";
    "IoSetCompletionRoutineNonPnpDriver";
    "IrpCancelField";
    "IrpProcessingComplete" by IRP_DROPPED "drop-irp";
    "LowerDriverReturn" by RETURNED_OTHER_STATUS "return-other-status";
    "PnpIrpCompletion" by UNKNOWN_PNP_COMPLETED "complete-unknown-pnp";
    "PnpRemove" by REMOVE_FAILED "fail-remove";
    "PnpSurpriseRemove";
    "PowerDownAllocate" not "allocating in a power request is right where its failure is dealt with";
    "PowerDownFail";
    "PowerIrpDDIs" not "the IRQL that each function is called at is checked in power requests too";
    "PowerUpFail";
    "SignalEventInCompletion";
    "SignalEventInCompletion2" by EVENT_FORGOTTEN "forward-and-forget-event";
    "SignalEventInCompletion3" by EVENT_FORGOTTEN "forward-and-forget-event";
    "StartIoCancel" not "NonCancelable FALSE is the default, and right for a driver that takes its requests out under the cancel spin lock";
    "StartIoRecursion";
    "WmiComplete" not "drivers that register with WMI only";
    "WmiForward" not "drivers that register with WMI only";

    in "pending IRPs":
    "MarkDevicePower" not "function drivers only: a filter requests no power IRPs";
    "MarkIrpPending" by MARKED_NOT_PENDING "marked-not-pending";
    "MarkIrpPending2" by PENDING_NOT_MARKED "pending-not-marked";
    "MarkPower" not "function drivers only: a filter requests no power IRPs";
    "MarkPowerDown" not "function drivers only: a filter requests no power IRPs";
    "MarkQueryRelations" not "bus drivers only";
    "MarkStartDevice" not "checked for every request, and shown for READ";
    "MarkingInterlockedQueuedIrps";
    "MarkingQueuedIrps";
    "PendedCompletedRequest" not "checked, and shown for MarkIrpPending2";
    "PendedCompletedRequest2" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "PendedCompletedRequest3" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "PendedCompletedRequestEx" by COMPLETE_WHILE_BELOW "complete-while-pending-below";
    "StartDeviceWait" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";
    "StartDeviceWait2" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";
    "StartDeviceWait3" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";
    "StartDeviceWait4" not "a matter of speed: IoForwardIrpSynchronously waits in START_DEVICE as well";

    in "own IRPs":
    "IoAllocateComplete" not "where an IRP of the driver's own came from is not followed";
    "IoAllocateForward" not "where an IRP of the driver's own came from is not followed";
    "IoAllocateFree" not "where an IRP of the driver's own came from is not followed";
    "IoAllocateIrpSignalEventInCompletion" not "what comes of it is found as LAB/Stuck";
    "IoAllocateIrpSignalEventInCompletion2" not "what comes of it is found as LAB/Stuck";
    "IoAllocateIrpSignalEventInCompletion3" not "what comes of it is found as LAB/Stuck";
    "IoAllocateIrpSignalEventInCompletionTimeout" not "what comes of it is found as LAB/Stuck";
    "IoBuildDeviceControlNoFree" not "where an IRP of the driver's own came from is not followed";
    "IoBuildDeviceControlWait" not "where an IRP of the driver's own came from is not followed";
    "IoBuildDeviceControlWaitTimeout" not "what comes of it is found as LAB/Stuck";
    "IoBuildDeviceIoControlSetEvent" not "where an IRP of the driver's own came from is not followed";
    "IoBuildFsdComplete" not "where an IRP of the driver's own came from is not followed";
    "IoBuildFsdForward" not "where an IRP of the driver's own came from is not followed";
    "IoBuildFsdFree" not "where an IRP of the driver's own came from is not followed";
    "IoBuildFsdIrpSignalEventInCompletion" not "what comes of it is found as LAB/Stuck";
    "IoBuildFsdIrpSignalEventInCompletion2" not "what comes of it is found as LAB/Stuck";
    "IoBuildFsdIrpSignalEventInCompletion3" not "what comes of it is found as LAB/Stuck";
    "IoBuildFsdIrpSignalEventInCompletionTimeout" not "what comes of it is found as LAB/Stuck";
    "IoBuildSynchronousFsdRequestNoFree" not "where an IRP of the driver's own came from is not followed";
    "IoBuildSynchronousFsdRequestWait" not "where an IRP of the driver's own came from is not followed";
    "IoBuildSynchronousFsdRequestWaitTimeout" not "what comes of it is found as LAB/Stuck";
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
    "IrqlDispatch" not "no limit is set for these functions";
    "IrqlExAllocatePool";
    "IrqlExApcLte1";
    "IrqlExApcLte2" not "no limit is set for these functions";
    "IrqlExApcLte3";
    "IrqlExApcLteInline" not "inline functions are part of the driver, and call what has a limit of its own";
    "IrqlExFree1" not "no limit is set for these functions";
    "IrqlExFree2" not "no limit is set for these functions";
    "IrqlExFree3" not "no limit is set for these functions";
    "IrqlExPassive" not "no limit is set for these functions";
    "IrqlIoApcLte";
    "IrqlIoDispatch" not "no limit is set for these functions";
    "IrqlIoPassive1";
    "IrqlIoPassive2" not "no limit is set for these functions";
    "IrqlIoPassive3";
    "IrqlIoPassive4" not "no limit is set for these functions";
    "IrqlIoPassive5" not "no limit is set for these functions";
    "IrqlIoRtlZwPassive" not "no limit is set for these functions";
    "IrqlKeApcLte1" not "no limit is set for these functions";
    "IrqlKeApcLte2" not "no limit is set for these functions";
    "IrqlKeDispatchLte" not "no limit is set for these functions";
    "IrqlKeRaiseLower" by IRQL_RAISED_DOWNWARDS "raise-irql-downwards";
    "IrqlKeRaiseLower2" by RETURNED_AT_OTHER_IRQL "return-at-other-irql";
    "IrqlKeReleaseSpinLock" by SPIN_LOCK_RELEASED_BELOW_DISPATCH "release-spin-lock-at-passive";
    "IrqlKeSetEvent" not "no limit is set for these functions";
    "IrqlKeWaitForMultipleObjects" not "checked for every wait, and shown for one for a single object";
    "IrqlKeWaitForMutexObject" not "checked for every wait, and shown for one for an event";
    "IrqlMmApcLte" not "no limit is set for these functions";
    "IrqlMmDispatch" not "no limit is set for these functions";
    "IrqlNtifsApcPassive" not "file systems only";
    "IrqlObPassive" not "no limit is set for these functions";
    "IrqlPsPassive" not "no limit is set for these functions";
    "IrqlReturn";
    "IrqlRtlPassive" not "no limit is set for these functions";
    "IrqlZwPassive";

    in "locking":
    "CancelSpinLock" not "who holds the cancel spin lock is not followed";
    "CancelSpinlockRelease" not "who holds the cancel spin lock is not followed";
    "CriticalRegions" not "critical regions are not followed";
    "ExclusiveResourceAccess" not "critical regions are not followed";
    "GuardedRegions" not "guarded regions are not followed";
    "QueuedSpinLock" not "queued spin locks are not followed";
    "QueuedSpinLockRelease" not "queued spin locks are not followed";
    "SpinLock";
    "SpinLockDpc" not "checked for every function that acquires one, and shown for KeAcquireSpinLock";
    "SpinLockSafe";
    "SpinlockRelease" by SPIN_LOCK_HELD "spin-lock-held-at-return";
    "WithinCriticalRegion" not "critical regions are not followed";

    in "miscellaneous":
    "AddDevice" not "a device that is none cannot be attached: the driver fails at once";
    "DanglingDeviceObjectReference";
    "PnpSameDeviceObject" not "the stack that a device is attached to is not compared with that of AddDevice";
    "TargetRelationNeedsRef" not "bus drivers only";
    "UnSafeAllocatePool" not "the older functions of the pool are right where they are used right";
    "ZwRegistryCreate" not "handles are not followed";
    "ZwRegistryOpen" not "handles are not followed";

    in "use of functions":
    "DebugBreakUsage" not "breakpoints are not told";
    "DoubleFetch" not "needs to see each access to memory of user mode, of which requests to a disk have none";
    "NullCheck" by DRIVER_FAULT_AT_DISPATCH "null-at-dispatch";
    "ObsoleteDDIs" not "file systems only";
    "SafeStrings" not "a check of source text";

    in "warnings":
    "CheckDeviceObjectFlags" not "bus drivers only";
    "CompletionEventChecking" not "what a completion routine calls is not followed";
    "DeleteDevice" not "when a device is deleted is not compared with the request to remove it";
    "MultRemoveLock" by REMOVE_LOCK_INITIALISED_TWICE "initialise-remove-lock-twice";
    "PagedCode" not "PAGED_CODE is nothing in a free build; what it guards is found as 0xC4/0x20004 and its like";
    "PagedCodeAtPowerTrans" not "PAGED_CODE is nothing in a free build";
    "ReservedDDIs" not "a check of what the driver imports";
};
