//! The driver's call stack: which functions of an image have called each other to get to a point.
//!
//! It is found by the image's own unwind tables, as a kernel debugger does it, never by guessing
//! from what looks like a return address. Frames of other code are not followed: a stack ends where
//! it leaves the image. Nothing that tables or stack contain makes it panic or run for ever.
//!
//! Not here: names for the frames, which are [`Symbols`]' work.

mod codes;
mod epilogue;
mod functions;
mod registers;

use std::fmt;

pub(crate) use self::functions::{FunctionTable, Piece};
use self::registers::{Known, Register};
use crate::{image::Image, symbols::Symbols};

/// The most frames that a call stack has.
const FRAMES_MAX: usize = 64;

/// The most pieces of unwind information that one function is made of.
const CHAIN_MAX: usize = 32;

/// A place in the driver's run: the registers that its call stack is found from.
///
/// The other non-volatile registers are not needed: compilers make the frame pointer RBP, and what
/// a function saved of them is found on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    rip: usize,
    rsp: usize,
    rbp: usize,
    after_call: bool,
}

impl Point {
    /// Where the processor is at the instruction at `rip`, not having executed it: a fault.
    pub fn at_instruction(rip: usize, rsp: usize, rbp: usize) -> Self {
        Self {
            rip,
            rsp,
            rbp,
            after_call: false,
        }
    }

    /// Where the driver will be when a function it has called returns to `return_address`.
    ///
    /// `rsp` is the stack pointer after that return: one slot above the return address.
    pub fn after_call(return_address: usize, rsp: usize, rbp: usize) -> Self {
        Self {
            rip: return_address,
            rsp,
            rbp,
            after_call: true,
        }
    }
}

impl Point {
    /// The address that the processor is at, or that it will return to.
    pub(crate) fn address(self) -> usize {
        self.rip
    }
}

/// One function's activation on a call stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The address it is at, relative to the image.
    pub rva: u32,
    /// Whether that is the address it is returned to, so that its call is just before.
    pub after_call: bool,
}

impl Frame {
    /// The frame as a line of a report, with the names that `symbols` has.
    pub fn display(self, symbols: &Symbols) -> impl fmt::Display {
        if self.after_call {
            symbols.locate_call(self.rva)
        } else {
            symbols.locate(self.rva)
        }
    }
}

/// The call stack of `image` at `point`, the innermost frame first.
///
/// `read` gives the eight bytes at an address of the stack, or nothing where it must not be read;
/// it decides how far the stack is followed. Where the point itself is outside the image, as after
/// a jump through a bad pointer, the stack begins with the function that jumped.
pub fn call_stack(image: &Image, point: Point, read: impl Fn(usize) -> Option<u64>) -> Vec<Frame> {
    let functions = FunctionTable::new(image.function_table(), |address| image.constant(address));
    let read = |address: u64| read(usize::try_from(address).ok()?);
    let mut known = Known::new(point.rsp as u64, point.rbp as u64);
    let mut frames = Vec::new();
    let mut rip = point.rip;
    let mut after_call = point.after_call;
    loop {
        let depth = known.get(Register::RSP);
        let frame = image.relative(rip).map(|rva| Frame { rva, after_call });
        let return_address = match frame {
            Some(frame) => {
                frames.push(frame);
                caller(&functions, frame, &mut known, &read)
            }
            // Nothing can be known of code elsewhere but that it was just called.
            None if frames.is_empty() && !after_call => known.pop(&read),
            None => break,
        };
        let (Some(return_address), true) = (return_address, frames.len() < FRAMES_MAX) else {
            break;
        };
        // A stack that does not shrink is not one.
        if known.get(Register::RSP) <= depth {
            break;
        }
        rip = return_address as usize;
        after_call = true;
    }
    frames
}

/// Leaves `frame`'s function: what `known` then has is its caller's, at the address returned.
fn caller<'image>(
    functions: &FunctionTable<'image, impl Fn(u32) -> Option<&'image [u8]>>,
    frame: Frame,
    known: &mut Known,
    read: &dyn Fn(u64) -> Option<u64>,
) -> Option<u64> {
    // A call may be the last thing in its function, and the return address in the next one.
    let inside = frame.rva.checked_sub(u32::from(frame.after_call))?;
    let Some(mut function) = functions.covering(inside) else {
        return known.pop(read);
    };
    let mut progress = frame.rva.checked_sub(function.begin)?;
    for piece in 0..CHAIN_MAX {
        let info = functions.unwind_info(function)?;
        if piece == 0
            && !frame.after_call
            && let Some(code) = functions.code(frame.rva, function.end)
            && let Some(steps) = epilogue::rest(code, info.frame_register, |offset| {
                let target = u32::try_from(i64::from(frame.rva) + offset).ok();
                let start = functions.start(frame.rva);
                target == start || target.and_then(|target| functions.start(target)) != start
            })
        {
            steps.run(known, read)?;
            return known.pop(read);
        }
        if let Some(return_address) = info.undo(progress, known, read)? {
            return Some(return_address);
        }
        let Some(chained) = info.chained else {
            return known.pop(read);
        };
        function = chained;
        // The pieces before the one that was interrupted have run to the end of their prologue.
        progress = u32::MAX;
    }
    None
}
