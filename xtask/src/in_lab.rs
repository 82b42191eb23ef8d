//! The commands that need the lab, and the one line that says so where there is none.
//!
//! The lab runs a driver's machine code in a process of its own host, so it exists on x86-64 Linux only; everything
//! else of xtask compiles and works elsewhere too.

use std::{collections::BTreeSet, ffi::OsString, path::Path, process::ExitCode};

use anyhow::Result;

use crate::workspace::Workspace;

/// What `cargo xtask run` is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// How long new runs are begun, in seconds.
    pub seconds: u64,
    /// The first seed.
    pub seed: u64,
    /// Whether JSON is printed instead of a report to be read.
    pub json: bool,
}

/// A part of a document that is made from the lab's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPart {
    /// The document, from the repository's root on.
    pub document: &'static str,
    /// The name in its marks.
    pub name: &'static str,
    /// What belongs between them.
    pub contents: String,
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod here {
    use std::fs;

    use anyhow::{Context as _, bail};

    use crate::{docs, rules, run};

    /// The test that the documentation shows.
    const EXAMPLE: &str = "tests/in_the_lab/main.rs";

    /// The longest line of a list of words.
    const LINE_MAX: usize = 118;

    /// The words, with a space between them, on as many lines as it takes.
    fn wrapped(words: &[&str]) -> String {
        let mut text = String::new();
        let mut width = 0;
        for word in words {
            let separator = match width {
                0 => "",
                _ if width + 1 + word.len() > LINE_MAX => "\n",
                _ => " ",
            };
            width = if separator == " " { width + 1 } else { 0 } + word.len();
            text.push_str(separator);
            text.push_str(word);
        }
        text
    }

    use super::{BTreeSet, DocumentPart, ExitCode, OsString, Path, Result, RunOptions, Workspace};

    /// Runs the lab's own command line; the exit code is the lab's.
    ///
    /// # Errors
    ///
    /// None here: the lab has told them.
    pub fn command_line(arguments: &[OsString]) -> Result<ExitCode> {
        let program = OsString::from("lab");
        Ok(lab::cli::main(
            std::iter::once(program).chain(arguments.iter().cloned()),
        ))
    }

    /// Builds the driver, runs it in the lab and shows what came of it.
    ///
    /// # Errors
    ///
    /// The driver cannot be built or run.
    pub fn run(workspace: &Workspace, options: &RunOptions) -> Result<ExitCode> {
        run::command(workspace, options)
    }

    /// What the filter in `image` counts wrong in a few runs; `None` where there is no lab to run it in.
    ///
    /// # Errors
    ///
    /// It cannot be run, or breaks a rule.
    pub fn miscounts(image: &Path) -> Result<Option<Vec<String>>> {
        run::miscounts(image).map(Some)
    }

    /// The ids of the rules that the driver in `image` breaks in a few runs of a scenario; `None` where there is no lab to run it in.
    ///
    /// # Errors
    ///
    /// It cannot be run.
    pub fn broken_rules(image: &Path, scenario: &str) -> Result<Option<BTreeSet<String>>> {
        const SEEDS: u64 = 16;
        let report = lab::Lab::open(image)?.scenario(scenario).seeds(1..=SEEDS).run()?;
        if let Some(error) = report.error {
            bail!("{} cannot be run: {error}", image.display());
        }
        Ok(Some(
            report.violations.into_iter().map(|violation| violation.rule).collect(),
        ))
    }

    /// Writes the table of rules, or looks whether it is as it should be.
    ///
    /// # Errors
    ///
    /// With `check_only`, the document is stale or contradicts what it refers to; or a file cannot be read or written.
    pub fn rules(root: &Path, check_only: bool) -> Result<()> {
        if check_only {
            rules::consistent(root)?;
        }
        docs::write(root, rules::parts(root)?, check_only)
    }

    /// The table of what can be played with a driver.
    fn scenarios() -> String {
        let mut table = String::from("| scenario | requests a run | what is played |\n|---|---|---|\n");
        for scenario in &lab::SCENARIOS {
            table.push_str(&format!(
                "| `{}` | {} | {} |\n",
                scenario.name, scenario.requests, scenario.about
            ));
        }
        table
    }

    /// The parts of documents that are made from the lab's code.
    ///
    /// # Errors
    ///
    /// What they refer to cannot be read.
    pub fn document_parts(root: &Path) -> Result<Vec<DocumentPart>> {
        let part = |name, language, text: &str| DocumentPart {
            document: "docs/lab.md",
            name,
            contents: format!("```{language}\n{}\n```\n", text.trim_end()),
        };
        let example = fs::read_to_string(root.join(EXAMPLE)).with_context(|| format!("cannot read {EXAMPLE}"))?;
        // What follows the lines that say what the file is.
        let example = example.split_once("\n\n").map_or("", |(_, code)| code);
        let mut parts = rules::parts(root)?;
        parts.push(part("test", "rust", example));
        parts.push(DocumentPart {
            document: "docs/lab.md",
            name: "scenarios",
            contents: scenarios(),
        });
        parts.push(part("functions", "text", &wrapped(&lab::functions())));
        parts.push(part("commands", "text", &lab::cli::help()));
        Ok(parts)
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod elsewhere {
    use anyhow::bail;

    use super::{BTreeSet, DocumentPart, ExitCode, OsString, Path, Result, RunOptions, Workspace};

    const NO_LAB: &str = "the lab runs x86-64 drivers in a process of its own, so this needs x86-64 Linux";

    /// Says that there is no lab here.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn command_line(_arguments: &[OsString]) -> Result<ExitCode> {
        bail!(NO_LAB)
    }

    /// Says that there is no lab here.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn run(_workspace: &Workspace, _options: &RunOptions) -> Result<ExitCode> {
        bail!(NO_LAB)
    }

    /// What the filter in `image` counts wrong: nobody can say here.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn miscounts(_image: &Path) -> Result<Option<Vec<String>>> {
        Ok(None)
    }

    /// The rules that the driver in `image` breaks: nobody can say here.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn broken_rules(_image: &Path, _scenario: &str) -> Result<Option<BTreeSet<String>>> {
        Ok(None)
    }

    /// Says that there is no lab here.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn rules(_root: &Path, _check_only: bool) -> Result<()> {
        bail!(NO_LAB)
    }

    /// None: what is made from the lab's code is checked where there is a lab.
    ///
    /// # Errors
    ///
    /// Never.
    pub fn document_parts(_root: &Path) -> Result<Vec<DocumentPart>> {
        Ok(Vec::new())
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub use elsewhere::{broken_rules, command_line, document_parts, miscounts, rules, run};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use here::{broken_rules, command_line, document_parts, miscounts, rules, run};
