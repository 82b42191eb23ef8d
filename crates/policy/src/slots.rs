//! Which of a device's slots are free: atomic bitmaps in shards, over memory that the caller owns.
//!
//! A slot is a number; what lies behind it (the context of a followed request) is the caller's, and belongs to whoever
//! took the number until it is given back. Each processor takes from its own shard first and from the others only
//! where that is empty. A reserve that only some may take from is a second set of slots.
//!
//! Nobody waits here: where no slot is free, the answer is none.

use core::num::NonZeroU32;

use crate::sync::{AtomicU64, Ordering};

const BITS: u32 = u64::BITS;
/// Words that a shard's bitmap is padded to: two cache lines, which processors fetch in pairs.
const SHARD_WORDS_MULTIPLE: u32 = 16;

/// The number of a slot, below the count of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SlotIndex(u32);

impl SlotIndex {
    /// The slot of this number, as [`get`](Self::get) gave it.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The slot's number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// How many slots there are and how they are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotLayout {
    shards: NonZeroU32,
    slots_per_shard: NonZeroU32,
}

impl SlotLayout {
    /// `shards` shards of `slots_per_shard` slots each, or none where that is more slots than `u32` numbers.
    #[must_use]
    pub const fn new(shards: NonZeroU32, slots_per_shard: NonZeroU32) -> Option<Self> {
        match shards.checked_mul(slots_per_shard) {
            Some(_) => Some(Self {
                shards,
                slots_per_shard,
            }),
            None => None,
        }
    }

    /// How many slots there are; their numbers are those below.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        // `new` has shown that it fits.
        self.shards.get().wrapping_mul(self.slots_per_shard.get())
    }

    /// How many zeroed words [`Slots::new`] needs for that.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.words_per_shard().saturating_mul(self.shards.get() as usize)
    }

    const fn words_per_shard(&self) -> usize {
        let words = self.slots_per_shard.get().div_ceil(BITS);
        words.next_multiple_of(SHARD_WORDS_MULTIPLE) as usize
    }
}

/// What can be wrong with a slot that is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveBackError {
    /// No slot has this number.
    OutOfRange,
    /// Nobody has taken the slot, or whoever did has given it back already.
    NotTaken,
}

/// The slots of one device, shared by processors.
///
/// # Invariants
///
/// 1. The bit of a slot is set from `take` to `give_back`, and no other bit is ever set. So all-zero words are slots
///    that are all free.
/// 2. Giving back releases and taking acquires: who takes a slot sees all that its last owner did with it.
#[derive(Debug, Clone, Copy)]
pub struct Slots<'w> {
    words: &'w [AtomicU64],
    layout: SlotLayout,
}

impl<'w> Slots<'w> {
    /// The slots whose bitmaps are in `words`, or none where those are fewer than [`SlotLayout::words`].
    ///
    /// Every view of the same words must have the same layout. Zeroed words are slots that are all free.
    #[must_use]
    pub fn new(layout: SlotLayout, words: &'w [AtomicU64]) -> Option<Self> {
        let words = words.get(..layout.words())?;
        Some(Self { words, layout })
    }

    /// How the slots are shared out.
    #[must_use]
    pub const fn layout(&self) -> SlotLayout {
        self.layout
    }

    /// Takes a free slot: from the shard of `shard_hint`, any number, or else from those after it.
    ///
    /// None says that each word was full when it was looked at; with others giving back at the same time, that need
    /// not have been at one moment.
    #[must_use]
    pub fn take(&self, shard_hint: u32) -> Option<SlotIndex> {
        let shards = self.layout.shards;
        let own = shard_hint % shards;
        (own..shards.get())
            .chain(0..own)
            .find_map(|shard| self.take_from(shard))
    }

    /// Makes a slot free for others. Where this fails, nothing was changed.
    ///
    /// # Errors
    ///
    /// [`GiveBackError`] where the slot does not exist or is free, which is a fault of the caller's.
    pub fn give_back(&self, slot: SlotIndex) -> Result<(), GiveBackError> {
        let per_shard = self.layout.slots_per_shard;
        let (shard, within) = (slot.0 / per_shard, slot.0 % per_shard);
        let word = self.shard(shard).get((within / BITS) as usize);
        let bit = bit(within % BITS);
        let before = word
            .ok_or(GiveBackError::OutOfRange)?
            .fetch_and(!bit, Ordering::Release);
        if before & bit == 0 {
            return Err(GiveBackError::NotTaken);
        }
        Ok(())
    }

    /// How many slots are taken. Exact once nobody takes or gives back.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.words.iter().fold(0, |sum: u32, word| {
            sum.saturating_add(word.load(Ordering::Relaxed).count_ones())
        })
    }

    fn take_from(&self, shard: u32) -> Option<SlotIndex> {
        let first_of_shard = shard.saturating_mul(self.layout.slots_per_shard.get());
        let mut first = 0_u32;
        for word in self.shard(shard) {
            let left = self.layout.slots_per_shard.get().saturating_sub(first);
            if left == 0 {
                break;
            }
            if let Some(within_word) = claim(word, left) {
                let within = first.saturating_add(within_word);
                return Some(SlotIndex(first_of_shard.saturating_add(within)));
            }
            first = first.saturating_add(BITS);
        }
        None
    }

    /// The words of a shard, padding included.
    fn shard(&self, shard: u32) -> &'w [AtomicU64] {
        let words = self.layout.words_per_shard();
        let start = words.saturating_mul(shard as usize);
        self.words.get(start..start.saturating_add(words)).unwrap_or_default()
    }
}

/// Sets the lowest clear bit of the lowest `slots`, and says which it was.
fn claim(word: &AtomicU64, slots: u32) -> Option<u32> {
    let beyond = u64::MAX.checked_shl(slots).unwrap_or(0);
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        let lowest_clear = (seen | beyond).trailing_ones();
        if lowest_clear >= BITS {
            return None;
        }
        // Bits that are set already stay as they are, so losing the race to one costs another round and no repair.
        let bit = bit(lowest_clear);
        seen = word.fetch_or(bit, Ordering::Acquire);
        if seen & bit == 0 {
            return Some(lowest_clear);
        }
    }
}

/// The bit of this number, below 64.
const fn bit(number: u32) -> u64 {
    1_u64.wrapping_shl(number)
}
