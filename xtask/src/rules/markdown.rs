//! The parts of docs/rules.md, as Markdown.

use std::fmt::Write as _;

use lab::rules::{Documented, IO_CODES, NAMED, Rule, Severity, Source, VERIFIER_CODES};

use crate::compile_fail::{DOCUMENTED, Test};

use super::Matrix;

/// How much is checked, and by what.
pub(super) fn counts(matrix: &Matrix) -> String {
    let applied = |rows: &[Documented]| format!("{} of {}", count(rows, Documented::is_applied), rows.len());
    let has_program = |row: &Documented| matrix.program(row.name).is_some();
    let either = |row: &Documented| row.is_applied() || has_program(row);
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
        "WDM rules that Microsoft documents by name: applied by the lab",
        applied(&NAMED),
    );
    row(
        "... with a program that does not compile",
        format!("{} of {}", count(&NAMED, has_program), NAMED.len()),
    );
    row("... either", format!("{} of {}", count(&NAMED, either), NAMED.len()));
    row("codes of bug check 0xC9: applied by the lab", applied(&IO_CODES));
    row(
        "codes of bug check 0xC4 that a WDM driver can meet: applied by the lab",
        applied(&VERIFIER_CODES),
    );
    row(
        "offences of `offender.sys` that show it, each with a clean twin but for those that have none",
        lab::rules::proofs().len().to_string(),
    );
    text
}

fn count(rows: &[Documented], is_counted: impl Fn(&Documented) -> bool) -> usize {
    rows.iter().filter(|row| is_counted(row)).count()
}

/// What is applied under another name than its own.
pub(super) fn covered() -> String {
    let mut text = String::from("| documented as | applied as | proven by |\n|---|---|---|\n");
    for row in lab::rules::documented() {
        let others: Vec<_> = row.proofs().filter(|proof| proof.rule.id != row.name).collect();
        if others.is_empty() {
            continue;
        }
        let list = |part: fn(&lab::rules::Proof) -> String| {
            let mut parts: Vec<String> = others.iter().map(part).collect();
            parts.dedup();
            parts.join(", ")
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            row.name,
            list(|proof| proof.rule.id.to_owned()),
            list(|proof| format!("`{}`", proof.offence)),
        );
    }
    text
}

/// What is not applied, in a table for each of the three kinds.
pub(super) fn not_applied(matrix: &Matrix) -> String {
    let mut text = String::new();
    for (title, head, rows) in [
        ("WDM rules", "rule | set", &NAMED[..]),
        ("Codes of bug check 0xC9", "code | what it stands for", &IO_CODES[..]),
        (
            "Codes of bug check 0xC4",
            "code | what it stands for",
            &VERIFIER_CODES[..],
        ),
    ] {
        let missing: Vec<_> = rows.iter().filter(|row| !row.is_applied()).collect();
        let _ = write!(text, "\n### {title}: {} of {}\n\n", missing.len(), rows.len());
        let _ = writeln!(
            text,
            "| {head} | why it is not applied | types enforce it |\n|---|---|---|---|"
        );
        for row in missing {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                row.name,
                row.what,
                row.reason().unwrap_or_default(),
                matrix.program(row.name).map(types).unwrap_or_default(),
            );
        }
    }
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
