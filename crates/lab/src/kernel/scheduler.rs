//! Who runs: the simulated processors, their threads and DPCs, and the seeded choice between them.
//!
//! There is one thread of the system and no parallelism: at each call into the kernel the running context may be set
//! aside for one of another processor, or of its own where its IRQL allows that. A context is a coroutine with a stack
//! for the lab's code and a kernel stack for the driver's.
//!
//! On a processor there is at most one thread and, above it, at most one DPC. A thread below DISPATCH_LEVEL may be
//! taken off its processor for another; a context at DISPATCH_LEVEL or above stays until it lowers its IRQL. DPCs run
//! as soon as the processor's IRQL allows it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ops::Range,
};

use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};

use super::{
    Machine,
    activation::{Activation, Routine},
    entry::{Frame, Saved},
    interrupted::Interrupted,
    random::Random,
    sync::region::Regions,
    trace::What,
};
use crate::{stack::Stack, unwind::Point};

/// PASSIVE_LEVEL.
pub(crate) const PASSIVE_LEVEL: u8 = 0;
/// APC_LEVEL.
pub(crate) const APC_LEVEL: u8 = 1;
/// DISPATCH_LEVEL.
pub(crate) const DISPATCH_LEVEL: u8 = 2;
/// HIGH_LEVEL.
pub(crate) const HIGH_LEVEL: u8 = 15;

/// The lab's side of a context: room for as many nested calls as fit on a kernel stack.
const LAB_STACK_BYTES: usize = 2 * 1024 * 1024;

/// Where kernel stacks are, so that addresses in reports are the same in each run.
const STACKS_ADDRESS: usize = 0x7_4000_0000;
const STACK_DISTANCE: usize = 64 * 1024;

/// In how many of 1000 calls into the kernel another context may run.
const SWITCH_PER_MILLE: u32 = 200;

/// In how many of 1000 choices a thread is taken off its processor for another that is ready.
const PREEMPT_PER_MILLE: u32 = 300;

/// How long a driver is given to end what it does beside its requests.
const SETTLING_STEP_NS: u64 = 1000;
const SETTLING_STEPS_MAX: u32 = 10_000;

/// What a context is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It could run.
    Ready,
    /// It has its processor and waits for the spin lock at this address.
    Spinning(usize),
    /// It waits for something, and has no processor.
    Blocked,
    /// It is over.
    Finished,
}

/// A thread, or the one that runs the DPCs of a processor.
pub(crate) struct Context {
    pub(crate) id: u16,
    pub(crate) name: String,
    pub(crate) irql: Cell<u8>,
    pub(crate) processor: Cell<usize>,
    pub(crate) state: Cell<State>,
    /// The spin locks that it holds, in the order of their acquisition.
    pub(crate) spin_locks: RefCell<Vec<usize>>,
    /// The regions that it is in, in which it gets no APCs.
    pub(crate) regions: Regions,
    /// The routines of drivers that it is in, the innermost last.
    pub(crate) activations: RefCell<Vec<Activation>>,
    /// The driver's frame of the call into the kernel that it is in.
    pub(crate) frame: Cell<Option<Frame>>,
    /// The number of the kernel function that it is in.
    pub(crate) function: Cell<u32>,
    /// What it had in the processor when it was interrupted between two of the driver's instructions.
    pub(super) interrupted: RefCell<Option<Interrupted>>,
    stack: RefCell<Stack>,
    saved: Cell<Saved>,
    yielder: Cell<*const Yielder<(), ()>>,
    coroutine: RefCell<Option<Coroutine<(), (), ()>>>,
    is_dpc: bool,
}

impl Context {
    /// The addresses of its kernel stack.
    pub(crate) fn kernel_stack(&self) -> Range<usize> {
        self.stack.borrow().range()
    }
}

