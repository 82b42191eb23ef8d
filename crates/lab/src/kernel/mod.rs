//! The simulated machine: an NT kernel as far as a driver can see it, with every call checked.
//!
//! A [`Machine`] exists once in a process, which is a forked child made for one run. Drivers' code runs in it on kernel
//! stacks; everything else is here. Interior mutability is by `Cell` and `RefCell`, since there is one thread of the
//! system; no borrow is ever held where another context may run or a driver is called.
//!
//! What is simulated and what is not is said in `docs/lab.md`.

pub(crate) mod activation;
mod clock;
mod data;
mod emulation;
pub(crate) mod entry;
pub(crate) mod error_log;
pub(crate) mod exports;
mod fault;
mod handles;
mod interrupted;
pub(crate) mod io;
pub(crate) mod layout;
mod leftovers;
mod load;
pub(crate) mod mdl;
pub(crate) mod observer;
mod paging;
mod pool_use;
pub(crate) mod power;
pub(crate) mod random;
pub(crate) mod registry;
mod report;
pub(crate) mod scheduler;
pub(crate) mod sites;
pub mod status;
mod stepping;
mod sync;
mod system_calls;
mod threads;
pub(crate) mod trace;
pub(crate) mod wmi;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use self::{
    clock::Clock,
    data::{KernelData, ProcessorData},
    entry::{Frame, Gate},
    error_log::ErrorLog,
    exports::Call,
    handles::Handles,
    io::{
        completion_ex::Wrappers,
        device::Devices,
        invalidated::Invalidated,
        irp::{IrpRecord, Irps},
        remove_lock::RemoveLocks,
        verify::DevicesToVerify,
    },
    load::Driver,
    mdl::Mdls,
    observer::{Moment, Observers, Planned},
    paging::Paging,
    power::Power,
    random::Random,
    registry::{REG_DWORD, Registry},
    scheduler::Scheduler,
    sites::{FailSite, Sites},
    status::{NtStatus, STATUS_INSUFFICIENT_RESOURCES},
    stepping::Stepping,
    sync::{deadlock::Deadlocks, dispatcher::Waits, resource::Resources, timer::Timers},
    threads::Threads,
    trace::{Event, Trace, What},
    wmi::Wmi,
};
use crate::{
    pool::{self, Pool},
    report::RunReport,
    rules,
};

pub(crate) use self::{
    fault::on_stuck,
    report::{Ended, Reporter, Watch},
};

/// The name of the kernel function with this number.
pub(crate) fn call_name(function: u32) -> &'static str {
    exports::try_export(function).map_or("unknown", |export| export.name)
}

/// The kernel functions that a driver can call in the lab, sorted. Any other ends the run when it is called.
pub fn functions() -> Vec<&'static str> {
    exports::names()
}

/// How a machine is set up. Everything that is not here is decided by the seed.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The seed of every choice.
    pub(crate) seed: u64,
    /// How many simulated processors there are.
    pub(crate) processors: usize,
    /// Whether the pool is special pool.
    pub(crate) special_pool: bool,
    /// In how many of 1000 cases a call that can fail is made to fail.
    pub(crate) failures_per_mille: u32,
    /// The places of the driver whose calls fail, where places are looked at.
    pub(crate) fail_sites: Option<Vec<FailSite>>,
    /// Whether the text of the event log is kept.
    pub(crate) log: bool,
    /// The name of the driver's service, the last part of the registry path that DriverEntry gets.
    pub(crate) service: String,
    /// What stands in the `Parameters` key of the service besides, each a REG_DWORD.
    pub(crate) parameters: Vec<(String, u32)>,
    /// Whether a script decides what happens, and the seed nothing.
    pub(crate) scripted: bool,
    /// Whether the driver is preempted between its instructions.
    pub(crate) stepping: bool,
}

/// A simulated machine.
pub(crate) struct Machine {
    pub(crate) config: Config,
    pub(crate) reporter: Reporter,
    pub(crate) scheduler: Scheduler,
    pub(crate) stepping: Stepping,
    pub(crate) paging: Paging,
    pub(crate) clock: Clock,
    pub(crate) pool: RefCell<Pool>,
    pub(crate) irps: Irps,
    pub(crate) devices: Devices,
    pub(crate) remove_locks: RemoveLocks,
    pub(crate) wrappers: Wrappers,
    pub(crate) waits: Waits,
    pub(crate) timers: Timers,
    pub(crate) resources: Resources,
    pub(crate) threads: Threads,
    pub(crate) handles: Handles,
    pub(crate) mdls: Mdls,
    pub(crate) registry: Registry,
    pub(crate) error_log: ErrorLog,
    pub(crate) kernel_data: KernelData,
    pub(crate) processor_data: ProcessorData,
    pub(crate) driver: RefCell<Option<Rc<Driver>>>,
    pub(crate) gate: Gate,
    /// The initiators' IRPs that have not been completed, by their serial numbers.
    pub(crate) outstanding: RefCell<BTreeMap<u64, Rc<IrpRecord>>>,
    /// What the PnP manager was asked to ask again.
    pub(crate) invalidated: Invalidated,
    pub(crate) power: Power,
    pub(crate) wmi: Wmi,
    pub(crate) devices_to_verify: DevicesToVerify,
    pub(crate) observers: Observers,
    /// Calls that a script has said will fail.
    pub(crate) planned: Planned,
    pub(crate) sites: Sites,
    pub(crate) deadlocks: Deadlocks,
    failures: Random,
    /// Whether calls may be made to fail now.
    failing: Cell<bool>,
    log: RefCell<Trace>,
    calls: Cell<u64>,
    /// How often the driver called the kernel and was called by it.
    steps: Cell<u64>,
    /// How often it had been when an IRP last went on.
    steps_before_progress: Cell<u64>,
}

