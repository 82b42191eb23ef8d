//! What a bare Debian or Ubuntu lacks for the build, and its installation.
//!
//! What is there is recognised by its files, not by its package: whoever brought it along by other means need not
//! install it again, and a machine without apt that has everything builds.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, stdin},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, bail};

use crate::{process, target::Target};

use super::{
    kit::mingw_is_complete,
    llvm::Llvm,
    toolchain::{self, Core, Rustc, Toolchain},
};

/// Releases of LLVM in the order in which they are tried: first the one that the project is tested with.
const LLVM_RELEASES: [u32; 6] = [19, 20, 18, 17, 16, 15];

/// The parts of the build that this machine has, each `None` or `false` where it has to be installed.
#[derive(Debug)]
pub(super) struct Needs {
    target: Target,
    core: Option<Core>,
    llvm: Option<Llvm>,
    mingw: bool,
    linker: Option<PathBuf>,
}

impl Needs {
    /// Looks for each part.
    pub(super) fn of_this_machine(target: Target, folder: &Path) -> Result<Self> {
        let rustc = Rustc::active()?;
        let llvm = Llvm::find();
        Ok(Self {
            target,
            core: Core::find(&rustc, target, folder)?,
            mingw: mingw_is_complete(),
            linker: toolchain::find_linker(&rustc, llvm.as_ref()),
            llvm,
        })
    }

    /// Installs what is missing, and gives back what is then there.
    pub(super) fn install(mut self, folder: &Path) -> Result<(Toolchain, Llvm)> {
        if !self.is_complete() {
            let apt = Apt::of_this_machine();
            let mut packages = self.packages(None);
            apt.check(&packages)?;
            if self.llvm.is_none() || self.linker.is_none() {
                packages = self.packages(Some(available_llvm(&apt)?));
            }
            apt.install(&packages)?;
            self = Self::of_this_machine(self.target, folder)?;
            if self.core.is_none() {
                // The lists may be older than the compiler that is needed.
                apt.update()?;
                apt.install(&self.packages(None))?;
                self = Self::of_this_machine(self.target, folder)?;
            }
        }
        let packages = self.packages(None);
        match (self.core, self.llvm, self.linker) {
            (Some(core), Some(llvm), Some(linker)) if self.mingw => Ok((Toolchain::new(core, linker), llvm)),
            (None, ..) => bail!(
                "no `core` for {target}: rustup cannot add the target, and {}; where there is a network, run `rustup target \
                 add {target}` or `rustup component add rust-src`, then build again",
                toolchain::debian_shortcoming(),
                target = self.target,
            ),
            _ => bail!(
                "packages were installed, but not everything is there; run `apt-get install --reinstall {}`, then build \
                 again",
                packages.join(" ")
            ),
        }
    }

    fn is_complete(&self) -> bool {
        self.core.is_some() && self.llvm.is_some() && self.mingw && self.linker.is_some()
    }

    /// The packages that bring what is missing, with LLVM of the given release or of the one that is tested.
    fn packages(&self, llvm: Option<u32>) -> Vec<String> {
        let release = self
            .llvm
            .as_ref()
            .map(Llvm::version)
            .or(llvm)
            .unwrap_or(LLVM_RELEASES[0]);
        let mut packages = Vec::new();
        if self.core.is_none() {
            packages.extend(["rustc-web", "rust-web-src"].map(str::to_owned));
        }
        if self.llvm.is_none() {
            packages.extend(Llvm::packages(release));
        }
        if self.linker.is_none() {
            packages.push(format!("lld-{release}"));
        }
        if !self.mingw {
            packages.push("mingw-w64-x86-64-dev".to_owned());
        }
        packages
    }
}

/// Installs one package that only some commands need.
pub(super) fn install(package: &str) -> Result<()> {
    let packages = [package.to_owned()];
    let apt = Apt::of_this_machine();
    apt.check(&packages)?;
    apt.install(&packages)
}

/// The first release of LLVM that this distribution has, by its package lists.
fn available_llvm(apt: &Apt) -> Result<u32> {
    let first_available = || {
        LLVM_RELEASES.into_iter().find(|release| {
            let mut show = Command::new("apt-cache");
            show.args(["show", "--no-all-versions", &format!("libclang-common-{release}-dev")]);
            process::capture(&mut show).is_ok_and(|output| output.status.success())
        })
    };
    if let Some(release) = first_available() {
        return Ok(release);
    }
    apt.update()?;
    first_available().context(
        "this distribution has no LLVM from 15 to 20; install one with libclang, llvm-dlltool and llvm-rc below \
         /usr/lib/llvm-N, then build again",
    )
}

