//! The PnP requests that must succeed, and how a device goes.

use lab::{
    script::{Address, Answer, Call, HeldLock, Request, World},
    status::{
        NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
        STATUS_UNSUCCESSFUL,
    },
};

use crate::{
    layout::{REMOVE_LOCK_BYTES, device_object, driver_object, irp},
    support::{arrival, every_major, must_succeed, named, passing, play, pointer, put, status_at, with_information},
};

/// `IoStatus.Status` of the one IRP that arrived below since this was last asked.
#[track_caller]
fn status_below(world: &World) -> NtStatus {
    status_at(&arrival(world).contents, irp::IO_STATUS_STATUS)
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_is_passed_on_first_and_then_the_device_waits_detaches_and_is_deleted() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        let lock = filter.remove_lock();
        world.take_calls();

        let sent = world.send(filter, Request::remove_device());

        let (irp, size) = (sent.irp(), REMOVE_LOCK_BYTES);
        assert_eq!(sent.returned(), Some(STATUS_SUCCESS));
        // The device's memory goes when nobody can need it, which is the driver's choice; and what waits in it has ended before
        // the request is passed on. A device of which nothing is sent again and that is not probed has nothing to wait for.
        let calls = world.take_calls();
        let place = |function| calls.iter().position(|call| *call == Call::Other { function });
        let passed_on = calls.iter().position(|call| matches!(call, Call::IofCallDriver { .. }));
        assert!(place("IoCsqRemoveNextIrp") < passed_on, "{calls:?}");
        for function in [
            "KeCancelTimer",
            "KeFlushQueuedDpcs",
            "KeWaitForSingleObject",
            "IoFreeWorkItem",
        ] {
            assert_eq!(place(function), None, "{calls:?}");
        }
        assert_eq!(
            named(calls),
            [
                Call::IoAcquireRemoveLockEx { lock, tag: irp, size },
                Call::IofCallDriver {
                    device: lower.address(),
                    irp
                },
                Call::IoReleaseRemoveLockAndWaitEx { lock, tag: irp, size },
                Call::IoDetachDevice {
                    target: lower.address()
                },
                Call::IoDeleteDevice {
                    device: filter.address()
                },
            ]
        );
        assert!(!filter.exists());
        assert_eq!(lower.top_of_stack(), lower);
        assert_eq!(world.driver_pool().live_blocks(), 0);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_remove_lock_is_held_while_the_lower_driver_removes() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let sent = world.send(filter, Request::remove_device());
        let tag = sent.irp();
        assert_eq!(arrival(world).held, [HeldLock { device: filter, tag }]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_must_succeed_goes_down_with_success_and_otherwise_as_sent() {
    play(|world| {
        for request in must_succeed().chain([Request::remove_device()]) {
            for status in [STATUS_NOT_SUPPORTED, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS] {
                let (lower, filter) = world.add_filter();
                let sent = world.send(filter, request.status(status).patterned());
                let mut expected = sent.passed_to(lower);
                put(&mut expected, irp::IO_STATUS_STATUS, &STATUS_SUCCESS.to_le_bytes());
                assert_eq!(arrival(world).contents, expected, "{request:?} sent with {status:#x}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_the_lower_driver_returns_for_what_must_succeed_is_returned() {
    play(|world| {
        for request in must_succeed().chain([Request::remove_device()]) {
            for (answer, status) in [
                (Answer::complete(STATUS_SUCCESS), STATUS_SUCCESS),
                (Answer::complete(STATUS_UNSUCCESSFUL), STATUS_UNSUCCESSFUL),
                (Answer::pend_and_complete(STATUS_SUCCESS), STATUS_PENDING),
            ] {
                let (_, filter) = world.add_filter();
                world.answer_next(answer);
                let sent = world.send(filter, request);
                assert_eq!(sent.returned(), Some(status), "{request:?} with {answer:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_remove_that_fails_below_still_removes_the_filter() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        world.answer_next(Answer::complete(STATUS_UNSUCCESSFUL));
        world.send(filter, Request::remove_device());
        assert!(!filter.exists());
        assert_eq!(lower.top_of_stack(), lower);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn none_but_the_removal_detaches_or_deletes() {
    play(|world| {
        for request in must_succeed() {
            let (lower, filter) = world.add_filter();
            let lock = filter.remove_lock();
            let before = (lower.bytes(), world.driver_bytes());
            world.take_calls();

            let sent = world.send(filter, request);

            assert_eq!(named(world.take_calls()), passing(&sent, lock, lower), "{request:?}");
            assert_eq!(lower.top_of_stack(), filter);
            assert_eq!(before, (lower.bytes(), world.driver_bytes()));
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_follows_surprise_removal_as_it_does_without() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        let surprise = world.send(filter, Request::surprise_removal());
        assert_eq!(surprise.returned(), Some(STATUS_SUCCESS));
        status_below(world);
        let remove = world.send(filter, Request::remove_device());
        assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
        assert_eq!(status_below(world), STATUS_SUCCESS);
        assert!(!filter.exists());
        assert_eq!(lower.top_of_stack(), lower);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_between_surprise_removal_and_remove_still_pass() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.send(filter, Request::surprise_removal());
        for request in every_major() {
            let before = world.arrived();
            world.send(filter, request);
            assert_eq!(world.arrived(), before + 1, "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_filter_is_taken_out_of_the_stack_and_the_device_below_is_left_as_it_was() {
    play(|world| {
        let (lower, first) = world.add_filter();
        world.remove(first);
        let before = (lower.bytes(), world.driver_bytes());
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        world.send(lower.top_of_stack(), Request::remove_device());
        assert_eq!(before, (lower.bytes(), world.driver_bytes()));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_other_device_stays_when_one_is_removed() {
    play(|world| {
        let (first_lower, first) = world.add_filter();
        let (second_lower, second) = world.add_filter();
        let before = second.bytes();

        world.send(first, Request::remove_device());

        assert!(!first.exists());
        assert_eq!(first_lower.top_of_stack(), first_lower);
        assert_eq!(second_lower.top_of_stack(), second);
        let mut after = second.bytes();
        // Deleting a device takes it out of the driver's list, which leads through the other.
        let next = device_object::NEXT_DEVICE..device_object::NEXT_DEVICE + 8;
        after[next.clone()].copy_from_slice(&before[next]);
        assert_eq!(after, before);
        world.take_arrivals();
        let read = world.send(second, Request::read(0, 512));
        assert_eq!(read.returned(), Some(STATUS_SUCCESS));
        assert_eq!(arrival(world).device, second_lower);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_waits_for_the_requests_that_are_followed() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        for read in [Request::read(0, 512), Request::write(0, 512).paging()] {
            world.answer_next(Answer::Pend);
            world.send(filter, read);
        }
        let followed: Vec<_> = world.take_arrivals().into_iter().map(|arrival| arrival.irp).collect();

        let remove = world.send(filter, Request::remove_device());

        for irp in followed {
            assert_eq!(remove.returned(), None, "the device is gone while {irp:?} is below it");
            assert!(filter.exists());
            assert_eq!(lower.top_of_stack(), filter);
            world.complete_at(irp, with_information(STATUS_SUCCESS));
        }
        assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
        assert!(!filter.exists());
        assert_eq!(lower.top_of_stack(), lower);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn unload_after_the_last_remove_leaves_nothing() {
    play(|world| {
        let (first_lower, first) = world.add_filter();
        let (second_lower, second) = world.add_filter();
        for filter in [first, second] {
            world.send(filter, Request::read(0, 512));
            world.send(filter, Request::remove_device());
        }
        world.take_calls();

        world.unload();

        assert_eq!(world.take_calls(), []);
        assert_eq!(
            pointer(&world.driver_bytes(), driver_object::DEVICE_OBJECT),
            Address::default()
        );
        assert_eq!(world.driver_pool().live_blocks(), 0);
        for lower in [first_lower, second_lower] {
            assert_eq!(lower.top_of_stack(), lower);
        }
    });
}
