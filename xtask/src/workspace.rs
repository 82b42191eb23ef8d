//! Where the project lies, and how cargo is called in it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// A checkout of the project.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built in.
    #[must_use]
    pub fn here() -> Self {
        // Cargo sets the variable for what it runs; a program that is started directly falls back to where it was built.
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        Self::at(manifest.parent().unwrap_or(&manifest))
    }

    /// The checkout at `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Its top folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything that is built goes. Inside the checkout always: wdk-build looks for Cargo.lock above it.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// A call of cargo in this checkout that no variable of the caller's environment changes.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(changes_a_build) {
                cargo.env_remove(&name);
            }
        }
        cargo
    }
}

/// Whether a variable of this name would make cargo build something else, or somewhere else, than asked.
fn changes_a_build(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "RUSTC",
        "RUSTC_BOOTSTRAP",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ];
    NAMES.contains(&name)
        || (name.starts_with("CARGO_TARGET_") && (name.ends_with("_RUSTFLAGS") || name.ends_with("_LINKER")))
        || name.starts_with("CARGO_PROFILE_")
}

#[cfg(test)]
mod tests {
    use super::changes_a_build;

    #[test]
    fn a_callers_flags_do_not_reach_the_build() {
        for name in [
            "RUSTFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER",
            "CARGO_PROFILE_DEV_LTO",
        ] {
            assert!(changes_a_build(name), "{name}");
        }
    }

    #[test]
    fn what_cargo_needs_to_work_at_all_is_kept() {
        for name in [
            "PATH",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "RUSTUP_TOOLCHAIN",
            "CARGO_HTTP_PROXY",
            "CARGO",
        ] {
            assert!(!changes_a_build(name), "{name}");
        }
    }
}
