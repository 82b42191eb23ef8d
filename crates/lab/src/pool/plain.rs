//! The plain pool: slots of a few sizes, in pages that stay accessible.
//!
//! Fast, and blind to a bad access while it happens. What it sees, it sees later: bytes behind a
//! block that have changed when it is freed, and bytes of a freed block that have changed when its
//! slot is used again.

use std::{io, ops::Range};

use super::{
    BLOCK_ALIGNMENT, Layout, NoBlock, Taken,
    arena::Arena,
    ledger::{Ledger, RecordIndex, State},
    page_map::PageMap,
    pattern,
};
use crate::memory::PAGE_BYTES;

/// The slots' sizes for blocks of less than a page. No slot crosses a page boundary, as no such
/// block does on Windows; from 512 on a page divided by 8, 7, 6 and so on.
const SMALL_SLOTS: [usize; 38] = {
    let mut sizes = [0; 38];
    let mut index = 0;
    while index < 31 {
        sizes[index] = 32 + index * BLOCK_ALIGNMENT;
        index += 1;
    }
    let mut parts = 7;
    while parts > 0 {
        sizes[index] = PAGE_BYTES / parts / BLOCK_ALIGNMENT * BLOCK_ALIGNMENT;
        index += 1;
        parts -= 1;
    }
    sizes
};

/// The class for each size in units of the alignment, rounded up.
const SMALL_CLASSES: [u8; PAGE_BYTES / BLOCK_ALIGNMENT + 1] = {
    let mut classes = [0; PAGE_BYTES / BLOCK_ALIGNMENT + 1];
    let mut class = 0;
    let mut unit = 0;
    while unit < classes.len() {
        if SMALL_SLOTS[class as usize] < unit * BLOCK_ALIGNMENT {
            class += 1;
        }
        classes[unit] = class;
        unit += 1;
    }
    classes
};

/// Bytes behind a block that are watched, where the slot has room for them.
const RED_ZONE_BYTES: usize = BLOCK_ALIGNMENT;

/// How much is made accessible at once.
const OPENED_BYTES: usize = 1 << 20;

/// A run of slots of one class.
struct Slab {
    start: usize,
    slot_bytes: usize,
    slots: usize,
    class: usize,
    /// The record of the first slot; the others follow.
    first_record: RecordIndex,
}

pub(super) struct Plain {
    /// The slab that covers each page.
    pages: PageMap,
    slabs: Vec<Slab>,
    /// The free slots of each class, the next one last.
    free: Vec<Vec<RecordIndex>>,
    /// The first page of no slab.
    unused: usize,
    /// The first page that is not accessible.
    closed: usize,
}

impl Plain {
    pub(super) fn new(arena: &Arena) -> Self {
        Self {
            pages: PageMap::new(arena),
            slabs: Vec::new(),
            free: Vec::new(),
            unused: 0,
            closed: 0,
        }
    }

    fn slab_of(&self, arena: &Arena, address: usize) -> Option<&Slab> {
        self.slabs.get(self.pages.get(arena.page_of(address))? as usize)
    }

    /// Adds a slab with at least one slot and frees its slots.
    fn add_slab(&mut self, arena: &mut Arena, ledger: &mut Ledger, class: usize, bytes: usize) -> Result<(), NoBlock> {
        let arena_bytes = arena.range().len();
        let exhausted = || NoBlock::Exhausted { bytes, arena_bytes };
        let slot_bytes = slot_bytes(class).ok_or_else(exhausted)?;
        let slots = (PAGE_BYTES / slot_bytes).max(1);
        let count = slot_bytes.div_ceil(PAGE_BYTES);
        let number = u32::try_from(self.slabs.len()).map_err(|_| exhausted())?;
        if count > arena.pages() - self.unused {
            return Err(exhausted());
        }
        let end = self.unused + count;
        if end > self.closed {
            let ahead = (OPENED_BYTES / PAGE_BYTES).min(arena.pages() - self.closed);
            let opened = end.max(self.closed + ahead);
            let range = arena.page_address(self.closed)..arena.page_address(opened);
            arena.open(&range).map_err(NoBlock::System)?;
            self.closed = opened;
        }
        let start = arena.page_address(self.unused);
        let mut records = Vec::with_capacity(slots);
        for slot in 0..slots {
            records.push(ledger.add(start + slot * slot_bytes).ok_or_else(exhausted)?);
        }
        self.pages.set(self.unused, count, number);
        self.unused = end;
        self.slabs.push(Slab {
            start,
            slot_bytes,
            slots,
            class,
            first_record: records[0],
        });
        self.free[class].extend(records.into_iter().rev());
        Ok(())
    }
}

