//! The memory that the simulated kernel allocates for itself and for the driver.
//!
//! Not the kernel's pool functions, and no knowledge of what a block is used for. It gives out
//! addresses, remembers who allocated and freed each block and says what an address is, so that a
//! fault can be told as what it is: a use after free, an overrun, an underrun.
//!
//! # What is promised to drivers
//!
//! As `ExAllocatePool2` has it: a block of a page or more starts on a page boundary; a smaller one
//! is aligned to 16 bytes and crosses no page boundary.
//!
//! # Two modes
//!
//! [`Mode::Special`] puts each block on pages of its own, against an inaccessible page behind it;
//! freed blocks become inaccessible, and their addresses are not used again until the whole arena
//! has been used once. An overrun faults at once unless it stays in the slack that alignment
//! leaves (up to 15 bytes; up to a page less one byte behind a block of more than a page), which
//! is checked when the block is freed, and so are the bytes before it in its page. It costs two
//! system calls a block. A live block needs two of the system's mappings, of which Linux gives a
//! process 65,530 by default; at [`NoBlock::TooManyLive`] some are left for the rest of the process.
//!
//! [`Mode::Plain`] is for speed. It sees an overrun of up to 16 bytes when the block is freed, and
//! a write to a freed block when its memory is used again.
//!
//! # Determinism
//!
//! The same calls give blocks at the same distances and with the same serial numbers, and at the
//! same addresses too if nothing else is where the arena is put, as in a process that has one pool.

mod arena;
mod findings;
mod ledger;
mod page_map;
mod plain;
mod special;
mod tag;

use std::{io, ops::Range};

pub use findings::{BadFree, BlockInfo, Classified, Counters, Freed, NoBlock, Owner};
pub use tag::Tag;

use self::{
    arena::Arena,
    ledger::{Birth, Ledger, RecordIndex, State},
    plain::Plain,
    special::Special,
};
use crate::memory::PAGE_BYTES;

/// What every block's address is a multiple of.
pub const BLOCK_ALIGNMENT: usize = 16;

/// How many bytes of addresses a pool reserves unless it is told otherwise.
///
/// They count towards a limit on the process's address space, but take no memory.
pub const ARENA_BYTES: usize = 64 << 30;

/// How many bytes all live blocks have together at most.
///
/// A driver that allocates without end is to run out of the simulated machine's memory, not of that
/// of the machine that the lab runs on.
pub const MEMORY_BYTES: usize = 512 << 20;

/// The bytes that the pool fills memory with.
///
/// Eight of any of them are no canonical address, so a pointer that is read from such memory faults
/// when it is used. A report can tell from a value where it came from.
pub mod pattern {
    /// A new block that nobody asked to be zeroed.
    pub const UNINITIALIZED: u8 = 0xA7;
    /// A freed block of the plain pool.
    pub const FREED: u8 = 0xDF;
    /// Behind a block.
    pub const SLACK: u8 = 0x5C;
    /// Before a block, in its first page.
    pub const LEAD: u8 = 0x6B;
}

/// How blocks are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Each block on pages of its own, a guard page behind it, freed memory inaccessible.
    Special,
    /// Blocks side by side in pages that stay accessible.
    Plain,
}

/// What a new block contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Zeros.
    Zeroed,
    /// [`pattern::UNINITIALIZED`].
    Uninitialized,
}

/// A place for a block.
struct Taken {
    index: RecordIndex,
    /// Where the block starts.
    address: usize,
    /// The accessible memory that is this block's only, the block in it.
    span: Range<usize>,
    is_zeroed: bool,
}

/// Where blocks are put. The addresses passed in are in the arena.
trait Layout: Send + Sync {
    /// Finds a place for a block of `bytes` and makes it accessible.
    fn take(&mut self, arena: &mut Arena, ledger: &mut Ledger, bytes: usize) -> Result<Taken, NoBlock>;

    /// The record of the block at or around `address`, whatever its state.
    fn nearest(&self, arena: &Arena, address: usize) -> Option<RecordIndex>;

