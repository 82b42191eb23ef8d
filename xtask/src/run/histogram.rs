//! Latency histograms as rows that fit on a screen: neighbouring buckets together, no row between them left out.

use policy::histogram::Histogram;

/// The most rows that are drawn.
const ROWS_MAX: usize = 16;

/// Buckets to each power of two, as `policy::histogram` has them.
const SUB_BUCKETS: usize = 8;

/// Eighths of a character cell, from the left.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// How many values of each histogram are from `lower_ns` on and below `below_ns`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<const N: usize> {
    pub(super) lower_ns: u64,
    pub(super) below_ns: u64,
    pub(super) counts: [u64; N],
}

/// The rows of these histograms, from the smallest value in any of them to the largest.
pub(super) fn rows<const N: usize>(histograms: [&Histogram<u64>; N]) -> Vec<Row<N>> {
    let bounds = histograms.iter().filter_map(|histogram| {
        let (min, max) = (histogram.min()?, histogram.max()?);
        Some((index_of(min.lower), index_of(max.lower)))
    });
    let Some((first, last)) = bounds.reduce(|(min, max), (first, last)| (min.min(first), max.max(last))) else {
        return Vec::new();
    };
    let mut buckets = 1;
    while last / buckets - first / buckets >= ROWS_MAX {
        buckets *= 2;
    }
    let first_row = first / buckets;
    let mut rows: Vec<Row<N>> = (first_row..=last / buckets)
        .map(|row| Row {
            lower_ns: lower_of(row * buckets),
            below_ns: lower_of((row + 1) * buckets),
            counts: [0; N],
        })
        .collect();
    for (column, histogram) in histograms.iter().enumerate() {
        for bucket in histogram.iter() {
            rows[index_of(bucket.lower) / buckets - first_row].counts[column] += bucket.count;
        }
    }
    rows
}

/// The number of the bucket that begins with `lower`.
fn index_of(lower: u64) -> usize {
    let shift = lower.checked_ilog2().unwrap_or(0).saturating_sub(SUB_BUCKETS.ilog2());
    shift as usize * SUB_BUCKETS + (lower >> shift) as usize
}

/// What the bucket with this number begins with.
fn lower_of(index: usize) -> u64 {
    let shift = (index / SUB_BUCKETS).saturating_sub(1);
    ((index - shift * SUB_BUCKETS) as u64) << shift
}

/// A bar for `count`, of at most `width` characters, which `most` has. What is not nothing is seen.
pub(super) fn bar(count: u64, most: u64, width: usize, unicode: bool) -> String {
    if count == 0 || most == 0 {
        return String::new();
    }
    let eighths = (u128::from(count) * width as u128 * 8).div_ceil(u128::from(most)) as usize;
    if !unicode {
        return "#".repeat(eighths.div_ceil(8));
    }
    let mut bar = "█".repeat(eighths / 8);
    bar.extend((eighths % 8).checked_sub(1).map(|part| EIGHTHS[part]));
    bar
}

#[cfg(test)]
mod tests {
    use policy::{histogram::OVERFLOW_FROM, sync::AtomicU64};

    use super::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let counting = Histogram::<AtomicU64>::new();
        for value in values {
            counting.record(*value);
        }
        let mut histogram = Histogram::EMPTY;
        counting.add_to(&mut histogram);
        histogram
    }

    #[test]
    fn each_bucket_has_the_number_that_its_bounds_say() {
        let values: Vec<u64> = (0..64).chain((0..40).map(|bits| (1 << bits) + 3)).collect();
        let histogram = histogram(&values);
        for bucket in histogram.iter() {
            let index = index_of(bucket.lower);
            assert_eq!(lower_of(index), bucket.lower, "{bucket:?}");
            assert_eq!(lower_of(index + 1) - 1, bucket.upper, "{bucket:?}");
        }
    }

    #[test]
    fn every_value_is_in_the_row_that_its_bounds_say_and_rows_touch() {
        let (reads, writes) = ([0, 5, 700, 65_000, 420_000], [100, 100, 9_000_000, OVERFLOW_FROM]);
        let rows = rows([&histogram(&reads), &histogram(&writes)]);
        assert!(rows.len() <= ROWS_MAX && rows.len() > ROWS_MAX / 2, "{rows:?}");
        for pair in rows.windows(2) {
            assert_eq!(pair[0].below_ns, pair[1].lower_ns);
        }
        for row in &rows {
            for (values, count) in [&reads[..], &writes].iter().zip(row.counts) {
                let inside = values
                    .iter()
                    .filter(|value| (row.lower_ns..row.below_ns).contains(value));
                assert_eq!(inside.count() as u64, count, "{row:?}");
            }
        }
        assert_eq!(rows.iter().map(|row| row.counts[0] + row.counts[1]).sum::<u64>(), 9);
    }

    #[test]
    fn nothing_recorded_is_no_row() {
        assert_eq!(rows([&Histogram::EMPTY]), []);
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_too_long() {
        assert_eq!(bar(10, 10, 4, true), "████");
        assert_eq!(bar(5, 10, 4, true), "██");
        assert_eq!(bar(1, 8, 1, true), "▏");
        assert_eq!(bar(1, 1_000_000, 4, true), "▏");
        assert_eq!(bar(1, 1_000_000, 4, false), "#");
        assert_eq!(bar(u64::MAX, u64::MAX, 60, false).len(), 60);
        assert_eq!(bar(0, 10, 4, true), "");
        assert_eq!(bar(0, 0, 4, true), "");
    }
}
