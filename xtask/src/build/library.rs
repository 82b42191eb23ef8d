//! `crates/wdm` as a library, for programs that are compiled one by one and not by cargo.
//!
//! Nothing is generated or linked here: what the library was checked to is enough for the compiler to judge its users.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Message;

use crate::{
    process,
    target::{Profile, Target},
    workspace::Workspace,
};

use super::{Builder, DRIVER, Environment, diagnose};

/// The crates that a program is given by name: the library, and those that cargo built because the target has none.
const GIVEN: [&str; 4] = ["alloc", "compiler_builtins", "core", "wdm"];

/// The library, checked for the target, and the compiler that did it.
#[derive(Debug)]
pub struct Library {
    target: Target,
    rustc: PathBuf,
    made: Made,
}

impl Builder {
    /// Checks the library as the driver uses it.
    ///
    /// # Errors
    ///
    /// Cargo fails; it has said why.
    pub fn library(&self, workspace: &Workspace) -> Result<Library> {
        let mut cargo = self.cargo(workspace);
        cargo.args(["check", "--message-format", "json-render-diagnostics"]);
        self.arguments(&mut cargo, workspace, Profile::Dev, &[DRIVER]);
        let checked = process::capture(cargo.stderr(Stdio::inherit()))?;
        if !checked.status.success() {
            let error = anyhow::anyhow!(
                "`cargo check` failed ({}); what it printed above says why",
                checked.status
            );
            return Err(diagnose::explain(error, workspace, self.target.triple()));
        }
        let made = Made::read(&checked.stdout)?;
        ensure!(
            made.given.contains_key("wdm"),
            "cargo checked the driver but left no metadata of wdm; run `cargo clean` and try again"
        );
        let rustc = match &self.environment {
            Environment::Wdk => Path::new("rustc"),
            Environment::Cross { toolchain, .. } => toolchain.rustc(),
        };
        Ok(Library {
            target: self.target,
            rustc: rustc.to_owned(),
            made,
        })
    }
}

impl Library {
    /// A call of the compiler that finds the library, and everything that it needs, and nothing of cargo's.
    #[must_use]
    pub fn rustc(&self) -> Command {
        let mut rustc = Command::new(&self.rustc);
        // A program may use no more than a driver may.
        rustc.env_remove("RUSTC_BOOTSTRAP");
        rustc.args(["--target", self.target.triple(), "-Cpanic=abort"]);
        for (name, file) in &self.made.given {
            rustc.arg("--extern").arg(joined(name, file));
        }
        for folder in &self.made.folders {
            rustc.arg("-L").arg(joined("dependency", folder));
        }
        rustc
    }
}

fn joined(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push("=");
    argument.push(path);
    argument
}

/// What cargo made, as far as a compiler needs it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Made {
    /// Each of [`GIVEN`] that there is, and its metadata.
    given: BTreeMap<String, PathBuf>,
    /// Where those are that they depend on: the target's crates, and the host's macros.
    folders: BTreeSet<PathBuf>,
}

impl Made {
    /// Reads cargo's messages.
    fn read(messages: &[u8]) -> Result<Self> {
        let mut made = Self::default();
        for message in Message::parse_stream(messages) {
            let message = message.context("cargo printed something that is no message")?;
            let Message::CompilerArtifact(artifact) = message else {
                continue;
            };
            for file in artifact.filenames {
                made.folders.extend(file.parent().map(PathBuf::from));
                let name = &artifact.target.name;
                if file.extension() == Some("rmeta") && GIVEN.contains(&name.as_str()) {
                    made.given.insert(name.clone(), file.into());
                }
            }
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What cargo says when it has made these files.
    fn artifact(name: &str, files: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"path+file:///a#{name}@0.1.0","manifest_path":"/a/Cargo.toml","target":{{"kind":["lib"],"crate_types":["lib"],"name":"{name}","src_path":"/a/lib.rs","edition":"2024","doc":true,"doctest":true,"test":true}},"profile":{{"opt_level":"0","debuginfo":2,"debug_assertions":true,"overflow_checks":true,"test":false}},"features":[],"filenames":[{files}],"executable":null,"fresh":true}}"#
        )
    }

    #[test]
    fn the_library_is_found_among_everything_else_that_cargo_says() {
        let messages = [
            artifact("syn", r#""/t/host/libsyn-1.rlib","/t/host/libsyn-1.rmeta""#),
            artifact("wdk_macros", r#""/t/host/libwdk_macros-1.so""#),
            artifact("core", r#""/t/deps/libcore-1.rmeta""#),
            artifact("wdm", r#""/t/deps/libwdm-1.rmeta""#),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let made = Made::read(messages.join("\n").as_bytes()).unwrap();
        let given = [("core", "/t/deps/libcore-1.rmeta"), ("wdm", "/t/deps/libwdm-1.rmeta")];
        assert_eq!(
            made.given,
            given.map(|(name, file)| (name.to_owned(), file.into())).into()
        );
        assert_eq!(made.folders, ["/t/deps", "/t/host"].map(PathBuf::from).into());
    }

    #[test]
    fn a_crate_without_metadata_is_not_given() {
        let made = Made::read(artifact("core", r#""/t/core.dll""#).as_bytes()).unwrap();
        assert!(made.given.is_empty());
    }
}
