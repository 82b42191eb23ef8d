//! The IRQLs that functions may be called at: one table, which each call of the driver is looked up in.
//!
//! Not here: functions whose limit depends on what they are asked for or on what came before, as a wait's does on its
//! timeout. Those are checked where they are served.

use super::{
    Call,
    memory::{PAGED_POOL, POOL_FLAG_PAGED},
};
use crate::{
    kernel::{
        Machine,
        scheduler::{APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL},
    },
    rules::{self, Rule},
};

/// The IRQLs that a function may be called at.
#[derive(Debug, Clone, Copy)]
enum Levels {
    /// This one and those below.
    UpTo(u8),
    /// This one and those above.
    From(u8),
    /// This one.
    Only(u8),
    /// Up to APC_LEVEL where its first argument has one of these bits, which ask for paged pool, and else up to
    /// DISPATCH_LEVEL.
    OfPool(usize),
    /// Up to APC_LEVEL where its third argument says that a wait follows at once, and else up to DISPATCH_LEVEL.
    OfWait,
}

/// What holds for functions, and the rule that says so.
pub(super) struct Limit {
    levels: Levels,
    rule: &'static Rule,
    functions: &'static [&'static str],
}

static LIMITS: &[Limit] = &[
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::ZW_ABOVE_PASSIVE,
        functions: &[
            "ZwClose",
            "ZwCreateKey",
            "ZwDeleteKey",
            "ZwEnumerateKey",
            "ZwEnumerateValueKey",
            "ZwFlushKey",
            "ZwOpenKey",
            "ZwQueryValueKey",
            "ZwSetValueKey",
        ],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::IO_RTL_ZW_ABOVE_PASSIVE,
        functions: &[
            "IoOpenDeviceRegistryKey",
            "RtlCreateRegistryKey",
            "RtlWriteRegistryValue",
            "ZwDeleteValueKey",
        ],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::RTL_ABOVE_PASSIVE,
        functions: &[
            "RtlCheckRegistryKey",
            "RtlDeleteRegistryValue",
            "RtlQueryRegistryValues",
        ],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::LINK_ABOVE_PASSIVE,
        functions: &[
            "IoCreateSymbolicLink",
            "IoCreateUnprotectedSymbolicLink",
            "IoDeleteSymbolicLink",
        ],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::IO_ABOVE_PASSIVE,
        functions: &[
            "IoGetDeviceObjectPointer",
            "IoInitializeTimer",
            "IoIsWdmVersionAvailable",
            "IoRegisterShutdownNotification",
            "IoUnregisterShutdownNotification",
            "IoWMIRegistrationControl",
        ],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::OBJECT_ABOVE_PASSIVE,
        functions: &["ObReferenceObjectByHandle"],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::PROCESS_ABOVE_PASSIVE,
        functions: &["PsCreateSystemThread", "PsGetVersion", "PsTerminateSystemThread"],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::CREATE_ABOVE_PASSIVE,
        functions: &["IoCreateDevice", "IoSetDeviceInterfaceState"],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::CREATE_ABOVE_PASSIVE,
        functions: &["IoBuildDeviceIoControlRequest"],
    },
    Limit {
        levels: Levels::UpTo(PASSIVE_LEVEL),
        rule: &rules::DETACH_ABOVE_PASSIVE,
        functions: &["IoDetachDevice", "IoRegisterDeviceInterface"],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::DELETE_ABOVE_APC,
        functions: &["IoDeleteDevice"],
    },
    Limit {
        levels: Levels::OfPool(POOL_FLAG_PAGED),
        rule: &rules::POOL_AT_BAD_IRQL,
        functions: &["ExAllocatePool2", "ExAllocatePool3"],
    },
    Limit {
        levels: Levels::OfPool(PAGED_POOL),
        rule: &rules::POOL_AT_BAD_IRQL,
        functions: &[
            "ExAllocatePool",
            "ExAllocatePoolWithQuotaTag",
            "ExAllocatePoolWithTag",
            "ExAllocatePoolWithTagPriority",
            "ExAllocatePoolZero",
        ],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::RESOURCE_ABOVE_APC,
        functions: &[
            "ExAcquireResourceExclusiveLite",
            "ExAcquireResourceSharedLite",
            "ExAcquireSharedStarveExclusive",
            "ExAcquireSharedWaitForExclusive",
            "ExConvertExclusiveToSharedLite",
            "ExDeleteResourceLite",
            // These acquire one as well.
            "ExEnterCriticalRegionAndAcquireResourceExclusive",
            "ExEnterCriticalRegionAndAcquireResourceShared",
        ],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::FAST_MUTEX_ABOVE_APC,
        functions: &["ExAcquireFastMutex", "ExTryToAcquireFastMutex"],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::EXECUTIVE_ABOVE_APC,
        functions: &[
            "ExDeletePagedLookasideList",
            "ExInitializePagedLookasideList",
            "ExSetTimerResolution",
            "ProbeForRead",
            "ProbeForWrite",
        ],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::KERNEL_ABOVE_APC,
        functions: &[
            "KeAcquireGuardedMutex",
            "KeAcquireGuardedMutexUnsafe",
            "KeDelayExecutionThread",
            "KeReleaseGuardedMutex",
            "KeReleaseGuardedMutexUnsafe",
            "KeTryToAcquireGuardedMutex",
        ],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::GUARDED_REGION_ABOVE_APC,
        functions: &["KeEnterGuardedRegion", "KeLeaveGuardedRegion"],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::CRITICAL_REGION_ENTERED_ABOVE_APC,
        functions: &["KeEnterCriticalRegion"],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::CRITICAL_REGION_LEFT_ABOVE_APC,
        functions: &["KeLeaveCriticalRegion"],
    },
    Limit {
        levels: Levels::UpTo(APC_LEVEL),
        rule: &rules::MEMORY_ABOVE_APC,
        functions: &[
            "MmAllocateNonCachedMemory",
            "MmFreeNonCachedMemory",
            "MmLockPagableDataSection",
            "MmPageEntireDriver",
            "MmResetDriverPaging",
            "MmUnlockPagableImageSection",
        ],
    },
    Limit {
        levels: Levels::UpTo(DISPATCH_LEVEL),
        rule: &rules::CONTIGUOUS_MEMORY_ABOVE_DISPATCH,
        functions: &["MmFreeContiguousMemory"],
    },
    Limit {
        levels: Levels::UpTo(DISPATCH_LEVEL),
        rule: &rules::IO_ABOVE_DISPATCH,
        functions: &["IoGetDeviceToVerify", "IoSetDeviceToVerify"],
    },
    Limit {
        levels: Levels::UpTo(DISPATCH_LEVEL),
        rule: &rules::KERNEL_ABOVE_DISPATCH,
        functions: &[
            "KeCancelTimer",
            "KeClearEvent",
            "KeInitializeDeviceQueue",
            "KeInitializeTimer",
            "KeInitializeTimerEx",
            "KeReleaseMutex",
            "KeRemoveEntryDeviceQueue",
            "KeResetEvent",
            "KeSaveFloatingPointState",
            "KeSetTimer",
            "KeSetTimerEx",
        ],
    },
    Limit {
        levels: Levels::OfWait,
        rule: &rules::EVENT_SET_AT_BAD_IRQL,
        functions: &["KeSetEvent"],
    },
    Limit {
        levels: Levels::UpTo(DISPATCH_LEVEL),
        rule: &rules::SPIN_LOCK_ACQUIRED_ABOVE_DISPATCH,
        functions: &[
            "KeAcquireInStackQueuedSpinLock",
            "KeAcquireSpinLockRaiseToDpc",
            "KfAcquireSpinLock",
        ],
    },
    Limit {
        levels: Levels::From(DISPATCH_LEVEL),
        rule: &rules::SPIN_LOCK_ACQUIRED_BELOW_DISPATCH,
        functions: &[
            "KeAcquireInStackQueuedSpinLockAtDpcLevel",
            "KeAcquireSpinLockAtDpcLevel",
            "KeTryToAcquireSpinLockAtDpcLevel",
        ],
    },
    Limit {
        levels: Levels::From(DISPATCH_LEVEL),
        rule: &rules::SPIN_LOCK_LET_GO_BELOW_DISPATCH,
        functions: &[
            "KeReleaseInStackQueuedSpinLockFromDpcLevel",
            "KeReleaseSpinLockFromDpcLevel",
        ],
    },
    Limit {
        levels: Levels::Only(DISPATCH_LEVEL),
        rule: &rules::NOT_AT_DISPATCH,
        functions: &[
            "IoStartNextPacket",
            "KeInsertByKeyDeviceQueue",
            "KeInsertDeviceQueue",
            "KeRemoveDeviceQueue",
        ],
    },
];

