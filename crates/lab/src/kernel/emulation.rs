//! Instructions that drivers have inlined and that cannot run in user mode: they are done in their place.
//!
//! These are reading and writing CR8, which is the IRQL, reading KUSER_SHARED_DATA, which has an address of the kernel's,
//! and reading the time stamp counter, which could run but would not be the same in each run. Everything here runs in
//! the handler of a signal, while the driver's code is interrupted.

use std::{arch::x86_64::_rdtsc, cell::Cell, ffi::c_int, io};

use super::{
    Machine,
    fault::{ERROR_WRITE, Fault, TRAP_FLAG},
};

/// Where every process of Windows and its kernel have KUSER_SHARED_DATA.
const SHARED_DATA: usize = 0xFFFF_F780_0000_0000;
const SHARED_DATA_BYTES: usize = 4096;

/// The frequency of the simulated processors' time stamp counters, in GHz.
const TIME_STAMPS_PER_NS: u64 = 3;
/// How long it takes to read one.
const TIME_STAMP_READ_NS: u64 = 10;

/// No process has memory from here on.
const USER_SPACE_END: usize = 1 << 47;

thread_local! {
    /// An instruction is being carried out with registers that point to what stands for KUSER_SHARED_DATA.
    static SHARED_READ: Cell<bool> = const { Cell::new(false) };
}

/// Has reading the time stamp counter be a fault from now on.
pub(super) fn trap_time_stamps() -> io::Result<()> {
    set_time_stamp_mode(libc::PR_TSC_SIGSEGV)
}

fn set_time_stamp_mode(mode: c_int) -> io::Result<()> {
    // SAFETY: it takes a number, and only changes whether RDTSC is a fault.
    match unsafe { libc::prctl(libc::PR_SET_TSC, mode) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reads the real time stamp counter where code of the lab's process would, as the C library does to tell the time.
/// False where it would do something else.
///
/// # Safety
///
/// `fault` is of code that was being executed, and not of the driver's.
pub(super) unsafe fn read_real_time_stamp(fault: &Fault, registers: &mut [i64]) -> bool {
    let code = std::ptr::with_exposed_provenance::<[u8; 2]>(fault.rip);
    // Some processors have gone on to an address that none has before they find that out.
    if fault.address != usize::MAX || fault.rip > USER_SPACE_END {
        return false;
    }
    // SAFETY: code that could be executed can be read, and what stands last in a page and faults like this, which is the
    // HLT of a process that wants to end, ends it either way.
    if unsafe { code.read_unaligned() } != [0x0F, 0x31] {
        return false;
    }
    if set_time_stamp_mode(libc::PR_TSC_ENABLE).is_err() {
        return false;
    }
    // SAFETY: every x86-64 processor has it.
    set_time_stamp(registers, unsafe { _rdtsc() });
    registers[libc::REG_RIP as usize] += 2;
    trap_time_stamps().is_ok()
}

fn set_time_stamp(registers: &mut [i64], value: u64) {
    registers[libc::REG_RAX as usize] = i64::from(value as u32);
    registers[libc::REG_RDX as usize] = i64::from((value >> 32) as u32);
}

impl Machine {
    /// Does what the instruction at a fault is for where it is one of those, and goes on behind it. False where it is not.
    pub(super) fn emulate(&self, fault: &Fault, registers: &mut [i64]) -> bool {
        self.emulate_general(fault, registers) || self.begin_shared_read(fault, registers)
    }

    /// Instructions that are a general protection fault in user mode.
    fn emulate_general(&self, fault: &Fault, registers: &mut [i64]) -> bool {
        if fault.address != usize::MAX || !crate::guest::contains(fault.rip, 4) {
            return false;
        }
        let Some(context) = self.scheduler.running() else {
            return false;
        };
        let code = [0, 1, 2, 3].map(|offset| crate::guest::read::<u8>(fault.rip + offset));
        let bytes = match code {
            [0x0F, 0x31, ..] => {
                set_time_stamp(registers, self.time_stamp());
                2
            }
            [0x0F, 0x01, 0xF9, _] => {
                set_time_stamp(registers, self.time_stamp());
                registers[libc::REG_RCX as usize] = context.processor.get().cast_signed() as i64;
                3
            }
            // 44 0F 20 /r is MOV r64, CR8 and 44 0F 22 /r is MOV CR8, r64; bit 0 of the prefix extends the register.
            [
                prefix @ (0x44 | 0x45),
                0x0F,
                operation @ (0x20 | 0x22),
                operands @ 0xC0..=0xC7,
            ] => {
                let number = operands & 7 | (prefix & 1) << 3;
                let register = &mut registers[GENERAL_REGISTERS[usize::from(number)] as usize];
                if operation == 0x20 {
                    *register = i64::from(context.irql.get());
                } else {
                    // What KfRaiseIrql and KeLowerIrql would check is left to the routine's return.
                    context.irql.set(*register as u8 & 15);
                    self.page_out_at(context.irql.get());
                }
                4
            }
            _ => return false,
        };
        registers[libc::REG_RIP as usize] += bytes;
        true
    }

    /// The processor's time stamp counter, which goes on a little by being read: a driver may wait for it.
    fn time_stamp(&self) -> u64 {
        self.clock.advance(TIME_STAMP_READ_NS);
        self.clock.now_ns().wrapping_mul(TIME_STAMPS_PER_NS)
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
    pub(super) fn end_shared_read(&self, registers: &mut [i64]) -> bool {
        if !SHARED_READ.replace(false) {
            return false;
        }
        let page = self.kernel_data.shared_data();
        move_registers(registers, &(page..page + SHARED_DATA_BYTES), SHARED_DATA);
        registers[libc::REG_EFL as usize] &= !TRAP_FLAG;
        true
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
