//! A histogram whose buckets grow with the value: eight to each power of two, shared by processors or plain.
//!
//! Values below 16 have a bucket each. Above, a bucket `lower..=upper` satisfies `upper - lower < lower / 8`, so any
//! value of a bucket stands for any other with an error **below one eighth, 12.5 %**. That holds up to
//! [`OVERFLOW_FROM`]; what is larger is counted in one bucket of its own, of which no more is known.
//!
//! It keeps no sum and no exact extremes: what it answers are the bounds of buckets, and those hold.

#[cfg(not(loom))]
use zerocopy::FromZeros;

use crate::sync::{AtomicU64, Ordering};

/// Buckets to each power of two, as a power of two itself.
const SUB_BUCKET_BITS: u32 = 3;
const SUB_BUCKETS: usize = 1 << SUB_BUCKET_BITS;
const OVERFLOW_BITS: u32 = 40;

/// The first value that is too large for a bucket with an error bound: 2^40, which is over 18 minutes in nanoseconds.
pub const OVERFLOW_FROM: u64 = 1 << OVERFLOW_BITS;

/// How many buckets there are, the last of which is the overflow bucket.
pub const BUCKETS: usize = (OVERFLOW_BITS - SUB_BUCKET_BITS + 1) as usize * SUB_BUCKETS + 1;

/// The buckets: of [`AtomicU64`] where processors share them, of `u64` in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(loom), derive(FromZeros))]
#[repr(C)]
pub struct Histogram<W> {
    pub(crate) buckets: [W; BUCKETS],
}

impl Histogram<AtomicU64> {
    /// An empty histogram. Zeroed memory is the same.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buckets: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// Counts `value`: one relaxed add.
    pub fn record(&self, value: u64) {
        let [regular @ .., overflow] = &self.buckets;
        let bucket = regular.get(index_of(value)).unwrap_or(overflow);
        bucket.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what has been counted so far to `snapshot`.
    pub fn add_to(&self, snapshot: &mut Histogram<u64>) {
        for (to, from) in snapshot.buckets.iter_mut().zip(&self.buckets) {
            *to = to.saturating_add(from.load(Ordering::Relaxed));
        }
    }
}

impl Default for Histogram<AtomicU64> {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram<u64> {
    /// The snapshot of nothing.
    pub const EMPTY: Self = Self { buckets: [0; BUCKETS] };

    /// Adds what `other` counted, as if both had been recorded into one.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.buckets.iter_mut().zip(&other.buckets) {
            *to = to.saturating_add(*from);
        }
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |sum: u64, bucket| sum.saturating_add(*bucket))
    }

    /// How many values were recorded that were [`OVERFLOW_FROM`] or larger.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        let [.., overflow] = &self.buckets;
        *overflow
    }

    /// The buckets that are not empty, from the smallest value on.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let counted = self.buckets.iter().enumerate();
        counted
            .filter(|&(_, &count)| count > 0)
            .map(|(index, &count)| Bucket::at(index, count))
    }

    /// The bucket of the smallest value, or none where nothing was recorded.
    #[must_use]
    pub fn min(&self) -> Option<Bucket> {
        self.iter().next()
    }

    /// The bucket of the largest value, or none where nothing was recorded.
    #[must_use]
    pub fn max(&self) -> Option<Bucket> {
        self.iter().next_back()
    }

    /// The bucket of the value at `percentile`, or none where nothing was recorded.
    ///
    /// The value meant is the one of nearest rank: the smallest recorded value such that at least that share of all
    /// recorded values is not larger. It lies within the bucket's bounds.
    #[must_use]
    pub fn percentile(&self, percentile: Percentile) -> Option<Bucket> {
        let rank = percentile.rank_of(self.count());
        let mut not_larger = 0_u64;
        self.iter().find(|bucket| {
            not_larger = not_larger.saturating_add(bucket.count);
            not_larger >= rank
        })
    }
}

impl Default for Histogram<u64> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// One bucket of a snapshot: how many of the recorded values lie in `lower..=upper`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The smallest value that the bucket counts.
    pub lower: u64,
    /// The largest value that the bucket counts; `u64::MAX` in the overflow bucket.
    pub upper: u64,
    /// How many values it has counted.
    pub count: u64,
}

impl Bucket {
    fn at(index: usize, count: u64) -> Self {
        if index >= BUCKETS.saturating_sub(1) {
            return Self {
                lower: OVERFLOW_FROM,
                upper: u64::MAX,
                count,
            };
        }
        // The index is `shift * SUB_BUCKETS + top`, as `index_of` made it; `top` is below 8 only where `shift` is 0.
        let shift = (index / SUB_BUCKETS).saturating_sub(1);
        let top = index.saturating_sub(shift.saturating_mul(SUB_BUCKETS)) as u64;
        let width = 1_u64.wrapping_shl(shift as u32);
        let lower = top.saturating_mul(width);
        Self {
            lower,
            upper: lower.saturating_add(width.saturating_sub(1)),
            count,
        }
    }

    /// Whether this is the overflow bucket, to which the error bound does not apply.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        self.lower >= OVERFLOW_FROM
    }
}

/// A share of all values, from none to all, in steps of one in 100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile(u32);

impl Percentile {
    const ALL: u32 = 100_000;

    /// Half of the values are not larger.
    pub const MEDIAN: Self = Self::per_mille(500);
    /// Nine in ten values are not larger.
    pub const P90: Self = Self::per_mille(900);
    /// 99 in 100 values are not larger.
    pub const P99: Self = Self::per_mille(990);
    /// 999 in 1,000 values are not larger.
    pub const P99_9: Self = Self::per_mille(999);
    /// 9,999 in 10,000 values are not larger.
    pub const P99_99: Self = Self::per_hundred_thousand(99_990);

    /// `share` in 1,000 values; more than 1,000 is all of them.
    #[must_use]
    pub const fn per_mille(share: u32) -> Self {
        Self::per_hundred_thousand(share.saturating_mul(Self::ALL / 1_000))
    }

    /// `share` in 100,000 values; more than 100,000 is all of them.
    #[must_use]
    pub const fn per_hundred_thousand(share: u32) -> Self {
        Self(if share > Self::ALL { Self::ALL } else { share })
    }

    /// The share, in 100,000.
    #[must_use]
    pub const fn in_hundred_thousand(self) -> u32 {
        self.0
    }

    /// The rank of the value that is meant among `count` sorted ones, from 1 on: the share of `count`, rounded up.
    fn rank_of(self, count: u64) -> u64 {
        const ALL: u64 = Percentile::ALL as u64;
        let share = u64::from(self.0);
        // In two parts, since `count * share` need not fit. The first product is at most `count`.
        let whole = (count / ALL).saturating_mul(share);
        let rest = (count % ALL).saturating_mul(share).div_ceil(ALL);
        whole.saturating_add(rest).max(1)
    }
}

/// The bucket of `value`, or an index from `BUCKETS - 1` on where it belongs in the overflow bucket.
fn index_of(value: u64) -> usize {
    let shift = value.checked_ilog2().unwrap_or(0).saturating_sub(SUB_BUCKET_BITS);
    // The value's four highest bits, 8..=15, from which the shift has taken the rest.
    let top = value.wrapping_shr(shift) as usize;
    (shift as usize).saturating_mul(SUB_BUCKETS).saturating_add(top)
}
