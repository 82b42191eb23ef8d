//! Nothing unfinished is committed: no marker for later, no stub, no lint silenced without a reason.
//!
//! clippy says the same of most code, but not of what is compiled out, nor of comments and of files
//! that are not Rust.

use anyhow::Result;
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use super::{Finding, SourceFile, Tree};

/// Words that put work off. In two parts, so that they do not stand in this file.
const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Macros that stand for code to come.
const STUBS: [&str; 2] = ["todo", "unimplemented"];

/// Attributes that silence a lint.
const SILENCERS: [&str; 2] = ["allow", "expect"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (line, text) in (1..).zip(file.text.lines()) {
            let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(word) = words.find(|word| LATER.contains(word)) {
                findings.push(file.finding(line, format!("{word}: do it, or leave it out")));
            }
        }
        if file.is_rust() {
            see_code(file, file.tokens()?, &mut findings);
        }
    }
    Ok(findings)
}

fn see_code(file: &SourceFile, tokens: TokenStream, findings: &mut Vec<Finding>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let (before, after) = tokens.split_at(at);
        match token {
            TokenTree::Ident(name) if is_stub(name, &after[1..]) => {
                let message = format!("{name}!: write the code, or return an error");
                findings.push(file.finding(name.span().start().line, message));
            }
            TokenTree::Group(group) if is_attribute(group, before) => {
                see_attribute(file, group, findings);
            }
            TokenTree::Group(group) => see_code(file, group.stream(), findings),
            _ => {}
        }
    }
}

fn is_stub(name: &Ident, after: &[TokenTree]) -> bool {
    let is_macro = match after {
        [bang, next, ..] => is_punct(bang, '!') && !is_punct(next, '='),
        _ => false,
    };
    is_macro && STUBS.iter().any(|stub| name == stub)
}

fn is_attribute(group: &Group, before: &[TokenTree]) -> bool {
    let is_marked = match before {
        [.., hash, bang] if is_punct(bang, '!') => is_punct(hash, '#'),
        [.., hash] => is_punct(hash, '#'),
        [] => false,
    };
    is_marked && group.delimiter() == Delimiter::Bracket
}

/// Looks at the inside of `#[...]`, through `cfg_attr` too.
fn see_attribute(file: &SourceFile, attribute: &Group, findings: &mut Vec<Finding>) {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(arguments) = token else {
            continue;
        };
        match at.checked_sub(1).and_then(|before| tokens.get(before)) {
            Some(TokenTree::Ident(name)) if SILENCERS.iter().any(|silencer| name == silencer) => {
                if !has_reason(arguments) {
                    let message = format!("#[{name}] without a reason; add `reason = \"...\"`");
                    findings.push(file.finding(name.span().start().line, message));
                }
            }
            _ => see_attribute(file, arguments, findings),
        }
    }
}

fn has_reason(arguments: &Group) -> bool {
    let tokens: Vec<TokenTree> = arguments.stream().into_iter().collect();
    tokens
        .windows(2)
        .any(|pair| matches!(&pair[0], TokenTree::Ident(name) if name == "reason") && is_punct(&pair[1], '='))
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    #[test]
    fn a_marker_for_later_is_found_in_every_kind_of_file() {
        for word in LATER {
            let text = format!("# A.\n# {word}: more\n");
            assert_eq!(places(check, &[("a.toml", &text)]), ["a.toml:2"]);
            let text = format!("//! A.\n// See ({word})\n");
            assert_eq!(places(check, &[("src/a.rs", &text)]), ["src/a.rs:2"]);
        }
    }

    #[test]
    fn stubs_and_silenced_lints_without_reason_are_found() {
        for code in [
            "fn a() { todo!() }",
            "fn a() { b(unimplemented!(\"c\")) }",
            "#![allow(dead_code)]",
            "#[allow(dead_code)] fn a() {}",
            "#[allow(dead_code, unused)] #[allow(a, reason = \"b\")] fn a() {}",
            "fn a() { #[expect(unused)] let b = 1; }",
            "#[cfg_attr(windows, allow(dead_code))] fn a() {}",
        ] {
            assert_eq!(places(check, &[("src/a.rs", code)]), ["src/a.rs:1"], "{code}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_let_be() {
        for code in [
            "#[allow(dead_code, reason = \"the kernel calls it\")] fn a() {}",
            "fn a() { let _ = [b.expect(\"c\"), vec![allow(d)]]; }",
            "const A: &str = \"todo!() #[allow(b)]\"; // IRP_MJ_XXX",
            "fn todo() -> bool { todo != a }",
        ] {
            assert_eq!(places(check, &[("src/a.rs", code)]), [""; 0], "{code}");
        }
    }
}
