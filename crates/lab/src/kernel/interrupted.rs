//! A driver interrupted between two of its instructions: everything that the processor had is put away, other contexts
//! run, and all of it is put back.
//!
//! The processor traps into a signal handler, whose caller, the system, has stored the general registers, the flags and
//! the vector state. They are copied from there, and the handler returns into a stub on the lab's stack instead of to
//! the driver. There the lab is as in a call of the kernel, and the scheduler may set the context aside. When the stub
//! is done it traps once more, and the handler copies everything back. Nothing is written to the driver's stack: what is
//! interrupted near its end does not use it up.

use std::{arch::naked_asm, ffi::c_void, ptr, slice};

use super::{
    Machine, entry, exports,
    fault::TRAP_FLAG,
    scheduler::Context,
    stepping::{Kind, Step, Window},
    trace::What,
};
use crate::unwind::Point;

/// What the system writes into the reserved bytes of the legacy area where more than that follows.
const EXTENDED_MAGIC: u32 = 0x4650_5853;
/// Where the reserved bytes have that, and where the size of all.
const EXTENDED_MAGIC_AT: usize = 464;
const EXTENDED_BYTES_AT: usize = 468;
/// The size of the area that FXSAVE writes.
const LEGACY_BYTES: usize = 512;

/// The flags that the stub runs with, as all of the lab's code.
const FLAGS: i64 = 0x2;

/// How many frames of a preempted context are shown.
pub(super) const FRAMES_SHOWN: usize = 3;

/// The registers, flags and vector state of an interrupted context.
struct State {
    general: [i64; 23],
    vectors: Vec<u8>,
}

impl State {
    /// A copy of what a signal handler was handed.
    fn take(context: &libc::ucontext_t) -> Self {
        let mut vectors = Vec::new();
        if let Some((area, bytes)) = vector_area(context) {
            // SAFETY: the area has this many bytes, and is the handler's until it returns.
            vectors.extend_from_slice(unsafe { slice::from_raw_parts(area, bytes) });
        }
        Self {
            general: context.uc_mcontext.gregs,
            vectors,
        }
    }

    /// Has the signal handler return to what was taken. False where the system keeps another vector state than it did.
    fn put(&self, context: &mut libc::ucontext_t) -> bool {
        let (area, bytes) = vector_area(context).unwrap_or((ptr::null_mut(), 0));
        if bytes != self.vectors.len() {
            return false;
        }
        // SAFETY: the area has this many bytes, which is none where there is no area, and is the handler's until it
        // returns; what was taken is elsewhere.
        unsafe { area.copy_from_nonoverlapping(self.vectors.as_ptr(), bytes) };
        context.uc_mcontext.gregs = self.general;
        true
    }

    fn get(&self, register: i32) -> usize {
        self.general[register as usize].cast_unsigned() as usize
    }
}

/// Where the system stored the vector state for a signal handler, to take it up again when that returns, and how many
/// bytes it has.
fn vector_area(context: &libc::ucontext_t) -> Option<(*mut u8, usize)> {
    let area = context.uc_mcontext.fpregs.cast::<u8>();
    if area.is_null() {
        return None;
    }
    let word = |offset: usize| {
        // SAFETY: the area that the system stores has at least as many bytes as FXSAVE writes.
        let at = unsafe { area.add(offset) };
        // SAFETY: as above; it is the handler's until it returns.
        unsafe { at.cast::<u32>().read_unaligned() }
    };
    let bytes = if word(EXTENDED_MAGIC_AT) == EXTENDED_MAGIC {
        word(EXTENDED_BYTES_AT) as usize
    } else {
        LEGACY_BYTES
    };
    Some((area, bytes))
}

/// A context that was interrupted, until it goes on.
pub(crate) struct Interrupted {
    state: State,
    window: Option<Window>,
}

impl Interrupted {
    /// Where in the driver it is.
    pub(super) fn point(&self) -> Point {
        Point::at_instruction(
            self.state.get(libc::REG_RIP),
            self.state.get(libc::REG_RSP),
            self.state.get(libc::REG_RBP),
        )
    }
}

/// Has the signal handler return into the stub, which calls `serve` on the stack that ends at `stack`.
fn redirect(context: &mut libc::ucontext_t, stack: usize, serve: extern "C" fn()) {
    let registers = &mut context.uc_mcontext.gregs;
    let stub: unsafe extern "C" fn() = stub;
    registers[libc::REG_RIP as usize] = (stub as usize).cast_signed() as i64;
    registers[libc::REG_RSP as usize] = stack.cast_signed() as i64;
    registers[libc::REG_RDI as usize] = (serve as usize).cast_signed() as i64;
    registers[libc::REG_RBP as usize] = 0;
    registers[libc::REG_EFL as usize] = FLAGS;
}

