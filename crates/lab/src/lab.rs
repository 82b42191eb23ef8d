//! Running a driver: what a test or a command asks for, and one run in a process of its own.
//!
//! Which runs are made is in [`runs`] and, with systematic low resources, in [`systematic`]; what the end of a run's
//! process means is in [`ending`].

mod ending;
mod runs;
mod systematic;

use std::{
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use self::{ending::Watcher, runs::Planned};
use crate::{
    kernel::{Config, Ended, Machine, Reporter, on_stuck, sites::FailSite},
    report::{Report, RunReport, Verdict},
    supervise::{self, Limits, Outlet, Watchdog},
    symbols::Symbols,
    world::scenario::{self, DeviceMemory, Perturbations, Scenario},
};

/// How long a run may take before it is given up, unless it is said otherwise; and how many requests a second it has to
/// carry beyond that.
const RUN_SECONDS: u64 = 30;
/// The most processors that can be simulated: three groups.
const PROCESSORS_MAX: usize = 192;
const REQUESTS_A_SECOND_MIN: u64 = 5_000;
/// After how many violations no more runs are made, unless it is said otherwise.
const VIOLATIONS_MAX: u64 = 100;
/// How many processors are simulated, unless it is said otherwise.
pub(crate) const PROCESSORS: u16 = 2;
/// How long a driver may compute without calling the kernel.
const STUCK_SECONDS: u64 = 1;

/// Why a driver cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// There is no such scenario.
    #[error("there is no scenario {name}: {}", known_scenarios())]
    Scenario {
        /// What was asked for.
        name: String,
    },
    /// The range of seeds has none.
    #[error("there is no seed from {first} to {last}")]
    NoSeeds {
        /// The first seed.
        first: u64,
        /// The last.
        last: u64,
    },
}

fn known_scenarios() -> String {
    let names: Vec<&str> = scenario::SCENARIOS.iter().map(|scenario| scenario.name).collect();
    format!("there are {}", names.join(", "))
}

/// Which checks and perturbations are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verifier {
    /// Special pool: each block on pages of its own, freed memory inaccessible.
    pub special_pool: bool,
    /// Force pending I/O; `None` leaves it to the seed.
    pub pending: Option<bool>,
    /// Low resources simulation; `None` leaves it to the seed.
    pub low_resources: Option<bool>,
    /// Systematic low resources: a run for each of the driver's calls that can fail, with just that one failing. There
    /// is no low resources simulation then.
    pub systematic: bool,
    /// Preemption between any two instructions of the driver; `None` leaves it to the seed.
    pub stepping: Option<bool>,
}

impl Default for Verifier {
    /// Everything, where a perturbation would hide something from some of the seeds only.
    fn default() -> Self {
        Self {
            special_pool: true,
            pending: None,
            low_resources: None,
            systematic: false,
            stepping: None,
        }
    }
}

/// A driver in the lab.
///
/// ```no_run
/// #[test]
/// fn my_driver_keeps_the_rules() -> Result<(), lab::LabError> {
///     lab::Lab::open("target/package/mydriver.sys")?.seeds(1..=100).run()?.assert_clean();
///     Ok(())
/// }
/// ```
pub struct Lab<'a> {
    path: PathBuf,
    name: String,
    file: Vec<u8>,
    scenario: String,
    seeds: RangeInclusive<u64>,
    requests: Option<u64>,
    processors: usize,
    verifier: Verifier,
    service: Option<String>,
    parameters: Vec<(String, u32)>,
    log: bool,
    run_seconds: Option<u64>,
    jobs: usize,
    violations_max: u64,
    fail_sites: Option<Vec<FailSite>>,
    collect: Option<&'a (dyn Fn(&DeviceMemory) -> serde_json::Value + Sync)>,
    progress: Option<&'a (dyn Fn(&RunReport) -> bool + Sync)>,
}

