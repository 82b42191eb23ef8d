//! What runs in the kernel does not name the crate `alloc`, so nothing in it can allocate without being told of failure.
//!
//! Without `alloc` there is no Box, Vec, String or format!: the one way to memory is wdm's `pool`, which gives an error. A
//! list of single methods for clippy would have to name each that allocates, and its configuration at the root of the
//! workspace would be the host crates' too, which may allocate as they like.

use anyhow::Result;
use proc_macro2::{Ident, TokenStream, TokenTree};

use super::{Finding, KERNEL_FOLDERS, Tree};

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust(KERNEL_FOLDERS) {
        let mut found = Vec::new();
        collect(file.tokens()?, &mut found);
        for word in found {
            let message = format!("`{word}` allocates and panics where there is no memory; take wdm's pool::Array");
            findings.push(file.finding(word.span().start().line, message));
        }
    }
    Ok(findings)
}

/// Every mention of the crate `alloc`, as `extern crate alloc` or the first part of a path; and of `std`, which has the
/// same in it.
fn collect(tokens: TokenStream, found: &mut Vec<Ident>) {
    let mut tokens = tokens.into_iter().peekable();
    // What a path's first part may not come after: `core::alloc` is another module.
    let mut after_colon = false;
    let mut after_crate = false;
    while let Some(token) = tokens.next() {
        let is_colon = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == ':');
        match &token {
            TokenTree::Ident(word) if word == "alloc" || word == "std" => {
                let is_path = matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
                if after_crate || (is_path && !after_colon) {
                    found.push(word.clone());
                }
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            _ => {}
        }
        after_crate = matches!(&token, TokenTree::Ident(word) if word == "crate");
        after_colon = is_colon;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    #[test]
    fn what_allocates_infallibly_is_found_in_every_form() {
        for form in [
            "extern crate alloc;",
            "extern crate alloc as a;",
            "extern crate std;",
            "use alloc::boxed::Box;",
            "use {alloc::vec::Vec, core::fmt};",
            "fn a() { let b = alloc::vec![1]; }",
            "fn a() -> std::string::String { b() }",
            "macro_rules! m { () => { alloc::format!(\"\") }; }",
        ] {
            for path in ["src/a.rs", "crates/wdm/src/a.rs", "crates/policy/src/a.rs"] {
                assert_eq!(places(check, &[(path, form)]), [format!("{path}:1")], "{form}");
            }
        }
    }

    #[test]
    fn other_things_of_that_name_and_other_crates_are_let_be() {
        let files = [
            (
                "src/a.rs",
                "use core::alloc::Layout;\nfn a() { let alloc = 1; b(alloc) }\n// alloc::vec\n",
            ),
            ("crates/lab/src/a.rs", "use std::vec::Vec;"),
            ("crates/policy/tests/a.rs", "extern crate alloc;"),
        ];
        assert_eq!(places(check, &files), [""; 0]);
    }
}
