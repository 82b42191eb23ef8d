//! How often which NTSTATUS came back: a fixed table for a device, whose entries are claimed as statuses appear.
//!
//! Errors are rare, so all processors share one table. A status that finds no entry is counted as one of the others:
//! which it was is lost, that it was is not.

use crate::sync::{AtomicU64, Ordering};

/// How many statuses are told apart.
pub const ENTRIES: usize = 16;

/// Marks a claimed key, so that any NTSTATUS can be one, and zeroed memory holds none.
const CLAIMED: u64 = 1 << 32;

/// Errors by status, shared by processors.
///
/// # Invariants
///
/// 1. An entry's key is 0, or `CLAIMED` with the status below it. It changes once, from the one to the other.
/// 2. No two entries have the same key: a status is sought from the first entry on and claims the first free one, and
///    an entry that was passed over belongs to another status for good.
/// 3. All-zero memory is an empty table.
#[derive(Debug)]
#[repr(C)]
pub struct ErrorTable {
    entries: [Entry; ENTRIES],
    others: AtomicU64,
}

#[derive(Debug)]
#[repr(C)]
struct Entry {
    key: AtomicU64,
    count: AtomicU64,
}

impl ErrorTable {
    /// The words of a table, in memory: key and count of each entry, then the count of the others.
    pub(crate) const WORDS: usize = 2 * ENTRIES + 1;

    /// An empty table. Zeroed memory is the same.
    #[must_use]
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            entries: core::array::from_fn(|_| Entry {
                key: zero(),
                count: zero(),
            }),
            others: zero(),
        }
    }

    /// Counts `status` once.
    // Relaxed throughout: a count means nothing before its key, and a reader that sees the one too early comes back.
    pub fn record(&self, status: i32) {
        let key = key_of(status);
        let found = self.entries.iter().find(|entry| entry.is_or_becomes(key));
        let count = found.map_or(&self.others, |entry| &entry.count);
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what has been counted so far to `counts`.
    pub fn add_to(&self, counts: &mut ErrorCounts) {
        for entry in &self.entries {
            if let Key::Of(status) = Key::of(entry.key.load(Ordering::Relaxed)) {
                counts.add(status, entry.count.load(Ordering::Relaxed));
            }
        }
        counts.add_others(self.others.load(Ordering::Relaxed));
    }
}

impl Default for ErrorTable {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    /// Whether the entry is that of `key`, or was free and is now.
    fn is_or_becomes(&self, key: u64) -> bool {
        let now = match self.key.load(Ordering::Relaxed) {
            // The exchange sees the latest key, whatever the load saw.
            0 => match self.key.compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => key,
                Err(claimed) => claimed,
            },
            claimed => claimed,
        };
        now == key
    }
}

/// What a key word says.
pub(crate) enum Key {
    Free,
    Of(i32),
    /// Not a key, which only a reader of raw memory can meet.
    Broken,
}

impl Key {
    pub(crate) fn of(word: u64) -> Self {
        let status = (word as u32).cast_signed();
        match word {
            0 => Self::Free,
            _ if word == key_of(status) => Self::Of(status),
            _ => Self::Broken,
        }
    }
}

fn key_of(status: i32) -> u64 {
    CLAIMED | u64::from(status.cast_unsigned())
}

/// How often one status was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct ErrorCount {
    /// The NTSTATUS.
    pub status: i32,
    /// How often.
    pub count: u64,
}

/// Errors by status, as a snapshot has them.
///
/// # Invariants
///
/// 1. The entries with a count stand first, and no two of them have the same status.
/// 2. All-zero memory is the snapshot of nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C)]
pub struct ErrorCounts {
    entries: [ErrorCount; ENTRIES],
    others: u64,
}

impl ErrorCounts {
    /// The counts of nothing.
    pub const EMPTY: Self = Self {
        entries: [ErrorCount { status: 0, count: 0 }; ENTRIES],
        others: 0,
    };

    /// The statuses that were counted apart, in the order in which they appeared.
    pub fn iter(&self) -> impl Iterator<Item = ErrorCount> + '_ {
        self.entries.iter().copied().take_while(|entry| entry.count > 0)
    }

    /// How many errors were counted with statuses that found no entry.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// How many errors were counted with any status.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.iter()
            .fold(self.others, |sum, entry| sum.saturating_add(entry.count))
    }

    /// Adds what `other` counted. Statuses that find no entry any more are counted as others.
    pub fn merge(&mut self, other: &Self) {
        for entry in other.iter() {
            self.add(entry.status, entry.count);
        }
        self.add_others(other.others);
    }

    pub(crate) fn add(&mut self, status: i32, count: u64) {
        if count == 0 {
            return;
        }
        let fitting = |entry: &&mut ErrorCount| entry.count == 0 || entry.status == status;
        match self.entries.iter_mut().find(fitting) {
            Some(entry) => {
                entry.status = status;
                entry.count = entry.count.saturating_add(count);
            }
            None => self.add_others(count),
        }
    }

    pub(crate) fn add_others(&mut self, count: u64) {
        self.others = self.others.saturating_add(count);
    }
}

impl Default for ErrorCounts {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// What a reader of raw memory relies on.
#[cfg(not(loom))]
const _: () = {
    use core::mem::offset_of;

    assert!(offset_of!(Entry, key) == 0 && offset_of!(Entry, count) == 8);
    assert!(offset_of!(ErrorTable, entries) == 0 && offset_of!(ErrorTable, others) == 16 * ENTRIES);
    assert!(size_of::<ErrorTable>() == 8 * ErrorTable::WORDS);
};
