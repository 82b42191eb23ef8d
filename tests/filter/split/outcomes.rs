//! What a request ends with: the first part in byte order that did not do all of its bytes says it, in whatever order they come
//! back.

use lab::{
    script::{Answer, Device, IoStatus, Request, World},
    status::{NtStatus, STATUS_BUFFER_OVERFLOW, STATUS_INSUFFICIENT_RESOURCES, STATUS_REPARSE, STATUS_SUCCESS},
};

use super::{Below, MOST, below, ended, pattern, play_with, split_counters, watch};
use crate::statistics::statistics;

/// What a part comes back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Good,
    /// With a status of its own, and a count that means nothing.
    Fails,
    /// With one sector less than it was for.
    Short,
    /// With success and no bytes.
    Empty,
}

const FATES: [Fate; 4] = [Fate::Good, Fate::Fails, Fate::Short, Fate::Empty];

/// The status of a part that fails.
fn error_of(number: usize) -> NtStatus {
    (0xC000_1000_u32 + number as u32).cast_signed()
}

fn answer(number: usize, length: usize, fate: Fate) -> IoStatus {
    match fate {
        Fate::Good => IoStatus::new(STATUS_SUCCESS, length),
        Fate::Fails => IoStatus::new(error_of(number), length),
        Fate::Short => IoStatus::new(STATUS_SUCCESS, length - 512),
        Fate::Empty => IoStatus::new(STATUS_SUCCESS, 0),
    }
}

/// What the whole ends with, read off the fates in byte order.
fn expected(fates: &[Fate]) -> IoStatus {
    let bad = fates.iter().position(|fate| *fate != Fate::Good);
    let Some(first) = bad else {
        return IoStatus::new(STATUS_SUCCESS, fates.len() * MOST);
    };
    let before = first * MOST;
    match fates[first] {
        Fate::Fails => IoStatus::new(error_of(first), before),
        Fate::Short => IoStatus::new(STATUS_SUCCESS, before + MOST - 512),
        _ => IoStatus::new(STATUS_SUCCESS, before),
    }
}

/// Sends a request of one part for each fate, and has the parts come back in the order that `choices` says: each number is
/// a place among those that are below.
fn carry_out(world: &World, filter: Device, fates: &[Fate], mut choices: usize) {
    let length = fates.len() * MOST;
    let mdl = world.new_mdl(&pattern(length, 5));
    let before = world.driver_pool().live_blocks();
    let completions = watch(world, 2);
    let sent = world.send(filter, Request::write(0, length as u32).of(mdl));
    let mut pending: Vec<Below> = below(world);
    let mut is_ending = false;
    let order = choices;
    while !pending.is_empty() {
        assert_eq!(sent.ended(), None, "{fates:?}, order {order}");
        let count = pending.len();
        let part = pending.remove(choices % count);
        choices /= count;
        let number = part.offset / MOST;
        is_ending |= fates[number] != Fate::Good;
        world.complete_at(part.irp, answer(number, part.length, fates[number]));
        let begun = below(world);
        assert!(
            begun.is_empty() || !is_ending,
            "a part is begun in vain: {fates:?}, order {order}"
        );
        pending.extend(begun);
    }
    assert_eq!(ended(&sent), expected(fates), "{fates:?}, order {order}");
    // The request is completed when nothing is left of what was made for it.
    assert_eq!(completions.check_restored(&sent), before, "{fates:?}, order {order}");
    world.take_calls();
}

/// Every list of so many fates.
fn every_list(parts: u32, fates: &'static [Fate]) -> impl Iterator<Item = Vec<Fate>> {
    let base = fates.len();
    (0..base.pow(parts)).map(move |number| (0..parts).map(|part| fates[number / base.pow(part) % base]).collect())
}

