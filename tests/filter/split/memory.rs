//! What becomes of a request where there is no memory for its parts.

use std::time::Duration;

use lab::{
    script::{Address, Answer, Device, IoStatus, LowerDevice, Request, Sent, World},
    status::{
        STATUS_CANCELLED, STATUS_DELETE_PENDING, STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE, STATUS_PENDING,
        STATUS_SUCCESS,
    },
};

use super::{MOST, below, ended, lab_with, pattern, play_on, play_with, split_counters, watch};
use crate::{statistics::statistics, support::driver};

/// Everything that carrying out a request by parts could ask for.
const ALLOCATIONS: [&str; 3] = ["ExAllocatePool2", "IoAllocateIrp", "IoAllocateMdl"];
const REGISTRATION: &str = "IoSetCompletionRoutineEx";

/// Every allocation, at each of the places where it is reached, once; with the parts completed at once, or one after the other.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_allocation_that_fails_anywhere_fails_nothing() {
    const PARTS: usize = 6;
    const LENGTH: usize = PARTS * MOST - 1024;
    for window in [1, 2, 8] {
        play_with(window, |world, filter| {
            let (data, medium) = (pattern(LENGTH, 1), vec![0; LENGTH]);
            let mut requests = 0;
            for pends in [false, true] {
                for function in ALLOCATIONS {
                    for at in 0.. {
                        let mdl = world.new_mdl(&data);
                        world.set_medium(medium.clone());
                        world.answer(if pends { Answer::Pend } else { Answer::Transfer });
                        let completions = watch(world, 2);
                        let before = world.driver_pool();
                        world.fail_after(at, function);
                        let sent = world.send(filter, Request::write(0, LENGTH as u32).of(mdl));
                        let mut pending = Vec::new();
                        while sent.ended().is_none() {
                            pending.extend(below(world));
                            // The one that came last first.
                            let part = pending.pop().expect("a part is below");
                            world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, part.length));
                        }
                        assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, LENGTH), "{function} {at}");
                        assert!(world.medium() == data, "{function} {at}");
                        let live = completions.check_restored(&sent);
                        assert_eq!(live, before.live_blocks(), "{function} {at}");
                        requests += 1;
                        world.take_arrivals();
                        world.take_calls();
                        // Whether it was reached at all.
                        if world.forget_failures() {
                            assert!(at > 0 || (window == 1 && function == "IoAllocateIrp"), "{function}");
                            break;
                        }
                    }
                }
            }
            let [parallel, serial, ..] = split_counters(world, filter);
            assert_eq!(parallel + serial, requests);
            assert!(serial > 0);
        });
    }
}

/// The figure: paging I/O of 4 MiB over a device that takes 64 KiB, with nothing that could be allocated.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn paging_io_is_carried_out_with_every_allocation_failing() {
    const LENGTH: usize = 4 * 1024 * 1024;
    const TAKES: usize = 64 * 1024;
    for window in [1, 8] {
        let lab = driver()
            .parameter("MaxTransferBytes", TAKES as u32)
            .parameter("SplitWindow", window);
        play_on(&lab, LowerDevice::default(), |world, filter| {
            let data = pattern(LENGTH, 9);
            for answer in [
                Answer::Transfer,
                Answer::PendAndTransfer,
                Answer::CompleteAfter(Duration::from_millis(1), IoStatus::new(STATUS_SUCCESS, TAKES)),
            ] {
                for is_write in [true, false] {
                    world.answer(answer);
                    let memory = if is_write { data.clone() } else { vec![0; LENGTH] };
                    world.set_medium(if is_write { vec![0; LENGTH] } else { data.clone() });
                    let mdl = world.new_mdl(&memory);
                    let before = world.driver_pool();
                    world.fail_always(&[ALLOCATIONS[0], ALLOCATIONS[1], ALLOCATIONS[2], REGISTRATION]);
                    let request = super::transfer(is_write, 0, LENGTH).of(mdl).paging();
                    let sent = world.send(filter, request);
                    world.finish(&sent);
                    world.fail_always(&[]);
                    assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, LENGTH));
                    assert!(world.medium() == data);
                    assert!(world.memory(mdl.buffer, LENGTH) == data);
                    assert_eq!(world.driver_pool(), before, "something was allocated");
                    assert_eq!(below(world).len(), LENGTH / TAKES);
                    world.take_calls();
                }
            }
            assert_eq!(split_counters(world, filter), [0, 6, 6 * (LENGTH / TAKES) as u64, 0, 0]);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_may_fail_is_carried_out_without_memory_too_as_long_as_it_can_be_registered() {
    play_with(8, |world, filter| {
        let mdl = world.new_mdl(&pattern(3 * MOST, 1));
        world.answer(Answer::Transfer);
        world.fail_always(&ALLOCATIONS);
        let sent = world.send(filter, Request::read(0, 3 * MOST as u32).of(mdl));
        assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, 3 * MOST));
        world.fail_always(&[ALLOCATIONS[0], ALLOCATIONS[1], ALLOCATIONS[2], REGISTRATION]);
        let refused = world.send(filter, Request::read(0, 3 * MOST as u32).of(mdl));
        world.fail_always(&[]);
        assert_eq!(ended(&refused), STATUS_INSUFFICIENT_RESOURCES.into());
        assert_eq!(below(world).len(), 3);
        let counters = statistics(world, filter).counters;
        assert_eq!((counters.refused, counters.read.sent), (1, 2));
        assert_eq!(split_counters(world, filter), [0, 1, 3, 0, 0]);
    });
}