/// Whether a breakpoint that was executed right before `address` is the stub's.
pub(super) fn is_stub_end(address: usize) -> bool {
    let end: unsafe extern "C" fn() = stub_end;
    address == (end as *const c_void).addr() + 1
}

/// Calls the function in RDI with the floating point's control as the lab has it, and goes on in [`stub_end`].
///
/// # Safety
///
/// Only a signal handler that [`redirect`] was called in returns here.
#[unsafe(naked)]
unsafe extern "C" fn stub() {
    naked_asm!(
        "fninit",
        "ldmxcsr [rip + {mxcsr}]",
        "call rdi",
        "jmp {end}",
        mxcsr = sym entry::MXCSR,
        end = sym stub_end,
    )
}

/// Traps, so that the handler puts everything back.
///
/// # Safety
///
/// As [`stub`].
#[unsafe(naked)]
unsafe extern "C" fn stub_end() {
    naked_asm!("int3", "ud2")
}

/// What the stub calls.
extern "C" fn serve_preempted() {
    super::machine().run_others();
}

impl Machine {
    /// The processor has trapped after an instruction. Says whether that was because of the lab's trap flag.
    pub(super) fn step(&self, context: &mut libc::ucontext_t) -> bool {
        let registers = &mut context.uc_mcontext.gregs;
        let (Some(window), Some(running)) = (self.stepping.window(), self.scheduler.running()) else {
            // A trap that comes again after the flag was cleared, as virtual processors have it now and then.
            return self.stepping.is_on() && registers[libc::REG_EFL as usize] & TRAP_FLAG == 0;
        };
        if self.stepping.is_repeated(registers) {
            return true;
        }
        let at = registers[libc::REG_RIP as usize].cast_unsigned() as usize;
        let stack = registers[libc::REG_RSP as usize].cast_unsigned() as usize;
        let flags = &mut registers[libc::REG_EFL as usize];
        match window.last {
            // What it stored is for the driver, which has not set the flag.
            Kind::PushFlags if crate::guest::contains(stack, 2) => {
                let stored = crate::guest::read::<u16>(stack);
                crate::guest::write(stack, stored & !(TRAP_FLAG as u16));
            }
            // What it loaded is the driver's: it has set the flag itself.
            Kind::PopFlags if *flags & TRAP_FLAG != 0 => return false,
            _ => {}
        }
        let is_leaf = exports::is_leaf(at);
        if !is_leaf && !self.in_image(at) {
            // It has called the kernel, or returned to it, or gone astray.
            self.stepping.set_window(None);
            *flags &= !TRAP_FLAG;
            return true;
        }
        let next = if is_leaf { Kind::Other } else { self.kind_at(at) };
        match self.stepping.step(window, next) {
            Step::GoOn => *flags |= TRAP_FLAG,
            Step::End => *flags &= !TRAP_FLAG,
            Step::Preempt => {
                *flags |= TRAP_FLAG;
                *running.interrupted.borrow_mut() = Some(Interrupted {
                    state: State::take(context),
                    window: self.stepping.window(),
                });
                self.stepping.set_window(None);
                redirect(context, entry::lab_stack_pointer(), serve_preempted);
            }
        }
        true
    }

    /// What the instruction at an address of the driver's image is, as far as it can be read.
    fn kind_at(&self, address: usize) -> Kind {
        let readable = self.driver.try_borrow().ok().and_then(|driver| {
            let image = &driver.as_ref()?.image;
            if self.paging.absent(address).is_some() {
                return None;
            }
            let code = image.constant(image.relative(address)?)?;
            code.first_chunk::<4>().copied()
        });
        readable.map_or(Kind::Other, |code| Kind::of(&code))
    }

    /// The running context has been preempted: others run.
    fn run_others(&self) {
        let context = self.current();
        let at = context.interrupted.borrow().as_ref().map(Interrupted::point);
        let at = at.and_then(|point| self.loaded().image.relative(point.address()));
        self.trace(
            0,
            What::Preempted {
                context: context.id,
                at: at.unwrap_or_default(),
            },
        );
        let (rounds, round_ns) = self.stepping.rounds();
        for _ in 0..rounds {
            self.clock.advance(round_ns);
            self.suspend();
        }
    }

