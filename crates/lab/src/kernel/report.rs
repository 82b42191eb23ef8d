//! How the machine ends: with a violation, an error, or a report; and what is collected on the way.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::Range,
    rc::Rc,
};

use super::{
    Machine, entry::Frame, exports, interrupted::FRAMES_SHOWN, io::irp::IrpRecord, load::Driver, scheduler::Context,
};
use crate::{
    pool::BadFree,
    report::{RunReport, Violation, Warning},
    rules::{self, Rule},
    unwind::{self, Point, call_stack},
};

/// The end of a run, on the way to whoever asked for it. The process ends when it has been sent.
pub(crate) type Ended = Box<dyn Fn(RunReport) -> std::convert::Infallible>;

/// Tells whoever watches the process what the machine does.
pub(crate) trait Watch {
    /// A new part of the run begins.
    fn phase(&self, name: &str);
    /// The driver made its `number`th call, of this function.
    fn step(&self, function: u32, number: u64);
}

/// Collects what is found.
pub(crate) struct Reporter {
    seed: u64,
    ended: Ended,
    watch: Box<dyn Watch>,
    phase: Cell<&'static str>,
    warnings: RefCell<Vec<Warning>>,
    counters: RefCell<BTreeMap<String, u64>>,
    messages: RefCell<Vec<String>>,
}

/// The most messages of a driver that are kept.
const MESSAGES_MAX: usize = 1000;

impl Reporter {
    pub(crate) fn new(seed: u64, ended: Ended, watch: Box<dyn Watch>) -> Self {
        Self {
            seed,
            ended,
            watch,
            phase: Cell::new("start"),
            warnings: RefCell::default(),
            counters: RefCell::default(),
            messages: RefCell::default(),
        }
    }

    pub(super) fn phase(&self, name: &'static str) {
        self.phase.set(name);
        self.watch.phase(name);
    }

    pub(super) fn step(&self, function: u32, number: u64) {
        self.watch.step(function, number);
    }

    /// Adds to what is counted under `name`.
    pub(crate) fn count(&self, name: &str, by: u64) {
        let mut counters = self.counters.borrow_mut();
        match counters.get_mut(name) {
            Some(count) => *count += by,
            None => {
                counters.insert(name.to_owned(), by);
            }
        }
    }

    /// Counts the greatest of the numbers that it is given under `name`, which ends with "at most".
    pub(crate) fn count_max(&self, name: &str, number: u64) {
        let mut counters = self.counters.borrow_mut();
        match counters.get_mut(name) {
            Some(max) => *max = number.max(*max),
            None => {
                counters.insert(name.to_owned(), number);
            }
        }
    }

    pub(super) fn report(&self) -> RunReport {
        RunReport {
            seed: self.seed,
            warnings: self.warnings.borrow().clone(),
            counters: self.counters.borrow().clone(),
            messages: self.messages.borrow().clone(),
            ..RunReport::default()
        }
    }

    /// Ends the process with what the run came to.
    pub(crate) fn end(&self, report: RunReport) -> ! {
        match (self.ended)(report) {}
    }

    /// Ends the process because the run cannot be made.
    pub(super) fn cannot(&self, what: &str) -> ! {
        let mut report = self.report();
        report.error = Some(what.to_owned());
        self.end(report)
    }
}

impl Machine {
    /// Ends the run because it cannot be made.
    pub(crate) fn cannot(&self, what: &str) -> ! {
        self.reporter.cannot(what)
    }

    /// Ends the run because it cannot be made, at a point of the driver's code.
    pub(crate) fn cannot_at(&self, what: &str, point: Point) -> ! {
        let stack = self.stack(Some(point));
        self.reporter
            .cannot(&format!("{what} ({}; from {})", self.place(), stack.join(", from ")))
    }

    /// KeBugCheckEx.
    pub(crate) fn bug_check(&self, code: u32, arguments: [usize; 4]) -> ! {
        let [first, second, third, fourth] = arguments;
        self.violation(
            &rules::BUG_CHECK,
            &format!("the driver called KeBugCheckEx({code:#x}, {first:#x}, {second:#x}, {third:#x}, {fourth:#x})"),
        )
    }

    /// A message of the driver's.
    pub(crate) fn print(&self, text: &str) {
        let mut messages = self.reporter.messages.borrow_mut();
        if messages.len() < MESSAGES_MAX {
            messages.push(text.to_owned());
        }
    }

    /// Ends the run: the driver broke `rule`. It is about the IRP that the running code works for, if any.
    pub(crate) fn violation(&self, rule: &Rule, message: &str) -> ! {
        self.violation_about(self.current_irp().as_ref(), rule, message)
    }

