//! Functions that drivers are told to call no more: a call is counted, and does what it always did.
//!
//! Correct drivers in the field call them, so this is never an error.

use super::Call;
use crate::rules::{self, Rule};

/// Functions, and the rule that is against them.
static DISCOURAGED: &[(&Rule, &[&str])] = &[
    (
        &rules::OLD_POOL_FUNCTION,
        &[
            "ExAllocatePool",
            "ExAllocatePoolWithQuotaTag",
            "ExAllocatePoolWithTag",
            "ExAllocatePoolWithTagPriority",
        ],
    ),
    (
        &rules::UNBOUNDED_STRING,
        &["sprintf", "strcat", "strcpy", "vsprintf", "wcscat", "wcscpy"],
    ),
];

/// The rule that is against a function, if there is one.
pub(super) fn rule_against(function: &str) -> Option<&'static Rule> {
    DISCOURAGED
        .iter()
        .find(|(_, functions)| functions.contains(&function))
        .map(|(rule, _)| *rule)
}

/// Counts a call of a function that a rule is against.
pub(super) fn count(function: &str, rule: &Rule, call: &Call) {
    let machine = call.machine;
    machine.warning(machine.current_irp().as_ref(), rule, &format!("{function} is called"));
}

#[cfg(test)]
mod tests {
    use super::{DISCOURAGED, rule_against};
    use crate::kernel::exports;

    #[test]
    fn each_function_that_is_discouraged_is_one_that_is_served() {
        let served = exports::names();
        for function in DISCOURAGED.iter().flat_map(|(_, functions)| *functions) {
            assert!(served.contains(function), "{function}");
        }
        assert!(rule_against("ExAllocatePool2").is_none());
        assert!(rule_against("ExAllocatePoolZero").is_none());
    }
}
