//! Systematic low resources: each call of the driver that can fail does, in runs where no other does.
//!
//! With each seed a first run fails nothing and finds the places that call what can fail. Each of them then has two runs:
//! one in which it fails each time that it is reached, and one in which it fails the first time only, which leads to
//! other states. A place that is found only because another failed has its runs with that one failing too, since it is
//! not reached else; and so on until nothing new is found. Up to its failure such a run is the one in which the place was
//! found, event by event, so the place is always reached again.

use std::{collections::HashSet, fmt::Write as _};

use super::{
    Lab, Verifier,
    runs::{Made, Planned},
};
use crate::{kernel::sites::FailSite, report::RunReport, world::scenario::Scenario};

/// The most places that have runs of their own with one seed; a driver has some dozens.
const SITES_MAX: usize = 4096;

impl Lab<'_> {
    /// Makes the runs of every seed.
    pub(super) fn run_systematically(&self, scenario: &'static Scenario) -> Vec<RunReport> {
        let mut reports = Vec::new();
        let mut violations = 0;
        for seed in self.seeds.clone() {
            let made = self.fail_each_site(scenario, seed, violations);
            violations = made.violations;
            reports.extend(made.reports);
            if !made.go_on {
                break;
            }
        }
        reports
    }

    /// Makes the runs of one seed, in rounds: each has those of the places that the round before has found.
    fn fail_each_site(&self, scenario: &'static Scenario, seed: u64, violations: u64) -> Made {
        let mut all = Made {
            reports: Vec::new(),
            violations,
            go_on: true,
        };
        let mut known = HashSet::new();
        let mut round = vec![Vec::new()];
        while all.go_on && !round.is_empty() {
            let made = self.make_runs(scenario, all.violations, |number| {
                let fail_sites = round.get(usize::try_from(number).ok()?)?.clone();
                Some(Planned {
                    seed,
                    fail_sites: Some(fail_sites),
                })
            });
            all.violations = made.violations;
            all.go_on = made.go_on;
            round = made
                .reports
                .iter()
                .flat_map(|report| new_places(report, &mut known))
                .collect();
            all.reports.extend(made.reports);
        }
        all
    }

    /// The command that repeats a run in which these places fail.
    pub(super) fn replay_command(&self, seed: u64, fail_sites: &[FailSite]) -> String {
        let mut command = format!(
            "lab replay {} --scenario {} --seed {seed}",
            quoted(&self.path.to_string_lossy()),
            self.scenario
        );
        if self.verifier != Verifier::default() {
            let _ = write!(command, " --verifier {}", self.verifier);
        }
        if let Some(service) = &self.service {
            let _ = write!(command, " --service {}", quoted(service));
        }
        if let Some(requests) = self.requests {
            let _ = write!(command, " --requests {requests}");
        }
        if self.processors != usize::from(super::PROCESSORS) {
            let _ = write!(command, " --processors {}", self.processors);
        }
        for (name, value) in &self.parameters {
            let _ = write!(command, " --parameter {}", quoted(&format!("{name}={value}")));
        }
        for site in fail_sites {
            let _ = write!(command, " --fail-site {site}");
        }
        command
    }
}

/// For each place that nobody knew before this run what fails in its own two runs.
fn new_places(report: &RunReport, known: &mut HashSet<u64>) -> Vec<Vec<FailSite>> {
    let mut planned = Vec::new();
    for site in &report.sites {
        let Ok(id) = u64::from_str_radix(&site.id, 16) else {
            continue;
        };
        if known.len() < SITES_MAX && known.insert(id) {
            for fails in [FailSite::always(id), FailSite::once(id)] {
                planned.push(report.fail_sites.iter().copied().chain([fails]).collect());
            }
        }
    }
    planned
}

/// A word of a command line.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:=@".contains(c);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
