//! Dividing transfers: every small case against the plainest model there is, which reads in byte order what each part does;
//! and large ones at random.
#![cfg(not(loom))]

use core::num::NonZeroU32;
use std::collections::VecDeque;

use policy::split::{Decision, Memory, Outcome, Part, Shortage, Split, Transfer, WINDOW_MAX, Whole, decide};
use proptest::prelude::*;

const SECTOR: u32 = 512;
const CANCELLED: i32 = 0xC000_0120_u32.cast_signed();
const DELETE_PENDING: i32 = 0xC000_0056_u32.cast_signed();
const NO_MEMORY: i32 = 0xC000_009A_u32.cast_signed();

/// What the device below does with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Good,
    /// Fails, with a status that says which part it was.
    Fails,
    /// Does so many bytes less, or all that there are.
    Short(u32),
}

fn error_of(number: u32) -> i32 {
    (0xC000_0000_u32 + number).cast_signed()
}

fn answer(part: Part, fate: Fate) -> (i32, u64) {
    match fate {
        Fate::Good => (0, part.length.into()),
        // What it says of the bytes does not count.
        Fate::Fails => (error_of(part.number), part.length.into()),
        Fate::Short(less) => (0, part.length.saturating_sub(less).into()),
    }
}

/// What a transfer ends with whose first `begun` parts were sent: the first in byte order that was not good says it.
fn model(length: u32, part_bytes: u32, fates: &[Fate], begun: usize) -> Option<(i32, u32)> {
    let mut transferred = 0;
    for (number, fate) in fates[..begun].iter().enumerate() {
        let of_part = part_bytes.min(length - transferred);
        match *fate {
            Fate::Good => transferred += of_part,
            Fate::Fails => return Some((error_of(number as u32), transferred)),
            Fate::Short(less) => return Some((0, transferred + of_part.saturating_sub(less))),
        }
    }
    (begun == fates.len()).then_some((0, length))
}

fn split(length: u32, part_bytes: u32, window: u32) -> Split {
    let transfer = Transfer {
        offset: 0,
        length,
        memory: Memory::SystemBuffer,
    };
    match decide(&transfer, NonZeroU32::new(part_bytes), window) {
        Decision::Split(split) => split,
        other => panic!("{length} bytes in parts of {part_bytes}: {other:?}"),
    }
}

/// A transfer that is being carried out, and what must hold meanwhile.
#[derive(Clone)]
struct Run<'a> {
    split: Split,
    length: u32,
    part_bytes: u32,
    window: u32,
    fates: &'a [Fate],
    in_flight: Vec<Part>,
    begun: u32,
    /// Whether a part is known not to have been good, or it was stopped.
    ending: bool,
}

impl<'a> Run<'a> {
    fn new(length: u32, part_bytes: u32, window: u32, fates: &'a [Fate]) -> Self {
        let split = split(length, part_bytes, window);
        assert_eq!(split.parts() as usize, fates.len());
        Self {
            split,
            length,
            part_bytes,
            window,
            fates,
            in_flight: Vec::new(),
            begun: 0,
            ending: false,
        }
    }

    /// Begins what can be begun, and says whether anything was.
    fn begin(&mut self) -> bool {
        let before = self.begun;
        while let Some(part) = self.split.begin() {
            self.take(part);
        }
        let idle = !self.ending && self.begun < self.fates.len() as u32;
        assert!(
            !idle || self.in_flight.len() == self.window as usize,
            "it waits for nothing"
        );
        before != self.begun
    }

    fn take(&mut self, part: Part) {
        assert!(!self.ending, "{part:?} is begun in vain");
        let offset = self.begun * self.part_bytes;
        let expected = Part {
            number: self.begun,
            offset,
            length: self.part_bytes.min(self.length - offset),
        };
        assert_eq!(part, expected, "the parts are in order, and leave nothing out");
        assert_ne!(part.length, 0);
        self.begun += 1;
        self.in_flight.push(part);
        assert!(
            self.in_flight.len() <= self.window as usize,
            "more in flight than there may be"
        );
    }

