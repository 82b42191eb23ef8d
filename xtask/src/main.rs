//! The command line of `cargo xtask`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use xtask::{
    build::{Builder, Exclusive, wrapper},
    compile_fail, docs,
    inf::{HardwareId, Match},
    package, reproduce,
    target::{Profile, Target},
    test,
    workspace::Workspace,
};

/// The exit code of a command line that makes no sense.
const USAGE: u8 = 2;

/// Builds, packages, checks and tests irpscope.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Builds irpscope.sys and what goes with it into target/package, and installs what that takes.
    Build(Build),
    /// Runs everything that must pass: formatting, clippy, the build, every test, the image gate.
    Test,
    /// Compiles what must not compile: for each rule that types enforce, a misuse and its corrected twin.
    CompileFail,
    /// Writes the parts of the documentation that are made from code.
    Docs {
        /// Change nothing, and fail where a document is stale.
        #[arg(long)]
        check: bool,
    },
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
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {}", one_line(&format!("{error:#}")));
                ExitCode::FAILURE
            }
        },
        Err(error) if error.use_stderr() => {
            eprintln!("{}", one_line(&error.to_string()));
            ExitCode::from(USAGE)
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

fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::here();
    let _exclusive = Exclusive::acquire(&workspace)?;
    match &arguments.command {
        Subcommands::Build(options) => build(&workspace, options),
        Subcommands::Test => test::run(&workspace, &help()),
        Subcommands::CompileFail => {
            let builder = Builder::prepare(&workspace, Target::X64)?;
            compile_fail::check(&workspace, &builder)
        }
        Subcommands::Docs { check } => docs::refresh(workspace.root(), &help(), *check),
    }
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
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_documents_have_what_the_code_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        docs::refresh(&root, &help(), true).unwrap();
    }
}
