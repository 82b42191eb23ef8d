//! The pool's range of addresses: reserved once, opened and closed page by page.
//!
//! Not which block is where. Addresses go in and out, never Rust references: the bytes belong to
//! the code under test, which writes them at any time.

use std::{
    arch::x86_64::{__m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8},
    io,
    ops::Range,
    ptr,
};

use crate::memory::PAGE_BYTES;

/// Where the arena is put if nothing is there, so that addresses are the same in every run.
const PREFERRED_BASE: usize = 0x20_0000_0000;

/// How many bytes the processor compares with one instruction.
const LANE_BYTES: usize = size_of::<__m128i>();

/// How many such comparisons are made between two branches.
const CHUNK_LANES: usize = 4;
const CHUNK_BYTES: usize = CHUNK_LANES * LANE_BYTES;

/// What the comparison of a lane gives if no byte differs: a bit for each.
const ALL_EQUAL: i32 = (1 << LANE_BYTES) - 1;

/// A reserved range of addresses, given back on drop.
///
/// # Invariants
///
/// `base .. base + bytes` is one reservation that nobody else maps or unmaps, both in whole pages.
/// Its provenance is exposed.
pub(super) struct Arena {
    base: usize,
    bytes: usize,
}

impl Arena {
    /// Reserves `bytes`, in whole pages, all of it inaccessible.
    pub(super) fn reserve(bytes: usize) -> io::Result<Self> {
        let bytes = bytes
            .checked_next_multiple_of(PAGE_BYTES)
            .filter(|&bytes| bytes > 0)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let base = map_closed(PREFERRED_BASE, bytes, libc::MAP_FIXED_NOREPLACE).or_else(|_| map_closed(0, bytes, 0))?;
        Ok(Self { base, bytes })
    }

    /// All of the arena's addresses.
    pub(super) fn range(&self) -> Range<usize> {
        self.base..self.base + self.bytes
    }

    /// How many pages the arena has.
    pub(super) fn pages(&self) -> usize {
        self.bytes / PAGE_BYTES
    }

    /// The number of the page that covers `address`, which is in the arena.
    pub(super) fn page_of(&self, address: usize) -> usize {
        (address - self.base) / PAGE_BYTES
    }

    /// The address of page number `page`.
    pub(super) fn page_address(&self, page: usize) -> usize {
        self.base + page * PAGE_BYTES
    }

