//! Requests that wait: for how long, in which order, and what ends it before.

use std::time::Duration;

use lab::{
    script::{Answer, Request},
    status::{STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS},
};

use crate::{DELAY, TICK, play};

const IRP_MJ_FLUSH_BUFFERS: u8 = 0x09;

const MICROSECOND: Duration = Duration::from_micros(1);

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_read_or_write_reaches_the_disk_when_its_time_has_come_and_not_before() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in [
            Request::read(0, 512),
            Request::write(4096, 1024),
            Request::read(0, 512).at_dispatch(),
        ] {
            let before = world.arrived();
            let sent = world.send(filter, request);
            assert_eq!(sent.returned(), Some(STATUS_PENDING), "{request:?}");
            world.advance(DELAY - MICROSECOND);
            assert_eq!((world.arrived(), sent.ended()), (before, None), "{request:?}");
            world.advance(MICROSECOND + TICK);
            assert_eq!(world.arrived(), before + 1, "{request:?}");
            assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()), "{request:?}");
            assert!(sent.pending_returned(), "{request:?}");
            assert_eq!(world.held_locks(), [], "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_request_waits_from_when_it_came_and_they_keep_their_order() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer(Answer::Pend);
        let step = DELAY / 8;
        let sent: Vec<_> = (0..4)
            .map(|_| {
                let sent = world.send(filter, Request::read(0, 512));
                world.advance(step);
                (sent, world.now())
            })
            .collect();
        let mut arrived = Vec::new();
        for (number, (request, came)) in sent.iter().enumerate() {
            let due = *came - step + DELAY;
            world.advance((due + step / 2).saturating_sub(world.now()));
            arrived.extend(world.take_arrivals().iter().map(|arrival| arrival.irp));
            // The next one is not due for half of a step.
            let expected: Vec<_> = sent[..=number].iter().map(|(sent, _)| sent.irp()).collect();
            assert_eq!(arrived, expected, "number {number}");
            world.complete(request, STATUS_SUCCESS);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_steady_stream_does_not_put_off_what_is_due() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let first = world.send(filter, Request::read(0, 512));
        let step = DELAY / 8;
        for _ in 0..8 {
            world.advance(step);
            world.send(filter, Request::write(0, 512));
        }
        world.advance(TICK);
        assert_eq!(first.ended(), Some(STATUS_SUCCESS.into()));
        world.advance(DELAY + TICK);
        assert_eq!(world.arrived(), 9);
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_delayed_request_arrives_as_it_was_sent_with_a_stack_location_of_its_own() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer(Answer::Pend);
        let sent = world.send(filter, Request::write(0x2000, 1024));
        world.advance(DELAY + TICK);
        let arrivals = world.take_arrivals();
        let [arrival] = &arrivals[..] else {
            panic!("it arrived {} times", arrivals.len());
        };
        // The parameters and the major function of ours, in the location below.
        let (ours, below) = (sent.location(), sent.location() - 0x48);
        assert_eq!(arrival.contents[ours..ours + 2], arrival.contents[below..below + 2]);
        assert_eq!(
            arrival.contents[ours + 8..ours + 0x28],
            arrival.contents[below + 8..below + 0x28]
        );
        // Nothing of ours is to be called, and the lower driver marks its own location itself.
        assert_eq!(arrival.contents[below + 3], 0);
        world.complete(&sent, STATUS_SUCCESS);
        assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn paging_io_and_whatever_else_is_no_read_or_write_passes_at_once() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in [
            Request::read(0, 4096).paging(),
            Request::write(0, 4096).paging(),
            Request::new(IRP_MJ_FLUSH_BUFFERS, 0),
        ] {
            let sent = world.send(filter, request);
            assert_eq!(sent.returned(), Some(STATUS_SUCCESS), "{request:?}");
            assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()), "{request:?}");
        }
        assert_eq!(world.arrived(), 3);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_cancelled_while_it_waits_ends_at_once_and_the_others_do_not() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let sent: Vec<_> = (0..3).map(|_| world.send(filter, Request::read(0, 512))).collect();
        // The one in the middle, then the first, then the last: each place of a list.
        for (cancelled, index) in [1, 0, 2].into_iter().enumerate() {
            assert_eq!(sent[index].ended(), None);
            assert!(world.cancel(&sent[index]));
            assert_eq!(sent[index].ended(), Some(STATUS_CANCELLED.into()));
            assert_eq!(world.held_locks().len(), 2 - cancelled);
        }
        world.advance(DELAY + TICK);
        assert_eq!(world.arrived(), 0);
        // The timer has found nothing, and the next request is delayed as ever.
        let next = world.send(filter, Request::read(0, 512));
        world.advance(DELAY + TICK);
        assert_eq!(next.ended(), Some(STATUS_SUCCESS.into()));
    });
}
