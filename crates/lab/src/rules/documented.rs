//! What Microsoft documents for WDM drivers to be held to, and how the lab covers it: the rules by name, the codes of
//! bug check 0xC9, and codes of bug check 0xC4.
//!
//! A row whose name is the id or the name of a rule of the lab is covered by that rule, and says no more. Any other row
//! names the rule that an offence against it is found as, with the offence that shows it, or says why it is not applied.
//! Not here: what the lab's own rules ask for, which is in the table of rules.

mod io_codes;
mod named;
mod verifier_codes;

pub use io_codes::IO_CODES;
pub use named::NAMED;
pub use verifier_codes::VERIFIER_CODES;

use super::{Rule, all};

/// Something that Microsoft documents, and how the lab covers it.
#[derive(Debug)]
pub struct Documented {
    /// The name of a rule, or a code as the lab writes it: `0xC9/0x224`.
    pub name: &'static str,
    /// For a rule by name, the set that it is documented in. For a code, what it stands for.
    pub what: &'static str,
    /// Offences that show that it is applied under a rule of another name.
    by: &'static [Proof],
    /// Why it is not applied.
    not_applied: Option<&'static str>,
}

/// An offence, and the rule that it is found as.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// The rule.
    pub rule: &'static Rule,
    /// What `offender.sys` is told.
    pub offence: &'static str,
}

impl Documented {
    /// The offences that show that the lab applies it: none where it does not.
    pub fn proofs(&self) -> impl Iterator<Item = Proof> {
        let own = all()
            .iter()
            .filter(|rule| rule.id == self.name || rule.name == self.name)
            .map(|rule| Proof {
                rule,
                offence: rule.proven_by,
            });
        own.chain(self.by.iter().copied())
    }

    /// Whether the lab applies it.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.proofs().next().is_some()
    }

    /// Why the lab does not apply it.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        self.not_applied
    }
}

/// All that is documented: rules by name, then codes.
pub fn documented() -> impl Iterator<Item = &'static Documented> {
    NAMED.iter().chain(&IO_CODES).chain(&VERIFIER_CODES)
}

/// What a rule of the lab covers under another name than its own, in the order of the tables.
#[must_use]
pub fn covered_by(rule: &Rule) -> Vec<&'static str> {
    documented()
        .filter(|row| row.proofs().any(|proof| proof.rule.id == rule.id))
        .map(|row| row.name)
        .filter(|name| *name != rule.id)
        .collect()
}

/// Every offence that shows something, with the rule that it is found as: each once, the table of rules first.
#[must_use]
pub fn proofs() -> Vec<Proof> {
    let own = all().iter().map(|rule| Proof {
        rule,
        offence: rule.proven_by,
    });
    let mut proofs: Vec<Proof> = Vec::new();
    for proof in own.chain(documented().flat_map(Documented::proofs)) {
        if !proofs
            .iter()
            .any(|known| known.offence == proof.offence && known.rule.id == proof.rule.id)
        {
            proofs.push(proof);
        }
    }
    proofs
}

/// A table of rows. Those above a line `in "..."` up to the next are of that set.
macro_rules! names {
    ($(in $set:literal: $($name:literal $(by $rule:ident $offence:literal)* $(not $reason:literal)?;)*)*) => {
        [$($($crate::rules::documented::row!($name, $set, [$($rule $offence),*], [$($reason)?])),*),*]
    };
}

/// A table of codes, each with what it stands for.
macro_rules! codes {
    ($($code:literal $meaning:literal $(by $rule:ident $offence:literal)* $(not $reason:literal)?;)*) => {
        [$($crate::rules::documented::row!($code, $meaning, [$($rule $offence),*], [$($reason)?])),*]
    };
}

macro_rules! row {
    ($name:literal, $what:literal, [$($rule:ident $offence:literal),*], $reason:tt) => {
        $crate::rules::documented::Documented {
            name: $name,
            what: $what,
            by: &[$($crate::rules::documented::Proof {
                rule: &$crate::rules::$rule,
                offence: $offence,
            }),*],
            not_applied: $crate::rules::documented::reason!($reason),
        }
    };
}

