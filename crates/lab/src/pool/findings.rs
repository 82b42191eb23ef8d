//! What the pool tells of its blocks, and of what was done wrong with them.
//!
//! Not which rule is broken by it: the words here are the pool's, the verdict is its caller's.

use std::{
    fmt::{self, Display, Formatter},
    io,
};

use thiserror::Error;

use super::Tag;

/// For whom a block was allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The driver asked for it.
    Driver,
    /// The simulated kernel made it for itself: IRPs, device objects, wrappers of routines.
    Kernel,
}

impl Owner {
    pub(super) const COUNT: usize = 2;
}

impl Display for Owner {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Driver => "the driver",
            Self::Kernel => "the kernel",
        })
    }
}

/// A block, live or freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockInfo {
    /// The block's number in order of allocation, from 1 on. No two blocks of a pool share one.
    pub serial: u64,
    /// Its first byte.
    pub address: usize,
    /// How many bytes were asked for.
    pub bytes: usize,
    /// The tag it was allocated with.
    pub tag: Tag,
    /// For whom it was allocated.
    pub owner: Owner,
    /// The call site that allocated it.
    pub allocated_at: u32,
    /// The call site that freed it; none if it is live.
    pub freed_at: Option<u32>,
}

impl Display for BlockInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            serial,
            address,
            bytes,
            tag,
            owner,
            ..
        } = self;
        write!(f, "block {serial} ('{tag}', {bytes} bytes at {address:#x}, of {owner})")
    }
}

/// Sums over the blocks of one owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks allocated.
    pub allocations: u64,
    /// Blocks freed.
    pub frees: u64,
    /// Bytes allocated, freed or not.
    pub allocated_bytes: u64,
    /// Bytes of the blocks that are live.
    pub live_bytes: u64,
    /// The most blocks that were live at once.
    pub live_blocks_max: u64,
    /// The most bytes that were live at once.
    pub live_bytes_max: u64,
}

impl Counters {
    /// Blocks that are live.
    pub fn live_blocks(&self) -> u64 {
        self.allocations - self.frees
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.allocations += 1;
        self.allocated_bytes += bytes as u64;
        self.live_bytes += bytes as u64;
        self.live_blocks_max = self.live_blocks_max.max(self.live_blocks());
        self.live_bytes_max = self.live_bytes_max.max(self.live_bytes);
    }

    pub(super) fn remove(&mut self, bytes: usize) {
        self.frees += 1;
        self.live_bytes -= bytes as u64;
    }
}

/// Why no block was allocated.
#[derive(Debug, Error)]
pub enum NoBlock {
    /// There are no addresses left for it.
    #[error("the pool's arena of {arena_bytes} bytes has no room for a block of {bytes}")]
    Exhausted {
        /// The size of the block.
        bytes: usize,
        /// The size of the arena.
        arena_bytes: usize,
    },
    /// The live blocks have as much memory as the simulated machine gives to its pool.
    #[error("of the {memory_bytes} bytes of memory for the pool not enough are left for a block of {bytes}")]
    NoMemory {
        /// The size of the block.
        bytes: usize,
        /// The size of the memory.
        memory_bytes: usize,
    },
    /// Special pool has as many live blocks as the system has mappings for.
    #[error(
        "special pool cannot have more than {limit} live blocks, since each needs two of the system's mappings; \
         raise vm.max_map_count or use the plain pool"
    )]
    TooManyLive {
        /// How many there may be, and are.
        limit: usize,
    },
    /// The memory that was to become the block was written to after it had been freed.
    #[error("{block} was written to at offset {offset} after it had been freed")]
    WrittenAfterFree {
        /// The freed block.
        block: BlockInfo,
        /// How far from the block's start the first changed byte is.
        offset: usize,
    },
    /// The system gave no memory.
    #[error("the system gave no memory for a pool block: {0}")]
    System(#[source] io::Error),
}

/// A block that was freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// The block as it is now.
    pub block: BlockInfo,
}

/// Why nothing was freed. Blocks stay as they were.
#[derive(Debug, Error)]
pub enum BadFree {
    /// There is no block, and none is remembered.
    #[error("{address:#x} is not a pool block")]
    NotABlock {
        /// What was to be freed.
        address: usize,
    },
    /// The block has been freed before, and its address not reused.
    #[error("{block} has already been freed (the address is at offset {offset})")]
    AlreadyFreed {
        /// The freed block.
        block: BlockInfo,
        /// How far from the block's start the address is: 0 for an exact second free.
        offset: usize,
    },
    /// A block covers the address but does not start there.
    #[error("the address is at offset {offset} of {block}, not at its start")]
    InsideBlock {
        /// The live block.
        block: BlockInfo,
        /// How far from the block's start the address is.
        offset: usize,
    },
    /// Bytes behind the block's end were written.
    #[error("{block} was written to beyond its end, at offset {offset}")]
    SlackOverwritten {
        /// The live block.
        block: BlockInfo,
        /// How far from the block's start the first changed byte is: at least the block's size.
        offset: usize,
    },
    /// Bytes before the block's start were written.
    #[error("{block} was written to before its start, {by} bytes from it")]
    Underrun {
        /// The live block.
        block: BlockInfo,
        /// How far before the block's start the changed byte nearest to the arena's start is.
        by: usize,
    },
    /// The system did not take the memory back.
    #[error("{block} could not be made inaccessible: {source}")]
    System {
        /// The block, which is freed all the same.
        block: BlockInfo,
        /// What the system said.
        source: io::Error,
    },
}

/// What an address is to the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classified {
    /// In a live block.
    Live {
        /// The block.
        block: BlockInfo,
        /// How far from the block's start.
        offset: usize,
    },
    /// In the pages or the slot of a freed block: a use after free.
    Freed {
        /// The block.
        block: BlockInfo,
        /// How far from the block's start; negative before it, the block's size or more behind it.
        offset: isize,
    },
    /// Behind a live block: an overrun.
    BeyondEnd {
        /// The block.
        block: BlockInfo,
        /// How far from the block's end; 0 is the first byte that is not the block's.
        by: usize,
    },
    /// Before a live block: an underrun.
    BeforeStart {
        /// The block.
        block: BlockInfo,
        /// How far from the block's start; 1 is the last byte before it.
        by: usize,
    },
    /// In the arena, where there is no block near and none is remembered.
    GuardOfNothing,
    /// Not in the arena.
    Outside,
}
