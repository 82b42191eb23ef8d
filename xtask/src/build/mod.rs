//! `cargo xtask build`: from a bare machine to what a package is made of, and to the drivers of the tests.
//!
//! Off Windows three things are missing that the driver's dependencies take for granted, and each has a file here: the
//! core library for the target ([`toolchain`]), the kernel's headers and import libraries ([`kit`]), and a wdk-build
//! that compiles on this host ([`wdk_build`], put in place by [`wrapper`]). What it takes to have them is installed by
//! [`packages`]. On Windows the WDK has all of it, and cargo is simply called.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process,
    target::{Profile, Target},
    workspace::Workspace,
};
use anyhow::{Context as _, Result, bail};

use self::{kit::Kit, llvm::Llvm, toolchain::Toolchain};

pub use self::library::Library;

mod diagnose;
mod kit;
mod library;
mod linker;
mod llvm;
mod packages;
pub(crate) mod test_drivers;
mod toolchain;
mod wdk_build;
pub mod wrapper;

/// The driver's package.
const DRIVER: &str = "irpscope";

/// What cargo made of a driver: the files that a package is made of.
#[derive(Debug)]
pub struct Artifacts {
    /// The image, still with a library's extension.
    pub image: PathBuf,
    /// Its debugging information.
    pub pdb: PathBuf,
    /// The linker's map of it.
    pub map: PathBuf,
}

/// Everything that building the driver takes, found or made.
#[derive(Debug)]
pub struct Builder {
    target: Target,
    environment: Environment,
}

#[derive(Debug)]
enum Environment {
    /// Windows: the WDK is there, or wdk-build says that it is not.
    Wdk,
    /// Anywhere else.
    Cross {
        toolchain: Toolchain,
        llvm: Llvm,
        kit: Kit,
        tools: PathBuf,
    },
}

/// Installs mingw-w64's C compiler where it is missing: drivers that the tests run in the lab are built with it.
///
/// # Errors
///
/// It cannot be installed here.
pub fn install_c_compiler() -> Result<()> {
    if !cfg!(target_os = "linux") || process::exists("x86_64-w64-mingw32-gcc") {
        return Ok(());
    }
    packages::install("gcc-mingw-w64-x86-64")
}

impl Builder {
    /// Finds what building for `target` takes, and installs or makes what is missing.
    ///
    /// # Errors
    ///
    /// Something is missing that cannot be installed here.
    pub fn prepare(workspace: &Workspace, target: Target) -> Result<Self> {
        let environment = if cfg!(windows) {
            Environment::Wdk
        } else if cfg!(target_os = "linux") {
            let folder = workspace.target().join("cross");
            fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
            let needs = packages::Needs::of_this_machine(target, &folder)?;
            let (toolchain, llvm) = needs.install(&folder)?;
            let kit = Kit::make(&folder, target, &llvm)?;
            let tools = wrapper::install(&folder)?;
            Environment::Cross {
                toolchain,
                llvm,
                kit,
                tools,
            }
        } else {
            bail!(
                "the driver builds on Windows with the WDK, and on Debian and Ubuntu without; on {} it cannot be built: \
                 use one of those, or a container of debian:12",
                env::consts::OS
            );
        };
        Ok(Self { target, environment })
    }

