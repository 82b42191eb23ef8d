//! A number for each page of the arena.
//!
//! Not what the number means. One flat table: looking up an address takes one load, allocates
//! nothing and takes no lock, so a fault handler may do it. Its own pages cost nothing until used.

use super::arena::Arena;

pub(super) struct PageMap {
    /// The number and one; 0 is none.
    entries: Vec<u32>,
}

impl PageMap {
    pub(super) fn new(arena: &Arena) -> Self {
        Self {
            entries: vec![0; arena.pages()],
        }
    }

    /// The number of `page`, which may be beyond the arena.
    pub(super) fn get(&self, page: usize) -> Option<u32> {
        self.entries.get(page)?.checked_sub(1)
    }

    /// Gives `count` pages from `first` on the number `value`, which is not the highest there is.
    pub(super) fn set(&mut self, first: usize, count: usize, value: u32) {
        self.entries[first..first + count].fill(value + 1);
    }

    pub(super) fn clear(&mut self, first: usize, count: usize) {
        self.entries[first..first + count].fill(0);
    }
}
