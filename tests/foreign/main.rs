//! Drivers that owe nothing to this project's: written in C and built with mingw-w64, as people do.
//!
//! Each `.c` file of this folder is a driver, and its first line says what the lab has to find: that it is clean, or the
//! one rule that it breaks, and in which scenario where it is not in `read` and `mixed` alike. A good driver that does not
//! bear what one scenario is for says in which. A bad driver that differs from a good one in one place includes it and
//! defines what it does there. Nothing here looks into a driver's own figures.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod compiler;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use lab::{
    Lab,
    report::{Report, Warning},
};

use crate::compiler::{Compiler, USUAL_FLAGS};

const SCENARIOS: [&str; 2] = ["read", "mixed"];

/// A driver of this folder.
struct Foreign {
    source: PathBuf,
    name: String,
    /// The rule that it breaks.
    rule: Option<String>,
    /// The scenario that it breaks it in, where not each does.
    scenario: Option<String>,
    /// The scenario that a good driver need not bear.
    except: Option<String>,
}

/// What the first line of a driver says.
#[derive(Default)]
struct Expected {
    rule: Option<String>,
    scenario: Option<String>,
    except: Option<String>,
}

fn sources() -> Vec<Foreign> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
    let mut found: Vec<Foreign> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .map(|source| {
            let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let Expected { rule, scenario, except } = expected(&source);
            Foreign {
                source,
                name,
                rule,
                scenario,
                except,
            }
        })
        .collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

