//! The drivers that the tests load: one for each folder of `tests/drivers` and `examples`, built as irpscope.sys is.
//!
//! They go to `target/drivers`, each as `NAME.sys` with its debugging information and its map. They are never part of a
//! package, and the image gate does not look at them: what those of `tests/drivers` do wrong, they do on purpose.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::{Artifacts, Builder, write_whole};
use crate::{target::Profile, workspace::Workspace};

/// Where their packages are, each in a folder of its own name.
const SOURCES: [&str; 2] = ["tests/drivers", "examples"];

/// Where they go, below `target`.
const FOLDER: &str = "drivers";

impl Builder {
    /// Builds every driver of `tests/drivers` and `examples` and gives back the images, sorted by name.
    ///
    /// # Errors
    ///
    /// Cargo fails and has said why, or a file cannot be written.
    pub fn build_test_drivers(&self, workspace: &Workspace, profile: Profile) -> Result<Vec<PathBuf>> {
        let names = names(workspace)?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let packages: Vec<&str> = names.iter().map(String::as_str).collect();
        self.build_packages(workspace, profile, &packages)?;
        let folder = workspace.target().join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        packages
            .into_iter()
            .map(|name| install(&self.artifacts(workspace, profile, name)?, &folder, name))
            .collect()
    }
}

/// The drivers of `tests/drivers` and `examples`, sorted: the folders there that have a manifest.
///
/// # Errors
///
/// A folder cannot be read.
pub(crate) fn names(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for source in SOURCES {
        let folder = workspace.root().join(source);
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Puts one driver in its place. A file that is the same already is left alone, with its time.
fn install(artifacts: &Artifacts, folder: &Path, name: &str) -> Result<PathBuf> {
    let place = |extension| folder.join(format!("{name}.{extension}"));
    for (from, to) in [
        (&artifacts.pdb, place("pdb")),
        (&artifacts.map, place("map")),
        (&artifacts.image, place("sys")),
    ] {
        let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        if !fs::read(&to).is_ok_and(|old| old == contents) {
            write_whole(&to, &contents)?;
        }
    }
    Ok(place("sys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_driver_is_a_folder_with_a_manifest() {
        let root = tempfile::tempdir().unwrap();
        let [drivers, examples] = SOURCES.map(|source| root.path().join(source));
        for folder in [
            drivers.join("c"),
            drivers.join("a"),
            examples.join("b"),
            drivers.join("left-over"),
        ] {
            fs::create_dir_all(&folder).unwrap();
            if !folder.ends_with("left-over") {
                fs::write(folder.join("Cargo.toml"), "").unwrap();
            }
        }
        fs::write(drivers.join("README.md"), "").unwrap();
        assert_eq!(names(&Workspace::at(root.path())).unwrap(), ["a", "b", "c"]);
    }

    #[test]
    fn each_file_of_a_driver_gets_its_name_and_one_that_is_the_same_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        for name in ["d.dll", "d.pdb.new", "d.map.new"] {
            fs::write(place(name), name).unwrap();
        }
        let artifacts = Artifacts {
            image: place("d.dll"),
            pdb: place("d.pdb.new"),
            map: place("d.map.new"),
        };
        let image = install(&artifacts, folder.path(), "d").unwrap();
        assert_eq!(fs::read_to_string(&image).unwrap(), "d.dll");
        assert_eq!(fs::read_to_string(place("d.pdb")).unwrap(), "d.pdb.new");
        assert_eq!(fs::read_to_string(place("d.map")).unwrap(), "d.map.new");
        let before = fs::metadata(&image).unwrap().modified().unwrap();
        install(&artifacts, folder.path(), "d").unwrap();
        assert_eq!(fs::metadata(&image).unwrap().modified().unwrap(), before);
    }
}
