//! Where `core` for the target comes from, and the compiler and linker that go with it.
//!
//! A rustup toolchain may have the Windows target, or the sources to build it from, or may be able to fetch it. Where
//! it has none of these and cannot, Debian's `rustc-web` is a compiler whose matching sources are a package.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    process,
    target::{Profile, Target},
};

use super::{llvm::Llvm, packages, write_whole};

/// Debian's compiler, from the package `rustc-web`.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Its sources, from the package `rust-web-src`.
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library";

/// Clippy for it, from the package `rust-web-clippy`.
const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";

/// A compiler that can build for the target, the way it comes to `core`, and a linker.
#[derive(Debug)]
pub(super) struct Toolchain {
    core: Core,
    linker: PathBuf,
}

/// The ways to `core`, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Core {
    /// The active toolchain has the target, or has just fetched it.
    Installed,
    /// The active toolchain has rust-src.
    FromSource,
    /// Debian's compiler and sources.
    Debian,
}

impl Core {
    /// The way that works on this machine as it is; `None` where Debian's packages have to be installed for it.
    pub(super) fn find(rustc: &Rustc, target: Target, folder: &Path) -> Result<Option<Self>> {
        if rustc.has_core_for(target) {
            return Ok(Some(Self::Installed));
        }
        if rustc
            .sysroot
            .join("lib/rustlib/src/rust/library/core/src/lib.rs")
            .is_file()
        {
            return Ok(Some(Self::FromSource));
        }
        let debian = debian_is_complete();
        // A machine that could not fetch the target will not be able to a minute later either. It is asked again when
        // its toolchain changes, or when there is no other way.
        let refused = folder.join(format!("rustup-cannot-add-{target}"));
        let already_refused = debian && fs::read_to_string(&refused).is_ok_and(|version| version == rustc.version);
        if !already_refused && process::exists("rustup") {
            eprintln!("asking rustup for the target {target}");
            let added = process::capture(Command::new("rustup").args(["target", "add", target.triple()]))?;
            if added.status.success() && rustc.has_core_for(target) {
                return Ok(Some(Self::Installed));
            }
            write_whole(&refused, rustc.version.as_bytes())?;
        }
        Ok(debian.then_some(Self::Debian))
    }
}

/// Whether Debian's compiler is there with the sources that match it.
fn debian_is_complete() -> bool {
    let Ok(rustc) = Rustc::at(Path::new(DEBIAN_RUSTC)) else {
        return false;
    };
    // The sources carry no version that is easy to read, but they come from one source package with the compiler, and
    // dpkg keeps the two at one version.
    rustc.is_recent_enough() && Path::new(DEBIAN_LIBRARY).join("core/src/lib.rs").is_file()
}

/// Why Debian's compiler is no way to `core` on this machine, after its packages were installed.
pub(super) fn debian_shortcoming() -> String {
    let needed = env!("CARGO_PKG_RUST_VERSION");
    match Rustc::at(Path::new(DEBIAN_RUSTC)) {
        Err(_) => "there is no rustc-web in this distribution".to_owned(),
        Ok(rustc) if rustc.is_recent_enough() => "its rustc-web has no rust-web-src".to_owned(),
        Ok(rustc) => format!(
            "its rustc-web is {}.{} and {needed} is needed, which Debian 12 has in bookworm-security",
            rustc.release.0, rustc.release.1
        ),
    }
}

impl Toolchain {
    pub(super) fn new(core: Core, linker: PathBuf) -> Self {
        Self { core, linker }
    }

    pub(super) fn linker(&self) -> &Path {
        &self.linker
    }

