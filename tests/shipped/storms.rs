//! Devices that live and go with requests under way: every legal order of PnP requests, and at each step requests that came
//! before it, come in the middle of it, and end after it.

use std::{cell::RefCell, rc::Rc, time::Duration};

use lab::{
    script::{Address, Answer, Call, Device, Moment, Request, Sent, World, orders},
    status::STATUS_SUCCESS,
};
use policy::Operation;

use crate::{IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_PNP, figures, play};

/// How many steps an order has before it goes the shortest way to REMOVE.
const STEPS: usize = 4;

/// Longer than any call takes, and shorter than what anybody waits.
const BELOW: Duration = Duration::from_micros(30);

const REQUESTS: [fn() -> Request; 4] = [
    || Request::read(0, 512),
    || Request::write(0, 512).paging().at_dispatch(),
    || Request::new(IRP_MJ_FLUSH_BUFFERS, 0),
    || Request::new(IRP_MJ_DEVICE_CONTROL, 0),
];

/// The requests of one device, sent in the middle of what its driver does with others.
#[derive(Default)]
struct Traffic {
    sent: Vec<Sent>,
    /// What was counted when the removal had waited for them: sent, ended, in flight, held and dropped.
    counted: Option<[u64; 4]>,
}

/// Sends two requests at each step that reaches the device, as the step is about to give up the remove lock: one that ends
/// at once and one that is still below at the next step.
fn accompany(world: &World, filter: Device) -> Rc<RefCell<Traffic>> {
    let traffic = Rc::new(RefCell::new(Traffic::default()));
    let seen = Rc::clone(&traffic);
    let lock = filter.remove_lock();
    world.on_call(move |world, moment, call| match (moment, call) {
        (
            Moment::Called,
            Call::IoReleaseRemoveLockEx {
                lock: released, tag, ..
            },
        ) if *released == lock => {
            let is_own = |sent: &Sent| sent.irp() == *tag && sent.ended().is_none();
            if seen.borrow().sent.iter().any(is_own) {
                return;
            }
            for answer in [
                Answer::complete(STATUS_SUCCESS),
                Answer::complete_after(BELOW, STATUS_SUCCESS),
            ] {
                let next = seen.borrow().sent.len().div_ceil(2) % REQUESTS.len();
                world.answer_next(answer);
                let sent = world.send(filter, REQUESTS[next]());
                seen.borrow_mut().sent.push(sent);
            }
        }
        // What is in the extension is still there, and nobody uses it any more.
        (Moment::Returned, Call::IoReleaseRemoveLockAndWaitEx { lock: waited, .. }) if *waited == lock => {
            seen.borrow_mut().counted = Some(count(world, filter));
        }
        _ => {}
    });
    traffic
}

fn count(world: &World, filter: Device) -> [u64; 4] {
    let snapshot = figures::of_device(world, filter);
    let counters = &snapshot.counters;
    let all = Operation::ALL.map(|operation| counters.operation(operation));
    let sent = all.map(|counted| counted.sent).iter().sum();
    let ended = all.map(|counted| counted.completed_success).iter().sum();
    [sent, ended, snapshot.in_flight, counters.held_dropped]
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_legal_order_with_requests_under_way_counts_them_all_and_loses_none() {
    play(|world| {
        world.set_recording(false);
        let (_, other) = world.add_filter();
        let orders = orders(STEPS);
        let mut accompanied = 0;
        for order in &orders {
            let (lower, filter) = world.add_filter();
            let traffic = accompany(world, filter);
            world.pnp_walk(filter, order);
            world.on_call(|_, _, _| {});
            let traffic = traffic.take();
            let sent = traffic.sent.len() as u64;
            assert_eq!(traffic.counted, Some([sent, sent, 0, 0]), "{order:?}");
            for request in &traffic.sent {
                assert_eq!(request.ended(), Some(STATUS_SUCCESS.into()), "{order:?}");
            }
            assert!(!filter.exists(), "{order:?}");
            assert_eq!(lower.top_of_stack(), lower, "{order:?}");
            accompanied += sent;
        }
        // The device beside them has heard of nothing.
        assert_eq!(count(world, other), [0; 4]);
        world.remove(other);
        world.unload();
        assert!(
            orders.len() > 100 && accompanied > 1000,
            "{} {accompanied}",
            orders.len()
        );
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_comes_after_the_removal_has_begun_is_refused_and_not_counted() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer_next(Answer::Pend);
        let below = world.send(filter, Request::read(0, 512));
        let removal = world.send(filter, Request::remove_device());
        assert_eq!(removal.returned(), None);
        let arrived = world.arrived();
        for request in REQUESTS {
            let late = world.send(filter, request());
            assert_eq!(late.ended(), Some(lab::status::STATUS_DELETE_PENDING.into()));
        }
        assert_eq!(world.arrived(), arrived);
        assert_eq!(count(world, filter), [1, 0, 1, 0]);
        world.complete(&below, STATUS_SUCCESS);
        assert!(removal.returned().is_some());
        assert!(!filter.exists());
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn devices_that_come_and_go_by_turns_keep_their_requests_apart() {
    play(|world| {
        world.set_recording(false);
        let mut devices: Vec<(Device, Vec<Sent>)> = Vec::new();
        for round in 0..24_usize {
            let (_, filter) = world.add_filter();
            assert_eq!(
                world.carry_out(filter, Request::new(IRP_MJ_PNP, 0)),
                STATUS_SUCCESS.into()
            );
            devices.push((filter, Vec::new()));
            world.answer(Answer::Pend);
            for (index, (filter, sent)) in devices.iter_mut().enumerate() {
                sent.push(world.send(*filter, REQUESTS[(round + index) % REQUESTS.len()]()));
            }
            world.answer(Answer::complete(STATUS_SUCCESS));
            if round % 3 == 2 {
                // The oldest goes while all the others have requests below.
                let (filter, sent) = devices.remove(0);
                let removal = world.send(filter, Request::remove_device());
                assert_eq!(removal.returned(), None);
                let tags: Vec<Address> = sent.iter().map(Sent::irp).collect();
                for request in sent {
                    world.complete(&request, STATUS_SUCCESS);
                }
                assert!(!filter.exists());
                assert!(world.held_locks().iter().all(|held| !tags.contains(&held.tag)));
            }
        }
        for (filter, sent) in devices {
            let count_of = sent.len() as u64;
            assert_eq!(count(world, filter), [count_of, 0, count_of, 0]);
            for request in sent {
                assert!(world.cancel(&request));
            }
            world.surprise_remove(filter);
        }
        world.unload();
        assert_eq!(world.driver_pool().live_blocks(), 0);
    });
}
