//! Which slots of a slab are in use: a bit for each, shared by processors without a lock.
//!
//! The memory safety of a slab rests on a slot having one owner at a time, so this is part of this library and not
//! something that a driver brings along. It knows neither what is in a slot nor where; and it is free of the kernel, so
//! that a host can test it.

use crate::sync::{AtomicU64, Ordering};

/// The words of a shard. A shard has two cache lines to itself, since processors fetch them in pairs; most of that is
/// left empty, because a shard of 1,024 slots would be more than a processor ever needs.
pub(crate) const WORDS: usize = 2;

/// How many slots a shard has.
pub(crate) const SLOTS_PER_SHARD: usize = WORDS * 64;

/// The slots that one processor takes from first.
///
/// # Invariants
///
/// A bit is set from the moment that [`take`] gives its slot to a caller until that caller gives it back.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Shard {
    words: [AtomicU64; WORDS],
}

impl Shard {
    /// A shard with every slot free.
    pub(crate) fn new() -> Self {
        Self {
            words: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Takes a free slot. Returns its place in the shard.
    fn take(&self) -> Option<usize> {
        self.words.iter().zip([0, 64]).find_map(|(word, first)| {
            let bit = take_bit(word)?;
            Some(first | bit as usize)
        })
    }

    /// Frees a slot. False where nobody had it, or there is no such slot.
    #[must_use = "a slot that nobody had is one that two may have had"]
    pub(crate) fn give_back(&self, place: usize) -> bool {
        let (word, bit) = (place / 64, place % 64);
        let bit = 1_u64.wrapping_shl(bit as u32);
        // Release: what the owner did with the slot happens before the next owner's.
        self.words
            .get(word)
            .is_some_and(|word| word.fetch_and(!bit, Ordering::Release) & bit != 0)
    }

    /// Whether every slot is free, seen by one who knows that nobody takes any.
    pub(crate) fn is_free(&self) -> bool {
        self.words.iter().all(|word| word.load(Ordering::Acquire) == 0)
    }
}

/// Sets the lowest bit that is clear.
fn take_bit(word: &AtomicU64) -> Option<u32> {
    let mut seen = word.load(Ordering::Relaxed);
    while seen != u64::MAX {
        let bit = seen.trailing_ones();
        // Acquire: see `give_back`.
        match word.compare_exchange_weak(
            seen,
            seen | 1_u64.wrapping_shl(bit),
            Ordering::Acquire,
            Ordering::Relaxed,
        ) {
            Ok(_) => return Some(bit),
            Err(now) => seen = now,
        }
    }
    None
}

/// Takes a free slot: from the shard that `hint` stands for, else from the next one that has any. Returns the shard's
/// index and the place in it.
pub(crate) fn take(shards: &[Shard], hint: usize) -> Option<(usize, usize)> {
    let own = hint.checked_rem(shards.len())?;
    let (before, from_own) = shards.split_at_checked(own)?;
    let from_own = (own..).zip(from_own);
    from_own
        .chain((0..).zip(before))
        .find_map(|(index, shard)| Some((index, shard.take()?)))
}