macro_rules! reason {
    ([]) => {
        None
    };
    ([$reason:literal]) => {
        Some($reason)
    };
}

use {codes, names, reason, row};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Documented, IO_CODES, NAMED, VERIFIER_CODES, covered_by, documented, proofs};
    use crate::rules;

    fn applied(rows: &[Documented]) -> usize {
        rows.iter().filter(|row| row.is_applied()).count()
    }

    #[test]
    fn nothing_that_is_documented_is_in_the_tables_twice() {
        let names: BTreeSet<&str> = documented().map(|row| row.name).collect();
        assert_eq!(names.len(), NAMED.len() + IO_CODES.len() + VERIFIER_CODES.len());
    }

    #[test]
    fn the_sets_of_rules_have_as_many_as_microsoft_documents() {
        for (set, expected) in [
            ("IRP processing", 27),
            ("pending IRPs", 17),
            ("own IRPs", 22),
            ("remove lock", 32),
            ("IRQL", 40),
            ("locking", 12),
            ("miscellaneous", 7),
            ("use of functions", 5),
            ("warnings", 7),
        ] {
            assert_eq!(NAMED.iter().filter(|row| row.what == set).count(), expected, "{set}");
        }
        assert_eq!(NAMED.len(), 169);
    }

    #[test]
    fn the_codes_are_all_that_microsoft_documents_and_written_as_the_lab_writes_them() {
        let number = |row: &Documented, check: &str| {
            let digits = row.name.strip_prefix(check).unwrap();
            let number = u32::from_str_radix(digits, 16).unwrap();
            assert_eq!(row.name, format!("{check}{number:02X}"));
            number
        };
        let io: BTreeSet<u32> = IO_CODES.iter().map(|row| number(row, "0xC9/0x")).collect();
        let of_lines = (0x200..=0x249).chain([0x24a, 0x24b, 0x24c, 0x24d, 0x300, 0x301, 0x302, 0x306, 0x307]);
        let expected: BTreeSet<u32> = (1..=0x12)
            .filter(|code| *code != 0xb)
            .chain(of_lines)
            .chain(0x310..=0x312)
            .collect();
        assert_eq!(io, expected);
        assert_eq!(io.len(), 17 + 86);
        for row in &VERIFIER_CODES {
            number(row, "0xC4/0x");
        }
    }

    #[test]
    fn each_row_is_applied_or_says_why_it_is_not() {
        for row in documented() {
            assert!(
                row.is_applied() != row.reason().is_some(),
                "{}: a row is either covered by a rule of the lab or has a reason, which goes when a rule comes",
                row.name
            );
        }
    }

    #[test]
    fn an_offence_is_found_as_one_rule() {
        let proofs = proofs();
        let offences: BTreeSet<&str> = proofs.iter().map(|proof| proof.offence).collect();
        assert_eq!(offences.len(), proofs.len());
    }

    #[test]
    fn as_much_is_applied_as_ever_was() {
        assert!(applied(&NAMED) >= NAMED_APPLIED, "{}", applied(&NAMED));
        assert!(applied(&IO_CODES) >= IO_CODES_APPLIED, "{}", applied(&IO_CODES));
        assert!(
            applied(&VERIFIER_CODES) >= VERIFIER_CODES_APPLIED,
            "{}",
            applied(&VERIFIER_CODES)
        );
    }

    /// What is applied at least: where a row loses its rule, that is seen here.
    const NAMED_APPLIED: usize = 144;
    const IO_CODES_APPLIED: usize = 87;
    const VERIFIER_CODES_APPLIED: usize = 114;

    #[test]
    fn a_rule_covers_what_other_names_stand_for_it() {
        assert_eq!(covered_by(&rules::COMPLETED_TWICE), ["DoubleCompletion"]);
        assert!(covered_by(&rules::SPIN_LOCK_HELD).contains(&"SpinLock"));
        assert!(covered_by(&rules::DATA_CHANGED).is_empty());
    }
}
