//! `cargo xtask docs`: the parts of the documentation that are made from code.
//!
//! A document says in two marks where such a part stands; what is between them belongs to this command, and a test fails
//! where it is stale.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};

use policy::{
    configuration::{Keys, Setting},
    retry::{TRANSIENT, Transient},
};

use crate::{
    conformance, gate,
    in_lab::{self, DocumentPart},
    inf, policy_table, quotes,
};

/// Writes every generated part of the checkout at `root` anew, and that made from the caller's `commands`.
///
/// # Errors
///
/// A document cannot be read or written, or has no marks; with `check_only`, one is stale.
pub fn refresh(root: &Path, commands: &str, check_only: bool) -> Result<()> {
    let part = |document, name, contents| DocumentPart {
        document,
        name,
        contents,
    };
    let mut parts = vec![
        part("docs/image-gate.md", "checks", checks()),
        part("docs/configuration.md", "events", events()),
        part("docs/configuration.md", "settings", settings()),
        part("docs/configuration.md", "statuses", statuses()),
        part("docs/inf.md", "rules", inf::rules_markdown()),
        conformance::document_part(),
        part(
            "docs/build.md",
            "commands",
            format!("```text\n{}\n```\n", commands.trim_end()),
        ),
    ];
    parts.extend(in_lab::document_parts(root)?);
    parts.extend(policy_table::document_parts());
    parts.extend(quotes::document_parts(root)?);
    write(root, parts, check_only)
}

/// Writes these parts of documents.
///
/// # Errors
///
/// As [`refresh`].
pub(crate) fn write(root: &Path, parts: Vec<DocumentPart>, check_only: bool) -> Result<()> {
    let mut documents: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for part in parts {
        let (_, new) = match documents.entry(part.document) {
            Entry::Occupied(document) => document.into_mut(),
            Entry::Vacant(place) => {
                let document = part.document;
                let old = fs::read_to_string(root.join(document)).with_context(|| format!("cannot read {document}"))?;
                place.insert((old.clone(), old))
            }
        };
        *new = replaced(new, part.name, &part.contents).with_context(|| part.document.to_owned())?;
    }
    for (document, (old, new)) in documents {
        if new == old {
            continue;
        }
        ensure!(!check_only, "{document} is stale: run `cargo xtask docs`");
        fs::write(root.join(document), new).with_context(|| format!("cannot write {document}"))?;
        println!("{document} written");
    }
    Ok(())
}

/// The document with what stands between the marks of `name` replaced.
fn replaced(document: &str, name: &str, contents: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- {name}: begin, generated -->\n"),
        format!("<!-- {name}: end -->"),
    );
    let parts = document
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) =
        parts.with_context(|| format!("the lines {} and {end} are missing: restore them", begin.trim_end()))?;
    Ok(format!("{before}{begin}\n{contents}\n{end}{after}"))
}

/// The table of what can be set.
fn settings() -> String {
    let mut table = String::from(
        "| value | in the device's key too | from | to | default | meaning |\n|---|---|---|---|---|---|\n",
    );
    for definition in Setting::ALL.iter().map(|setting| setting.definition()) {
        let device = match definition.keys {
            Keys::ServiceAndDevice => "yes",
            Keys::Service => "no",
        };
        let unit = match definition.unit {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        let step = match definition.step {
            1 => String::new(),
            step => format!(", multiples of {step}"),
        };
        table.push_str(&format!(
            "| `{}` | {device} | {} | {}{unit}{step} | {} | {} |\n",
            definition.name, definition.minimum, definition.maximum, definition.default, definition.meaning
        ));
    }
    table
}

/// The table of the statuses for which a request may be sent again.
fn statuses() -> String {
    let mut table = String::from("| add | status | what it says |\n|---|---|---|\n");
    for (bit, Transient { name, status, meaning }) in TRANSIENT.iter().enumerate() {
        table.push_str(&format!("| {} | {name} (0x{status:08X}) | {meaning} |\n", 1 << bit));
    }
    table
}

/// The table of what the driver writes to the System log.
fn events() -> String {
    macro_rules! messages {
        ($($name:ident = $code:literal, $text:literal;)*) => {
            [$(($code, $text)),*]
        };
    }
    let messages: [(u32, &str); _] = include!("../../src/messages.in.rs");
    let mut table = String::from("| event | text |\n|---|---|\n");
    for (code, text) in messages {
        table.push_str(&format!("| {} | {text} |\n", code & 0xFFFF));
    }
    table
}

/// The table of what the image gate checks.
fn checks() -> String {
    let mut table = String::from("| check | a good image |\n|---|---|\n");
    for check in gate::Check::ALL {
        table.push_str(&format!("| {} | {} |\n", check.id(), check.meaning()));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let document = "a\n<!-- x: begin, generated -->\nold\n<!-- x: end -->\nb\n";
        assert_eq!(
            replaced(document, "x", "new\n").unwrap(),
            "a\n<!-- x: begin, generated -->\n\nnew\n\n<!-- x: end -->\nb\n"
        );
    }

    #[test]
    fn a_stale_part_is_told_and_left_when_it_is_only_checked_and_written_when_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.md");
        let marks =
            "<!-- x: begin, generated -->\nold\n<!-- x: end -->\n<!-- y: begin, generated -->\n<!-- y: end -->\n";
        fs::write(&path, marks).unwrap();
        let parts = || {
            ["x", "y"].map(|name| DocumentPart {
                document: "a.md",
                name,
                contents: format!("new {name}"),
            })
        };
        let error = write(root.path(), parts().into(), true).unwrap_err().to_string();
        assert!(error.starts_with("a.md is stale"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), marks);
        write(root.path(), parts().into(), false).unwrap();
        let written = fs::read_to_string(&path).unwrap();
        assert!(written.contains("new x") && written.contains("new y"), "{written}");
        write(root.path(), parts().into(), true).unwrap();
    }

    #[test]
    fn a_document_without_its_marks_is_an_error_that_names_them() {
        for document in [
            "",
            "<!-- x: begin, generated -->\n",
            "<!-- y: begin, generated -->\n<!-- y: end -->",
        ] {
            assert!(
                replaced(document, "x", "")
                    .unwrap_err()
                    .to_string()
                    .contains("<!-- x: end -->")
            );
        }
    }
}