    /// The span of the block of `index`, as it was taken.
    fn span(&self, arena: &Arena, ledger: &Ledger, index: RecordIndex) -> Range<usize>;

    /// Takes back the place of a block that was live until now.
    fn retire(&mut self, arena: &mut Arena, ledger: &Ledger, index: RecordIndex) -> io::Result<()>;
}

/// A pool of memory blocks.
pub struct Pool {
    arena: Arena,
    ledger: Ledger,
    layout: Box<dyn Layout>,
}

impl Pool {
    /// A pool with [`ARENA_BYTES`] of addresses.
    pub fn new(mode: Mode) -> io::Result<Self> {
        Self::with_arena(mode, ARENA_BYTES)
    }

    /// A pool with `arena_bytes` of addresses, in whole pages.
    pub fn with_arena(mode: Mode, arena_bytes: usize) -> io::Result<Self> {
        let arena = Arena::reserve(arena_bytes)?;
        let layout: Box<dyn Layout> = match mode {
            Mode::Special => Box::new(Special::new(&arena)),
            Mode::Plain => Box::new(Plain::new(&arena)),
        };
        Ok(Self {
            arena,
            ledger: Ledger::new(),
            layout,
        })
    }

    /// The addresses that the pool's blocks have.
    pub fn arena(&self) -> Range<usize> {
        self.arena.range()
    }

    /// Allocates `bytes` and returns the address of the first.
    ///
    /// `site` is the call site that asks for them; it comes back in [`BlockInfo::allocated_at`]. No
    /// bytes are allowed too: the block has an address of its own and nothing in it may be used.
    pub fn allocate(
        &mut self,
        bytes: usize,
        tag: impl Into<Tag>,
        owner: Owner,
        site: u32,
        contents: Contents,
    ) -> Result<usize, NoBlock> {
        let memory_bytes = MEMORY_BYTES;
        if bytes > memory_bytes.saturating_sub(self.live_bytes()) {
            return Err(NoBlock::NoMemory { bytes, memory_bytes });
        }
        let taken = self.layout.take(&mut self.arena, &mut self.ledger, bytes)?;
        let block = taken.address..taken.address + bytes;
        let mut fill = |range: Range<usize>, byte| {
            if !range.is_empty() {
                // SAFETY: the three ranges lie in the span, which `take` has just opened for this
                // block only, and the pool never makes references into its arena.
                unsafe { self.arena.fill(&range, byte) };
            }
        };
        fill(taken.span.start..block.start, pattern::LEAD);
        fill(block.end..taken.span.end, pattern::SLACK);
        match contents {
            Contents::Zeroed if taken.is_zeroed => {}
            Contents::Zeroed => fill(block, 0),
            Contents::Uninitialized => fill(block, pattern::UNINITIALIZED),
        }
        let birth = Birth {
            address: taken.address,
            bytes,
            tag: tag.into(),
            owner,
            site,
        };
        self.ledger.allocated(taken.index, birth);
        Ok(taken.address)
    }

    /// How many bytes the live blocks of all owners have.
    fn live_bytes(&self) -> usize {
        let live = [Owner::Driver, Owner::Kernel].map(|owner| self.ledger.counters(owner).live_bytes as usize);
        live.iter().sum()
    }

    /// Frees the block at `address`; `site` is the call site that does.
    pub fn free(&mut self, address: usize, site: u32) -> Result<Freed, BadFree> {
        let index = self.nearest(address).ok_or(BadFree::NotABlock { address })?;
        let block = self.ledger.info(index);
        let state = self.ledger.state(index);
        match address.checked_sub(block.address) {
            Some(0) if state == State::Live => {}
            Some(offset) if offset > 0 && offset >= block.bytes => return Err(BadFree::NotABlock { address }),
            Some(offset) if state == State::Live => return Err(BadFree::InsideBlock { block, offset }),
            Some(offset) if state == State::Freed => return Err(BadFree::AlreadyFreed { block, offset }),
            _ => return Err(BadFree::NotABlock { address }),
        }
        let span = self.layout.span(&self.arena, &self.ledger, index);
        self.check_surroundings(&span, &block)?;
        self.ledger.freed(index, site);
        let retired = self.layout.retire(&mut self.arena, &self.ledger, index);
        let block = self.ledger.info(index);
        match retired {
            Ok(()) => Ok(Freed { block }),
            Err(source) => Err(BadFree::System { block, source }),
        }
    }

