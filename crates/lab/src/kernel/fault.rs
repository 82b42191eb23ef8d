//! What the processor traps on while a driver runs: bad addresses, bad instructions, a stack that is used up, a loop
//! that never ends.
//!
//! The handler itself does next to nothing. A fault of the driver's is noted, and the thread goes on in the lab, on the
//! lab's stack, where it is reported like any other offence. What is no fault but an instruction to be done in its place
//! is the business of `emulation`.

use std::{
    arch::asm,
    cell::Cell,
    ffi::{c_int, c_void},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{Machine, emulation, entry, exports, interrupted, paging::Absent, scheduler::DISPATCH_LEVEL};
use crate::{
    image::UnknownCall,
    memory::PAGE_BYTES,
    pool::Classified,
    rules::{self, Rule},
    unwind::Point,
};

/// A fault in the driver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    signal: c_int,
    /// What could not be accessed; all ones where the processor does not tell.
    pub(super) address: usize,
    pub(super) rip: usize,
    rsp: usize,
    rbp: usize,
    /// The driver has changed the mode of the processor or the base of FS.
    has_left: bool,
    /// The bits of a page fault's error code.
    pub(super) error: u64,
}

/// The flag of the processor by which it traps after each instruction.
pub(super) const TRAP_FLAG: i64 = 0x100;
/// The flag of the processor by which string instructions go downwards.
const DIRECTION_FLAG: i64 = 0x400;
/// The flag of the processor by which it faults on addresses that are not aligned.
const ALIGNMENT_CHECK_FLAG: i64 = 0x4_0000;

/// The segment of 64-bit code in user mode: a far jump leads out of it.
const CODE_SELECTOR: i64 = 0x33;
/// Where the code's selector is in the register that has them all.
const SELECTOR_MASK: i64 = 0xFFFF;

pub(super) const ERROR_WRITE: u64 = 0x2;
const ERROR_FETCH: u64 = 0x10;

/// TRAP_TRACE: an instruction has been executed with the trap flag set.
const TRAP_TRACE: c_int = 2;

/// TRAP_BRKPT: a trap of which the processor did not say why it came. ICEBP makes it, and so does a virtual processor that
/// loses the reason of a step, seldom and not by any seed.
const TRAP_BRKPT: c_int = 1;

/// ICEBP, which traps after itself.
const ICEBP: u8 = 0xF1;

/// SI_KERNEL: a fault without an address, as a general protection fault and a breakpoint are.
const SI_KERNEL: c_int = 0x80;

/// What the process exits with where the lab itself fails, or where a driver has overwritten it.
pub(crate) const EXIT_LAB_DAMAGED: c_int = 70;

thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

const ARCH_SET_GS: c_int = 0x1001;
const ARCH_SET_FS: c_int = 0x1002;
const ARCH_GET_FS: c_int = 0x1003;

/// The base of FS: where the thread's own storage is.
static THREAD_BASE: AtomicUsize = AtomicUsize::new(0);

/// No frame of a driver's is larger: a stack pointer further below the stack is not where the stack was used up.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// The size of the stack that handlers run on.
const ALTERNATE_STACK_BYTES: usize = 128 * 1024;