/// How many steps a driver may take while no request goes on.
const IDLE_STEPS_MAX: u64 = 2_000_000;

thread_local! {
    static MACHINE: Cell<Option<&'static Machine>> = const { Cell::new(None) };
}

/// The machine of this process. It is there from before the first driver is called.
pub(crate) fn machine() -> &'static Machine {
    MACHINE
        .get()
        .expect("only drivers and what they call ask for the machine, and they run in it")
}

/// The lab was handed an address that is nobody's: a driver passed a bad pointer.
#[cold]
pub(crate) fn bad_pointer(address: usize) -> ! {
    match MACHINE.get() {
        Some(machine) => machine.bad_pointer(address),
        None => panic!("{address:#x} is not the simulated machine's memory"),
    }
}

/// The lab follows a list that leads nowhere: a driver has damaged it.
#[cold]
pub(crate) fn endless_list(address: usize) -> ! {
    machine().violation(
        &rules::STUCK,
        &format!("a list that the kernel follows is a ring without an end, at {address:#x}"),
    )
}

/// Serves a call of the driver into the kernel.
pub(crate) fn serve(function: u32, frame: Frame) -> usize {
    let machine = machine();
    let context = machine.current();
    if !context.kernel_stack().contains(&frame.address()) {
        machine.stray_stack();
    }
    context.frame.set(Some(frame));
    context.function.set(function);
    machine.calls.set(machine.calls.get() + 1);
    machine.reporter.step(function, machine.calls.get());
    machine.count_step();
    let export = exports::export_of(function);
    machine.clock.advance(export.time_ns);
    machine.trace(
        0,
        What::Call {
            function: export.name,
            context: context.id,
        },
    );
    machine.schedule_point();
    let call = Call { machine, frame };
    exports::check_call(function, &call);
    let observed = machine.observers.tell(machine, Moment::Called, export.name, frame);
    let failure = exports::failure_of(function, &call);
    let result = failure.unwrap_or_else(|| (export.serve)(&call));
    if observed {
        machine.observers.tell(machine, Moment::Returned, export.name, frame);
    }
    machine.schedule_point();
    context.frame.set(None);
    machine.hand_over();
    result
}

