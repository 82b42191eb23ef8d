//! What must not compile: for each rule that the types of `crates/wdm` enforce, a program that breaks it.
//!
//! The programs are `tests/compile_fail/*.rs`, and the README there says how one is written. Each is compiled twice for
//! the driver's target, by the driver's compiler and against the library as the driver links it: the misuse, which the
//! compiler has to refuse where and for the reason that the program says, and its corrected twin, which it has to take.
//! What is not looked at is the rest of what the compiler prints, which changes from release to release.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    build::{Builder, Library},
    lints::Finding,
    process,
    workspace::Workspace,
};

use self::{compiler::Version, program::Program};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) use self::rules::DOCUMENTED;

mod compiler;
mod program;
mod rules;
mod verdict;

/// Where the programs are.
const FOLDER: &str = "tests/compile_fail";

/// The edition that they are written in: the workspace's.
const EDITION: &str = "2024";

/// What one of the programs is about, as the documentation has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The rule: one that Microsoft documents for WDM, in CamelCase, or one of the library's own, in snake_case.
    pub rule: String,
    /// What the rule comes to in types.
    pub meaning: String,
    /// The types of `crates/wdm` that enforce it.
    pub types: Vec<String>,
    /// The program, from the repository's root on, with `/` on every host.
    pub file: String,
}

/// Every program of the checkout at `root`, sorted by rule.
///
/// # Errors
///
/// A program cannot be read, or is not written as it has to be.
pub fn tests(root: &Path) -> Result<Vec<Test>> {
    let (programs, findings) = read(root)?;
    if let Some(finding) = findings.first() {
        bail!("{finding}");
    }
    Ok(programs.into_iter().map(|program| program.test).collect())
}

/// Compiles every program of the checkout, both ways, and fails where the types, or a program, are not as they should be.
///
/// # Errors
///
/// Something was found, and has been told; or a program cannot be read, or the compiler cannot be run on one.
pub fn check(workspace: &Workspace, builder: &Builder) -> Result<()> {
    let (programs, mut findings) = read(workspace.root())?;
    let library = builder.library(workspace)?;
    let output = workspace.target().join("compile_fail");
    fs::create_dir_all(&output).with_context(|| format!("cannot make the folder {}", output.display()))?;
    for judged in each_in_parallel(&programs, |program| judge(program, workspace.root(), &library, &output)) {
        findings.extend(judged?);
    }
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    for finding in &findings {
        eprintln!("{finding}");
    }
    ensure!(
        findings.is_empty(),
        "{} findings above, in {FOLDER} or in the types of crates/wdm",
        findings.len()
    );
    println!(
        "{} programs: each misuse is refused, each corrected twin compiles",
        programs.len()
    );
    Ok(())
}

/// Fails where a program is not formatted, which `cargo fmt` does not see: they belong to no package.
///
/// # Errors
///
/// A program is not formatted, or rustfmt cannot be run.
pub fn formatted(workspace: &Workspace) -> Result<()> {
    let files = files(workspace.root())?;
    let mut rustfmt = Command::new("rustfmt");
    rustfmt
        .current_dir(workspace.root())
        .args(["--check", "--edition", EDITION]);
    process::run(rustfmt.args(files))
}

fn judge(program: &Program, root: &Path, library: &Library, output: &Path) -> Result<Vec<Finding>> {
    let compile = |version| compiler::compile(program, version, root, library, output);
    let mut findings = verdict::of_misuse(program, &compile(Version::Misuse)?);
    findings.extend(verdict::of_twin(program, &compile(Version::Corrected)?));
    Ok(findings)
}

/// The programs that are well written, sorted, and what is wrong with the others.
fn read(root: &Path) -> Result<(Vec<Program>, Vec<Finding>)> {
    let (mut programs, mut findings) = (Vec::new(), Vec::new());
    for file in files(root)? {
        let text = fs::read_to_string(root.join(&file)).with_context(|| format!("cannot read {file}"))?;
        match Program::read(&file, &text) {
            Ok(program) => programs.push(program),
            Err(wrong) => findings.extend(wrong),
        }
    }
    Ok((programs, findings))
}

/// The programs, sorted, from the repository's root on and with `/` on every host.
fn files(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(FOLDER);
    let unreadable = || format!("cannot read the folder {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(unreadable)? {
        let name = entry.with_context(unreadable)?.file_name();
        let name = name
            .to_str()
            .context("a file of the folder has a name that is no text")
            .with_context(unreadable)?;
        if name.ends_with(".rs") {
            files.push(format!("{FOLDER}/{name}"));
        }
    }
    ensure!(!files.is_empty(), "there is no program in {FOLDER}");
    files.sort();
    Ok(files)
}

/// What `work` makes of each item, in the order of the items, done by as many threads as there are processors.
fn each_in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return done;
            };
            done.push((at, work(item)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_program_of_this_repository_is_well_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (programs, findings) = read(&root).unwrap();
        let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(findings, [""; 0], "\n{}", findings.join("\n"));
        assert!(!programs.is_empty());
    }

    #[test]
    fn a_program_that_is_badly_written_is_told_and_the_others_are_still_read() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(FOLDER)).unwrap();
        let good = "//! Once.\n//!\n//! Enforced by: `Irp`\nfn a(_: Irp) {} //~ ERROR E0382: use of moved value\n";
        for (name, text) in [("README.md", ""), ("RemoveLock.rs", good), ("DoubleCompletion.rs", "")] {
            fs::write(root.path().join(FOLDER).join(name), text).unwrap();
        }
        let (programs, findings) = read(root.path()).unwrap();
        assert_eq!(programs.len(), 1);
        assert_eq!(programs[0].test.rule, "RemoveLock");
        assert!(!findings.is_empty());
        let told = tests(root.path()).unwrap_err().to_string();
        assert!(told.starts_with("tests/compile_fail/DoubleCompletion.rs:1: "), "{told}");
    }

    #[test]
    fn a_folder_without_programs_is_an_error_and_not_a_success() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(FOLDER)).unwrap();
        assert!(read(root.path()).is_err());
    }

    #[test]
    fn results_come_in_the_order_of_the_items_whoever_made_them() {
        let items: Vec<u32> = (0..100).collect();
        let slow_first = |item: &u32| {
            if *item == 0 {
                thread::yield_now();
            }
            item * 2
        };
        let expected: Vec<u32> = items.iter().map(|item| item * 2).collect();
        assert_eq!(each_in_parallel(&items, slow_first), expected);
        assert_eq!(each_in_parallel(&[], slow_first), [0; 0]);
    }
}
