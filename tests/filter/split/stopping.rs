//! What stops a request on the way: it is cancelled, or the device goes. At every call that the driver makes.

use std::{cell::RefCell, rc::Rc};

use lab::{
    script::{Answer, IoStatus, Request, Sent, World},
    status::{STATUS_CANCELLED, STATUS_DELETE_PENDING, STATUS_DEVICE_NOT_CONNECTED, STATUS_SUCCESS},
};

use super::{MOST, below, ended, lab_with, pattern, play_with, watch};
use crate::{interleaved::send_and_at, statistics::statistics};

const PARTS: usize = 4;
const LENGTH: usize = PARTS * MOST;

/// How a request is carried out, and what its parts meet.
#[derive(Clone, Copy, Debug)]
struct Case {
    paging: bool,
    /// Whether the lower driver completes each part before its dispatch routine has returned.
    at_once: bool,
    /// Whether there is no memory but the reserve.
    without_memory: bool,
}

/// All of them that differ.
fn cases() -> impl Iterator<Item = Case> {
    (0..8).map(|bits| Case {
        paging: bits & 1 != 0,
        at_once: bits & 2 != 0,
        without_memory: bits & 4 != 0,
    })
}

fn request(world: &World, case: Case) -> Request {
    let request = Request::write(0, LENGTH as u32).of(world.new_mdl(&pattern(LENGTH, 3)));
    if case.paging { request.paging() } else { request }
}

/// Sets up what a case meets.
fn set_up(world: &World, case: Case) {
    set_answer(world, case);
    if case.without_memory {
        world.fail_always(&["ExAllocatePool2", "IoAllocateIrp", "IoAllocateMdl"]);
    }
}

fn set_answer(world: &World, case: Case) {
    world.answer(if case.at_once { Answer::Transfer } else { Answer::Pend });
}

/// Completes what is below, and what comes then, until nothing is.
fn complete_all(world: &World, status: i32) {
    loop {
        let parts: Vec<_> = below(world);
        if parts.is_empty() {
            break;
        }
        for part in parts {
            let bytes = if status < 0 { 0 } else { part.length };
            if world.is_pending_at(part.irp) {
                world.complete_at(part.irp, IoStatus::new(status, bytes));
            }
        }
    }
}