/// Takes over the faults of this process.
pub(super) fn install(machine: &Machine) {
    let stack = Box::leak(vec![0_u8; ALTERNATE_STACK_BYTES].into_boxed_slice());
    let alternate = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: stack.len(),
    };
    // SAFETY: the memory is leaked, so it lives as long as the process, and nobody else uses it.
    let mut failed = unsafe { libc::sigaltstack(&raw const alternate, std::ptr::null_mut()) } != 0;
    for signal in [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGTRAP,
        libc::SIGSYS,
    ] {
        // SAFETY: all zeros is an empty mask, no flags and the default action.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_signal;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        // A driver that loops over instructions that are done in their place is in the handler most of the time; the
        // watchdog waits until it is back in the driver.
        // SAFETY: the set is in a live variable and initialised.
        failed |= unsafe { libc::sigaddset(&raw mut action.sa_mask, libc::SIGPROF) } != 0;
        // SAFETY: the handler has the signature that SA_SIGINFO asks for and runs on the stack that was just set.
        failed |= unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0;
    }
    let mut base = 0_usize;
    // SAFETY: it only writes the base of FS to a live variable.
    failed |= unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_FS, &raw mut base) } != 0;
    THREAD_BASE.store(base, Ordering::Relaxed);
    // GS is what code that was inlined into drivers finds the processor's data with. Nothing of the C library or of Rust
    // uses it on x86-64 Linux.
    // SAFETY: it only sets the base of GS.
    failed |= unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, machine.processor_data.address()) } != 0;
    failed |= emulation::trap_time_stamps().is_err();
    if failed {
        machine.cannot("the system does not let the lab handle faults");
    }
}

/// The handler of every signal that is a fault.
extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let was_lost = regain_thread();
    // Not in the thread's own storage, which a driver may have overwritten: then the handler itself faults.
    if IN_HANDLER.swap(true, Ordering::Relaxed) {
        exit_damaged();
    }
    handle(signal, info, context, was_lost);
    IN_HANDLER.store(false, Ordering::Relaxed);
}

/// Undoes what a driver can have done to the state of the thread that the system does not set anew for a handler. Says
/// whether it had taken the thread's own storage from the lab.
fn regain_thread() -> bool {
    // SAFETY: it only clears the alignment check flag, with which the lab's own code would fault.
    unsafe { asm!("pushfq", "and dword ptr [rsp], {0}", "popfq", const !ALIGNMENT_CHECK_FLAG as i32) };
    let base = THREAD_BASE.load(Ordering::Relaxed);
    let mut found = base;
    // SAFETY: it only writes the base of FS to a live variable.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_FS, &raw mut found) };
    if found == base {
        return false;
    }
    // SAFETY: it sets the base of FS to what it was when the handlers were installed, which is what all code of the lab
    // and of the C library relies on.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_FS, base) };
    true
}

static IN_HANDLER: AtomicBool = AtomicBool::new(false);

fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void, was_lost: bool) {
    // SAFETY: the kernel passes the signal's information.
    let code = unsafe { (*info).si_code };
    // SAFETY: as above.
    let info = unsafe { &*info };
    // SAFETY: every signal that comes here but SIGPROF is a fault and has an address; for that one nobody looks at it.
    let address = unsafe { info.si_addr() }.addr();
    // SAFETY: with SA_SIGINFO the third argument is the interrupted context, which is ours until we return.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    let selector = registers[libc::REG_CSGSFS as usize] & SELECTOR_MASK;
    let get = |register: c_int| registers[register as usize].cast_unsigned() as usize;
    let fault = Fault {
        signal,
        address: if code == SI_KERNEL { usize::MAX } else { address },
        rip: get(libc::REG_RIP),
        rsp: get(libc::REG_RSP),
        rbp: get(libc::REG_RBP),
        has_left: was_lost || selector != CODE_SELECTOR,
        error: get(libc::REG_ERR) as u64,
    };
    if signal == libc::SIGSEGV && fault.error & ERROR_FETCH == 0 && !crate::guest::contains(fault.rip, 1) {
        // SAFETY: the instruction was fetched, and what is not the machine's memory is no code of the driver's.
        let is_done = unsafe { emulation::read_real_time_stamp(&fault, registers) };
        if is_done {
            return;
        }
    }
    let machine = super::machine();
    if signal == libc::SIGSEGV && !fault.has_left && fault.address != usize::MAX && machine.page_in(fault.address) {
        return;
    }
    if signal == libc::SIGTRAP && !fault.has_left && is_step(machine, code, &fault, context) {
        return;
    }
    let registers = &mut context.uc_mcontext.gregs;
    // A stack that is used up faults just below it. Between two contexts, as when a timer is due, there is none.
    let near_stack = machine.scheduler.running().is_some_and(|running| {
        let stack = running.kernel_stack();
        (stack.start.saturating_sub(64 * 1024)..stack.end).contains(&fault.rsp)
    });
    // Code that is no code is nowhere that the lab would go.
    let is_wild = fault.has_left || signal == libc::SIGSEGV && fault.error & ERROR_FETCH != 0;
    let in_driver = machine.in_image(fault.rip) || exports::is_leaf(fault.rip) || near_stack || is_wild;
    if !in_driver {
        // The lab is at work for the driver; where that takes too long, the limits of the run say so.
        if signal == libc::SIGPROF {
            return;
        }
        if !crate::guest::contains(fault.address, 1) {
            exit_damaged();
        }
    } else if !fault.has_left {
        let is_done = signal == libc::SIGSEGV && machine.emulate(&fault, registers);
        if is_done {
            return;
        }
    }
    if FAULT.get().is_some() {
        // It came of reporting the first one.
        exit_damaged();
    }
    // The driver's fault, or an address that it passed to the lab, which found it inaccessible. Either way the thread
    // goes on in the lab; what it was doing is never come back to.
    let lab_stack = if in_driver {
        entry::lab_stack_pointer()
    } else {
        (fault.rsp - 1024) & !15
    };
    FAULT.set(Some(fault));
    let report: extern "C" fn() -> ! = report_fault;
    registers[libc::REG_RIP as usize] = (report as usize).cast_signed() as i64;
    // As after a call: the return address makes the stack pointer odd.
    registers[libc::REG_RSP as usize] = (lab_stack - 8).cast_signed() as i64;
    registers[libc::REG_CSGSFS as usize] &= !SELECTOR_MASK;
    registers[libc::REG_CSGSFS as usize] |= CODE_SELECTOR;
    registers[libc::REG_EFL as usize] &= !(TRAP_FLAG | DIRECTION_FLAG | ALIGNMENT_CHECK_FLAG);
}