impl Layout for Plain {
    fn take(&mut self, arena: &mut Arena, ledger: &mut Ledger, bytes: usize) -> Result<Taken, NoBlock> {
        let class = class_of(bytes);
        if self.free.len() <= class {
            self.free.resize_with(class + 1, Vec::new);
        }
        if self.free[class].is_empty() {
            self.add_slab(arena, ledger, class, bytes)?;
        }
        let index = self.free[class].pop().expect("a slab has at least one slot");
        let address = ledger.address(index);
        let span = self.span(arena, ledger, index);
        let is_fresh = ledger.state(index) == State::Vacant;
        if !is_fresh {
            // SAFETY: a slot lies in pages that were opened when its slab was made and are never
            // closed, and no code runs that could write to it while the pool is borrowed.
            let changed = unsafe { arena.first_other(&span, pattern::FREED) };
            if let Some(offset) = changed {
                let block = ledger.info(index);
                return Err(NoBlock::WrittenAfterFree { block, offset });
            }
        }
        Ok(Taken {
            index,
            address,
            span,
            is_zeroed: is_fresh,
        })
    }

    fn nearest(&self, arena: &Arena, address: usize) -> Option<RecordIndex> {
        let slab = self.slab_of(arena, address)?;
        // What is left of a page behind its last slot counts as that slot's surroundings.
        let slot = ((address - slab.start) / slab.slot_bytes).min(slab.slots - 1);
        // Not truncated: a slab has at most a page full of slots.
        Some(slab.first_record + slot as RecordIndex)
    }

    fn span(&self, arena: &Arena, ledger: &Ledger, index: RecordIndex) -> Range<usize> {
        let start = ledger.address(index);
        let bytes = self.slab_of(arena, start).map_or(0, |slab| slab.slot_bytes);
        start..start + bytes
    }

    fn retire(&mut self, arena: &mut Arena, ledger: &Ledger, index: RecordIndex) -> io::Result<()> {
        let span = self.span(arena, ledger, index);
        // SAFETY: a slot lies in pages that were opened when its slab was made and are never
        // closed; references into the arena do not exist.
        unsafe { arena.fill(&span, pattern::FREED) };
        if let Some(class) = self.slab_of(arena, span.start).map(|slab| slab.class) {
            self.free[class].push(index);
        }
        Ok(())
    }
}

/// The class of the slots for a block of `bytes`.
fn class_of(bytes: usize) -> usize {
    if bytes < PAGE_BYTES {
        let units = (bytes + RED_ZONE_BYTES).div_ceil(BLOCK_ALIGNMENT);
        return usize::from(SMALL_CLASSES[units.min(SMALL_CLASSES.len() - 1)]);
    }
    let pages = bytes.saturating_add(RED_ZONE_BYTES).div_ceil(PAGE_BYTES);
    // Four sizes for each doubling: 4, 5, 6, 7, 8, 10, 12, 14, 16, 20 and so on.
    let shift = (pages.ilog2()).saturating_sub(2);
    let quarters = pages.div_ceil(1 << shift);
    SMALL_SLOTS.len() + 4 * shift as usize + quarters
}

/// How large the slots of `class` are; none if that is beyond all memory.
fn slot_bytes(class: usize) -> Option<usize> {
    let Some(large) = class.checked_sub(SMALL_SLOTS.len()) else {
        return SMALL_SLOTS.get(class).copied();
    };
    // The inverse of `class_of`: up to 8 quarters with no shift, then 4 for each shift.
    let shift = large.saturating_sub(5) / 4;
    let quarters = large - 4 * shift;
    quarters
        .checked_mul(PAGE_BYTES)?
        .checked_mul(1_usize.checked_shl(u32::try_from(shift).ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_gets_the_smallest_slot_that_holds_it_and_its_red_zone() {
        let sizes = (0..3 * PAGE_BYTES).chain((3..40).flat_map(|power| {
            let size = PAGE_BYTES << power;
            [size - 17, size - 16, size - 15, size, size + 1, size / 4 * 5]
        }));
        for bytes in sizes {
            let class = class_of(bytes);
            let slot = slot_bytes(class).unwrap();
            let wanted = bytes + RED_ZONE_BYTES;
            if bytes < PAGE_BYTES {
                assert!(slot >= wanted.min(PAGE_BYTES), "{bytes} in {slot}");
            } else {
                assert!(slot >= wanted, "{bytes} in {slot}");
                assert_eq!(slot % PAGE_BYTES, 0, "{bytes} in {slot}");
            }
            if class > 0 {
                let smaller = slot_bytes(class - 1).unwrap();
                let is_large = bytes >= PAGE_BYTES && class > SMALL_SLOTS.len() + 1;
                assert!(
                    smaller < wanted || (!is_large && bytes >= PAGE_BYTES),
                    "{bytes} in {smaller}"
                );
            }
        }
    }

    #[test]
    fn a_size_beyond_all_memory_has_no_slot() {
        assert_eq!(slot_bytes(class_of(usize::MAX)), None);
    }
}
