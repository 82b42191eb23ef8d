//! The command line of `cargo xtask`.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use xtask::{
    build::{Builder, Exclusive, wrapper},
    compile_fail, docs,
    in_lab::{self, RunOptions},
    inf::{HardwareId, Match},
    package, reproduce,
    target::{Profile, Target},
    test,
    workspace::Workspace,
};

/// The exit code of a command line that makes no sense, and of a driver that could not be run.
const NOT_RUN: u8 = 2;

/// Builds, runs, checks and tests irpscope.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Builds irpscope.sys, runs it in the lab under every check, and shows what it counted.
    ///
    /// The exit code is 0 where nothing was wrong, 1 where a rule was broken or the filter counted wrong, and 2 where it
    /// could not be run.
    Run(Run),
    /// Builds irpscope.sys and what goes with it into target/package, and installs what that takes.
    Build(Build),
    /// Runs everything that must pass: formatting, clippy, the build, every test, the image gate.
    Test,
    /// Compiles what must not compile: for each rule that types enforce, a misuse and its corrected twin.
    CompileFail,
    /// Runs any driver in the lab: the lab's own command line, with its own exit codes.
    ///
    /// `cargo xtask lab -- --help` shows it.
    #[command(disable_help_flag = true)]
    Lab {
        /// What the lab is told, after `--`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measures in the lab what following costs: irpscope.sys against a driver that follows and counts nothing.
    Bench {
        /// How many READs each is sent, with each kind of pool.
        #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
        requests: u64,
    },
    /// Writes the table of rules, docs/rules.md.
    Rules {
        /// Change nothing, and fail where the table is stale or contradicts what it refers to.
        #[arg(long)]
        check: bool,
    },
    /// Writes the parts of the documentation that are made from code.
    Docs {
        /// Change nothing, and fail where a document is stale.
        #[arg(long)]
        check: bool,
    },
}

#[derive(Args)]
struct Run {
    /// How long new runs are begun; a few are made in any case.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// The first seed. The runs are those of this seed and the ones after it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print JSON, and no progress.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Build {
    /// How the driver is built.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// What it is built for. For aarch64 the package goes to target/package-aarch64.
    #[arg(long, value_enum, default_value_t)]
    target: Target,
    /// The disk that the package's INF is for, as `pnputil /enum-devices /class DiskDrive /ids` prints it.
    #[arg(long, value_name = "ID", conflicts_with = "all_disks")]
    hardware_id: Option<HardwareId>,
    /// Make the INF for every disk, the boot disk among them: for test-signed machines only.
    #[arg(long)]
    all_disks: bool,
    /// Also build in two other folders, and compare the images byte for byte.
    #[arg(long)]
    verify_reproducible: bool,
    /// Build the drivers of tests/drivers into target/drivers, and no package.
    #[arg(long, conflicts_with_all = ["target", "hardware_id", "all_disks", "verify_reproducible"])]
    test_drivers: bool,
}

fn main() -> ExitCode {
    if let Some(code) = wrapper::called_as_tool() {
        return code;
    }
    match Arguments::try_parse() {
        Ok(arguments) => match run(&arguments) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("error: {}", one_line(&format!("{error:#}")));
                match arguments.command {
                    Subcommands::Run(_) | Subcommands::Lab { .. } => ExitCode::from(NOT_RUN),
                    _ => ExitCode::FAILURE,
                }
            }
        },
        Err(error) if error.use_stderr() => {
            eprintln!("{}", one_line(&error.to_string()));
            ExitCode::from(NOT_RUN)
        }
        // What was asked for: the help or the version.
        Err(error) => error.exit(),
    }
}