/// Sends a request for which there is no memory but the reserve.
fn send_without_memory(world: &World, filter: Device, parts: usize) -> Sent {
    let mdl = world.new_mdl(&pattern(parts * MOST, 1));
    world.fail_always(&ALLOCATIONS);
    let sent = world.send(filter, Request::read(0, (parts * MOST) as u32).of(mdl).paging());
    world.fail_always(&[]);
    assert_eq!(sent.returned(), Some(STATUS_PENDING));
    sent
}

/// Completes the one part that is below, which is of this request.
#[track_caller]
fn complete_part_of(world: &World, sent: &Sent) {
    let parts = below(world);
    let [part] = &parts[..] else {
        panic!("{parts:?}");
    };
    assert_eq!(part.irp, sent.irp());
    world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, part.length));
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_that_find_the_reserve_taken_wait_and_have_it_in_their_order() {
    play_with(8, |world, filter| {
        world.answer(Answer::Pend);
        let sent: Vec<_> = (0..5).map(|_| send_without_memory(world, filter, 2)).collect();
        assert_eq!(split_counters(world, filter), [0, 1, 1, 4, 0]);
        // One that is cancelled while it waits is gone, and the others do not hear of it.
        assert!(world.cancel(&sent[2]));
        assert_eq!(ended(&sent[2]), STATUS_CANCELLED.into());
        for (number, one) in sent.iter().enumerate() {
            if number == 2 {
                continue;
            }
            complete_part_of(world, one);
            assert_eq!(one.ended(), None);
            complete_part_of(world, one);
            assert_eq!(ended(one), IoStatus::new(STATUS_SUCCESS, 2 * MOST));
        }
        assert_eq!(below(world), []);
        assert_eq!(split_counters(world, filter), [0, 4, 8, 4, 0]);
        let read = statistics(world, filter).counters.read;
        assert_eq!((read.sent, read.completed_success, read.completed_error), (5, 4, 1));
        assert_eq!(world.held_locks(), []);
        // And it is free again.
        let last = send_without_memory(world, filter, 2);
        complete_part_of(world, &last);
        complete_part_of(world, &last);
        assert_eq!(ended(&last), IoStatus::new(STATUS_SUCCESS, 2 * MOST));
        assert_eq!(split_counters(world, filter), [0, 5, 10, 4, 0]);
    });
}