impl Machine {
    /// Sets up the machine of this process.
    ///
    /// `reporter` takes what it finds; when it has found a violation the process ends.
    pub(crate) fn start(config: Config, reporter: Reporter) -> &'static Self {
        let mode = if config.special_pool {
            pool::Mode::Special
        } else {
            pool::Mode::Plain
        };
        let mut pool =
            Pool::new(mode).unwrap_or_else(|error| reporter.cannot(&format!("cannot map the pool: {error}")));
        let gate = Gate::new(exports::count())
            .unwrap_or_else(|error| reporter.cannot(&format!("cannot map the kernel's entry points: {error}")));
        // SAFETY: the pool lives as long as the machine, which is never dropped, and makes no references into its arena.
        unsafe { crate::guest::register(pool.arena()) };
        // SAFETY: as above, for the gate's code.
        unsafe { crate::guest::register(gate.range()) };
        let kernel_data = KernelData::new(&mut pool);
        let processor_data = ProcessorData::new(&mut pool);
        let seed = config.seed;
        let machine: &'static Self = Box::leak(Box::new(Self {
            scheduler: Scheduler::new(config.processors, seed, config.scripted),
            stepping: Stepping::new(seed, config.stepping && !config.scripted),
            paging: Paging::default(),
            clock: Clock::default(),
            pool: RefCell::new(pool),
            irps: Irps::default(),
            devices: Devices::default(),
            remove_locks: RemoveLocks::default(),
            wrappers: Wrappers::default(),
            waits: Waits::default(),
            timers: Timers::default(),
            resources: Resources::default(),
            threads: Threads::default(),
            handles: Handles::default(),
            mdls: Mdls::default(),
            registry: Registry::new(&config.service),
            error_log: ErrorLog::default(),
            kernel_data,
            processor_data,
            driver: RefCell::default(),
            gate,
            outstanding: RefCell::default(),
            invalidated: Invalidated::default(),
            power: Power::new(seed),
            wmi: Wmi::default(),
            devices_to_verify: DevicesToVerify::default(),
            observers: Observers::default(),
            planned: Planned::default(),
            deadlocks: Deadlocks::default(),
            sites: Sites::new(config.fail_sites.clone()),
            failures: Random::new(seed, "failures"),
            failing: Cell::new(false),
            log: RefCell::new(Trace::new(config.log)),
            calls: Cell::new(0),
            steps: Cell::new(0),
            steps_before_progress: Cell::new(0),
            config,
            reporter,
        }));
        let parameters = Registry::parameters_path(&machine.config.service);
        for (name, value) in &machine.config.parameters {
            machine
                .registry
                .set(&parameters, name, REG_DWORD, value.to_le_bytes().to_vec());
        }
        MACHINE.set(Some(machine));
        fault::install(machine);
        machine
    }

    /// Notes that something happened.
    pub(crate) fn trace(&self, irp: u64, what: What) -> Event {
        let event = Event {
            time_ns: self.clock.now_ns(),
            processor: self
                .scheduler
                .running()
                .map_or(0, |context| u8::try_from(context.processor.get()).unwrap_or(u8::MAX)),
            irql: self.irql(),
            irp,
            what,
        };
        self.log.borrow_mut().add(&event);
        event
    }

    /// Notes that an IRP has gone on.
    pub(crate) fn note_progress(&self) {
        self.steps_before_progress.set(self.steps.get());
    }

    /// The driver does something: it calls the kernel, or one of its routines is called.
    pub(crate) fn count_step(&self) {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() - self.steps_before_progress.get() > IDLE_STEPS_MAX {
            self.violation(
                &rules::STUCK,
                &format!(
                    "the driver called the kernel, and was called by it, {IDLE_STEPS_MAX} times while no request went on"
                ),
            );
        }
    }

    /// Begins a part of the run, whose name reports show.
    pub(crate) fn phase(&self, name: &'static str) {
        self.reporter.phase(name);
        self.stepping.begin_part();
        self.trace(0, What::Phase { name });
    }

    /// Lets calls that can fail do so from now on, or not; returns whether they could before.
    pub(crate) fn set_failing(&self, failing: bool) -> bool {
        self.failing.replace(failing)
    }

    /// Whether this call is made to fail.
    pub(crate) fn fails(&self, call: &'static str) -> bool {
        self.failure(call, STATUS_INSUFFICIENT_RESOURCES).is_some()
    }

    /// The status that this call is made to fail with, if it is: `usual`, unless a script wants another.
    pub(crate) fn failure(&self, call: &'static str, usual: NtStatus) -> Option<NtStatus> {
        let planned = self.planned.take(call);
        let random = || self.failing.get() && self.failures.chance(self.config.failures_per_mille);
        let fails = planned.is_some() || self.site_fails(call) || random();
        if fails {
            self.reporter.count(&format!("injected {call}"), 1);
            self.trace(0, What::Injected { call });
        }
        fails.then(|| planned.flatten().unwrap_or(usual))
    }

    /// Runs `work` as the machine's first thread, and then the machine until it is over.
    pub(crate) fn play_to_end(
        &'static self,
        work: impl FnOnce(&'static Self) -> Option<serde_json::Value>,
    ) -> RunReport {
        let collected: Rc<RefCell<Option<serde_json::Value>>> = Rc::default();
        let result = Rc::clone(&collected);
        // SAFETY: the thread is over before this function returns, or the process ends.
        let main = unsafe {
            self.spawn_scoped("system thread", move |machine| {
                *result.borrow_mut() = work(machine);
            })
        };
        self.run_until_finished(main);
        let mut report = self.report();
        report.collected = collected.borrow_mut().take();
        report
    }

    /// What the run has come to so far.
    pub(crate) fn report(&self) -> RunReport {
        let mut report = self.reporter.report();
        let mut log = self.log.borrow_mut();
        report.irps = self.irps.count();
        report.log_hash = format!("{:016x}", log.hash());
        report.log = log.take_text();
        report.sites = self.sites.report();
        let driver = *self.pool.borrow().counters(pool::Owner::Driver);
        let kernel = *self.pool.borrow().counters(pool::Owner::Kernel);
        for (name, value) in [
            ("events", log.events()),
            ("kernel calls", self.calls.get()),
            ("context switches", self.scheduler.switches()),
            ("instructions stepped over", self.stepping.steps()),
            ("preemptions between instructions", self.stepping.preemptions()),
            ("virtual time, us", self.clock.now_ns() / 1000),
            ("driver allocations", driver.allocations),
            ("driver bytes at once, at most", driver.live_bytes_max),
            ("kernel allocations", kernel.allocations),
        ] {
            report.counters.insert(name.to_owned(), value);
        }
        report
    }
}
