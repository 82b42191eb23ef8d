//! What the processor traps on while a driver runs: bad addresses, bad instructions, a stack that is used up, a loop
//! that never ends.
//!
//! The handler itself does next to nothing. A fault of the driver's is noted, and the thread goes on in the lab, on the
//! lab's stack, where it is reported like any other offence. Some instructions that code of kernel drivers has inlined
//! cannot run in user mode; reading and writing CR8, the IRQL, is done in their place.

use std::{
    arch::asm,
    cell::Cell,
    ffi::{c_int, c_void},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{Machine, entry, exports, scheduler::DISPATCH_LEVEL};
use crate::{
    image::UnknownCall,
    pool::Classified,
    rules::{self, Rule},
    unwind::Point,
};

/// A fault in the driver.
#[derive(Debug, Clone, Copy)]
struct Fault {
    signal: c_int,
    address: usize,
    rip: usize,
    rsp: usize,
    rbp: usize,
    /// The bits of a page fault's error code.
    error: u64,
}

/// Where every process of Windows and its kernel have KUSER_SHARED_DATA.
const SHARED_DATA: usize = 0xFFFF_F780_0000_0000;
const SHARED_DATA_BYTES: usize = 4096;

/// The flag of the processor by which it traps after each instruction.
const TRAP_FLAG: i64 = 0x100;
/// The flag of the processor by which string instructions go downwards.
const DIRECTION_FLAG: i64 = 0x400;
/// The flag of the processor by which it faults on addresses that are not aligned.
const ALIGNMENT_CHECK_FLAG: i64 = 0x4_0000;

thread_local! {
    /// An instruction is being carried out with registers that point to what stands for KUSER_SHARED_DATA.
    static SHARED_READ: Cell<bool> = const { Cell::new(false) };
}

const ERROR_WRITE: u64 = 0x2;
const ERROR_FETCH: u64 = 0x10;

/// SI_KERNEL: a fault without an address, as a general protection fault is.
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
    if failed {
        machine.cannot("the system does not let the lab handle faults");
    }
}

/// The handler of every signal that is a fault.
extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    regain_thread();
    // Not in the thread's own storage, which a driver may have overwritten: then the handler itself faults.
    if IN_HANDLER.swap(true, Ordering::Relaxed) {
        exit_damaged();
    }
    handle(signal, info, context);
    IN_HANDLER.store(false, Ordering::Relaxed);
}

/// Undoes what a driver can have done to the state of the thread that the system does not set anew for a handler.
fn regain_thread() {
    // SAFETY: it only clears the alignment check flag, with which the lab's own code would fault.
    unsafe { asm!("pushfq", "and dword ptr [rsp], {0}", "popfq", const !ALIGNMENT_CHECK_FLAG as i32) };
    let base = THREAD_BASE.load(Ordering::Relaxed);
    // SAFETY: it sets the base of FS to what it was when the handlers were installed, which is what all code of the lab
    // and of the C library relies on.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_FS, base) };
}

static IN_HANDLER: AtomicBool = AtomicBool::new(false);

fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the signal's information.
    let code = unsafe { (*info).si_code };
    // SAFETY: as above.
    let info = unsafe { &*info };
    // SAFETY: every signal that comes here but SIGPROF is a fault and has an address; for that one nobody looks at it.
    let address = unsafe { info.si_addr() }.addr();
    // SAFETY: with SA_SIGINFO the third argument is the interrupted context, which is ours until we return.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    let get = |register: c_int| registers[register as usize].cast_unsigned() as usize;
    let fault = Fault {
        signal,
        address: if code == SI_KERNEL { usize::MAX } else { address },
        rip: get(libc::REG_RIP),
        rsp: get(libc::REG_RSP),
        rbp: get(libc::REG_RBP),
        error: get(libc::REG_ERR) as u64,
    };
    let machine = super::machine();
    let Some(running) = machine.scheduler.running() else {
        // The lab computes between two contexts; where that never ends, the run's time does.
        if signal == libc::SIGPROF {
            return;
        }
        exit_damaged();
    };
    let stack = running.kernel_stack();
    // A stack that is used up faults just below it.
    let near_stack = (stack.start.saturating_sub(64 * 1024)..stack.end).contains(&fault.rsp);
    let in_driver = machine.in_image(fault.rip) || exports::is_leaf(fault.rip) || near_stack;
    if in_driver {
        let emulated = match signal {
            libc::SIGSEGV => machine.emulate(&fault, registers) || machine.begin_shared_read(&fault, registers),
            libc::SIGTRAP => machine.end_shared_read(registers),
            _ => false,
        };
        if emulated {
            return;
        }
    } else if signal == libc::SIGPROF {
        // The lab is at work for the driver, which it will be told of by its own limits if it asked for too much.
        return;
    } else if !crate::guest::contains(fault.address, 1) || FAULT.get().is_some() {
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
    registers[libc::REG_EFL as usize] &= !(TRAP_FLAG | DIRECTION_FLAG | ALIGNMENT_CHECK_FLAG);
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
    fn in_image(&self, address: usize) -> bool {
        let driver = self.driver.try_borrow();
        driver.is_ok_and(|driver| {
            driver
                .as_ref()
                .is_some_and(|driver| driver.image.relative(address).is_some())
        })
    }

    /// Does what an instruction would do that user mode may not execute. False where it is none of those.
    fn emulate(&self, fault: &Fault, registers: &mut [i64]) -> bool {
        if fault.address != usize::MAX || !crate::guest::contains(fault.rip, 4) {
            return false;
        }
        // 44 0F 20 /r is MOV r64, CR8 and 44 0F 22 /r is MOV CR8, r64; bit 0 of the prefix extends the register.
        let code = [0, 1, 2, 3].map(|offset| crate::guest::read::<u8>(fault.rip + offset));
        if code[0] & 0xFE != 0x44 || code[1] != 0x0F || code[3] & 0xF8 != 0xC0 {
            return false;
        }
        let number = code[3] & 7 | (code[0] & 1) << 3;
        let register = GENERAL_REGISTERS[usize::from(number)] as usize;
        let Some(context) = self.scheduler.running() else {
            return false;
        };
        match code[2] {
            0x20 => registers[register] = i64::from(context.irql.get()),
            // What KfRaiseIrql and KeLowerIrql would check is left to the routine's return.
            0x22 => context.irql.set(registers[register] as u8 & 15),
            _ => return false,
        }
        registers[libc::REG_RIP as usize] += 4;
        true
    }

    /// Lets an instruction read KUSER_SHARED_DATA, which has an address that no process of Linux can have memory at: its
    /// registers are made to point to what stands for it, and it is carried out by itself. False where it is none such.
    fn begin_shared_read(&self, fault: &Fault, registers: &mut [i64]) -> bool {
        let real = SHARED_DATA..SHARED_DATA + SHARED_DATA_BYTES;
        if !real.contains(&fault.address) || fault.error & ERROR_WRITE != 0 || !crate::guest::contains(fault.rip, 12) {
            return false;
        }
        let page = self.kernel_data.refreshed_shared_data(&self.clock);
        if read_absolute(fault, page, registers) {
            return true;
        }
        let moved = move_registers(registers, &real, page);
        SHARED_READ.set(moved);
        registers[libc::REG_EFL as usize] |= TRAP_FLAG;
        moved
    }

    /// The instruction has been carried out: its registers point to where the driver believes that the memory is.
    fn end_shared_read(&self, registers: &mut [i64]) -> bool {
        if !SHARED_READ.replace(false) {
            return false;
        }
        let page = self.kernel_data.shared_data();
        move_registers(registers, &(page..page + SHARED_DATA_BYTES), SHARED_DATA);
        registers[libc::REG_EFL as usize] &= !TRAP_FLAG;
        true
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
        let irp = self.scheduler.running().and_then(|context| {
            let activations = context.activations.try_borrow().ok()?;
            activations
                .iter()
                .rev()
                .find_map(|activation| activation.routine.irp().cloned())
        });
        if fault.address == usize::MAX && fault.signal == libc::SIGSEGV && is_privileged(&self.code_at(fault.rip)) {
            self.cannot_at(
                &format!(
                    "the driver executed a privileged instruction that the lab does not simulate: {}",
                    hexadecimal(&self.code_at(fault.rip))
                ),
                point,
            );
        }
        if fault.signal == libc::SIGILL || fault.address == usize::MAX && fault.signal == libc::SIGSEGV {
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
        if let Some(stack) = stack
            && (stack.start.saturating_sub(4096)..stack.start).contains(&address)
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

/// Carries out a MOV of the accumulator from an absolute address, the one instruction that has such an address without a
/// register. False where it is another.
fn read_absolute(fault: &Fault, page: usize, registers: &mut [i64]) -> bool {
    let byte = |offset: usize| crate::guest::read::<u8>(fault.rip + offset);
    let is_short = byte(0) == 0x66;
    let prefix = usize::from(is_short);
    let has_rex = byte(prefix) & 0xF0 == 0x40;
    let is_long = has_rex && byte(prefix) & 8 != 0;
    let opcode = prefix + usize::from(has_rex);
    let source = page + (fault.address - SHARED_DATA);
    let accumulator = &mut registers[libc::REG_RAX as usize];
    let upper = |bits: u32| *accumulator & (-1_i64 << bits);
    *accumulator = match byte(opcode) {
        0xA0 => upper(8) | i64::from(crate::guest::read::<u8>(source)),
        0xA1 if is_long => crate::guest::read::<i64>(source),
        0xA1 if is_short => upper(16) | i64::from(crate::guest::read::<u16>(source)),
        0xA1 => i64::from(crate::guest::read::<u32>(source)),
        _ => return false,
    };
    registers[libc::REG_RIP as usize] += (opcode + 1 + size_of::<usize>()).cast_signed() as i64;
    true
}

/// Makes the registers that point into `from` point as far into what begins at `to`. False where none does.
fn move_registers(registers: &mut [i64], from: &std::ops::Range<usize>, to: usize) -> bool {
    let mut moved = false;
    for register in GENERAL_REGISTERS {
        let value = registers[register as usize].cast_unsigned() as usize;
        if from.contains(&value) {
            registers[register as usize] = (to + (value - from.start)).cast_signed() as i64;
            moved = true;
        }
    }
    moved
}

/// The general registers in the order of their numbers.
const GENERAL_REGISTERS: [c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];
