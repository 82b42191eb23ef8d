//! The end of a function, read from its instructions: in an epilogue part of the prologue is undone
//! already, and unwind codes do not tell which part.
//!
//! The convention allows an epilogue few instructions: RSP is set once, registers are popped, and a
//! return or a jump out of the function ends it. What has another form is no epilogue.

use super::registers::{Known, Register};

/// More than the non-volatile registers that there are to pop.
const POPS_MAX: usize = 16;

/// What is left of an epilogue to be executed, but for the return.
pub(super) struct Rest {
    stack: Stack,
    pops: Vec<Register>,
}

/// How an epilogue frees the function's fixed allocation.
enum Stack {
    /// It has done so.
    Done,
    Add(u64),
    /// By an offset from the frame register.
    From(Register, u64),
}

impl Rest {
    /// Has `known` as it will be before the return.
    pub(super) fn run(self, known: &mut Known, read: &dyn Fn(u64) -> Option<u64>) -> Option<()> {
        match self.stack {
            Stack::Done => {}
            Stack::Add(bytes) => known.release(bytes),
            Stack::From(register, offset) => {
                known.set(Register::RSP, Some(known.get(register).wrapping_add(offset)));
            }
        }
        for register in self.pops {
            let value = known.pop(read)?;
            known.set(register, Some(value));
        }
        Some(())
    }
}

/// Reads `code`, from an instruction on; `None` where it is not, or not from there on, an epilogue.
///
/// `leaves` tells whether what is so many bytes after the beginning of `code`, or before it, is
/// outside the function, or its beginning: what a jump at the end of an epilogue goes to.
pub(super) fn rest(code: &[u8], frame_register: Option<Register>, leaves: impl Fn(i64) -> bool) -> Option<Rest> {
    let code_bytes = code.len();
    let (stack, mut code) = stack_step(code, frame_register);
    let mut pops = Vec::new();
    loop {
        let (register, rest) = match *code {
            [0x41, opcode @ 0x58..=0x5F, ref rest @ ..] => (8 + (opcode & 7), rest),
            [opcode @ 0x58..=0x5F, ref rest @ ..] => (opcode & 7, rest),
            _ => break,
        };
        if pops.len() == POPS_MAX {
            return None;
        }
        pops.push(Register::new(register));
        code = rest;
    }
    let leaves = |displacement: i32, jump_bytes: usize| {
        let behind = code_bytes - code.len() + jump_bytes;
        leaves(behind as i64 + i64::from(displacement))
    };
    let ends = match *code {
        [0xC3, ..] | [0xC2, _, _, ..] | [0xF3, 0xC3, ..] => true,
        [0xEB, displacement, ..] => leaves(i32::from(displacement.cast_signed()), 2),
        [0xE9, a, b, c, d, ..] => leaves(i32::from_le_bytes([a, b, c, d]), 5),
        // jmp [rip + ...], and through a register; the prefix tells a tail call from a jump table.
        [0xFF, 0x25, ..] | [0x48 | 0x49, 0xFF, 0x20..=0x27 | 0xE0..=0xE7, ..] => true,
        _ => false,
    };
    ends.then_some(Rest { stack, pops })
}

/// The instruction that sets RSP, if it comes first, and what comes after it.
fn stack_step(code: &[u8], frame_register: Option<Register>) -> (Stack, &[u8]) {
    match *code {
        // add rsp, ...
        [0x48, 0x83, 0xC4, bytes, ref rest @ ..] => (Stack::Add(extended(i32::from(bytes.cast_signed()))), rest),
        [0x48, 0x81, 0xC4, a, b, c, d, ref rest @ ..] => (Stack::Add(extended(i32::from_le_bytes([a, b, c, d]))), rest),
        // lea rsp, [frame register + ...]
        [prefix @ (0x48 | 0x49), 0x8D, operands, ref rest @ ..] => {
            let register = frame_register.filter(|register| {
                register.is_extended() == (prefix == 0x49)
                    && operands & 0x3F == Register::RSP.low_bits() << 3 | register.low_bits()
            });
            match (register, operands >> 6, rest) {
                (Some(register), 1, [offset, rest @ ..]) => {
                    (Stack::From(register, extended(i32::from(offset.cast_signed()))), rest)
                }
                (Some(register), 2, [a, b, c, d, rest @ ..]) => {
                    let offset = i32::from_le_bytes([*a, *b, *c, *d]);
                    (Stack::From(register, extended(offset)), rest)
                }
                _ => (Stack::Done, code),
            }
        }
        _ => (Stack::Done, code),
    }
}

fn extended(value: i32) -> u64 {
    i64::from(value).cast_unsigned()
}