/// A request that waits takes no part of the stack of the one that it waits for.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_thousand_requests_that_wait_are_carried_out_in_a_loop() {
    for answer in [Answer::Transfer, Answer::PendAndTransfer] {
        play_with(8, |world, filter| {
            world.set_recording(false);
            world.answer(Answer::Pend);
            let first = send_without_memory(world, filter, 2);
            let waiting: Vec<_> = (0..1000).map(|_| send_without_memory(world, filter, 2)).collect();
            world.answer(answer);
            world.complete(&first, IoStatus::new(STATUS_SUCCESS, MOST));
            for one in [first].iter().chain(&waiting) {
                assert_eq!(ended(one), IoStatus::new(STATUS_SUCCESS, 2 * MOST));
            }
            assert_eq!(split_counters(world, filter), [0, 1001, 2002, 1000, 0]);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_waits_is_let_go_when_the_device_goes() {
    for surprise in [false, true] {
        play_with(8, |world, filter| {
            world.answer(Answer::Pend);
            let first = send_without_memory(world, filter, 3);
            let waiting = send_without_memory(world, filter, 2);
            let parts = below(world);
            world.answer(Answer::complete(STATUS_SUCCESS));
            let mut remove = None;
            if surprise {
                world.send(filter, Request::surprise_removal());
            } else {
                remove = Some(world.send(filter, Request::remove_device()));
            }
            assert_eq!(ended(&waiting), STATUS_DELETE_PENDING.into());
            assert_eq!(first.ended(), None);
            // What is below is waited for, and so is what the drivers below say of it.
            world.answer(Answer::Transfer);
            world.complete_at(parts[0].irp, IoStatus::new(STATUS_SUCCESS, MOST));
            if surprise {
                assert_eq!(ended(&first), IoStatus::new(STATUS_SUCCESS, 3 * MOST));
                // Nothing waits any more; what need not is for the drivers below to answer.
                let late = send_without_memory(world, filter, 2);
                assert_eq!(ended(&late), STATUS_DELETE_PENDING.into());
                world.answer(Answer::complete(STATUS_NO_SUCH_DEVICE));
                let mdl = world.new_mdl(&pattern(2 * MOST, 1));
                let answered = world.send(filter, Request::read(0, 2 * MOST as u32).of(mdl));
                assert_eq!(ended(&answered), STATUS_NO_SUCH_DEVICE.into());
                world.answer(Answer::complete(STATUS_SUCCESS));
                remove = Some(world.send(filter, Request::remove_device()));
            } else {
                // The drivers below have let go of the device: nothing more is sent to them.
                assert_eq!(ended(&first), IoStatus::new(STATUS_DELETE_PENDING, MOST));
            }
            assert!(remove.expect("it was sent").returned().is_some());
            assert!(!filter.exists());
        });
    }
}

/// In parallel a part for which there is no memory waits until another one is back; and goes on alone where none is below.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn memory_that_runs_out_on_the_way_makes_the_window_smaller() {
    const PARTS: usize = 12;
    for (function, failing_at, expected_window) in [
        ("IoAllocateIrp", 3, 3),
        ("IoAllocateIrp", 1, 1),
        ("IoAllocateMdl", 4, 3),
        ("IoAllocateMdl", 1, 0),
    ] {
        play_with(8, |world, filter| {
            let mdl = world.new_mdl(&pattern(PARTS * MOST, 1));
            world.answer(Answer::Pend);
            world.fail_after(failing_at, function);
            let sent = world.send(filter, Request::read(0, (PARTS * MOST) as u32).of(mdl));
            let mut pending = below(world);
            // Where the first part had none, it is sent by the request itself.
            assert_eq!(pending.len(), expected_window.max(1));
            assert_eq!(pending[0].irp == sent.irp(), expected_window == 0);
            let mut irps: Vec<Address> = Vec::new();
            while !pending.is_empty() {
                let part = pending.remove(0);
                irps.push(part.irp);
                world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, part.length));
                pending.extend(below(world));
                assert!(pending.len() <= expected_window.max(1));
            }
            assert_eq!(irps.len(), PARTS);
            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, PARTS * MOST));
        });
    }
}

/// With parts of its own first, and the request itself when there is no memory for more and none of them is below.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_goes_on_by_itself_where_no_part_can_be_made_any_more() {
    play_with(8, |world, filter| {
        let mdl = world.new_mdl(&pattern(6 * MOST, 1));
        let completions = watch(world, 2);
        world.answer(Answer::Pend);
        // The first two have memory, and then nothing has.
        world.fail_after(2, "IoAllocateIrp");
        let sent = world.send(filter, Request::read(0, 6 * MOST as u32).of(mdl));
        let parts = below(world);
        assert_eq!(parts.len(), 2);
        world.fail_always(&ALLOCATIONS);
        for part in parts {
            assert_ne!(part.irp, sent.irp());
            assert_eq!(below(world), []);
            world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, part.length));
        }
        for number in 2..6 {
            let parts = below(world);
            let [part] = &parts[..] else {
                panic!("{parts:?}");
            };
            assert_eq!((part.irp, part.offset), (sent.irp(), number * MOST));
            assert!(!part.has_cancel_routine);
            world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, part.length));
        }
        world.fail_always(&[]);
        assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, 6 * MOST));
        completions.check_restored(&sent);
        assert_eq!(split_counters(world, filter), [1, 0, 6, 0, 0]);
    });
}

/// A device that could have no reserve is joined all the same, and follows nothing.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_without_memory_for_a_reserve_lets_everything_pass() {
    let played = lab_with(8).play(|world| {
        world.fail_next("IoAllocateMdl");
        let (_, filter) = world.add_filter();
        let mdl = world.new_mdl(&pattern(3 * MOST, 1));
        world.answer_next(Answer::Transfer);
        let sent = world.send(filter, Request::read(0, 3 * MOST as u32).of(mdl));
        assert_eq!(sent.ended(), Some(IoStatus::new(STATUS_SUCCESS, 3 * MOST)));
        assert_eq!(below(world).len(), 1);
        world.remove(filter);
        world.unload();
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}
