//! Whether what the compiler said is what the program says that it has to say.
//!
//! An error is compared by its code, the line of the place that it points to, and what its message holds.

use cargo_metadata::diagnostic::{Diagnostic, DiagnosticLevel, DiagnosticSpan};

use crate::lints::Finding;

use super::program::{Expected, Program};

/// Judges the misuse: each expected error is there once, and no other is.
pub(super) fn of_misuse(program: &Program, diagnostics: &[Diagnostic]) -> Vec<Finding> {
    let mut unmatched: Vec<&Diagnostic> = errors(diagnostics).collect();
    if unmatched.is_empty() {
        let line = program.expected.first().map_or(1, |error| error.line);
        let message = format!("the misuse compiles: the types do not enforce {}", program.test.rule);
        return vec![program.finding(line, message)];
    }
    let mut missing = Vec::new();
    for expected in &program.expected {
        match unmatched.iter().position(|error| is(program, expected, error)) {
            Some(at) => {
                unmatched.remove(at);
            }
            None => missing.push(expected),
        }
    }
    let missing = missing.into_iter().map(|expected| {
        let message = format!(
            "the misuse is not refused with {}",
            noted(&expected.code, &expected.message)
        );
        program.finding(expected.line, message)
    });
    let unexpected = unmatched.into_iter().map(|error| {
        let message = format!("the misuse is refused for another reason: {}", told(program, error));
        program.finding(line(program, error), message)
    });
    missing.chain(unexpected).collect()
}

/// Judges the corrected twin: nothing is wrong with it.
pub(super) fn of_twin(program: &Program, diagnostics: &[Diagnostic]) -> Vec<Finding> {
    let tell = |error| {
        program.finding(
            line(program, error),
            format!("the corrected twin does not compile: {}", told(program, error)),
        )
    };
    errors(diagnostics).map(tell).collect()
}

/// The errors of their own right: not the one that counts the others.
fn errors(diagnostics: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    diagnostics
        .iter()
        .filter(|diagnostic| matches!(diagnostic.level, DiagnosticLevel::Error | DiagnosticLevel::Ice))
        .filter(|error| !(error.spans.is_empty() && error.message.starts_with("aborting due to")))
}

fn is(program: &Program, expected: &Expected, error: &Diagnostic) -> bool {
    code(error) == expected.code
        && line(program, error) == expected.line
        && message(program, error).contains(&expected.message)
}

fn code(error: &Diagnostic) -> &str {
    error.code.as_ref().map_or("", |code| &code.code)
}

/// The line that the error points to; 1 where it points to none of the program.
fn line(program: &Program, error: &Diagnostic) -> usize {
    place(program, error).map_or(1, |span| span.line_start)
}

/// The message, and what is said at the place where it points to: of some errors only that names the types.
fn message(program: &Program, error: &Diagnostic) -> String {
    match place(program, error).and_then(|span| span.label.as_ref()) {
        Some(label) => format!("{}: {label}", error.message),
        None => error.message.clone(),
    }
}

/// The place that the error is about. An error in a macro of another crate has it there, and none here.
fn place<'a>(program: &Program, error: &'a Diagnostic) -> Option<&'a DiagnosticSpan> {
    let mut places = error.spans.iter().filter(|span| span.is_primary);
    places.find(|span| span.file_name == program.test.file)
}

/// The error as a note would have it.
fn told(program: &Program, error: &Diagnostic) -> String {
    noted(code(error), &message(program, error))
}

fn noted(code: &str, message: &str) -> String {
    let space = if code.is_empty() { "" } else { " " };
    format!("ERROR{space}{code}: {message}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::compile_fail::program::tests::program;

    /// What rustc says of a value that was moved, in this line.
    fn diagnostic(level: &str, code: &str, message: &str, line: usize) -> Diagnostic {
        let span = |line: usize, is_primary: bool, label: &str| {
            json!({
                "file_name": "tests/compile_fail/DoubleCompletion.rs", "byte_start": 0, "byte_end": 1, "line_start": line, "line_end": line,
                "column_start": 1, "column_end": 2, "is_primary": is_primary, "text": [], "label": label,
                "suggested_replacement": null, "suggestion_applicability": null, "expansion": null,
            })
        };
        let diagnostic = json!({
            "message": message, "code": { "code": code, "explanation": null }, "level": level,
            "spans": [span(2, false, "value moved here"), span(line, true, "value used here after move")],
            "children": [], "rendered": null,
        });
        serde_json::from_value(diagnostic).unwrap()
    }

    fn moved(line: usize) -> Diagnostic {
        diagnostic("error", "E0382", "use of moved value: `irp`", line)
    }

    fn summary() -> Diagnostic {
        let mut summary = diagnostic("error", "", "aborting due to 1 previous error", 1);
        summary.code = None;
        summary.spans.clear();
        summary
    }

    /// What is told of a misuse of one line, the sixth.
    fn told(note: &str, diagnostics: &[Diagnostic]) -> Vec<String> {
        let findings = of_misuse(&program(&format!("f(); {note}\n")), diagnostics);
        findings.iter().map(ToString::to_string).collect()
    }

    const NOTE: &str = "//~ ERROR E0382: use of moved value";

    #[test]
    fn the_expected_error_is_all_that_is_wanted() {
        assert_eq!(told(NOTE, &[moved(6), summary()]), [""; 0]);
        let with_label = format!("{NOTE}: `irp`: value used here");
        assert_eq!(told(&with_label, &[moved(6)]), [""; 0]);
    }

    #[test]
    fn a_misuse_that_compiles_is_told_even_where_it_is_warned_of() {
        let compiles =
            "tests/compile_fail/DoubleCompletion.rs:6: the misuse compiles: the types do not enforce DoubleCompletion";
        assert_eq!(told(NOTE, &[]), [compiles]);
        assert_eq!(
            told(NOTE, &[diagnostic("warning", "E0382", "use of moved value", 6)]),
            [compiles]
        );
    }

    #[test]
    fn an_error_with_another_code_line_or_message_is_not_the_expected_one() {
        let mut elsewhere = moved(6);
        elsewhere.spans[1].file_name = "crates/wdm/src/irp.rs".to_owned();
        for other in [
            elsewhere,
            moved(7),
            diagnostic("error", "E0505", "use of moved value: `irp`", 6),
            diagnostic("error", "E0382", "borrow of moved value: `irp`", 6),
        ] {
            let told = told(NOTE, &[other]);
            assert_eq!(told.len(), 2, "{told:?}");
            assert!(
                told[0].contains(":6: the misuse is not refused with ERROR E0382: use of moved value"),
                "{told:?}"
            );
            assert!(
                told[1].contains("the misuse is refused for another reason: ERROR E0"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn an_error_beside_the_expected_one_is_told_and_so_is_the_same_once_more() {
        for extra in [diagnostic("error", "E0425", "cannot find value `x`", 7), moved(6)] {
            let told = told(NOTE, &[moved(6), extra]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("refused for another reason"), "{told:?}");
        }
    }

    #[test]
    fn the_twin_may_have_no_error_at_all() {
        let program = program(&format!("f(); {NOTE}\n"));
        assert_eq!(of_twin(&program, &[]), []);
        let findings = of_twin(&program, &[moved(6), summary()]);
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0]
                .to_string()
                .contains(":6: the corrected twin does not compile: ERROR E0382")
        );
    }
}
