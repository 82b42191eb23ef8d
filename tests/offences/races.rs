//! Races between two instructions: found where the driver is preempted between any two, and not where it is only in its
//! calls of the kernel.

use std::collections::BTreeSet;

use lab::{Lab, Verifier, report::Report};
use libtest_mimic::{Failed, Trial};

use crate::offender;

/// A race, and what comes of it.
struct Race {
    name: &'static str,
    rules: &'static [&'static str],
}

const RACES: &[Race] = &[
    Race {
        name: "race-lost-count",
        rules: &["0xC4/0x62"],
    },
    Race {
        name: "race-use-after-check",
        rules: &["0xD5"],
    },
    Race {
        name: "race-queue-before-mark",
        rules: &["0xC9/0x23D", "0xD5"],
    },
    Race {
        name: "race-ready-too-early",
        rules: &["0xC9/0x244"],
    },
];

/// How many seeds find each race.
const SEEDS: u64 = 40;
/// How many do not without stepping.
const SEEDS_WITHOUT: u64 = 100;
/// How many the twin is clean with.
const SEEDS_OF_TWIN: u64 = 12;

fn run(service: &str, stepping: bool, seeds: u64) -> Result<Report, Failed> {
    let lab = Lab::open(offender())?
        .service(service)
        .scenario("read")
        .seeds(1..=seeds)
        .verifier(Verifier {
            stepping: Some(stepping),
            ..Verifier::default()
        });
    Ok(lab.run()?)
}

fn is_found(race: &Race) -> Result<(), Failed> {
    let report = run(&format!("offender-{}", race.name), true, SEEDS)?;
    let found: BTreeSet<&str> = report.violations.iter().map(|found| found.rule.as_str()).collect();
    if !found.is_empty() && found.iter().all(|rule| race.rules.contains(rule)) {
        Ok(())
    } else {
        Err(format!("expected {:?}, found {found:?}: {report}", race.rules).into())
    }
}

fn is_clean(service: &str, stepping: bool, seeds: u64) -> Result<(), Failed> {
    let report = run(service, stepping, seeds)?;
    if report.violations.is_empty() && report.error.is_none() && report.warnings.is_empty() {
        Ok(())
    } else {
        Err(report.to_string().into())
    }
}

/// The tests.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    RACES.iter().flat_map(|race| {
        let name = race.name;
        [
            Trial::test(format!("{name}_is_found_by_stepping"), || is_found(race)),
            Trial::test(format!("{name}_is_not_found_without_stepping"), move || {
                is_clean(&format!("offender-{name}"), false, SEEDS_WITHOUT)
            }),
            Trial::test(format!("{name}_corrected_is_clean_with_stepping"), move || {
                is_clean(&format!("offender-{name}-clean"), true, SEEDS_OF_TWIN)
            }),
        ]
    })
}
