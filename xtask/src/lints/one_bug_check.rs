//! Only one place of the driver stops the system: `src/fatal.rs`, through wdm's `bug_check.rs`.
//!
//! It lists every reason there is. That nothing else of the image calls the kernel's function, whatever its source says,
//! is for the image gate to prove; here a reviewer is told before there is an image.

use anyhow::Result;
use proc_macro2::{Ident, TokenStream, TokenTree};

use super::{Finding, KERNEL_FOLDERS, Tree};

/// Where the kernel's function is called; the table of what may be imported; and the driver that breaks the kernel's
/// rules on purpose.
const CALLERS: &[&str] = &["crates/wdm/src/bug_check.rs", "crates/wdm/src/imports.in.rs"];
const RAW: &str = "tests/drivers/offender/";

/// What the driver's source is in, and the one file of it that may stop the system.
const DRIVER: &str = "src/";
const FATAL: &str = "src/fatal.rs";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust(KERNEL_FOLDERS).filter(|file| !file.path.starts_with(RAW)) {
        let may_call = CALLERS.contains(&file.path.as_str());
        let may_stop = file.path == FATAL || !file.path.starts_with(DRIVER);
        let mut words = Vec::new();
        collect(file.tokens()?, &mut words);
        for word in words {
            let name = word.to_string();
            if (name.starts_with("KeBugCheck") && !may_call) || (name == "bug_check" && !may_stop) {
                let message = format!("{name} is used; give {FATAL} a reason for it, or answer with a status");
                findings.push(file.finding(word.span().start().line, message));
            }
        }
    }
    Ok(findings)
}

/// Every word of the file, inside macros too.
fn collect(tokens: TokenStream, words: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => words.push(word),
            TokenTree::Group(group) => collect(group.stream(), words),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    #[test]
    fn a_bug_check_past_the_one_place_is_found_in_every_form() {
        for (path, form) in [
            ("src/a.rs", "fn a() { wdm::bug_check::stop(1, [0; 4]) }"),
            ("src/a.rs", "use wdm::{bug_check as b, Irp};"),
            ("src/a.rs", "fn a() { KeBugCheckEx(1, 2, 3, 4, 5) }"),
            ("crates/wdm/src/a.rs", "use wdk_sys::ntddk::KeBugCheckEx;"),
            ("crates/wdm/src/a.rs", "macro_rules! m { () => { KeBugCheck(1) }; }"),
            ("crates/policy/src/a.rs", "unsafe extern { fn KeBugCheck2(); }"),
            ("tests/drivers/holder/src/a.rs", "fn a() { KeBugCheck(1) }"),
            ("src/fatal.rs", "fn a() { KeBugCheck(1) }"),
        ] {
            assert_eq!(places(check, &[(path, form)]), [format!("{path}:1")], "{form}");
        }
    }

    #[test]
    fn the_one_place_prose_and_the_driver_of_offences_are_let_be() {
        let files = [
            ("src/fatal.rs", "fn a() { wdm::bug_check::stop(1, [0; 4]) }"),
            ("src/a.rs", "//! KeBugCheckEx\nconst A: &str = \"bug_check\";"),
            ("crates/wdm/src/bug_check.rs", "fn a() { KeBugCheckEx(1) }"),
            ("crates/wdm/src/driver.rs", "fn a() { bug_check::stop(1) }"),
            ("tests/drivers/offender/src/a.rs", "fn a() { KeBugCheckEx(1) }"),
            ("crates/lab/src/a.rs", "fn a() { KeBugCheckEx(1) }"),
        ];
        assert_eq!(places(check, &files), [""; 0]);
    }
}
