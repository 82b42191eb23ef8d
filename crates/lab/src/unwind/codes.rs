//! Unwind information (`UNWIND_INFO`): what a function's prologue did, and its undoing.
//!
//! Versions 1 and 2, as x64 compilers write them. Exception handlers are of no interest here.

use super::{
    functions::{ENTRY_BYTES, Function},
    registers::{Known, Register, SLOT_BYTES},
};

/// The flag of unwind information that continues in that of another piece of the function.
const CHAINED: u8 = 4;

/// What an offset of a frame register and the small allocations are counted in.
const PARAGRAPH_BYTES: u64 = 16;

/// The unwind information of one piece of a function.
pub(super) struct UnwindInfo<'image> {
    version: u8,
    /// Two bytes for each slot, the end of the prologue first.
    codes: &'image [[u8; 2]],
    pub(super) frame_register: Option<Register>,
    frame_offset: u64,
    /// The piece that this one continues.
    pub(super) chained: Option<Function>,
}

impl<'image> UnwindInfo<'image> {
    pub(super) fn parse(bytes: &'image [u8]) -> Option<Self> {
        let (&[version_and_flags, _prologue_bytes, slots, frame], rest) = bytes.split_first_chunk::<4>()?;
        let version = version_and_flags & 7;
        if !matches!(version, 1 | 2) {
            return None;
        }
        let slots = usize::from(slots);
        let (codes, _) = rest.get(..2 * slots)?.as_chunks::<2>();
        let chained = if version_and_flags >> 3 & CHAINED == 0 {
            None
        } else {
            // The slots are padded to an even number.
            let entry = rest.get(2 * slots.next_multiple_of(2)..)?;
            Some(Function::parse(entry.get(..ENTRY_BYTES)?)?)
        };
        Some(Self {
            version,
            codes,
            frame_register: (frame & 0xF != 0).then(|| Register::new(frame)),
            frame_offset: u64::from(frame >> 4) * PARAGRAPH_BYTES,
            chained,
        })
    }

    /// Undoes what the prologue has done when `progress` bytes of the piece have run.
    ///
    /// Gives the address to go on at where that is on the stack with the registers, in the frame
    /// of an interrupt. `None` is for what cannot be read or has no meaning.
    #[expect(
        clippy::option_option,
        reason = "the walk ends, or a code gives the address, or it does not"
    )]
    pub(super) fn undo(
        &self,
        progress: u32,
        known: &mut Known,
        read: &dyn Fn(u64) -> Option<u64>,
    ) -> Option<Option<u64>> {
        // Until the prologue has set it, the frame register is the caller's.
        let mut framed = self.frame_register.filter(|_| {
            let set = self.operations().find(|it| it.kind == kind::SET_FRAME_REGISTER);
            set.is_some_and(|it| it.end <= progress)
        });
        for operation in self.operations() {
            // Of an operation whose slots are cut off, nothing is known.
            let operand = operation.operand?;
            if operation.end > progress {
                continue;
            }
            let register = Register::new(operation.info);
            let base = framed.map_or(known.get(Register::RSP), |register| {
                known.get(register).wrapping_sub(self.frame_offset)
            });
            match operation.kind {
                kind::PUSH => {
                    let value = known.pop(read)?;
                    known.set(register, Some(value));
                }
                kind::ALLOCATE_LARGE => known.release(operand),
                kind::ALLOCATE_SMALL => known.release(u64::from(operation.info) * SLOT_BYTES + SLOT_BYTES),
                kind::SET_FRAME_REGISTER => {
                    framed.take()?;
                    known.set(Register::RSP, Some(base));
                }
                kind::SAVE | kind::SAVE_FAR => {
                    // A register that cannot be read is unknown; the stack may still go on.
                    known.set(register, read(base.wrapping_add(operand)));
                }
                kind::MACHINE_FRAME => {
                    // An error code, RIP, CS, the flags, RSP, SS.
                    known.release(u64::from(operation.info & 1) * SLOT_BYTES);
                    let rip = known.pop(read)?;
                    let rsp = read(known.get(Register::RSP).wrapping_add(2 * SLOT_BYTES))?;
                    known.set(Register::RSP, Some(rsp));
                    return Some(Some(rip));
                }
                // Where epilogues are is read from the code; of vector registers nothing is told.
                _ => {}
            }
        }
        Some(None)
    }

    fn operations(&self) -> impl Iterator<Item = Operation> {
        let mut slots = self.codes;
        let version = self.version;
        std::iter::from_fn(move || {
            let (&[end, code], rest) = slots.split_first()?;
            let (kind, info) = (code & 0xF, code >> 4);
            let near = |scale: u64| rest.first().map(|&it| u64::from(u16::from_le_bytes(it)) * scale);
            let far = || match rest {
                [[a, b], [c, d], ..] => Some(u64::from(u32::from_le_bytes([*a, *b, *c, *d]))),
                _ => None,
            };
            let (operand, more) = match (kind, info) {
                (kind::ALLOCATE_LARGE, 0) => (near(SLOT_BYTES), 1),
                (kind::ALLOCATE_LARGE, 1) | (kind::SAVE_FAR | kind::SAVE_VECTOR_FAR, _) => (far(), 2),
                (kind::SAVE, _) => (near(SLOT_BYTES), 1),
                (kind::SAVE_VECTOR, _) => (near(PARAGRAPH_BYTES), 1),
                (kind::PUSH | kind::ALLOCATE_SMALL | kind::SET_FRAME_REGISTER | kind::MACHINE_FRAME, _) => (Some(0), 0),
                (kind::EPILOGUE, _) if version == 2 => (Some(0), 0),
                _ => (None, 0),
            };
            slots = rest.get(more..).unwrap_or_default();
            // An epilogue's slot has something else there, and is of no effect.
            Some(Operation {
                end: u32::from(end),
                kind,
                info,
                operand,
            })
        })
    }
}

/// One step of a prologue.
struct Operation {
    /// The offset in the piece of the instruction after it.
    end: u32,
    kind: u8,
    /// A register, or a size.
    info: u8,
    /// What the slots after the first have, in bytes, zero where there are none; `None` where the
    /// operation is none that there is or is cut off.
    operand: Option<u64>,
}

/// The kinds of operation (`UWOP_...`).
mod kind {
    pub(super) const PUSH: u8 = 0;
    pub(super) const ALLOCATE_LARGE: u8 = 1;
    pub(super) const ALLOCATE_SMALL: u8 = 2;
    pub(super) const SET_FRAME_REGISTER: u8 = 3;
    pub(super) const SAVE: u8 = 4;
    pub(super) const SAVE_FAR: u8 = 5;
    /// Only in version 2.
    pub(super) const EPILOGUE: u8 = 6;
    pub(super) const SAVE_VECTOR: u8 = 8;
    pub(super) const SAVE_VECTOR_FAR: u8 = 9;
    pub(super) const MACHINE_FRAME: u8 = 10;
}
