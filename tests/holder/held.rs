//! READs, which are held: sent again where the lower driver is busy, however it says so.

use std::{cell::Cell, rc::Rc, time::Duration};

use lab::{
    script::{Answer, Call, IoStatus, Moment, Request},
    status::{
        STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_DEVICE_ERROR, STATUS_PENDING,
        STATUS_SUCCESS,
    },
};

use crate::{lock_of, play, play_with_plain_pool};

/// How often the driver sends a READ again at most.
const RESENDS_MAX: u64 = 1_000_000;

/// How many READs it has slots for.
const SLOTS: usize = 128;

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_that_is_busy_a_million_times_takes_no_more_stack_than_one() {
    // The kernel stack has 24 KB: a frame for each time would be the end of it.
    play_with_plain_pool(|world| {
        let (_, filter) = world.add_filter();
        world.set_recording(false);
        world.answer(Answer::complete(STATUS_DEVICE_BUSY));
        let read = world.send(filter, Request::read(0, 512));
        assert_eq!(world.arrived(), RESENDS_MAX + 1);
        assert_eq!(read.returned(), Some(STATUS_PENDING));
        assert_eq!(read.ended(), Some(STATUS_DEVICE_BUSY.into()));
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_that_is_busy_within_pending_dispatch_routines_takes_no_more_stack_than_one() {
    play_with_plain_pool(|world| {
        let (_, filter) = world.add_filter();
        world.set_recording(false);
        for _ in 0..10_000 {
            world.answer_next(Answer::pend_and_complete(STATUS_DEVICE_BUSY));
            world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
        }
        let end = IoStatus::new(STATUS_SUCCESS, 512);
        world.answer(Answer::Complete(end));
        let read = world.send(filter, Request::read(0, 512));
        assert_eq!(world.arrived(), 20_001);
        assert_eq!(read.ended(), Some(end));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_is_returned_as_pending_and_ends_with_what_the_lower_driver_said() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let success = IoStatus::new(STATUS_SUCCESS, 512);
        let failure = IoStatus::new(STATUS_IO_DEVICE_ERROR, 3);
        for end in [success, failure] {
            for answer in [
                Answer::Complete(end),
                Answer::PendAndComplete(end),
                Answer::CompleteAfter(Duration::from_micros(50), end),
            ] {
                world.answer_next(answer);
                let read = world.send(filter, Request::read(0, 512));
                assert_eq!(read.returned(), Some(STATUS_PENDING), "{answer:?}");
                assert_eq!(world.finish(&read), end, "{answer:?}");
                assert!(read.pending_returned(), "{answer:?}");
                assert_eq!(world.held_locks(), [], "{answer:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_busy_read_is_sent_again_from_wherever_it_came_back() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer(Answer::Pend);
        let read = world.send(filter, Request::read(0, 512));
        for resend in 1..=5 {
            assert_eq!(world.arrived(), resend);
            assert_eq!(world.held_locks(), [lock_of(filter, &read)]);
            // From a DPC, and within the routine of the one before.
            world.answer_next(Answer::Pend);
            world.complete(&read, STATUS_DEVICE_BUSY);
            assert_eq!(read.ended(), None);
        }
        world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
        world.answer_next(Answer::pend_and_complete(STATUS_DEVICE_BUSY));
        world.answer_next(Answer::complete(IoStatus::new(STATUS_SUCCESS, 512)));
        world.complete(&read, STATUS_DEVICE_BUSY);
        assert_eq!(world.arrived(), 9);
        assert_eq!(read.ended(), Some(IoStatus::new(STATUS_SUCCESS, 512)));
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_busy_read_is_sent_again_whoever_comes_first_the_completion_or_the_return() {
    const SENDS: usize = 5;
    // A bit for each time that it goes down: whether another processor completes it before the call down has returned.
    for early in 0..1_u32 << SENDS {
        play(|world| {
            let (_, filter) = world.add_filter();
            world.answer(Answer::Pend);
            let number = Rc::new(Cell::new(0));
            let returns = Rc::clone(&number);
            world.on_call(move |world, moment, call| {
                if let (Call::IofCallDriver { irp, .. }, Moment::Returned) = (call, moment) {
                    let number = returns.replace(returns.get() + 1);
                    if number < SENDS && early >> number & 1 != 0 {
                        world.complete_at(*irp, STATUS_DEVICE_BUSY);
                    }
                }
            });
            let read = world.send(filter, Request::read(0, 512));
            assert_eq!(read.returned(), Some(STATUS_PENDING));
            while number.get() <= SENDS {
                assert_eq!(read.ended(), None, "sent {} times, {early:#b}", number.get());
                world.complete(&read, STATUS_DEVICE_BUSY);
            }
            let end = IoStatus::new(STATUS_SUCCESS, 512);
            world.complete(&read, end);
            assert_eq!(read.ended(), Some(end), "{early:#b}");
            assert_eq!(world.arrived(), SENDS as u64 + 1, "{early:#b}");
            assert_eq!(world.held_locks(), [], "{early:#b}");
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_goes_down_again_as_it_went_down_the_first_time() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer_next(Answer::Complete(IoStatus::new(STATUS_DEVICE_BUSY, 99)));
        world.send(filter, Request::read(0x1000, 512).patterned());
        let arrivals = world.take_arrivals();
        let [first, second] = &arrivals[..] else {
            panic!("it went down {} times", arrivals.len());
        };
        // What is registered is new for each time, in the lower driver's location.
        let (mut first, mut second) = (first.contents.clone(), second.contents.clone());
        for contents in [&mut first, &mut second] {
            contents[0xD0 + 0x38..0xD0 + 0x48].fill(0);
        }
        assert_eq!(first, second);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_that_cannot_be_registered_is_refused_and_not_sent() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.fail_next("IoSetCompletionRoutineEx");
        let read = world.send(filter, Request::read(0, 512));
        assert_eq!(read.returned(), Some(STATUS_INSUFFICIENT_RESOURCES));
        assert_eq!(read.ended(), Some(STATUS_INSUFFICIENT_RESOURCES.into()));
        assert!(!read.pending_returned());
        assert_eq!(world.arrived(), 0);
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_that_cannot_be_registered_again_ends_with_what_the_lower_driver_said() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for answer in [
            Answer::complete(STATUS_DEVICE_BUSY),
            Answer::pend_and_complete(STATUS_DEVICE_BUSY),
            Answer::complete_after(Duration::from_micros(50), STATUS_DEVICE_BUSY),
        ] {
            let before = world.arrived();
            world.answer_next(answer);
            world.fail_after(1, "IoSetCompletionRoutineEx");
            let read = world.send(filter, Request::read(0, 512));
            assert_eq!(world.finish(&read), STATUS_DEVICE_BUSY.into(), "{answer:?}");
            assert_eq!(read.returned(), Some(STATUS_PENDING), "{answer:?}");
            assert_eq!(world.arrived(), before + 1, "{answer:?}");
            assert_eq!(world.held_locks(), [], "{answer:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_that_is_cancelled_below_ends_as_cancelled() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
        world.answer_next(Answer::Pend);
        let read = world.send(filter, Request::read(0, 512));
        assert!(world.cancel(&read));
        assert_eq!(read.ended(), Some(STATUS_CANCELLED.into()));
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_without_a_slot_passes() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        world.answer(Answer::Pend);
        let held: Vec<_> = (0..SLOTS).map(|_| world.send(filter, Request::read(0, 512))).collect();
        world.take_arrivals();
        world.take_calls();
        let passing = world.send(filter, Request::read(0, 512));
        assert_eq!(world.take_arrivals()[0].contents, passing.passed_to(lower));
        let calls = world.take_calls();
        assert!(
            !calls
                .iter()
                .any(|call| matches!(call, Call::IoSetCompletionRoutineEx { .. })),
            "{calls:?}"
        );
        for read in held.iter().chain([&passing]) {
            world.complete(read, STATUS_SUCCESS);
            assert_eq!(read.ended(), Some(STATUS_SUCCESS.into()));
        }
        world.take_arrivals();
        let next = world.send(filter, Request::read(0, 512));
        assert_ne!(world.take_arrivals()[0].contents, next.passed_to(lower));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_waits_for_a_read_that_is_sent_again() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer_next(Answer::Pend);
        let read = world.send(filter, Request::read(0, 512));
        let remove = world.send(filter, Request::remove_device());
        assert_eq!(remove.returned(), None);
        world.answer_next(Answer::Pend);
        world.complete(&read, STATUS_DEVICE_BUSY);
        assert_eq!(remove.returned(), None);
        assert!(filter.exists());
        world.complete(&read, STATUS_SUCCESS);
        assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
        assert!(!filter.exists());
        world.unload();
    });
}
