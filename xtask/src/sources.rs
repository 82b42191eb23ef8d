//! Which files the project consists of.
//!
//! What git ignores is left out; what is not yet added is in, so that a new file is checked before it is committed.
//! Without git it is every file outside of `target`: never fewer than git would name.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// The files of the checkout at `root`, sorted, from the root on and with `/` on every host.
///
/// # Errors
///
/// A folder cannot be read.
pub fn files(root: &Path) -> Result<Vec<String>> {
    let mut paths = listed_by_git(root).map_or_else(|| walk(root), Ok)?;
    paths.sort();
    paths.dedup();
    // A deleted file stands in git's list until that is committed.
    paths.retain(|path| fs::symlink_metadata(root.join(path)).is_ok_and(|file| file.is_file()));
    Ok(paths)
}

/// Copies those files to the folder `to`, which need not exist.
///
/// # Errors
///
/// A file cannot be read or written.
pub fn copy(root: &Path, to: &Path) -> Result<()> {
    for path in files(root)? {
        let copy = to.join(&path);
        let folder = copy.parent().unwrap_or(to);
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(root.join(&path), &copy))
            .with_context(|| format!("cannot copy {path} to {}", to.display()))?;
    }
    Ok(())
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    // A repository around the root, such as one that someone keeps the home folder in, is not meant.
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .ok()?;
    let names = output.status.success().then_some(output.stdout)?;
    let names = String::from_utf8(names).ok()?;
    Some(names.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let full = root.join(&folder);
        let entries = fs::read_dir(&full).with_context(|| format!("{}: cannot be read", full.display()))?;
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = format!("{folder}{name}");
            if !entry.file_type()?.is_dir() {
                found.push(path);
            } else if name != ".git" && name != "target" {
                folders.push(format!("{path}/"));
            }
        }
    }
    Ok(found)
}
