//! `cargo xtask run`: the main job. It builds the driver, runs the very image that ships in the lab, seed after seed, and
//! shows what the filter counted of its device and what the lab found.
//!
//! The filter's figures are its own, read out of its device extension at the end of each run ([`memory`]) and compared
//! with what the lab's initiators sent ([`reconcile`]).

mod histogram;
mod json;
mod memory;
mod outcome;
mod reconcile;
mod text;
mod units;

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::{
    Lab,
    report::{RunReport, Verdict},
};

use crate::{
    build::{Builder, Exclusive},
    in_lab::RunOptions,
    inf::Match,
    package, reproduce,
    target::{Profile, Target},
    workspace::Workspace,
};

use self::{outcome::Outcome, text::Style};

/// The scenario that has everything in it.
const SCENARIO: &str = "mixed";

/// So many runs are made however little time there is: each fourth of them has neither, one each and both of the
/// perturbations, and of eight some have a surprise removal.
const RUNS_MIN: u64 = 8;

/// No command gets to the last of so many seeds.
const RUNS_MAX: u64 = 10_000_000;

/// The image that is run.
struct Driver {
    path: PathBuf,
    sha256: String,
}

/// Builds, runs and shows; the exit code is 0 where nothing was wrong, and 1 where something was.
///
/// # Errors
///
/// The driver cannot be built or run.
pub(crate) fn command(workspace: &Workspace, options: &RunOptions) -> Result<ExitCode> {
    let driver = build(workspace)?;
    let outcome = play(&driver.path, options)?;
    if let (Verdict::Error, Some(error)) = (outcome.report.verdict, &outcome.report.error) {
        bail!("{error}");
    }
    if options.json {
        print(&json::of(&outcome, &driver)?)?;
    } else {
        print(&text::of(&outcome, Style::of_stdout()))?;
    }
    Ok(ExitCode::from(outcome.exit_code()))
}

/// What the filter in `image` counts wrong in the runs that are always made, each as a line.
///
/// # Errors
///
/// It cannot be run, or breaks a rule.
pub(crate) fn miscounts(image: &Path) -> Result<Vec<String>> {
    let record = |device: &lab::DeviceMemory| memory::record(device);
    let runs = Lab::open(image)?
        .scenario(SCENARIO)
        .seeds(1..=RUNS_MIN)
        .collect(&record);
    let reports = runs.run_each()?;
    let outcome = Outcome::of(image, &runs, reports, Duration::ZERO);
    ensure!(outcome.report.verdict == Verdict::Clean, "{}", outcome.report);
    let differences = outcome.miscounts.into_iter().flat_map(|miscount| miscount.differences);
    Ok(differences.collect())
}

/// Builds the package, and says on standard error what it is: standard output is for the result.
fn build(workspace: &Workspace) -> Result<Driver> {
    // For the build alone: what comes after may take a minute, and reads the image only once.
    let _exclusive = Exclusive::acquire(workspace)?;
    let builder = Builder::prepare(workspace, Target::X64)?;
    eprintln!("build    {}, {}", Target::X64, builder.describe());
    let artifacts = builder.build(workspace, Profile::Release)?;
    let options = package::Options {
        target: Target::X64,
        profile: Profile::Release,
        disks: Match::AsWritten,
    };
    let package = package::make(workspace, &artifacts, &options)?;
    let gate = package.to_string();
    eprintln!("{}", gate.lines().next().unwrap_or_default());
    let path = package.image();
    let sha256 = reproduce::sha256(&path)?;
    eprintln!("sha256   {sha256}");
    let path = from_here(&path);
    Ok(Driver { path, sha256 })
}

/// The path from the current folder on, where it is below that: as a person would type it.
fn from_here(path: &Path) -> PathBuf {
    let here = env::current_dir().ok();
    let relative = here.and_then(|here| path.canonicalize().ok()?.strip_prefix(here).ok().map(Path::to_owned));
    relative.unwrap_or_else(|| path.to_owned())
}

/// Runs the driver, seed after seed, until the time is up or a rule is broken.
fn play(driver: &Path, options: &RunOptions) -> Result<Outcome> {
    let limit = Duration::from_secs(options.seconds);
    let (start, done) = (Instant::now(), AtomicU64::new(0));
    let bar = Mutex::new(progress_bar(options));
    let progress = |run: &RunReport| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        let elapsed = start.elapsed();
        let bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
        bar.set_position(u64::try_from(elapsed.min(limit).as_millis()).unwrap_or(u64::MAX));
        bar.set_message(format!("seed {}, {done} runs", run.seed));
        run.violation.is_none() && (elapsed < limit || done < RUNS_MIN)
    };
    let record = |device: &lab::DeviceMemory| memory::record(device);
    let runs = Lab::open(driver)?
        .scenario(SCENARIO)
        .seeds(options.seed..=options.seed.saturating_add(RUNS_MAX - 1))
        .collect(&record)
        .progress(&progress);
    let reports = runs.run_each()?;
    let elapsed = start.elapsed();
    bar.lock().unwrap_or_else(PoisonError::into_inner).finish_and_clear();
    Ok(Outcome::of(driver, &runs, reports, elapsed))
}

/// A bar on standard error, where that is a terminal and nobody asked for JSON.
fn progress_bar(options: &RunOptions) -> ProgressBar {
    let bar = ProgressBar::new(options.seconds.saturating_mul(1000));
    let shown = !options.json && io::stderr().is_terminal();
    bar.set_draw_target(if shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    });
    let style = ProgressStyle::with_template("lab      {wide_bar} {percent:>3} %  {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever closes the pipe early does not want the rest.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write the report"),
    }
}
