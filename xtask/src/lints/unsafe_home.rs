//! The driver is thin: what is unsafe belongs to `crates/wdm`, bar the few files named here.
//!
//! The drivers of `tests/drivers` and `examples` are held to the same, except those whose subject is raw WDM.
//!
//! Whether an unsafe block there is sound is for its `// SAFETY:` to argue, which clippy demands.

use anyhow::Result;
use proc_macro2::{Ident, TokenStream, TokenTree};

use super::{Finding, Tree};

/// Where the driver itself may say `unsafe`, and how many times.
///
/// - `entry.rs`: the symbol DriverEntry without mangling, the routine itself, and the hand-over of its raw argument.
const ALLOWED: &[(&str, usize)] = &[
    ("src/entry.rs", 3),
    ("examples/delay/src/entry.rs", 3),
    ("tests/drivers/holder/src/entry.rs", 3),
    ("tests/drivers/worker/src/entry.rs", 3),
];

/// Where drivers are.
const FOLDERS: &[&str] = &["src/", "examples/", "tests/drivers/"];

/// The drivers that call the kernel raw: the one that breaks its rules on purpose, for which nothing safe can be given, and
/// the one that asks whether it does what is documented, which must share no mistake with `crates/wdm`.
const RAW: &[&str] = &["tests/drivers/conformance/", "tests/drivers/offender/"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let is_raw = |path: &str| RAW.iter().any(|folder| path.starts_with(folder));
    for file in tree.rust(FOLDERS).filter(|file| !is_raw(&file.path)) {
        let home = ALLOWED.iter().find(|(path, _)| *path == file.path);
        let limit = home.map_or(0, |(_, limit)| *limit);
        let mut found = Vec::new();
        collect(file.tokens()?, &mut found);
        for word in found.iter().skip(limit) {
            let message = if limit == 0 {
                "`unsafe` in the driver; give crates/wdm a safe function for it".to_owned()
            } else {
                format!("more than {limit} times `unsafe`; give crates/wdm a safe function for it")
            };
            findings.push(file.finding(word.span().start().line, message));
        }
    }
    Ok(findings)
}

/// Every `unsafe` in the file: block, function, impl, extern, attribute, and inside macros too.
fn collect(tokens: TokenStream, found: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "unsafe" => found.push(word),
            TokenTree::Group(group) => collect(group.stream(), found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    #[test]
    fn unsafe_in_the_driver_is_found_in_every_form() {
        for form in [
            "fn a() { unsafe { b() } }",
            "unsafe fn a() {}",
            "unsafe impl Send for A {}",
            "unsafe extern \"C\" { fn a(); }",
            "#[unsafe(no_mangle)] fn a() {}",
            "macro_rules! m { () => { unsafe { b() } }; }",
        ] {
            assert_eq!(places(check, &[("src/a.rs", form)]), ["src/a.rs:1"], "{form}");
        }
    }

    #[test]
    fn the_entry_may_say_it_as_often_as_it_has_to_and_no_more() {
        let entry = "#[unsafe(no_mangle)]\nunsafe fn a() {\nunsafe { b() }\n";
        assert_eq!(places(check, &[("src/entry.rs", &format!("{entry}}}"))]), [""; 0]);
        let fourth = format!("{entry}unsafe {{ c() }}\n}}");
        assert_eq!(places(check, &[("src/entry.rs", &fourth)]), ["src/entry.rs:4"]);
    }

    #[test]
    fn of_the_tests_drivers_only_the_raw_ones_are_let_be() {
        let code = "fn a() { unsafe { b() } }";
        let files = [
            ("tests/drivers/holder/src/lib.rs", code),
            ("tests/drivers/offender/src/lib.rs", code),
            ("tests/drivers/conformance/src/lib.rs", code),
        ];
        assert_eq!(places(check, &files), ["tests/drivers/holder/src/lib.rs:1"]);
    }

    #[test]
    fn prose_and_other_crates_are_let_be() {
        let prose = "//! unsafe\n/// unsafe\nconst A: &str = \"unsafe\"; // unsafe\n";
        let files = [("src/a.rs", prose), ("crates/wdm/src/a.rs", "unsafe fn a() {}")];
        assert_eq!(places(check, &files), [""; 0]);
    }
}
