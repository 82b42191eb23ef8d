//! What a report on locks has to show, and what it must not take for the same lock.

use lab::{Lab, Verifier};
use libtest_mimic::{Failed, Trial};

use crate::{offender, run};

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_violated_lock_order_shows_where_each_lock_was_acquired_both_times",
            shows_both_orders,
        ),
        Trial::test("locks_in_a_new_block_at_an_old_address_are_new_locks", new_locks),
    ]
}

fn shows_both_orders() -> Result<(), Failed> {
    let report = run("offender-acquire-in-other-order", 1)?;
    let stack = &report.violations.first().ok_or("nothing was found")?.stack;
    let place = |line: &&String| line.trim_start().starts_with("offender!") && line.contains("(deadlocks.rs:");
    let [now, before] = [
        "the locks, as they are acquired here:",
        "and as they were acquired before:",
    ]
    .map(|heading| stack.iter().position(|line| line == heading));
    let (Some(now), Some(before)) = (now, before) else {
        return Err(report.to_string().into());
    };
    let places = [&stack[now..before], &stack[before..]].map(|part| part.iter().filter(place).collect::<Vec<_>>());
    let mut different = places.concat();
    different.sort_unstable();
    different.dedup();
    if places.iter().all(|part| part.len() == 2) && different.len() == 4 {
        Ok(())
    } else {
        Err(report.to_string().into())
    }
}

/// The twin acquires the locks of a second block in the other order. Plain pool gives it the address of the first.
fn new_locks() -> Result<(), Failed> {
    let verifier = Verifier {
        special_pool: false,
        ..Verifier::default()
    };
    let lab = Lab::open(offender())?.service("offender-acquire-in-other-order-clean");
    let report = lab.scenario("mixed").verifier(verifier).seeds(1..=12).run()?;
    if report.violations.is_empty() && report.error.is_none() && report.warnings.is_empty() {
        Ok(())
    } else {
        Err(report.to_string().into())
    }
}
