//! The lab's command line.
//!
//! Exit codes are a contract: 0 clean, 1 a violation, 2 the run could not be made or the command line makes no sense.

use std::{
    ffi::OsString,
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};

use crate::{
    lab::{Lab, LabError, Verifier},
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
    /// Measures how many READs a second a driver carries, with plain and with special pool.
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
    /// Which checks and perturbations are on, separated by commas: special (pool), pending, lowres; all has each on for
    /// some of the seeds, none has none on.
    #[arg(long, default_value = "all", value_parser = verifier)]
    verifier: Verifier,
    /// How many processors are simulated.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=192))]
    processors: u16,
    /// The name of the driver's service, the end of the registry path that it gets; that of its file by default.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
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

fn verifier(text: &str) -> Result<Verifier, String> {
    let mut verifier = Verifier {
        special_pool: false,
        pending: Some(false),
        low_resources: Some(false),
    };
    for word in text.split(',') {
        match word {
            "all" => verifier = Verifier::default(),
            "none" => {}
            "standard" | "special" => verifier.special_pool = true,
            "pending" => verifier.pending = Some(true),
            "lowres" => verifier.low_resources = Some(true),
            other => {
                return Err(format!(
                    "there is no {other:?}: there are all, none, standard, special, pending and lowres"
                ));
            }
        }
    }
    Ok(verifier)
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
    let shows_progress = count > 1 && !options.json && std::io::stderr().is_terminal();
    let progress = |_: &RunReport| {
        let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        if shows_progress {
            eprint!("\r{done} of {count} seeds");
        }
        true
    };
    let lab = lab(&options.common)?
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
            let _ = writeln!(text, "seed {}", run.seed);
            text += &run.log.take().unwrap_or_default();
        }
        std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    show(&lab.summary(runs), options.json)
}

fn replay(options: &Replay) -> Result<u8, String> {
    let lab = lab(&options.common)?
        .seeds(options.seed..=options.seed)
        .log(!options.json);
    let mut runs = lab.run_each().map_err(|error| error.to_string())?;
    for run in &mut runs {
        print(&run.log.take().unwrap_or_default())?;
    }
    show(&lab.summary(runs), options.json)
}

fn list_rules(json: bool) -> Result<u8, String> {
    if json {
        let text = serde_json::to_string_pretty(rules::all()).map_err(|error| error.to_string())?;
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
    print(&text)?;
    Ok(0)
}
