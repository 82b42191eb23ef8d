//! The lab's command line: exit codes, one clear line for each mistake, and the JSON that others rely on.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "../loader/specimen.rs"]
#[allow(dead_code, reason = "the loader's tests spoil more of it")]
mod specimen;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use specimen::{field, put16, section, specimen};

fn lab<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(arguments)
        .output()
        .expect("the lab was built with its tests")
}

/// A file with these contents, in a folder of the test's own.
fn file(test: &str, contents: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written to");
    let path = folder.join("driver.sys");
    std::fs::write(&path, contents).expect("the folder can be written to");
    path
}

/// The command failed with code 2 and exactly one line, on standard error; returns the line.
fn one_line_and_2(output: &Output) -> String {
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(output.stdout.is_empty());
    line
}

#[test]
fn a_command_line_that_makes_no_sense_is_one_line_that_says_what_would() {
    let driver = file("no_sense", &specimen());
    let driver = driver.to_str().expect("the path is ASCII");
    for (arguments, says) in [
        (vec!["fly"], "unrecognized subcommand"),
        (vec![], "no command is given"),
        (vec!["run"], "DRIVER"),
        (vec!["run", driver, "--scenario", "tea"], "there are read, mixed"),
        (vec!["run", driver, "--seeds", "5..1"], "as in 1..1000"),
        (vec!["run", driver, "--seeds", "many"], "as in 1..1000"),
        (vec!["run", driver, "--verifier", "some"], "all, none, standard"),
        (vec!["run", driver, "--processors", "0"], "1..=192"),
        (
            vec!["run", driver, "--seed", "1", "--seeds", "1..2"],
            "cannot be used with",
        ),
        (vec!["replay", driver], "--seed"),
        (vec!["run", driver, "--parameter", "Slots"], "as in Name=1 or Name=0x10"),
        (vec!["run", driver, "--parameter", "=1"], "as in Name=1 or Name=0x10"),
        (
            vec!["run", driver, "--parameter", "Slots=-1"],
            "as in Name=1 or Name=0x10",
        ),
        (
            vec!["run", driver, "--parameter", "Slots=4294967296"],
            "as in Name=1 or Name=0x10",
        ),
        (
            vec!["run", driver, "--parameter", "Slots=0xG"],
            "as in Name=1 or Name=0x10",
        ),
        (
            vec!["replay", driver, "--seed", "1", "--fail-site", "here"],
            "16 hexadecimal digits",
        ),
    ] {
        let line = one_line_and_2(&lab(&arguments));
        assert!(line.contains(says), "{arguments:?}: {line}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let line = one_line_and_2(&lab(["run", "no/such/driver.sys"]));
    assert!(line.starts_with("error: cannot read no/such/driver.sys: "), "{line}");
}

/// Runs a file that cannot be loaded, and gives the error that the JSON has.
fn load_error(test: &str, contents: &[u8]) -> String {
    let path = file(test, contents);
    let output = lab([OsStr::new("run"), path.as_os_str(), OsStr::new("--json")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON was asked for");
    assert_eq!(report["verdict"], "error");
    let error = report["error"].as_str().unwrap_or_default().to_owned();
    assert!(
        error.starts_with("driver.sys cannot be loaded: ") && !error.contains('\n'),
        "{error}"
    );
    error
}

#[test]
fn a_file_that_is_no_driver_for_x64_is_refused_with_the_reason() {
    let spoilt = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let mut file = specimen();
        spoil(&mut file);
        file
    };
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("text", b"#!/bin/sh\n".to_vec(), "not a PE image"),
        ("empty", Vec::new(), "not a PE image"),
        (
            "x86",
            spoilt(&|file| {
                put16(file, field::MACHINE, 0x14C);
                put16(file, field::OPTIONAL_MAGIC, 0x10B);
            }),
            "32-bit x86",
        ),
        ("arm64", spoilt(&|file| put16(file, field::MACHINE, 0xAA64)), "ARM64"),
        ("truncated", spoilt(&|file| file.truncate(file.len() / 2)), "truncated?"),
        (
            "overlapping",
            spoilt(&|file| {
                let second = section::field(1, section::VIRTUAL_ADDRESS);
                let first = section::field(0, section::VIRTUAL_ADDRESS);
                let address: [u8; 4] = file[first..first + 4].try_into().expect("four bytes");
                file[second..second + 4].copy_from_slice(&address);
            }),
            "overlaps",
        ),
    ];
    for (test, contents, says) in cases {
        let error = load_error(test, &contents);
        assert!(error.contains(says), "{test}: {error}");
    }
}

#[test]
fn a_driver_that_does_nothing_is_clean() {
    let path = file("nothing", &specimen());
    let output = lab([OsStr::new("run"), path.as_os_str(), OsStr::new("--json")]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON was asked for");
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report["verdict"], "clean");
    assert_eq!(report["counters"]["no AddDevice"], 1);
}

#[test]
fn the_report_has_every_field_of_the_contract() {
    let path = file("contract", &specimen());
    let output = lab([
        OsStr::new("run"),
        path.as_os_str(),
        OsStr::new("--json"),
        OsStr::new("--seeds"),
        OsStr::new("3..7"),
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON was asked for");
    assert_eq!(report["runs"], 5);
    assert_eq!(report["seeds"], serde_json::json!([3, 7]));
    assert_eq!(report["scenario"], "read");
    for (name, is_right) in [
        ("irps", Value::is_u64 as fn(&Value) -> bool),
        ("violations", Value::is_array),
        ("warnings", Value::is_array),
        ("counters", Value::is_object),
        ("log_hash", Value::is_string),
    ] {
        assert!(is_right(&report[name]), "{name}: {report}");
    }
}

#[test]
fn with_systematic_low_resources_the_report_has_the_places_and_without_it_has_none() {
    let path = file("sites", &specimen());
    let report = |option: [&str; 2]| -> Value {
        let output = lab([OsStr::new("run"), path.as_os_str(), OsStr::new("--json")]
            .into_iter()
            .chain(option.iter().map(OsStr::new)));
        serde_json::from_slice(&output.stdout).expect("JSON was asked for")
    };
    // The driver calls nothing that can fail.
    assert_eq!(report(["--scenario", "lowres"])["sites"], serde_json::json!([]));
    assert_eq!(report(["--verifier", "all,sysres"])["sites"], serde_json::json!([]));
    assert_eq!(report(["--verifier", "all"]).get("sites"), None);
}

#[test]
fn the_rules_have_every_field_of_the_contract() {
    let output = lab(["rules", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let rules: Value = serde_json::from_slice(&output.stdout).expect("JSON was asked for");
    let rules = rules.as_array().expect("a list of rules");
    assert!(rules.len() >= 30, "{} rules", rules.len());
    for rule in rules {
        for field in ["id", "name", "meaning", "proven_by"] {
            assert!(
                rule[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {rule}"
            );
        }
        assert!(
            ["DV", "SDV", "Lab"].contains(&rule["source"].as_str().unwrap_or_default()),
            "{rule}"
        );
        assert!(
            ["fatal", "warning"].contains(&rule["severity"].as_str().unwrap_or_default()),
            "{rule}"
        );
        for field in ["enforced_by", "compile_fail"] {
            assert!(rule[field].is_null() || rule[field].is_string(), "{field}: {rule}");
        }
    }
    let ids: Vec<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    for id in ["0xC4/0x4100F", "SDV/IoSetCompletionRoutineExCheck", "0xC9/0x224"] {
        assert!(ids.contains(&id), "{id}");
    }
}

#[test]
fn a_log_is_written_where_it_is_asked_for_and_says_so_where_it_cannot_be() {
    let path = file("log", &specimen());
    let log = path.with_extension("log");
    let run = |log: &Path| {
        lab([
            OsStr::new("run"),
            path.as_os_str(),
            OsStr::new("--log"),
            log.as_os_str(),
        ])
    };
    assert_eq!(run(&log).status.code(), Some(0));
    let text = std::fs::read_to_string(&log).expect("the log was written");
    assert!(
        text.starts_with("seed 1\n") && text.contains("== DriverEntry"),
        "{text}"
    );

    let output = run(Path::new("no/such/folder/log"));
    let line = one_line_and_2(&output);
    assert!(line.starts_with("error: cannot write no/such/folder/log: "), "{line}");
}

#[test]
fn help_goes_to_standard_output_and_is_no_error() {
    for arguments in [vec!["--help"], vec!["run", "--help"], vec!["--version"]] {
        let output = lab(&arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}
