//! Making many runs, several at once: the same reports in the same order however many.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::Lab;
use crate::{kernel::sites::FailSite, report::RunReport, rules, world::scenario::Scenario};

/// How many violations a run counts for that had to be waited for.
const VIOLATIONS_OF_STUCK: u64 = 25;

/// A run that is to be made.
pub(super) struct Planned {
    pub(super) seed: u64,
    /// The places of the driver whose calls fail, where places are looked at.
    pub(super) fail_sites: Option<Vec<FailSite>>,
}

/// Runs that were made.
pub(super) struct Made {
    /// Their reports, in the order in which they were planned.
    pub(super) reports: Vec<RunReport>,
    /// What violations they count for, with those before them.
    pub(super) violations: u64,
    /// Whether more runs are wanted.
    pub(super) go_on: bool,
}

impl Lab<'_> {
    /// Makes the runs that `planned` has, by their numbers from 0 on, until it has no more.
    ///
    /// The last is the first that could not be made, or the one with the last violation that is wanted, of which there
    /// have been `violations` before.
    pub(super) fn make_runs(
        &self,
        scenario: &'static Scenario,
        violations: u64,
        planned: impl Fn(u64) -> Option<Planned> + Sync,
    ) -> Made {
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let told_to_stop = AtomicBool::new(false);
        let numbered = Mutex::new(Vec::new());
        let found = AtomicU64::new(violations);
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(planned) = planned(number) else {
                            break;
                        };
                        let report = self.run_one(scenario, &planned);
                        let found = found.fetch_add(weight(&report), Ordering::Relaxed) + weight(&report);
                        if self.progress.is_some_and(|progress| !progress(&report)) {
                            told_to_stop.store(true, Ordering::Relaxed);
                            stop.store(true, Ordering::Relaxed);
                        }
                        if report.error.is_some() || found >= self.violations_max {
                            stop.store(true, Ordering::Relaxed);
                        }
                        numbered.lock().expect("nobody panics with it").push((number, report));
                    }
                });
            }
        });
        let mut numbered = numbered.into_inner().expect("nobody panicked with it");
        numbered.sort_by_key(|(number, _)| *number);
        let mut made = Made {
            reports: Vec::with_capacity(numbered.len()),
            violations,
            go_on: !told_to_stop.into_inner(),
        };
        // Drops what was run only because another run had not ended yet, so that the same runs are told of each time.
        for (_, report) in numbered {
            made.violations += weight(&report);
            let last = report.error.is_some() || made.violations >= self.violations_max;
            made.reports.push(report);
            if last {
                made.go_on = false;
                break;
            }
        }
        made
    }
}

/// How many violations a run counts for.
fn weight(report: &RunReport) -> u64 {
    match &report.violation {
        None => 0,
        Some(violation) if violation.rule == rules::STUCK.id => VIOLATIONS_OF_STUCK,
        Some(_) => 1,
    }
}