impl<'a> Lab<'a> {
    /// Reads the driver file at `path`.
    ///
    /// # Errors
    ///
    /// It cannot be read. Whether it is a driver is seen when it is run.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LabError> {
        let path = path.as_ref();
        let file = std::fs::read(path).map_err(|reason| LabError::Read {
            path: path.to_owned(),
            reason,
        })?;
        let name = path
            .file_name()
            .map_or_else(|| "driver".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self {
            path: path.to_owned(),
            name,
            file,
            scenario: "read".to_owned(),
            seeds: 1..=1,
            requests: None,
            processors: PROCESSORS.into(),
            verifier: Verifier::default(),
            service: None,
            parameters: Vec::new(),
            log: false,
            run_seconds: None,
            violations_max: VIOLATIONS_MAX,
            fail_sites: None,
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            collect: None,
            progress: None,
        })
    }

    /// Plays this scenario.
    #[must_use]
    pub fn scenario(mut self, name: &str) -> Self {
        name.clone_into(&mut self.scenario);
        self
    }

    /// Makes a run with each of these seeds.
    #[must_use]
    pub fn seeds(mut self, seeds: RangeInclusive<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// Sends this many requests in each run.
    #[must_use]
    pub fn requests(mut self, requests: u64) -> Self {
        self.requests = Some(requests);
        self
    }

    /// Simulates this many processors, up to 192: those beyond 64 are in other processor groups.
    #[must_use]
    pub fn processors(mut self, processors: usize) -> Self {
        self.processors = processors.clamp(1, PROCESSORS_MAX);
        self
    }

    /// Chooses the checks and perturbations.
    #[must_use]
    pub fn verifier(mut self, verifier: Verifier) -> Self {
        self.verifier = verifier;
        self
    }

    /// Names the driver's service, the last part of the registry path that DriverEntry gets.
    #[must_use]
    pub fn service(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }

    /// Puts a REG_DWORD into the `Parameters` key of the driver's service, before the driver is loaded.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: u32) -> Self {
        self.parameters.push((name.to_owned(), value));
        self
    }

    /// Keeps the text of the event log of each run.
    #[must_use]
    pub fn log(mut self, log: bool) -> Self {
        self.log = log;
        self
    }

    /// Gives up a run that takes longer.
    #[must_use]
    pub fn run_seconds(mut self, seconds: u64) -> Self {
        self.run_seconds = Some(seconds);
        self
    }

    /// Makes this many runs at once.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs.max(1);
        self
    }

    /// Makes no more runs after this many with a violation. One that had to be waited for counts for 25.
    #[must_use]
    pub fn violations_max(mut self, violations: u64) -> Self {
        self.violations_max = violations.max(1);
        self
    }

    /// Makes one run with each seed, in which the calls at these places fail; none where there are none.
    ///
    /// It is for repeating one of the runs that systematic low resources are made of.
    #[must_use]
    pub fn fail_sites(mut self, sites: Vec<FailSite>) -> Self {
        self.fail_sites = Some(sites);
        self
    }

    /// Reads something of the driver's device when its requests are done, in each run.
    #[must_use]
    pub fn collect(mut self, collect: &'a (dyn Fn(&DeviceMemory) -> serde_json::Value + Sync)) -> Self {
        self.collect = Some(collect);
        self
    }

    /// Is told of each run when it has ended; no more are begun when it returns false.
    #[must_use]
    pub fn progress(mut self, progress: &'a (dyn Fn(&RunReport) -> bool + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Makes the runs.
    ///
    /// # Errors
    ///
    /// There is no such scenario, or no seed. What is wrong with the driver is told by the report.
    pub fn run(&self) -> Result<Report, LabError> {
        Ok(self.summary(self.run_each()?))
    }

    /// Makes the runs and gives the report of each, in the order of their seeds.
    ///
    /// The last is the first that could not be made, or the one with the last violation that is wanted.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub fn run_each(&self) -> Result<Vec<RunReport>, LabError> {
        let scenario = scenario::find(&self.scenario).ok_or_else(|| LabError::Scenario {
            name: self.scenario.clone(),
        })?;
        let (first, last) = (*self.seeds.start(), *self.seeds.end());
        if self.seeds.is_empty() {
            return Err(LabError::NoSeeds { first, last });
        }
        if self.is_systematic(scenario) && self.fail_sites.is_none() {
            return Ok(self.run_systematically(scenario));
        }
        let planned = |number: u64| {
            let seed = first.checked_add(number).filter(|seed| *seed <= last)?;
            Some(Planned {
                seed,
                fail_sites: self.fail_sites.clone(),
            })
        };
        Ok(self.make_runs(scenario, 0, planned).reports)
    }

    /// What all runs come to together.
    pub fn summary(&self, runs: Vec<RunReport>) -> Report {
        let mut report = Report {
            verdict: Verdict::Clean,
            runs: runs.len() as u64,
            irps: 0,
            seeds: [*self.seeds.start(), *self.seeds.end()],
            scenario: self.scenario.clone(),
            violations: Vec::new(),
            warnings: Vec::new(),
            error: None,
            log_hash: String::new(),
            messages: Vec::new(),
            counters: std::collections::BTreeMap::new(),
            sites: self.makes_systematic_runs().then(Vec::new),
        };
        for run in runs {
            report.add(run);
        }
        report
    }

    /// Makes one run, in a process of its own.
    fn run_one(&self, scenario: &'static Scenario, planned: &Planned) -> RunReport {
        let ended = supervise::run(&self.limits(), |outlet: &Outlet<RunReport>| {
            self.in_child(scenario, planned, *outlet)
        });
        let mut report = self.judge(ended, planned.seed);
        report.fail_sites = planned.fail_sites.clone().unwrap_or_default();
        if let Some(violation) = &mut report.violation
            && planned.fail_sites.is_some()
        {
            violation.replay = Some(self.replay_command(planned.seed, &report.fail_sites));
        }
        report
    }

    fn is_systematic(&self, scenario: &Scenario) -> bool {
        self.verifier.systematic || scenario.is_systematic()
    }

    /// Whether more than one run is made with a seed.
    pub(crate) fn makes_systematic_runs(&self) -> bool {
        scenario::find(&self.scenario).is_some_and(|scenario| self.is_systematic(scenario))
    }

    fn seconds_of_a_run(&self) -> u64 {
        let of_requests = self.requests.unwrap_or_default() / REQUESTS_A_SECOND_MIN;
        self.run_seconds.unwrap_or(RUN_SECONDS + of_requests)
    }

    /// What a run may use.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            wall: Duration::from_secs(self.seconds_of_a_run()),
            cpu_step: Duration::from_secs(STUCK_SECONDS),
            ..Limits::default()
        }
    }

    /// The seed of scripts, in which next to nothing depends on it.
    pub(crate) fn script_seed(&self) -> u64 {
        *self.seeds.start()
    }

    /// In a child: a machine with the driver loaded.
    pub(crate) fn machine(&self, seed: u64, scripted: bool, outlet: Outlet<RunReport>) -> (&'static Machine, Watchdog) {
        self.machine_failing(seed, scripted, None, Vec::new(), outlet)
    }

    /// The same, where calls at these places fail, and with what a scenario has in the `Parameters` key.
    fn machine_failing(
        &self,
        seed: u64,
        scripted: bool,
        fail_sites: Option<Vec<FailSite>>,
        of_scenario: scenario::Parameters,
        outlet: Outlet<RunReport>,
    ) -> (&'static Machine, Watchdog) {
        outlet.note("the lab was being set up");
        let ended: Ended = Box::new(move |report| outlet.finish(report));
        let reporter = Reporter::new(seed, ended, Box::new(Watcher(outlet)));
        let stem = Path::new(&self.name)
            .file_stem()
            .map_or_else(|| self.name.clone(), |stem| stem.to_string_lossy().into_owned());
        let config = Config {
            seed,
            processors: self.processors,
            special_pool: self.verifier.special_pool,
            failures_per_mille: 60,
            fail_sites,
            log: self.log,
            service: self.service.clone().unwrap_or(stem),
            parameters: self.parameters_over(of_scenario),
            scripted,
            stepping: self.verifier.stepping.unwrap_or(is_stepped(seed)),
        };
        let machine = Machine::start(config, reporter);
        if let Err(error) = machine.load(&self.name, &self.file, Symbols::beside(&self.path)) {
            machine.cannot(&format!("{} cannot be loaded: {error}", self.name));
        }
        match outlet.watch(on_stuck) {
            Ok(watchdog) => (machine, watchdog),
            Err(error) => machine.cannot(&format!("no watchdog can be set: {error}")),
        }
    }

    /// The values that were asked for, and those of a scenario that were not.
    fn parameters_over(&self, of_scenario: scenario::Parameters) -> Vec<(String, u32)> {
        let is_asked_for = |name: &str| {
            self.parameters
                .iter()
                .any(|(asked, _)| asked.eq_ignore_ascii_case(name))
        };
        let left = of_scenario.into_iter().filter(|(name, _)| !is_asked_for(name));
        let left = left.map(|(name, value)| (name.to_owned(), value));
        self.parameters.iter().cloned().chain(left).collect()
    }

    /// The body of the child.
    fn in_child(&self, scenario: &'static Scenario, planned: &Planned, outlet: Outlet<RunReport>) -> RunReport {
        let fail_sites = planned.fail_sites.clone();
        let mut perturbations = self.perturbations(planned.seed);
        // One failure at a time is what tells which of them the driver does not bear.
        perturbations.low_resources &= fail_sites.is_none();
        let (machine, _watchdog) = self.machine_failing(
            planned.seed,
            false,
            fail_sites,
            scenario.parameters(planned.seed),
            outlet,
        );
        let requests = self.requests.unwrap_or(scenario.requests);
        let collect = self.collect;
        machine.play_to_end(move |machine| {
            let collect = collect.map(|collect| collect as scenario::Collect<'_>);
            machine.play(scenario, requests, perturbations, collect)
        })
    }

    fn perturbations(&self, seed: u64) -> Perturbations {
        // Of four seeds in a row one has neither, one each, and one both.
        Perturbations {
            pending: self.verifier.pending.unwrap_or(seed.is_multiple_of(2)),
            low_resources: self.verifier.low_resources.unwrap_or((seed / 2).is_multiple_of(2)),
        }
    }
}

/// Whether a run with this seed is stepped through unless it is said otherwise. It is of four in a row of sixteen, so
/// that there is one with each of the perturbations and one with both.
fn is_stepped(seed: u64) -> bool {
    (seed / 4) % 4 == 1
}
