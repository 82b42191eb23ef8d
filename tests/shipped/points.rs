//! Something comes between at every point of a request: before and after each call of the driver into the kernel, one run
//! a point. A cancellation, a removal, a surprise removal, the end of the request before it, the machine that goes to sleep.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use lab::{
    script::{Answer, Device, Request, UsageType, World},
    status::{STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS},
};

use crate::{IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_PNP, driver, figures};

const IRP_MJ_INTERNAL_DEVICE_CONTROL: u8 = 0x0F;
const START_DEVICE: u8 = 0x00;
const QUERY_CAPABILITIES: u8 = 0x09;
/// PowerSystemSleeping3 and PowerSystemWorking.
const ASLEEP: usize = 4;
const AWAKE: usize = 1;

const ANSWERS: [Answer; 3] = [
    Answer::Complete(SUCCESS),
    Answer::Pend,
    Answer::PendAndComplete(SUCCESS),
];
const SUCCESS: lab::script::IoStatus = lab::script::IoStatus::new(STATUS_SUCCESS, 0);

/// A removal that comes in the middle of a DPC goes on when that has ended: it waits for it, if only for a moment.
const WAIT_FOR_DPCS: Duration = Duration::from_millis(1);

/// One of each way through the filter that a request can go.
fn transfers() -> [Request; 5] {
    [
        Request::read(0, 512),
        Request::write(0, 512),
        Request::read(0, 512).paging(),
        Request::new(IRP_MJ_FLUSH_BUFFERS, 0),
        Request::new(IRP_MJ_DEVICE_CONTROL, 0),
    ]
}

fn others() -> [Request; 3] {
    [
        Request::new(IRP_MJ_INTERNAL_DEVICE_CONTROL, 0),
        Request::new(IRP_MJ_PNP, QUERY_CAPABILITIES),
        Request::system_power(ASLEEP, false),
    ]
}

fn start(world: &World, filter: Device) {
    let started = world.carry_out(filter, Request::new(IRP_MJ_PNP, START_DEVICE));
    assert_eq!(started, STATUS_SUCCESS.into());
}

/// Plays a script at every point with a device that is started, and expects that there are some.
fn at_every_point(what: &str, script: impl Fn(&World, &lab::script::Point, Device)) {
    let played = driver().play_at_every_point(|world, point| {
        world.set_recording(false);
        let (_, filter) = world.add_filter();
        start(world, filter);
        script(world, point, filter);
        point.end(world);
        world.unload();
        assert_eq!(world.driver_pool().live_blocks(), 0);
    });
    let points = played.unwrap_or_else(|error| panic!("{what}: {error}")).len();
    // Before and after the lock, the call down and the release, besides the run that counts.
    assert!(points > 6, "{what} has {points} points");
}

