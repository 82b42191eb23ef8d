//! Checks of this repository's own files that no compiler makes, one in each file.
//!
//! They see text and syntax, not types: what needs a type to be judged is clippy's or the
//! compiler's business. Nothing is changed, only told.

mod document_links;
mod field_access;
mod file_head;
mod imports_who;
mod no_infallible_allocation;
mod no_unfinished;
mod one_bug_check;
mod speaks_only_of_itself;
mod tree;
mod unsafe_home;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use tree::{SourceFile, Tree};

/// Where the source is of what runs in the kernel: drivers and what they are made of.
const KERNEL_FOLDERS: &[&str] = &[
    "src/",
    "crates/wdm/src/",
    "crates/policy/src/",
    "tests/drivers/",
    "examples/",
];

/// One thing to correct, shown as `file:line: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the repository's root on.
    pub file: PathBuf,
    /// The line in it, counted from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

/// Which package may depend on which, for the documentation.
#[must_use]
pub fn layers_markdown() -> String {
    imports_who::markdown()
}

/// Runs every check on the repository at `root`; nothing found means that it is clean.
pub fn run(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let mut findings = Vec::new();
    for check in [
        document_links::check,
        field_access::check,
        file_head::check,
        imports_who::check,
        no_infallible_allocation::check,
        no_unfinished::check,
        one_bug_check::check,
        speaks_only_of_itself::check,
        unsafe_home::check,
    ] {
        findings.extend(check(&tree)?);
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_clean() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let findings: Vec<_> = run(&root).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(findings, [""; 0], "\n{}", findings.join("\n"));
    }
}
