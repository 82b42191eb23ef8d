//! What the lab checks: one entry for each rule, in one table.
//!
//! Where a rule is applied is told by the entry's name in the code: whoever finds an offence names the entry. That
//! each of them can be broken, and is then found with exactly its id, is shown by the tests of `offender.sys`.

mod documented;
mod table;

use serde::Serialize;

pub use documented::{Documented, IO_CODES, NAMED, Proof, VERIFIER_CODES, covered_by, documented, proofs};
pub(crate) use table::*;

/// Who checks the rule on Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    /// Driver Verifier, or the kernel by itself, when the driver runs.
    DV,
    /// Static Driver Verifier only, which current kits lack.
    SDV,
    /// Nobody: what a simulated machine can see and Windows would only hang or die of.
    Lab,
}

/// What an offence does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Ends it, as a bug check does.
    Fatal,
    /// Is counted and shown.
    Warning,
}

/// A rule that the lab applies to a driver.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    /// The rule's id: as Driver Verifier prints it, or `SDV/` and its name.
    pub id: &'static str,
    /// Its name, where Microsoft gives it one, or that of its bug check.
    pub name: &'static str,
    /// Who checks it on Windows.
    pub source: Source,
    /// What it asks for.
    pub meaning: &'static str,
    /// What an offence does to the run.
    pub severity: Severity,
    /// The switch of `offender.sys` that breaks it.
    pub proven_by: &'static str,
    /// The types of `crates/wdm` with which it cannot be broken, with a comma between them.
    pub enforced_by: Option<&'static str>,
    /// The program that shows it: a file of `tests/compile_fail`, by its name without `.rs`.
    pub compile_fail: Option<&'static str>,
}

/// A rule as it is listed: with what it covers of all that Microsoft documents, under another name than its id.
#[derive(Debug, Serialize)]
pub struct Listed {
    #[serde(flatten)]
    rule: &'static Rule,
    covers: Vec<&'static str>,
}

/// Every rule with what it covers, in the order of the table.
#[must_use]
pub fn listed() -> Vec<Listed> {
    all()
        .iter()
        .map(|rule| Listed {
            rule,
            covers: covered_by(rule),
        })
        .collect()
}

/// Every rule, in the order of the table.
pub fn all() -> &'static [&'static Rule] {
    ALL
}