    /// One line that says with what the driver is built.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.environment {
            Environment::Wdk => "with the WDK".to_owned(),
            Environment::Cross { toolchain, llvm, .. } => {
                format!("{toolchain}; LLVM {}; headers of mingw-w64", llvm.version())
            }
        }
    }

    /// Builds the driver of `workspace`, which need not be the checkout that this program runs in.
    ///
    /// # Errors
    ///
    /// Cargo fails; it has said why.
    pub fn build(&self, workspace: &Workspace, profile: Profile) -> Result<Artifacts> {
        self.build_packages(workspace, profile, &[DRIVER])?;
        self.artifacts(workspace, profile, DRIVER)
    }

    /// Builds these packages, each of which is a driver, in one call of cargo.
    fn build_packages(&self, workspace: &Workspace, profile: Profile, packages: &[&str]) -> Result<()> {
        let mut cargo = self.cargo(workspace);
        cargo.arg("build");
        self.arguments(&mut cargo, workspace, profile, packages);
        process::run(&mut cargo).map_err(|error| diagnose::explain(error, workspace, self.target.triple()))
    }

    /// What cargo has left of a package that it built.
    fn artifacts(&self, workspace: &Workspace, profile: Profile, package: &str) -> Result<Artifacts> {
        let folder = workspace.target().join(self.target.triple()).join(profile.cargo_name());
        let artifacts = Artifacts {
            image: folder.join(format!("{package}.dll")),
            pdb: folder.join(format!("{package}.pdb")),
            map: folder.join(format!("deps/{package}.map")),
        };
        for file in [&artifacts.image, &artifacts.pdb, &artifacts.map] {
            if !file.is_file() {
                bail!(
                    "cargo built {package} but left no {}; run `cargo clean` and build again",
                    file.display()
                );
            }
        }
        Ok(artifacts)
    }

    /// Runs clippy over the driver and those of the tests, with every warning an error.
    ///
    /// # Errors
    ///
    /// Clippy finds something, or is not there for the compiler that builds the driver.
    pub fn clippy(&self, workspace: &Workspace) -> Result<()> {
        let mut cargo = self.cargo(workspace);
        if let Environment::Cross { toolchain, .. } = &self.environment {
            toolchain.use_clippy(&mut cargo)?;
        } else {
            cargo.arg("clippy");
        }
        let test_drivers = test_drivers::names(workspace)?;
        let mut packages = vec![DRIVER, "wdm"];
        packages.extend(test_drivers.iter().map(String::as_str));
        self.arguments(&mut cargo, workspace, Profile::Dev, &packages);
        cargo.args(["--", "--deny", "warnings"]);
        process::run(&mut cargo)
    }

    fn cargo(&self, workspace: &Workspace) -> Command {
        let mut cargo = workspace.cargo();
        if let Environment::Cross {
            toolchain,
            llvm,
            kit,
            tools,
        } = &self.environment
        {
            toolchain.apply(&mut cargo);
            kit.apply(&mut cargo);
            llvm.apply(&mut cargo);
            wrapper::apply(&mut cargo, tools, workspace);
            linker::apply(&mut cargo, tools, self.target, toolchain.linker());
        }
        cargo
    }

    fn arguments(&self, cargo: &mut Command, workspace: &Workspace, profile: Profile, packages: &[&str]) {
        cargo.arg("--locked");
        for package in packages {
            cargo.args(["--package", package]);
        }
        cargo.args(["--target", self.target.triple(), "--profile", profile.cargo_name()]);
        cargo.arg("--target-dir").arg(workspace.target());
        if let Environment::Cross { toolchain, .. } = &self.environment {
            cargo.args(["--features", "cross"]);
            toolchain.arguments(cargo, profile);
        }
    }
}

/// Keeps a second build out of the same checkout while the value lives.
#[derive(Debug)]
pub struct Exclusive(#[expect(dead_code, reason = "held for its lock")] File);

impl Exclusive {
    /// Waits until no other build runs in this checkout.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made.
    pub fn acquire(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target();
        let path = folder.join("xtask.lock");
        let file = fs::create_dir_all(&folder)
            .and_then(|()| File::create(&path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            eprintln!("waiting for another `cargo xtask` in this folder to finish");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Self(file))
    }
}

/// Replaces `path` by a file with `contents`, in one step: it is never there half written.
fn write_whole(path: &Path, contents: &[u8]) -> Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    fs::write(&unfinished, contents)
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Makes `link` lead to the file or folder `original`.
#[cfg(unix)]
fn symlink(original: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

/// On Windows nothing that needs links is done, since the WDK is there.
#[cfg(not(unix))]
fn symlink(_original: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
