//! What `docs/writing-a-filter.md` quotes from the example: taken from its sources, so that it is what is built and run.
//!
//! A quote is a whole file, or one item of it with the comments above it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::in_lab::DocumentPart;

const DOCUMENT: &str = "docs/writing-a-filter.md";

/// The name of each quote in the document, the file that it is from, and how the item's first line begins; nothing where it
/// is the whole file.
const QUOTES: &[(&str, &str, &str)] = &[
    ("manifest", "examples/delay/Cargo.toml", ""),
    (
        "entry",
        "examples/delay/src/entry.rs",
        "unsafe extern \"system\" fn driver_entry(",
    ),
    ("driver", "examples/delay/src/filter.rs", "impl Driver for Delay {"),
    ("parts", "examples/delay/src/waiting.rs", "wdm::parts! {"),
    ("delay", "examples/delay/src/waiting.rs", "pub(crate) fn delay<"),
    (
        "release",
        "examples/delay/src/waiting.rs",
        "impl Expire<Delay> for Release {",
    ),
    (
        "queued",
        "examples/delay/src/waiting.rs",
        "impl Queued<Delay> for Waiting {",
    ),
    ("test", "tests/example/main.rs", "fn the_example_keeps_the_rules() {"),
];

/// Every quote of the document, from the checkout at `root`.
pub(crate) fn document_parts(root: &Path) -> Result<Vec<DocumentPart>> {
    let quote = |&(name, file, begins): &(&'static str, &str, &str)| {
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))?;
        let quoted = if begins.is_empty() {
            Some(text.as_str())
        } else {
            item(&text, begins)
        };
        let quoted = quoted.with_context(|| {
            format!("{file} has no item that begins with `{begins}`: name another in QUOTES of xtask/src/quotes.rs")
        })?;
        let language = file.rsplit('.').next().map_or("text", |extension| match extension {
            "rs" => "rust",
            other => other,
        });
        Ok(DocumentPart {
            document: DOCUMENT,
            name,
            contents: format!("```{language}\n{}\n```\n", quoted.trim_end()),
        })
    };
    QUOTES.iter().map(quote).collect()
}

/// The item whose first line begins like this, from its comments and attributes on to the brace that closes it, each at the
/// beginning of a line.
fn item<'text>(text: &'text str, begins: &str) -> Option<&'text str> {
    let mut start = None;
    let mut found = false;
    let mut place = 0;
    for line in text.split_inclusive('\n') {
        let end = place + line.len();
        if found {
            if line.trim_end() == "}" {
                return text.get(start?..end);
            }
        } else if line.starts_with(begins) {
            found = true;
            start = start.or(Some(place));
        } else if line.starts_with("//") && !line.starts_with("//!") || line.starts_with('#') {
            start = start.or(Some(place));
        } else {
            start = None;
        }
        place = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "//! File.\n\n/// A.\nfn a() {\n    b();\n}\n\n// Why.\n#[test]\n/// B.\nfn b() {\n}\n\nfn open() {\n";

    #[test]
    fn an_item_is_quoted_with_what_stands_above_it_and_up_to_its_end() {
        assert_eq!(item(TEXT, "fn a("), Some("/// A.\nfn a() {\n    b();\n}\n"));
        assert_eq!(item(TEXT, "fn b("), Some("// Why.\n#[test]\n/// B.\nfn b() {\n}\n"));
    }

    #[test]
    fn what_is_not_there_or_has_no_end_is_not_quoted() {
        assert_eq!(item(TEXT, "fn c("), None);
        assert_eq!(item(TEXT, "fn open("), None);
    }

    #[test]
    fn an_item_that_is_gone_is_an_error_that_says_where_to_name_another() {
        let root = tempfile::tempdir().unwrap();
        for (_, file, _) in QUOTES {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "fn other() {\n}\n").unwrap();
        }
        let error = document_parts(root.path()).err().unwrap().to_string();
        assert!(error.contains("xtask/src/quotes.rs"), "{error}");
    }
}
