//! The end of a device with requests that wait, and what happens at the same time on another processor: at each of the calls
//! that the driver makes, one after the other.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use lab::{
    script::{Address, Answer, Call, Device, Moment, Request, Sent, World},
    status::{STATUS_CANCELLED, STATUS_DELETE_PENDING, STATUS_PENDING, STATUS_SUCCESS},
};

use crate::{DELAY, TICK, is_so, play};

/// Has `interrupt` happen at one point of what the driver does in `work`. Tells whether there is such a point.
///
/// There are two points to each call into the kernel, before and after it, but for those with a spin lock held; and in
/// dispatch the first is where the driver gets the remove lock.
fn at_point<T>(
    world: &World,
    point: usize,
    in_dispatch: bool,
    interrupt: impl Fn(&World) + 'static,
    work: impl FnOnce() -> T,
) -> (T, bool) {
    let points = Cell::new(0);
    let happened = Rc::new(Cell::new(false));
    let happens = Rc::clone(&happened);
    let locks = Cell::new(0);
    let locked = Cell::new(!in_dispatch);
    world.on_call(move |world, moment, call| {
        if let Call::Other { function } = call {
            match (moment, *function) {
                (Moment::Returned, "KeAcquireSpinLockRaiseToDpc") => locks.set(locks.get() + 1),
                (Moment::Returned, "KeReleaseSpinLock") => locks.set(locks.get() - 1),
                _ => {}
            }
        }
        if let (Moment::Returned, Call::IoAcquireRemoveLockEx { .. }) = (moment, call) {
            locked.set(true);
        }
        // What comes in between would wait for the lock, and come after it.
        if locked.get() && locks.get() == 0 && points.replace(points.get() + 1) == point {
            happens.set(true);
            interrupt(world);
        }
    });
    let result = work();
    world.on_call(|_, _, _| ());
    (result, happened.get())
}

/// Plays `scenario` at every point, each in a machine of its own, and expects that there are some.
fn at_every_point(scenario: impl Fn(&World, usize) -> bool) {
    let mut points = 0;
    loop {
        let happened = is_so(|world| {
            world.set_recording(false);
            scenario(world, points)
        });
        if !happened {
            break;
        }
        points += 1;
    }
    assert!(points >= 8, "there are only {points} points");
}

/// A request that is sent by a hook.
#[derive(Clone, Default)]
struct Later(Rc<RefCell<Option<Sent>>>);

impl Later {
    fn send(&self, world: &World, filter: Device, request: Request) {
        let sent = world.send(filter, request);
        *self.0.borrow_mut() = Some(sent);
    }

    fn take(&self) -> Sent {
        self.0.take().expect("it was sent")
    }
}

