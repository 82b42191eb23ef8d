//! Imported data that nobody provides: each import gets an inaccessible page of its own.
//!
//! So a driver that uses it faults at an address that names it. What is not known to be data has a
//! trap instead, see the module `traps`.

use std::io;

use crate::memory::{Mapping, PAGE_BYTES, Staging};

/// The pages that stand for the missing data of one image.
pub(super) struct MissingData {
    pages: Option<Mapping>,
}

impl MissingData {
    /// Maps `count` pages, from `address` on where that is free.
    pub(super) fn new(address: usize, count: usize) -> io::Result<Self> {
        if count == 0 {
            return Ok(Self { pages: None });
        }
        let bytes = count.checked_mul(PAGE_BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
        let pages = Staging::preferably_at(address, bytes)?.seal([])?;
        Ok(Self { pages: Some(pages) })
    }

    /// The addresses to bind, one for each page.
    pub(super) fn addresses(&self) -> impl Iterator<Item = usize> {
        self.pages.iter().flat_map(|pages| {
            let first = pages.base().addr().get();
            (first..first + pages.len()).step_by(PAGE_BYTES)
        })
    }

    /// The index of the page that has `address`.
    pub(super) fn index_of(&self, address: usize) -> Option<usize> {
        let pages = self.pages.as_ref()?;
        let offset = address.checked_sub(pages.base().addr().get())?;
        (offset < pages.len()).then_some(offset / PAGE_BYTES)
    }
}
