//! Systematic low resources: each call that can fail does, in a run of its own. The shipped driver bears all of it, and a
//! driver that does not is found, with a command that shows it again.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::collections::BTreeSet;

use irpscope_tests::{driver_path, offender_path};
use lab::{
    FailSite, Lab, Verifier,
    report::{Report, RunReport, Site, Verdict, Violation},
};

/// A driver that was told to do what its service is called after.
fn offender(service: &str) -> Lab<'static> {
    Lab::open(offender_path()).unwrap().service(service).scenario("lowres")
}

fn sites(report: &Report) -> &[Site] {
    report.sites.as_deref().expect("the runs were systematic")
}

/// Every place was made to fail, and nothing came of it.
fn assert_complete(report: &Report) {
    report.assert_clean();
    assert!(sites(report).iter().all(|site| site.failed > 0), "{report}");
    assert!(report.to_string().contains("sites, all failed"), "{report}");
}

/// One for each run that broke a rule.
fn violations(runs: &[RunReport]) -> Vec<&Violation> {
    runs.iter().filter_map(|run| run.violation.as_ref()).collect()
}

#[test]
#[ignore = "needs the driver that cargo xtask build makes"]
fn the_shipped_driver_bears_the_failure_of_each_of_its_calls() {
    let sysres = Verifier {
        systematic: true,
        ..Verifier::default()
    };
    let open = || Lab::open(driver_path()).unwrap().seeds(1..=4);
    for (lab, majors) in [
        (open().scenario("read").verifier(sysres), &["READ"][..]),
        (open().scenario("lowres"), &["READ", "WRITE"]),
    ] {
        let report = lab.run().unwrap();
        assert_complete(&report);
        let reached: BTreeSet<(&str, &str)> = sites(&report)
            .iter()
            .map(|site| (site.call.as_str(), site.stack.last().map_or("", String::as_str)))
            .collect();
        for expected in [
            ("ExAllocatePool2", "-- AddDevice"),
            ("IoCreateDevice", "-- AddDevice"),
            ("IoAttachDeviceToDeviceStackSafe", "-- AddDevice"),
        ] {
            assert!(reached.contains(&expected), "{expected:?}: {report}");
        }
        for major in majors {
            let routine = format!("-- dispatch routine for IRP_MJ_{major}");
            let expected = ("IoSetCompletionRoutineEx", routine.as_str());
            assert!(reached.contains(&expected), "{expected:?}: {report}");
        }
    }
}

/// What the shipped driver calls to harden a device, in the scenario that has it do so, from which part of it.
const HARDENING: [(&str, &[(&str, &str)]); 3] = [
    (
        "split",
        &[
            ("IoAllocateIrp", "-- dispatch routine for IRP_MJ_READ"),
            ("IoAllocateMdl", "-- dispatch routine for IRP_MJ_WRITE"),
        ],
    ),
    (
        "retry",
        &[
            ("IoSetCompletionRoutineEx", "-- deferred routine"),
            ("IoSetCompletionRoutineEx", "-- work item routine"),
        ],
    ),
    ("probe", &[("IoBuildAsynchronousFsdRequest", "-- work item routine")]),
];

