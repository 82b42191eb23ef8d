//! One call of the compiler on one program, and what it said.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::diagnostic::Diagnostic;

use crate::{build::Library, process};

use super::{EDITION, program::Program};

/// Which of a file's two programs is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// With `cfg(misuse)`.
    Misuse,
    /// Without.
    Corrected,
}

/// Has the compiler check one version of `program`, which lies below `root`, and leave what it writes in `output`.
pub(super) fn compile(
    program: &Program,
    version: Version,
    root: &Path,
    library: &Library,
    output: &Path,
) -> Result<Vec<Diagnostic>> {
    let test = &program.test;
    let mut rustc = library.rustc();
    rustc
        .current_dir(root)
        .args(["--edition", EDITION, "--crate-type", "lib", "--crate-name", "program"])
        // A value that must be used is dropped with no more than a warning. The rest of the repository denies warnings
        // too, so that a program that is warned of is none to take after.
        .args(["--deny", "warnings", "--check-cfg", "cfg(misuse)"])
        .args(["--emit", "metadata", "--error-format", "json"])
        .arg("-o")
        .arg(output.join(format!("{}.rmeta", test.rule)))
        .arg(&test.file);
    if version == Version::Misuse {
        rustc.args(["--cfg", "misuse"]);
    }
    let done = process::capture(&mut rustc)?;
    let printed = String::from_utf8_lossy(&done.stderr);
    let diagnostics = diagnostics(&printed).with_context(|| test.file.clone())?;
    if !done.status.success() && diagnostics.is_empty() {
        bail!(
            "the compiler failed on {} and did not say why ({})",
            test.file,
            done.status
        );
    }
    Ok(diagnostics)
}

/// The diagnostics in what rustc printed, which has one in each line.
fn diagnostics(printed: &str) -> Result<Vec<Diagnostic>> {
    printed
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).with_context(|| format!("the compiler says: {line}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_diagnostic() {
        let line = r#"{"$message_type":"diagnostic","message":"m","code":null,"level":"error","spans":[],"children":[],"rendered":"error: m\n"}"#;
        assert_eq!(diagnostics(&format!("{line}\n{line}\n")).unwrap().len(), 2);
        assert_eq!(diagnostics("").unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_diagnostic_is_an_error_that_repeats_it() {
        let error = diagnostics("error: multiple input filenames provided\n").unwrap_err();
        assert!(error.to_string().contains("multiple input filenames"), "{error}");
    }
}
