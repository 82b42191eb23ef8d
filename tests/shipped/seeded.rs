//! The lab's scenarios with the filter's figures compared in each run: on machines of every size, stepped through between
//! instructions, and with every call that can fail failing.

use std::collections::BTreeMap;

use lab::{SCENARIOS, Verifier, report::RunReport};

use crate::{
    driver,
    figures::{self, Agreement},
};

/// The scenarios in which one device lives from the first request to the last, so that its figures are those of the run.
const OF_ONE_DEVICE: [&str; 9] = [
    "read", "mixed", "paging", "power", "cancel", "media", "split", "retry", "probe",
];

/// Makes the runs of a scenario, and compares the figures of each.
#[track_caller]
fn assert_counts(scenario: &str, seeds: u64, processors: usize, verifier: Verifier) -> Vec<RunReport> {
    let driver = driver();
    let lab = driver.scenario(scenario).seeds(1..=seeds).processors(processors);
    let lab = lab.verifier(verifier).collect(&figures::collect);
    let runs = lab.run_each().unwrap_or_else(|error| panic!("{error}"));
    let report = lab.summary(runs.clone());
    report.assert_clean();
    assert!(report.warnings.is_empty(), "{report}");
    if OF_ONE_DEVICE.contains(&scenario) {
        let counted = |run: &&RunReport| figures::assert_agree(run) != Agreement::NotCounted;
        assert!(runs.iter().filter(counted).count() > 0, "{scenario}");
    }
    runs
}

/// One is a machine on which nothing happens at once, 8 are more than have a share of the slots each, and 70 two processor
/// groups.
const PROCESSORS: [usize; 4] = [1, 2, 8, 70];

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_scenario_is_counted_right_on_machines_of_every_size() {
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name != "lowres") {
        for processors in PROCESSORS {
            let seeds = if processors > 8 { 4 } else { 16 };
            assert_counts(scenario.name, seeds, processors, Verifier::default());
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_processor_counts_for_itself() {
    for (processors, expected) in [(1, 1..=1), (8, 4..=8)] {
        let runs = assert_counts("read", 8, processors, Verifier::default());
        let counted = runs.iter().map(figures::processors).max().unwrap_or_default();
        assert!(expected.contains(&counted), "{counted} of {processors} counted");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_that_are_cancelled_and_devices_that_go_between_any_two_instructions_are_counted_right() {
    let stepped = Verifier {
        stepping: Some(true),
        ..Verifier::default()
    };
    for scenario in ["cancel", "lifecycle", "paging", "mixed", "split", "retry", "probe"] {
        assert_counts(scenario, 8, 2, stepped);
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_call_that_can_fail_does_in_every_scenario_and_nothing_is_lost() {
    let systematic = Verifier {
        systematic: true,
        stepping: Some(false),
        ..Verifier::default()
    };
    for scenario in &SCENARIOS {
        let runs = assert_counts(scenario.name, 1, 2, systematic);
        let mut sites = BTreeMap::<&str, u64>::new();
        for site in runs.iter().flat_map(|run| &run.sites) {
            *sites.entry(site.id.as_str()).or_default() += site.failed;
        }
        assert!(sites.len() > 5, "{}: {sites:?}", scenario.name);
        assert!(sites.values().all(|failed| *failed > 0), "{}: {sites:?}", scenario.name);
    }
}
