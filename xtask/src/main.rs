//! The command line of `cargo xtask`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use xtask::{
    build::{Builder, Exclusive, Profile, Target, wrapper},
    workspace::Workspace,
};

/// Builds, packages, checks and tests irpscope.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Builds irpscope.sys and what goes with it into target/package.
    Build {
        /// How the driver is built.
        #[arg(long, value_enum, default_value_t)]
        profile: Profile,
        /// What it is built for.
        #[arg(long, value_enum, default_value_t)]
        target: Target,
    },
}

fn main() -> ExitCode {
    if let Some(code) = wrapper::called_as_tool() {
        return code;
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever the causes hold.
            let line: Vec<String> = format!("{error:#}").lines().map(str::trim).map(str::to_owned).collect();
            eprintln!("error: {}", line.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::here();
    match arguments.command {
        Subcommands::Build { profile, target } => {
            let _exclusive = Exclusive::acquire(&workspace)?;
            let builder = Builder::prepare(&workspace, target)?;
            eprintln!("{}", builder.describe());
            let artifacts = builder.build(&workspace, profile)?;
            println!("{artifacts:?}");
            Ok(())
        }
    }
}