/// A trap that the lab itself is the cause of.
fn is_step(machine: &Machine, code: c_int, fault: &Fault, context: &mut libc::ucontext_t) -> bool {
    if code == SI_KERNEL {
        return interrupted::is_stub_end(fault.rip) && machine.end_interruption(context);
    }
    let before = fault.rip.wrapping_sub(1);
    let may_be_step = code == TRAP_TRACE
        || code == TRAP_BRKPT && machine.in_image(before) && crate::guest::read::<u8>(before) != ICEBP;
    if !may_be_step {
        return false;
    }
    // One instruction may have been carried out for both reasons.
    let was_shared_read = machine.end_shared_read(&mut context.uc_mcontext.gregs);
    machine.step(context) || was_shared_read
}

/// Nothing of the lab can be relied on any more.
fn exit_damaged() -> ! {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(EXIT_LAB_DAMAGED) }
}

/// Where the thread goes on after a fault.
extern "C" fn report_fault() -> ! {
    match FAULT.get() {
        Some(fault) => super::machine().report_fault(&fault),
        None => exit_damaged(),
    }
}

/// What the watchdog calls: the driver computes and never calls the kernel.
pub(crate) extern "C" fn on_stuck(info: *mut libc::siginfo_t, context: *mut c_void) {
    on_signal(libc::SIGPROF, info, context);
}

/// What the loader's traps call, on the driver's stack.
pub(super) fn on_unknown_call(call: UnknownCall<'_>) -> ! {
    UNKNOWN.set(Some((call.import.to_owned(), call.point)));
    entry::leave_driver(report_unknown)
}

thread_local! {
    static UNKNOWN: Cell<Option<(String, Point)>> = const { Cell::new(None) };
}

extern "C" fn report_unknown() -> ! {
    let machine = super::machine();
    let Some((import, point)) = UNKNOWN.take() else {
        exit_damaged();
    };
    machine.cannot_at(
        &format!("the driver called {import}, which the lab does not have"),
        point,
    )
}

