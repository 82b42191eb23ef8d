//! The highest IRQL that functions may be called at: one table, which each call of the driver is looked up in.
//!
//! Not here: functions whose limit depends on what they are asked for or on what came before, as a wait's does on its
//! timeout. Those are checked where they are served.

use super::Call;
use crate::{
    kernel::{
        Machine,
        scheduler::{APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL},
    },
    rules::{self, Rule},
};

/// POOL_FLAG_PAGED, of ExAllocatePool2 and ExAllocatePool3.
const POOL_FLAG_PAGED: usize = 0x100;

/// Set in each paged POOL_TYPE.
const PAGED_POOL: usize = 0x1;

/// The highest IRQL that a function may be called at.
#[derive(Debug, Clone, Copy)]
enum Highest {
    /// Always the same.
    Is(u8),
    /// APC_LEVEL where its first argument has one of these bits, which ask for paged pool, and else DISPATCH_LEVEL.
    OfPool(usize),
}

/// What holds for functions, and the rule that says so.
pub(super) struct Limit {
    highest: Highest,
    rule: &'static Rule,
    functions: &'static [&'static str],
}

static LIMITS: [Limit; 9] = [
    Limit {
        highest: Highest::Is(PASSIVE_LEVEL),
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
            // Documented under IrqlIoRtlZwPassive, which is not on unless it is asked for.
            "ZwDeleteValueKey",
        ],
    },
    Limit {
        highest: Highest::Is(PASSIVE_LEVEL),
        rule: &rules::CREATE_ABOVE_PASSIVE,
        functions: &["IoCreateDevice", "IoSetDeviceInterfaceState"],
    },
    Limit {
        highest: Highest::Is(APC_LEVEL),
        rule: &rules::CREATE_ABOVE_PASSIVE,
        functions: &["IoBuildDeviceIoControlRequest"],
    },
    Limit {
        highest: Highest::Is(PASSIVE_LEVEL),
        rule: &rules::DETACH_ABOVE_PASSIVE,
        functions: &["IoDetachDevice", "IoRegisterDeviceInterface"],
    },
    Limit {
        highest: Highest::Is(APC_LEVEL),
        rule: &rules::DELETE_ABOVE_APC,
        functions: &["IoDeleteDevice"],
    },
    Limit {
        highest: Highest::OfPool(POOL_FLAG_PAGED),
        rule: &rules::POOL_AT_BAD_IRQL,
        functions: &["ExAllocatePool2", "ExAllocatePool3"],
    },
    Limit {
        highest: Highest::OfPool(PAGED_POOL),
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
        highest: Highest::Is(APC_LEVEL),
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
        highest: Highest::Is(APC_LEVEL),
        rule: &rules::FAST_MUTEX_ABOVE_APC,
        functions: &["ExAcquireFastMutex", "ExTryToAcquireFastMutex"],
    },
];

/// The limit of a function, if it has one.
pub(super) fn limit_of(function: &str) -> Option<&'static Limit> {
    LIMITS.iter().find(|limit| limit.functions.contains(&function))
}

/// Whether a call of this function with this first argument asks for paged pool.
pub(super) fn is_for_paged_pool(function: &str, first: usize) -> bool {
    let highest = limit_of(function).map(|limit| limit.highest);
    matches!(highest, Some(Highest::OfPool(paged)) if first & paged != 0)
}

impl Limit {
    /// Whether it is for PASSIVE_LEVEL alone.
    pub(super) fn is_for_passive_level(&self) -> bool {
        matches!(self.highest, Highest::Is(PASSIVE_LEVEL))
    }
}

impl Machine {
    /// The driver calls a function at an IRQL at which it may.
    pub(super) fn check_irql(&self, function: &str, limit: &Limit, call: &Call) {
        let (highest, of_what) = match limit.highest {
            Highest::Is(irql) => (irql, ""),
            Highest::OfPool(paged) if call.pointer(0) & paged != 0 => (APC_LEVEL, " for paged pool"),
            Highest::OfPool(_) => (DISPATCH_LEVEL, ""),
        };
        if self.irql() > highest {
            self.violation(
                limit.rule,
                &format!(
                    "{function}{of_what} at IRQL {}, which may be called at {highest} at most",
                    self.irql()
                ),
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
