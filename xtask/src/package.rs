//! The driver package in `target/package/`: the image, inspected, and what goes with it.
//!
//! It is put together beside its place and moved there whole, so whoever finds a package finds all of it, and one that
//! passed every check. What does not pass replaces nothing.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    build::Artifacts,
    gate::{self, Report},
    imports,
    inf::{self, Match, Stamp},
    target::{Profile, Target},
    workspace::Workspace,
};

/// The name of the image, its debugging information, its map and its catalog, but for the extension.
const NAME: &str = "irpscope";

/// Functions that may stop the machine. That only `src/fatal.rs` calls it is a repository check.
const FATAL: &[&str] = &["wdm::bug_check::stop"];

/// What the image exports besides `DriverEntry`. wdk-sys defines these for the linker, under names of their own, and a
/// symbol of a fixed name is one that rustc exports. Nobody calls them.
const EXPORTS: &[&str] = &[
    "__CxxFrameHandler3",
    "__CxxFrameHandler4",
    "__GSHandlerCheck_EH4",
    "_fltused",
];

/// Which package is made of what was built.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the driver was built for.
    pub target: Target,
    /// How it was built.
    pub profile: Profile,
    /// The disks that the package's INF puts it on.
    pub disks: Match,
}

/// A finished package.
#[derive(Debug)]
pub struct Package {
    folder: PathBuf,
    files: Vec<String>,
    report: Report,
}

impl Package {
    /// The image in it.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.folder.join(format!("{NAME}.sys"))
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.report.facts;
        writeln!(
            f,
            "gate     {} checks passed: {} bytes, {} imports, {} instructions in {} functions",
            gate::Check::ALL.len(),
            facts.size_bytes,
            facts.imports.len(),
            facts.instructions,
            facts.functions
        )?;
        for skipped in &self.report.skipped {
            writeln!(f, "         not checked: {skipped}")?;
        }
        write!(f, "package  {}: {}", self.folder.display(), self.files.join(" "))
    }
}

/// Where the package for `target` goes.
#[must_use]
pub fn folder(workspace: &Workspace, target: Target) -> PathBuf {
    workspace.target().join(match target {
        Target::X64 => "package",
        Target::Arm64 => "package-aarch64",
    })
}

/// What cargo has built, read once: what is inspected is what is packaged.
struct Built {
    image: Vec<u8>,
    pdb: Vec<u8>,
    map: Vec<u8>,
}

impl Built {
    fn read(artifacts: &Artifacts) -> Result<Self> {
        Ok(Self {
            image: read(&artifacts.image)?,
            pdb: read(&artifacts.pdb)?,
            map: read(&artifacts.map)?,
        })
    }

    /// Holds the image to what it must be, and prints where it is not.
    fn inspect(&self, workspace: &Workspace, target: Target, profile: Profile) -> Result<Report> {
        let allowed: Vec<_> = imports::allowed().iter().flat_map(gate::Import::of).collect();
        let root = workspace.root().to_string_lossy();
        let expected = gate::Expected {
            target,
            profile,
            imports: &allowed,
            exports: EXPORTS,
            fatal: FATAL,
            product: NAME,
            version: env!("CARGO_PKG_VERSION"),
            license: env!("CARGO_PKG_LICENSE"),
            workspace: &root,
        };
        let report = gate::inspect(&self.image, &String::from_utf8_lossy(&self.map), &expected)
            .context("what the linker made is no image; run `cargo clean` and build again")?;
        for finding in &report.findings {
            eprintln!("gate: {finding}");
        }
        Ok(report)
    }
}

/// Inspects an image without making a package of it, and prints what is wrong with it.
///
/// # Errors
///
/// A file cannot be read, or is no image.
pub fn inspect(workspace: &Workspace, artifacts: &Artifacts, target: Target, profile: Profile) -> Result<Report> {
    Built::read(artifacts)?.inspect(workspace, target, profile)
}

/// Fails where the inspection of an image found something.
///
/// # Errors
///
/// It did.
pub fn require_passed(report: &Report, artifacts: &Artifacts) -> Result<()> {
    ensure!(
        report.passed(),
        "the image gate refuses {} for the {} reasons above; no package was made",
        artifacts.image.display(),
        report.findings.len()
    );
    Ok(())
}

