//! Holds a stamped INF to the rules: runs each, and says what it found where.
//!
//! Which rules there are is in `rules`; what each looks at is in the `check_*` files.

use std::fmt;

use super::package::Package;
use super::parse::Inf;
use super::rules::RULES;

/// A rule that an INF breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id: InfVerif's number where it is InfVerif's rule.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub message: String,
    /// The line, from 1; 0 where it is the whole file that lacks something.
    pub line: usize,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, message, line } = self;
        match line {
            0 => write!(formatter, "{rule}: {message}"),
            line => write!(formatter, "line {line}: {rule}: {message}"),
        }
    }
}

/// What a rule's check finds: a line, 0 for the whole file, and the message.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) line: usize,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn at(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// Holds a stamped INF to every rule; nothing found is an empty list.
#[must_use]
pub fn check(inf: &Inf) -> Vec<Finding> {
    let package = Package::of(inf);
    let findings = RULES.iter().flat_map(|rule| {
        (rule.check)(&package).into_iter().map(|problem| Finding {
            rule: rule.id,
            message: problem.message,
            line: problem.line,
        })
    });
    findings.collect()
}
