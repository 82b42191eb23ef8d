//! What a run comes to, as the child that made it tells its parent, and the parent its caller.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An offence against a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule's id.
    pub rule: String,
    /// The seed of the run.
    pub seed: u64,
    /// What was wrong, in one sentence.
    pub message: String,
    /// What happened to the IRP that it is about, if it is about one: one line an event.
    pub irp_history: Vec<String>,
    /// The driver's call stack, the innermost function first.
    pub stack: Vec<String>,
}

/// An offence that ends no run, and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The rule's id.
    pub rule: String,
    /// The first seed that it was seen with.
    pub seed: u64,
    /// What was wrong the first time.
    pub message: String,
    /// How often.
    pub times: u64,
}

/// What one run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// The seed.
    pub seed: u64,
    /// How many IRPs there were.
    pub irps: u64,
    /// The offence that ended the run.
    pub violation: Option<Violation>,
    /// Why the run could not be made.
    pub error: Option<String>,
    /// Offences that did not end it.
    pub warnings: Vec<Warning>,
    /// What was counted, by name.
    pub counters: BTreeMap<String, u64>,
    /// What the driver printed.
    pub messages: Vec<String>,
    /// A hash over the event log.
    pub log_hash: String,
    /// The event log, where it was asked for.
    pub log: Option<String>,
    /// What the scenario collected, for its caller.
    pub collected: Option<serde_json::Value>,
}

/// What several runs came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every run ended and broke no rule.
    Clean,
    /// A rule was broken.
    Violation,
    /// A run could not be made.
    Error,
}

impl Verdict {
    /// The exit code of a command that comes to this.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Violation => 1,
            Self::Error => 2,
        }
    }
}

/// What a command of the lab comes to. Its JSON form is a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What it comes to.
    pub verdict: Verdict,
    /// How many runs were made.
    pub runs: u64,
    /// How many IRPs there were in all of them.
    pub irps: u64,
    /// The first and the last seed.
    pub seeds: [u64; 2],
    /// The scenario.
    pub scenario: String,
    /// One for each run that broke a rule.
    pub violations: Vec<Violation>,
    /// Offences that ended no run.
    pub warnings: Vec<Warning>,
    /// Why a run could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the driver printed, each text once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub messages: Vec<String>,
    /// A hash over the event logs of all runs: the same for the same driver, options and seeds, on every machine.
    pub log_hash: String,
    /// What was counted, over all runs.
    pub counters: BTreeMap<String, u64>,
}
