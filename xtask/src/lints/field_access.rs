//! The fields of Windows structures are touched only through the accessors of wdm's `layout.rs`.
//!
//! Each of them asserts its field's offset when it is compiled; past them, a binding with a wrong
//! layout would corrupt an IRP without a word. Windows writes its fields in CamelCase and Rust does not,
//! so the name tells one from the other.

use anyhow::Result;
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, ExprField, FieldPat, FieldValue, Macro, Member, Token};

use super::{Finding, SourceFile, Tree};

/// Where the kernel's structures are met.
const FOLDERS: &[&str] = &["src/", "crates/wdm/src/"];

/// Where the accessors and their offsets are.
const HOME: &str = "crates/wdm/src/layout.rs";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.rust(FOLDERS).filter(|file| file.path != HOME) {
        let mut visitor = Visitor {
            file,
            findings: Vec::new(),
        };
        visitor.visit_file(&file.syntax()?);
        findings.append(&mut visitor.findings);
    }
    Ok(findings)
}

struct Visitor<'a> {
    file: &'a SourceFile,
    findings: Vec<Finding>,
}

impl Visitor<'_> {
    fn see(&mut self, field: &Ident) {
        if is_of_windows(field) {
            let line = field.span().start().line;
            let message = format!("field {field} is touched past layout.rs, its offset unproven");
            self.findings.push(self.file.finding(line, message));
        }
    }

    fn see_member(&mut self, member: &Member) {
        if let Member::Named(field) = member {
            self.see(field);
        }
    }

    /// The arguments of a macro that are no expressions: a name after a single dot is a field.
    fn see_tokens(&mut self, tokens: TokenStream) {
        let mut dots = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(name) if dots == 1 => self.see(name),
                TokenTree::Group(group) => self.see_tokens(group.stream()),
                _ => {}
            }
            let is_dot = matches!(&token, TokenTree::Punct(one) if one.as_char() == '.');
            dots = if is_dot { dots + 1 } else { 0 };
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_expr_field(&mut self, node: &'ast ExprField) {
        self.see_member(&node.member);
        visit::visit_expr_field(self, node);
    }

    fn visit_field_value(&mut self, node: &'ast FieldValue) {
        self.see_member(&node.member);
        visit::visit_field_value(self, node);
    }

    fn visit_field_pat(&mut self, node: &'ast FieldPat) {
        self.see_member(&node.member);
        visit::visit_field_pat(self, node);
    }

    fn visit_macro(&mut self, node: &'ast Macro) {
        let Some(name) = node.path.segments.last().map(|last| &last.ident) else {
            return;
        };
        if name == "offset_of" {
            let after_type = node.tokens.clone().into_iter().skip_while(|token| !is_comma(token));
            after_type.for_each(|token| {
                if let TokenTree::Ident(field) = token {
                    self.see(&field);
                }
            });
            return;
        }
        match node.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            Ok(arguments) => arguments.iter().for_each(|argument| self.visit_expr(argument)),
            Err(_) => self.see_tokens(node.tokens.clone()),
        }
    }
}

/// Whether a field of that name comes from a Windows header; bindgen names the nameless ones.
fn is_of_windows(field: &Ident) -> bool {
    let name = field.to_string();
    name.starts_with(|first: char| first.is_ascii_uppercase()) || name.starts_with("__bindgen")
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(one) if one.as_char() == ',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    fn lines(body: &str) -> Vec<String> {
        places(check, &[("src/a.rs", body)])
    }

    #[test]
    fn every_way_to_a_field_of_windows_is_found() {
        for way in [
            "(*irp).IoStatus;",
            "irp.tail.__bindgen_anon_1;",
            "&raw mut (*irp).IoStatus;",
            "addr_of!((*irp).IoStatus);",
            "assert!(matches!((*irp).IoStatus, 0 | 1));",
            "field!((*irp).IoStatus);",
            "assert!(field!((*irp).IoStatus).is_null());",
            "offset_of!(IRP, IoStatus);",
            "core::mem::offset_of!(IRP, tail.Overlay);",
            "let UNICODE_STRING { Length: length, .. } = name;",
            "let UNICODE_STRING { Length, .. } = name;",
            "UNICODE_STRING { Length: 0, ..name };",
        ] {
            assert_eq!(lines(&format!("fn a() {{\n{way}\n}}")), ["src/a.rs:2"], "{way}");
        }
        assert_eq!(
            lines("macro_rules! m { ($a:expr) => { (*$a).IoStatus }; }"),
            ["src/a.rs:1"]
        );
        assert_eq!(
            places(check, &[("crates/wdm/src/irp/mod.rs", "const A: u8 = B.C;")]).len(),
            1
        );
    }

    #[test]
    fn accessors_rusts_own_fields_and_other_crates_are_let_be() {
        for way in [
            "layout::irp::status(irp).read();",
            "self.count.0;",
            "Counters { count: 0, ..Counters::ZERO };",
            "matches!(code, 0..MAX | 2..=LAST);",
            "offset_of!(Counters, count);",
            r#"log!("x.IoStatus");"#,
        ] {
            assert_eq!(lines(&format!("fn a() {{ {way} }}")), [""; 0], "{way}");
        }
        let access = "fn a() { (*irp).IoStatus; }";
        assert_eq!(
            places(check, &[(HOME, access), ("crates/lab/src/a.rs", access)]),
            [""; 0]
        );
    }
}
