//! An edited copy of wdk-build that compiles where there is no Windows registry.
//!
//! wdk-build runs on the build host and asks its registry where the WDK is. The copy does not ask: it is told, in
//! `WDKContentRoot`. Everything else in it is as Microsoft published it, and Cargo.lock still names the crate that was
//! published, so one lock file holds on Windows and here.
//!
//! The manifest pins wdk-build to the release that the edits were written for, and each edit has to match just once: a
//! release that reads otherwise stops the build here, and not in some error of the compiler.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::write_whole;

/// Text that is put before each line that begins with the one given.
struct Edit {
    file: &'static str,
    find: &'static str,
    replace: &'static str,
    times: usize,
}

const EDITS: [Edit; 5] = [
    // The cargo-make tasks are for Windows hosts.
    Edit {
        file: "lib.rs",
        find: "\npub mod cargo_make;",
        replace: "\n#[cfg(windows)]\npub mod cargo_make;",
        times: 1,
    },
    Edit {
        file: "utils.rs",
        find: "\nuse windows::{",
        replace: "\n#[cfg(windows)]\nuse windows::{",
        times: 1,
    },
    Edit {
        file: "utils.rs",
        find: "\nfn read_registry_key_string_value(",
        replace: "\n#[cfg(windows)]\nfn read_registry_key_string_value(",
        times: 1,
    },
    Edit {
        file: "utils.rs",
        find: "\n    if let Some(path) = read_registry_key_string_value(",
        replace: "\n    #[cfg(windows)]\n    if let Some(path) = read_registry_key_string_value(",
        times: 2,
    },
    // In functions that only the cargo-make tasks call.
    Edit {
        file: "utils.rs",
        find: "compile_error!(",
        replace: "unimplemented!(",
        times: 2,
    },
];

/// Copies the sources in the folder `published` to `edited`, with the edits, and gives back the copy's `lib.rs`.
///
/// The copy's files have the times of those they were made from. They are inputs of the build that makes them, and would
/// otherwise be newer than its results, so that the next build would start over.
pub(super) fn edit(published: &Path, edited: &Path) -> Result<PathBuf> {
    copy(published, edited, Path::new(""))?;
    Ok(edited.join("lib.rs"))
}

fn copy(published: &Path, edited: &Path, below: &Path) -> Result<()> {
    let from = published.join(below);
    fs::create_dir_all(edited.join(below))?;
    for entry in fs::read_dir(&from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let file = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(published, edited, &file)?;
            continue;
        }
        let mut text = fs::read_to_string(entry.path())?;
        for edit in EDITS.iter().filter(|edit| Path::new(edit.file) == file) {
            text = apply(edit, &text)?;
        }
        let copy = edited.join(&file);
        write_whole(&copy, text.as_bytes())?;
        let published = fs::metadata(entry.path())?.modified()?;
        File::options().write(true).open(&copy)?.set_modified(published)?;
    }
    Ok(())
}

fn apply(edit: &Edit, text: &str) -> Result<String> {
    // The published files may have either kind of line ending.
    let text = text.replace("\r\n", "\n");
    let found = text.matches(edit.find).count();
    if found != edit.times {
        bail!(
            "wdk-build's {} has `{}` {found} times and not {}: it is not the release that this project pins; restore \
             Cargo.toml and Cargo.lock",
            edit.file,
            edit.find.trim(),
            edit.times
        );
    }
    Ok(text.replace(edit.find, edit.replace))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    const EDIT: Edit = Edit {
        file: "lib.rs",
        find: "\nold",
        replace: "\nnew",
        times: 1,
    };

    #[test]
    fn an_edit_that_matches_is_made() {
        assert_eq!(apply(&EDIT, "a\r\nold\r\n").unwrap(), "a\nnew\n");
    }

    #[test]
    fn an_edit_that_does_not_match_just_once_stops_the_build() {
        for text in ["a\n", "\nold\nold"] {
            let error = apply(&EDIT, text).unwrap_err().to_string();
            assert!(error.contains("lib.rs") && error.contains("`old`"), "{error}");
        }
    }

    #[test]
    fn the_copy_is_as_old_as_what_it_was_made_from() {
        let folder = tempfile::tempdir().unwrap();
        let published = folder.path().join("published");
        fs::create_dir_all(published.join("metadata")).unwrap();
        fs::write(published.join("metadata/mod.rs"), "").unwrap();
        fs::write(published.join("lib.rs"), "//!\npub mod cargo_make;\n").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options()
            .write(true)
            .open(published.join("lib.rs"))
            .unwrap()
            .set_modified(long_ago)
            .unwrap();

        let edited = folder.path().join("edited");
        let copy = edit(&published, &edited).unwrap();

        assert_eq!(
            fs::read_to_string(&copy).unwrap(),
            "//!\n#[cfg(windows)]\npub mod cargo_make;\n"
        );
        assert_eq!(fs::metadata(&copy).unwrap().modified().unwrap(), long_ago);
        assert!(edited.join("metadata/mod.rs").is_file());
    }
}
