//! The border between the lab and the driver: how each calls the other.
//!
//! The driver's code runs on a kernel stack of 24 KB and the lab's on a stack of its own, as user and kernel mode do on
//! a real machine: nothing of the lab is ever on a stack that the driver could overrun, and a driver that uses too much
//! of its own is told from a lab that does. [`enter_driver`] goes over to the driver's stack; a call of the driver into
//! the kernel comes back through [`kernel_entry`] to the place on the lab's stack where `enter_driver` left it. Both
//! may nest: the I/O manager calls a driver that calls the I/O manager.

use std::{
    arch::naked_asm,
    ffi::c_void,
    io,
    ops::Range,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::memory::{Mapping, Protection, Staging};

/// Where each side left its stack when it last called the other.
///
/// These are those of the context that runs; the scheduler puts them away with a context that it suspends.
#[repr(C)]
struct Stacks {
    lab: AtomicUsize,
    driver: AtomicUsize,
}

static STACKS: Stacks = Stacks {
    lab: AtomicUsize::new(0),
    driver: AtomicUsize::new(0),
};

/// The two stack pointers of a context that is suspended.
#[derive(Clone, Copy, Default)]
pub(crate) struct Saved {
    lab: usize,
    driver: usize,
}

impl Saved {
    /// Those of a context that has not called the driver yet, whose kernel stack ends at `top`.
    pub(crate) fn fresh(top: usize) -> Self {
        Self { lab: 0, driver: top }
    }

    /// Takes those of the running context.
    pub(crate) fn take() -> Self {
        Self {
            lab: STACKS.lab.load(Relaxed),
            driver: STACKS.driver.load(Relaxed),
        }
    }

    /// Makes them those of the running context.
    pub(crate) fn restore(self) {
        STACKS.lab.store(self.lab, Relaxed);
        STACKS.driver.store(self.driver, Relaxed);
    }
}

/// Where on the lab's stack a fault in the driver is to be handled: below everything that is in use.
pub(crate) fn lab_stack_pointer() -> usize {
    STACKS.lab.load(Relaxed)
}

/// How many arguments most routines of a driver have at most; these are passed in registers.
pub(crate) const ROUTINE_ARGUMENTS: usize = 4;

/// How many arguments any routine of a driver has: the rest are passed on the stack.
pub(crate) const ARGUMENTS_MAX: usize = 6;

/// The stack space of the arguments, in which a called function may keep those that came in registers.
const HOME_BYTES: usize = 8 * ARGUMENTS_MAX;

/// The flags that the lab's code runs with: of those that user mode can change, none. The conventions ask only for the
/// direction flag, but a driver that leaves the trap or the alignment check flag set must not stop the lab.
const FLAGS: i32 = 0x2;

/// The control of floating point that the lab's code runs with: that of a new process, with every exception masked.
pub(super) static MXCSR: u32 = 0x1F80;

/// The flags that the driver's code is entered with where it is to trap after its first instruction.
const TRAPPING_FLAGS: i32 = 0x102;

/// Whether it is, when it is entered or returned to next: zero or one.
static TRAPPING: AtomicUsize = AtomicUsize::new(0);

/// Has the processor trap, or not, after each of the driver's instructions when the driver is entered or returned to
/// next. It goes on doing so until the handler of that trap ends it.
pub(super) fn set_trapping(traps: bool) {
    TRAPPING.store(usize::from(traps), Relaxed);
}

/// Calls a routine of the driver on the kernel stack of the running context.
///
/// # Safety
///
/// `routine` is what the driver gave for a routine that takes up to six pointers or integers, and no lab code higher
/// on the lab's stack holds a Rust reference into the simulated machine.
pub(crate) unsafe fn call_driver(routine: usize, arguments: &[usize; ARGUMENTS_MAX]) -> usize {
    let top = STACKS.driver.load(Relaxed) & !15;
    // SAFETY: below `top` the context's kernel stack is free: it is either its end or where the driver's last frame
    // called the lab. The caller vouches for the routine.
    unsafe { enter_driver(routine, arguments, top) }
}

/// Goes over to the driver.
///
/// The non-volatile general registers are saved here although the routine has to: a driver that does not must not
/// take the lab with it. By the System V convention there are no others, and the floating point's control word and the
/// flags are set anew.
///
/// # Safety
///
/// As [`call_driver`]; besides, `top` is 16-byte aligned and the memory below it is a free stack.
#[unsafe(naked)]
unsafe extern "sysv64" fn enter_driver(routine: usize, arguments: &[usize; ARGUMENTS_MAX], top: usize) -> usize {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "push qword ptr [rip + {stacks}]",
        "push qword ptr [rip + {stacks} + 8]",
        // 8 (return address) + 8 pushes and the gap: RSP is a multiple of 16 here.
        "mov [rip + {stacks}], rsp",
        "mov rax, rdi",
        "mov r10, rsi",
        "lea rsp, [rdx - {home}]",
        "mov r11, [r10 + 32]",
        "mov [rsp + 32], r11",
        "mov r11, [r10 + 40]",
        "mov [rsp + 40], r11",
        "mov rcx, [r10]",
        "mov rdx, [r10 + 8]",
        "mov r8, [r10 + 16]",
        "mov r9, [r10 + 24]",
        "xor ebp, ebp",
        "cmp qword ptr [rip + {trapping}], 0",
        "je 2f",
        "push {trapping_flags}",
        "popfq",
        // The first trap is behind this call, before the routine's first instruction.
        "2:",
        "call rax",
        "mov rsp, [rip + {stacks}]",
        "push {flags}",
        "popfq",
        "ldmxcsr [rip + {mxcsr}]",
        "pop qword ptr [rip + {stacks} + 8]",
        "pop qword ptr [rip + {stacks}]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        stacks = sym STACKS,
        flags = const FLAGS,
        trapping = sym TRAPPING,
        trapping_flags = const TRAPPING_FLAGS,
        mxcsr = sym MXCSR,
        home = const HOME_BYTES,
    )
}

