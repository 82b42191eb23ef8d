//! Names that come as a plain list of addresses: those of a map file, a COFF symbol table, exports.
//!
//! Such a list has no sizes and may lack most functions. What comes after a name is not taken for
//! its function where the image's unwind tables show that it is another one.

use std::ops::Range;

use super::{Location, Names, demangle::readable};
use crate::unwind::Piece;

/// Names by address.
pub(super) struct Table {
    /// In ascending order of address, one for each.
    symbols: Vec<(u32, String)>,
    sections: Vec<Range<u32>>,
    /// In ascending order of address.
    pieces: Vec<Piece>,
}

impl Table {
    /// Makes a table of `symbols`, of which the first counts where more have one address.
    ///
    /// `pieces` is in ascending order of address.
    pub(super) fn new(mut symbols: Vec<(u32, String)>, sections: Vec<Range<u32>>, pieces: Vec<Piece>) -> Self {
        symbols.sort_by_key(|&(rva, _)| rva);
        symbols.dedup_by_key(|&mut (rva, _)| rva);
        Self {
            symbols,
            sections,
            pieces,
        }
    }

    fn piece_at(&self, rva: u32) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.code.start <= rva);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        piece.code.contains(&rva).then_some(piece)
    }

    /// The last symbol at or before `rva`.
    fn before(&self, rva: u32) -> Option<&(u32, String)> {
        let after = self.symbols.partition_point(|&(start, _)| start <= rva);
        self.symbols.get(after.checked_sub(1)?)
    }

    fn symbol_of(&self, rva: u32) -> Option<&(u32, String)> {
        let section = self.sections.iter().find(|section| section.contains(&rva))?;
        let nearest = self.before(rva).filter(|(start, _)| section.contains(start));
        match self.piece_at(rva) {
            Some(piece) => nearest.filter(|&&(start, _)| start >= piece.code.start).or_else(|| {
                // Another piece of a function that has been split.
                self.before(piece.function)
                    .filter(|&&(start, _)| start == piece.function)
            }),
            // A leaf function, which the unwind tables lack, or data.
            None => nearest.filter(|&&(start, _)| self.piece_at(start).is_none()),
        }
    }
}

impl Names for Table {
    fn locate(&self, rva: u32) -> Option<Location> {
        let (start, name) = self.symbol_of(rva)?;
        Some(Location {
            function: Some(readable(name)),
            offset: rva.checked_sub(*start)?,
            ..Location::default()
        })
    }
}