/// What stands in the first line: `/* expect: RULE. A sentence. */`, where RULE may be `clean`, `clean except in SCENARIO`, or
/// `RULE in SCENARIO`.
fn expected(source: &Path) -> Expected {
    let text = fs::read_to_string(source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let rule = text
        .strip_prefix("/* expect: ")
        .and_then(|rest| rest.split_once(". "))
        .unwrap_or_else(|| panic!("{}: the first line does not say what to expect", source.display()))
        .0;
    if let Some(except) = rule.strip_prefix("clean except in ") {
        return Expected {
            except: Some(except.to_owned()),
            ..Expected::default()
        };
    }
    let (rule, scenario) = match rule.split_once(" in ") {
        Some((rule, scenario)) => (rule, Some(scenario.to_owned())),
        None => (rule, None),
    };
    Expected {
        rule: (rule != "clean").then(|| rule.to_owned()),
        scenario,
        except: None,
    }
}

fn run(image: &Path, scenario: &str) -> Report {
    run_seeds(image, scenario, 24)
}

fn run_seeds(image: &Path, scenario: &str, seeds: u64) -> Report {
    let lab = Lab::open(image).unwrap_or_else(|error| panic!("{error}"));
    let report = lab.scenario(scenario).seeds(1..=seeds).run();
    report.unwrap_or_else(|error| panic!("{error}"))
}

/// Whether a warning is about what good drivers do: functions that were right when they were written, and requests that
/// something else than the remove lock protects.
fn is_of_its_age(warning: &Warning) -> bool {
    ["SDV/UnSafeAllocatePool", "SDV/SafeStrings", "SDV/RemoveLockForward"].contains(&warning.rule.as_str())
}

/// Where a report differs from what was expected, or nothing.
fn difference(driver: &Foreign, report: &Report) -> Option<String> {
    let found: BTreeSet<&str> = report
        .violations
        .iter()
        .map(|violation| violation.rule.as_str())
        .collect();
    let expected: BTreeSet<&str> = driver.rule.iter().map(String::as_str).collect();
    let as_expected = found == expected && report.error.is_none() && report.warnings.iter().all(is_of_its_age);
    (!as_expected).then(|| format!("{}, expected {:?}:\n{report}", driver.name, driver.rule))
}

#[test]
#[ignore = "needs mingw-w64's compiler; cargo xtask test runs it"]
fn each_driver_is_clean_or_is_caught_for_its_own_offence_and_no_other() {
    let compiler = Compiler::find();
    let drivers = sources();
    assert!(drivers.iter().filter(|driver| driver.rule.is_none()).count() >= 10);
    let images = compiler.build_all(
        drivers
            .iter()
            .map(|driver| (driver.source.as_path(), driver.name.as_str())),
    );
    let differences: Vec<String> = drivers
        .iter()
        .zip(&images)
        .flat_map(|(driver, image)| {
            let scenarios = match &driver.scenario {
                Some(scenario) => vec![scenario.as_str()],
                None => SCENARIOS.to_vec(),
            };
            scenarios
                .into_iter()
                .filter_map(move |scenario| difference(driver, &run(image, scenario)))
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A driver that stops the machine itself where a call fails that it checks the lab with.
const CHECKS_THE_LAB: &str = "parameters";

#[test]
#[ignore = "needs mingw-w64's compiler; cargo xtask test runs it"]
fn a_driver_that_is_clean_bears_the_failure_of_each_of_its_calls() {
    let compiler = Compiler::find();
    let drivers = sources()
        .into_iter()
        .filter(|driver| driver.rule.is_none() && driver.name != CHECKS_THE_LAB);
    for driver in drivers {
        let image = compiler.build(&driver.source, &format!("{}_short", driver.name), USUAL_FLAGS);
        let lab = Lab::open(&image).unwrap_or_else(|error| panic!("{error}"));
        let report = lab.scenario("lowres").run().unwrap_or_else(|error| panic!("{error}"));
        let sites = report.sites.as_deref().unwrap_or_default();
        let is_complete = !sites.is_empty() && sites.iter().all(|site| site.failed > 0);
        assert!(
            is_complete && difference(&driver, &report).is_none(),
            "{}: {report}",
            driver.name
        );
    }
}

#[test]
#[ignore = "needs mingw-w64's compiler; cargo xtask test runs it"]
fn each_good_driver_is_clean_in_every_other_scenario_too() {
    let compiler = Compiler::find();
    let drivers: Vec<Foreign> = sources().into_iter().filter(|driver| driver.rule.is_none()).collect();
    let names: Vec<String> = drivers.iter().map(|driver| format!("{}_good", driver.name)).collect();
    let images = compiler.build_all(
        drivers
            .iter()
            .zip(&names)
            .map(|(driver, name)| (driver.source.as_path(), name.as_str())),
    );
    let scenarios = lab::SCENARIOS.iter().map(|scenario| scenario.name);
    let others: Vec<&str> = scenarios
        .filter(|name| !SCENARIOS.contains(name) && *name != "lowres")
        .collect();
    let differences: Vec<String> = drivers
        .iter()
        .zip(&images)
        .flat_map(|(driver, image)| {
            let borne = others.iter().filter(|name| driver.except.as_deref() != Some(**name));
            borne.filter_map(move |scenario| difference(driver, &run_seeds(image, scenario, 8)))
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
#[ignore = "needs mingw-w64's compiler; cargo xtask test runs it"]
fn a_driver_runs_however_it_was_linked() {
    let compiler = Compiler::find();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign/passthrough.c");
    let ways: [(&str, &[&str]); 5] = [
        ("no_dynamic_base", &["-shared"]),
        (
            "own_base",
            &[
                "-shared",
                "-Wl,--exclude-all-symbols",
                "-Wl,--file-alignment=0x200",
                "-Wl,--section-alignment=0x1000",
                "-Wl,--image-base=0x140000000",
            ],
        ),
        ("program", &["-Wl,--dynamicbase"]),
        ("stripped", &["-shared", "-s", "-Wl,--dynamicbase"]),
        ("with_debug_information", &["-shared", "-g", "-O2"]),
    ];
    for (name, flags) in ways {
        let image = compiler.build(&source, name, flags);
        run(&image, "read").assert_clean();
    }
}

#[test]
#[ignore = "needs mingw-w64's compiler; cargo xtask test runs it"]
fn a_run_of_a_driver_from_elsewhere_is_the_same_again() {
    let compiler = Compiler::find();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
    // Threads, work items and the emulated instructions are what could differ.
    for name in ["csq_thread", "thread_locks", "work_items", "inlined", "time_stamp"] {
        let source = folder.join(format!("{name}.c"));
        let image = compiler.build(&source, &format!("{name}_again"), USUAL_FLAGS);
        let [first, second] = [(); 2].map(|()| run(&image, "mixed").log_hash);
        assert_eq!(first, second, "{name}");
    }
}
