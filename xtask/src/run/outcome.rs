//! What all runs came to together: the filter's figures, the lab's, and whether they agree.

use std::{path::Path, time::Duration};

use lab::{
    Lab,
    report::{Report, RunReport, Verdict},
};
use policy::Snapshot;

use super::reconcile::{self, Counters};

/// The lab counts the allocations that it made fail under this name.
const FAILED_ALLOCATIONS: &str = "injected ExAllocatePool2";

/// What all runs came to.
pub(super) struct Outcome {
    /// What the filter counted, over all runs.
    pub(super) device: Snapshot,
    /// Runs in which the filter had no memory for statistics, or its AddDevice none for a device.
    pub(super) runs_without_statistics: u64,
    /// Runs in which the filter's figures are not those of the lab.
    pub(super) miscounts: Vec<Miscount>,
    /// What the lab found.
    pub(super) report: Report,
    /// How long the runs took on this machine.
    pub(super) elapsed: Duration,
    /// How to repeat the first run in which something was wrong, event by event.
    pub(super) replay: Option<String>,
}

/// A run in which the filter counted something else than the lab.
pub(super) struct Miscount {
    pub(super) seed: u64,
    pub(super) differences: Vec<String>,
}

impl Outcome {
    /// Takes the runs of `driver` together.
    pub(super) fn of(driver: &Path, lab: &Lab<'_>, runs: Vec<RunReport>, elapsed: Duration) -> Self {
        let mut device = Snapshot::EMPTY;
        let mut miscounts = Vec::new();
        let mut runs_without_statistics = 0;
        for run in &runs {
            // A run that was ended has no figures to compare.
            if run.violation.is_some() || run.error.is_some() {
                continue;
            }
            match counted(run) {
                Ok(Some(snapshot)) => device.merge(&snapshot),
                Ok(None) => runs_without_statistics += 1,
                Err(differences) => miscounts.push(Miscount {
                    seed: run.seed,
                    differences,
                }),
            }
        }
        let seeds = runs
            .first()
            .zip(runs.last())
            .map(|(first, last)| [first.seed, last.seed]);
        let mut report = lab.summary(runs);
        if let Some(seeds) = seeds {
            report.seeds = seeds;
        }
        let wrong = report
            .violations
            .first()
            .map(|violation| violation.seed)
            .or_else(|| miscounts.first().map(|miscount| miscount.seed));
        let replay = wrong.map(|seed| {
            format!(
                "cargo xtask lab -- replay {} --scenario {} --seed {seed}",
                driver.display(),
                report.scenario
            )
        });
        Self {
            device,
            runs_without_statistics,
            miscounts,
            report,
            elapsed,
            replay,
        }
    }

    /// The lab's verdict, and a violation too where the filter miscounts.
    pub(super) fn verdict(&self) -> Verdict {
        match self.report.verdict {
            Verdict::Clean if !self.miscounts.is_empty() => Verdict::Violation,
            verdict => verdict,
        }
    }

    /// As the lab's command line has it.
    pub(super) fn exit_code(&self) -> u8 {
        self.verdict().exit_code()
    }

    /// How long the runs took in the time of the simulated machines.
    pub(super) fn simulated(&self) -> Duration {
        Duration::from_micros(self.counter("virtual time, us"))
    }

    /// What the lab counted under `name`, over all runs.
    pub(super) fn counter(&self, name: &str) -> u64 {
        self.report.counters.get(name).copied().unwrap_or_default()
    }

    /// How often the lab made which call fail.
    pub(super) fn injected(&self) -> impl Iterator<Item = (&str, u64)> {
        self.report
            .counters
            .iter()
            .filter_map(|(name, count)| Some((name.strip_prefix("injected ")?, *count)))
    }
}

/// What the filter counted in a run, or `None` where it had no memory to; as an error, where it is wrong.
fn counted(run: &RunReport) -> Result<Option<Snapshot>, Vec<String>> {
    let snapshot = match &run.collected {
        Some(recorded) => super::memory::read(recorded)
            .map_err(|why| vec![format!("the filter's statistics cannot be read: {why}")])?,
        None => None,
    };
    let Some(snapshot) = snapshot else {
        return if may_lack_statistics(&run.counters) {
            Ok(None)
        } else {
            Err(vec![
                "the filter has no statistics, although no call of its AddDevice was made to fail".to_owned(),
            ])
        };
    };
    let differences = reconcile::differences(&snapshot, &run.counters);
    if differences.is_empty() {
        Ok(Some(snapshot))
    } else {
        Err(differences)
    }
}

