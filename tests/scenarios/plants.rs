//! Faults that each scenario is there to find.

use std::collections::BTreeSet;

use super::run;

fn assert_caught(scenario: &str, offence: &str, rule: &str) {
    let report = run(
        &irpscope_tests::offender_path(),
        Some(&format!("offender-{offence}")),
        scenario,
        20,
    );
    let found: BTreeSet<&str> = report.violations.iter().map(|found| found.rule.as_str()).collect();
    assert_eq!(found, BTreeSet::from([rule]), "{report}");
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn lifecycle_finds_what_is_wrong_with_notices_and_surprises() {
    assert_caught("lifecycle", "fail-cancel-remove", "0xC4/0x43006");
    assert_caught("lifecycle", "remove-by-surprise", "0xC9/0x241");
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn lifecycle_finds_what_a_second_device_breaks_of_the_first() {
    assert_caught("lifecycle", "initialise-remove-lock-twice", "0xC4/0xD7");
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn paging_finds_a_filter_that_stays_what_it_was_for_the_paging_file() {
    assert_caught("paging", "lose-power-pagable", "LAB/PowerPagable");
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn power_finds_a_filter_that_will_not_sleep_and_one_that_will_not_wake() {
    assert_caught("power", "fail-power-down", "SDV/PowerDownFail");
    assert_caught("power", "fail-power-up", "SDV/PowerUpFail");
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn cancel_finds_a_request_that_nobody_can_cancel() {
    assert_caught("cancel", "park-for-ever", "LAB/IrpLost");
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn media_finds_a_failure_made_a_success_and_data_that_changed() {
    assert_caught("media", "succeed-what-failed-below", "SDV/CompleteRequestStatusCheck");
    assert_caught("media", "change-data", "LAB/DataChanged");
}