    /// Makes `range` readable and writable. Pages that were closed are zeroed.
    pub(super) fn open(&mut self, range: &Range<usize>) -> io::Result<()> {
        self.check(range);
        let first = ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the range was just seen to lie in the reservation, which is ours; that more of it
        // becomes accessible takes nothing from anybody.
        let status = unsafe { libc::mprotect(first, range.len(), libc::PROT_READ | libc::PROT_WRITE) };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Makes `range` inaccessible again and gives up its contents.
    ///
    /// A new mapping in the place of the old one does both in one call, and it becomes one with
    /// its closed neighbours, which pages that were merely protected do not.
    pub(super) fn close(&mut self, range: &Range<usize>) -> io::Result<()> {
        self.check(range);
        map_closed(range.start, range.len(), libc::MAP_FIXED).map(drop)
    }

    /// Sets every byte of `range`.
    ///
    /// # Safety
    ///
    /// The range is open, and no Rust reference to its bytes exists.
    pub(super) unsafe fn fill(&mut self, range: &Range<usize>, byte: u8) {
        self.check(range);
        let first = ptr::with_exposed_provenance_mut::<u8>(range.start);
        // SAFETY: the range lies in the reservation, as just seen, and the caller vouches that it
        // is open and not borrowed.
        unsafe { first.write_bytes(byte, range.len()) };
    }

    /// How far from the start of `range` the first byte is that is not `byte`.
    ///
    /// In so many instructions because the plain pool spends most of its time here.
    ///
    /// # Safety
    ///
    /// The range is open, and nobody writes to it meanwhile. (SSE2, which it is compiled for, is
    /// part of every x86-64 processor.)
    #[target_feature(enable = "sse2")]
    pub(super) unsafe fn first_other(&self, range: &Range<usize>, byte: u8) -> Option<usize> {
        self.check(range);
        let expected = _mm_set1_epi8(byte.cast_signed());
        let mut offset = 0;
        while offset + CHUNK_BYTES <= range.len() {
            let at = ptr::with_exposed_provenance::<[__m128i; CHUNK_LANES]>(range.start + offset);
            // SAFETY: the chunk lies in the range, which the caller vouches is open and not written.
            let chunk = unsafe { at.read_unaligned() };
            let [a, b, c, d] = chunk.map(|lane| _mm_cmpeq_epi8(lane, expected));
            if _mm_movemask_epi8(_mm_and_si128(_mm_and_si128(a, b), _mm_and_si128(c, d))) != ALL_EQUAL {
                break;
            }
            offset += CHUNK_BYTES;
        }
        while offset + LANE_BYTES <= range.len() {
            let at = ptr::with_exposed_provenance::<__m128i>(range.start + offset);
            // SAFETY: as above, for one lane.
            let lane = unsafe { at.read_unaligned() };
            let equal = _mm_movemask_epi8(_mm_cmpeq_epi8(lane, expected));
            if equal != ALL_EQUAL {
                return Some(offset + equal.trailing_ones() as usize);
            }
            offset += LANE_BYTES;
        }
        (offset..range.len()).find(|&offset| {
            let at = ptr::with_exposed_provenance::<u8>(range.start + offset);
            // SAFETY: as above, for one byte.
            let found = unsafe { at.read() };
            found != byte
        })
    }

    /// Panics unless `range` lies in the arena: what keeps this module's own unsafe code sound.
    fn check(&self, range: &Range<usize>) {
        let whole = self.range();
        assert!(
            whole.start <= range.start && range.start <= range.end && range.end <= whole.end,
            "the pool stays within its arena"
        );
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `self` owns exactly this reservation, and nobody has a reference into it. Code
        // that still holds addresses in it is the business of whoever let it run.
        unsafe { libc::munmap(ptr::with_exposed_provenance_mut(self.base), self.bytes) };
    }
}

/// Maps inaccessible pages that cost nothing, at `address` or, if that is only a wish, anywhere.
///
/// With MAP_FIXED, `address` is in a reservation of the caller's.
fn map_closed(address: usize, bytes: usize, placement: libc::c_int) -> io::Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | placement;
    let wish = ptr::with_exposed_provenance_mut(address);
    // SAFETY: without MAP_FIXED no memory that exists is changed. With it only the arena's own is,
    // to which no Rust reference exists: `Arena::close` has checked the range.
    let base = unsafe { libc::mmap(wish, bytes, libc::PROT_NONE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        Err(io::Error::last_os_error())
    } else {
        Ok(base.expose_provenance())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_other_byte_is_found_wherever_it_is_and_none_where_there_is_none() {
        let mut arena = Arena::reserve(PAGE_BYTES).unwrap();
        let page = arena.range();
        arena.open(&page).unwrap();
        // SAFETY: the page is open, and nobody has a reference to it.
        unsafe { arena.fill(&page, 7) };
        for start in page.start..page.start + 17 {
            for bytes in 0..150 {
                let range = start..start + bytes;
                // SAFETY: the page is open and this thread's only.
                assert_eq!(unsafe { arena.first_other(&range, 7) }, None);
                for offset in 0..bytes {
                    let other = range.start + offset..range.end;
                    // SAFETY: as for the first fill.
                    unsafe { arena.fill(&other, 8) };
                    // SAFETY: as for the first search.
                    assert_eq!(unsafe { arena.first_other(&range, 7) }, Some(offset));
                    // SAFETY: as for the first fill.
                    unsafe { arena.fill(&other, 7) };
                }
            }
        }
    }
}
