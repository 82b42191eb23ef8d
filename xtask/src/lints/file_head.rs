//! Every Rust file starts by saying what it is.
//!
//! A file that is `include!`d (`*.in.rs`) is no module and cannot hold `//!`; it starts with `//`.

use anyhow::Result;

use super::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust(&["src/", "crates/", "tests/", "xtask/"]) {
        let included = file.path.ends_with(".in.rs");
        let wanted = if included { "// " } else { "//! " };
        if !file.text.starts_with(wanted) {
            let message = format!("starts without `{wanted}`; say in a line what this file is");
            findings.push(file.finding(1, message));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let files = [
            ("crates/a/src/b.rs", ""),
            ("src/a.rs", "use b;\n//! Too late.\n"),
            ("tests/a.rs", "// Not for rustdoc.\n"),
            ("xtask/src/a.in.rs", "//! Not a module.\n"),
        ];
        let all = [
            "crates/a/src/b.rs:1",
            "src/a.rs:1",
            "tests/a.rs:1",
            "xtask/src/a.in.rs:1",
        ];
        assert_eq!(places(check, &files), all);
    }

    #[test]
    fn a_file_that_says_so_is_let_be() {
        let files = [("src/a.rs", "//! A.\n"), ("src/a.in.rs", "// A.\n"), ("src/a.txt", "a")];
        assert_eq!(places(check, &files), [""; 0]);
    }
}
