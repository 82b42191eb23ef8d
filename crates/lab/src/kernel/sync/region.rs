//! Critical and guarded regions: how a thread keeps asynchronous procedure calls away from itself.
//!
//! The lab delivers no APCs, so a region changes nothing but what may be called in it and what must hold when a routine
//! of the driver returns. A thread's count of critical regions is Windows' APC disable count with the sign turned: a
//! mutex counts as one, and a guarded mutex as a guarded region.

use std::cell::Cell;

use crate::{
    kernel::{
        Machine,
        activation::{Activation, Routine},
        scheduler::APC_LEVEL,
    },
    rules,
};

/// The regions that a thread is in.
#[derive(Default, Clone, PartialEq, Eq)]
pub(crate) struct Regions {
    critical: Cell<u32>,
    guarded: Cell<u32>,
}

impl Regions {
    /// A mutex was acquired, or something else that keeps normal kernel APCs away.
    pub(crate) fn enter_critical(&self) {
        self.critical.set(self.critical.get().saturating_add(1));
    }

    /// A region in which no APC comes is entered.
    pub(crate) fn enter_guarded(&self) {
        self.guarded.set(self.guarded.get().saturating_add(1));
    }

    /// False where the thread is in no critical region.
    pub(crate) fn leave_critical(&self) -> bool {
        leave(&self.critical)
    }

    /// False where the thread is in no guarded region.
    pub(crate) fn leave_guarded(&self) -> bool {
        leave(&self.guarded)
    }
}

fn leave(count: &Cell<u32>) -> bool {
    let left = count.get().checked_sub(1);
    count.set(left.unwrap_or_default());
    left.is_some()
}

impl Machine {
    /// Whether the running thread gets no normal kernel APCs.
    pub(crate) fn are_apcs_disabled(&self) -> bool {
        self.current().regions.critical.get() > 0 || self.are_all_apcs_disabled()
    }

    /// Whether the running thread gets no APCs at all.
    pub(crate) fn are_all_apcs_disabled(&self) -> bool {
        self.current().regions.guarded.get() > 0 || self.irql() >= APC_LEVEL
    }

    /// KeLeaveCriticalRegion.
    pub(crate) fn leave_critical_region(&self) {
        if !self.current().regions.leave_critical() {
            self.violation(
                &rules::CRITICAL_REGION_NOT_ENTERED,
                "KeLeaveCriticalRegion by a thread that is in no critical region",
            );
        }
    }

    /// KeLeaveGuardedRegion.
    pub(crate) fn leave_guarded_region(&self) {
        if !self.current().regions.leave_guarded() {
            self.violation(
                &rules::GUARDED_REGION_UNBALANCED,
                "KeLeaveGuardedRegion by a thread that is in no guarded region",
            );
        }
    }

    /// What must hold where a thread calls a function that wants normal kernel APCs kept away.
    ///
    /// Windows spares the threads of the system, which get none. A request of a stack's user comes in that user's
    /// thread, and so does what the driver does in its dispatch routine.
    pub(crate) fn check_apcs_disabled(&self, rule: &rules::Rule, call: &str) {
        let activations = self.current().activations.borrow();
        let in_thread_of_user = activations
            .first()
            .is_some_and(|activation| is_for_a_user(&activation.routine));
        drop(activations);
        if in_thread_of_user && !self.are_apcs_disabled() {
            self.violation(
                rule,
                &format!("{call} in the thread of a request, which is in no critical region"),
            );
        }
    }

    /// A routine of the driver has returned: it has left the regions that it entered, and no other.
    pub(crate) fn check_regions(&self, activation: &Activation) {
        let (before, now) = (&activation.regions, &self.current().regions);
        if before == now {
            return;
        }
        let routine = &activation.routine;
        let (rule, kind, before, now) = if before.guarded == now.guarded {
            let rule = match routine {
                Routine::Dispatch { .. } => &rules::DISPATCH_CHANGED_APC_COUNT,
                Routine::Completion { .. } => &rules::COMPLETION_ROUTINE_CHANGED_APC_COUNT,
                _ => &rules::CRITICAL_REGION_UNBALANCED,
            };
            (rule, "critical", &before.critical, &now.critical)
        } else {
            let rule = &rules::GUARDED_REGION_UNBALANCED;
            (rule, "guarded", &before.guarded, &now.guarded)
        };
        self.violation_about(
            routine.irp(),
            rule,
            &format!(
                "{} returned in {} {kind} regions and was called in {}",
                routine.named(),
                now.get(),
                before.get()
            ),
        );
    }
}

/// Whether a routine is called in the thread of whoever uses the stack, whatever the thread is.
fn is_for_a_user(routine: &Routine) -> bool {
    const FIRST_OF_THE_SYSTEM: u8 = 0x16;
    match routine {
        Routine::Dispatch { irp, visit } => irp.visit(*visit, |visit| visit.major) < FIRST_OF_THE_SYSTEM,
        _ => false,
    }
}
