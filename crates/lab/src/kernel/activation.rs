//! A call of one of the driver's routines, and what must hold when it returns.

use std::rc::Rc;

use super::{Machine, entry, io::irp::IrpRecord, scheduler::PASSIVE_LEVEL, sync::region::Regions};
use crate::rules::{self, Rule};

/// Which of the driver's routines was called, and what for.
#[derive(Clone)]
pub(crate) enum Routine {
    /// DriverEntry.
    DriverEntry,
    /// AddDevice.
    AddDevice,
    /// DriverUnload.
    Unload,
    /// A dispatch routine, for this visit of an IRP.
    Dispatch { irp: Rc<IrpRecord>, visit: usize },
    /// A completion routine that this visit of an IRP registered; `None` is the sender of the IRP itself.
    Completion { irp: Rc<IrpRecord>, visit: Option<usize> },
    /// A cancel routine.
    Cancel { irp: Rc<IrpRecord> },
    /// The routine of a DPC.
    Deferred,
    /// The routine of a system thread of the driver.
    Thread,
    /// Any other routine that the driver gave to the kernel, by what reports call it.
    Callback(&'static str),
}

impl Routine {
    /// What a sentence calls it.
    pub(crate) fn named(&self) -> String {
        match self {
            Self::DriverEntry | Self::AddDevice | Self::Unload => self.name(),
            _ => format!("the {}", self.name()),
        }
    }

    /// What a call stack calls it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::DriverEntry => "DriverEntry".to_owned(),
            Self::AddDevice => "AddDevice".to_owned(),
            Self::Unload => "DriverUnload".to_owned(),
            Self::Dispatch { irp, visit } => {
                format!("dispatch routine for {} (irp {})", irp.major_name(*visit), irp.serial)
            }
            Self::Completion { irp, .. } => format!("completion routine (irp {})", irp.serial),
            Self::Cancel { irp } => format!("cancel routine (irp {})", irp.serial),
            Self::Deferred => "deferred routine".to_owned(),
            Self::Thread => "system thread routine".to_owned(),
            Self::Callback(name) => (*name).to_owned(),
        }
    }

    /// What it is called whatever IRP it works for.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Dispatch { irp, visit } => format!("dispatch routine for {}", irp.major_name(*visit)),
            Self::Completion { .. } => "completion routine".to_owned(),
            Self::Cancel { .. } => "cancel routine".to_owned(),
            _ => self.name(),
        }
    }

    /// The IRP that it was called for.
    pub(crate) fn irp(&self) -> Option<&Rc<IrpRecord>> {
        match self {
            Self::Dispatch { irp, .. } | Self::Completion { irp, .. } | Self::Cancel { irp } => Some(irp),
            _ => None,
        }
    }

    fn irql_rule(&self) -> &'static Rule {
        match self {
            Self::Completion { .. } => &rules::COMPLETION_ROUTINE_CHANGED_IRQL,
            _ => &rules::RETURNED_AT_OTHER_IRQL,
        }
    }
}

/// A routine of the driver that has not returned.
pub(crate) struct Activation {
    pub(crate) routine: Routine,
    /// No other activation of a run has it.
    pub(crate) serial: u64,
    /// Its first two arguments.
    pub(crate) arguments: [usize; 2],
    /// The IRQL that it has to return at, where how it returns is checked.
    irql: Option<u8>,
    /// How many spin locks were held then.
    spin_locks: usize,
    /// The regions that the thread was in.
    pub(crate) regions: Regions,
}

impl Machine {
    /// Calls a routine of the driver in the running context, and checks how it returns.
    pub(crate) fn call_routine(
        &self,
        routine: Routine,
        address: usize,
        arguments: [usize; entry::ROUTINE_ARGUMENTS],
    ) -> usize {
        let irql = self.irql();
        self.call_routine_with(routine, Some(irql), None, address, &arguments)
    }

    /// Calls one of the driver's callbacks, which may have more arguments.
    pub(crate) fn call_callback(&self, name: &'static str, address: usize, arguments: &[usize]) -> usize {
        let irql = self.irql();
        self.call_routine_with(Routine::Callback(name), Some(irql), None, address, arguments)
    }

    /// Calls the routine of a system thread, which the thread ends with.
    pub(crate) fn call_thread_routine(&self, address: usize, argument: usize) {
        let irql = self.irql();
        self.call_routine_with(Routine::Thread, Some(irql), None, address, &[argument]);
    }

