//! The same requests above drivers that treat them in every way there is: completed at once, pended, kept until cancelled;
//! with the statuses of removable media, and with more paging I/O than the reserve has slots for.

use lab::{
    script::{Address, Answer, Call, Device, IoStatus, Moment, Request, Sent, World},
    status::{
        NtStatus, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_DEVICE_ERROR, STATUS_NO_MEDIA_IN_DEVICE,
        STATUS_SUCCESS, STATUS_VERIFY_REQUIRED,
    },
};
use policy::Operation;

use crate::{Chance, IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_PNP, figures, play};

/// How many paging requests can be followed at once on a machine with two processors.
const SLOTS_OF_PAGING: usize = 512;

/// What the filter follows.
fn followed() -> [Request; 6] {
    [
        Request::read(0x1000, 512),
        Request::write(0x2000, 512),
        Request::read(0x3000, 512).paging(),
        Request::write(0x4000, 512).paging(),
        Request::new(IRP_MJ_FLUSH_BUFFERS, 0),
        Request::new(IRP_MJ_DEVICE_CONTROL, 0),
    ]
}

/// Sends each request many times to two devices in turn.
fn send_storm(world: &World, filters: [Device; 2]) -> Vec<Sent> {
    let mut chance = Chance(7);
    (0..120)
        .map(|index| {
            let request = chance.of(&followed());
            let may_be_raised = request.major != IRP_MJ_FLUSH_BUFFERS && chance.below(3) == 0;
            let request = if may_be_raised { request.at_dispatch() } else { request };
            world.send(filters[index % 2], request)
        })
        .collect()
}

/// Every request has ended so, both devices counted it so, and nothing is left of either.
#[track_caller]
fn assert_ended(world: &World, filters: [Device; 2], sent: &[Sent], status: NtStatus) {
    for sent in sent {
        assert_eq!(
            sent.ended().map(|ended| ended.status),
            Some(status),
            "{:?}",
            sent.history()
        );
    }
    assert_eq!(world.held_locks(), []);
    for filter in filters {
        let snapshot = figures::of_device(world, filter);
        let counters = &snapshot.counters;
        let all = Operation::ALL.map(|operation| counters.operation(operation));
        let [good, bad] = if status >= 0 { [60, 0] } else { [0, 60] };
        assert_eq!(all.map(|counted| counted.sent).iter().sum::<u64>(), 60);
        assert_eq!(all.map(|counted| counted.completed_success).iter().sum::<u64>(), good);
        assert_eq!(all.map(|counted| counted.completed_error).iter().sum::<u64>(), bad);
        assert_eq!(snapshot.errors.total(), bad);
        assert_eq!((snapshot.in_flight, counters.held_dropped), (0, 0));
        assert_eq!(
            (counters.untracked, counters.reserve_empty, counters.refused),
            (0, 0, 0)
        );
        world.remove(filter);
    }
    world.unload();
    assert_eq!(world.driver_pool().live_blocks(), 0);
}

