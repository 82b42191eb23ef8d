//! One program: which rule it is about, and which errors its misuse has to end in.
//!
//! Read as text, and nothing is compiled here.

use crate::lints::Finding;

use super::{Test, rules};

/// What starts the line that names the types.
const ENFORCED_BY: &str = "Enforced by:";

/// What starts the note of an expected error.
const NOTE: &str = "//~";

/// A program, read.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) test: Test,
    /// In the order of the file, and never empty.
    pub(super) expected: Vec<Expected>,
}

/// An error that the misuse has to end in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// The line that it has to be in, counted from 1.
    pub(super) line: usize,
    /// The error's code, or the name of a lint; empty where the compiler gives the error neither.
    pub(super) code: String,
    /// What has to be in the compiler's message, or in what it writes at that line.
    pub(super) message: String,
}

impl Program {
    /// Reads the program `file`, whose name is the rule's, or says what is wrong with it.
    pub(super) fn read(file: &str, text: &str) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut tell = |line, message: String| {
            findings.push(Finding {
                file: file.into(),
                line,
                message,
            });
        };
        let rule = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".rs");
        if !is_rule(rule) {
            tell(
                1,
                format!("{rule} is no rule that Microsoft documents for WDM; a rule of our own is in snake_case"),
            );
        }
        let (meaning, types) = head(text);
        if meaning.is_empty() {
            tell(1, "starts without `//!` lines that say what the rule means".to_owned());
        }
        if types.is_empty() {
            tell(
                1,
                format!("has no line `//! {ENFORCED_BY} ` with types in backticks, after an empty `//!`"),
            );
        }
        for name in types.iter().filter(|name| !uses(text, name)) {
            tell(1, format!("does not use {name}, which is to enforce the rule"));
        }
        let mut expected = Vec::new();
        for (line, note) in notes(text) {
            match Expected::read(line, note) {
                Ok(error) => expected.push(error),
                Err(message) => tell(line, message),
            }
        }
        if notes(text).next().is_none() {
            tell(1, format!("says with no `{NOTE} ERROR` where the misuse is refused"));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let test = Test {
            rule: rule.to_owned(),
            meaning,
            types,
            file: file.to_owned(),
        };
        Ok(Self { test, expected })
    }

    pub(super) fn finding(&self, line: usize, message: String) -> Finding {
        Finding {
            file: self.test.file.as_str().into(),
            line,
            message,
        }
    }
}

impl Expected {
    /// Reads what follows [`NOTE`] in `line`.
    fn read(line: usize, note: &str) -> Result<Self, String> {
        let error = note.trim_start_matches('v');
        let line = line + note.len() - error.len();
        let error = error.strip_prefix(" ERROR");
        match error.and_then(|error| error.split_once(": ")) {
            Some((code, message)) if is_code(code) && !message.trim().is_empty() => Ok(Self {
                line,
                code: code.trim().to_owned(),
                message: message.trim().to_owned(),
            }),
            _ => Err(format!(
                "write `{NOTE} ERROR CODE: message`, without the code where the compiler gives none, not `{NOTE}{note}`"
            )),
        }
    }
}