    /// Sets what makes cargo use this compiler.
    pub(super) fn apply(&self, cargo: &mut Command) {
        if self.builds_core() {
            // -Zbuild-std is not stable. Nothing else here is unstable, and the driver's own code uses no feature.
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        if self.core == Core::Debian {
            cargo.env("RUSTC", DEBIAN_RUSTC);
        }
    }

    /// Adds the arguments that make cargo build `core`, where it has to.
    pub(super) fn arguments(&self, cargo: &mut Command, profile: Profile) {
        if self.builds_core() {
            cargo.arg("-Zbuild-std=core,alloc,compiler_builtins");
            // Without optimisation its functions call what only a C runtime has.
            cargo.arg("--config");
            cargo.arg(format!(
                "profile.{}.package.compiler_builtins.opt-level=3",
                profile.cargo_name()
            ));
        }
    }

    /// Turns a call of cargo into one of clippy, of the release that the compiler is, installed where it is missing.
    pub(super) fn use_clippy(&self, cargo: &mut Command) -> Result<()> {
        if self.core != Core::Debian {
            cargo.arg("clippy");
            return Ok(());
        }
        if !Path::new(DEBIAN_CLIPPY).is_file() {
            packages::install("rust-web-clippy")?;
        }
        let mut clippy = Command::new(DEBIAN_CLIPPY);
        clippy.arg("clippy");
        if let Some(folder) = cargo.get_current_dir() {
            clippy.current_dir(folder);
        }
        for (name, value) in cargo.get_envs() {
            match value {
                Some(value) => clippy.env(name, value),
                None => clippy.env_remove(name),
            };
        }
        clippy.env("CARGO", cargo.get_program());
        *cargo = clippy;
        Ok(())
    }

    /// The compiler, for calls that cargo does not make.
    pub(super) fn rustc(&self) -> &Path {
        match self.core {
            Core::Debian => Path::new(DEBIAN_RUSTC),
            Core::Installed | Core::FromSource => Path::new("rustc"),
        }
    }

    fn builds_core(&self) -> bool {
        self.core != Core::Installed
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.core {
            Core::Installed => "core of the active toolchain",
            Core::FromSource => "core from the active toolchain's rust-src",
            Core::Debian => "core from Debian's rust-web-src",
        })
    }
}

/// The linker for Windows images: the one that rustup ships with a toolchain, or LLVM's.
pub(super) fn find_linker(rustc: &Rustc, llvm: Option<&Llvm>) -> Option<PathBuf> {
    let shipped = rustc.sysroot.join("lib/rustlib").join(&rustc.host).join("bin/rust-lld");
    let installed = llvm.map(|llvm| llvm.program("lld-link"));
    [Some(shipped), installed]
        .into_iter()
        .flatten()
        .find(|linker| linker.is_file())
}

/// What a rustc says of itself.
pub(super) struct Rustc {
    version: String,
    release: (u32, u32),
    host: String,
    sysroot: PathBuf,
}

impl Rustc {
    /// The one that cargo calls where nothing else is said.
    pub(super) fn active() -> Result<Self> {
        Self::at(Path::new("rustc")).context("is Rust on this machine's PATH?")
    }

    fn at(rustc: &Path) -> Result<Self> {
        let version = process::read(Command::new(rustc).arg("-vV"))?;
        let field = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .trim()
        };
        let release = release(field("release:"));
        let host = field("host:").to_owned();
        let sysroot = process::read(Command::new(rustc).args(["--print", "sysroot"]))?
            .trim()
            .into();
        Ok(Self {
            version,
            release,
            host,
            sysroot,
        })
    }

    fn has_core_for(&self, target: Target) -> bool {
        let folder = self.sysroot.join("lib/rustlib").join(target.triple()).join("lib");
        fs::read_dir(folder).is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
        })
    }

    /// Whether it can compile the workspace: the manifest states the oldest release that can.
    fn is_recent_enough(&self) -> bool {
        self.release >= release(env!("CARGO_PKG_RUST_VERSION"))
    }
}

/// The two numbers that tell one release from another: those of `1.96.0-nightly` are 1 and 96.
fn release(version: &str) -> (u32, u32) {
    let mut numbers = version.split(['.', '-']).map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(release("1.96.0-nightly"), (1, 96));
        assert!(release("1.100.0") > release("1.95"));
        assert_eq!(release(""), (0, 0));
    }
}
