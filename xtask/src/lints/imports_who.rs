//! Which package of this workspace may depend on which, as the table [`LAYERS`] has it.
//!
//! The driver is thin and wdm knows nothing of irpscope; and the lab, which judges the driver,
//! shares no code with it, since an oracle that shares its subject's code shares its faults.
//! Other dependencies are nobody's business here, except Microsoft's driver crates.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{Dependency, MetadataCommand};

use super::{Finding, Tree};

struct Layer {
    /// The package's folder, from the root on; the driver's is empty.
    folder: &'static str,
    /// The folders of the packages that it may depend on.
    members: &'static [&'static str],
    /// The driver crates that it may depend on.
    wdk: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer {
        folder: "",
        members: &["crates/policy", "crates/wdm", "crates/wire"],
        wdk: &["wdk-alloc", "wdk-build", "wdk-panic"],
    },
    Layer {
        folder: "crates/cli",
        members: &["crates/wire"],
        wdk: &[],
    },
    Layer {
        folder: "crates/lab",
        members: &[],
        wdk: &[],
    },
    Layer {
        folder: "crates/policy",
        members: &[],
        wdk: &[],
    },
    Layer {
        folder: "crates/wdm",
        members: &[],
        wdk: &["wdk", "wdk-sys"],
    },
    Layer {
        folder: "crates/wire",
        members: &[],
        wdk: &[],
    },
    // What a driver needs that somebody else writes.
    Layer {
        folder: "examples/delay",
        members: &["crates/wdm"],
        wdk: &["wdk-build", "wdk-panic"],
    },
    Layer {
        // policy to read statistics out of memory with, as a debugger does.
        folder: "tests",
        members: &["crates/lab", "crates/policy", "crates/wire"],
        wdk: &[],
    },
    // What the lab is tried on: drivers on wdm, and two that must not owe their behaviour to it.
    Layer {
        folder: "tests/drivers/conformance",
        members: &[],
        wdk: &["wdk-build", "wdk-panic"],
    },
    Layer {
        folder: "tests/drivers/holder",
        members: &["crates/wdm"],
        wdk: &["wdk-alloc", "wdk-build", "wdk-panic"],
    },
    Layer {
        folder: "tests/drivers/offender",
        members: &[],
        wdk: &["wdk-build", "wdk-panic"],
    },
    Layer {
        folder: "tests/drivers/worker",
        members: &["crates/wdm"],
        wdk: &["wdk-alloc", "wdk-build", "wdk-panic"],
    },
    // It runs the driver in the lab and reads what the driver counted with the driver's own reader.
    Layer {
        folder: "xtask",
        members: &["crates/lab", "crates/policy"],
        wdk: &[],
    },
];

/// The table, for the documentation.
pub(super) fn markdown() -> String {
    let list = |names: &[&str]| match names {
        [] => "nothing".to_owned(),
        names => names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let mut table =
        String::from("| package in | may use of this repository | and of Microsoft's crates |\n|---|---|---|\n");
    for layer in LAYERS {
        let folder = if layer.folder.is_empty() {
            "the root, with `src`: the driver".to_owned()
        } else {
            format!("`{}`", layer.folder)
        };
        table.push_str(&format!(
            "| {folder} | {} | {} |\n",
            list(layer.members),
            list(layer.wdk)
        ));
    }
    table
}

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let metadata = MetadataCommand::new()
        .manifest_path(tree.root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed on the workspace")?;
    let root = metadata.workspace_root.as_std_path();
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        let folder = from_root(package.manifest_path.parent().map(Path::new), root);
        let manifest = Path::new(&folder).join("Cargo.toml");
        let text = std::fs::read_to_string(root.join(&manifest))?;
        let mut tell = |line, message| {
            findings.push(Finding {
                file: manifest.clone(),
                line,
                message,
            });
        };
        let Some(layer) = LAYERS.iter().find(|layer| layer.folder == folder) else {
            tell(
                1,
                "a package without a row in LAYERS of lints/imports_who.rs; add one".to_owned(),
            );
            continue;
        };
        for dependency in &package.dependencies {
            let path = dependency.path.as_deref().map(Path::new);
            let member = path.map(|path| from_root(Some(path), root));
            let allowed = match &member {
                Some(member) => layer.members.contains(&member.as_str()),
                None => !is_wdk(&dependency.name) || layer.wdk.contains(&dependency.name.as_str()),
            };
            if !allowed {
                let message = format!(
                    "{} may not depend on {}; LAYERS of lints/imports_who.rs says on what it may",
                    package.name, dependency.name
                );
                tell(line_of(dependency, &text), message);
            }
        }
    }
    Ok(findings)
}

/// A folder of the workspace as LAYERS writes it.
fn from_root(folder: Option<&Path>, root: &Path) -> String {
    let folder = folder.unwrap_or(root);
    let relative = folder.strip_prefix(root).unwrap_or(folder);
    relative.to_string_lossy().replace('\\', "/")
}

fn is_wdk(name: &str) -> bool {
    name == "wdk" || name.starts_with("wdk-")
}

/// The line of the manifest that names the dependency.
fn line_of(dependency: &Dependency, manifest: &str) -> usize {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
    let names_it = |line: &str| {
        let key = line.trim_start().strip_prefix(name.as_str());
        key.is_some_and(|rest| rest.starts_with([' ', '.', '=']))
            || line.trim_end().ends_with(&format!("dependencies.{name}]"))
    };
    manifest.lines().position(names_it).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    /// Where the check finds something in a workspace of packages with these folders and these
    /// dependencies, which start in line 5 of the package's manifest.
    fn workspace(packages: &[(&str, &str)]) -> Vec<String> {
        let mut files = vec![("Cargo.toml".to_owned(), "[workspace]\nmembers = [".to_owned())];
        for (folder, dependencies) in packages {
            let name = folder.rsplit('/').next().unwrap();
            let package = format!("lib.path = 'a.rs'\n[package]\nname = '{name}'\n");
            files[0].1 += &format!("'{folder}',");
            files.push((format!("{folder}/a.rs"), String::new()));
            files.push((format!("{folder}/Cargo.toml"), package + dependencies));
        }
        files[0].1 += "]\nresolver = '3'\n";
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        places(check, &files)
    }

    #[test]
    fn a_dependency_that_the_table_lacks_is_found_in_every_form() {
        for dependencies in [
            "[dependencies]\nwire = { path = '../wire' }",
            "[dependencies]\nother = { package = 'wire', path = '../wire' }",
            "[dev-dependencies]\nwire.path = '../wire'",
            "[target.'cfg(windows)'.build-dependencies]\nwire.path = '../wire'",
            "\n[dependencies.wire]\npath = '../wire'",
            "[dependencies]\nwdk-sys = '0.5'",
        ] {
            let found = workspace(&[("crates/lab", dependencies), ("crates/wire", "")]);
            assert_eq!(found, ["crates/lab/Cargo.toml:5"], "{dependencies}");
        }
    }

    #[test]
    fn a_package_that_the_table_lacks_is_found() {
        assert_eq!(workspace(&[("crates/new", "")]), ["crates/new/Cargo.toml:1"]);
    }

    #[test]
    fn what_the_table_has_and_what_others_publish_is_let_be() {
        let found = workspace(&[
            ("crates/lab", "[dependencies]\nobject = '0.40'"),
            (
                "crates/wdm",
                "[dependencies]\nwdk = '0.5'\nwdk-sys = '0.5'\nbitflags = '2'",
            ),
            ("tests", "[dependencies]\nlab.path = '../crates/lab'"),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