/// Makes the package of what cargo has built.
///
/// # Errors
///
/// The image or the INF does not pass its checks, each of which is printed, or a file cannot be read or written.
pub fn make(workspace: &Workspace, artifacts: &Artifacts, options: &Options) -> Result<Package> {
    let built = Built::read(artifacts)?;
    let report = built.inspect(workspace, options.target, options.profile)?;
    require_passed(&report, artifacts)?;
    let inf = stamped_inf(workspace, options)?;
    let contents = [
        (format!("{NAME}.sys"), built.image),
        (format!("{NAME}.pdb"), built.pdb),
        (format!("{NAME}.map"), built.map),
        (options.disks.file_name().to_owned(), inf.into_bytes()),
    ];
    let folder = folder(workspace, options.target);
    replace(&folder, &contents).with_context(|| format!("cannot write the package {}", folder.display()))?;
    let files = contents.into_iter().map(|(name, _)| name).collect();
    Ok(Package { folder, files, report })
}

/// The package's INF, stamped and held to the rules.
fn stamped_inf(workspace: &Workspace, options: &Options) -> Result<String> {
    let source = String::from_utf8(read(&workspace.root().join("driver.inx"))?).context("driver.inx is no text")?;
    let epoch = env::var("SOURCE_DATE_EPOCH").ok();
    let stamp = Stamp {
        target: options.target,
        version: inf::package_version(env!("CARGO_PKG_VERSION"))?,
        date: inf::release_date(&source, epoch.as_deref())?,
        catalog: "irpscope.cat",
        disks: options.disks.clone(),
    };
    let text = inf::stamp(&source, &stamp)?;
    let findings = inf::check(&inf::Inf::parse(&text)?);
    for finding in &findings {
        eprintln!("inf: {finding}");
    }
    ensure!(
        findings.is_empty(),
        "the INF made of driver.inx breaks the {} rules above; no package was made",
        findings.len()
    );
    Ok(text)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Replaces the folder by one with these files. A package that is the same already is left alone, with its times.
fn replace(folder: &Path, contents: &[(String, Vec<u8>)]) -> Result<()> {
    let unfinished = folder.with_extension("unfinished");
    let old = folder.with_extension("old");
    for leftover in [&unfinished, &old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover)?;
        }
    }
    if holds_just(folder, contents) {
        return Ok(());
    }
    fs::create_dir_all(&unfinished)?;
    for (name, bytes) in contents {
        fs::write(unfinished.join(name), bytes)?;
    }
    if folder.exists() {
        fs::rename(folder, &old)?;
    }
    fs::rename(&unfinished, folder)?;
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    Ok(())
}

fn holds_just(folder: &Path, contents: &[(String, Vec<u8>)]) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| entries.count() == contents.len())
        && contents
            .iter()
            .all(|(name, bytes)| fs::read(folder.join(name)).is_ok_and(|old| old == *bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(files: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn a_new_package_replaces_all_of_the_old_one() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("package");
        replace(&folder, &contents(&[("a.sys", "1"), ("a.cat", "old")])).unwrap();
        let new = contents(&[("a.sys", "2"), ("a.inf", "new")]);
        replace(&folder, &new).unwrap();
        assert!(holds_just(&folder, &new));
        assert_eq!(
            fs::read_dir(top.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_package_that_is_the_same_keeps_its_times() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("package");
        let files = contents(&[("a.sys", "1")]);
        replace(&folder, &files).unwrap();
        let before = fs::metadata(folder.join("a.sys")).unwrap().modified().unwrap();
        replace(&folder, &files).unwrap();
        assert_eq!(fs::metadata(folder.join("a.sys")).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn what_an_interrupted_run_left_is_removed_and_the_old_package_is_whole_until_then() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("package");
        fs::create_dir(top.path().join("package.unfinished")).unwrap();
        fs::write(top.path().join("package.unfinished/a.sys"), "half").unwrap();
        let files = contents(&[("b.sys", "1")]);
        replace(&folder, &files).unwrap();
        assert!(holds_just(&folder, &files));
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_package_that_cannot_be_written_leaves_the_old_one() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("package");
        let files = contents(&[("a.sys", "1")]);
        replace(&folder, &files).unwrap();
        // A file name with a folder in it cannot be written.
        assert!(replace(&folder, &contents(&[("a.sys", "2"), ("no/such/folder", "")])).is_err());
        assert!(holds_just(&folder, &files));
    }
}
