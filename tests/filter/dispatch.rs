//! Every request but the PnP requests that must succeed: sent on under the remove lock, as it came or, where it is followed, as a copy.

use lab::{
    script::{Answer, Call, HeldLock, Request, World},
    status::{
        STATUS_BUFFER_OVERFLOW, STATUS_DELETE_PENDING, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_DEVICE_ERROR,
        STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_REPARSE, STATUS_SUCCESS,
    },
};

use crate::{
    layout::{REMOVE_LOCK_BYTES, device_object, driver_object, irp, stack_location},
    support::{
        IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_READ, IRP_MJ_WRITE, IRP_MN_SET_POWER, arrival, every_major, expected_below,
        is_agreed_to, is_followed, is_to_succeed, is_waited_for, may_not_fail, must_succeed, named, passing, play,
        status_at, with_information,
    },
};

/// Every major and minor function that is passed on, READ and WRITE as paging I/O too.
fn passed_on() -> impl Iterator<Item = Request> {
    let majors = 0..driver_object::MAJOR_FUNCTIONS as u8;
    let requests = majors.flat_map(|major| (0..=u8::MAX).map(move |minor| Request::new(major, minor)));
    let paging = [IRP_MJ_READ, IRP_MJ_WRITE].map(|major| Request::new(major, 0).paging());
    requests
        .filter(|request| !is_to_succeed(request))
        .chain(paging)
        .map(Request::patterned)
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_request_arrives_below_byte_for_byte_as_it_was_sent() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        for request in passed_on() {
            let sent = world.send(filter, request);
            let arrival = arrival(world);
            assert_eq!(arrival.device, lower, "{request:?}");
            assert_eq!(arrival.irp, sent.irp(), "{request:?}");
            let expected = expected_below(&sent, &request, lower, &arrival.contents);
            assert_eq!(arrival.contents, expected, "{request:?}");
            world.take_calls();
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_status_of_a_pnp_request_is_left_alone() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let left_alone = |request: &Request| request.major == IRP_MJ_PNP && !is_agreed_to(request);
        for status in [STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES] {
            for request in passed_on().filter(left_alone) {
                world.send(filter, request.status(status));
                let below = status_at(&arrival(world).contents, irp::IO_STATUS_STATUS);
                assert_eq!(below, status, "{request:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_the_lower_driver_returns_is_returned() {
    let statuses = [
        STATUS_SUCCESS,
        STATUS_REPARSE,
        STATUS_BUFFER_OVERFLOW,
        STATUS_NOT_SUPPORTED,
        STATUS_IO_DEVICE_ERROR,
        STATUS_DELETE_PENDING,
    ];
    play(|world| {
        let (_, filter) = world.add_filter();
        for status in statuses {
            world.answer(Answer::Complete(with_information(status)));
            for request in every_major() {
                let sent = world.send(filter, request);
                assert_eq!(sent.returned(), Some(status), "{request:?}");
                assert_eq!(sent.ended(), Some(with_information(status)), "{request:?}");
                assert!(!sent.pending_returned(), "{request:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_pending_below_is_returned_as_pending_and_marked_by_the_lower_driver_only() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        world.answer(Answer::Pend);
        for request in every_major().filter(|request| !is_waited_for(request)) {
            let sent = world.send(filter, request);
            assert_eq!(sent.returned(), Some(STATUS_PENDING), "{request:?}");
            assert_eq!(sent.ended(), None, "{request:?}");

            // The lower driver marked its location, which it shares with the filter where that only passed the request
            // on; all else, and the location of the driver above, is as it was sent.
            let arrived = arrival(world).contents;
            let mut expected = expected_below(&sent, &request, lower, &arrived);
            assert_eq!(arrived, expected, "{request:?}");
            let lowers = if is_followed(&request) {
                sent.location() - stack_location::BYTES
            } else {
                sent.location()
            };
            expected[lowers + stack_location::CONTROL] |= stack_location::SL_PENDING_RETURNED;
            assert_eq!(sent.contents_now(), expected, "{request:?}");

            world.complete(&sent, with_information(STATUS_SUCCESS));
            assert_eq!(sent.ended(), Some(with_information(STATUS_SUCCESS)), "{request:?}");
            assert!(sent.pending_returned(), "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_pended_and_is_already_gone_is_returned_as_pending_and_not_touched() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let error = with_information(STATUS_IO_DEVICE_ERROR);
        world.answer(Answer::PendAndComplete(error));
        for request in every_major().filter(|request| !is_waited_for(request)) {
            let sent = world.send(filter, request);
            assert_eq!(sent.returned(), Some(STATUS_PENDING), "{request:?}");
            assert_eq!(sent.ended(), Some(error), "{request:?}");
            assert!(sent.pending_returned(), "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_remove_lock_is_held_for_the_irp_while_the_lower_driver_is_called() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        let lock = filter.remove_lock();
        world.take_calls();
        for answer in [
            Answer::complete(STATUS_SUCCESS),
            Answer::complete(STATUS_IO_DEVICE_ERROR),
            Answer::Pend,
        ] {
            world.answer(answer);
            for request in every_major().filter(|request| !is_followed(request)) {
                let sent = world.send(filter, request);
                assert_eq!(named(world.take_calls()), passing(&sent, lock, lower), "{request:?}");
                let held = HeldLock {
                    device: filter,
                    tag: sent.irp(),
                };
                assert_eq!(arrival(world).held, [held], "{request:?}");
                assert_eq!(world.held_locks(), [], "{request:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_the_remove_lock_refuses_is_completed_with_the_refusal_unless_nobody_may_fail_it() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let lock = filter.remove_lock();
        world.take_calls();
        // None of them is passed on, those that must succeed neither: without the lock nothing may touch the device.
        let to_succeed = must_succeed().chain([Request::remove_device()]);
        let set_power = Request::new(IRP_MJ_POWER, IRP_MN_SET_POWER);
        for request in every_major().chain(to_succeed).chain([set_power]) {
            world.fail_next_with("IoAcquireRemoveLockEx", STATUS_DELETE_PENDING);
            let status = if may_not_fail(&request) {
                STATUS_SUCCESS
            } else {
                STATUS_DELETE_PENDING
            };
            let sent = world.send(filter, request);
            let irp = sent.irp();
            assert_eq!(sent.returned(), Some(status), "{request:?}");
            assert_eq!(
                world.take_calls(),
                [
                    Call::IoAcquireRemoveLockEx {
                        lock,
                        tag: irp,
                        size: REMOVE_LOCK_BYTES
                    },
                    Call::IofCompleteRequest {
                        irp,
                        status,
                        information: 0,
                        priority_boost: 0,
                    },
                ],
                "{request:?}"
            );
            assert_eq!(world.arrived(), 0, "{request:?} was sent down");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn passing_a_request_writes_to_no_device_and_no_driver() {
    play(|world: &World| {
        let (lower, filter) = world.add_filter();
        world.set_recording(false);
        let snapshot = || {
            [
                lower.bytes(),
                filter.bytes()[..device_object::BYTES].to_vec(),
                world.driver_bytes(),
                world.driver_extension_bytes(),
            ]
        };
        let before = snapshot();
        for request in passed_on() {
            world.send(filter, request);
            assert_eq!(snapshot(), before, "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn two_devices_do_not_mix() {
    play(|world| {
        let (first_lower, first) = world.add_filter();
        let (second_lower, second) = world.add_filter();
        assert_ne!(first.remove_lock(), second.remove_lock());
        for major in [IRP_MJ_READ, IRP_MJ_PNP] {
            for (filter, lower) in [(first, first_lower), (second, second_lower), (first, first_lower)] {
                let sent = world.send(filter, Request::new(major, 0));
                let arrival = arrival(world);
                assert_eq!(arrival.device, lower);
                let held = HeldLock {
                    device: filter,
                    tag: sent.irp(),
                };
                assert_eq!(arrival.held, [held]);
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn two_filters_in_one_stack_both_pass_a_request_on() {
    play(|world| {
        let (lower, below) = world.add_filter();
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        let above = lower.top_of_stack();
        assert_ne!(above, below);
        for request in [Request::new(IRP_MJ_PNP, 0x09), Request::read(0, 512)] {
            world.take_calls();
            let sent = world.send(above, request);
            let tag = sent.irp();
            let mut held = arrival(world).held;
            held.sort_by_key(|held| held.device == above);
            let expected = [below, above].map(|device| HeldLock { device, tag });
            assert_eq!(held, expected, "{request:?}");
            let called: Vec<_> = named(world.take_calls())
                .into_iter()
                .filter_map(|call| match call {
                    Call::IofCallDriver { device, irp } => Some((device, irp)),
                    _ => None,
                })
                .collect();
            assert_eq!(called, [(below.address(), tag), (lower.address(), tag)], "{request:?}");
        }
    });
}