/// How packages are installed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Apt {
    /// There is an apt-get.
    exists: bool,
    /// It can be called as we are.
    root: bool,
    /// It can be called through sudo.
    sudo: bool,
}

impl Apt {
    fn of_this_machine() -> Self {
        Self {
            exists: process::exists("apt-get"),
            root: process::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0"),
            sudo: process::exists("sudo"),
        }
    }

    /// Whether packages can be installed here at all.
    fn check(self, packages: &[String]) -> Result<()> {
        let list = packages.join(" ");
        if !self.exists {
            bail!(
                "the build lacks what Debian packages as `{list}`, and there is no apt-get here: install it by other means"
            );
        }
        if !self.root && !self.sudo {
            bail!(
                "the build needs packages, and there is neither root nor sudo: as root, run `apt-get install {list}`"
            );
        }
        Ok(())
    }

    fn install(self, packages: &[String]) -> Result<()> {
        eprintln!("installing {}", packages.join(" "));
        let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
        arguments.extend(packages.iter().map(String::as_str));
        if self.call(&arguments)?.status.success() {
            return Ok(());
        }
        // The lists may be missing, as in a fresh container, or too old to name what the servers have.
        self.update()?;
        let output = self.call(&arguments)?;
        if !output.status.success() {
            bail!("apt-get cannot install {}: {}", packages.join(" "), reason(&output));
        }
        Ok(())
    }

    fn update(self) -> Result<()> {
        let output = self.call(&["update", "--error-on=any"])?;
        if !output.status.success() {
            bail!(
                "apt-get update failed, and packages are missing (is there a network?): {}",
                reason(&output)
            );
        }
        Ok(())
    }

    fn call(self, arguments: &[&str]) -> Result<Output> {
        let mut command = if self.root {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            if !stdin().is_terminal() {
                sudo.arg("--non-interactive");
            }
            sudo.arg("apt-get");
            sudo
        };
        // Whoever holds dpkg's lock, such as unattended upgrades, is given time to finish.
        command.args(["--option", "DPkg::Lock::Timeout=300"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        process::capture(&mut command)
    }
}

/// What apt gives as the reason, on one line: its errors are the lines that begin with `E:`.
fn reason(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut reason = String::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("E: ")).take(3) {
        let separator = if reason.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(reason, "{separator}{}", line.trim_end_matches('.'));
    }
    if reason.is_empty() {
        process::last_line(&text).to_owned()
    } else {
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Needs = Needs {
        target: Target::X64,
        core: None,
        llvm: None,
        mingw: false,
        linker: None,
    };

    #[test]
    fn a_bare_machine_needs_everything() {
        assert_eq!(
            NOTHING.packages(Some(19)),
            [
                "rustc-web",
                "rust-web-src",
                "libclang1-19",
                "libclang-common-19-dev",
                "llvm-19",
                "lld-19",
                "mingw-w64-x86-64-dev"
            ]
        );
    }

    #[test]
    fn what_is_there_is_not_installed_again() {
        let needs = Needs {
            core: Some(Core::Installed),
            linker: Some(PathBuf::new()),
            mingw: true,
            ..NOTHING
        };
        assert_eq!(
            needs.packages(Some(18)),
            ["libclang1-18", "libclang-common-18-dev", "llvm-18"]
        );
        assert!(!needs.is_complete());
    }

    #[test]
    fn without_apt_the_error_names_the_packages() {
        let apt = Apt {
            exists: false,
            root: true,
            sudo: true,
        };
        let error = apt.check(&["llvm-19".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`llvm-19`") && error.contains("no apt-get"), "{error}");
    }

    #[test]
    fn without_root_and_sudo_the_error_gives_the_command() {
        let apt = Apt {
            exists: true,
            root: false,
            sudo: false,
        };
        let error = apt.check(&["llvm-19".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("as root, run `apt-get install llvm-19`"), "{error}");
        assert!(Apt { sudo: true, ..apt }.check(&[]).is_ok());
        assert!(Apt { root: true, ..apt }.check(&[]).is_ok());
    }

    #[test]
    #[cfg(unix)]
    fn apts_errors_become_one_line() {
        let output = Output {
            status: std::process::ExitStatus::default(),
            stdout: Vec::new(),
            stderr:
                b"W: old\nE: Unable to fetch some archives.\nE: Write error - write (28: No space left on device)\n"
                    .to_vec(),
        };
        assert_eq!(
            reason(&output),
            "Unable to fetch some archives; Write error - write (28: No space left on device)"
        );
    }
}