    /// The IRP that the running code works for, if any.
    pub(crate) fn current_irp(&self) -> Option<Rc<IrpRecord>> {
        let activations = self.scheduler.running()?.activations.try_borrow().ok()?;
        activations
            .iter()
            .rev()
            .find_map(|activation| activation.routine.irp().cloned())
    }

    /// Ends the run: the driver broke `rule` with this IRP.
    pub(crate) fn violation_about(&self, irp: Option<&Rc<IrpRecord>>, rule: &Rule, message: &str) -> ! {
        let frame = self.scheduler.running().and_then(|context| context.frame.get());
        let point = frame.map(point_of);
        self.violation_at(irp, rule.id, message, point)
    }

    /// Ends the run with an offence, at a point of the driver's code.
    pub(crate) fn violation_at(
        &self,
        irp: Option<&Rc<IrpRecord>>,
        rule: &str,
        message: &str,
        point: Option<Point>,
    ) -> ! {
        let stack = self.stack(point);
        self.violation_told(irp, rule, message, stack)
    }

    /// Ends the run: the driver broke `rule`, and `lines` say more about it, below the call stack.
    pub(crate) fn violation_with(&self, rule: &Rule, message: &str, lines: Vec<String>) -> ! {
        let frame = self.scheduler.running().and_then(|context| context.frame.get());
        let mut stack = self.stack(frame.map(point_of));
        stack.extend(lines);
        self.violation_told(self.current_irp().as_ref(), rule.id, message, stack)
    }

    fn violation_told(&self, irp: Option<&Rc<IrpRecord>>, rule: &str, message: &str, stack: Vec<String>) -> ! {
        let mut report = self.report();
        report.violation = Some(Violation {
            rule: rule.to_owned(),
            seed: self.config.seed,
            message: format!("{message} ({})", self.place()),
            irp_history: irp.map(|irp| irp.history()).unwrap_or_default(),
            stack,
            replay: None,
        });
        self.reporter.end(report)
    }

    /// Counts an offence that ends nothing.
    pub(crate) fn warning(&self, irp: Option<&Rc<IrpRecord>>, rule: &Rule, message: &str) {
        let mut warnings = self.reporter.warnings.borrow_mut();
        if let Some(warning) = warnings.iter_mut().find(|warning| warning.rule == rule.id) {
            warning.times += 1;
            return;
        }
        let irp = irp.map_or_else(String::new, |irp| format!(", irp {}", irp.serial));
        warnings.push(Warning {
            rule: rule.id.to_owned(),
            seed: self.config.seed,
            message: format!("{message} ({}{irp})", self.place()),
            times: 1,
        });
    }

    /// Where the machine is, for a message.
    fn place(&self) -> String {
        let phase = self.reporter.phase.get();
        let Some(context) = self.scheduler.running() else {
            return format!("in {phase}");
        };
        let routine = context
            .activations
            .try_borrow()
            .ok()
            .and_then(|activations| activations.last().map(|activation| activation.routine.named()));
        let routine = routine.unwrap_or_else(|| "no routine of the driver".to_owned());
        format!("in {routine}, IRQL {}, {phase}", context.irql.get())
    }

    /// The driver's call stack, through all of its routines that have not returned.
    fn stack(&self, point: Option<Point>) -> Vec<String> {
        self.paging.reveal();
        let driver = self.driver.try_borrow().ok().and_then(|driver| driver.clone());
        let (Some(driver), Some(context)) = (driver, self.scheduler.running()) else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        if let Some(point) = point {
            let function = exports::try_export(context.function.get()).map(|export| export.name);
            if let (Some(function), true) = (function, context.frame.get().is_some()) {
                lines.push(format!("nt!{function}"));
            }
            for frame in self.frames(context, point) {
                lines.push(frame.display(&driver.symbols).to_string());
            }
        }
        if let Ok(activations) = context.activations.try_borrow() {
            lines.extend(
                activations
                    .iter()
                    .rev()
                    .map(|activation| format!("-- {}", activation.routine.name())),
            );
        }
        lines.push(format!("-- {}", context.name));
        self.add_preempted(&driver, &mut lines);
        lines
    }

    /// The functions of the driver that have called each other in a context to get to a call of the kernel.
    pub(super) fn frames_of_call(&self, context: &Context, frame: Frame) -> Vec<unwind::Frame> {
        self.frames(context, point_of(frame))
    }

