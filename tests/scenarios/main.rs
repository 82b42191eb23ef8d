//! The lab's scenarios: each is clean with good drivers, does what it is for, and finds the fault that it is for.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod coverage;
mod orders;
mod plants;
mod points;

use std::path::Path;

use lab::{Lab, SCENARIOS, report::Report};

/// The scenarios that are a run for each seed.
fn seeded() -> impl Iterator<Item = &'static str> {
    SCENARIOS
        .iter()
        .map(|scenario| scenario.name)
        .filter(|name| *name != "lowres")
}

fn run(driver: &Path, service: Option<&str>, scenario: &str, seeds: u64) -> Report {
    let lab = Lab::open(driver).unwrap_or_else(|error| panic!("{error}"));
    let lab = lab.scenario(scenario).seeds(1..=seeds);
    let lab = match service {
        Some(service) => lab.service(service),
        None => lab,
    };
    lab.run().unwrap_or_else(|error| panic!("{error}"))
}

fn assert_clean(driver: &Path) {
    for scenario in seeded() {
        let report = run(driver, None, scenario, 50);
        report.assert_clean();
        assert!(report.warnings.is_empty(), "{report}");
    }
}

#[test]
#[ignore = "needs the driver that cargo xtask build makes"]
fn the_filter_is_clean_in_every_scenario() {
    assert_clean(&irpscope_tests::driver_path());
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn the_offender_that_does_nothing_wrong_is_clean_in_every_scenario() {
    assert_clean(&irpscope_tests::offender_path());
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn the_holder_is_clean_in_every_scenario() {
    assert_clean(&irpscope_tests::holder_path());
}

#[test]
fn a_scenario_that_there_is_not_is_refused_with_the_names_of_all() {
    let driver = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let lab = Lab::open(driver).unwrap_or_else(|error| panic!("{error}"));
    let message = lab.scenario("nonesuch").run().map(drop).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    for scenario in &SCENARIOS {
        assert!(message.contains(scenario.name), "{message}");
    }
}