/// What a DPC does.
pub(crate) enum Dpc {
    /// Calls the driver's routine of the KDPC at this address.
    Driver { object: usize, arguments: [usize; 2] },
    /// A device of the lab.
    Native(Box<dyn FnOnce(&'static Machine)>),
}

struct Processor {
    thread: Cell<Option<&'static Context>>,
    dpc_runner: Cell<Option<&'static Context>>,
    dpc_active: Cell<bool>,
    dpcs: RefCell<VecDeque<Dpc>>,
}

/// The processors and everything that runs on them.
pub(crate) struct Scheduler {
    processors: Vec<Processor>,
    contexts: RefCell<Vec<&'static Context>>,
    ready: RefCell<VecDeque<&'static Context>>,
    current: Cell<Option<&'static Context>>,
    random: Random,
    /// Who runs is the same whatever the seed: whoever runs goes on until it has to wait.
    scripted: bool,
    /// Those that go on when nobody else can, the last one first: a script, and what it does in the middle of a call.
    wait_for_quiet: RefCell<Vec<&'static Context>>,
    switches: Cell<u64>,
    /// Who is to run once more where nothing can run.
    last_resort: Cell<Option<&'static Context>>,
}

impl Scheduler {
    pub(crate) fn new(processors: usize, seed: u64, scripted: bool) -> Self {
        let processors = (0..processors)
            .map(|_| Processor {
                thread: Cell::new(None),
                dpc_runner: Cell::new(None),
                dpc_active: Cell::new(false),
                dpcs: RefCell::default(),
            })
            .collect();
        Self {
            processors,
            contexts: RefCell::default(),
            ready: RefCell::default(),
            current: Cell::new(None),
            random: Random::new(seed, "scheduler"),
            scripted,
            wait_for_quiet: RefCell::default(),
            switches: Cell::new(0),
            last_resort: Cell::new(None),
        }
    }

    /// How many processors there are.
    pub(crate) fn processors(&self) -> usize {
        self.processors.len()
    }

    /// The context that runs, if one does.
    pub(crate) fn running(&self) -> Option<&'static Context> {
        self.current.get()
    }

    /// The context with this number.
    pub(crate) fn context(&self, id: u16) -> Option<&'static Context> {
        self.contexts.borrow().get(usize::from(id)).copied()
    }

    /// All contexts.
    pub(crate) fn contexts(&self) -> Vec<&'static Context> {
        self.contexts.borrow().clone()
    }

    /// How often one context was set aside for another.
    pub(crate) fn switches(&self) -> u64 {
        self.switches.get()
    }

    /// One of `count` choices.
    fn index(&self, count: usize) -> usize {
        if self.scripted { 0 } else { self.random.index(count) }
    }

    /// True in `per_mille` of 1000 cases.
    fn chance(&self, per_mille: u32) -> bool {
        !self.scripted && self.random.chance(per_mille)
    }

    fn pending_dpcs(&self, processor: usize) -> bool {
        !self.processors[processor].dpcs.borrow().is_empty()
    }
}

