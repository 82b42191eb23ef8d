//! This program as the wrapper through which cargo calls rustc.
//!
//! Off Windows two kinds of calls are changed. Those for wdk-build and for the `windows-*` crates that compile on
//! Windows hosts only get another source file, so that neither Cargo.toml nor Cargo.lock has to know of it. Those for the
//! driver's target get paths remapped, so that the image does not depend on the folder that it was built in.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;

use super::{linker, symlink, wdk_build, write_whole};

/// The names under which this program is not the project's command line.
const WRAPPER: &str = "rustc-wrapper";

/// A wrapper that the caller had set already.
const CHAINED: &str = "IRPSCOPE_CHAINED_RUSTC_WRAPPER";

/// The checkout whose driver is being built.
const ROOT: &str = "IRPSCOPE_ROOT";

/// Crates that compile on Windows hosts only, and of which nothing is used elsewhere.
const EMPTY: [&str; 5] = [
    "windows_collections",
    "windows_core",
    "windows_future",
    "windows_numerics",
    "windows_threading",
];

/// The source of each of them, beside the wrapper.
const EMPTY_SOURCE: &str = "empty.rs";

/// Puts links to this program into `folder`, under the names that make it a wrapper and a linker, and the source file of
/// the crates that are left out. The file is made here, by one process and before the build whose input it is.
pub(super) fn install(folder: &Path) -> Result<PathBuf> {
    let tools = folder.join("tools");
    let program = env::current_exe().context("cannot find this program's own file")?;
    fs::create_dir_all(&tools).with_context(|| format!("cannot make the folder {}", tools.display()))?;
    for name in [WRAPPER, linker::NAME] {
        let link = tools.join(name);
        if fs::read_link(&link).is_ok_and(|old| old == program) {
            continue;
        }
        let _ = fs::remove_file(&link);
        symlink(&program, &link).with_context(|| format!("cannot make the link {}", link.display()))?;
    }
    let empty = tools.join(EMPTY_SOURCE);
    if !empty.is_file() {
        write_whole(&empty, b"")?;
    }
    Ok(tools)
}

/// Makes cargo call rustc through the wrapper.
pub(super) fn apply(cargo: &mut Command, tools: &Path, workspace: &Workspace) {
    cargo
        .env("RUSTC_WRAPPER", tools.join(WRAPPER))
        .env(ROOT, workspace.root());
    if let Some(wrapper) = env::var_os("RUSTC_WRAPPER").filter(|wrapper| !wrapper.is_empty()) {
        cargo.env(CHAINED, wrapper);
    }
}

/// Does the work of the wrapper or the linker, if this program was called by one of their names.
#[must_use]
pub fn called_as_tool() -> Option<ExitCode> {
    let mut arguments = env::args_os();
    let program = PathBuf::from(arguments.next()?);
    let result = match program.file_name()?.to_str()? {
        WRAPPER => wrap(program.parent()?, arguments.collect()),
        linker::NAME => linker::link(arguments.collect()),
        _ => return None,
    };
    Some(result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    }))
}

fn wrap(tools: &Path, mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.is_empty() {
        bail!("{WRAPPER} is called by cargo, with a compiler and its arguments");
    }
    let root = PathBuf::from(env::var_os(ROOT).with_context(|| format!("{WRAPPER} is called by cargo xtask only"))?);
    match crate_name(&arguments) {
        Some("wdk_build") => replace_source(&mut arguments, |published| {
            wdk_build::edit(published.parent().unwrap_or(published), &tools.join("wdk-build"))
        })?,
        Some(name) if EMPTY.contains(&name) => replace_source(&mut arguments, |_| Ok(tools.join(EMPTY_SOURCE)))?,
        _ => {}
    }
    if is_for_windows(&arguments) {
        arguments.extend(remapped_prefixes(&root));
    }
    if let Some(chained) = env::var_os(CHAINED) {
        arguments.insert(0, chained);
    }
    let program = arguments.remove(0);
    let status = Command::new(&program)
        .args(arguments)
        .status()
        .with_context(|| format!("cannot run {}", Path::new(&program).display()))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn crate_name(arguments: &[OsString]) -> Option<&str> {
    let at = arguments.iter().position(|argument| argument == "--crate-name")?;
    arguments.get(at + 1)?.to_str()
}

/// Whether this call compiles for the driver's target, and not for the build host.
fn is_for_windows(arguments: &[OsString]) -> bool {
    arguments
        .windows(2)
        .any(|pair| pair[0] == "--target" && pair[1].to_str().is_some_and(|target| target.ends_with("-windows-msvc")))
}

/// Replaces the one argument that is a crate's root file.
fn replace_source(arguments: &mut [OsString], replacement: impl FnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    let source = arguments
        .iter_mut()
        .skip(1)
        .find(|argument| Path::new(argument).file_name() == Some(OsStr::new("lib.rs")))
        .context("cargo calls rustc for wdk-build in a way that this build does not know")?;
    *source = replacement(Path::new(source))?.into_os_string();
    Ok(())
}

/// What rustc writes into an image or its debugging information instead of this machine's folders.
fn remapped_prefixes(root: &Path) -> Vec<OsString> {
    // The last prefix that matches counts: the checkout may well lie in a home folder, and a package in the checkout.
    let mut prefixes = Vec::new();
    if let Some(package) = env::var_os("CARGO_MANIFEST_DIR") {
        let package = PathBuf::from(package);
        let name = env::var("CARGO_PKG_NAME").unwrap_or_default();
        if !package.starts_with(root) {
            prefixes.push((
                package,
                format!("/crates/{name}-{}", env::var("CARGO_PKG_VERSION").unwrap_or_default()),
            ));
        }
    }
    prefixes.push((root.to_owned(), "/irpscope".to_owned()));
    prefixes
        .into_iter()
        .map(|(from, to)| {
            let mut argument = OsString::from("--remap-path-prefix=");
            argument.push(from);
            argument.push("=");
            argument.push(to);
            argument
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn only_calls_for_the_target_are_remapped() {
        assert!(is_for_windows(&arguments(
            "rustc --crate-name wdm --target x86_64-pc-windows-msvc"
        )));
        assert!(!is_for_windows(&arguments(
            "rustc --crate-name wdk_build --edition=2024"
        )));
        assert!(!is_for_windows(&arguments("rustc --target x86_64-unknown-linux-gnu")));
    }

    #[test]
    fn the_source_file_is_replaced_and_nothing_else() {
        let mut call = arguments("rustc --crate-name wdk_build --edition=2024 crates/wdk-build/src/lib.rs --out-dir o");
        assert_eq!(crate_name(&call), Some("wdk_build"));
        replace_source(&mut call, |source| Ok(source.with_file_name("edited.rs"))).unwrap();
        assert_eq!(
            call,
            arguments("rustc --crate-name wdk_build --edition=2024 crates/wdk-build/src/edited.rs --out-dir o")
        );
    }

    #[test]
    fn a_call_without_a_source_file_is_an_error() {
        let mut call = arguments("rustc -vV");
        assert!(replace_source(&mut call, |source| Ok(source.to_owned())).is_err());
    }
}