    fn check_surroundings(&self, span: &Range<usize>, block: &BlockInfo) -> Result<(), BadFree> {
        // SAFETY: the block is live, so its span is open, and no code runs that could write to it
        // while the pool is borrowed.
        let beyond = unsafe {
            self.arena
                .first_other(&(block.address + block.bytes..span.end), pattern::SLACK)
        };
        if let Some(offset) = beyond {
            return Err(BadFree::SlackOverwritten {
                block: *block,
                offset: block.bytes + offset,
            });
        }
        // SAFETY: as above.
        let before = unsafe { self.arena.first_other(&(span.start..block.address), pattern::LEAD) };
        before.map_or(Ok(()), |offset| {
            Err(BadFree::Underrun {
                block: *block,
                by: block.address - span.start - offset,
            })
        })
    }

    /// The live block that covers `address`.
    pub fn block_at(&self, address: usize) -> Option<BlockInfo> {
        match self.classify(address) {
            Classified::Live { block, .. } => Some(block),
            _ => None,
        }
    }

    /// What `address` is to the pool.
    ///
    /// It allocates nothing and takes no lock, so that a fault handler can ask.
    pub fn classify(&self, address: usize) -> Classified {
        if !self.arena.range().contains(&address) {
            return Classified::Outside;
        }
        let here = self.nearest(address);
        if let Some(index) = here
            && self.layout.span(&self.arena, &self.ledger, index).contains(&address)
        {
            return self.classify_by(index, address);
        }
        // Between blocks. A live one beside it is more likely to be meant than a freed one, then
        // the nearer one.
        let next_page = (address | (PAGE_BYTES - 1)).wrapping_add(1);
        let next = self.nearest(next_page).filter(|&next| Some(next) != here);
        let candidates = [here, next].into_iter().flatten();
        candidates
            .min_by_key(|&index| {
                let start = self.ledger.address(index);
                let end = start + self.ledger.bytes(index);
                let distance = start.saturating_sub(address).max(address.saturating_sub(end));
                (self.ledger.state(index) != State::Live, distance)
            })
            .map_or(Classified::GuardOfNothing, |index| self.classify_by(index, address))
    }

    /// What `address` is to the block of `index`.
    fn classify_by(&self, index: RecordIndex, address: usize) -> Classified {
        let block = self.ledger.info(index);
        match self.ledger.state(index) {
            State::Vacant => Classified::GuardOfNothing,
            // Both are addresses of one arena, so their distance is in range.
            State::Freed => Classified::Freed {
                block,
                offset: address.wrapping_sub(block.address).cast_signed(),
            },
            State::Live => match address.checked_sub(block.address) {
                None => Classified::BeforeStart {
                    block,
                    by: block.address - address,
                },
                Some(offset) if offset < block.bytes => Classified::Live { block, offset },
                Some(offset) => Classified::BeyondEnd {
                    block,
                    by: offset - block.bytes,
                },
            },
        }
    }

    /// The live blocks of `owner` in order of allocation: what has leaked, at the end of a run.
    pub fn live(&self, owner: Owner) -> impl Iterator<Item = BlockInfo> {
        self.ledger.live(owner)
    }

    /// The sums over the blocks of `owner`.
    pub fn counters(&self, owner: Owner) -> &Counters {
        self.ledger.counters(owner)
    }

    fn nearest(&self, address: usize) -> Option<RecordIndex> {
        let is_ours = self.arena.range().contains(&address);
        is_ours.then(|| self.layout.nearest(&self.arena, address)).flatten()
    }
}
