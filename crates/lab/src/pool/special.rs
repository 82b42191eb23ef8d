//! Special pool: each block on pages of its own, with an inaccessible page behind it.
//!
//! A block ends where its last page ends, but for what alignment costs, so the first byte beyond
//! it faults. Freed blocks become inaccessible and stay so until the arena is used up; then the
//! addresses of those that were freed first are used again.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    ops::Range,
};

use super::{
    BLOCK_ALIGNMENT, Layout, NoBlock, Taken,
    arena::Arena,
    ledger::{Ledger, RecordIndex},
    page_map::PageMap,
};
use crate::memory::PAGE_BYTES;

/// How many mappings Linux allows a process unless it is told otherwise.
const DEFAULT_MAPPINGS: usize = 65_530;

/// One mapping in so many is left to the rest of the process.
const SPARED_SHARE: usize = 16;

/// A live block and the inaccessible pages behind it.
const MAPPINGS_PER_BLOCK: usize = 2;

pub(super) struct Special {
    /// The record of each page: that of the block in it, or of the block that it guards.
    pages: PageMap,
    /// The first page that has never been used.
    unused: usize,
    /// Pages that can be used again: the first one and how many, no two adjacent.
    reusable: BTreeMap<usize, usize>,
    /// Freed blocks, those freed first in front.
    quarantine: VecDeque<RecordIndex>,
    /// Records of no page.
    spare: Vec<RecordIndex>,
    live: usize,
    live_max: usize,
}

impl Special {
    pub(super) fn new(arena: &Arena) -> Self {
        Self {
            pages: PageMap::new(arena),
            // The first page guards the first block from below.
            unused: 1,
            reusable: BTreeMap::new(),
            quarantine: VecDeque::new(),
            spare: Vec::new(),
            live: 0,
            live_max: live_blocks_max(),
        }
    }

    /// Where `count` pages are that are closed and of no block.
    fn find_pages(&mut self, arena: &Arena, ledger: &Ledger, count: usize) -> Option<usize> {
        if count <= arena.pages() - self.unused {
            let first = self.unused;
            self.unused += count;
            return Some(first);
        }
        loop {
            let fit = self.reusable.iter().find(|&(_, &has)| has >= count);
            if let Some((&first, &has)) = fit {
                self.reusable.remove(&first);
                if has > count {
                    self.reusable.insert(first + count, has - count);
                }
                return Some(first);
            }
            let oldest = self.quarantine.pop_front()?;
            let span = self.span(arena, ledger, oldest);
            let first = arena.page_of(span.start);
            let count = span.len() / PAGE_BYTES + 1;
            self.pages.clear(first, count);
            self.spare.push(oldest);
            self.give_back(first, count);
        }
    }

    /// Lets closed pages be used again, as one with those that adjoin.
    fn give_back(&mut self, mut first: usize, mut count: usize) {
        if let Some((&before, &has)) = self.reusable.range(..first).next_back()
            && before + has == first
        {
            first = before;
            count += has;
        }
        if let Some(has) = self.reusable.remove(&(first + count)) {
            count += has;
        }
        self.reusable.insert(first, count);
    }
}

impl Layout for Special {
    fn take(&mut self, arena: &mut Arena, ledger: &mut Ledger, bytes: usize) -> Result<Taken, NoBlock> {
        if self.live >= self.live_max {
            return Err(NoBlock::TooManyLive { limit: self.live_max });
        }
        let exhausted = NoBlock::Exhausted {
            bytes,
            arena_bytes: arena.range().len(),
        };
        let Some(span_bytes) = span_bytes(bytes) else {
            return Err(exhausted);
        };
        let count = span_bytes / PAGE_BYTES + 1;
        let Some(first) = self.find_pages(arena, ledger, count) else {
            return Err(exhausted);
        };
        let start = arena.page_address(first);
        let span = start..start + span_bytes;
        // Records of pages that never come back would fill the memory long after the arena.
        let index = match self.spare.pop() {
            Some(index) => index,
            None => ledger.add(start).ok_or(exhausted)?,
        };
        if let Err(error) = arena.open(&span) {
            self.spare.push(index);
            self.give_back(first, count);
            return Err(NoBlock::System(error));
        }
        self.pages.set(first, count, index);
        self.live += 1;
        let address = if bytes < PAGE_BYTES {
            span.end - bytes.max(1).next_multiple_of(BLOCK_ALIGNMENT)
        } else {
            span.start
        };
        Ok(Taken {
            index,
            address,
            span,
            is_zeroed: true,
        })
    }

    fn nearest(&self, arena: &Arena, address: usize) -> Option<RecordIndex> {
        self.pages.get(arena.page_of(address))
    }

    fn span(&self, arena: &Arena, ledger: &Ledger, index: RecordIndex) -> Range<usize> {
        let start = arena.page_address(arena.page_of(ledger.address(index)));
        let bytes = span_bytes(ledger.bytes(index)).unwrap_or(PAGE_BYTES);
        start..start + bytes
    }

    fn retire(&mut self, arena: &mut Arena, ledger: &Ledger, index: RecordIndex) -> io::Result<()> {
        let span = self.span(arena, ledger, index);
        arena.close(&span)?;
        self.live -= 1;
        self.quarantine.push_back(index);
        Ok(())
    }
}

/// How many bytes the pages of a block have; none if that is beyond all memory.
fn span_bytes(bytes: usize) -> Option<usize> {
    bytes.max(1).checked_next_multiple_of(PAGE_BYTES)
}

/// How many live blocks there may be before the process runs out of mappings, which nothing in it
/// would survive for long.
fn live_blocks_max() -> usize {
    let mappings = fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok())
        .unwrap_or(DEFAULT_MAPPINGS);
    (mappings - mappings / SPARED_SHARE) / MAPPINGS_PER_BLOCK
}
