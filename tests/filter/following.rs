//! READ and WRITE: registered, followed to their end, and never in anybody's way.

use lab::{
    script::{Address, Answer, Call, Device, HeldLock, IoStatus, Request, Sent, World},
    status::{STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_DEVICE_ERROR, STATUS_PENDING, STATUS_SUCCESS},
};

use crate::{
    layout::{REMOVE_LOCK_BYTES, stack_location},
    statistics::{SLOTS, SLOTS_OF_PAGING, statistics},
    support::{
        IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, arrival, expected_below, named, play, pointer, with_information,
    },
};

/// What may be paging I/O.
const TRANSFERS: [fn() -> Request; 2] = [|| Request::read(0x1000, 512), || Request::write(0x2000, 1024)];

/// What is followed, and is no paging I/O: the transfers, FLUSH_BUFFERS and DEVICE_CONTROL.
const FOLLOWED: [fn() -> Request; 4] = [
    TRANSFERS[0],
    TRANSFERS[1],
    || Request::new(IRP_MJ_FLUSH_BUFFERS, 0),
    || Request::new(IRP_MJ_DEVICE_CONTROL, 0),
];

fn held(device: Device, tag: Address) -> HeldLock {
    HeldLock { device, tag }
}

/// Sends so many requests that pend below.
fn send_many(world: &World, filter: Device, request: Request, count: usize) -> Vec<Sent> {
    world.answer(Answer::Pend);
    let sent = (0..count).map(|_| world.send(filter, request)).collect();
    world.answer(Answer::complete(STATUS_SUCCESS));
    sent
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_is_registered_with_our_own_device_for_every_end_and_then_sent() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        let lock = filter.remove_lock();
        for request in FOLLOWED {
            world.take_calls();
            let sent = world.send(filter, request());
            let (irp, size) = (sent.irp(), REMOVE_LOCK_BYTES);
            let calls = named(world.take_calls());
            let [acquire, register, call, release] = &calls[..] else {
                panic!("{calls:?}");
            };
            assert_eq!(*acquire, Call::IoAcquireRemoveLockEx { lock, tag: irp, size });
            let Call::IoSetCompletionRoutineEx {
                device,
                irp: registered,
                routine,
                on_success,
                on_error,
                on_cancel,
                ..
            } = *register
            else {
                panic!("{register:?}");
            };
            assert_eq!((device, registered), (filter.address(), irp));
            assert!(on_success && on_error && on_cancel, "{register:?}");
            assert!(world.is_driver_code(routine), "{register:?}");
            assert_eq!(
                *call,
                Call::IofCallDriver {
                    device: lower.address(),
                    irp
                }
            );
            assert_eq!(*release, Call::IoReleaseRemoveLockEx { lock, tag: irp, size });
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn where_the_registration_is_refused_it_is_completed_with_that_and_not_sent() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in FOLLOWED {
            world.fail_next("IoSetCompletionRoutineEx");
            let refused = world.send(filter, request().status(STATUS_IO_DEVICE_ERROR));
            assert_eq!(refused.returned(), Some(STATUS_INSUFFICIENT_RESOURCES));
            assert_eq!(refused.ended(), Some(STATUS_INSUFFICIENT_RESOURCES.into()));
            assert!(world.take_arrivals().is_empty(), "it was sent down");
            assert_eq!(world.held_locks(), []);

            let next = world.send(filter, request());
            assert_eq!(next.ended(), Some(STATUS_SUCCESS.into()));
            arrival(world);
        }
        // Every slot is free again.
        send_many(world, filter, Request::read(0, 512), SLOTS);
        assert_eq!(statistics(world, filter).counters.untracked, 0);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn paging_io_is_followed_by_the_call_that_cannot_be_refused() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        for request in TRANSFERS {
            let request = request().paging();
            for irql in [request, request.at_dispatch()] {
                world.take_calls();
                let sent = world.send(filter, irql);
                let calls = world.take_calls();
                assert!(
                    !calls
                        .iter()
                        .any(|call| matches!(call, Call::IoSetCompletionRoutineEx { .. })),
                    "{calls:?}"
                );
                let arrived = arrival(world).contents;
                let next = sent.location() - stack_location::BYTES;
                let routine = pointer(&arrived, next + stack_location::COMPLETION_ROUTINE);
                assert!(world.is_driver_code(routine), "{routine:?} is no code of the driver");
                assert_ne!(pointer(&arrived, next + stack_location::CONTEXT), Address::default());
                assert_eq!(arrived, expected_below(&sent, &irql, lower, &arrived));
                assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()));
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_paging_bit_of_a_request_that_is_no_transfer_means_something_else() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in FOLLOWED.map(|request| request()).into_iter().skip(TRANSFERS.len()) {
            world.fail_next("IoSetCompletionRoutineEx");
            let refused = world.send(filter, request.paging());
            assert_eq!(
                refused.ended(),
                Some(STATUS_INSUFFICIENT_RESOURCES.into()),
                "{request:?}"
            );
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_without_a_stack_location_for_the_lower_driver_passes_in_its_own() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        let paging = TRANSFERS.map(|request| request().paging());
        let requests = FOLLOWED.map(|request| request()).into_iter().chain(paging);
        for (index, request) in requests.enumerate() {
            let request = request.in_last_location();
            let sent = world.send(filter, request);
            assert_eq!(arrival(world).contents, sent.passed_to(lower), "{request:?}");
            assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()), "{request:?}");
            let counters = statistics(world, filter).counters;
            assert_eq!(
                counters.untracked + counters.reserve_empty,
                index as u64 + 1,
                "{request:?}"
            );
            assert_eq!(counters.read.sent, 0);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn more_requests_than_there_are_slots_pass_untracked() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        let followed = send_many(world, filter, Request::read(0, 512), SLOTS);
        world.take_arrivals();
        for request in TRANSFERS {
            let untracked = world.send(filter, request());
            assert_eq!(arrival(world).contents, untracked.passed_to(lower));
            assert_eq!(untracked.ended(), Some(STATUS_SUCCESS.into()));
        }
        // Paging I/O has slots of its own.
        let paging = world.send(filter, Request::read(0, 512).paging());
        assert_ne!(arrival(world).contents, paging.passed_to(lower));

        // One that comes back makes room for the next.
        world.complete(&followed[SLOTS / 2], with_information(STATUS_SUCCESS));
        let next = world.send(filter, Request::read(0, 512));
        assert_ne!(arrival(world).contents, next.passed_to(lower));

        let snapshot = statistics(world, filter);
        assert_eq!(snapshot.counters.untracked, 2);
        assert_eq!(snapshot.counters.reserve_empty, 0);
        assert_eq!(snapshot.in_flight, SLOTS as u64 - 1);
        assert_eq!(snapshot.in_flight_peak, SLOTS as u64 + 1);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn more_paging_requests_than_the_reserve_has_slots_for_pass_and_take_no_others() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        send_many(world, filter, Request::write(0, 512).paging(), SLOTS_OF_PAGING);
        world.take_arrivals();
        let passing = world.send(filter, Request::read(0, 512).paging());
        assert_eq!(arrival(world).contents, passing.passed_to(lower));
        let other = world.send(filter, Request::read(0, 512));
        assert_ne!(arrival(world).contents, other.passed_to(lower));

        let snapshot = statistics(world, filter);
        assert_eq!(snapshot.counters.reserve_empty, 1);
        assert_eq!(snapshot.counters.untracked, 0);
        assert_eq!(snapshot.counters.write.sent, SLOTS_OF_PAGING as u64);
        assert_eq!(snapshot.counters.read.sent, 1);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_remove_lock_is_held_until_it_is_back() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in TRANSFERS {
            for request in [request(), request().paging()] {
                world.answer_next(Answer::Pend);
                let sent = world.send(filter, request);
                assert_eq!(arrival(world).held, [held(filter, sent.irp())], "{request:?}");
                assert_eq!(world.held_locks(), [held(filter, sent.irp())], "{request:?}");
                world.complete(&sent, with_information(STATUS_SUCCESS));
                assert_eq!(world.held_locks(), [], "{request:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_come_back_in_any_order() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let mut sent: Vec<_> = (0..20)
            .flat_map(|index| {
                let request = TRANSFERS[index % 2]();
                let request = if index % 3 == 0 { request.paging() } else { request };
                send_many(world, filter, request, 1)
            })
            .collect();
        // From both ends in turn.
        while !sent.is_empty() {
            let index = if sent.len() % 2 == 0 { sent.len() - 1 } else { 0 };
            let request = sent.remove(index);
            let end = IoStatus::new(STATUS_SUCCESS, 10 * sent.len());
            world.complete(&request, end);
            assert_eq!(request.ended(), Some(end));
            assert!(request.pending_returned());
            let mut still: Vec<_> = sent.iter().map(Sent::irp).collect();
            still.sort();
            let mut tags: Vec<_> = world.held_locks().into_iter().map(|held| held.tag).collect();
            tags.sort();
            assert_eq!(tags, still);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_cancelled_request_comes_back_as_cancelled() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in FOLLOWED {
            world.answer_next(Answer::Pend);
            let sent = world.send(filter, request());
            assert!(world.cancel(&sent));
            assert_eq!(sent.returned(), Some(STATUS_PENDING));
            assert_eq!(sent.ended(), Some(STATUS_CANCELLED.into()));
            assert_eq!(world.held_locks(), []);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_is_allocated_however_many_requests_come() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let before = world.driver_pool();
        assert!(before.allocations > 0, "nothing was allocated to follow with");
        for count in [1, 10, SLOTS + 1] {
            for request in TRANSFERS {
                let mut sent = send_many(world, filter, request(), count);
                sent.extend(send_many(world, filter, request().paging(), count));
                assert_eq!(world.driver_pool(), before, "with {count} under way");
                for request in sent {
                    world.complete(&request, STATUS_SUCCESS);
                }
                world.take_calls();
                world.take_arrivals();
            }
        }
        assert_eq!(world.driver_pool(), before);
    });
}