    /// The part at this place among those in flight comes back.
    fn come_back(&mut self, place: usize) {
        let part = self.in_flight.remove(place);
        let fate = self.fates[part.number as usize];
        let (status, information) = answer(part, fate);
        self.split.done(part, status, information);
        self.ending |= fate != Fate::Good;
    }

    fn outcome(&self) -> (i32, u32) {
        let Outcome {
            status, transferred, ..
        } = self.split.outcome();
        (status, transferred)
    }

    fn check_end(&self) {
        assert!(self.in_flight.is_empty());
        let expected = model(self.length, self.part_bytes, self.fates, self.fates.len());
        assert_eq!(
            Some(self.outcome()),
            expected,
            "{:?}, window {}",
            self.fates,
            self.window
        );
        assert!(!self.split.outcome().refused);
    }
}

/// A few numbers that are all but random, the same each time.
fn scramble(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

/// Every length up to 16 sectors, every window, every set of failing parts.
#[test]
fn every_set_of_failing_parts_ends_where_the_first_of_them_is() {
    let mut cases = 0_u64;
    for sectors in 1..=16_u32 {
        for part_sectors in (1..sectors).filter(|&part| part <= 4) {
            let parts = sectors.div_ceil(part_sectors);
            // A window of more than there are parts is one of as many.
            for window in 1..=parts {
                for failing in 0..1_u32 << parts {
                    let fates: Vec<_> = (0..parts)
                        .map(|number| {
                            if failing >> number & 1 != 0 {
                                Fate::Fails
                            } else {
                                Fate::Good
                            }
                        })
                        .collect();
                    let mut run = Run::new(sectors * SECTOR, part_sectors * SECTOR, window, &fates);
                    run.begin();
                    let mut seed = u64::from(failing) << 8 | u64::from(window);
                    while !run.in_flight.is_empty() {
                        seed = scramble(seed);
                        run.come_back(seed as usize % run.in_flight.len());
                        run.begin();
                    }
                    run.check_end();
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 1_974_784);
}

/// Every order in which the parts of a run can come back.
fn in_every_order(run: &Run<'_>, runs: &mut u64) {
    if run.in_flight.is_empty() {
        run.check_end();
        *runs += 1;
    }
    for place in 0..run.in_flight.len() {
        let mut next = run.clone();
        next.come_back(place);
        next.begin();
        in_every_order(&next, runs);
    }
}

/// Every list of so many fates.
fn every_fate(parts: u32) -> impl Iterator<Item = Vec<Fate>> {
    const FATES: [Fate; 4] = [Fate::Good, Fate::Fails, Fate::Short(SECTOR), Fate::Short(u32::MAX)];
    (0..4_u32.pow(parts)).map(move |number| {
        (0..parts)
            .map(|part| FATES[(number >> (2 * part) & 3) as usize])
            .collect()
    })
}

/// Good, failing, short and empty parts, in every window and every order of coming back.
#[test]
fn no_order_of_coming_back_changes_what_it_ends_with() {
    let mut runs = 0;
    for sectors in [3, 4, 5, 7, 8, 9] {
        let parts = sectors_to_parts(sectors);
        for window in 1..=parts {
            for fates in every_fate(parts) {
                let mut run = Run::new(sectors * SECTOR, 2 * SECTOR, window, &fates);
                run.begin();
                in_every_order(&run, &mut runs);
            }
        }
    }
    assert!(runs > 50_000, "{runs}");
}

fn sectors_to_parts(sectors: u32) -> u32 {
    sectors.div_ceil(2)
}

/// A cancellation or a refusal at every step of every order, of up to four parts.
#[test]
fn what_is_stopped_ends_before_the_first_part_that_was_not_begun() {
    for parts in 2..=4 {
        for window in 1..=parts {
            for fates in every_fate(parts) {
                let mut run = Run::new(parts * SECTOR, SECTOR, window, &fates);
                stop_anywhere(&run, None);
                run.begin();
                in_every_order_stopped(&run);
            }
        }
    }
}

fn in_every_order_stopped(run: &Run<'_>) {
    stop_anywhere(run, None);
    for place in 0..run.in_flight.len() {
        let mut next = run.clone();
        next.come_back(place);
        // Between coming back and going on.
        stop_anywhere(&next, None);
        if !next.ending
            && let Some(part) = next.split.begin()
        {
            // The device went before the next one was begun.
            let mut going = next.clone();
            going.split.put_back(part);
            going.split.stop(DELETE_PENDING);
            going.ending = true;
            stop_anywhere(&going, Some(DELETE_PENDING));
            let mut refused = next.clone();
            refused.split.refused(part, NO_MEMORY);
            refused.ending = true;
            stop_anywhere(&refused, Some(NO_MEMORY));
            // Taken, and then cancelled before it was sent.
            let mut taken = next.clone();
            taken.split.cancelled();
            taken.split.put_back(part);
            taken.ending = true;
            stop_anywhere(&taken, Some(CANCELLED));
            next.take(part);
        }
        next.begin();
        in_every_order_stopped(&next);
    }
}

/// Cancels a run, which may have been stopped before, and lets everything come back.
fn stop_anywhere(run: &Run<'_>, stopped: Option<i32>) {
    let mut run = run.clone();
    run.split.cancelled();
    run.ending = true;
    while !run.in_flight.is_empty() {
        run.come_back(run.in_flight.len() / 2);
        assert!(!run.begin(), "a part is begun after the stop");
    }
    assert_eq!(run.split.begin(), None);
    let begun = run.begun as usize;
    let before = (run.begun * run.part_bytes).min(run.length);
    let end = model(run.length, run.part_bytes, run.fates, begun).unwrap_or((stopped.unwrap_or(CANCELLED), before));
    assert_eq!(run.outcome(), end, "{:?}, {begun} begun", run.fates);
    assert_eq!(run.split.outcome().refused, begun == 0 && stopped == Some(NO_MEMORY));
}

#[test]
fn the_first_of_two_stops_is_the_one_that_counts() {
    let mut cancelled = split(4 * SECTOR, SECTOR, 4);
    let part = cancelled.begin().unwrap();
    cancelled.cancelled();
    cancelled.refused(part, NO_MEMORY);
    assert_eq!(cancelled.outcome().status, CANCELLED);
    assert!(!cancelled.outcome().refused);

    let mut refused = split(4 * SECTOR, SECTOR, 4);
    let part = refused.begin().unwrap();
    refused.refused(part, NO_MEMORY);
    refused.cancelled();
    assert_eq!(
        (refused.outcome().status, refused.outcome().transferred),
        (NO_MEMORY, 0)
    );
    assert!(refused.outcome().refused, "nothing was ever sent");
}

/// Every number of parts in flight when memory runs out, and every number of times.
#[test]
fn without_memory_it_goes_on_with_what_there_was_memory_for() {
    for window in 1..=6_u32 {
        for in_flight in 0..window {
            let fates = [Fate::Good; 8];
            let mut run = Run::new(8 * SECTOR, SECTOR, window, &fates);
            for _ in 0..in_flight {
                let part = run.split.begin().unwrap();
                run.take(part);
            }
            let part = run.split.begin().unwrap();
            let shortage = run.split.no_memory(part);
            if in_flight == 0 {
                assert_eq!(shortage, Shortage::GoSerial);
            } else {
                assert_eq!(shortage, Shortage::Wait);
                assert_eq!(run.split.begin(), None, "there is no memory for more than {in_flight}");
            }
            run.window = in_flight.max(1);
            assert_eq!(run.split.is_serial(), run.window == 1);
            run.begin();
            while !run.in_flight.is_empty() {
                run.come_back(0);
                run.begin();
            }
            run.check_end();
        }
    }
}

#[test]
fn only_the_last_part_that_was_begun_can_be_put_back() {
    let mut split = split(4 * SECTOR, SECTOR, 4);
    let first = split.begin().unwrap();
    let second = split.begin().unwrap();
    let before = split;
    split.put_back(first);
    assert_eq!(split, before);
    split.put_back(second);
    assert_eq!(split.begin(), Some(second));
}

#[test]
fn a_part_that_says_it_did_more_than_it_was_for_did_all_of_it() {
    let mut split = split(2 * SECTOR, SECTOR, 1);
    for information in [u64::MAX, u64::from(SECTOR) + 1] {
        let part = split.begin().unwrap();
        split.done(part, 0, information);
    }
    assert_eq!((split.outcome().status, split.outcome().transferred), (0, 2 * SECTOR));
}

#[test]
fn an_informational_status_is_a_success_and_a_warning_is_an_error() {
    for (status, expected) in [
        (0x4000_0000, (0, 2 * SECTOR)),
        (0x103, (0, 2 * SECTOR)),
        (i32::MIN + 5, (i32::MIN + 5, 0)),
    ] {
        let mut split = split(2 * SECTOR, SECTOR, 2);
        let parts: Vec<_> = std::iter::from_fn(|| split.begin()).collect();
        for part in parts {
            split.done(part, status, part.length.into());
        }
        assert_eq!((split.outcome().status, split.outcome().transferred), expected);
    }
}

#[test]
fn what_cannot_be_divided_is_sent_whole() {
    let most = NonZeroU32::new(4096);
    let transfer = |offset, length, memory| Transfer { offset, length, memory };
    let whole = |transfer| match decide(&transfer, most, 8) {
        Decision::Whole(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(whole(transfer(0, 8192, Memory::ChainedMdls)), Whole::ChainedMdls);
    assert_eq!(whole(transfer(0, 8192, Memory::Unknown)), Whole::UnknownMemory);
    assert_eq!(
        whole(transfer(0, 8192, Memory::Mdl { bytes: 8191 })),
        Whole::MdlTooShort
    );
    let all = Memory::Mdl { bytes: u32::MAX };
    for offset in [-1, -2, i64::MIN, i64::MAX, i64::MAX - 8191] {
        assert_eq!(whole(transfer(offset, 8192, all)), Whole::NoOffset, "{offset}");
    }
    // What fits is not looked at any further.
    for memory in [Memory::ChainedMdls, Memory::Unknown, Memory::Mdl { bytes: 0 }, all] {
        for length in [0, 1, 4095, 4096] {
            assert_eq!(decide(&transfer(-1, length, memory), most, 8), Decision::Fits);
        }
        assert_eq!(decide(&transfer(-1, u32::MAX, memory), None, 8), Decision::Fits);
    }
    for offset in [0, i64::MAX - 8192] {
        assert!(matches!(
            decide(&transfer(offset, 8192, all), most, 8),
            Decision::Split(_)
        ));
    }
}

proptest! {
    #[test]
    fn parts_cover_every_length(length: u32, part_bytes in 1..=u32::MAX, window in 0..100_u32) {
        // So many that the walk ends.
        let part_bytes = part_bytes.max(length / 1_000 + 1);
        prop_assume!(length > part_bytes);
        let mut split = split(length, part_bytes, window);
        let mut at = 0_u64;
        while let Some(part) = split.begin() {
            prop_assert_eq!(u64::from(part.offset), at);
            prop_assert!(part.length > 0 && part.length <= part_bytes);
            at += u64::from(part.length);
            split.done(part, 0, part.length.into());
        }
        prop_assert_eq!(at, u64::from(length));
        prop_assert_eq!(split.outcome().transferred, length);
    }

    #[test]
    fn large_transfers_end_as_the_model_says(
        parts in 2..200_u32,
        last in 1..=4096_u32,
        window in 1..=40_u32,
        bad in proptest::collection::vec((0..200_usize, prop_oneof![Just(Fate::Fails), (0..5000_u32).prop_map(Fate::Short)]), 0..6),
        order in proptest::collection::vec(any::<u16>(), 200),
    ) {
        let length = (parts - 1) * 4096 + last;
        let mut fates = vec![Fate::Good; parts as usize];
        for (number, fate) in bad {
            // Short of nothing is not short.
            let fate = if fate == Fate::Short(0) { Fate::Good } else { fate };
            fates[number % parts as usize] = fate;
        }
        let mut run = Run::new(length, 4096, window.min(WINDOW_MAX), &fates);
        run.split = split(length, 4096, window);
        run.begin();
        let mut order: VecDeque<_> = order.into();
        while !run.in_flight.is_empty() {
            let place = order.pop_front().map_or(0, usize::from) % run.in_flight.len();
            run.come_back(place);
            run.begin();
        }
        run.check_end();
    }
}
