//! A tree of headers and import libraries in the shape of the WDK's, for hosts that have no WDK.
//!
//! wdk-sys makes its bindings from the headers, and the linker takes the names of the kernel's functions from the
//! libraries. The headers are mingw-w64's, with a few of our own in front of them (`xtask/kit/`) where bindings need
//! more than C does. That they say the same as Microsoft's is not taken on trust: `wdm` asserts each offset that it
//! uses, and a test holds each imported function to Microsoft's metadata.
//!
//! The tree's folder carries a hash of all that goes into it. It is made under another name and renamed when it is
//! whole, so a tree under its own name is never half made, and an out-of-date one is not looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use object::read::archive::ArchiveFile;
use sha2::{Digest as _, Sha256};

use crate::{process, target::Target};

use super::{llvm::Llvm, symlink, write_whole};

/// The release of the WDK that the tree passes for.
const VERSION: &str = "10.0.26100.0";

/// mingw-w64's headers, which its packages for all architectures share.
const MINGW_HEADERS: &str = "/usr/share/mingw-w64/include";

/// mingw-w64's import libraries. Only the names in them are used, which are the same for every architecture.
const MINGW_LIBRARIES: &str = "/usr/x86_64-w64-mingw32/lib";

/// The headers in front of mingw-w64's. Each says itself what it is there for.
const HEADERS: [(&str, &str); 5] = [
    ("intrin.h", include_str!("../../kit/intrin.h")),
    ("ntdef.h", include_str!("../../kit/ntdef.h")),
    ("ntifs.h", include_str!("../../kit/ntifs.h")),
    ("ntstrsafe.h", include_str!("../../kit/ntstrsafe.h")),
    ("wdk_supplement.h", include_str!("../../kit/wdk_supplement.h")),
];

/// An import library that is made from mingw-w64's.
struct ImportLibrary {
    name: &'static str,
    dll: &'static str,
    /// Functions that are newer than mingw-w64's library, or that it gives to another one.
    more: &'static [&'static str],
}

const IMPORT_LIBRARIES: [ImportLibrary; 3] = [
    ImportLibrary {
        name: "ntoskrnl",
        dll: "ntoskrnl.exe",
        more: &["ExAllocatePool2", "__chkstk"],
    },
    ImportLibrary {
        name: "hal",
        dll: "HAL.dll",
        more: &[],
    },
    ImportLibrary {
        name: "wmilib",
        dll: "WMILIB.SYS",
        more: &[],
    },
];

/// Libraries of C runtime parts that a Rust driver takes nothing from.
const EMPTY_LIBRARIES: [&str; 2] = ["BufferOverflowFastFailK", "arm64rt"];

/// An archive without members.
const EMPTY_ARCHIVE: &[u8] = b"!<arch>\n";

/// A finished tree.
#[derive(Debug)]
pub(super) struct Kit {
    root: PathBuf,
    target: Target,
}

/// Whether mingw-w64's headers and libraries are on this machine.
pub(super) fn mingw_is_complete() -> bool {
    Path::new(MINGW_HEADERS).join("ddk/ntifs.h").is_file()
        && IMPORT_LIBRARIES.iter().all(|library| library.source().is_file())
}

impl Kit {
    /// The tree for `target` below `folder`, which is made where it is not there whole.
    pub(super) fn make(folder: &Path, target: Target, llvm: &Llvm) -> Result<Self> {
        let root = folder.join(format!("kit-{}-{}", target.kit_name(), identity(llvm)?));
        if !is_whole(&root) {
            remove_others(folder, target)?;
            let unfinished = root.with_extension("unfinished");
            fill(&unfinished, target, llvm)
                .and_then(|()| fs::rename(&unfinished, &root).map_err(Into::into))
                .with_context(|| format!("cannot make the tree of headers {}", root.display()))?;
        }
        Ok(Self { root, target })
    }

    /// Points wdk-build at the tree.
    pub(super) fn apply(&self, cargo: &mut Command) {
        cargo.env("WDKContentRoot", &self.root);
        cargo.env_remove("Version_Number");
        // What the WDK's build rules define for Windows 10 and later, and clang does not.
        let mut definitions = String::from("-DNTDDI_VERSION=0x0A00000C -D_WIN32_WINNT=0x0A00 -DWINVER=0x0A00");
        if self.target == Target::Arm64 {
            // mingw-w64's DDK headers have no part for ARM64, and stop at the first thing that depends on the processor.
            // They are given x64's: both are 64-bit Windows, and what the driver touches is declared once for the two.
            definitions.push_str(" -U_M_ARM64 -D_M_AMD64=100 -D_AMD64_");
        }
        cargo.env("BINDGEN_EXTRA_CLANG_ARGS", definitions);
    }
}

impl ImportLibrary {
    fn source(&self) -> PathBuf {
        Path::new(MINGW_LIBRARIES).join(format!("lib{}.a", self.name))
    }
}

