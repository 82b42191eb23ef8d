//! The function table of an image (`.pdata`): which function covers an address.
//!
//! What is not in it is a leaf function, which has nothing to unwind.

use std::ops::Range;

use super::codes::UnwindInfo;

/// The size of a `RUNTIME_FUNCTION`: begin, end, and the address of its unwind information.
pub(super) const ENTRY_BYTES: usize = 12;

/// A piece of a function and where the whole begins. Addresses are relative to the image.
pub(crate) struct Piece {
    pub(crate) code: Range<u32>,
    pub(crate) function: u32,
}

/// A stretch of code with its own unwind information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) begin: u32,
    pub(super) end: u32,
    pub(super) unwind_info: u32,
}

impl Function {
    pub(super) fn parse(entry: &[u8]) -> Option<Self> {
        let field = |index: usize| {
            let bytes = entry.get(4 * index..4 * index + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        Some(Self {
            begin: field(0)?,
            end: field(1)?,
            unwind_info: field(2)?,
        })
    }
}

/// The functions of an image that can be unwound.
pub(crate) struct FunctionTable<'image, F> {
    entries: &'image [u8],
    /// The image's bytes from an address to the end of its section.
    bytes_from: F,
}

impl<'image, F: Fn(u32) -> Option<&'image [u8]>> FunctionTable<'image, F> {
    pub(crate) fn new(entries: &'image [u8], bytes_from: F) -> Self {
        Self { entries, bytes_from }
    }

    /// The entry that covers `address`.
    pub(super) fn covering(&self, address: u32) -> Option<Function> {
        let (entries, _) = self.entries.as_chunks::<ENTRY_BYTES>();
        // A linker sorts the table. If this one is not, what is found is checked all the same.
        let after = entries.partition_point(|entry| Function::parse(entry).is_some_and(|it| it.begin <= address));
        let function = Function::parse(entries.get(after.checked_sub(1)?)?)?;
        (function.begin..function.end).contains(&address).then_some(function)
    }

    /// Where the function that covers `address` begins, of all its pieces the first one.
    pub(super) fn start(&self, address: u32) -> Option<u32> {
        self.covering(address).map(|function| self.start_of(function))
    }

    fn start_of(&self, mut function: Function) -> u32 {
        for _ in 0..super::CHAIN_MAX {
            match self.unwind_info(function).and_then(|info| info.chained) {
                Some(chained) => function = chained,
                None => break,
            }
        }
        function.begin
    }

    /// Every piece of code in the table, each with where its function begins.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let (entries, _) = self.entries.as_chunks::<ENTRY_BYTES>();
        let mut pieces: Vec<_> = entries
            .iter()
            .filter_map(|entry| Function::parse(entry))
            .map(|function| Piece {
                code: function.begin..function.end,
                function: self.start_of(function),
            })
            .collect();
        pieces.sort_by_key(|piece| piece.code.start);
        pieces
    }

    pub(super) fn unwind_info(&self, function: Function) -> Option<UnwindInfo<'image>> {
        UnwindInfo::parse((self.bytes_from)(function.unwind_info)?)
    }

    /// The code from `address` to `end`, or to the end of its section.
    pub(super) fn code(&self, address: u32, end: u32) -> Option<&'image [u8]> {
        let code = (self.bytes_from)(address)?;
        let bytes = end.checked_sub(address)? as usize;
        Some(code.get(..bytes).unwrap_or(code))
    }
}
