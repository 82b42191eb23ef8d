//! A driver that fails, hangs or runs wild: a clear report each time, and the exit code that belongs to it.

use lab::report::Verdict;
use libtest_mimic::{Failed, Trial};

use crate::run;

/// What is to come of a misbehaviour.
struct Expected {
    name: &'static str,
    verdict: Verdict,
    /// The rule's id, or nothing where the run cannot be made.
    rule: &'static str,
    /// What the message has to say.
    says: &'static [&'static str],
}

const EXPECTED: &[Expected] = &[
    Expected {
        name: "fail-entry",
        verdict: Verdict::Error,
        rule: "",
        says: &["DriverEntry returned STATUS_UNSUCCESSFUL (0xc0000001)"],
    },
    Expected {
        name: "loop-entry",
        verdict: Verdict::Violation,
        rule: "LAB/Stuck",
        says: &["computes without end", "DriverEntry"],
    },
    Expected {
        name: "jump-wild-entry",
        verdict: Verdict::Violation,
        rule: "0x1E",
        says: &["executed code at 0x1234567800", "DriverEntry"],
    },
    Expected {
        name: "overrun-stack-entry",
        verdict: Verdict::Violation,
        rule: "0x7F/0x08",
        says: &["24576 bytes was used up"],
    },
    Expected {
        name: "write-lab-entry",
        verdict: Verdict::Violation,
        rule: "0x1E",
        says: &["wrote to", "the kernel's code"],
    },
    Expected {
        name: "overwrite-lab-entry",
        verdict: Verdict::Violation,
        rule: "LAB/Overwritten",
        says: &["during DriverEntry"],
    },
    Expected {
        name: "null-entry",
        verdict: Verdict::Violation,
        rule: "0x1E",
        says: &["read from 0x8"],
    },
    Expected {
        name: "fail-add-device",
        verdict: Verdict::Error,
        rule: "",
        says: &["AddDevice returned STATUS_UNSUCCESSFUL"],
    },
    Expected {
        name: "loop-read",
        verdict: Verdict::Violation,
        rule: "LAB/Stuck",
        says: &["computes without end", "IRP_MJ_READ"],
    },
    Expected {
        name: "call-for-ever-read",
        verdict: Verdict::Violation,
        rule: "LAB/Stuck",
        says: &["while no request went on", "IRP_MJ_READ"],
    },
    Expected {
        name: "bug-check-read",
        verdict: Verdict::Violation,
        rule: "LAB/BugCheck",
        says: &["KeBugCheckEx(0xe2, 0x1, 0x2, 0x3, 0x4)"],
    },
    Expected {
        name: "privileged-read",
        verdict: Verdict::Error,
        rule: "",
        says: &["privileged instruction", "fa f4"],
    },
    Expected {
        name: "unknown-import-read",
        verdict: Verdict::Error,
        rule: "",
        says: &["ntoskrnl.exe!FsRtlIsNameInExpression", "unknown_import"],
    },
    Expected {
        name: "breakpoint-read",
        verdict: Verdict::Violation,
        rule: "0x1E",
        says: &["breakpoint"],
    },
    Expected {
        name: "no-such-misbehaviour",
        verdict: Verdict::Error,
        rule: "",
        says: &["DriverEntry returned STATUS_NOT_IMPLEMENTED"],
    },
];

/// One test for each.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    EXPECTED
        .iter()
        .map(|expected| Trial::test(format!("misbehaviour_{}", expected.name), || is_told(expected)))
}

fn is_told(expected: &Expected) -> Result<(), Failed> {
    let report = run(&format!("offender-{}", expected.name), 1)?;
    let (rule, message) = match report.violations.first() {
        Some(violation) => (violation.rule.clone(), violation.message.clone()),
        None => (String::new(), report.error.clone().unwrap_or_default()),
    };
    let says_all = expected.says.iter().all(|part| message.contains(part));
    if report.verdict == expected.verdict && rule == expected.rule && says_all && !message.contains('\n') {
        Ok(())
    } else {
        Err(format!("{report}").into())
    }
}
