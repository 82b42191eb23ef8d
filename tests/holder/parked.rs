//! WRITEs, which are parked: nobody below sees them, and the request that comes next completes them.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use lab::{
    script::{Address, Answer, Call, IoStatus, Moment, Request},
    status::{NtStatus, STATUS_PENDING, STATUS_SUCCESS},
};

use crate::{lock_of, play};

const IRP_MJ_CLEANUP: u8 = 0x12;
const IRP_MJ_PNP: u8 = 0x1B;

const STATUS_INTERNAL_ERROR: NtStatus = 0xC000_00E5_u32.cast_signed();

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_write_is_pending_and_not_sent_down() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let write = world.send(filter, Request::write(0, 512));
        assert_eq!(write.returned(), Some(STATUS_PENDING));
        assert_eq!(write.ended(), None);
        assert_eq!(world.arrived(), 0);
        assert_eq!(world.held_locks(), [lock_of(filter, &write)]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_request_that_comes_next_completes_it_as_written_whatever_that_is() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for next in [
            Request::new(IRP_MJ_CLEANUP, 0),
            Request::read(0, 512),
            Request::new(IRP_MJ_PNP, 0x09),
            Request::write(0, 4096),
            Request::read(0, 512).at_dispatch(),
        ] {
            let write = world.send(filter, Request::write(0, 1536));
            world.send(filter, next);
            assert_eq!(write.ended(), Some(IoStatus::new(STATUS_SUCCESS, 1536)), "{next:?}");
            assert!(write.pending_returned(), "{next:?}");
            // Of those that are parked themselves, the next round's first completes one.
        }
        world.send(filter, Request::new(IRP_MJ_CLEANUP, 0));
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_is_completed_before_the_request_that_completes_it_goes_down_and_with_no_spin_lock_held() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let write = world.send(filter, Request::write(0, 512));
        world.take_calls();
        let next = world.send(filter, Request::new(IRP_MJ_CLEANUP, 0));
        let calls = world.take_calls();
        let position = |wanted: &dyn Fn(&Call) -> bool| calls.iter().position(wanted).expect("it was called");
        let completed = position(&|call| matches!(call, Call::IofCompleteRequest { irp, .. } if *irp == write.irp()));
        let sent = position(&|call| matches!(call, Call::IofCallDriver { irp, .. } if *irp == next.irp()));
        assert!(completed < sent, "{calls:?}");
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_write_cannot_be_cancelled_and_still_ends() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let write = world.send(filter, Request::write(0, 512));
        // The driver sets no cancel routine, since the next request is never far.
        assert!(!world.cancel(&write));
        assert_eq!(write.ended(), None);
        world.send(filter, Request::new(IRP_MJ_CLEANUP, 0));
        assert_eq!(write.ended(), Some(IoStatus::new(STATUS_SUCCESS, 512)));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn two_that_come_at_the_same_time_are_both_parked_and_completed_in_their_order() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let inner = Rc::new(RefCell::new(None));
        let sending = Rc::clone(&inner);
        let spin_locks = Cell::new(0);
        world.on_call(move |world, moment, call| {
            let is_acquisition = matches!(call, Call::Other { function } if function.starts_with("KeAcquireSpinLock"));
            if moment == Moment::Called && is_acquisition {
                spin_locks.set(spin_locks.get() + 1);
                // First the one before looks for what is parked, then it parks itself.
                if spin_locks.get() == 2 {
                    *sending.borrow_mut() = Some(world.send(filter, Request::write(0, 1024)));
                }
            }
        });
        let outer = world.send(filter, Request::write(0, 512));
        let inner = inner.take().expect("it was sent");
        assert_eq!((outer.ended(), inner.ended()), (None, None));
        assert_eq!(world.held_locks().len(), 2);
        world.take_calls();

        world.send(filter, Request::new(IRP_MJ_CLEANUP, 0));

        assert_eq!(outer.ended(), Some(IoStatus::new(STATUS_SUCCESS, 512)));
        assert_eq!(inner.ended(), Some(IoStatus::new(STATUS_SUCCESS, 1024)));
        let calls = world.take_calls().into_iter();
        let completed: Vec<_> = calls
            .filter_map(|call| match call {
                Call::IofCompleteRequest { irp, .. } => Some(irp),
                _ => None,
            })
            .collect();
        assert_eq!(completed, [inner.irp(), outer.irp()]);
        assert_eq!(world.held_locks(), []);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_is_dropped_ends_with_an_error_and_keeps_nothing() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let dropped = world.send(filter, Request::write(0, 0));
        assert_eq!(dropped.returned(), Some(STATUS_PENDING));
        assert_eq!(dropped.ended(), Some(STATUS_INTERNAL_ERROR.into()));
        assert!(dropped.pending_returned());
        assert_eq!(world.held_locks(), []);
        assert_eq!(world.arrived(), 0);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_completes_what_is_parked_and_does_not_wait_for_itself() {
    play(|world| {
        for surprise in [false, true] {
            let (lower, filter) = world.add_filter();
            let first = world.send(filter, Request::write(0, 512));
            if surprise {
                world.send(filter, Request::surprise_removal());
                assert_eq!(first.ended(), Some(IoStatus::new(STATUS_SUCCESS, 512)));
                // Nothing is parked any more, or it would be for ever.
                let late = world.send(filter, Request::write(0, 1024));
                assert_eq!(late.returned(), Some(STATUS_PENDING));
                assert_eq!(late.ended(), Some(IoStatus::new(STATUS_SUCCESS, 1024)));
            }
            let remove = world.send(filter, Request::remove_device());
            assert_eq!(first.ended(), Some(IoStatus::new(STATUS_SUCCESS, 512)));
            assert_eq!(remove.returned(), Some(STATUS_SUCCESS));
            assert!(!filter.exists());
            assert_eq!(lower.top_of_stack(), lower);
        }
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_parked_does_not_keep_a_held_read_from_ending() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer_next(Answer::Pend);
        let read = world.send(filter, Request::read(0, 512));
        let write = world.send(filter, Request::write(0, 512));
        world.complete(&read, STATUS_SUCCESS);
        assert_eq!(read.ended(), Some(STATUS_SUCCESS.into()));
        assert_eq!(write.ended(), None);
        let held: Vec<Address> = world.held_locks().into_iter().map(|held| held.tag).collect();
        assert_eq!(held, [write.irp()]);
    });
}
