//! The parts of docs/rules.md, as Markdown.

use std::{collections::BTreeSet, fmt::Write as _};

use lab::rules::{Rule, Severity, Source};

use crate::compile_fail::{DOCUMENTED, Test};

use super::Matrix;

/// How many codes of bug check 0xC9 are documented: 17 that stop the machine at once, and 86 WDM DRIVER ERRORs.
const IO_CODES: usize = 17 + 86;

/// What begins the id of such a code.
const IO_CODE: &str = "0xC9/";

/// How much is checked, and by what.
pub(super) fn counts(matrix: &Matrix) -> String {
    let names = |rules: &mut dyn Iterator<Item = &str>| -> BTreeSet<String> {
        rules
            .filter(|name| DOCUMENTED.contains(name))
            .map(str::to_owned)
            .collect()
    };
    let by_lab = names(&mut matrix.rules.iter().map(|rule| rule.name));
    let by_types = names(&mut matrix.tests.iter().map(|test| test.rule.as_str()));
    let either = by_lab.union(&by_types).count();
    let io_codes = matrix.rules.iter().filter(|rule| rule.id.starts_with(IO_CODE)).count();
    let of = |source: Source| matrix.rules.iter().filter(|rule| rule.source == source).count();
    let enforced = matrix.rules.iter().filter(|rule| rule.enforced_by.is_some()).count();
    let mut text = String::from("| | |\n|---|---|\n");
    let mut row = |what: &str, value: String| {
        let _ = writeln!(text, "| {what} | {value} |");
    };
    row("rules that the lab applies", matrix.rules.len().to_string());
    row(
        "... that Driver Verifier or the kernel checks on Windows",
        of(Source::DV).to_string(),
    );
    row(
        "... that only Static Driver Verifier checked, which current kits lack",
        of(Source::SDV).to_string(),
    );
    row("... that nothing on Windows checks", of(Source::Lab).to_string());
    row("... that types of `crates/wdm` enforce too", enforced.to_string());
    row(
        "of the WDM rules that Microsoft documents by name: in the lab under that name",
        format!("{} of {}", by_lab.len(), DOCUMENTED.len()),
    );
    row(
        "... with a program that does not compile",
        format!("{} of {}", by_types.len(), DOCUMENTED.len()),
    );
    row("... either", format!("{either} of {}", DOCUMENTED.len()));
    row(
        "of the codes of bug check 0xC9: in the lab",
        format!("{io_codes} of {IO_CODES}"),
    );
    text
}

/// The rules of the lab.
pub(super) fn rules(matrix: &Matrix) -> String {
    let mut text = String::from(
        "| rule | name | meaning | an offence | on Windows | enforced by | proven by |\n|---|---|---|---|---|---|---|\n",
    );
    for rule in matrix.rules {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | `{}` |",
            rule.id,
            rule.name,
            rule.meaning,
            severity(rule.severity),
            source(rule),
            matrix.test_of(rule).map(types).unwrap_or_default(),
            rule.proven_by,
        );
    }
    text
}

/// The programs for rules that the lab does not have.
pub(super) fn types_only(matrix: &Matrix) -> String {
    let mut text = String::from("| rule | what it comes to in types | enforced by |\n|---|---|---|\n");
    for test in matrix.types_only() {
        let name = if DOCUMENTED.contains(&test.rule.as_str()) {
            test.rule.clone()
        } else {
            "the library's own".to_owned()
        };
        let _ = writeln!(text, "| {name} | {} | {} |", test.meaning, types(test));
    }
    text
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal => "ends the run",
        Severity::Warning => "is counted",
    }
}

fn source(rule: &Rule) -> &'static str {
    match rule.source {
        Source::DV => "Verifier",
        Source::SDV => "SDV only",
        Source::Lab => "nobody",
    }
}

/// The types that a program is about, as a link to it.
fn types(test: &Test) -> String {
    let types: Vec<String> = test.types.iter().map(|name| format!("`{name}`")).collect();
    format!("[{}](../{})", types.join(", "), test.file)
}
