//! A kernel-sized stack to call driver functions on.
//!
//! A driver that needs more than the kernel gives dies here as it would there, on a guard page,
//! instead of growing into the lavish stack of a user-mode thread. Not here: threads, IRQL, or a
//! report on the fault.

use std::{arch::naked_asm, ffi::c_void, io, ops::Range, ptr::NonNull};

use crate::memory::{Mapping, PAGE_BYTES, Protection, Staging};

/// The size of a kernel-mode stack on x64 Windows.
pub const STACK_BYTES: usize = 24 * 1024;

/// What is mapped for a stack: itself and the inaccessible pages.
const MAPPED_BYTES: usize = STACK_BYTES + 2 * PAGE_BYTES;

/// How many arguments the Microsoft x64 convention passes in registers, and so how many a call has.
const REGISTER_ARGUMENTS: usize = 4;

/// The stack space in which the called function may keep its register arguments.
const HOME_BYTES: usize = 8 * REGISTER_ARGUMENTS;

/// A stack of [`STACK_BYTES`] with an inaccessible page below and one above it.
pub struct Stack {
    pages: Mapping,
}

impl Stack {
    /// Maps a new stack.
    pub fn new() -> io::Result<Self> {
        Self::seal(Staging::new(MAPPED_BYTES)?)
    }

    /// Maps a new stack, from `address` on where that is free.
    pub fn preferably_at(address: usize) -> io::Result<Self> {
        Self::seal(Staging::preferably_at(address, MAPPED_BYTES)?)
    }

    fn seal(staging: Staging) -> io::Result<Self> {
        let usable = PAGE_BYTES..PAGE_BYTES + STACK_BYTES;
        let pages = staging.seal([(usable, Protection::READ_WRITE)])?;
        Ok(Self { pages })
    }

    /// The addresses that may be used.
    pub fn range(&self) -> Range<usize> {
        let start = self.pages.base().addr().get() + PAGE_BYTES;
        start..start + STACK_BYTES
    }

    /// Calls `function` with `arguments` on this stack and returns its result (RAX).
    ///
    /// A result narrower than 64 bits is in the low bits; the rest is not defined, as the
    /// convention has it.
    ///
    /// # Safety
    ///
    /// `function` is the address of code that follows the Microsoft x64 calling convention, takes
    /// at most four arguments, all passed in general registers, and may be called with
    /// `arguments` now. It returns normally or ends the process: nothing may unwind out of it.
    pub unsafe fn call<const N: usize>(&mut self, function: NonNull<c_void>, arguments: [usize; N]) -> usize {
        const { assert!(N <= REGISTER_ARGUMENTS, "a call has up to four arguments") };
        let mut registers = [0; REGISTER_ARGUMENTS];
        registers[..N].copy_from_slice(&arguments);
        let top = self.pages.base().addr().get() + self.pages.len() - PAGE_BYTES;
        // SAFETY: `top` is the page-aligned end of STACK_BYTES that are writable and in use by
        // nobody, because `self` is borrowed exclusively until the call has returned; the caller
        // vouches for `function`.
        unsafe { switch(function, &registers, top) }
    }
}

/// Calls `function` with the four `registers` as arguments and with RSP just below `top`.
///
/// # Safety
///
/// As [`Stack::call`]; besides, `top` is 16-byte aligned and the memory below it is a free stack.
#[unsafe(naked)]
unsafe extern "win64" fn switch(
    function: NonNull<c_void>,
    registers: &[usize; REGISTER_ARGUMENTS],
    top: usize,
) -> usize {
    // RBP is non-volatile, so it still holds the caller's stack when `function` has returned.
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "lea rsp, [r8 - {home}]",
        "mov rax, rcx",
        "mov r10, rdx",
        "mov rcx, [r10]",
        "mov rdx, [r10 + 8]",
        "mov r8, [r10 + 16]",
        "mov r9, [r10 + 24]",
        "call rax",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        home = const HOME_BYTES,
    )
}