/// So many orders there are at most, of so many parts.
fn orders(parts: u32) -> usize {
    (1..=parts as usize).product()
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn no_order_of_coming_back_changes_it() {
    for window in 1..=4 {
        play_with(window, |world, filter| {
            world.answer(Answer::Pend);
            // Every set of failing parts in every order, of four; and every fate in every order, of three.
            for (parts, kinds) in [(2, &FATES[..]), (3, &FATES[..]), (4, &FATES[..2])] {
                for fates in every_list(parts, kinds) {
                    for order in 0..orders(parts.min(window)).max(1) * if window < parts { 2 } else { 1 } {
                        carry_out(world, filter, &fates, order);
                    }
                }
            }
        });
    }
}

/// Every set of failing parts, of those that a lower driver completes at once.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_fails_at_once_ends_as_what_fails_later() {
    for window in [1, 2, 8] {
        for pends in [false, true] {
            play_with(window, |world, filter| {
                let mdl = world.new_mdl(&pattern(6 * MOST, 5));
                for fates in every_list(6, &FATES[..2]) {
                    for (number, fate) in fates.iter().enumerate() {
                        let answer = answer(number, MOST, *fate);
                        world.answer_next(if pends {
                            Answer::PendAndComplete(answer)
                        } else {
                            Answer::Complete(answer)
                        });
                    }
                    let sent = world.send(filter, Request::read(0, 6 * MOST as u32).of(mdl).paging());
                    assert_eq!(ended(&sent), expected(&fates), "{fates:?}");
                    // What was not begun has an answer left.
                    for _ in world.take_arrivals().len()..6 {
                        world.send(filter, Request::new(0x0D, 0));
                    }
                    world.take_arrivals();
                    world.take_calls();
                }
            });
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_informational_status_is_no_error_and_a_warning_is_one() {
    for window in [1, 8] {
        play_with(window, |world, filter| {
            let mdl = world.new_mdl(&pattern(2 * MOST, 5));
            for (status, expected) in [
                (STATUS_REPARSE, IoStatus::new(STATUS_SUCCESS, 2 * MOST)),
                (0x4000_000B, IoStatus::new(STATUS_SUCCESS, 2 * MOST)),
                (STATUS_BUFFER_OVERFLOW, IoStatus::new(STATUS_BUFFER_OVERFLOW, 0)),
            ] {
                world.answer(Answer::Complete(IoStatus::new(status, MOST)));
                let sent = world.send(filter, Request::read(0, 2 * MOST as u32).of(mdl));
                assert_eq!(ended(&sent), expected, "{status:#x}");
            }
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_lower_driver_that_says_more_than_there_is_has_done_all_of_it() {
    for window in [1, 8] {
        play_with(window, |world, filter| {
            let mdl = world.new_mdl(&pattern(2 * MOST, 5));
            world.answer(Answer::Complete(IoStatus::new(STATUS_SUCCESS, usize::MAX)));
            let sent = world.send(filter, Request::read(0, 2 * MOST as u32).of(mdl));
            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, 2 * MOST));
        });
    }
}

/// A registration that is refused, at every part, while those before it are below; and one of them fails as well, or not.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_refused_registration_ends_it_when_those_below_are_back() {
    const PARTS: usize = 5;
    for window in [1, 2, 8] {
        play_with(window, |world, filter| {
            let mdl = world.new_mdl(&pattern(PARTS * MOST, 5));
            let (mut refused_before_any, mut ends) = (0, 0);
            for refused in 0..PARTS {
                for failing in (0..refused).map(Some).chain([None]) {
                    // Where another one is known to have failed by then, the part is not begun.
                    if failing.is_some_and(|failing| failing + window as usize <= refused) {
                        continue;
                    }
                    world.answer(Answer::Pend);
                    world.fail_after(refused, "IoSetCompletionRoutineEx");
                    let completions = watch(world, 2);
                    let sent = world.send(filter, Request::write(0, (PARTS * MOST) as u32).of(mdl));
                    let mut pending = below(world);
                    let mut count = 0;
                    while !pending.is_empty() {
                        let part = pending.remove(0);
                        let number = part.offset / MOST;
                        count += 1;
                        let fate = if failing == Some(number) {
                            Fate::Fails
                        } else {
                            Fate::Good
                        };
                        world.complete_at(part.irp, answer(number, part.length, fate));
                        pending.extend(below(world));
                    }
                    let status = match failing {
                        Some(number) => IoStatus::new(error_of(number), number * MOST),
                        None => IoStatus::new(STATUS_INSUFFICIENT_RESOURCES, refused * MOST),
                    };
                    assert_eq!(ended(&sent), status, "{refused} refused, {failing:?} failing");
                    completions.check_restored(&sent);
                    if failing.is_none() {
                        assert_eq!(count, refused, "a part is sent after the refusal");
                    }
                    refused_before_any += u64::from(refused == 0);
                    ends += 1;
                    world.take_arrivals();
                    world.take_calls();
                }
            }
            let writes = statistics(world, filter).counters.write;
            assert_eq!(writes.sent, ends);
            assert_eq!(writes.completed_error, ends - refused_before_any);
            assert_eq!(statistics(world, filter).counters.refused, refused_before_any);
            assert_eq!(split_counters(world, filter)[3..], [0, 0]);
        });
    }
}
