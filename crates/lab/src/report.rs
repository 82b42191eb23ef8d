//! What a run comes to, as the child that made it tells its parent, and the parent its caller.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{kernel::sites::FailSite, rules};

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
    /// The command that repeats the run, where it takes more than the seed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replay: Option<String>,
}

/// A place of the driver that calls what can fail, in runs with systematic low resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// What `--fail-site` knows it by.
    pub id: String,
    /// The call that can fail.
    pub call: String,
    /// The driver's call stack, the innermost function first, and the routine that it begins in.
    pub stack: Vec<String>,
    /// How often it was made to fail.
    pub failed: u64,
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
    /// The places that call what can fail, in the order in which they were reached; none where they are not looked at.
    pub sites: Vec<Site>,
    /// Those that were told to fail, as `--fail-site` takes them.
    pub fail_sites: Vec<FailSite>,
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
    /// With systematic low resources every place that calls what can fail, in the order in which they were found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sites: Option<Vec<Site>>,
}

impl Report {
    pub(crate) fn add(&mut self, run: RunReport) {
        self.irps += run.irps;
        for (name, value) in run.counters {
            let sum = self.counters.entry(name.clone()).or_default();
            if name.ends_with("at most") {
                *sum = value.max(*sum);
            } else {
                *sum += value;
            }
        }
        for warning in run.warnings {
            match self.warnings.iter_mut().find(|known| known.rule == warning.rule) {
                Some(known) => known.times += warning.times,
                None => self.warnings.push(warning),
            }
        }
        for message in run.messages {
            if self.messages.len() < MESSAGES_MAX && !self.messages.contains(&message) {
                self.messages.push(message);
            }
        }
        for site in run.sites {
            let sites = self.sites.get_or_insert_default();
            match sites.iter_mut().find(|known| known.id == site.id) {
                Some(known) => known.failed += site.failed,
                None => sites.push(site),
            }
        }
        self.log_hash = combine(&self.log_hash, &run.log_hash);
        if let Some(violation) = run.violation {
            self.verdict = Verdict::Violation;
            self.violations.push(violation);
        }
        if let Some(error) = run.error
            && self.verdict != Verdict::Violation
        {
            self.verdict = Verdict::Error;
            self.error.get_or_insert(error);
        }
    }

    /// For tests: nothing was wrong.
    ///
    /// # Panics
    ///
    /// With the report, where something was.
    pub fn assert_clean(&self) {
        assert_eq!(self.verdict, Verdict::Clean, "{self}");
    }
}

/// The most different messages of a driver that a report has.
const MESSAGES_MAX: usize = 100;

/// One hash of two, in hexadecimal.
fn combine(left: &str, right: &str) -> String {
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or_default();
    let mixed = number(left).rotate_left(7).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number(right);
    format!("{mixed:016x}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, last] = self.seeds;
        let verdict = match self.verdict {
            Verdict::Clean => "clean",
            Verdict::Violation => "VIOLATION",
            Verdict::Error => "ERROR",
        };
        writeln!(
            f,
            "{verdict}: scenario {}, seeds {first}..{last}, {} runs, {} IRPs",
            self.scenario, self.runs, self.irps
        )?;
        if let Some(error) = &self.error {
            writeln!(f, "error: {error}")?;
        }
        for warning in &self.warnings {
            writeln!(
                f,
                "warning {}, {} times, first with seed {}: {}",
                warning.rule, warning.times, warning.seed, warning.message
            )?;
        }
        if let Some(sites) = &self.sites {
            show_sites(f, sites)?;
        }
        for violation in &self.violations {
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

/// What systematic low resources came to: every place, and whether it failed.
fn show_sites(f: &mut fmt::Formatter<'_>, sites: &[Site]) -> fmt::Result {
    let spared = sites.iter().filter(|site| site.failed == 0).count();
    write!(f, "systematic low resources: {} sites, ", sites.len())?;
    match spared {
        0 => writeln!(f, "all failed")?,
        spared => writeln!(f, "{spared} of them never failed")?,
    }
    for site in sites {
        let failed = match site.failed {
            0 => "never failed".to_owned(),
            times => format!("failed {times} times"),
        };
        writeln!(f, "  {} {}, {failed}", site.id, site.call)?;
        for line in &site.stack {
            writeln!(f, "    {line}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}, seed {}: {}", self.rule, self.seed, self.message)?;
        if let Some(rule) = rules::all().iter().find(|rule| rule.id == self.rule) {
            writeln!(f, "  {}: {}", rule.name, rule.meaning)?;
        }
        if !self.stack.is_empty() {
            writeln!(f, "  call stack, the innermost function first:")?;
        }
        for line in &self.stack {
            writeln!(f, "    {line}")?;
        }
        if !self.irp_history.is_empty() {
            writeln!(f, "  history of the IRP:")?;
        }
        for line in &self.irp_history {
            writeln!(f, "    {line}")?;
        }
        if let Some(replay) = &self.replay {
            writeln!(f, "  again: {replay}")?;
        }
        Ok(())
    }
}