fn two_filters(world: &World) -> [Device; 2] {
    world.set_recording(false);
    [world.add_filter().1, world.add_filter().1]
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_lower_driver_that_completes_everything_at_once_loses_nothing() {
    for status in [
        STATUS_SUCCESS,
        STATUS_IO_DEVICE_ERROR,
        STATUS_VERIFY_REQUIRED,
        STATUS_NO_MEDIA_IN_DEVICE,
    ] {
        for answer in [Answer::complete(status), Answer::pend_and_complete(status)] {
            play(|world| {
                let filters = two_filters(world);
                world.answer(answer);
                let sent = send_storm(world, filters);
                world.answer(Answer::complete(STATUS_SUCCESS));
                assert_ended(world, filters, &sent, status);
            });
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_lower_driver_that_pends_everything_and_ends_it_in_any_order_loses_nothing() {
    play(|world| {
        let filters = two_filters(world);
        world.answer(Answer::Pend);
        let sent = send_storm(world, filters);
        let mut left = sent.clone();
        let mut chance = Chance(11);
        while !left.is_empty() {
            let next = left.swap_remove(chance.below(left.len()));
            world.complete(&next, STATUS_SUCCESS);
            assert!(next.pending_returned());
            assert_eq!(world.held_locks().len(), left.len());
        }
        world.answer(Answer::complete(STATUS_SUCCESS));
        assert_ended(world, filters, &sent, STATUS_SUCCESS);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_lower_driver_that_ends_nothing_until_it_is_cancelled_holds_up_nobody_else() {
    play(|world| {
        let filters = two_filters(world);
        world.answer(Answer::Pend);
        let sent = send_storm(world, filters);
        world.answer(Answer::complete(STATUS_SUCCESS));
        // What does not wait for them gets through meanwhile, on both devices.
        for filter in filters {
            let capabilities = world.carry_out(filter, Request::new(IRP_MJ_PNP, 0x09));
            assert_eq!(capabilities, STATUS_SUCCESS.into());
        }
        for request in &sent {
            assert!(world.cancel(request));
        }
        assert_ended(world, filters, &sent, STATUS_CANCELLED);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn paging_io_with_the_reserve_exhausted_ends_as_below_and_a_removal_waits_for_what_is_followed() {
    play(|world| {
        world.set_recording(false);
        let (lower, filter) = world.add_filter();
        world.answer(Answer::Pend);
        let paging = Request::write(0, 4096).paging();
        let held: Vec<Sent> = (0..SLOTS_OF_PAGING).map(|_| world.send(filter, paging)).collect();
        // No memory from here on: a paging request asks for none, with a slot or without.
        let pool = world.driver_pool();
        let passing: Vec<Sent> = (0..40).map(|_| world.send(filter, paging.at_dispatch())).collect();
        assert_eq!(world.driver_pool(), pool);
        assert_eq!(world.held_locks().len(), SLOTS_OF_PAGING);
        for (index, sent) in passing.iter().enumerate() {
            let end = IoStatus::new(STATUS_SUCCESS, index);
            world.complete(sent, end);
            assert_eq!(sent.ended(), Some(end));
        }
        let snapshot = figures::of_device(world, filter);
        assert_eq!(snapshot.counters.reserve_empty, 40);
        assert_eq!(snapshot.in_flight, SLOTS_OF_PAGING as u64);
        // One that comes back makes room for one.
        world.complete(&held[100], STATUS_SUCCESS);
        let again = world.send(filter, paging);
        assert_eq!(figures::of_device(world, filter).counters.reserve_empty, 40);

        world.answer(Answer::complete(STATUS_SUCCESS));
        world.carry_out(filter, Request::surprise_removal());
        let remove = world.send(filter, Request::remove_device());
        assert_eq!(remove.returned(), None);
        for sent in held.iter().filter(|sent| sent.ended().is_none()) {
            assert!(filter.exists());
            world.complete(sent, STATUS_IO_DEVICE_ERROR);
        }
        assert!(filter.exists());
        world.complete(&again, STATUS_IO_DEVICE_ERROR);
        assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
        assert!(!filter.exists());
        assert_eq!(lower.top_of_stack(), lower);
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn only_what_is_flagged_as_paging_io_takes_the_reserve_and_cannot_be_refused() {
    // IRP_NOCACHE, IRP_PAGING_IO, both, and IRP_SYNCHRONOUS_PAGING_IO with and without.
    for (flags, is_paging) in [(0x1, false), (0x2, true), (0x3, true), (0x42, true), (0x40, false)] {
        play(|world| {
            let (_, filter) = world.add_filter();
            let read = Request {
                flags,
                ..Request::read(0, 512)
            };
            let before = figures::of_device(world, filter).counters.refused;
            if !is_paging {
                world.fail_next("IoSetCompletionRoutineEx");
            }
            world.answer_next(Answer::complete(STATUS_SUCCESS));
            let sent = world.send(filter, read);
            let refused = figures::of_device(world, filter).counters.refused - before;
            assert_eq!(refused, u64::from(!is_paging), "{flags:#x}");
            assert_eq!(sent.ended() == Some(STATUS_SUCCESS.into()), is_paging, "{flags:#x}");
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_refused_request_has_transferred_nothing_whatever_it_came_with() {
    const INFORMATION: usize = 0x38;
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in followed().into_iter().filter(|request| request.flags == 0) {
            world.on_call(|world, moment, call| {
                if let (Moment::Called, Call::IoSetCompletionRoutineEx { irp, .. }) = (moment, call) {
                    world.write(Address(irp.0 + INFORMATION), &512_usize.to_le_bytes());
                }
            });
            world.fail_next("IoSetCompletionRoutineEx");
            let refused = world.send(filter, request);
            assert_eq!(
                refused.ended(),
                Some(STATUS_INSUFFICIENT_RESOURCES.into()),
                "{request:?}"
            );
        }
    });
}