/// Whether something was made to fail without which the filter has no statistics, or no device.
fn may_lack_statistics(counters: &Counters) -> bool {
    counters.contains_key(FAILED_ALLOCATIONS) || counters.contains_key("AddDevice failed for lack of resources")
}

#[cfg(test)]
pub(super) mod tests {
    use std::num::NonZeroU64;

    use lab::report::Violation;
    use policy::{DeviceStatistics, Operation, Shard, clock::Clock};

    use super::*;

    /// Clean runs in which the filter counted two READs, of which one failed, and a refused WRITE.
    pub(in crate::run) fn outcome() -> Outcome {
        let shards = [Shard::new()];
        let head = DeviceStatistics::new(Clock::new(NonZeroU64::new(10_000_000).unwrap()), 0, &shards);
        let statistics = head.over(&shards).unwrap();
        for (status, ticks) in [(0, 1), (lab::status::STATUS_IO_TIMEOUT, 4000)] {
            statistics.sent(0, Operation::Read, 512);
            statistics.done(0, Operation::Read, status, 512, ticks);
        }
        statistics.sent(0, Operation::Write, 512);
        statistics.refused(0);
        let counters = [
            ("virtual time, us", 2_000_000),
            ("injected IoSetCompletionRoutineEx", 1),
            ("kernel calls", 9),
        ];
        let report = Report {
            verdict: Verdict::Clean,
            runs: 4,
            irps: 3000,
            seeds: [7, 10],
            scenario: "mixed".to_owned(),
            violations: Vec::new(),
            warnings: Vec::new(),
            error: None,
            messages: Vec::new(),
            sites: None,
            log_hash: String::new(),
            counters: counters.map(|(name, count)| (name.to_owned(), count)).into(),
        };
        Outcome {
            device: statistics.snapshot(),
            runs_without_statistics: 1,
            miscounts: Vec::new(),
            report,
            elapsed: Duration::from_secs(3),
            replay: None,
        }
    }

    /// A rule that was broken with seed 8.
    pub(in crate::run) fn violation() -> Violation {
        Violation {
            rule: "0x44".to_owned(),
            seed: 8,
            message: "completed twice".to_owned(),
            irp_history: Vec::new(),
            stack: Vec::new(),
            replay: None,
        }
    }

    #[test]
    fn a_miscount_is_a_violation_though_the_lab_found_nothing() {
        let mut outcome = outcome();
        assert_eq!((outcome.verdict(), outcome.exit_code()), (Verdict::Clean, 0));
        outcome.miscounts.push(Miscount {
            seed: 9,
            differences: vec!["READ sent".to_owned()],
        });
        assert_eq!((outcome.verdict(), outcome.exit_code()), (Verdict::Violation, 1));
    }

    #[test]
    fn what_could_not_be_run_stays_an_error() {
        let mut outcome = outcome();
        outcome.report.verdict = Verdict::Error;
        assert_eq!(outcome.exit_code(), 2);
    }

    fn run(seed: u64, counters: &[(&str, u64)]) -> RunReport {
        RunReport {
            seed,
            counters: counters
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            ..RunReport::default()
        }
    }

    #[test]
    fn a_filter_lacks_statistics_only_where_an_allocation_was_made_to_fail() {
        for (counters, right) in [
            (&[(FAILED_ALLOCATIONS, 1)][..], true),
            (&[("AddDevice failed for lack of resources", 1)], true),
            (&[("injected IoSetCompletionRoutineEx", 1)], false),
            (&[], false),
        ] {
            assert_eq!(counted(&run(7, counters)).is_ok(), right, "{counters:?}");
        }
    }

    #[test]
    fn statistics_that_cannot_be_read_are_a_miscount_and_not_passed_over() {
        let mut run = run(7, &[(FAILED_ALLOCATIONS, 1)]);
        run.collected = Some(serde_json::Value::Null);
        assert!(counted(&run).is_err());
    }
}
