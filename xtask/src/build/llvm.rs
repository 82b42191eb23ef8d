//! The LLVM installation that bindings, import libraries and resources are made with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where Debian and Ubuntu put each release of LLVM.
const ROOT: &str = "/usr/lib";

/// The oldest release whose libclang and tools are known to do.
const OLDEST: u32 = 15;

/// One release of LLVM with all that is needed of it.
#[derive(Debug)]
pub(super) struct Llvm {
    version: u32,
    folder: PathBuf,
}

impl Llvm {
    /// The newest complete release on this machine.
    pub(super) fn find() -> Option<Self> {
        let mut found: Vec<Self> = fs::read_dir(ROOT)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.strip_prefix("llvm-")?.parse().ok()?;
                Some(Self {
                    version,
                    folder: entry.path(),
                })
            })
            .filter(|llvm| llvm.version >= OLDEST && llvm.is_complete())
            .collect();
        found.sort_by_key(|llvm| llvm.version);
        found.pop()
    }

    /// The packages that make release `version` complete.
    pub(super) fn packages(version: u32) -> [String; 3] {
        [
            format!("libclang1-{version}"),
            format!("libclang-common-{version}-dev"),
            format!("llvm-{version}"),
        ]
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Points bindgen at libclang, and the driver's build script at the resource compiler.
    pub(super) fn apply(&self, cargo: &mut Command) {
        cargo.env("LIBCLANG_PATH", self.folder.join("lib"));
        cargo.env("IRPSCOPE_LLVM_RC", self.program("llvm-rc"));
    }

    fn is_complete(&self) -> bool {
        ["llvm-dlltool", "llvm-rc"]
            .iter()
            .all(|program| self.program(program).is_file())
            && has_file(&self.folder.join("lib"), |name| {
                name.starts_with("libclang") && name.contains(".so")
            })
            && has_file(&self.folder.join("lib/clang"), |_| true)
    }
}

fn has_file(folder: &Path, accept: impl Fn(&str) -> bool) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_str().is_some_and(&accept))
    })
}