/// What a request that was stopped may end with: parts that were carried out from the first on, and then the reason; or all of
/// it, where the reason came too late.
#[track_caller]
fn check_stopped(sent: &Sent, reasons: &[i32], context: &dyn std::fmt::Debug) {
    let IoStatus { status, information } = ended(sent);
    if status == STATUS_SUCCESS {
        assert_eq!(information, LENGTH, "{context:?}");
    } else {
        assert!(reasons.contains(&status), "{context:?}: {status:#x}");
        assert!(
            information < LENGTH && information % MOST == 0,
            "{context:?}: {information}"
        );
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_cancelled_at_any_call_ends_once() {
    for window in [1, 2, 8] {
        play_with(window, |world, filter| {
            let mut ends = 0;
            for case in cases() {
                let mut cancelled = 0;
                for point in 0.. {
                    set_up(world, case);
                    let request = request(world, case);
                    let (sent, happened) = send_and_at(world, filter, request, point, |world, irp| {
                        world.cancel_at(irp);
                    });
                    complete_all(world, STATUS_SUCCESS);
                    check_stopped(&sent, &[STATUS_CANCELLED], &(case, point));
                    cancelled += u32::from(sent.ended().is_some_and(|end| end.status == STATUS_CANCELLED));
                    ends += 1;
                    assert_eq!(world.held_locks(), []);
                    world.fail_always(&[]);
                    world.take_calls();
                    if !happened {
                        assert!(point > 10, "{case:?}: there are only {point} points");
                        break;
                    }
                }
                assert!(cancelled > 3, "{case:?}: {cancelled} were cancelled");
            }
            let write = statistics(world, filter).counters.write;
            assert_eq!(
                (write.sent, write.completed_success + write.completed_error),
                (ends, ends)
            );
        });
    }
}

/// While parts are below: each is cancelled, and none is begun.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_cancellation_reaches_every_part_that_is_below() {
    for window in [1, 2, 4, 8, 32] {
        play_with(window, |world, filter| {
            for done in 0..6 {
                world.answer(Answer::Pend);
                let mdl = world.new_mdl(&pattern(8 * MOST, 1));
                let before = world.driver_pool().live_blocks();
                let completions = watch(world, 2);
                let sent = world.send(filter, Request::read(0, 8 * MOST as u32).of(mdl));
                let mut pending = Vec::new();
                for _ in 0..done {
                    pending.extend(below(world));
                    let first = pending.remove(0);
                    world.complete_at(first.irp, IoStatus::new(STATUS_SUCCESS, MOST));
                }
                pending.extend(below(world));
                assert_eq!(pending.len(), (window as usize).min(8 - done));
                world.cancel(&sent);
                assert_eq!(ended(&sent), IoStatus::new(STATUS_CANCELLED, done * MOST));
                assert_eq!(below(world), [], "a part is begun for what is cancelled");
                assert_eq!(completions.check_restored(&sent), before);
                assert_eq!(world.held_locks(), []);
            }
        });
    }
}

/// A part that came back before the cancellation, and has failed, says more than the cancellation.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_failed_before_it_was_cancelled_has_failed() {
    play_with(4, |world, filter| {
        world.answer(Answer::Pend);
        let mdl = world.new_mdl(&pattern(8 * MOST, 1));
        for failing in 0..4 {
            let sent = world.send(filter, Request::read(0, 8 * MOST as u32).of(mdl));
            let parts = below(world);
            for part in &parts[..failing] {
                world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, MOST));
            }
            world.complete_at(parts[failing].irp, STATUS_DEVICE_NOT_CONNECTED);
            assert_eq!(sent.ended(), None);
            world.cancel(&sent);
            assert_eq!(ended(&sent), IoStatus::new(STATUS_DEVICE_NOT_CONNECTED, failing * MOST));
            world.take_arrivals();
        }
    });
}

/// A cancellation comes while the last part is completed, at every call of that.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_cancellation_at_any_call_of_the_last_completion_loses_or_wins_and_ends_it_once() {
    for window in [1, 2, 8] {
        for paging in [false, true] {
            let results = lab_with(window).play_at_every_point(|world, point| {
                let (_, filter) = world.add_filter();
                world.answer(Answer::Pend);
                let mdl = world.new_mdl(&pattern(2 * MOST, 1));
                let request = Request::read(0, 2 * MOST as u32).of(mdl);
                let sent = world.send(filter, if paging { request.paging() } else { request });
                let mut parts = below(world);
                let first = parts.remove(0);
                world.complete_at(first.irp, IoStatus::new(STATUS_SUCCESS, MOST));
                parts.extend(below(world));
                let irp = sent.irp();
                point.interrupt(world, move |world| {
                    if !world.holds_spin_lock() {
                        world.cancel_at(irp);
                    }
                });
                world.complete_at(parts[0].irp, IoStatus::new(STATUS_SUCCESS, MOST));
                point.end(world);
                assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, 2 * MOST));
                world.answer(Answer::complete(STATUS_SUCCESS));
                world.remove(filter);
                world.unload();
            });
            let runs = results.unwrap_or_else(|error| panic!("{error}"));
            assert!(runs.len() > 10, "{} points", runs.len());
        }
    }
}