/// The limit of a function, if it has one.
pub(super) fn limit_of(function: &str) -> Option<&'static Limit> {
    LIMITS.iter().find(|limit| limit.functions.contains(&function))
}

impl Limit {
    /// Whether it is for PASSIVE_LEVEL alone.
    pub(super) fn is_for_passive_level(&self) -> bool {
        matches!(self.levels, Levels::UpTo(PASSIVE_LEVEL))
    }
}

impl Machine {
    /// The driver calls a function at an IRQL at which it may.
    pub(super) fn check_irql(&self, function: &str, limit: &Limit, call: &Call) {
        let (lowest, highest, of_what) = match limit.levels {
            Levels::UpTo(irql) => (PASSIVE_LEVEL, irql, ""),
            Levels::From(irql) => (irql, HIGH_LEVEL, ""),
            Levels::Only(irql) => (irql, irql, ""),
            Levels::OfPool(paged) if call.pointer(0) & paged != 0 => (PASSIVE_LEVEL, APC_LEVEL, " for paged pool"),
            Levels::OfWait if call.boolean(2) => (PASSIVE_LEVEL, APC_LEVEL, " before a wait"),
            Levels::OfPool(_) | Levels::OfWait => (PASSIVE_LEVEL, DISPATCH_LEVEL, ""),
        };
        let irql = self.irql();
        if irql > highest {
            self.violation(
                limit.rule,
                &format!("{function}{of_what} at IRQL {irql}, which may be called at {highest} at most"),
            );
        }
        if irql < lowest {
            self.violation(
                limit.rule,
                &format!("{function} at IRQL {irql}, which may be called at {lowest} at least"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LIMITS, limit_of};
    use crate::kernel::exports;

    #[test]
    fn each_function_of_the_table_is_one_that_is_served_and_has_one_limit() {
        let served: BTreeSet<&str> = exports::names().into_iter().collect();
        let mut seen = BTreeSet::new();
        for function in LIMITS.iter().flat_map(|limit| limit.functions) {
            assert!(served.contains(function), "{function} is not served");
            assert!(seen.insert(function), "{function} has two limits");
        }
    }

    #[test]
    fn a_function_that_any_irql_is_right_for_has_no_limit() {
        assert!(limit_of("KeGetCurrentIrql").is_none());
        assert!(limit_of("IoDeleteDevice").is_some());
    }
}
