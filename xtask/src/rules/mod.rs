//! `cargo xtask rules`: docs/rules.md, from the lab's table of rules, the programs that must not compile and the offences
//! of offender.sys.
//!
//! The lab does not know the other two, so what it says of them is checked here: [`consistent`].

mod markdown;
mod offences;

use std::path::Path;

use anyhow::{Result, ensure};
use lab::rules::{Proof, Rule};

use crate::{
    compile_fail::{self, Test},
    in_lab::DocumentPart,
};

use self::offences::Offence;

/// The document.
const DOCUMENT: &str = "docs/rules.md";

/// Everything that the document is made from.
struct Matrix {
    rules: &'static [&'static Rule],
    /// The programs that must not compile.
    tests: Vec<Test>,
    /// What offender.sys can be told to do wrong.
    offences: Vec<Offence>,
    /// Which of them show what.
    proofs: Vec<Proof>,
}

impl Matrix {
    fn read(root: &Path) -> Result<Self> {
        Ok(Self {
            rules: lab::rules::all(),
            tests: compile_fail::tests(root)?,
            offences: offences::read(root)?,
            proofs: lab::rules::proofs(),
        })
    }

    /// The program that shows that types enforce `rule`.
    fn test_of(&self, rule: &Rule) -> Option<&Test> {
        let named = rule.compile_fail?;
        self.tests.iter().find(|test| test.rule == named)
    }

    /// The program that is named after a rule that Microsoft documents.
    fn program(&self, documented: &str) -> Option<&Test> {
        self.tests.iter().find(|test| test.rule == documented)
    }

    /// The programs for rules that the lab does not have.
    fn types_only(&self) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(|test| {
            self.rules
                .iter()
                .all(|rule| rule.compile_fail != Some(test.rule.as_str()))
        })
    }

    /// What the rules say of programs and offences that is not so.
    fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        for rule in self.rules {
            let mut tell = |what: String| found.push(format!("{}: {what}", rule.id));
            match (rule.enforced_by, rule.compile_fail, self.test_of(rule)) {
                (None, None, None) => {
                    if self.tests.iter().any(|test| test.rule == rule.name) {
                        tell(format!(
                            "there is a program {}.rs, and the table does not say so",
                            rule.name
                        ));
                    }
                }
                (Some(types), Some(_), Some(test)) if types == test.types.join(", ") => {}
                (Some(types), Some(_), Some(test)) => {
                    tell(format!(
                        "is enforced by {types}, and {} says {}",
                        test.file,
                        test.types.join(", ")
                    ));
                }
                (_, Some(named), None) => tell(format!("there is no program {named}.rs")),
                _ => tell("a type that enforces it and a program that shows it go together".to_owned()),
            }
        }
        for proof in &self.proofs {
            let mut tell = |what: String| found.push(format!("{}: {what}", proof.rule.id));
            match self.offences.iter().find(|offence| offence.name == proof.offence) {
                None => tell(format!("offender.sys has no offence {}", proof.offence)),
                Some(Offence { rule: Some(other), .. }) if other != proof.rule.id => {
                    tell(format!("{} is an offence against {other}", proof.offence));
                }
                Some(_) => {}
            }
        }
        for offence in &self.offences {
            let Some(id) = &offence.rule else { continue };
            if !self.rules.iter().any(|rule| rule.id == id) {
                found.push(format!("{}: the lab has no rule {id}", offence.name));
            } else if !self.proofs.iter().any(|proof| proof.offence == offence.name) {
                found.push(format!(
                    "{}: the offence shows nothing: name it in the table of rules or in that of what is documented",
                    offence.name
                ));
            }
        }
        found
    }
}

/// The parts of the document that are made from code.
///
/// # Errors
///
/// The programs or the offences cannot be read.
pub(crate) fn parts(root: &Path) -> Result<Vec<DocumentPart>> {
    let matrix = Matrix::read(root)?;
    let part = |name, contents| DocumentPart {
        document: DOCUMENT,
        name,
        contents,
    };
    Ok(vec![
        part("counts", markdown::counts(&matrix)),
        part("rules", markdown::rules(&matrix)),
        part("covered", markdown::covered()),
        part("types", markdown::types_only(&matrix)),
        part("not applied", markdown::not_applied(&matrix)),
    ])
}