#[test]
#[ignore = "needs the driver that cargo xtask build makes"]
fn the_shipped_driver_bears_the_failure_of_each_call_that_hardening_takes() {
    let sysres = Verifier {
        systematic: true,
        stepping: Some(false),
        ..Verifier::default()
    };
    for (scenario, calls) in HARDENING {
        let lab = Lab::open(driver_path()).unwrap().scenario(scenario).seeds(1..=4);
        let report = lab.verifier(sysres).run().unwrap();
        assert_complete(&report);
        for (call, routine) in calls {
            let has =
                |site: &Site| site.call == *call && site.stack.last().is_some_and(|last| last.starts_with(routine));
            assert!(sites(&report).iter().any(has), "{call} {routine}: {report}");
        }
        let failed_for_paging = report.counters.get("paging I/O failed for want of memory");
        assert_eq!(failed_for_paging, None, "{scenario}");
    }
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn a_driver_that_does_nothing_wrong_bears_all_of_it() {
    assert_complete(&offender("offender").run().unwrap());
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn each_place_fails_always_in_one_run_and_in_another_the_first_time_only() {
    let runs = offender("offender").run_each().unwrap();
    let failed = |run: &RunReport, place: &FailSite| {
        let id = place.to_string();
        let id = id.split(':').next().unwrap_or_default();
        run.sites
            .iter()
            .find(|site| site.id == id)
            .map_or(0, |site| site.failed)
    };
    let mut often = 0;
    for run in &runs {
        for place in &run.fail_sites {
            let times = failed(run, place);
            if place.to_string().ends_with(":first") {
                assert_eq!(times, 1, "{place}");
            } else {
                assert!(times > 0, "{place}");
                often += u32::from(times > 1);
            }
        }
    }
    assert!(often >= 2, "READ and WRITE register a routine each time");
    let found: BTreeSet<&str> = runs
        .iter()
        .flat_map(|run| &run.sites)
        .map(|site| site.id.as_str())
        .collect();
    assert_eq!(runs.len(), 1 + 2 * found.len());
}

/// What is lost only where a certain call fails is found where each does, and by no run where none has to.
#[track_caller]
fn is_found_only_systematically(service: &str, failing: usize, says: &str) {
    let plain = offender(service).scenario("mixed").seeds(1..=24).run().unwrap();
    plain.assert_clean();

    let runs = offender(service).run_each().unwrap();
    let found = violations(&runs);
    assert!(!found.is_empty(), "nothing was found");
    for run in runs.iter().filter(|run| run.violation.is_some()) {
        assert_eq!(run.fail_sites.len(), failing, "{:?}", run.violation);
    }
    for violation in found {
        assert_eq!(violation.rule, "0xC4/0x62", "{violation}");
        assert!(violation.message.contains(says), "{violation}");
    }
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn what_leaks_only_where_the_second_allocation_fails_is_found() {
    is_found_only_systematically("offender-leak-when-short-start", 1, "unloaded and left 1 pool blocks");
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn what_a_failing_driver_entry_leaves_is_found() {
    is_found_only_systematically(
        "offender-leak-when-short-entry",
        1,
        "DriverEntry returned STATUS_INSUFFICIENT_RESOURCES and left 1 pool blocks",
    );
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn a_call_that_is_made_only_where_another_failed_fails_too() {
    is_found_only_systematically("offender-leak-in-fallback-start", 2, "unloaded and left 1 pool blocks");
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn a_run_is_repeated_by_the_command_that_its_report_has() {
    let runs = offender("offender-leak-in-fallback-start").run_each().unwrap();
    let run = runs.iter().find(|run| run.violation.is_some()).expect("one was found");
    let command = run.violation.as_ref().and_then(|violation| violation.replay.clone());
    let command = command.expect("it has a command");
    let words: Vec<&str> = command.split(' ').collect();
    let after = |option: &str| {
        let pairs = words.windows(2).filter(move |pair| pair[0] == option);
        pairs.map(|pair| pair[1]).collect::<Vec<_>>()
    };
    assert_eq!(after("--seed"), ["1"], "{command}");
    assert_eq!(after("--service"), ["offender-leak-in-fallback-start"]);
    let failing: Vec<FailSite> = after("--fail-site").iter().map(|site| site.parse().unwrap()).collect();
    assert_eq!(failing, run.fail_sites);

    let again = offender("offender-leak-in-fallback-start")
        .fail_sites(failing)
        .run_each()
        .unwrap();
    assert_eq!(again, std::slice::from_ref(run));
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn the_runs_and_their_order_are_the_same_however_many_are_made_at_once() {
    let runs = |jobs: usize| {
        let lab = offender("offender-leak-when-short-start").seeds(1..=3);
        lab.jobs(jobs).violations_max(3).run_each().unwrap()
    };
    let one = runs(1);
    assert_eq!(violations(&one).len(), 3);
    assert_eq!(one, runs(8));
}

#[test]
#[ignore = "needs the drivers of the tests, which cargo xtask build --test-drivers makes"]
fn a_place_that_did_not_come_to_fail_is_told() {
    // After the first violation no more runs are made, so some places had no run of their own.
    let lab = offender("offender-leak-when-short-entry").violations_max(1);
    let report = lab.run().unwrap();
    assert_eq!(report.verdict, Verdict::Violation);
    let spared = sites(&report).iter().filter(|site| site.failed == 0).count();
    assert!(spared > 0, "{report}");
    assert!(
        report.to_string().contains(&format!("{spared} of them never failed")),
        "{report}"
    );
}
