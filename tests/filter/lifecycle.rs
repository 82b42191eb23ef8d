//! START_DEVICE, special files, and what a device answers while it holds one.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use lab::{
    script::{Answer, Call, Device, HeldLock, IoStatus, LowerDevice, Moment, Request, Sent, World},
    status::{
        NtStatus, STATUS_DEVICE_NOT_READY, STATUS_IO_DEVICE_ERROR, STATUS_NOT_SUPPORTED, STATUS_PENDING,
        STATUS_REQUEST_NOT_ACCEPTED, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
    },
};

use crate::support::{IRP_MJ_PNP, arrival, play, with_information};

const START_DEVICE: u8 = 0x00;
const QUERY_REMOVE_DEVICE: u8 = 0x01;
const STOP_DEVICE: u8 = 0x04;
const QUERY_STOP_DEVICE: u8 = 0x05;
const QUERY_PNP_DEVICE_STATE: u8 = 0x14;

const DO_DIRECT_IO: u32 = 0x10;
const DO_POWER_PAGABLE: u32 = 0x2000;
const DO_POWER_INRUSH: u32 = 0x4000;
const FILE_DEVICE_SECURE_OPEN: u32 = 0x100;
const PNP_DEVICE_NOT_DISABLEABLE: usize = 0x20;
const PNP_DEVICE_DISCONNECTED: usize = 0x40;

/// DeviceUsageTypePaging, Hibernation, DumpFile and Boot.
const PAGING: usize = 1;
const FILES: [usize; 3] = [PAGING, 2, 3];
const BOOT: usize = 4;

fn pnp(minor: u8) -> Request {
    Request::new(IRP_MJ_PNP, minor)
}

fn start(world: &World, filter: Device) {
    let started = world.carry_out(filter, pnp(START_DEVICE));
    assert_eq!(started, STATUS_SUCCESS.into());
}

/// A device that is pagable without special files, and started.
fn started(world: &World) -> (Device, Device) {
    let lower = world.new_device(LowerDevice {
        flags: DO_DIRECT_IO | DO_POWER_PAGABLE,
        ..LowerDevice::default()
    });
    assert_eq!(world.add_device(lower), STATUS_SUCCESS);
    let filter = lower.top_of_stack();
    start(world, filter);
    world.take_arrivals();
    world.take_calls();
    (lower, filter)
}

#[track_caller]
fn notify(world: &World, filter: Device, usage: usize, in_path: bool) {
    let sent = world.send(filter, Request::usage_notification(usage, in_path));
    assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()));
}

fn is_pagable(filter: Device) -> bool {
    filter.flags() & DO_POWER_PAGABLE != 0
}

/// What QUERY_STOP_DEVICE and QUERY_REMOVE_DEVICE end with, and whether they went down.
fn queries(world: &World, filter: Device) -> [(Option<NtStatus>, bool); 2] {
    [QUERY_STOP_DEVICE, QUERY_REMOVE_DEVICE].map(|minor| {
        let before = world.arrived();
        let sent = world.send(filter, pnp(minor));
        assert_eq!(sent.returned(), sent.ended().map(|end| end.status));
        (sent.returned(), world.arrived() != before)
    })
}

const AGREED: [(Option<NtStatus>, bool); 2] = [(Some(STATUS_SUCCESS), true); 2];
const REFUSED: [(Option<NtStatus>, bool); 2] = [(Some(STATUS_UNSUCCESSFUL), false); 2];

/// How often the driver had the PnP manager ask again, and for which device.
fn invalidated(world: &World) -> Vec<Call> {
    let calls = world.take_calls().into_iter();
    calls
        .filter(|call| matches!(call, Call::IoInvalidateDeviceState { .. }))
        .collect()
}