impl Machine {
    /// The context that runs.
    pub(crate) fn current(&self) -> &'static Context {
        self.scheduler
            .running()
            .expect("drivers and what they call run in a context")
    }

    /// Whether a routine of the driver that some context is in is one of those.
    pub(super) fn any_activation(&self, is_meant: impl Fn(&Routine) -> bool) -> bool {
        let contexts = self.scheduler.contexts.borrow();
        contexts.iter().any(|context| {
            let activations = context.activations.borrow();
            activations.iter().any(|activation| is_meant(&activation.routine))
        })
    }

    /// The contexts that are interrupted between two instructions of the driver: name, place, and kernel stack.
    pub(super) fn contexts_interrupted(&self) -> Vec<(String, Point, Range<usize>)> {
        let contexts = self.scheduler.contexts.try_borrow();
        let contexts = contexts.as_ref().map_or(&[][..], |contexts| contexts);
        let interrupted = contexts.iter().filter_map(|context| {
            let interrupted = context.interrupted.try_borrow().ok()?;
            let point = interrupted.as_ref()?.point();
            Some((context.name.clone(), point, context.kernel_stack()))
        });
        interrupted.collect()
    }

    /// How many contexts there have been.
    pub(crate) fn contexts(&self) -> usize {
        self.scheduler.contexts.borrow().len()
    }

    /// The IRQL of the processor that runs.
    pub(crate) fn irql(&self) -> u8 {
        self.scheduler
            .running()
            .map_or(PASSIVE_LEVEL, |context| context.irql.get())
    }

    /// Makes a thread, which will run `work`.
    pub(crate) fn spawn(&'static self, name: &str, work: impl FnOnce(&'static Self) + 'static) -> &'static Context {
        let context = self.context(name, false, work);
        self.scheduler.ready.borrow_mut().push_back(context);
        context
    }

    /// As [`Self::spawn`], for work that borrows.
    ///
    /// # Safety
    ///
    /// The thread is over before what it borrows is, or never resumed again.
    pub(crate) unsafe fn spawn_scoped<'work>(
        &'static self,
        name: &str,
        work: impl FnOnce(&'static Self) + 'work,
    ) -> &'static Context {
        let work: Box<dyn FnOnce(&'static Self) + 'work> = Box::new(work);
        // SAFETY: only the lifetime changes, and the caller promises that it is kept.
        let work: Box<dyn FnOnce(&'static Self)> = unsafe { std::mem::transmute(work) };
        self.spawn(name, work)
    }

    fn context(
        &'static self,
        name: &str,
        is_dpc: bool,
        work: impl FnOnce(&'static Self) + 'static,
    ) -> &'static Context {
        let mut contexts = self.scheduler.contexts.borrow_mut();
        let stack = Stack::preferably_at(STACKS_ADDRESS + contexts.len() * STACK_DISTANCE)
            .unwrap_or_else(|error| self.cannot(&format!("cannot map a kernel stack: {error}")));
        let lab_stack = DefaultStack::new(LAB_STACK_BYTES)
            .unwrap_or_else(|error| self.cannot(&format!("cannot map a stack for the lab: {error}")));
        // SAFETY: the stack belongs to the context, which is never dropped, and only the driver uses it.
        unsafe { crate::guest::register(stack.range()) };
        let id = u16::try_from(contexts.len()).unwrap_or(u16::MAX);
        let top = stack.range().end;
        let coroutine = Coroutine::with_stack(lab_stack, move |yielder: &Yielder<(), ()>, ()| {
            let context = self.current();
            context.yielder.set(yielder);
            work(self);
            context.state.set(State::Finished);
        });
        // Contexts live as long as the process, which ends without dropping what a driver may still have a stack in.
        let context: &'static Context = Box::leak(Box::new(Context {
            id,
            name: name.to_owned(),
            irql: Cell::new(if is_dpc { DISPATCH_LEVEL } else { PASSIVE_LEVEL }),
            processor: Cell::new(0),
            state: Cell::new(State::Ready),
            spin_locks: RefCell::default(),
            regions: Regions::default(),
            activations: RefCell::default(),
            frame: Cell::new(None),
            function: Cell::new(u32::MAX),
            interrupted: RefCell::default(),
            stack: RefCell::new(stack),
            saved: Cell::new(Saved::fresh(top)),
            yielder: Cell::new(std::ptr::null()),
            coroutine: RefCell::new(Some(coroutine)),
            is_dpc,
        }));
        contexts.push(context);
        context
    }

    /// Runs the machine until `main` is over.
    pub(crate) fn run_until_finished(&'static self, main: &'static Context) {
        for processor in 0..self.scheduler.processors() {
            let runner = self.context(&format!("DPCs of processor {processor}"), true, move |machine| {
                machine.run_dpcs(processor);
            });
            runner.processor.set(processor);
            self.scheduler.processors[processor].dpc_runner.set(Some(runner));
        }
        while main.state.get() != State::Finished {
            while let Some(due) = self.clock.take_due() {
                due(self);
            }
            match self.choose() {
                Some(context) => self.resume(context),
                None if self.wake_last() => {}
                None if self.clock.skip_to_next() || self.last_resort() => {}
                None => self.nothing_can_run(),
            }
        }
    }

    /// The context that runs next.
    fn choose(&self) -> Option<&'static Context> {
        let count = self.scheduler.processors();
        let first = self.scheduler.index(count);
        (0..count).find_map(|offset| self.next_on((first + offset) % count))
    }

    /// What this processor would run.
    fn next_on(&self, number: usize) -> Option<&'static Context> {
        let scheduler = &self.scheduler;
        let processor = &scheduler.processors[number];
        if processor.dpc_active.get() {
            return processor.dpc_runner.get().filter(|runner| self.can_run(runner));
        }
        let thread = processor.thread.get();
        let irql = thread.map_or(PASSIVE_LEVEL, |thread| thread.irql.get());
        if irql < DISPATCH_LEVEL && scheduler.pending_dpcs(number) {
            processor.dpc_active.set(true);
            return processor.dpc_runner.get();
        }
        match thread {
            Some(thread) if irql >= DISPATCH_LEVEL => self.can_run(thread).then_some(thread),
            Some(thread) => {
                let mut ready = scheduler.ready.borrow_mut();
                if !ready.is_empty() && scheduler.chance(PREEMPT_PER_MILLE) {
                    ready.push_back(thread);
                    drop(ready);
                    processor.thread.set(None);
                    return self.next_on(number);
                }
                Some(thread)
            }
            None => {
                let mut ready = scheduler.ready.borrow_mut();
                let index = scheduler.index(ready.len());
                let thread = ready.remove(index)?;
                thread.processor.set(number);
                processor.thread.set(Some(thread));
                Some(thread)
            }
        }
    }

    fn can_run(&self, context: &Context) -> bool {
        match context.state.get() {
            State::Ready => true,
            State::Spinning(lock) => crate::guest::read::<usize>(lock) == 0,
            State::Blocked | State::Finished => false,
        }
    }

    fn resume(&'static self, context: &'static Context) {
        let mut coroutine = context
            .coroutine
            .borrow_mut()
            .take()
            .expect("a context is resumed by the scheduler alone, which takes one at a time");
        self.scheduler.switches.set(self.scheduler.switches.get() + 1);
        self.scheduler.current.set(Some(context));
        self.trace(0, What::Switched { context: context.id });
        self.processor_data.set_current(context);
        self.page_out_at(context.irql.get());
        context.saved.get().restore();
        let result = coroutine.resume(());
        context.saved.set(Saved::take());
        self.scheduler.current.set(None);
        match result {
            CoroutineResult::Yield(()) => *context.coroutine.borrow_mut() = Some(coroutine),
            CoroutineResult::Return(()) => self.leave_processor(context),
        }
    }

    /// Sets the running context aside, until the scheduler chooses it again.
    pub(crate) fn suspend(&self) {
        let context = self.current();
        // SAFETY: the coroutine set it before it did anything else, and we are within that coroutine, on whose stack the
        // yielder is.
        let yielder = unsafe { &*context.yielder.get() };
        yielder.suspend(());
    }

    /// A place where another context may run.
    pub(crate) fn schedule_point(&self) {
        let context = self.current();
        let processor = context.processor.get();
        let interrupted = context.irql.get() < DISPATCH_LEVEL && self.scheduler.pending_dpcs(processor);
        if interrupted || self.clock.is_due() || self.scheduler.chance(SWITCH_PER_MILLE) {
            self.suspend();
        }
    }

    /// Takes the running thread off its processor until [`Self::wake`].
    pub(crate) fn block(&self) {
        let context = self.current();
        context.state.set(State::Blocked);
        self.leave_processor(context);
        self.suspend();
    }

    /// Lets everything else run that can, without time going on until something is due.
    pub(crate) fn wait_until_quiet(&self) {
        let context = self.current();
        self.scheduler.wait_for_quiet.borrow_mut().push(context);
        context.state.set(State::Blocked);
        // At DISPATCH_LEVEL it keeps its processor, as all that runs there does.
        if context.irql.get() < DISPATCH_LEVEL {
            self.leave_processor(context);
        }
        self.suspend();
    }

    /// Lets the last one go on that waits until all is quiet. A processor that spins is not quiet, and never will be.
    fn wake_last(&self) -> bool {
        let contexts = self.scheduler.contexts.borrow();
        let spinning = contexts
            .iter()
            .any(|context| matches!(context.state.get(), State::Spinning(_)));
        if spinning {
            return false;
        }
        let waiting = self.scheduler.wait_for_quiet.borrow_mut().pop();
        match waiting {
            Some(context) if context.irql.get() < DISPATCH_LEVEL => self.wake(context),
            Some(context) => context.state.set(State::Ready),
            None => return false,
        }
        true
    }

    /// Ends the running thread where it is: nothing on its stacks is come back to.
    pub(crate) fn end_thread(&self) -> ! {
        let context = self.current();
        context.state.set(State::Finished);
        self.leave_processor(context);
        loop {
            self.suspend();
        }
    }

    /// Lets a context that blocked run again. Nothing happens to one that did not.
    pub(crate) fn wake(&self, context: &'static Context) {
        if context.state.get() == State::Blocked {
            context.state.set(State::Ready);
            self.scheduler.ready.borrow_mut().push_back(context);
        }
    }

    fn leave_processor(&self, context: &Context) {
        let processor = &self.scheduler.processors[context.processor.get()];
        if processor.thread.get().is_some_and(|thread| thread.id == context.id) {
            processor.thread.set(None);
        }
    }

    /// Waits until the spin lock at `lock` is free. The context keeps its processor.
    pub(crate) fn spin(&self, lock: usize) {
        let context = self.current();
        context.state.set(State::Spinning(lock));
        self.suspend();
        context.state.set(State::Ready);
    }

    /// Queues a DPC to a processor.
    pub(crate) fn queue_dpc(&self, processor: usize, dpc: Dpc) {
        self.scheduler.processors[processor].dpcs.borrow_mut().push_back(dpc);
    }

    /// Takes the DPC of the KDPC at `object` out of its queue. False where it is in none.
    pub(crate) fn remove_dpc(&self, object: usize) -> bool {
        self.scheduler.processors.iter().any(|processor| {
            let mut dpcs = processor.dpcs.borrow_mut();
            let found = dpcs
                .iter()
                .position(|dpc| matches!(dpc, Dpc::Driver { object: queued, .. } if *queued == object));
            found.and_then(|index| dpcs.remove(index)).is_some()
        })
    }

    /// The KDPC of a driver's DPC that is queued, if there is one.
    pub(crate) fn queued_dpc(&self) -> Option<usize> {
        self.scheduler.processors.iter().find_map(|processor| {
            processor.dpcs.borrow().iter().find_map(|dpc| match dpc {
                Dpc::Driver { object, .. } => Some(*object),
                Dpc::Native(_) => None,
            })
        })
    }

    /// Whether a DPC is queued or runs.
    pub(crate) fn dpcs_outstanding(&self) -> bool {
        self.scheduler
            .processors
            .iter()
            .any(|processor| processor.dpc_active.get() || !processor.dpcs.borrow().is_empty())
    }

    /// Lets whatever else the driver does come to an end: what it completed a request in may have more to do, such as
    /// releasing a lock. What waits is not waited for, and what never ends is given up.
    pub(crate) fn settle(&'static self) {
        for _ in 0..SETTLING_STEPS_MAX {
            let running = self.current().id;
            let is_busy = |context: &&'static Context| {
                context.id != running
                    && matches!(context.state.get(), State::Ready | State::Spinning(_))
                    && !context.activations.borrow().is_empty()
            };
            let busy = self.scheduler.contexts.borrow().iter().any(is_busy);
            if !busy && !self.dpcs_outstanding() && !self.threads.has_work() {
                return;
            }
            self.sleep_until(self.clock.now_ns() + SETTLING_STEP_NS);
        }
    }

    /// A processor for an interrupt to arrive at.
    pub(crate) fn some_processor(&self) -> usize {
        let count = self.scheduler.processors();
        if self.scheduler.scripted {
            return (0..count).find(|&number| self.is_interruptible(number)).unwrap_or(0);
        }
        self.scheduler.index(count)
    }

    /// Whether a DPC could run there at once.
    fn is_interruptible(&self, number: usize) -> bool {
        let processor = &self.scheduler.processors[number];
        let thread = processor.thread.get();
        !processor.dpc_active.get() && thread.is_none_or(|thread| thread.irql.get() < DISPATCH_LEVEL)
    }

    /// The body of the context that runs the DPCs of a processor.
    fn run_dpcs(&'static self, number: usize) {
        let processor = &self.scheduler.processors[number];
        loop {
            let dpc = processor.dpcs.borrow_mut().pop_front();
            match dpc {
                Some(Dpc::Native(work)) => work(self),
                Some(Dpc::Driver { object, arguments }) => self.call_deferred_routine(object, arguments),
                None => {
                    processor.dpc_active.set(false);
                    self.suspend();
                }
            }
        }
    }

    /// Nothing can run: has `context` run once more, which may do something about it. Without one, nothing is done.
    pub(crate) fn set_last_resort(&self, context: Option<&'static Context>) {
        self.scheduler.last_resort.set(context);
    }

    /// Whether the context that was set has been woken as the last resort.
    pub(crate) fn is_last_resort_taken(&self) -> bool {
        self.scheduler.last_resort.get().is_none()
    }

    fn last_resort(&self) -> bool {
        let context = self.scheduler.last_resort.take();
        if let Some(context) = context {
            self.wake(context);
        }
        context.is_some()
    }

    /// No context can run and no time will change that.
    fn nothing_can_run(&self) -> ! {
        let mut stuck: Vec<String> = Vec::new();
        for context in self.scheduler.contexts.borrow().iter() {
            if self.threads.is_idle(context) {
                continue;
            }
            let what = match context.state.get() {
                State::Blocked => "waits for something that never comes",
                State::Spinning(_) => "spins on a lock that is never released",
                State::Ready | State::Finished => continue,
            };
            if !context.is_dpc || context.state.get() != State::Blocked {
                stuck.push(format!("{} {what}", context.name));
            }
        }
        self.deadlock(&stuck.join("; "))
    }
}
