//! A mirror of an initiator's part of the medium: what each sector has to hold, so that every READ can be compared with what
//! was last written, byte for byte.
//!
//! What is written to a sector is told by a stamp: every word of the sector is made of the stamp, of where the sector is in
//! the part, and of where the word is in the sector. Data of another request, of another sector or shifted by a word is
//! so told from what it should be. Where a WRITE failed or was short the sector holds what it held before or what was being
//! written: both are right, until a WRITE succeeds.

use std::cell::{Cell, RefCell};

use super::disk::SECTOR_BYTES;
use crate::guest;

/// How many failed writes of a sector are told apart; with more of them it may hold anything.
const DOUBTS_MAX: usize = 8;

const WORD_BYTES: usize = size_of::<u64>();

/// What a sector may hold.
#[derive(Clone)]
struct Sector {
    /// Nothing is known of it where there is none.
    written: Option<u64>,
    doubts: Vec<u64>,
}

impl Sector {
    fn doubt(&mut self, stamp: u64) {
        self.doubts.push(stamp);
        if self.doubts.len() > DOUBTS_MAX {
            self.written = None;
        }
        if self.written.is_none() {
            self.doubts.clear();
        }
    }

    /// Where these bytes, found in the sector that is the `index`-th of its part, are not what was written last: the first
    /// word that differs, and what it should be. `None` where they are right.
    fn difference(&self, index: usize, bytes: &[u8]) -> Option<[u64; 2]> {
        let written = self.written?;
        if self.doubts.iter().any(|doubt| holds(bytes, *doubt, index).is_none()) {
            return None;
        }
        holds(bytes, written, index)
    }
}

/// The mirror.
pub(super) struct Mirror {
    sectors: RefCell<Vec<Sector>>,
    /// How often another medium had been put in when this was begun.
    media_changes: Cell<u64>,
}

/// A sector that came back with something else than what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    /// Which sector of the READ it is.
    pub(super) sector: usize,
    /// The word that differs, and what it should be.
    pub(super) found: u64,
    pub(super) expected: u64,
}

impl Mirror {
    /// The mirror of so many bytes of a medium that is empty, or of which nothing is known.
    pub(super) fn new(bytes: usize, is_empty: bool, media_changes: u64) -> Self {
        let sector = Sector {
            written: is_empty.then_some(0),
            doubts: Vec::new(),
        };
        Self {
            sectors: RefCell::new(vec![sector; bytes / SECTOR_BYTES]),
            media_changes: Cell::new(media_changes),
        }
    }

    /// Forgets everything where another medium has been put in since. True where it was so.
    pub(super) fn follow_media(&self, changes: u64) -> bool {
        let changed = self.media_changes.replace(changes) != changes;
        if changed {
            self.forget();
        }
        changed
    }

    /// Forgets what the sectors hold.
    pub(super) fn forget(&self) {
        for sector in self.sectors.borrow_mut().iter_mut() {
            sector.written = None;
            sector.doubts.clear();
        }
    }

    /// A WRITE of so many bytes was asked for from `first` on, the number of a sector, of which the first `done` bytes were
    /// written.
    pub(super) fn wrote(&self, stamp: u64, first: usize, bytes: usize, done: usize) {
        let mut sectors = self.sectors.borrow_mut();
        let written = sectors.iter_mut().skip(first).take(bytes / SECTOR_BYTES);
        for (index, sector) in written.enumerate() {
            if (index + 1) * SECTOR_BYTES <= done {
                sector.written = Some(stamp);
                sector.doubts.clear();
            } else {
                sector.doubt(stamp);
            }
        }
    }

