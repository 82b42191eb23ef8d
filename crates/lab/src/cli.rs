//! The lab's command line.
//!
//! Exit codes are a contract: 0 clean, 1 a violation, 2 the run could not be made or the command line makes no sense.

use std::{
    ffi::OsString,
    fmt::{self, Write as _},
    io::{IsTerminal as _, Write as _},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};

use crate::{
    costs,
    kernel::sites::FailSite,
    lab::{Lab, LabError, PROCESSORS, Verifier},
    report::{Report, RunReport, Verdict},
    rules,
    world::scenario,
};

/// The exit code where nothing could be run.
const EXIT_NOT_RUN: u8 = 2;

/// Runs a WDM driver in a simulated NT kernel, under Driver Verifier's and Static Driver Verifier's rules.
#[derive(Parser)]
#[command(name = "lab", version, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a driver with one or many seeds, and says which rules it broke.
    Run(Run),
    /// Runs a driver with one seed, exactly as before, and prints what happened, event by event.
    Replay(Replay),
    /// Lists the rules.
    Rules {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measures how many READs a second a driver carries, with plain and with special pool, and in simulated time what it
    /// costs to take a long READ apart and to send a failed one again, where the driver does that.
    Bench(Bench),
}

#[derive(Args)]
struct Common {
    /// The driver: a .sys file for x64.
    driver: PathBuf,
    /// What is played with it.
    #[arg(long, default_value = "read", value_parser = scenario_name)]
    scenario: String,
    /// How many requests are sent with each seed; each scenario has a number of its own.
    #[arg(long, value_name = "N")]
    requests: Option<u64>,
    /// Which checks and perturbations are on, separated by commas: special (pool), pending, lowres, step (preemption
    /// between instructions); all has each on for some of the seeds, none has none on. With sysres, which all leaves
    /// out, there is a run for each call of the driver that can fail, with just that one failing, as in the scenario
    /// lowres.
    #[arg(long, default_value = "all", value_parser = verifier)]
    verifier: Verifier,
    /// How many processors are simulated.
    #[arg(long, value_name = "N", default_value_t = PROCESSORS, value_parser = clap::value_parser!(u16).range(1..=192))]
    processors: u16,
    /// The name of the driver's service, the end of the registry path that it gets; that of its file by default.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// A value in the Parameters key of the driver's service: a REG_DWORD, decimal or 0x and hexadecimal. Can be given
    /// more than once.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, u32)>,
    /// How many seconds a run may take before it is given up; 30, and more where many requests are sent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    /// The seed.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// The seeds, first and last: 1..1000.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<RangeInclusive<u64>>,
    /// Make no more runs after this many with a violation; one that had to be waited for counts for 25.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    violations: u64,
    /// Write the event logs of all runs to this file.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Replay {
    #[command(flatten)]
    common: Common,
    /// The seed.
    #[arg(long, value_name = "N")]
    seed: u64,
    /// A call of the driver that fails, as a report with systematic low resources names it; several where it is given
    /// more than once.
    #[arg(long, value_name = "SITE")]
    fail_site: Vec<FailSite>,
    /// Print JSON, without the events.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Bench {
    /// The driver: a .sys file for x64.
    driver: PathBuf,
    /// Another driver to compare it with, or another build of it.
    #[arg(long, value_name = "OTHER.sys")]
    against: Option<PathBuf>,
    /// How many READs are sent.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    requests: u64,
}

fn scenario_name(name: &str) -> Result<String, String> {
    scenario::find(name)
        .map(|_| name.to_owned())
        .ok_or_else(|| LabError::Scenario { name: name.to_owned() }.to_string())
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wrong = || format!("{text:?} is no range of seeds: write the first and the last, as in 1..1000");
    let (first, last) = text.split_once("..").ok_or_else(wrong)?;
    let last = last.strip_prefix('=').unwrap_or(last);
    let first: u64 = first.parse().map_err(|_| wrong())?;
    let last: u64 = last.parse().map_err(|_| wrong())?;
    if first > last {
        return Err(wrong());
    }
    Ok(first..=last)
}

fn parameter(text: &str) -> Result<(String, u32), String> {
    let wrong = || format!("{text:?} is no parameter: write a name and a number of 32 bits, as in Name=1 or Name=0x10");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let value = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => value.parse(),
    };
    match value {
        Ok(value) if !name.is_empty() => Ok((name.to_owned(), value)),
        _ => Err(wrong()),
    }
}

