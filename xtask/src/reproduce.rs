//! `cargo xtask build --verify-reproducible`: the same sources, built in two folders, give one image.
//!
//! The folders are copies of the checkout, at paths of different lengths, each built from nothing. What they share is what
//! two builders on one machine share: the compiler, the registry of crates, and what `target/cross` holds: the tree of headers
//! and the edited wdk-build.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::{
    build::{Artifacts, Builder},
    sources,
    target::Profile,
    workspace::Workspace,
};

/// Where the copies go, below `target`.
const FOLDERS: [&str; 2] = [
    "reproducible/first",
    "reproducible/second/in-a-folder-with-a-longer-path",
];

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
///
/// The file cannot be read.
pub fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A copy of the checkout and what was built of it.
#[derive(Debug)]
pub struct Copy {
    /// The copy.
    pub workspace: Workspace,
    /// Its image and what goes with it.
    pub artifacts: Artifacts,
}

/// Builds the driver in two folders and compares the images, byte for byte.
///
/// The copies stay, for whoever wants to look, or to build on. Those of an earlier run are removed first.
///
/// # Errors
///
/// The images differ, or a build fails.
pub fn verify(workspace: &Workspace, builder: &Builder, profile: Profile) -> Result<[Copy; 2]> {
    let top = workspace.target().join("reproducible");
    if top.exists() {
        fs::remove_dir_all(&top).with_context(|| format!("cannot remove {}", top.display()))?;
    }
    let build_in = |folder| {
        let root: PathBuf = workspace.target().join(folder);
        sources::copy(workspace.root(), &root)?;
        let workspace = Workspace::at(&root);
        eprintln!("building in target/{folder}");
        let artifacts = builder.build(&workspace, profile)?;
        anyhow::Ok(Copy { workspace, artifacts })
    };
    let copies = [build_in(FOLDERS[0])?, build_in(FOLDERS[1])?];
    let [first, second] = &copies;
    for (what, first, second) in [
        ("image", &first.artifacts.image, &second.artifacts.image),
        ("debugging information", &first.artifacts.pdb, &second.artifacts.pdb),
    ] {
        let hashes = [sha256(first)?, sha256(second)?];
        if hashes[0] != hashes[1] {
            bail!(
                "not reproducible: the {what} of one source has SHA-256 {} in {} and {} in {}",
                hashes[0],
                first.display(),
                hashes[1],
                second.display()
            );
        }
        println!(
            "reproducible: the {what} built in two folders has SHA-256 {}",
            hashes[0]
        );
    }
    Ok(copies)
}
