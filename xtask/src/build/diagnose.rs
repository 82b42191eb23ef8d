//! Why a build failed, where the reason is the machine and not the source.
//!
//! Cargo says what went wrong at length and in the middle of its output. Two reasons can be told by looking: a disk that
//! is full, and crates that are neither here nor to be had. It is only looked for when cargo has failed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Error, anyhow};

use crate::workspace::Workspace;

/// A build of the driver takes more than this, so a disk with less free is as good as full.
const FREE_MIB_MIN: u64 = 64;

/// The error with which a failed build ends: `error`, or what is behind it.
pub(super) fn explain(error: Error, workspace: &Workspace, triple: &str) -> Error {
    let target = workspace.target();
    if free_mib(&target).is_some_and(|free| free < FREE_MIB_MIN) {
        return anyhow!(
            "the disk that holds {} is full: make room, then build again",
            target.display()
        );
    }
    if !has_all_crates(workspace, triple) {
        return anyhow!(
            "the driver's crates are not on this machine, and cargo could not fetch them: is there a network? When there \
             is, build again"
        );
    }
    error
}

/// How much of the file system that holds `folder` is free; `None` where this host does not tell.
fn free_mib(folder: &Path) -> Option<u64> {
    let mut df = Command::new("df");
    df.args(["--output=avail", "--block-size=1M"])
        .arg(folder)
        .stderr(Stdio::null());
    let output = df.output().ok()?;
    String::from_utf8(output.stdout)
        .ok()?
        .lines()
        .nth(1)?
        .trim()
        .parse()
        .ok()
}

/// Whether every crate that the driver is built from has been fetched.
fn has_all_crates(workspace: &Workspace, triple: &str) -> bool {
    let mut cargo = workspace.cargo();
    cargo
        .args(["fetch", "--locked", "--offline", "--target", triple])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Where cargo itself cannot be run, the error at hand says so.
    cargo.status().map_or(true, |status| status.success())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TRIPLE: &str = "x86_64-pc-windows-msvc";

    /// The error of a failed build of a package with these dependencies, which are locked as given.
    fn explained(dependencies: &str, locked: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        write("src/lib.rs", "");
        write(
            "Cargo.toml",
            &format!("[package]\nname = \"a\"\nversion = \"0.0.0\"\n[dependencies]\n{dependencies}"),
        );
        write(
            "Cargo.lock",
            &format!("version = 4\n[[package]]\nname = \"a\"\nversion = \"0.0.0\"\n{locked}"),
        );
        explain(anyhow!("the compiler said no"), &Workspace::at(folder.path()), TRIPLE).to_string()
    }

    #[test]
    fn a_failure_with_everything_in_place_keeps_its_own_error() {
        assert_eq!(explained("", ""), "the compiler said no");
    }

    #[test]
    fn missing_crates_are_told_from_a_failed_compilation() {
        let locked = "dependencies = [\"no-such-crate\"]\n[[package]]\nname = \"no-such-crate\"\nversion = \"1.0.0\"\n\
                      source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                      checksum = \"0000000000000000000000000000000000000000000000000000000000000000\"\n";
        let error = explained("no-such-crate = \"1\"\n", locked);
        assert!(error.contains("is there a network?"), "{error}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_free_space_of_a_folder_is_known() {
        assert!(free_mib(Path::new("/")).is_some());
        assert!(free_mib(Path::new("/no/such/folder")).is_none());
    }
}