    /// Compares what a READ from the sector `first` on brought.
    pub(super) fn compare(&self, first: usize, buffer: usize, bytes: usize) -> Result<(), Difference> {
        let mut found = vec![0; bytes];
        guest::read_bytes(buffer, &mut found);
        let sectors = self.sectors.borrow();
        let read = sectors.iter().enumerate().skip(first);
        for (number, ((index, sector), bytes)) in read.zip(found.chunks_exact(SECTOR_BYTES)).enumerate() {
            if let Some([found, expected]) = sector.difference(index, bytes) {
                return Err(Difference {
                    sector: number,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// The words of a sector, the `index`-th of its part, that has been written with this stamp. Nothing was ever written with
/// 0.
fn words(stamp: u64, index: usize) -> impl Iterator<Item = u64> {
    let first = stamp ^ (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
    (0..(SECTOR_BYTES / WORD_BYTES) as u64).map(move |word| {
        if stamp == 0 {
            0
        } else {
            first.wrapping_add(word.wrapping_mul(0xD6E8_FEB8_6659_FD93))
        }
    })
}

/// The first word of a sector that is not as it was written with this stamp, and what it should be.
fn holds(sector: &[u8], stamp: u64, index: usize) -> Option<[u64; 2]> {
    let found = sector
        .chunks_exact(WORD_BYTES)
        .map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    found
        .zip(words(stamp, index))
        .find(|(found, expected)| found != expected)
        .map(|(found, expected)| [found, expected])
}

/// Stamps each sector of a buffer, which is for so many bytes from the sector `first` of the part on.
pub(super) fn stamp(first: usize, buffer: usize, bytes: usize, stamp: u64) {
    let sectors = first..first + bytes / SECTOR_BYTES;
    let data: Vec<u8> = sectors
        .flat_map(|index| words(stamp, index))
        .flat_map(u64::to_le_bytes)
        .collect();
    guest::write_bytes(buffer, &data);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(stamp: u64, index: usize) -> Vec<u8> {
        words(stamp, index).flat_map(u64::to_le_bytes).collect()
    }

    /// Whether the mirror takes what was written with this stamp for what its sector may hold.
    fn may_hold(mirror: &Mirror, index: usize, stamp: u64) -> bool {
        let sectors = mirror.sectors.borrow();
        sectors[index].difference(index, &bytes(stamp, index)).is_none()
    }

    #[test]
    fn after_a_failed_write_the_old_and_the_new_are_right_and_nothing_else() {
        let mirror = Mirror::new(2 * SECTOR_BYTES, true, 0);
        mirror.wrote(7, 0, SECTOR_BYTES, SECTOR_BYTES);
        mirror.wrote(8, 0, SECTOR_BYTES, 0);
        assert_eq!(
            [7, 8, 0, 9].map(|stamp| may_hold(&mirror, 0, stamp)),
            [true, true, false, false]
        );
        mirror.wrote(9, 0, SECTOR_BYTES, SECTOR_BYTES);
        assert_eq!([7, 8, 9].map(|stamp| may_hold(&mirror, 0, stamp)), [false, false, true]);
    }

    #[test]
    fn a_short_write_leaves_doubt_about_the_rest_only() {
        let mirror = Mirror::new(3 * SECTOR_BYTES, true, 0);
        mirror.wrote(5, 1, 2 * SECTOR_BYTES, SECTOR_BYTES);
        assert!(may_hold(&mirror, 0, 0) && !may_hold(&mirror, 0, 5));
        assert!(!may_hold(&mirror, 1, 0));
        assert!(may_hold(&mirror, 2, 0) && may_hold(&mirror, 2, 5));
    }

    #[test]
    fn another_medium_may_hold_anything_until_it_is_written() {
        let mirror = Mirror::new(SECTOR_BYTES, true, 0);
        assert!(!mirror.follow_media(0));
        assert!(mirror.follow_media(1));
        assert!(may_hold(&mirror, 0, 99));
        mirror.wrote(3, 0, SECTOR_BYTES, SECTOR_BYTES);
        assert!(!may_hold(&mirror, 0, 99));
    }

    #[test]
    fn with_too_many_doubts_a_sector_may_hold_anything() {
        let mirror = Mirror::new(SECTOR_BYTES, true, 0);
        for stamp in 1..=9 {
            mirror.wrote(stamp, 0, SECTOR_BYTES, 0);
        }
        assert!(may_hold(&mirror, 0, 1000));
    }

    #[test]
    fn another_sectors_data_and_each_byte_that_is_changed_are_told() {
        let mirror = Mirror::new(8 * SECTOR_BYTES, true, 0);
        mirror.wrote(7, 0, 8 * SECTOR_BYTES, 8 * SECTOR_BYTES);
        let sectors = mirror.sectors.borrow();
        for index in 0..8 {
            let right = bytes(7, index);
            assert_eq!(sectors[index].difference(index, &right), None);
            assert!(sectors[index].difference(index, &bytes(7, (index + 1) % 8)).is_some());
            for at in 0..SECTOR_BYTES {
                let mut wrong = right.clone();
                wrong[at] ^= 1;
                assert!(sectors[index].difference(index, &wrong).is_some(), "{index} {at}");
            }
            let mut shifted = right;
            shifted.rotate_left(WORD_BYTES);
            assert!(sectors[index].difference(index, &shifted).is_some());
        }
    }
}