    /// The stub is done: has the handler return to where the running context was interrupted. False where it was not.
    pub(super) fn end_interruption(&self, context: &mut libc::ucontext_t) -> bool {
        let interrupted = self
            .scheduler
            .running()
            .and_then(|running: &Context| running.interrupted.take());
        let Some(interrupted) = interrupted else {
            return false;
        };
        self.stepping.set_window(interrupted.window);
        interrupted.state.put(context)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        arch::naked_asm,
        cell::{Cell, RefCell},
        ffi::c_int,
        sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    };

    use super::{State, is_stub_end, redirect};
    use crate::kernel::fault::TRAP_FLAG;

    /// What the probe finds in RAX to R15 without RSP, RSP, the flags, MXCSR, and XMM0 to XMM15, two words each.
    const WORDS: usize = 15 + 3 + 32;

    static FOUND: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];

    /// What the probe has in its registers, which it makes of this.
    static PATTERN: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];

    /// Rounds towards zero and flushes to zero, which no code of the lab does.
    static PROBE_MXCSR: u32 = 0xFF80;

    /// How many instructions of the probe are executed before it is interrupted.
    static INTERRUPTED_AFTER: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
        static STEPS: Cell<usize> = const { Cell::new(0) };
        static STACK: RefCell<Vec<u128>> = RefCell::new(vec![0; 16 * 1024]);
        static SERVED: Cell<bool> = const { Cell::new(false) };
    }

    /// Fills every register, sets the trap flag, does nothing for a few instructions, and stores what it then has.
    ///
    /// # Safety
    ///
    /// The handler of the trap is [`on_trap`].
    #[unsafe(naked)]
    unsafe extern "C" fn probe() {
        naked_asm!(
            "push rbx",
            "push rbp",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "sub rsp, 24",
            "stmxcsr [rsp + 16]",
            "lea rax, [rip + {pattern}]",
            "movups xmm0, [rax]",
            "movups xmm1, [rax + 16]",
            "movups xmm2, [rax + 32]",
            "movups xmm3, [rax + 48]",
            "movups xmm4, [rax + 64]",
            "movups xmm5, [rax + 80]",
            "movups xmm6, [rax + 96]",
            "movups xmm7, [rax + 112]",
            "movups xmm8, [rax + 128]",
            "movups xmm9, [rax + 144]",
            "movups xmm10, [rax + 160]",
            "movups xmm11, [rax + 176]",
            "movups xmm12, [rax + 192]",
            "movups xmm13, [rax + 208]",
            "movups xmm14, [rax + 224]",
            "movups xmm15, [rax + 240]",
            "ldmxcsr [rip + {mxcsr}]",
            "mov rbx, [rax + 8]",
            "mov rcx, [rax + 16]",
            "mov rdx, [rax + 24]",
            "mov rsi, [rax + 32]",
            "mov rdi, [rax + 40]",
            "mov rbp, [rax + 48]",
            "mov r8, [rax + 56]",
            "mov r9, [rax + 64]",
            "mov r10, [rax + 72]",
            "mov r11, [rax + 80]",
            "mov r12, [rax + 88]",
            "mov r13, [rax + 96]",
            "mov r14, [rax + 104]",
            "mov r15, [rax + 112]",
            "mov rax, [rax]",
            // Carry, zero, sign and direction, and the trap flag.
            "push 0x5C7",
            "popfq",
            "nop",
            "nop",
            "nop",
            "nop",
            "mov [rip + {found}], rax",
            "mov [rip + {found} + 8], rbx",
            "mov [rip + {found} + 16], rcx",
            "mov [rip + {found} + 24], rdx",
            "mov [rip + {found} + 32], rsi",
            "mov [rip + {found} + 40], rdi",
            "mov [rip + {found} + 48], rbp",
            "mov [rip + {found} + 56], r8",
            "mov [rip + {found} + 64], r9",
            "mov [rip + {found} + 72], r10",
            "mov [rip + {found} + 80], r11",
            "mov [rip + {found} + 88], r12",
            "mov [rip + {found} + 96], r13",
            "mov [rip + {found} + 104], r14",
            "mov [rip + {found} + 112], r15",
            "mov [rip + {found} + 120], rsp",
            "pushfq",
            "pop qword ptr [rip + {found} + 128]",
            "stmxcsr [rip + {found} + 136]",
            "lea rax, [rip + {found} + 144]",
            "movups [rax], xmm0",
            "movups [rax + 16], xmm1",
            "movups [rax + 32], xmm2",
            "movups [rax + 48], xmm3",
            "movups [rax + 64], xmm4",
            "movups [rax + 80], xmm5",
            "movups [rax + 96], xmm6",
            "movups [rax + 112], xmm7",
            "movups [rax + 128], xmm8",
            "movups [rax + 144], xmm9",
            "movups [rax + 160], xmm10",
            "movups [rax + 176], xmm11",
            "movups [rax + 192], xmm12",
            "movups [rax + 208], xmm13",
            "movups [rax + 224], xmm14",
            "movups [rax + 240], xmm15",
            "cld",
            "ldmxcsr [rsp + 16]",
            "add rsp, 24",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbp",
            "pop rbx",
            "ret",
            pattern = sym PATTERN,
            found = sym FOUND,
            mxcsr = sym PROBE_MXCSR,
        )
    }

    /// What the stub calls: leaves nothing as it was that a function may change.
    ///
    /// # Safety
    ///
    /// Called by the stub only.
    #[unsafe(naked)]
    unsafe extern "C" fn spoil() {
        naked_asm!(
            "pcmpeqd xmm0, xmm0",
            "movaps xmm1, xmm0",
            "movaps xmm2, xmm0",
            "movaps xmm3, xmm0",
            "movaps xmm4, xmm0",
            "movaps xmm5, xmm0",
            "movaps xmm6, xmm0",
            "movaps xmm7, xmm0",
            "movaps xmm8, xmm0",
            "movaps xmm9, xmm0",
            "movaps xmm10, xmm0",
            "movaps xmm11, xmm0",
            "movaps xmm12, xmm0",
            "movaps xmm13, xmm0",
            "movaps xmm14, xmm0",
            "movaps xmm15, xmm0",
            "xor eax, eax",
            "mov rbx, rax",
            "mov rcx, rax",
            "mov rdx, rax",
            "mov rsi, rax",
            "mov rdi, rax",
            "mov rbp, rax",
            "mov r8, rax",
            "mov r9, rax",
            "mov r10, rax",
            "mov r11, rax",
            "mov r12, rax",
            "mov r13, rax",
            "mov r14, rax",
            "mov r15, rax",
            "jmp {served}",
            served = sym served,
        )
    }

    extern "C" fn served() {
        SERVED.set(true);
    }

    extern "C" fn on_trap(_: c_int, _: *mut libc::siginfo_t, context: *mut std::ffi::c_void) {
        // SAFETY: with SA_SIGINFO the third argument is the interrupted context, which is the handler's.
        let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
        let at = context.uc_mcontext.gregs[libc::REG_RIP as usize].cast_unsigned() as usize;
        if is_stub_end(at) {
            let state = STATE.take().expect("it was interrupted before");
            assert!(state.put(context));
            return;
        }
        let steps = STEPS.replace(STEPS.get() + 1);
        if steps < INTERRUPTED_AFTER.load(Relaxed) {
            return;
        }
        context.uc_mcontext.gregs[libc::REG_EFL as usize] &= !TRAP_FLAG;
        STATE.set(Some(State::take(context)));
        let stack = STACK.with_borrow_mut(|stack| stack.as_mut_ptr_range().end.addr());
        // SAFETY: only the type changes: it takes nothing and returns nothing.
        let spoil = unsafe { std::mem::transmute::<unsafe extern "C" fn(), extern "C" fn()>(spoil) };
        redirect(context, stack, spoil);
    }

    #[test]
    fn an_interrupted_context_finds_every_register_as_it_was() {
        // SAFETY: all zeros is an empty mask, no flags and the default action.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut std::ffi::c_void) = on_trap;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        // SAFETY: the handler has the signature that SA_SIGINFO asks for. Nothing else of this process traps.
        let status = unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, std::ptr::null_mut()) };
        assert_eq!(status, 0);
        for (index, word) in PATTERN.iter().enumerate() {
            word.store(0x0101_0101_0101_0101 * (index as u64 + 1), Relaxed);
        }
        let pattern: Vec<u64> = PATTERN.iter().map(|word| word.load(Relaxed)).collect();
        for instructions in 0..4 {
            INTERRUPTED_AFTER.store(instructions, Relaxed);
            STEPS.set(0);
            SERVED.set(false);
            // SAFETY: the handler was just installed.
            unsafe { probe() };
            assert!(SERVED.get(), "interrupted after {instructions}");
            let found: Vec<u64> = FOUND.iter().map(|word| word.load(Relaxed)).collect();
            assert_eq!(found[..15], pattern[..15], "interrupted after {instructions}");
            // It would not have come back with another stack pointer.
            let (flags, mxcsr) = (found[16], found[17]);
            assert_eq!(flags & 0xDFF, 0x4C7, "carry, parity, zero, sign and direction");
            assert_eq!(mxcsr as u32, PROBE_MXCSR);
            assert_eq!(found[18..], pattern, "interrupted after {instructions}");
        }
    }
}