/// Fails where the rules name a program or an offence that is not there, or is another's.
///
/// # Errors
///
/// With what contradicts what, or because something cannot be read.
pub(crate) fn consistent(root: &Path) -> Result<()> {
    let found = Matrix::read(root)?.contradictions();
    ensure!(found.is_empty(), "the table of rules is wrong: {}", found.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use lab::rules::{Severity, Source};

    use super::*;

    const RULE: Rule = Rule {
        id: "0x44",
        name: "MULTIPLE_IRP_COMPLETE_REQUESTS",
        source: Source::DV,
        meaning: "An IRP is completed once.",
        severity: Severity::Fatal,
        proven_by: "complete-twice",
        enforced_by: Some("Irp"),
        compile_fail: Some("DoubleCompletion"),
    };

    const SHOWS_NOTHING: &str = "complete-twice: the offence shows nothing: \
                                 name it in the table of rules or in that of what is documented";

    fn matrix(rule: Rule) -> Matrix {
        let rule: &'static Rule = Box::leak(Box::new(rule));
        Matrix {
            rules: Box::leak(Box::new([rule])),
            proofs: vec![Proof {
                rule,
                offence: rule.proven_by,
            }],
            tests: vec![Test {
                rule: "DoubleCompletion".to_owned(),
                meaning: "Once.".to_owned(),
                types: vec!["Irp".to_owned()],
                file: "tests/compile_fail/DoubleCompletion.rs".to_owned(),
            }],
            offences: vec![Offence {
                rule: Some("0x44".to_owned()),
                name: "complete-twice".to_owned(),
            }],
        }
    }

    #[test]
    fn the_rules_programs_and_offences_of_this_repository_fit_together() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let found = Matrix::read(&root).unwrap().contradictions();
        assert_eq!(found, [""; 0], "\n{}", found.join("\n"));
    }

    #[test]
    fn what_fits_together_is_let_be() {
        assert_eq!(matrix(RULE).contradictions(), [""; 0]);
        assert_eq!(matrix(RULE).types_only().count(), 0);
    }

    #[test]
    fn each_way_to_contradict_is_told() {
        for (rule, expected) in [
            (
                Rule {
                    compile_fail: Some("DoubleCompletions"),
                    ..RULE
                },
                "0x44: there is no program DoubleCompletions.rs",
            ),
            (
                Rule {
                    enforced_by: Some("Held"),
                    ..RULE
                },
                "0x44: is enforced by Held, and tests/compile_fail/DoubleCompletion.rs says Irp",
            ),
            (
                Rule {
                    enforced_by: None,
                    ..RULE
                },
                "0x44: a type that enforces it and a program that shows it go together",
            ),
            (
                Rule {
                    name: "DoubleCompletion",
                    enforced_by: None,
                    compile_fail: None,
                    ..RULE
                },
                "0x44: there is a program DoubleCompletion.rs, and the table does not say so",
            ),
        ] {
            assert_eq!(matrix(rule).contradictions(), [expected]);
        }
        let unproven = Rule {
            proven_by: "complete-thrice",
            ..RULE
        };
        let expected = ["0x44: offender.sys has no offence complete-thrice", SHOWS_NOTHING];
        assert_eq!(matrix(unproven).contradictions(), expected);
        let other = Rule { id: "0x45", ..RULE };
        let expected = [
            "0x45: complete-twice is an offence against 0x44",
            "complete-twice: the lab has no rule 0x44",
        ];
        assert_eq!(matrix(other).contradictions(), expected);
    }

    #[test]
    fn an_offence_that_no_table_names_is_told() {
        let mut matrix = matrix(RULE);
        matrix.proofs.clear();
        assert_eq!(matrix.contradictions(), [SHOWS_NOTHING]);
    }

    #[test]
    fn the_names_that_programs_may_have_are_those_of_the_documented_rules() {
        let mut named: Vec<&str> = lab::rules::NAMED.iter().map(|row| row.name).collect();
        named.sort_unstable();
        assert_eq!(named, compile_fail::DOCUMENTED);
    }

    #[test]
    fn a_program_that_no_rule_of_the_lab_names_is_listed_for_itself() {
        let rule = Rule {
            enforced_by: None,
            compile_fail: None,
            ..RULE
        };
        let matrix = matrix(rule);
        let listed: Vec<_> = matrix.types_only().map(|test| test.rule.as_str()).collect();
        assert_eq!(listed, ["DoubleCompletion"]);
    }
}