/// A message on one line, whatever its causes hold.
fn one_line(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::here();
    let exclusive = || Exclusive::acquire(&workspace);
    match &arguments.command {
        // These two take long and build little or nothing: another build need not wait for them.
        Subcommands::Run(options) => {
            let options = RunOptions {
                seconds: options.seconds,
                seed: options.seed,
                json: options.json,
            };
            return in_lab::run(&workspace, &options);
        }
        Subcommands::Lab { arguments } => return in_lab::command_line(arguments),
        Subcommands::Bench { requests } => return bench(&workspace, *requests),
        Subcommands::Build(options) => {
            let _exclusive = exclusive()?;
            build(&workspace, options)?;
        }
        Subcommands::Test => {
            let _exclusive = exclusive()?;
            test::run(&workspace, &help())?;
        }
        Subcommands::CompileFail => {
            let _exclusive = exclusive()?;
            let builder = Builder::prepare(&workspace, Target::X64)?;
            compile_fail::check(&workspace, &builder)?;
        }
        Subcommands::Rules { check } => in_lab::rules(workspace.root(), *check)?,
        Subcommands::Docs { check } => docs::refresh(workspace.root(), &help(), *check)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn bench(workspace: &Workspace, requests: u64) -> Result<ExitCode> {
    let (driver, baseline) = {
        let _exclusive = Exclusive::acquire(workspace)?;
        let builder = Builder::prepare(workspace, Target::X64)?;
        let drivers = builder.build_test_drivers(workspace, Profile::Release)?;
        let baseline = drivers
            .into_iter()
            .find(|driver| driver.ends_with("offender.sys"))
            .context("tests/drivers has no offender, which does nothing wrong unless it is told to")?;
        let artifacts = builder.build(workspace, Profile::Release)?;
        let options = package::Options {
            target: Target::X64,
            profile: Profile::Release,
            disks: Match::AsWritten,
        };
        (package::make(workspace, &artifacts, &options)?.image(), baseline)
    };
    let requests = requests.to_string();
    let arguments = [
        "bench".as_ref(),
        baseline.as_os_str(),
        "--against".as_ref(),
        driver.as_os_str(),
        "--requests".as_ref(),
        requests.as_ref(),
    ];
    in_lab::command_line(&arguments.map(OsString::from))
}

fn build(workspace: &Workspace, options: &Build) -> Result<()> {
    let builder = Builder::prepare(workspace, options.target)?;
    println!("build    {}, {}", options.target, builder.describe());
    if options.test_drivers {
        for image in builder.build_test_drivers(workspace, options.profile)? {
            println!("driver   {}", image.display());
        }
        return Ok(());
    }
    let artifacts = builder.build(workspace, options.profile)?;
    let disks = match &options.hardware_id {
        Some(id) => Match::HardwareId(id.clone()),
        None if options.all_disks => Match::AllDisks,
        None => Match::AsWritten,
    };
    let options_of_package = package::Options {
        target: options.target,
        profile: options.profile,
        disks,
    };
    let package = package::make(workspace, &artifacts, &options_of_package)?;
    println!("{package}");
    println!("sha256   {}", reproduce::sha256(&package.image())?);
    if options.target == Target::Arm64 {
        println!(
            "warning  no structure layout has been checked on ARM64: do not run this image on a machine that matters"
        );
    }
    if options.verify_reproducible {
        reproduce::verify(workspace, &builder, options.profile)?;
    }
    Ok(())
}

/// The help of every command, as the documentation has it.
fn help() -> String {
    let mut command = Arguments::command();
    let mut text = command.render_long_help().to_string();
    for subcommand in command
        .get_subcommands_mut()
        .filter(|subcommand| subcommand.get_name() != "help")
    {
        let mut subcommand = subcommand
            .clone()
            .bin_name(format!("cargo xtask {}", subcommand.get_name()));
        text.push_str("\n\n");
        text.push_str(&subcommand.render_long_help().to_string());
    }
    // A width of lines that is the terminal's would make the text depend on it; clap wraps only with that feature on.
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_unknown_target_or_profile_is_one_line_that_names_the_known_ones() {
        for (arguments, known) in [
            (
                ["xtask", "build", "--target=riscv64"],
                "[possible values: x86_64, aarch64]",
            ),
            (["xtask", "build", "--profile=fast"], "[possible values: dev, release]"),
        ] {
            let error = Arguments::try_parse_from(arguments).err().unwrap();
            let line = one_line(&error.to_string());
            assert!(
                error.use_stderr() && line.contains(known) && !line.contains('\n'),
                "{line}"
            );
        }
    }

    #[test]
    fn a_target_may_be_named_as_rustc_does() {
        for triple in ["x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc"] {
            let arguments = Arguments::try_parse_from(["xtask", "build", "--target", triple]).unwrap();
            assert!(matches!(arguments.command, Subcommands::Build(options) if options.target.triple() == triple));
        }
    }

    #[test]
    fn a_hardware_id_that_is_none_is_refused_before_anything_is_built() {
        let error = Arguments::try_parse_from(["xtask", "build", "--hardware-id", "GenDisk"])
            .err()
            .unwrap();
        assert!(error.to_string().contains("--all-disks"), "{error}");
    }

    #[test]
    fn the_labs_arguments_are_passed_on_as_they_are() {
        for arguments in [
            &["xtask", "lab", "--", "run", "a.sys", "--json"][..],
            &["xtask", "lab", "run", "a.sys", "--json"],
        ] {
            let arguments = Arguments::try_parse_from(arguments).unwrap();
            assert!(
                matches!(&arguments.command, Subcommands::Lab { arguments } if *arguments == ["run", "a.sys", "--json"])
            );
        }
        let help = Arguments::try_parse_from(["xtask", "lab", "--", "--help"]).unwrap();
        assert!(matches!(&help.command, Subcommands::Lab { arguments } if *arguments == ["--help"]));
    }

    #[test]
    fn a_run_takes_a_minute_at_most() {
        for (seconds, good) in [("0", false), ("1", true), ("60", true), ("61", false)] {
            let parsed = Arguments::try_parse_from(["xtask", "run", "--seconds", seconds]);
            assert_eq!(parsed.is_ok(), good, "{seconds}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_documents_have_what_the_code_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        docs::refresh(&root, &help(), true).unwrap();
    }
}
