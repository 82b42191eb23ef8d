//! Ways to touch pageable memory at DISPATCH_LEVEL beside the one that the table of rules names: each is the same rule.

use libtest_mimic::Trial;

use crate::{SEEDS, is_clean, run};

const RULE: &str = "0xD1";

const OFFENCES: [&str; 3] = [
    "read-paged-pool-at-dispatch",
    "call-paged-code-at-dispatch",
    "page-all-at-dispatch",
];

/// The tests.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    OFFENCES.into_iter().flat_map(|name| {
        [
            Trial::test(format!("{name}_is_caught_as_{RULE}"), move || {
                let report = run(&format!("offender-{name}"), SEEDS)?;
                let found = report.violations.iter().filter(|found| found.rule == RULE).count() as u64;
                if found == SEEDS && report.warnings.is_empty() {
                    Ok(())
                } else {
                    Err(report.to_string().into())
                }
            }),
            Trial::test(format!("{name}_corrected_is_clean"), move || {
                is_clean(&format!("offender-{name}-clean"), SEEDS)
            }),
        ]
    })
}
