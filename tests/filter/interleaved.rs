//! What another processor does in the middle of a dispatch routine: at each of the calls that it makes, one after the
//! other, and not at a few that chance picks.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use lab::{
    script::{Address, Answer, Call, Device, Moment, Request, Sent, World},
    status::{STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS},
};

use crate::{
    statistics::statistics,
    support::{IRP_MJ_PNP, play, with_information},
};

/// Sends `request`, and at one point of what the driver does for it has `interrupt` happen, which gets the IRP's address.
/// Tells whether there is such a point.
///
/// There are two points to each call, before and after it, and the first is where the driver gets the remove lock. While it holds a
/// spin lock there are none.
pub(crate) fn send_and_at(
    world: &World,
    filter: Device,
    request: Request,
    point: usize,
    interrupt: impl Fn(&World, Address) + 'static,
) -> (Sent, bool) {
    let irp = Cell::new(None);
    let points = Cell::new(0);
    let happened = Rc::new(Cell::new(false));
    let happens = Rc::clone(&happened);
    world.on_call(move |world, moment, call| {
        if let (Moment::Returned, Call::IoAcquireRemoveLockEx { tag, .. }, None) = (moment, call, irp.get()) {
            irp.set(Some(*tag));
        }
        if let Some(irp) = irp.get()
            && !world.holds_spin_lock()
        {
            let here = points.replace(points.get() + 1);
            if here == point {
                happens.set(true);
                interrupt(world, irp);
            }
        }
    });
    let sent = world.send(filter, request);
    world.on_call(|_, _, _| ());
    (sent, happened.get())
}

/// Plays `scenario` at every point, and expects that there are some.
fn at_every_point(world: &World, scenario: impl Fn(&World, usize) -> bool) {
    let points = (0..).take_while(|&point| scenario(world, point)).count();
    assert!(points >= 5, "there are only {points} points");
}

fn requests() -> [Request; 3] {
    let read = Request::read(0, 512);
    [read, read.paging(), Request::new(IRP_MJ_PNP, 0x09)]
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_that_comes_at_any_point_of_a_dispatch_routine_waits_for_it() {
    play(|world| {
        world.set_recording(false);
        for request in requests() {
            for pends in [false, true] {
                at_every_point(world, |world, point| {
                    let (lower, filter) = world.add_filter();
                    let remove = Rc::new(RefCell::new(None));
                    let sending = Rc::clone(&remove);
                    world.answer_next(if pends {
                        Answer::Pend
                    } else {
                        Answer::Complete(with_information(STATUS_SUCCESS))
                    });
                    // The removal may overtake the request on the way down.
                    world.answer(Answer::Complete(with_information(STATUS_SUCCESS)));
                    let (sent, happened) = send_and_at(world, filter, request, point, move |world, _| {
                        *sending.borrow_mut() = Some(world.send(filter, Request::remove_device()));
                    });
                    if !happened {
                        return false;
                    }
                    let remove = remove.take().expect("it was sent");
                    if sent.ended().is_none() {
                        world.complete(&sent, with_information(STATUS_SUCCESS));
                    } else if remove.ended().is_none() {
                        world.complete(&remove, STATUS_SUCCESS);
                    }
                    assert_eq!(sent.ended(), Some(with_information(STATUS_SUCCESS)), "point {point}");
                    assert!(remove.returned().is_some(), "point {point}");
                    assert!(!filter.exists(), "point {point}");
                    assert_eq!(lower.top_of_stack(), lower, "point {point}");
                    true
                });
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_cancelled_at_any_point_ends_once() {
    play(|world| {
        world.set_recording(false);
        world.answer(Answer::Pend);
        for request in requests() {
            let (_, filter) = world.add_filter();
            at_every_point(world, |world, point| {
                let (sent, happened) = send_and_at(world, filter, request, point, |world, irp| {
                    world.cancel_at(irp);
                });
                assert_eq!(sent.returned(), Some(STATUS_PENDING), "point {point}");
                match sent.ended() {
                    // It was cancelled before there was anybody to hear of it.
                    None => world.complete(&sent, STATUS_SUCCESS),
                    Some(ended) => assert_eq!(ended, STATUS_CANCELLED.into(), "point {point}"),
                }
                assert_eq!(world.held_locks(), [], "point {point}");
                happened
            });
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_that_come_in_the_middle_of_another_are_counted_like_any() {
    play(|world| {
        world.set_recording(false);
        let (_, filter) = world.add_filter();
        let sent = Cell::new(0);
        at_every_point(world, |world, point| {
            let read = Request::read(0, 512);
            let (_, happened) = send_and_at(world, filter, read, point, move |world, _| {
                world.send(filter, read);
            });
            sent.set(sent.get() + 1 + u64::from(happened));
            let snapshot = statistics(world, filter);
            let reads = &snapshot.counters.read;
            assert_eq!(
                (reads.sent, reads.completed_success),
                (sent.get(), sent.get()),
                "point {point}"
            );
            assert_eq!(reads.latency_ns.count(), sent.get(), "point {point}");
            assert_eq!(snapshot.in_flight, 0, "point {point}");
            happened
        });
        assert_eq!(statistics(world, filter).in_flight_peak, 2);
    });
}