/// Lets time go by until the driver has nothing more to do, and completes what arrived below.
fn finish(world: &World) {
    world.advance(DELAY + TICK);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_waits_goes_down_before_the_removal_does() {
    play(|world| {
        for end in [Request::surprise_removal(), Request::remove_device()] {
            let (_, filter) = world.add_filter();
            let waiting: Vec<_> = (0..3).map(|_| world.send(filter, Request::read(0, 512))).collect();
            world.take_arrivals();
            let ending = world.send(filter, end);
            let irps: Vec<Address> = world.take_arrivals().iter().map(|arrival| arrival.irp).collect();
            let expected: Vec<Address> = waiting.iter().chain([&ending]).map(Sent::irp).collect();
            assert_eq!(irps, expected);
            assert_eq!(ending.returned(), Some(STATUS_SUCCESS));
            assert!(waiting.iter().all(|sent| sent.ended() == Some(STATUS_SUCCESS.into())));
            if filter.exists() {
                // Nothing waits for a device that is gone, and nothing is lost.
                let late = world.send(filter, Request::read(0, 512));
                assert_eq!(late.returned(), Some(STATUS_PENDING));
                assert_eq!(late.ended(), Some(STATUS_SUCCESS.into()));
                assert!(late.pending_returned());
                world.send(filter, Request::remove_device());
            }
            assert!(!filter.exists());
            // A timer that was left running would run in freed memory now.
            finish(world);
        }
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_waits_for_what_it_has_let_go() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer_next(Answer::Pend);
        let read = world.send(filter, Request::read(0, 512));
        let remove = world.send(filter, Request::remove_device());
        // The lock of a request that was sent on is released when the call has returned, as for any that is passed.
        assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
        world.complete(&read, STATUS_SUCCESS);
        assert_eq!(read.ended(), Some(STATUS_SUCCESS.into()));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_cancelled_at_any_point_of_its_way_into_the_queue_ends_once() {
    at_every_point(|world, point| {
        let (_, filter) = world.add_filter();
        let others: Vec<_> = (0..2).map(|_| world.send(filter, Request::read(0, 512))).collect();
        let irp = Rc::new(Cell::new(None));
        let (own, known) = (Rc::clone(&irp), Cell::new(None));
        world.on_call(|_, _, _| ());
        let (sent, happened) = at_point(
            world,
            point,
            true,
            move |world| {
                // The newest lock is the request's, once it has one.
                let tag = known.get().or_else(|| world.held_locks().last().map(|held| held.tag));
                known.set(tag);
                own.set(tag);
                if let Some(tag) = tag {
                    world.cancel_at(tag);
                }
            },
            || world.send(filter, Request::read(0, 512)),
        );
        finish(world);
        for request in others.iter().chain([&sent]) {
            let ended = request.ended().expect("it ended");
            let cancelled = irp.get() == Some(request.irp());
            assert!(
                ended == STATUS_SUCCESS.into() || (cancelled && ended == STATUS_CANCELLED.into()),
                "point {point}: {ended:?}"
            );
        }
        assert_eq!(world.held_locks(), [], "point {point}");
        happened
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_cancelled_at_any_point_of_the_timer_ends_once() {
    for victim in 0..2 {
        at_every_point(move |world, point| {
            let (_, filter) = world.add_filter();
            // What has arrived below may still be cancelled there.
            world.answer(Answer::Pend);
            let sent: Vec<_> = (0..2).map(|_| world.send(filter, Request::read(0, 512))).collect();
            let irp = sent[victim].irp();
            let ((), happened) = at_point(
                world,
                point,
                false,
                move |world| {
                    world.cancel_at(irp);
                },
                || world.advance(DELAY + TICK),
            );
            finish(world);
            for request in &sent {
                if request.ended().is_none() {
                    world.complete(request, STATUS_SUCCESS);
                }
                let ended = request.ended().expect("it ended");
                let cancelled = request.irp() == irp;
                assert!(
                    ended == STATUS_SUCCESS.into() || (cancelled && ended == STATUS_CANCELLED.into()),
                    "point {point}: {ended:?}"
                );
            }
            assert_eq!(world.held_locks(), [], "point {point}");
            happened
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_at_any_point_of_a_requests_way_into_the_queue_leaves_nothing() {
    for surprise in [false, true] {
        at_every_point(|world, point| {
            let (lower, filter) = world.add_filter();
            let waiting = world.send(filter, Request::read(0, 512));
            let remove = Later::default();
            let removing = remove.clone();
            let (sent, happened) = at_point(
                world,
                point,
                true,
                move |world| {
                    let first = if surprise {
                        Request::surprise_removal()
                    } else {
                        Request::remove_device()
                    };
                    removing.send(world, filter, first);
                },
                || world.send(filter, Request::write(0, 512)),
            );
            if happened {
                let mut remove = remove.take();
                if surprise {
                    assert_eq!(remove.returned(), Some(STATUS_SUCCESS), "point {point}");
                    remove = world.send(filter, Request::remove_device());
                }
                assert_eq!(remove.returned(), Some(STATUS_SUCCESS), "point {point}");
                assert!(!filter.exists(), "point {point}");
                assert_eq!(lower.top_of_stack(), lower, "point {point}");
                assert_eq!(waiting.ended(), Some(STATUS_SUCCESS.into()), "point {point}");
                let ended = sent.ended().expect("it ended");
                assert!(
                    [STATUS_SUCCESS.into(), STATUS_DELETE_PENDING.into()].contains(&ended),
                    "point {point}: {ended:?}"
                );
            }
            finish(world);
            happened
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_at_any_point_of_the_timer_waits_for_it() {
    at_every_point(|world, point| {
        let (lower, filter) = world.add_filter();
        let first = world.send(filter, Request::read(0, 512));
        world.advance(DELAY / 2);
        // The timer finds one that is due and one that is not, and so is set again.
        let second = world.send(filter, Request::read(0, 512));
        let remove = Later::default();
        let removing = remove.clone();
        let ((), happened) = at_point(
            world,
            point,
            false,
            move |world| removing.send(world, filter, Request::remove_device()),
            || world.advance(DELAY / 2 + TICK / 4),
        );
        if happened {
            assert_eq!(remove.take().returned(), Some(STATUS_SUCCESS), "point {point}");
            assert!(!filter.exists(), "point {point}");
            assert_eq!(lower.top_of_stack(), lower, "point {point}");
            for request in [&first, &second] {
                assert_eq!(request.ended(), Some(STATUS_SUCCESS.into()), "point {point}");
            }
        }
        finish(world);
        happened
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_disk_that_cannot_be_delayed_is_started_without_the_filter() {
    play(|world| {
        for function in ["IoCreateDevice", "IoAttachDeviceToDeviceStackSafe"] {
            let (lower, filter) = world.add_filter();
            world.send(filter, Request::remove_device());
            world.fail_next(function);
            assert_eq!(world.add_device(lower), STATUS_SUCCESS, "{function}");
            assert_eq!(lower.top_of_stack(), lower, "{function}");
            assert_eq!(world.driver_pool().live_blocks(), 0, "{function}");
        }
        world.unload();
    });
}