impl Machine {
    pub(super) fn in_image(&self, address: usize) -> bool {
        let driver = self.driver.try_borrow();
        driver.is_ok_and(|driver| {
            driver
                .as_ref()
                .is_some_and(|driver| driver.image.relative(address).is_some())
        })
    }

    fn report_fault(&self, fault: &Fault) -> ! {
        let point = if exports::is_leaf(fault.rip) && crate::guest::contains(fault.rsp, 8) {
            let caller = crate::guest::read::<usize>(fault.rsp);
            Point::after_call(caller, fault.rsp + 8, fault.rbp)
        } else if self.in_image(fault.rip) || fault.error & ERROR_FETCH != 0 {
            Point::at_instruction(fault.rip, fault.rsp, fault.rbp)
        } else {
            match self.scheduler.running().and_then(|context| context.frame.get()) {
                Some(frame) => super::report::point_of(frame),
                None => Point::at_instruction(fault.rip, fault.rsp, fault.rbp),
            }
        };
        let (rule, message) = self.judge(fault);
        let irp = self.current_irp();
        if !fault.has_left
            && fault.address == usize::MAX
            && fault.signal == libc::SIGSEGV
            && is_privileged(&self.code_at(fault.rip))
        {
            self.cannot_at(
                &format!(
                    "the driver executed a privileged instruction that the lab does not simulate: {}",
                    hexadecimal(&self.code_at(fault.rip))
                ),
                point,
            );
        }
        if fault.signal == libc::SIGILL
            || !fault.has_left && fault.address == usize::MAX && fault.signal == libc::SIGSEGV
        {
            let code = hexadecimal(&self.code_at(fault.rip));
            self.violation_at(
                irp.as_ref(),
                rule.id,
                &format!("{message}; the code there: {code}"),
                Some(point),
            );
        }
        self.violation_at(irp.as_ref(), rule.id, &message, Some(point))
    }

    /// What is to be executed at `address`, as far as it can be read.
    fn code_at(&self, address: usize) -> Vec<u8> {
        (0..8)
            .map(|offset| address.wrapping_add(offset))
            .take_while(|&at| crate::guest::contains(at, 1) && self.in_image(at))
            .map(crate::guest::read::<u8>)
            .collect()
    }

    /// Which rule a fault breaks, and how to say it.
    fn judge(&self, fault: &Fault) -> (&'static Rule, String) {
        if fault.has_left {
            let message = "the driver changed the base of FS or left 64-bit code, which no driver may";
            return (&rules::DRIVER_FAULT, message.to_owned());
        }
        match fault.signal {
            libc::SIGPROF => {
                return (
                    &rules::STUCK,
                    "the driver computes without end and never calls the kernel".to_owned(),
                );
            }
            libc::SIGTRAP => return (&rules::DRIVER_FAULT, "the driver executed a breakpoint".to_owned()),
            libc::SIGILL => {
                return (
                    &rules::DRIVER_FAULT,
                    "the driver executed no valid instruction".to_owned(),
                );
            }
            libc::SIGSYS => {
                return (
                    &rules::DRIVER_FAULT,
                    "the driver executed a system call, which only user mode can".to_owned(),
                );
            }
            libc::SIGFPE => return (&rules::DRIVER_FAULT, "the driver divided by zero".to_owned()),
            _ if fault.address == usize::MAX => {
                return (
                    &rules::DRIVER_FAULT,
                    "the driver used an address that no x86-64 processor has".to_owned(),
                );
            }
            _ => {}
        }
        let address = fault.address;
        let stack = self.scheduler.running().map(super::scheduler::Context::kernel_stack);
        // A frame that is larger than the page below the stack reaches over it.
        if let Some(stack) = stack
            && let Some(lowest) = stack.start.checked_sub(FRAME_BYTES_MAX)
            && (fault.rsp.clamp(lowest, stack.start - PAGE_BYTES)..stack.start).contains(&address)
        {
            return (
                &rules::KERNEL_STACK_OVERRUN,
                format!("the kernel stack of {} bytes was used up", crate::stack::STACK_BYTES),
            );
        }
        let how = if fault.error & ERROR_FETCH != 0 {
            "executed code at"
        } else if fault.error & ERROR_WRITE != 0 {
            "wrote to"
        } else {
            "read from"
        };
        if let Some(absent) = self.paging.absent(address) {
            return self.judge_absent(fault, how, &absent);
        }
        if let Ok(pool) = self.pool.try_borrow() {
            let found = match pool.classify(address) {
                Classified::Freed { block, offset } => Some((
                    &rules::FREED_POOL_ACCESSED,
                    format!("{how} freed pool: {block}, offset {offset}"),
                )),
                Classified::BeyondEnd { block, by } => Some((
                    &rules::POOL_OVERRUN,
                    format!("{how} pool {by} bytes behind the end of {block}"),
                )),
                Classified::BeforeStart { block, by } => Some((
                    &rules::POOL_OVERRUN,
                    format!("{how} pool {by} bytes before the start of {block}"),
                )),
                _ => None,
            };
            if let Some((rule, message)) = found {
                return (rule, format!("the driver {message}"));
            }
        }
        let import = self.driver.try_borrow().ok().and_then(|driver| {
            let import = driver.as_ref()?.image.inaccessible_import_at(address)?;
            Some(format!(
                ", the kernel's variable {}, which the lab does not have",
                import.name
            ))
        });
        let what = match import {
            Some(import) => import,
            None if self.in_image(address) => ", which is its own image, whose protection forbids it".to_owned(),
            None if self.gate.range().contains(&address) => ", which is the kernel's code".to_owned(),
            None => ", where there is nothing of its".to_owned(),
        };
        let rule = if self.irql() >= DISPATCH_LEVEL {
            &rules::DRIVER_FAULT_AT_DISPATCH
        } else {
            &rules::DRIVER_FAULT
        };
        (rule, format!("the driver {how} {address:#x}{what}"))
    }
}

