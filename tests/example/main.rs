//! The example driver of `docs/writing-a-filter.md` in the lab: delay.sys lets each READ and WRITE take longer.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod ending;
mod waiting;

use std::time::Duration;

use lab::{Lab, script::World};

/// How long the driver delays.
const DELAY: Duration = Duration::from_millis(2);

/// How late a timer of the kernel may be: the time between two clock interrupts.
const TICK: Duration = Duration::from_millis(1);

/// The driver in the lab.
fn driver() -> Lab<'static> {
    Lab::open(irpscope_tests::example_path()).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a script with the driver.
#[track_caller]
fn play(script: impl FnOnce(&World)) {
    if let Err(error) = driver().play(script) {
        panic!("{error}");
    }
}

/// As [`play`], with an answer.
#[track_caller]
fn is_so(script: impl FnOnce(&World) -> bool) -> bool {
    driver().play(script).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_example_keeps_the_rules() {
    let report = driver().scenario("mixed").seeds(1..=300).run();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    report.assert_clean();
    // Nor is it warned of anything.
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}
