//! The list of sequences in `docs/conformance.md`, made of the table that conformance.sys runs them by.

use crate::in_lab::DocumentPart;

/// A file of sequences: its name, and each with the page that prescribes its result and what that says.
type Theme = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

macro_rules! sequences {
    ($($theme:ident {$($name:ident $page:literal $fact:literal;)*})*) => {
        &[$((stringify!($theme), &[$((stringify!($name), $page, $fact),)*]),)*]
    };
}

const THEMES: &[Theme] = include!("../../tests/drivers/conformance/src/sequences.in.rs");

/// The part of the document, by themes.
pub(crate) fn document_part() -> DocumentPart {
    let count: usize = THEMES.iter().map(|(_, sequences)| sequences.len()).sum();
    let mut list = format!("There are {count} sequences.\n\n");
    list.push_str("| file | sequence | page | what it says, in our words |\n|---|---|---|---|\n");
    for (theme, sequences) in THEMES {
        for (name, page, fact) in *sequences {
            list.push_str(&format!("| {theme} | {} | {page} | {fact} |\n", name.replace('_', " ")));
        }
    }
    DocumentPart {
        document: "docs/conformance.md",
        name: "sequences",
        contents: list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sequence_has_a_row_with_its_page_and_its_fact() {
        let contents = document_part().contents;
        for (theme, sequences) in THEMES {
            for (name, page, fact) in *sequences {
                assert!(fact.ends_with('.') && !fact.contains('|'), "{name}: {fact}");
                let row = format!("| {theme} | {} | {page} | {fact} |", name.replace('_', " "));
                assert_eq!(contents.matches(&row).count(), 1, "{row}");
            }
        }
    }
}
