//! What offender.sys can be told to do wrong, read from the two tables in its source.
//!
//! The driver is built for the kernel and cannot be asked.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

/// The sources with the tables: in the first, each row begins with a rule.
const SOURCES: [&str; 2] = [
    "tests/drivers/offender/src/offences.rs",
    "tests/drivers/offender/src/misbehaviours.rs",
];

/// Something that the driver does wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offence {
    /// The rule that it breaks, where the driver's source says it.
    pub(super) rule: Option<String>,
    /// What the driver is told.
    pub(super) name: String,
}

/// Every offence.
///
/// # Errors
///
/// A source cannot be read, or has no table.
pub(super) fn read(root: &Path) -> Result<Vec<Offence>> {
    let mut offences = Vec::new();
    for source in SOURCES {
        let text = fs::read_to_string(root.join(source)).with_context(|| format!("cannot read {source}"))?;
        let found: Vec<Offence> = text.lines().filter_map(offence).collect();
        ensure!(!found.is_empty(), "there is no offence in {source}");
        offences.extend(found);
    }
    Ok(offences)
}

/// The offence in a line of a table: `"RULE" "name" Place(routine);`, with or without the rule.
fn offence(line: &str) -> Option<Offence> {
    let parts: Vec<&str> = line.trim().strip_prefix('"')?.split('"').collect();
    let (rule, name, place) = match parts[..] {
        [rule, " ", name, place] => (Some(rule.to_owned()), name, place),
        [name, place] => (None, name, place),
        _ => return None,
    };
    let is_place = place.starts_with(' ') && place.contains('(') && place.ends_with(");");
    is_place.then(|| Offence {
        rule,
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_either_table_is_an_offence_and_nothing_else_is() {
        let read = |line| offence(line).map(|offence| (offence.rule.unwrap_or_default(), offence.name));
        let row = |rule: &str, name: &str| Some((rule.to_owned(), name.to_owned()));
        assert_eq!(
            read("    \"0x44\" \"complete-twice\" Read(completing::twice);"),
            row("0x44", "complete-twice")
        );
        assert_eq!(read("    \"loop-read\" Read(loop_read);"), row("", "loop-read"));
        for line in [
            "",
            "// \"a\" Read(b);",
            "const A: &str = \"a\";",
            "\"a\", \"b\");",
            "\"a\" \"b\"",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