/// The device goes, in the middle of any call.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_goes_at_any_call_waits_for_what_is_below_and_for_nothing_else() {
    for window in [1, 8] {
        for surprise in [false, true] {
            let played = lab_with(window).play(|world| {
                for case in cases() {
                    for point in 0.. {
                        world.answer(Answer::complete(STATUS_SUCCESS));
                        let (lower, filter) = world.add_filter();
                        set_up(world, case);
                        let request = request(world, case);
                        let removal = Rc::new(RefCell::new(None));
                        let sending = Rc::clone(&removal);
                        let (sent, happened) = send_and_at(world, filter, request, point, move |world, _| {
                            world.answer(Answer::complete(STATUS_SUCCESS));
                            let going = if surprise {
                                Request::surprise_removal()
                            } else {
                                Request::remove_device()
                            };
                            *sending.borrow_mut() = Some(world.send(filter, going));
                            set_answer(world, case);
                        });
                        world.fail_always(&[]);
                        let status = if surprise {
                            STATUS_DEVICE_NOT_CONNECTED
                        } else {
                            STATUS_SUCCESS
                        };
                        complete_all(world, status);
                        let reasons = [STATUS_DELETE_PENDING, STATUS_DEVICE_NOT_CONNECTED];
                        check_stopped(&sent, &reasons, &(case, point));
                        world.answer(Answer::complete(STATUS_SUCCESS));
                        if filter.exists() {
                            world.send(filter, Request::remove_device());
                        }
                        if let Some(removal) = removal.take() {
                            assert!(removal.returned().is_some(), "{case:?}, point {point}");
                        }
                        assert!(!filter.exists(), "{case:?}, point {point}");
                        assert_eq!(lower.top_of_stack(), lower);
                        assert_eq!(world.driver_pool().live_blocks(), 0, "{case:?}, point {point}");
                        world.take_calls();
                        world.take_arrivals();
                        if !happened {
                            break;
                        }
                    }
                }
                world.unload();
            });
            if let Err(error) = played {
                panic!("window {window}, surprise {surprise}: {error}");
            }
        }
    }
}

/// The device goes while parts are below: what they bring is the request's, and no other is sent.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_waits_for_the_parts_that_are_below_and_no_other_is_begun() {
    for window in [1, 3] {
        play_with(window, |world, filter| {
            world.answer(Answer::Pend);
            let mdl = world.new_mdl(&pattern(8 * MOST, 1));
            let sent = world.send(filter, Request::read(0, 8 * MOST as u32).of(mdl));
            let parts = below(world);
            world.answer(Answer::complete(STATUS_SUCCESS));
            let remove = world.send(filter, Request::remove_device());
            world.take_arrivals();
            assert_eq!((sent.ended(), remove.returned()), (None, None));
            for part in &parts {
                assert_eq!(remove.returned(), None);
                world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, MOST));
            }
            assert_eq!(below(world), [], "a part is sent to a device that has gone");
            assert_eq!(ended(&sent), IoStatus::new(STATUS_DELETE_PENDING, parts.len() * MOST));
            assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
            assert!(!filter.exists());
        });
    }
}

/// Another request comes in the middle of any call of the first.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_that_overtake_each_other_are_carried_out_both() {
    for window in [1, 2, 8] {
        play_with(window, |world, filter| {
            for case in cases() {
                for point in 0.. {
                    world.answer(Answer::Transfer);
                    if case.without_memory {
                        world.fail_always(&["ExAllocatePool2", "IoAllocateIrp", "IoAllocateMdl"]);
                    }
                    let (first, second) = (request(world, case), request(world, case));
                    let other: Rc<RefCell<Option<Sent>>> = Rc::default();
                    let sending = Rc::clone(&other);
                    let (sent, happened) = send_and_at(world, filter, first, point, move |world, _| {
                        *sending.borrow_mut() = Some(world.send(filter, second));
                    });
                    world.fail_always(&[]);
                    for sent in [Some(sent), other.take()].into_iter().flatten() {
                        assert_eq!(
                            ended(&sent),
                            IoStatus::new(STATUS_SUCCESS, LENGTH),
                            "{case:?}, point {point}"
                        );
                    }
                    world.take_calls();
                    world.take_arrivals();
                    if !happened {
                        break;
                    }
                }
            }
        });
    }
}