impl Machine {
    /// The same for memory that is paged out or gone.
    fn judge_absent(&self, fault: &Fault, how: &str, absent: &Absent) -> (&'static Rule, String) {
        let what = match absent {
            Absent::Pool => "paged pool".to_owned(),
            Absent::Section(name) => format!("its pageable section {name}"),
            Absent::Discarded(name) => format!("its section {name}, which was discarded when DriverEntry returned"),
        };
        let by_driver = self.in_image(fault.rip) || exports::is_leaf(fault.rip) || fault.error & ERROR_FETCH != 0;
        let irql = self.irql();
        let (rule, who) = if irql < DISPATCH_LEVEL {
            (&rules::DISCARDED_MEMORY, "the driver")
        } else if by_driver {
            (&rules::DRIVER_FAULT_AT_DISPATCH, "the driver")
        } else {
            (&rules::KERNEL_FAULT_AT_DISPATCH, "the kernel, which the driver called,")
        };
        (
            rule,
            format!("{who} {how} {:#x}, in {what}, at IRQL {irql}", fault.address),
        )
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

/// Whether the code begins with an instruction that only the kernel may execute.
fn is_privileged(code: &[u8]) -> bool {
    // Operand size, repeat and REX prefixes come first, and change nothing about that.
    let is_prefix = |byte: &u8| matches!(byte, 0x66 | 0xF2 | 0xF3 | 0x40..=0x4F);
    let start = code.iter().position(|byte| !is_prefix(byte)).unwrap_or(code.len());
    match code[start..] {
        // IN, OUT, INS, OUTS, HLT, CLI, STI.
        [0x6C..=0x6F | 0xE4..=0xE7 | 0xEC..=0xEF | 0xF4 | 0xFA | 0xFB, ..] => true,
        // LGDT and its like, CLTS, INVD, WBINVD, MOV to and from control and debug registers, WRMSR, RDMSR, RDPMC.
        [
            0x0F,
            0x00 | 0x01 | 0x06 | 0x08 | 0x09 | 0x20..=0x23 | 0x30 | 0x32 | 0x33,
            ..,
        ] => true,
        _ => false,
    }
}