fn verifier(text: &str) -> Result<Verifier, String> {
    let mut verifier = Verifier {
        special_pool: false,
        pending: Some(false),
        low_resources: Some(false),
        systematic: false,
        stepping: Some(false),
    };
    for word in text.split(',') {
        match word {
            "all" => verifier = Verifier::default(),
            "none" => {}
            "standard" | "special" => verifier.special_pool = true,
            "pending" => verifier.pending = Some(true),
            "lowres" => verifier.low_resources = Some(true),
            "step" => verifier.stepping = Some(true),
            "sysres" => verifier.systematic = true,
            other => {
                return Err(format!(
                    "there is no {other:?}: there are all, none, standard, special, pending, lowres, step and sysres"
                ));
            }
        }
    }
    Ok(verifier)
}

/// What [`verifier`] makes the same of, as far as a command line can say it.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_seed = self.pending.is_none() && self.low_resources.is_none();
        let words = [
            (by_seed, "all"),
            (self.special_pool && !by_seed, "special"),
            (self.pending == Some(true), "pending"),
            (self.low_resources == Some(true), "lowres"),
            (self.systematic, "sysres"),
        ];
        let words: Vec<&str> = words
            .into_iter()
            .filter_map(|(is_on, word)| is_on.then_some(word))
            .collect();
        f.write_str(if words.is_empty() { "none" } else { "" })?;
        f.write_str(&words.join(","))
    }
}

/// Runs the command line in `arguments`, the first of which is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprintln!("error: no command is given: there are run, replay, rules and bench; see lab --help");
            return ExitCode::from(EXIT_NOT_RUN);
        }
        Err(error) if error.use_stderr() => {
            eprintln!("{}", one_line(&error.to_string()));
            return ExitCode::from(EXIT_NOT_RUN);
        }
        Err(error) => {
            // The help or the version. Whoever closes the pipe early does not want the rest.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    let result = match &arguments.command {
        Command::Run(run) => self::run(run),
        Command::Replay(replay) => self::replay(replay),
        Command::Rules { json } => list_rules(*json),
        Command::Bench(bench) => self::bench(bench),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("error: {}", one_line(&message));
            ExitCode::from(EXIT_NOT_RUN)
        }
    }
}