/// Nothing is under way, and what was followed has ended.
fn assert_quiet(world: &World, filter: Device) {
    let snapshot = figures::of_device(world, filter);
    let counters = &snapshot.counters;
    assert_eq!((snapshot.in_flight, counters.held_dropped), (0, 0));
    let all = [
        &counters.read,
        &counters.write,
        &counters.flush_buffers,
        &counters.device_control,
    ];
    let sent: u64 = all.map(|counted| counted.sent).iter().sum();
    let ended = all.map(|counted| counted.completed_success + counted.completed_error);
    assert_eq!(sent, ended.iter().sum::<u64>() + counters.refused);
    assert_eq!(world.held_locks(), []);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_of_any_kind_is_cancelled_at_every_point() {
    for request in transfers().into_iter().chain(others()) {
        for answer in ANSWERS {
            at_every_point(&format!("{request:?} with {answer:?}"), |world, point, filter| {
                world.answer_next(answer);
                point.interrupt(world, |world| {
                    for irp in world.under_way() {
                        world.cancel_at(irp);
                    }
                });
                let sent = world.send(filter, request);
                if sent.ended().is_none() {
                    world.complete(&sent, STATUS_SUCCESS);
                }
                point.end(world);
                let ended = sent.ended().map(|ended| ended.status);
                assert!(matches!(ended, Some(STATUS_SUCCESS | STATUS_CANCELLED)), "{ended:?}");
                assert_quiet(world, filter);
                world.remove(filter);
            });
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_at_every_point_waits_for_a_request_of_any_kind() {
    for request in transfers().into_iter().chain(others()) {
        for answer in ANSWERS {
            at_every_point(&format!("{request:?} with {answer:?}"), |world, point, filter| {
                world.answer_next(answer);
                let removal = Rc::new(RefCell::new(None));
                let sending = Rc::clone(&removal);
                point.interrupt(world, move |world| {
                    // Until the request has the remove lock, the I/O manager keeps the device; after it, nobody does.
                    if !world.held_locks().is_empty() {
                        *sending.borrow_mut() = Some(world.send(filter, Request::remove_device()));
                    }
                });
                let sent = world.send(filter, request);
                if sent.ended().is_none() && removal.borrow().is_none() {
                    world.complete(&sent, STATUS_SUCCESS);
                }
                point.end(world);
                let removal = removal
                    .take()
                    .unwrap_or_else(|| world.send(filter, Request::remove_device()));
                world.advance(WAIT_FOR_DPCS);
                for pending in [&sent, &removal] {
                    if pending.ended().is_none() {
                        world.complete(pending, STATUS_SUCCESS);
                    }
                    assert_eq!(pending.ended(), Some(SUCCESS));
                }
                world.advance(WAIT_FOR_DPCS);
                assert!(matches!(removal.returned(), Some(STATUS_SUCCESS | STATUS_PENDING)));
                assert!(!filter.exists());
            });
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_surprise_removal_at_every_point_ends_no_request_and_loses_none() {
    for request in transfers().into_iter().chain(others()) {
        for answer in ANSWERS {
            at_every_point(&format!("{request:?} with {answer:?}"), |world, point, filter| {
                world.answer_next(answer);
                let surprise = Rc::new(RefCell::new(None));
                let sending = Rc::clone(&surprise);
                point.interrupt(world, move |world| {
                    *sending.borrow_mut() = Some(world.send(filter, Request::surprise_removal()));
                });
                let sent = world.send(filter, request);
                world.advance(WAIT_FOR_DPCS);
                for pending in surprise.take().iter().chain([&sent]) {
                    if pending.ended().is_none() {
                        world.complete(pending, STATUS_SUCCESS);
                    }
                    assert_eq!(pending.ended(), Some(SUCCESS));
                }
                world.advance(WAIT_FOR_DPCS);
                point.end(world);
                assert!(filter.exists());
                assert_quiet(world, filter);
                // A handle that is still open brings requests until it is closed, and they go down as before.
                assert_eq!(world.carry_out(filter, request), SUCCESS);
                assert_quiet(world, filter);
                world.surprise_remove(filter);
            });
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_machine_sleeps_and_wakes_at_every_point_with_requests_below() {
    for request in transfers() {
        at_every_point(&format!("{request:?}"), |world, point, filter| {
            world.answer_next(Answer::Pend);
            let below = world.send(filter, request);
            world.answer_next(Answer::Pend);
            point.interrupt(world, move |world| {
                // A disk that sleeps keeps what is below it, and what it is sent, until it is awake.
                for (state, is_query) in [(ASLEEP, true), (ASLEEP, false), (AWAKE, false)] {
                    let power = world.send(filter, Request::system_power(state, is_query));
                    if power.ended().is_none() {
                        world.complete(&power, STATUS_SUCCESS);
                    }
                    assert_eq!(power.ended(), Some(SUCCESS));
                }
            });
            let sent = world.send(filter, request);
            for pending in [&sent, &below] {
                if pending.ended().is_none() {
                    world.complete(pending, STATUS_SUCCESS);
                }
                assert_eq!(pending.ended(), Some(SUCCESS));
            }
            point.end(world);
            assert_quiet(world, filter);
            world.remove(filter);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_come_and_go_at_every_point_of_what_the_filter_waits_for() {
    let waited_for = [
        Request::new(IRP_MJ_PNP, START_DEVICE),
        Request::usage(UsageType::Paging, true),
        Request::usage(UsageType::Paging, false),
    ];
    for request in waited_for {
        for answer in ANSWERS {
            at_every_point(&format!("{request:?} with {answer:?}"), |world, point, filter| {
                if request == Request::usage(UsageType::Paging, false) {
                    assert_eq!(world.usage(filter, UsageType::Paging, true), STATUS_SUCCESS);
                }
                // The request that is waited for may be below already, or still to come.
                let arrived = world.arrived();
                world.answer_next(answer);
                let happened = Rc::new(Cell::new(0_u32));
                let happens = Rc::clone(&happened);
                point.interrupt(world, move |world| {
                    if world.arrived() == arrived {
                        return;
                    }
                    for transfer in transfers() {
                        assert_eq!(world.send(filter, transfer).ended(), Some(SUCCESS));
                        happens.set(happens.get() + 1);
                    }
                });
                let sent = world.send(filter, request);
                if sent.ended().is_none() {
                    world.complete(&sent, STATUS_SUCCESS);
                }
                point.end(world);
                assert_eq!(sent.ended(), Some(SUCCESS));
                assert_quiet(world, filter);
                let counters = figures::of_device(world, filter).counters;
                assert_eq!(counters.device_control.sent * 5, u64::from(happened.get()));
                world.surprise_remove(filter);
            });
        }
    }
}