    /// As [`Self::call_callback`], for one whose task it is to acquire or release a lock: how it returns is not checked.
    pub(crate) fn call_lock_callback(&self, name: &'static str, address: usize, arguments: &[usize]) {
        self.call_routine_with(Routine::Callback(name), None, None, address, arguments);
    }

    /// The request whose dispatch routine runs here, and is not interrupted by another routine of the driver.
    pub(crate) fn dispatched(&self) -> Option<(Rc<IrpRecord>, usize)> {
        let activations = self.scheduler.running()?.activations.borrow();
        match &activations.last()?.routine {
            Routine::Dispatch { irp, visit } => Some((Rc::clone(irp), *visit)),
            _ => None,
        }
    }

    /// Whether the completion routine that this visit of an IRP registered has been called, by whatever context, and not
    /// returned.
    pub(crate) fn is_in_completion_routine(&self, irp: &IrpRecord, visit: usize) -> bool {
        self.any_activation(|routine| match routine {
            Routine::Completion {
                irp: other,
                visit: Some(of),
            } => other.serial == irp.serial && *of == visit,
            _ => false,
        })
    }

    /// What must hold where a thread ends itself in the middle of a routine.
    pub(crate) fn check_thread_end(&self) {
        let context = self.current();
        if !context.spin_locks.borrow().is_empty() {
            self.violation(&rules::SPIN_LOCK_HELD, "PsTerminateSystemThread with a spin lock held");
        }
        self.check_locks_at_thread_end();
        if context.irql.get() != PASSIVE_LEVEL {
            self.violation(
                &rules::RETURNED_AT_OTHER_IRQL,
                &format!("PsTerminateSystemThread at IRQL {}", context.irql.get()),
            );
        }
    }

    /// Calls a cancel routine, which is called with the cancel spin lock held and releases it.
    pub(crate) fn call_cancel_routine(&self, irp: &Rc<IrpRecord>, old_irql: u8, address: usize, device: usize) {
        let context = self.current();
        let arguments = [device, irp.address, 0, 0];
        // The lock is the routine's to release, so it does not count as one that was held before.
        let lock = context.spin_locks.borrow_mut().pop();
        let irp = Rc::clone(irp);
        self.call_routine_with(Routine::Cancel { irp }, Some(old_irql), lock, address, &arguments);
    }

    /// `irql` is the one that the routine has to return at, where that is checked, `lock` a spin lock that it has to
    /// release.
    fn call_routine_with(
        &self,
        routine: Routine,
        irql: Option<u8>,
        lock: Option<usize>,
        address: usize,
        given: &[usize],
    ) -> usize {
        let context = self.current();
        let mut arguments = [0; entry::ARGUMENTS_MAX];
        arguments[..given.len()].copy_from_slice(given);
        let name = routine.clone();
        let outer_frame = context.frame.get();
        let outer_function = context.function.get();
        context.activations.borrow_mut().push(Activation {
            routine,
            serial: self.steps.get(),
            arguments: [arguments[0], arguments[1]],
            irql,
            spin_locks: context.spin_locks.borrow().len(),
            regions: context.regions.clone(),
        });
        context.spin_locks.borrow_mut().extend(lock);
        self.count_step();
        self.hand_over();
        // SAFETY: the address is what the driver gave for this routine, whose arguments these are. The lab holds no
        // reference into the simulated machine: it has addresses only.
        let result = unsafe { entry::call_driver(address, &arguments) };
        context.frame.set(outer_frame);
        context.function.set(outer_function);
        self.check_return(context.activations.borrow().last(), &name);
        context.activations.borrow_mut().pop();
        result
    }

    fn check_return(&self, activation: Option<&Activation>, routine: &Routine) {
        let Some(activation) = activation else {
            return;
        };
        let Some(expected) = activation.irql else {
            return;
        };
        let context = self.current();
        if context.spin_locks.borrow().len() > activation.spin_locks {
            self.violation_about(
                routine.irp(),
                &rules::SPIN_LOCK_HELD,
                &format!("{} returned with a spin lock held that it acquired", routine.named()),
            );
        }
        let irql = context.irql.get();
        if irql != expected {
            self.violation_about(
                routine.irp(),
                routine.irql_rule(),
                &format!("{} returned at IRQL {irql} and not at {expected}", routine.named()),
            );
        }
        // Before the regions, which a mutex that is held accounts for.
        if matches!(routine, Routine::Thread) {
            self.check_locks_at_thread_end();
        }
        self.check_regions(activation);
    }
}