/// A hash of everything that the tree is made from.
fn identity(llvm: &Llvm) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(include_bytes!("kit.rs"));
    hash.update(llvm.version().to_le_bytes());
    for (name, text) in HEADERS {
        hash.update(name);
        hash.update(text);
    }
    for library in &IMPORT_LIBRARIES {
        let source = library.source();
        hash.update(fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?);
    }
    Ok(hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Where a tree lists what is in it.
fn list(root: &Path) -> PathBuf {
    root.join("files")
}

/// Whether a tree is there with all of its files, and none of its links leads nowhere.
fn is_whole(root: &Path) -> bool {
    fs::read_to_string(list(root)).is_ok_and(|files| files.lines().all(|file| root.join(file).exists()))
}

/// Removes the target's trees, finished or not.
fn remove_others(folder: &Path, target: Target) -> Result<()> {
    let prefix = format!("kit-{}-", target.kit_name());
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let path = entry.path();
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn fill(root: &Path, target: Target, llvm: &Llvm) -> Result<()> {
    let include = Path::new("Include").join(VERSION);
    let lib = Path::new("Lib").join(VERSION).join("km").join(target.kit_name());
    let mut files = Vec::new();
    for folder in [include.join("km/crt"), lib.clone()] {
        fs::create_dir_all(root.join(folder))?;
    }
    for (name, text) in HEADERS {
        let file = include.join("km/crt").join(name);
        fs::write(root.join(&file), text)?;
        files.push(file);
    }
    for name in EMPTY_LIBRARIES {
        let file = lib.join(format!("{name}.lib"));
        fs::write(root.join(&file), EMPTY_ARCHIVE)?;
        files.push(file);
    }
    for library in &IMPORT_LIBRARIES {
        let definitions = root.join(&lib).join(format!("{}.def", library.name));
        fs::write(&definitions, module_definition(library)?)?;
        let file = lib.join(format!("{}.lib", library.name));
        make_import_library(llvm, target, &definitions, &root.join(&file))?;
        files.push(file);
    }
    for entry in fs::read_dir(Path::new(MINGW_HEADERS).join("ddk"))?.flatten() {
        let file = include.join("km").join(entry.file_name());
        symlink(&entry.path(), &root.join(&file))?;
        files.push(file);
    }
    let shared = include.join("shared");
    symlink(Path::new(MINGW_HEADERS), &root.join(&shared))?;
    files.push(shared);

    let files: String = files.iter().map(|file| format!("{}\n", file.display())).collect();
    write_whole(&list(root), files.as_bytes())
}

/// The module definition file of an import library: a function a line.
fn module_definition(library: &ImportLibrary) -> Result<String> {
    let source = library.source();
    let contents = fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let exports = exports(&contents).with_context(|| format!("{} is no import library", source.display()))?;
    let mut text = format!("LIBRARY {}\nEXPORTS\n", library.dll);
    for (name, kind) in exports
        .into_iter()
        .chain(library.more.iter().map(|name| ((*name).to_owned(), Kind::Function)))
    {
        text.push_str(&name);
        text.push_str(if kind == Kind::Data { " DATA\n" } else { "\n" });
    }
    Ok(text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Function,
    Data,
}

/// What a GNU import library exports: `__imp_X` for everything, and for a function `X` as well.
fn exports(archive: &[u8]) -> Result<BTreeMap<String, Kind>> {
    let symbols = ArchiveFile::parse(archive)?
        .symbols()?
        .context("it has no symbol table")?;
    let names: BTreeSet<String> = symbols
        .map(|symbol| Ok(String::from_utf8_lossy(symbol?.name()).into_owned()))
        .collect::<Result<_, object::Error>>()?;
    let mut exports = BTreeMap::new();
    for imported in names.iter().filter_map(|name| name.strip_prefix("__imp_")) {
        let kind = if names.contains(imported) {
            Kind::Function
        } else {
            Kind::Data
        };
        exports.insert(imported.to_owned(), kind);
    }
    if exports.is_empty() {
        bail!("it exports nothing");
    }
    Ok(exports)
}

fn make_import_library(llvm: &Llvm, target: Target, definitions: &Path, output: &Path) -> Result<()> {
    let machine = match target {
        Target::X64 => "i386:x86-64",
        Target::Arm64 => "arm64",
    };
    let mut dlltool = Command::new(llvm.program("llvm-dlltool"));
    dlltool
        .args(["-m", machine, "-d"])
        .arg(definitions)
        .arg("-l")
        .arg(output);
    process::read(&mut dlltool).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_its_list_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_whole(folder.path()));
        fs::write(list(folder.path()), "a\n").unwrap();
        assert!(!is_whole(folder.path()), "a listed file is missing");
        fs::write(folder.path().join("a"), "").unwrap();
        assert!(is_whole(folder.path()));
    }

    #[test]
    #[cfg(unix)]
    fn a_tree_whose_headers_were_uninstalled_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(list(folder.path()), "a\n").unwrap();
        symlink(Path::new("/nonexistent/header.h"), &folder.path().join("a")).unwrap();
        assert!(!is_whole(folder.path()));
    }

    #[test]
    fn old_and_unfinished_trees_of_the_target_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kit-x64-0", "kit-x64-1.unfinished", "kit-ARM64-0"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        remove_others(folder.path(), Target::X64).unwrap();
        assert!(!folder.path().join("kit-x64-0").exists());
        assert!(!folder.path().join("kit-x64-1.unfinished").exists());
        assert!(
            folder.path().join("kit-ARM64-0").exists(),
            "the other target keeps its tree"
        );
    }

    #[test]
    fn what_is_no_archive_is_an_error() {
        assert!(exports(b"<html>").is_err());
        assert!(exports(EMPTY_ARCHIVE).is_err());
    }
}
