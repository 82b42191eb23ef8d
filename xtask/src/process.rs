//! Running other programs: each failure becomes one line that names the program.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    process::{Command, Output},
};

use anyhow::{Context as _, Result, bail};

/// Runs `command` with our own standard streams, and fails where it fails.
///
/// # Errors
///
/// The program cannot be started, or ends with a non-zero exit code.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_run(command))?;
    if !status.success() {
        bail!("{} failed ({status}); what it printed above says why", name(command));
    }
    Ok(())
}

/// Runs `command` to its end and gives back what it printed.
///
/// # Errors
///
/// The program cannot be started. How it ended is for the caller to judge.
pub fn capture(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| cannot_run(command))
}

/// Runs `command` and gives back what it printed on standard output.
///
/// # Errors
///
/// The program cannot be started, ends with a non-zero exit code, or does not print text.
pub fn read(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}", name(command), last_line(&why));
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed something that is no text", name(command)))
}

/// The last line of a program's output that says anything.
#[must_use]
pub fn last_line(output: &str) -> &str {
    output
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("it does not say why")
        .trim()
}

/// Whether a program of this name can be started.
#[must_use]
pub fn exists(program: &str) -> bool {
    let missing = Command::new(program).arg("--version").output().err();
    missing.is_none_or(|error| error.kind() != ErrorKind::NotFound)
}

fn cannot_run(command: &Command) -> String {
    format!("cannot run {}", name(command))
}

/// The program and its first argument, which for the tools used here is the subcommand.
fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    match command.get_args().next().map(OsStr::to_string_lossy) {
        Some(argument) if argument.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            format!("`{program} {argument}`")
        }
        _ => format!("`{program}`"),
    }
}
