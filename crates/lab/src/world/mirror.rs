//! A mirror of an initiator's part of the medium: what each sector has to hold, so that every READ can be compared with what
//! was last written.
//!
//! A sector is told by a stamp in its first and in its last bytes, which keeps a run quick. Where a WRITE failed or was short
//! the sector holds what it held before or what was being written: both are right, until a WRITE succeeds.

use std::cell::{Cell, RefCell};

use super::disk::SECTOR_BYTES;
use crate::guest;

/// How many failed writes of a sector are told apart; with more of them it may hold anything.
const DOUBTS_MAX: usize = 8;

/// Where the second stamp of a sector is.
const LAST_STAMP: usize = SECTOR_BYTES - size_of::<u64>();

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

    fn may_hold(&self, stamp: u64) -> bool {
        self.written.is_none_or(|written| written == stamp) || self.doubts.contains(&stamp)
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
    pub(super) sector: usize,
    pub(super) found: [u64; 2],
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

    /// A WRITE of so many bytes was asked for, of which the first `done` were written.
    pub(super) fn wrote(&self, stamp: u64, bytes: usize, done: usize) {
        let mut sectors = self.sectors.borrow_mut();
        for (index, sector) in sectors.iter_mut().take(bytes / SECTOR_BYTES).enumerate() {
            if (index + 1) * SECTOR_BYTES <= done {
                sector.written = Some(stamp);
                sector.doubts.clear();
            } else {
                sector.doubt(stamp);
            }
        }
    }

    /// Compares what a READ brought.
    pub(super) fn compare(&self, buffer: usize, bytes: usize) -> Result<(), Difference> {
        for (index, sector) in self.sectors.borrow().iter().take(bytes / SECTOR_BYTES).enumerate() {
            let found = stamps(buffer + index * SECTOR_BYTES);
            if let Some(expected) = sector.written
                && (found[0] != found[1] || !sector.may_hold(found[0]))
            {
                return Err(Difference {
                    sector: index,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }
}

fn stamps(sector: usize) -> [u64; 2] {
    [guest::read(sector), guest::read(sector + LAST_STAMP)]
}

/// Stamps each sector of a buffer.
pub(super) fn stamp(buffer: usize, bytes: usize, stamp: u64) {
    for sector in (buffer..buffer + bytes).step_by(SECTOR_BYTES) {
        guest::write(sector, stamp);
        guest::write(sector + LAST_STAMP, stamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(mirror: &Mirror, index: usize) -> Sector {
        mirror.sectors.borrow()[index].clone()
    }

    #[test]
    fn after_a_failed_write_the_old_and_the_new_are_right_and_nothing_else() {
        let mirror = Mirror::new(2 * SECTOR_BYTES, true, 0);
        mirror.wrote(7, SECTOR_BYTES, SECTOR_BYTES);
        mirror.wrote(8, SECTOR_BYTES, 0);
        let first = sector(&mirror, 0);
        assert_eq!(
            [7, 8, 0, 9].map(|stamp| first.may_hold(stamp)),
            [true, true, false, false]
        );
        mirror.wrote(9, SECTOR_BYTES, SECTOR_BYTES);
        let first = sector(&mirror, 0);
        assert_eq!([7, 8, 9].map(|stamp| first.may_hold(stamp)), [false, false, true]);
    }

    #[test]
    fn a_short_write_leaves_doubt_about_the_rest_only() {
        let mirror = Mirror::new(2 * SECTOR_BYTES, true, 0);
        mirror.wrote(5, 2 * SECTOR_BYTES, SECTOR_BYTES);
        assert!(!sector(&mirror, 0).may_hold(0));
        assert!(sector(&mirror, 1).may_hold(0) && sector(&mirror, 1).may_hold(5));
    }

    #[test]
    fn another_medium_may_hold_anything_until_it_is_written() {
        let mirror = Mirror::new(SECTOR_BYTES, true, 0);
        assert!(!mirror.follow_media(0));
        assert!(mirror.follow_media(1));
        assert!(sector(&mirror, 0).may_hold(99));
        mirror.wrote(3, SECTOR_BYTES, SECTOR_BYTES);
        assert!(!sector(&mirror, 0).may_hold(99));
    }

    #[test]
    fn with_too_many_doubts_a_sector_may_hold_anything() {
        let mirror = Mirror::new(SECTOR_BYTES, true, 0);
        for stamp in 1..=9 {
            mirror.wrote(stamp, SECTOR_BYTES, 0);
        }
        assert!(sector(&mirror, 0).may_hold(1000));
    }
}
