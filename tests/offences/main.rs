//! Each rule of the lab is broken by `offender.sys`, and found with exactly its id; the same driver without the offence
//! passes.
//!
//! The cases are the lab's own table of rules, so a rule that nobody can break fails here, and its tables of what
//! Microsoft documents, so nothing is said to be applied that is not shown.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod deadlocks;
mod determinism;
mod misbehaviours;
mod paging;
mod races;

use std::{collections::BTreeSet, path::PathBuf};

use lab::{
    Lab,
    report::{Report, Verdict},
    rules::{self, Proof, Severity},
};
use libtest_mimic::{Arguments, Failed, Trial};

/// Offences that no twin belongs to: what is wrong with them is all that they do.
const WITHOUT_TWIN: [&str; 5] = [
    "null-entry",
    "overrun-stack-entry",
    "loop-read",
    "bug-check-read",
    "overwrite-lab-entry",
];

/// How many seeds each offence and each twin is run with.
const SEEDS: u64 = 12;

/// The built offender.
fn offender() -> PathBuf {
    std::env::var_os("OFFENDER_SYS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/drivers/offender.sys"),
        PathBuf::from,
    )
}

/// Runs the offender, told to do what its service is called after.
fn run(service: &str, seeds: u64) -> Result<Report, Failed> {
    let lab = Lab::open(offender())?
        .service(service)
        .scenario("mixed")
        .seeds(1..=seeds);
    Ok(lab.run()?)
}

/// Every violation and every warning has the rule's id, and there is one.
fn is_caught(Proof { rule, offence }: Proof) -> Result<(), Failed> {
    // What hangs is found by waiting, and once is enough.
    let seeds = if offence.starts_with("loop") { 1 } else { SEEDS };
    let report = run(&format!("offender-{offence}"), seeds)?;
    let violations = report.violations.iter().map(|violation| violation.rule.as_str());
    let warnings = report.warnings.iter().map(|warning| warning.rule.as_str());
    let (expected_verdict, found): (_, BTreeSet<&str>) = match rule.severity {
        Severity::Fatal => (Verdict::Violation, violations.chain(warnings).collect()),
        Severity::Warning => (Verdict::Clean, warnings.chain(violations).collect()),
    };
    if report.verdict == expected_verdict && found == BTreeSet::from([rule.id]) {
        Ok(())
    } else {
        Err(format!("expected {} and nothing else, found {found:?}: {report}", rule.id).into())
    }
}

/// Nothing at all is found.
fn is_clean(service: &str, seeds: u64) -> Result<(), Failed> {
    let report = run(service, seeds)?;
    if report.verdict == Verdict::Clean && report.warnings.is_empty() {
        Ok(())
    } else {
        Err(report.to_string().into())
    }
}

/// A violation that is about an IRP shows what happened to it, and one that a call made shows who called.
fn says_what_happened() -> Result<(), Failed> {
    let report = run("offender-complete-twice", 1)?;
    let violation = report.violations.first().ok_or("nothing was found")?;
    let history = violation.irp_history.join("\n");
    let stack = violation.stack.join("\n");
    for (text, part) in [
        (&history, "allocated"),
        (&history, "sent to device"),
        (&history, "completed by device"),
        (&history, "back at its sender"),
        (&stack, "nt!IofCompleteRequest"),
        (&stack, "offender!offender::offences::completing::twice"),
        (&stack, "dispatch routine for IRP_MJ_READ"),
    ] {
        if !text.contains(part) {
            return Err(format!("{part:?} is not in\n{text}").into());
        }
    }
    Ok(())
}

fn no_two_rules_share_an_id_or_an_offence() -> Result<(), Failed> {
    let ids: BTreeSet<&str> = rules::all().iter().map(|rule| rule.id).collect();
    let offences: BTreeSet<&str> = rules::all().iter().map(|rule| rule.proven_by).collect();
    if ids.len() == rules::all().len() && offences.len() == rules::all().len() {
        Ok(())
    } else {
        Err("the table has an id or an offence twice".into())
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test(
        "no_two_rules_share_an_id_or_an_offence",
        no_two_rules_share_an_id_or_an_offence,
    )];
    let mut driven = vec![
        Trial::test("the_offender_that_does_nothing_wrong_is_clean", || {
            is_clean("offender", 100)
        }),
        Trial::test(
            "a_violation_shows_the_irps_history_and_the_call_stack",
            says_what_happened,
        ),
    ];
    for proof in rules::proofs() {
        let name = proof.offence;
        driven.push(Trial::test(
            format!("{name}_is_caught_as_{}", proof.rule.id),
            move || is_caught(proof),
        ));
        if !WITHOUT_TWIN.contains(&name) {
            driven.push(Trial::test(format!("{name}_corrected_is_clean"), move || {
                is_clean(&format!("offender-{name}-clean"), SEEDS)
            }));
        }
    }
    driven.extend(misbehaviours::trials());
    driven.extend(deadlocks::trials());
    driven.extend(races::trials());
    driven.extend(paging::trials());
    driven.extend(determinism::trials());
    // As the `#[ignore]` of the other tests: they need the built drivers, which `cargo xtask test` makes.
    trials.extend(driven.into_iter().map(|trial| trial.with_ignored_flag(true)));
    libtest_mimic::run(&arguments, trials).exit();
}