/// Goes over from the driver's stack to the lab's for good, and on in `report`.
pub(crate) fn leave_driver(report: extern "C" fn() -> !) -> ! {
    // SAFETY: the driver runs, so `enter_driver` left the lab's stack where it is free; nobody comes back to either.
    unsafe { jump(report, lab_stack_pointer()) }
}

/// Calls `report` with RSP at `top`.
///
/// # Safety
///
/// `top` is 16-byte aligned, and the memory below it is a free stack.
#[unsafe(naked)]
unsafe extern "win64" fn jump(report: extern "C" fn() -> !, top: usize) -> ! {
    naked_asm!("mov rsp, rdx", "xor ebp, ebp", "call rcx", "ud2")
}

/// What every call of the driver into the kernel arrives at, with the number of the function in EAX.
///
/// The register arguments are stored in their home space, so that all arguments stand in one row on the driver's
/// stack, which serves variadic functions as well.
///
/// # Safety
///
/// Only the thunks of a [`Gate`] jump here, when the driver has called one by the Microsoft x64 convention.
#[unsafe(naked)]
unsafe extern "win64" fn kernel_entry() {
    naked_asm!(
        "mov [rsp + 8], rcx",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], r8",
        "mov [rsp + 32], r9",
        "push rbp",
        "mov rbp, rsp",
        "mov ecx, eax",
        "mov rdx, rbp",
        "mov rsp, [rip + {stacks}]",
        "sub rsp, {home} + 16",
        "push {flags}",
        "popfq",
        "stmxcsr [rsp + {home}]",
        "ldmxcsr [rip + {mxcsr}]",
        "call {arrived}",
        "ldmxcsr [rsp + {home}]",
        "mov rsp, rbp",
        "pop rbp",
        "cmp qword ptr [rip + {trapping}], 0",
        "jne 2f",
        "ret",
        "2:",
        "push {trapping_flags}",
        "popfq",
        // The first trap is behind this return.
        "ret",
        stacks = sym STACKS,
        flags = const FLAGS,
        trapping = sym TRAPPING,
        trapping_flags = const TRAPPING_FLAGS,
        mxcsr = sym MXCSR,
        home = const HOME_BYTES,
        arrived = sym arrived,
    )
}

/// The driver's frame of a call into the kernel, from the lowest address on: RBP, return address, arguments.
#[derive(Clone, Copy)]
pub(crate) struct Frame(usize);

impl Frame {
    /// RBP as the driver had it.
    pub(crate) fn base_pointer(self) -> usize {
        crate::guest::read(self.0)
    }

    /// Where the call returns to.
    pub(crate) fn return_address(self) -> usize {
        crate::guest::read(self.0 + 8)
    }

    /// RSP as the driver has it when the call has returned.
    pub(crate) fn stack_pointer(self) -> usize {
        self.0 + 16
    }

    /// The argument with this number, from 0 on. The upper half of one that is narrower is not defined.
    pub(crate) fn argument(self, index: usize) -> usize {
        crate::guest::read(self.0 + 16 + 8 * index)
    }

    /// The address of the frame itself.
    pub(crate) fn address(self) -> usize {
        self.0
    }
}

/// The lab's side of a call into the kernel.
extern "win64" fn arrived(function: u32, frame: usize) -> usize {
    // What the lab calls from here on starts below this frame.
    STACKS.driver.store(frame, Relaxed);
    crate::kernel::serve(function, Frame(frame))
}

/// Where the code is, so that addresses in reports are the same in each run.
const GATE_ADDRESS: usize = 0x7_3000_0000;

/// The size of the code that stands for one kernel function.
const THUNK_BYTES: usize = 32;

/// The addresses that a driver's imports are bound to: a piece of code for each function, which tells
/// [`kernel_entry`] the function's number.
pub(crate) struct Gate {
    code: Mapping,
}

impl Gate {
    /// Makes the code for `functions` functions.
    pub(crate) fn new(functions: usize) -> io::Result<Self> {
        let mut staging = Staging::preferably_at(GATE_ADDRESS, functions * THUNK_BYTES)?;
        let entry: unsafe extern "win64" fn() = kernel_entry;
        let entry = (entry as *const c_void).expose_provenance();
        for (number, code) in staging.bytes_mut().chunks_exact_mut(THUNK_BYTES).enumerate() {
            code.fill(0xCC);
            code[0] = 0xB8; // mov eax, number
            code[1..5].copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
            code[5..7].copy_from_slice(&[0x49, 0xBB]); // mov r11, kernel_entry
            code[7..15].copy_from_slice(&entry.to_le_bytes());
            code[15..18].copy_from_slice(&[0x41, 0xFF, 0xE3]); // jmp r11
        }
        let bytes = functions * THUNK_BYTES;
        let code = staging.seal([(0..bytes, Protection::READ_EXECUTE)])?;
        Ok(Self { code })
    }

    /// The address of the function with this number.
    pub(crate) fn address(&self, function: usize) -> NonNull<c_void> {
        let offset = function * THUNK_BYTES;
        assert!(offset < self.code.len(), "the gate was made for fewer functions");
        // SAFETY: within the mapping, as just asserted.
        unsafe { self.code.base().add(offset) }.cast()
    }

    /// The addresses that it covers.
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.code.base().addr().get();
        start..start + self.code.len()
    }
}
