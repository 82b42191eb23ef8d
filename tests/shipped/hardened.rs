//! What hardening does for who uses the device, above the lab's disks: no transfer is too long for the disk, what fails for a
//! while recovers, an idle device is probed; and what it costs.

use std::{collections::BTreeMap, time::Duration};

use lab::{
    costs,
    report::{Report, RunReport},
};

use crate::driver;

const PARTS: &str = "parts that the disk got";
const PARTS_AT_ONCE: &str = "parts of a request at the disk, at most";
const RESENDS: &str = "resends that the disk got";
const PROBES: &str = "probes that the disk got";
const TOO_LONG: &str = "transfers that were too long for the disk";

const SEEDS: u64 = 40;

fn count(counters: &BTreeMap<String, u64>, name: &str) -> u64 {
    counters.get(name).copied().unwrap_or_default()
}

/// Makes the runs of a scenario, with these values in the place of those that it would have.
#[track_caller]
fn runs(scenario: &str, parameters: &[(&str, u32)]) -> (Report, Vec<RunReport>) {
    let mut lab = driver().scenario(scenario).seeds(1..=SEEDS);
    for (name, value) in parameters {
        lab = lab.parameter(name, *value);
    }
    let runs = lab.run_each().unwrap_or_else(|error| panic!("{error}"));
    let report = lab.summary(runs.clone());
    report.assert_clean();
    (report, runs)
}

/// Whether the driver could read its parameters in a run: where the registry fails it goes by its defaults.
fn has_parameters(run: &RunReport) -> bool {
    !run.counters.keys().any(|name| name.starts_with("injected Zw"))
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_that_is_too_long_reaches_the_disk_and_paging_io_never_fails_for_want_of_memory() {
    let (report, runs) = runs("split", &[]);
    assert!(count(&report.counters, PARTS) > 1000, "{report}");
    for run in runs.iter().filter(|run| has_parameters(run)) {
        assert_eq!(count(&run.counters, TOO_LONG), 0, "seed {}", run.seed);
        let failed = count(&run.counters, "paging I/O failed for want of memory");
        assert_eq!(failed, 0, "seed {}", run.seed);
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn as_many_parts_are_below_as_the_window_says_and_no_more() {
    for window in [1, 4, 32] {
        let (report, _) = runs("split", &[("SplitWindow", window)]);
        assert_eq!(count(&report.counters, PARTS_AT_ONCE), u64::from(window), "{report}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_fails_for_a_while_recovers() {
    let failed = |report: &Report| -> u64 {
        ["IO_TIMEOUT", "DEVICE_BUSY", "DEVICE_NOT_READY", "IO_DEVICE_ERROR"]
            .iter()
            .map(|status| count(&report.counters, &format!("ended with STATUS_{status}")))
            .sum()
    };
    let (without, _) = runs("retry", &[("RetryAttempts", 0)]);
    let (with, _) = runs("retry", &[]);
    assert_eq!(count(&without.counters, RESENDS), 0);
    assert!(count(&with.counters, RESENDS) > 1000, "{with}");
    // Some patterns outlast every attempt.
    assert!(
        failed(&with) * 5 < failed(&without),
        "{} with, {} without",
        failed(&with),
        failed(&without)
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_idle_device_is_probed_where_it_is_asked_for_and_nowhere_else() {
    let (without, _) = runs("probe", &[("ProbePeriodMs", 0)]);
    assert_eq!(count(&without.counters, PROBES), 0);
    let (with, _) = runs("probe", &[]);
    assert!(count(&with.counters, PROBES) > 500, "{with}");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn eight_parts_at_once_are_at_least_six_times_as_fast_as_one() {
    let path = irpscope_tests::driver_path();
    let [serial, parallel] =
        [1, 8].map(|window| costs::of_a_divided_read(&path, window).unwrap_or_else(|error| panic!("{error}")));
    assert!(serial >= costs::LATENCY * (costs::TRANSFER_BYTES / costs::PART_BYTES));
    assert!(serial >= parallel * 6, "{serial:?} and {parallel:?}");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_recovered_request_costs_its_attempts_and_its_back_off_and_nothing_more() {
    let path = irpscope_tests::driver_path();
    for (failures, backoff_ms) in [(1, 0), (1, 10), (2, 10), (4, 1)] {
        let took = costs::of_a_recovered_read(&path, failures, backoff_ms).unwrap_or_else(|error| panic!("{error}"));
        // It doubles with each attempt.
        let waits = Duration::from_millis(u64::from(backoff_ms) * ((1 << failures) - 1));
        let expected = costs::LATENCY * (failures + 1) + waits;
        // What is left is some calls of the kernel for each attempt, each of which takes a tenth of a microsecond.
        let more = Duration::from_micros(20) * (failures + 1);
        assert!(
            took >= expected && took <= expected + more,
            "{failures} failures: {took:?}, and {expected:?} expected"
        );
    }
}
