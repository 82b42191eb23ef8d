//! READs for which the lower driver is not ready: they wait with their context, and are sent again by the next request.

use std::{cell::Cell, rc::Rc};

use lab::{
    script::{Answer, Call, IoStatus, Moment, Request, Sent, World},
    status::{NtStatus, STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_DEVICE_NOT_READY, STATUS_PENDING, STATUS_SUCCESS},
};

use crate::{driver, lock_of, play};

const IRP_MJ_CLEANUP: u8 = 0x12;

const STATUS_INTERNAL_ERROR: NtStatus = 0xC000_00E5_u32.cast_signed();

/// How many READs the driver has slots for.
const SLOTS: usize = 128;

/// What such a READ ends with where it is not sent again: what the lower driver said, to the byte.
const NOT_READY: IoStatus = IoStatus::new(STATUS_DEVICE_NOT_READY, 77);

/// Sends a READ for which the lower driver is not ready.
fn send(world: &World, filter: lab::script::Device, request: Request) -> Sent {
    world.answer_next(Answer::Complete(NOT_READY));
    world.send(filter, request)
}

/// Has the driver send again what waits.
fn wake(world: &World, filter: lab::script::Device) {
    world.send(filter, Request::new(IRP_MJ_CLEANUP, 0));
}

fn registrations(world: &World) -> usize {
    let registers = |call: &Call| matches!(call, Call::IoSetCompletionRoutineEx { .. });
    world.take_calls().into_iter().filter(registers).count()
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_waits_and_goes_down_again_as_it_went_down_the_first_time() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for (request, registered) in [
            (Request::read(0x1000, 512).patterned(), 1),
            (Request::read(0x1000, 512).at_dispatch(), 1),
            (Request::read(0x1000, 512).paging(), 0),
        ] {
            let read = send(world, filter, request);
            assert_eq!(read.returned(), Some(STATUS_PENDING), "{request:?}");
            assert_eq!(read.ended(), None, "{request:?}");
            assert_eq!(world.held_locks(), [lock_of(filter, &read)], "{request:?}");
            let first = world.take_arrivals().remove(0);
            world.take_calls();
            let end = IoStatus::new(STATUS_SUCCESS, 512);
            world.answer_next(Answer::Complete(end));
            wake(world, filter);
            assert_eq!(registrations(world), registered, "{request:?}");
            assert_eq!(read.ended(), Some(end), "{request:?}");
            assert!(read.pending_returned(), "{request:?}");
            assert_eq!(world.held_locks(), [], "{request:?}");

            let mut second = world.take_arrivals().remove(0).contents;
            let mut first = first.contents;
            // The words of a queue: DriverContext and the list entry.
            for words in [0x78..0x98, 0xA8..0xB8] {
                first[words.clone()].fill(0);
                second[words].fill(0);
            }
            if registered == 0 {
                assert_eq!(first, second);
            } else {
                // What is registered is new each time, in the lower driver's location.
                let location = read.location() - 0x48;
                for contents in [&mut first, &mut second] {
                    contents[location + 0x38..location + 0x48].fill(0);
                }
                assert_eq!(first, second);
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_shortest_goes_first_and_those_of_one_length_in_their_order() {
    // Every order of four lengths, two of which are the same.
    let lengths = [512, 1024, 1024, 4096];
    for order in 0..4_usize.pow(4) {
        let order = [0, 1, 2, 3].map(|place| order / 4_usize.pow(place) % 4);
        if (0..4).any(|length| !order.contains(&length)) {
            continue;
        }
        play(|world| {
            let (_, filter) = world.add_filter();
            world.answer(Answer::Complete(NOT_READY));
            let reads = order.map(|index| (lengths[index], world.send(filter, Request::read(0, lengths[index]))));
            // Each READ but the last was sent again by the next one and came back once more.
            world.take_arrivals();
            let mut expected = reads.each_ref().map(|(length, read)| (*length, read.irp()));
            expected.sort_by_key(|(length, _)| *length);
            wake(world, filter);
            let arrivals = world.take_arrivals();
            let irps: Vec<_> = arrivals.iter().map(|arrival| arrival.irp).take(4).collect();
            assert_eq!(irps, expected.map(|(_, irp)| irp), "{order:?}");
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn however_it_ends_its_slot_is_free_again() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for round in 0..2 * SLOTS {
            let (request, end) = match round % 4 {
                // Lost.
                0 => (Request::read(0, 0), STATUS_INTERNAL_ERROR.into()),
                1 => (Request::read(0, 512), STATUS_CANCELLED.into()),
                // Refused when it is sent again.
                2 => (Request::read(0, 512), NOT_READY),
                _ => (Request::read(0, 512).paging(), STATUS_SUCCESS.into()),
            };
            let read = send(world, filter, request);
            match round % 4 {
                0 => {}
                1 => assert!(world.cancel(&read)),
                2 => {
                    world.fail_next("IoSetCompletionRoutineEx");
                    wake(world, filter);
                }
                _ => wake(world, filter),
            }
            assert_eq!(read.ended(), Some(end), "round {round}");
            assert_eq!(world.held_locks(), [], "round {round}");
        }
        // All are there.
        world.answer(Answer::Pend);
        let below: Vec<_> = (0..SLOTS).map(|_| world.send(filter, Request::read(0, 512))).collect();
        world.take_calls();
        world.send(filter, Request::read(0, 512));
        assert_eq!(registrations(world), 0, "there are more than {SLOTS}");
        assert!(below.iter().all(|read| read.returned() == Some(STATUS_PENDING)));
        for irp in world.under_way() {
            world.complete_at(irp, STATUS_SUCCESS);
        }
        // And with each slot its context was dropped: no memory is left.
        world.answer(Answer::complete(STATUS_SUCCESS));
        world.remove(filter);
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_goes_lets_it_go_with_what_the_lower_driver_said() {
    play(|world| {
        for first in [Request::surprise_removal(), Request::remove_device()] {
            let (_, filter) = world.add_filter();
            let reads = [Request::read(0, 512), Request::read(0, 512).paging()].map(|request| {
                world.answer_next(Answer::Complete(NOT_READY));
                world.answer(Answer::Complete(NOT_READY));
                world.send(filter, request)
            });
            world.answer(Answer::complete(STATUS_SUCCESS));
            world.send(filter, first);
            for read in reads {
                assert_eq!(read.ended(), Some(NOT_READY));
            }
            if filter.exists() {
                // None waits any more.
                assert_eq!(send(world, filter, Request::read(0, 512)).ended(), Some(NOT_READY));
                world.send(filter, Request::remove_device());
            }
            assert!(!filter.exists());
        }
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn its_context_is_as_it_was_and_one_that_is_cancelled_below_does_not_wait() {
    play(|world| {
        let (_, filter) = world.add_filter();
        // Busy within the call, not ready, busy in another: each through the same pump.
        let read = send(world, filter, Request::read(0, 512));
        for _ in 0..3 {
            world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
            world.answer_next(Answer::pend_and_complete(STATUS_DEVICE_BUSY));
            world.answer_next(Answer::Complete(NOT_READY));
            wake(world, filter);
            assert_eq!(read.ended(), None);
        }
        wake(world, filter);
        assert_eq!(read.ended(), Some(STATUS_SUCCESS.into()));

        // Cancelled while the lower driver completes it.
        let cancelled = Rc::new(Cell::new(false));
        let done = Rc::clone(&cancelled);
        world.answer_next(Answer::Complete(NOT_READY));
        world.on_call(move |world, moment, call| {
            if let (Call::IofCallDriver { irp, .. }, Moment::Called) = (call, moment)
                && !done.replace(true)
            {
                world.cancel_at(*irp);
            }
        });
        let read = world.send(filter, Request::read(0, 512));
        assert!(cancelled.get());
        assert_eq!(read.ended(), Some(NOT_READY));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_driver_keeps_the_rules() {
    let report = driver().scenario("mixed").seeds(1..=100).run();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    report.assert_clean();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}