/// Whether this is what can stand between ERROR and the colon.
fn is_code(code: &str) -> bool {
    let name = code.strip_prefix(' ').unwrap_or_default();
    code.is_empty() || (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// Whether this can be the name of a rule: one of Microsoft's, or one of our own, which nobody takes for one of theirs.
fn is_rule(name: &str) -> bool {
    let is_own = name.contains('_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_own || rules::DOCUMENTED.contains(&name)
}

/// The first paragraph of the file's head, on one line, and the types that its last one names.
fn head(text: &str) -> (String, Vec<String>) {
    let mut lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let meaning: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let named = lines
        .find_map(|line| line.strip_prefix(ENFORCED_BY))
        .unwrap_or_default();
    let types = named.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    (meaning.join(" "), types)
}

/// Whether `name` is a word of the program outside of comments.
fn uses(text: &str, name: &str) -> bool {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .any(|word| word == name)
}

/// What stands behind each [`NOTE`], with its line.
fn notes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter_map(|(line, text)| Some((line, text.split_once(NOTE)?.1)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const HEAD: &str =
        "//! An IRP is completed\n//! once.\n//!\n//! Enforced by: `Irp`, `Held`\nuse wdm::{Held, Irp};\n";

    /// A program with this body, whose first line is the file's sixth.
    pub(in crate::compile_fail) fn program(body: &str) -> Program {
        Program::read("tests/compile_fail/DoubleCompletion.rs", &format!("{HEAD}{body}")).unwrap()
    }

    /// What is told of a program with this name and text.
    fn told(file: &str, text: &str) -> Vec<String> {
        let findings = Program::read(file, text).err().unwrap_or_default();
        findings.iter().map(ToString::to_string).collect()
    }

    fn assert_told(file: &str, text: &str, expected: &str) {
        let told = told(file, text);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{expected}: {told:?}");
    }

    const NOTED: &str = "f(); //~ ERROR E0382: use of moved value\n";

    #[test]
    fn the_head_gives_rule_meaning_and_types() {
        let expected = Test {
            rule: "DoubleCompletion".to_owned(),
            meaning: "An IRP is completed once.".to_owned(),
            types: vec!["Irp".to_owned(), "Held".to_owned()],
            file: "tests/compile_fail/DoubleCompletion.rs".to_owned(),
        };
        assert_eq!(program(NOTED).test, expected);
    }

    #[test]
    fn a_note_is_for_its_own_line_or_for_as_many_below_it_as_it_has_arrows() {
        let program = program(
            "//~v ERROR E0382: use of moved value: `irp`\n\
             a(); //~ ERROR unused_must_use: unused\n\
             //~vv ERROR E0599: no method named `b`\n\
             \n\
             b();\n",
        );
        let error = |line, code: &str, message: &str| Expected {
            line,
            code: code.to_owned(),
            message: message.to_owned(),
        };
        let expected = [
            error(7, "E0382", "use of moved value: `irp`"),
            error(7, "unused_must_use", "unused"),
            error(10, "E0599", "no method named `b`"),
        ];
        assert_eq!(program.expected, expected);
    }

    #[test]
    fn an_error_that_the_compiler_gives_no_code_is_noted_without_one() {
        let error = &program("f(); //~ ERROR: lifetime may not live long enough\n").expected[0];
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("", "lifetime may not live long enough")
        );
    }

    #[test]
    fn a_note_that_is_not_whole_is_told_and_not_passed_over() {
        for note in [
            "//~ E0382: use of moved value",
            "//~ ERROR E0382",
            "//~ ERROR E0382: ",
            "//~ ERROR : use of moved value",
            "//~ ERROR use of: moved value",
            "//~ WARN E0382: use of moved value",
            "//~ERROR E0382: use of moved value",
            "//~^ ERROR E0382: use of moved value",
        ] {
            assert_told(
                "DoubleCompletion.rs",
                &format!("{HEAD}{note}\n"),
                "DoubleCompletion.rs:6: ",
            );
        }
    }

    #[test]
    fn a_program_without_a_note_is_told() {
        assert_told(
            "DoubleCompletion.rs",
            HEAD,
            "DoubleCompletion.rs:1: says with no `//~ ERROR`",
        );
    }

    #[test]
    fn a_name_that_is_no_rule_is_told_and_one_of_our_own_is_not() {
        let text = format!("{HEAD}{NOTED}");
        assert_told(
            "DoubleCompletions.rs",
            &text,
            "DoubleCompletions.rs:1: DoubleCompletions is no rule",
        );
        assert_told("held.rs", &text, "held.rs:1: held is no rule");
        assert_eq!(told("held_is_not_copied.rs", &text), [""; 0]);
    }

    #[test]
    fn a_program_that_does_not_say_what_it_is_about_is_told() {
        let no_types = HEAD.replace("Enforced by:", "Held by:") + NOTED;
        assert_told("RemoveLock.rs", &no_types, "RemoveLock.rs:1: has no line");
        let no_meaning = format!("//!\n//! Enforced by: `Irp`\nuse wdm::Irp;\n{NOTED}");
        assert_told("RemoveLock.rs", &no_meaning, "RemoveLock.rs:1: starts without");
    }

    #[test]
    fn a_type_that_only_comments_mention_does_not_enforce_anything() {
        let text = format!("//! A.\n//!\n//! Enforced by: `Irp`\n// Irp\nfn f(_: Irps) {{}}\n{NOTED}");
        assert_told("RemoveLock.rs", &text, "RemoveLock.rs:1: does not use Irp");
    }
}
