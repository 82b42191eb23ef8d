//! How a run's process ends, and what that means for the driver.

use super::Lab;
use crate::{
    kernel::{Watch, call_name},
    report::{RunReport, Violation},
    rules,
    supervise::{self, Outlet, Step, Watchdog},
};

impl Lab<'_> {
    /// What the end of a child means.
    pub(crate) fn judge(&self, ended: supervise::Ended<RunReport>, seed: u64) -> RunReport {
        use supervise::Ended;
        let mut report = RunReport {
            seed,
            ..RunReport::default()
        };
        let mut violation = |rule: &rules::Rule, message: String| {
            report.violation = Some(Violation {
                rule: rule.id.to_owned(),
                seed,
                message,
                irp_history: Vec::new(),
                stack: Vec::new(),
                replay: None,
            });
        };
        match ended {
            Ended::Value(value) => return value,
            Ended::TimedOut { note } => violation(
                &rules::STUCK,
                format!(
                    "the run had not ended after {} seconds, {}",
                    self.seconds_of_a_run(),
                    told(&note)
                ),
            ),
            Ended::Signal { name, note, .. } => violation(
                &rules::LAB_OVERWRITTEN,
                format!(
                    "the process was ended by {name}, {}: the driver wrote over the lab",
                    told(&note)
                ),
            ),
            Ended::Exit { code, note } => violation(
                &rules::LAB_OVERWRITTEN,
                format!(
                    "the process ended itself with code {code}, {}: the driver wrote over the lab",
                    told(&note)
                ),
            ),
            Ended::Garbled { reason, note } => violation(
                &rules::LAB_OVERWRITTEN,
                format!("the process sent no proper report, {}: {reason}", told(&note)),
            ),
            Ended::Panicked { message, note } => {
                report.error = Some(format!(
                    "the lab failed, {}: {message}; either the driver wrote over the lab's memory or this is a fault \
                     of the lab",
                    told(&note)
                ));
            }
            Ended::Unsupervised(error) => {
                report.error = Some(format!("no process could be made for the run: {error}"));
            }
        }
        report
    }
}

/// Where a child was when it ended.
fn told(note: &supervise::Note) -> String {
    let call = note.step.map_or_else(String::new, |step| {
        format!(
            ", last call into the kernel: number {} ({})",
            step.first,
            call_name(step.code - 1)
        )
    });
    format!("during {}{call}", note.phase)
}

/// Shows the parent what the machine does.
pub(super) struct Watcher(pub(super) Outlet<RunReport>);

impl Watch for Watcher {
    fn phase(&self, name: &str) {
        self.0.note(name);
    }

    fn step(&self, function: u32, number: u64) {
        Watchdog::pet();
        self.0.step(Step {
            code: function.saturating_add(1),
            first: number,
            second: 0,
        });
    }
}
