//! Every link from one document of this repository to another leads somewhere: to a file, and to a heading in it.
//!
//! Not here: links to the world outside, which nobody can follow without a network.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::{Finding, SourceFile, Tree};

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_document(&file.path)) {
        for (line, text) in prose(&file.text) {
            for target in targets(text) {
                if let Some(message) = broken(tree, file, target) {
                    findings.push(file.finding(line, message));
                }
            }
        }
    }
    Ok(findings)
}

fn is_document(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

/// The lines of a document that are not code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Where the links of a line lead.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// What is wrong with a link, if anything is.
fn broken(tree: &Tree, from: &SourceFile, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let to = if path.is_empty() {
        from.path.clone()
    } else {
        beside(&from.path, path)
    };
    if !tree.root.join(&to).exists() {
        return Some(format!("the link leads to {to}, which is not there"));
    }
    let has_heading = |document: &SourceFile| {
        let mut headings = prose(&document.text)
            .filter(|(_, line)| line.starts_with('#'))
            .map(|(_, line)| anchor(line));
        headings.any(|anchor| anchor == heading)
    };
    let found = heading.is_empty() || tree.files.iter().any(|file| file.path == to && has_heading(file));
    (!found).then(|| format!("the link leads to a heading #{heading}, which {to} has not"))
}

/// A path as it is written in a document, from the root on.
fn beside(document: &str, path: &str) -> String {
    let mut whole = PathBuf::from(document);
    whole.pop();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => {
                whole.pop();
            }
            component => whole.push(component),
        }
    }
    whole.to_string_lossy().replace('\\', "/")
}

/// What a forge makes of a heading: its letters and digits in lower case, with hyphens for blanks.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|&c| c.is_alphanumeric() || " -_".contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lints::tree::tests::places;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        for link in [
            "[a](c.md)",
            "a [b](b.md) and [c](../b.md)",
            "[d](b.md#two)",
            "[a](#two)",
            "[x](../docs)",
        ] {
            let link = format!("# One\n\n{link}\n");
            let files = [("documents/a.md", link.as_str()), ("documents/b.md", "# One\n")];
            assert_eq!(places(check, &files), ["documents/a.md:3"], "{link}");
        }
    }

    #[test]
    fn what_is_there_and_what_is_no_link_is_let_be() {
        let text = "[a](b.md), [b](b.md#6-a-b-c), [c](#one), [d](../README.md), [e](.), [f](https://a/b)\n\
                    # One\n```\n[a](c.md)\n```\n";
        let files = [
            ("documents/a.md", text),
            ("documents/b.md", "## 6. A `b`, c\n"),
            ("README.md", ""),
            ("src/a.rs", "//! [a](b)\n"),
        ];
        assert_eq!(places(check, &files), [""; 0]);
    }
}