/// The help of every command, for the documentation.
pub fn help() -> String {
    let mut command = Arguments::command();
    let mut text = command.render_long_help().to_string();
    for subcommand in command
        .get_subcommands_mut()
        .filter(|subcommand| subcommand.get_name() != "help")
    {
        let mut subcommand = subcommand.clone().bin_name(format!("lab {}", subcommand.get_name()));
        let _ = write!(text, "\n\n{}", subcommand.render_long_help());
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn one_line(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

fn lab<'a>(common: &Common) -> Result<Lab<'a>, String> {
    let lab = Lab::open(&common.driver).map_err(|error| error.to_string())?;
    let mut lab = lab
        .scenario(&common.scenario)
        .verifier(common.verifier)
        .processors(common.processors.into());
    if let Some(seconds) = common.timeout {
        lab = lab.run_seconds(seconds);
    }
    if let Some(requests) = common.requests {
        lab = lab.requests(requests);
    }
    if let Some(service) = &common.service {
        lab = lab.service(service);
    }
    for (name, value) in &common.parameters {
        lab = lab.parameter(name, *value);
    }
    Ok(lab)
}

fn print(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever closes the pipe early does not want the rest.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| format!("cannot write the result: {error}")),
    }
}

fn show(report: &Report, json: bool) -> Result<u8, String> {
    if json {
        let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
        print(&format!("{text}\n"))?;
    } else {
        print(&report.to_string())?;
    }
    Ok(report.verdict.exit_code())
}

fn run(options: &Run) -> Result<u8, String> {
    let seeds = match (options.seed, &options.seeds) {
        (Some(seed), _) => seed..=seed,
        (None, Some(seeds)) => seeds.clone(),
        (None, None) => 1..=1,
    };
    let count = seeds.end() - seeds.start() + 1;
    let done = std::sync::atomic::AtomicU64::new(0);
    let lab = lab(&options.common)?;
    let is_systematic = lab.makes_systematic_runs();
    let shows_progress = (count > 1 || is_systematic) && !options.json && std::io::stderr().is_terminal();
    let progress = |_: &RunReport| {
        let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        if shows_progress {
            if is_systematic {
                eprint!("\r{done} runs");
            } else {
                eprint!("\r{done} of {count} seeds");
            }
        }
        true
    };
    let lab = lab
        .seeds(seeds)
        .log(options.log.is_some())
        .violations_max(options.violations)
        .progress(&progress);
    let mut runs = lab.run_each().map_err(|error| error.to_string())?;
    if shows_progress {
        eprintln!();
    }
    if let Some(path) = &options.log {
        let mut text = String::new();
        for run in &mut runs {
            let _ = write!(text, "seed {}", run.seed);
            for site in &run.fail_sites {
                let _ = write!(text, " --fail-site {site}");
            }
            text.push('\n');
            text += &run.log.take().unwrap_or_default();
        }
        std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    show(&lab.summary(runs), options.json)
}

fn replay(options: &Replay) -> Result<u8, String> {
    let mut lab = lab(&options.common)?
        .seeds(options.seed..=options.seed)
        .log(!options.json);
    if lab.makes_systematic_runs() || !options.fail_site.is_empty() {
        lab = lab.fail_sites(options.fail_site.clone());
    }
    let mut runs = lab.run_each().map_err(|error| error.to_string())?;
    for run in &mut runs {
        print(&run.log.take().unwrap_or_default())?;
    }
    show(&lab.summary(runs), options.json)
}

fn list_rules(json: bool) -> Result<u8, String> {
    if json {
        let text = serde_json::to_string_pretty(&rules::listed()).map_err(|error| error.to_string())?;
        print(&format!("{text}\n"))?;
        return Ok(0);
    }
    let mut text = String::new();
    for rule in rules::all() {
        let _ = writeln!(text, "{:<45} {}", rule.id, rule.meaning);
    }
    print(&text)?;
    Ok(0)
}

fn name_of(driver: &Path) -> String {
    driver
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn bench(options: &Bench) -> Result<u8, String> {
    let mut baseline = None;
    let mut text = String::new();
    for (pool, special_pool) in [("plain", false), ("special", true)] {
        for driver in std::iter::once(&options.driver).chain(&options.against) {
            let lab = Lab::open(driver)
                .map_err(|error| error.to_string())?
                .requests(options.requests)
                .run_seconds(600)
                .verifier(Verifier {
                    special_pool,
                    pending: Some(false),
                    low_resources: Some(false),
                    systematic: false,
                    stepping: Some(false),
                });
            let start = Instant::now();
            let report = lab.run().map_err(|error| error.to_string())?;
            let seconds = start.elapsed().as_secs_f64();
            if report.verdict != Verdict::Clean {
                return show(&report, false);
            }
            let ratio = seconds / *baseline.get_or_insert(seconds);
            let rate = options.requests as f64 / seconds;
            let _ = writeln!(
                text,
                "{pool:<8} pool  {:<30} {:>9.0} READs/s  {ratio:>6.2} times as long as the first",
                name_of(driver),
                rate
            );
        }
    }
    for driver in std::iter::once(&options.driver).chain(&options.against) {
        text += &simulated_costs(driver);
    }
    print(&text)?;
    Ok(0)
}

/// How many parts of a long READ are below at once, in the comparison.
const WINDOWS: [u32; 2] = [1, 8];
/// How often a READ fails that recovers, and the wait before it is sent again for the first time.
const FAILURES: u32 = 2;
const BACKOFF_MS: u32 = 10;

/// What it costs in simulated time to take a READ apart and to send one again, where the driver does it.
fn simulated_costs(driver: &Path) -> String {
    let (mut text, name) = (String::new(), name_of(driver));
    let mut first = None;
    for window in WINDOWS {
        match costs::of_a_divided_read(driver, window) {
            Ok(took) => {
                let times = first.get_or_insert(took).as_secs_f64() / took.as_secs_f64();
                let _ = writeln!(
                    text,
                    "simulated      {name:<30} {:>9.3} ms for {} KiB in parts of {} KiB, {window} at once: {times:.2} times the \
                     first",
                    took.as_secs_f64() * 1e3,
                    costs::TRANSFER_BYTES / 1024,
                    costs::PART_BYTES / 1024
                );
            }
            Err(_) => {
                let _ = writeln!(text, "simulated      {name:<30} takes no READ apart");
                break;
            }
        }
    }
    let _ = match costs::of_a_recovered_read(driver, FAILURES, BACKOFF_MS) {
        Ok(took) => writeln!(
            text,
            "simulated      {name:<30} {:>9.3} ms for a READ that fails {FAILURES} times and recovers, from {BACKOFF_MS} ms of \
             back-off on",
            took.as_secs_f64() * 1e3
        ),
        Err(_) => writeln!(text, "simulated      {name:<30} sends no READ again"),
    };
    text
}