    /// The same, to get to a point.
    fn frames(&self, context: &Context, point: Point) -> Vec<unwind::Frame> {
        let driver = self.driver.try_borrow().ok().and_then(|driver| driver.clone());
        let read = reader(context.kernel_stack());
        driver.map_or_else(Vec::new, |driver| call_stack(&driver.image, point, read))
    }

    /// Adds where the driver stands in the contexts that are preempted, one of which may be in the middle of what it
    /// should have done as one.
    fn add_preempted(&self, driver: &Driver, lines: &mut Vec<String>) {
        let preempted = self.contexts_interrupted();
        for (name, point, range) in preempted {
            lines.push(format!("-- meanwhile {name} was preempted in"));
            let frames = call_stack(&driver.image, point, reader(range));
            let shown = frames.iter().take(FRAMES_SHOWN);
            lines.extend(shown.map(|frame| frame.display(&driver.symbols).to_string()));
        }
    }

    /// The kernel could not free what the driver asked it to.
    pub(crate) fn bad_free(&self, error: &BadFree) -> ! {
        let rule = match error {
            BadFree::AlreadyFreed { .. } => &rules::FREED_TWICE,
            BadFree::SlackOverwritten { .. } | BadFree::Underrun { .. } => &rules::SLACK_OVERWRITTEN,
            BadFree::System { .. } => self.cannot(&format!("{error}")),
            BadFree::NotABlock { .. } | BadFree::InsideBlock { .. } => &rules::FREED_NO_BLOCK,
        };
        self.violation(rule, &format!("freeing pool: {error}"))
    }

    /// Something of the kernel's own was overwritten.
    pub(crate) fn damaged(&self, what: &str) -> ! {
        self.violation(&rules::SLACK_OVERWRITTEN, what)
    }

    /// Nothing can run any more.
    pub(crate) fn deadlock(&self, stuck: &str) -> ! {
        if let Some(tags) = self.remove_lock_waited_for() {
            let irp = tags.first().and_then(|&tag| self.irp_of_tag(tag));
            self.violation_about(
                irp.as_ref(),
                &rules::REMOVE_LOCK_LEAKED,
                &format!(
                    "IoReleaseRemoveLockAndWait waits for {} acquisitions that nobody will release",
                    tags.len()
                ),
            );
        }
        if let Some((irp, rule)) = self.forgotten_event() {
            self.violation_about(
                Some(&irp),
                rule,
                &format!(
                    "a routine waits for irp {}, which is back, and nobody sets the event: {stuck}",
                    irp.serial
                ),
            );
        }
        let outstanding = self.outstanding.borrow();
        if let Some(irp) = outstanding.values().find(|irp| irp.is_power_held_by_driver()) {
            self.violation_about(
                Some(irp),
                &rules::POWER_IRP_LOST,
                &format!("a power IRP will never be completed: {stuck}"),
            );
        }
        if let Some(irp) = outstanding.values().find(|irp| irp.was_cancelled_unseen()) {
            self.violation_about(
                Some(irp),
                &rules::CANCEL_NOT_LOOKED_AT,
                &format!(
                    "an IRP was cancelled before its cancel routine was set, and will never be completed: {stuck}"
                ),
            );
        }
        if let Some(irp) = outstanding.values().next() {
            self.violation_about(
                Some(irp),
                &rules::IRP_LOST,
                &format!(
                    "{} IRPs will never be completed; this is the first: {stuck}",
                    outstanding.len()
                ),
            );
        }
        self.violation(&rules::STUCK, &format!("nothing can run any more: {stuck}"))
    }

    /// The driver called the kernel on a stack that is not its own.
    pub(crate) fn stray_stack(&self) -> ! {
        self.violation_at(
            None,
            rules::DRIVER_FAULT.id,
            "a kernel function was called with a stack pointer that is not within the kernel stack",
            None,
        )
    }

    /// A driver passed a bad pointer to the kernel.
    pub(crate) fn bad_pointer(&self, address: usize) -> ! {
        self.violation(
            &rules::DRIVER_FAULT,
            &format!("{address:#x} was passed to the kernel, and is no address of the machine"),
        )
    }
}

/// Reads a kernel stack.
fn reader(stack: Range<usize>) -> impl Fn(usize) -> Option<u64> {
    move |address| {
        let inside = stack.contains(&address) && stack.contains(&(address + 7));
        inside.then(|| crate::guest::read::<u64>(address))
    }
}

/// Where the driver is when it called the kernel.
pub(super) fn point_of(frame: Frame) -> Point {
    Point::after_call(frame.return_address(), frame.stack_pointer(), frame.base_pointer())
}