/// What IRP_MN_QUERY_PNP_DEVICE_STATE comes to where the drivers below answer this.
fn state(world: &World, filter: Device, below: IoStatus) -> IoStatus {
    world.answer_next(Answer::Complete(below));
    world.carry_out(filter, pnp(QUERY_PNP_DEVICE_STATE))
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn start_is_sent_down_waited_for_and_completed_with_what_the_lower_driver_said() {
    play(|world| {
        for end in [
            with_information(STATUS_SUCCESS),
            with_information(STATUS_IO_DEVICE_ERROR),
        ] {
            for answer in [
                Answer::Complete(end),
                Answer::PendAndComplete(end),
                Answer::CompleteAfter(Duration::from_millis(3), end),
            ] {
                let (lower, filter) = world.add_filter();
                world.take_calls();
                world.answer_next(answer);
                let sent = world.send(filter, pnp(START_DEVICE));
                assert_eq!(world.finish(&sent), end, "{answer:?}");
                assert_eq!(sent.returned(), Some(end.status), "{answer:?}");
                // The wait makes it synchronous: to who is above it never was pending.
                assert!(!sent.pending_returned(), "{answer:?}");
                let tag = sent.irp();
                assert_eq!(arrival(world).held, [HeldLock { device: filter, tag }]);
                assert_eq!(world.held_locks(), []);
                let forwarded = Call::IoForwardIrpSynchronously {
                    device: lower.address(),
                    irp: tag,
                };
                assert!(world.take_calls().contains(&forwarded));
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_the_medium_is_is_taken_over_again_when_the_device_has_started() {
    play(|world| {
        for (answer, expected) in [(STATUS_SUCCESS, 0x3), (STATUS_IO_DEVICE_ERROR, 0x4)] {
            let lower = world.new_device(LowerDevice {
                characteristics: 0x4,
                ..LowerDevice::default()
            });
            assert_eq!(world.add_device(lower), STATUS_SUCCESS);
            let filter = lower.top_of_stack();
            lower.set_characteristics(0x3 | 0x10);
            world.answer_next(Answer::complete(answer));
            world.carry_out(filter, pnp(START_DEVICE));
            assert_eq!(filter.characteristics(), expected | FILE_DEVICE_SECURE_OPEN);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_cannot_be_waited_for_without_a_stack_location_is_passed_or_refused() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        // A device is not lost over a filter that could not wait: it is started, and takes special files.
        let sent = world.send(filter, pnp(START_DEVICE).in_last_location());
        assert_eq!(arrival(world).contents, sent.passed_to(lower));
        assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()));
        world.take_calls();

        // Nobody below hears of the file, so it is refused, and nothing is counted.
        for (in_path, needed) in [(true, false), (false, true)] {
            let refused = world.send(filter, Request::usage_notification(PAGING, in_path).in_last_location());
            assert_eq!(refused.ended(), Some(STATUS_REQUEST_NOT_ACCEPTED.into()));
            assert_eq!(world.take_arrivals().len(), 0);
            assert_eq!(queries(world, filter), if needed { REFUSED } else { AGREED });
            if !needed {
                notify(world, filter, PAGING, true);
            }
            world.take_arrivals();
        }

        // The answer is in the IRP before it goes down.
        let before = world.arrived();
        world.answer_next(Answer::complete(IoStatus::new(
            STATUS_SUCCESS,
            PNP_DEVICE_NOT_DISABLEABLE,
        )));
        let state = world.send(filter, pnp(QUERY_PNP_DEVICE_STATE).in_last_location());
        assert_eq!(world.arrived(), before + 1);
        let below = arrival(world).contents;
        assert_eq!(below[0x38..0x40], PNP_DEVICE_NOT_DISABLEABLE.to_le_bytes());
        assert_eq!(state.returned(), Some(STATUS_SUCCESS));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_holds_a_file_is_neither_stopped_nor_removed_nor_pagable_nor_disabled() {
    play(|world| {
        for usage in FILES {
            let (lower, filter) = started(world);
            assert_eq!(queries(world, filter), AGREED);
            assert!(is_pagable(filter));

            // Two of a kind: the first and the last of them count.
            notify(world, filter, usage, true);
            let asked = Call::IoInvalidateDeviceState {
                device: lower.address(),
            };
            assert_eq!(invalidated(world), std::slice::from_ref(&asked), "usage {usage}");
            for in_path in [true, false] {
                assert_eq!(queries(world, filter), REFUSED, "usage {usage}");
                assert!(!is_pagable(filter), "usage {usage}");
                let answered = state(world, filter, IoStatus::new(STATUS_SUCCESS, PNP_DEVICE_DISCONNECTED));
                let expected = PNP_DEVICE_DISCONNECTED | PNP_DEVICE_NOT_DISABLEABLE;
                assert_eq!(answered, IoStatus::new(STATUS_SUCCESS, expected), "usage {usage}");
                notify(world, filter, usage, in_path);
                assert_eq!(invalidated(world), [], "usage {usage}");
            }
            notify(world, filter, usage, false);
            assert_eq!(invalidated(world), [asked], "usage {usage}");
            assert_eq!(queries(world, filter), AGREED, "usage {usage}");
            assert!(is_pagable(filter), "usage {usage}");
            let answer = IoStatus::new(STATUS_SUCCESS, PNP_DEVICE_DISCONNECTED);
            assert_eq!(state(world, filter, answer), answer, "usage {usage}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn files_of_different_kinds_are_counted_apart() {
    play(|world| {
        let (_, filter) = started(world);
        for usage in FILES {
            notify(world, filter, usage, true);
        }
        // One that was never there takes nothing from the others.
        for usage in [FILES[0], FILES[0], FILES[0], FILES[1]] {
            notify(world, filter, usage, false);
            assert_eq!(queries(world, filter), REFUSED);
            assert!(!is_pagable(filter));
        }
        notify(world, filter, FILES[2], false);
        assert_eq!(queries(world, filter), AGREED);
        assert!(is_pagable(filter));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_the_system_is_booted_from_is_not_disabled_and_can_be_stopped() {
    play(|world| {
        let (_, filter) = started(world);
        notify(world, filter, BOOT, true);
        assert_eq!(invalidated(world).len(), 1);
        assert!(is_pagable(filter));
        assert_eq!(queries(world, filter), AGREED);
        let answered = state(world, filter, STATUS_SUCCESS.into());
        assert_eq!(answered, IoStatus::new(STATUS_SUCCESS, PNP_DEVICE_NOT_DISABLEABLE));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_state_of_a_needed_device_is_told_where_nobody_below_has_one_and_not_where_somebody_failed() {
    play(|world| {
        let (_, filter) = started(world);
        notify(world, filter, PAGING, true);
        world.take_arrivals();
        // As a bus driver does that does not handle it, the lower driver leaves the IRP's status as it comes.
        let sent = world.send(filter, pnp(QUERY_PNP_DEVICE_STATE));
        assert_eq!(sent.returned(), Some(STATUS_SUCCESS));
        let below = arrival(world).contents;
        assert_eq!(below[0x30..0x34], STATUS_SUCCESS.to_le_bytes());
        assert_eq!(below[0x38..0x40], PNP_DEVICE_NOT_DISABLEABLE.to_le_bytes());

        let failed = IoStatus::new(STATUS_IO_DEVICE_ERROR, 0);
        assert_eq!(state(world, filter, failed), failed);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_notification_that_fails_below_changes_nothing() {
    play(|world| {
        for usage in FILES.into_iter().chain([BOOT]) {
            for failure in [STATUS_UNSUCCESSFUL, STATUS_NOT_SUPPORTED] {
                let (_, filter) = started(world);
                let answers = [Answer::complete(failure), Answer::pend_and_complete(failure)];
                for in_path in [true, false] {
                    let before = (filter.flags(), queries(world, filter));
                    let state_before = state(world, filter, STATUS_SUCCESS.into());
                    for answer in answers {
                        world.take_calls();
                        world.answer_next(answer);
                        let sent = world.send(filter, Request::usage_notification(usage, in_path));
                        assert_eq!(world.finish(&sent), failure.into(), "usage {usage}, {in_path}");
                        assert_eq!(invalidated(world), []);
                        assert_eq!(
                            (filter.flags(), queries(world, filter)),
                            before,
                            "usage {usage}, {in_path}"
                        );
                        assert_eq!(state(world, filter, STATUS_SUCCESS.into()), state_before);
                    }
                    if in_path {
                        notify(world, filter, usage, true);
                    }
                }
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_pagable_flag_is_set_before_the_lower_driver_hears_of_it_and_cleared_after() {
    play(|world| {
        let (_, filter) = started(world);
        let seen = Rc::new(RefCell::new(Vec::new()));
        let sees = Rc::clone(&seen);
        world.on_call(move |_, moment, call| {
            if let (Moment::Called | Moment::Returned, Call::IoForwardIrpSynchronously { .. }) = (moment, call) {
                sees.borrow_mut().push(is_pagable(filter));
            }
        });
        notify(world, filter, PAGING, true);
        notify(world, filter, PAGING, false);
        assert_eq!(seen.take(), [true, true, true, true]);
        world.on_call(|_, _, _| ());
        assert!(is_pagable(filter));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_was_not_pagable_does_not_become_so() {
    play(|world| {
        for flags in [DO_DIRECT_IO, DO_DIRECT_IO | DO_POWER_INRUSH] {
            let lower = world.new_device(LowerDevice {
                flags,
                ..LowerDevice::default()
            });
            assert_eq!(world.add_device(lower), STATUS_SUCCESS);
            let filter = lower.top_of_stack();
            start(world, filter);
            for in_path in [true, false, false] {
                notify(world, filter, PAGING, in_path);
                assert_eq!(filter.flags(), flags, "with flags {flags:#x}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_file_is_refused_on_a_device_that_is_not_started_and_its_end_is_not() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let refused = |world: &World| {
            let before = world.arrived();
            let sent = world.send(filter, Request::usage_notification(PAGING, true));
            assert_eq!(sent.ended(), Some(STATUS_DEVICE_NOT_READY.into()));
            assert_eq!(sent.returned(), Some(STATUS_DEVICE_NOT_READY));
            assert_eq!(world.arrived(), before, "it was sent down");
            notify(world, filter, PAGING, false);
        };
        refused(world);
        world.answer_next(Answer::complete(STATUS_IO_DEVICE_ERROR));
        world.carry_out(filter, pnp(START_DEVICE));
        refused(world);
        for stop in [pnp(STOP_DEVICE), Request::surprise_removal()] {
            start(world, filter);
            notify(world, filter, PAGING, true);
            notify(world, filter, PAGING, false);
            world.send(filter, stop);
            refused(world);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_usage_that_the_filter_does_not_know_passes_as_it_came() {
    play(|world| {
        let (lower, filter) = started(world);
        for usage in [0, 5, 6, 7, 0x1234_5678] {
            for in_path in [true, false] {
                let sent = world.send(filter, Request::usage_notification(usage, in_path));
                assert_eq!(arrival(world).contents, sent.passed_to(lower), "usage {usage}");
                assert_eq!(queries(world, filter), AGREED, "usage {usage}");
                assert!(is_pagable(filter), "usage {usage}");
                world.take_arrivals();
            }
        }
        assert_eq!(invalidated(world), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn notifications_are_served_one_at_a_time() {
    play(|world| {
        let (_, filter) = started(world);
        world.answer(Answer::Pend);
        let sent: Vec<Sent> = [(PAGING, true), (2, true), (PAGING, false)]
            .map(|(usage, in_path)| world.send(filter, Request::usage_notification(usage, in_path)))
            .into();
        let mut left: Vec<_> = sent.iter().collect();
        while !left.is_empty() {
            let arrival = arrival(world);
            let index = left.iter().position(|sent| sent.irp() == arrival.irp);
            let sent = left.remove(index.expect("it is one of them"));
            world.complete(sent, STATUS_SUCCESS);
            assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()));
        }
        world.answer(Answer::complete(STATUS_SUCCESS));
        assert_eq!(queries(world, filter), REFUSED);
        notify(world, filter, 2, false);
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_is_not_let_go_while_a_file_is_on_its_way() {
    play(|world| {
        let (_, filter) = started(world);
        for in_path in [true, false] {
            world.answer_next(Answer::Pend);
            let sent = world.send(filter, Request::usage_notification(PAGING, in_path));
            assert_eq!(sent.returned(), None);
            assert_eq!(queries(world, filter), REFUSED, "{in_path}");
            world.complete(&sent, STATUS_SUCCESS);
        }
        assert_eq!(queries(world, filter), AGREED);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_asked_on_the_way_through_pnp_takes_no_memory() {
    play(|world| {
        let (_, filter) = started(world);
        let before = world.driver_pool();
        for _ in 0..2 {
            start(world, filter);
            notify(world, filter, PAGING, true);
            state(world, filter, STATUS_SUCCESS.into());
            queries(world, filter);
            notify(world, filter, PAGING, false);
        }
        assert_eq!(world.driver_pool(), before);
        let other = |call: &Call| {
            !matches!(
                call,
                Call::IoSetCompletionRoutineEx { .. } | Call::ExAllocatePool2 { .. }
            )
        };
        assert!(world.take_calls().iter().all(other));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_waits_for_a_start_and_a_notification_that_are_under_way() {
    play(|world| {
        for request in [pnp(START_DEVICE), Request::usage_notification(PAGING, true)] {
            let (lower, filter) = started(world);
            world.answer_next(Answer::Pend);
            let sent = world.send(filter, request);
            let removed = Rc::new(Cell::new(false));
            let remove = world.send(filter, Request::remove_device());
            assert_eq!(remove.returned(), None, "{request:?}");
            assert!(filter.exists() && !removed.get());
            world.complete(&sent, STATUS_SUCCESS);
            assert_eq!(sent.returned(), Some(STATUS_SUCCESS));
            assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
            assert_eq!(lower.top_of_stack(), lower);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_of_the_lifecycle_returns_pending_by_itself() {
    play(|world| {
        let (_, filter) = started(world);
        world.answer(Answer::PendAndComplete(STATUS_SUCCESS.into()));
        for request in [
            pnp(START_DEVICE),
            Request::usage_notification(PAGING, true),
            pnp(QUERY_PNP_DEVICE_STATE),
            Request::usage_notification(PAGING, false),
        ] {
            let sent = world.send(filter, request);
            assert_ne!(sent.returned(), Some(STATUS_PENDING), "{request:?}");
            assert_eq!(sent.ended().map(|end| end.status), sent.returned(), "{request:?}");
        }
    });
}
