//! What `wdm` offers for work at PASSIVE_LEVEL, for memory and for paging I/O, in the lab: worker.sys hands requests to a
//! system thread.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::{cell::Cell, rc::Rc, time::Duration};

use lab::{
    Lab,
    script::{Answer, Arrival, Call, LowerDevice, Moment, Request, World},
    status::{STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS},
};

const IRP_MJ_FLUSH_BUFFERS: u8 = 0x09;
const IRP_MJ_DEVICE_CONTROL: u8 = 0x0E;
const IRP_MJ_SHUTDOWN: u8 = 0x10;

/// How often the driver sends paging I/O again.
const RESENDS_MAX: u64 = 8;

/// How long its work item waits at the gate.
const WAIT_MAX: Duration = Duration::from_millis(1);

/// The driver in the lab.
fn driver() -> Lab<'static> {
    Lab::open(irpscope_tests::worker_path()).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a script with the driver.
#[track_caller]
fn play(script: impl FnOnce(&World)) {
    if let Err(error) = driver().play(script) {
        panic!("{error}");
    }
}

fn open_gate(world: &World, filter: lab::script::Device) {
    world.send(filter, Request::new(IRP_MJ_FLUSH_BUFFERS, 0));
    world.take_arrivals();
}

fn close_gate(world: &World, filter: lab::script::Device) {
    world.send(filter, Request::new(IRP_MJ_DEVICE_CONTROL, 0));
    world.take_arrivals();
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_driver_keeps_the_rules() {
    let report = driver().scenario("mixed").seeds(1..=200).run();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    report.assert_clean();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_is_sent_down_by_the_work_item_at_passive_level() {
    play(|world| {
        let (_, filter) = world.add_filter();
        open_gate(world, filter);
        for request in [Request::read(0, 512), Request::write(0, 512).at_dispatch()] {
            let sent = world.send(filter, request);
            assert_eq!(sent.returned(), Some(STATUS_PENDING), "{request:?}");
            assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()), "{request:?}");
            let irqls: Vec<u8> = world.take_arrivals().iter().map(|arrival| arrival.irql).collect();
            assert_eq!(irqls, [0], "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_work_item_waits_at_the_gate_until_it_is_opened_or_a_millisecond_has_gone() {
    play(|world| {
        let (_, filter) = world.add_filter();
        close_gate(world, filter);
        let first = world.send(filter, Request::read(0, 512));
        world.advance(WAIT_MAX / 2);
        assert_eq!(first.ended(), None);
        world.advance(WAIT_MAX);
        assert_eq!(first.ended(), Some(STATUS_SUCCESS.into()));

        let second = world.send(filter, Request::read(0, 512));
        assert_eq!(second.ended(), None);
        open_gate(world, filter);
        assert_eq!(second.ended(), Some(STATUS_SUCCESS.into()));
        // It stays open, until it is closed again.
        assert_eq!(
            world.send(filter, Request::read(0, 512)).ended(),
            Some(STATUS_SUCCESS.into())
        );
        close_gate(world, filter);
        assert_eq!(world.send(filter, Request::read(0, 512)).ended(), None);
        world.advance(WAIT_MAX * 2);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_work_item_is_queued_once_for_what_comes_before_it_runs_and_once_more_for_what_comes_meanwhile() {
    play(|world| {
        let (_, filter) = world.add_filter();
        close_gate(world, filter);
        world.take_calls();
        // The first has it wait at the gate; the others come while it runs.
        let sent: Vec<_> = (0..5).map(|_| world.send(filter, Request::read(0, 512))).collect();
        open_gate(world, filter);
        assert!(sent.iter().all(|sent| sent.ended() == Some(STATUS_SUCCESS.into())));
        let queued = |call: &Call| matches!(call, Call::Other { function } if *function == "IoQueueWorkItem");
        assert_eq!(world.take_calls().iter().filter(|call| queued(call)).count(), 1);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_queued_in_the_last_moment_of_the_work_item_is_not_forgotten() {
    play(|world| {
        let (_, filter) = world.add_filter();
        open_gate(world, filter);
        // After the queue was found empty, and before the work item is idle: at each acquisition of a spin lock after that.
        for skipped in 0..12 {
            let late = Rc::new(Cell::new(false));
            let (sent_late, seen) = (Rc::clone(&late), Cell::new(0));
            world.on_call(move |world, moment, call| {
                let acquires = matches!(call, Call::Other { function } if *function == "KeAcquireSpinLockRaiseToDpc");
                if acquires && moment == Moment::Called && !sent_late.get() {
                    if seen.get() == skipped {
                        sent_late.set(true);
                        world.send(filter, Request::write(0, 512));
                    }
                    seen.set(seen.get() + 1);
                }
            });
            let before = world.arrived();
            world.send(filter, Request::read(0, 512));
            world.on_call(|_, _, _| ());
            world.advance(WAIT_MAX);
            let expected = if late.get() { 2 } else { 1 };
            assert_eq!(world.arrived(), before + expected, "after {skipped}");
            assert_eq!(world.held_locks(), [], "after {skipped}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_removal_waits_for_the_work_item_and_lets_go_of_what_waits() {
    play(|world| {
        for first in [Request::surprise_removal(), Request::remove_device()] {
            let (lower, filter) = world.add_filter();
            close_gate(world, filter);
            // The work item is at the gate, and would use the device's state when it goes on.
            let read = world.send(filter, Request::read(0, 512));
            let removal = world.send(filter, first);
            assert_eq!(removal.returned(), None);
            assert!(filter.exists());
            // The queue is emptied before that is waited for.
            assert_eq!(read.ended(), Some(STATUS_SUCCESS.into()));
            world.advance(WAIT_MAX);
            assert_eq!(removal.returned(), Some(STATUS_SUCCESS));
            if filter.exists() {
                assert_eq!(
                    world.send(filter, Request::read(0, 512)).ended(),
                    Some(STATUS_SUCCESS.into())
                );
                world.send(filter, Request::remove_device());
            }
            assert!(!filter.exists());
            assert_eq!(lower.top_of_stack(), lower);
        }
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_cancelled_before_the_work_item_takes_it_ends_at_once() {
    play(|world| {
        let (_, filter) = world.add_filter();
        close_gate(world, filter);
        let read = world.send(filter, Request::read(0, 512));
        assert!(world.cancel(&read));
        assert_eq!(read.ended(), Some(STATUS_CANCELLED.into()));
        open_gate(world, filter);
        assert_eq!(world.arrived(), 2);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn paging_io_is_held_and_sent_again_without_an_allocation() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for request in [Request::read(0, 4096).paging(), Request::write(0, 4096).paging()] {
            for answer in [
                Answer::complete(STATUS_DEVICE_BUSY),
                Answer::pend_and_complete(STATUS_DEVICE_BUSY),
            ] {
                let before = world.arrived();
                world.answer(answer);
                world.take_calls();
                let sent = world.send(filter, request);
                assert_eq!(sent.returned(), Some(STATUS_PENDING), "{request:?}, {answer:?}");
                assert!(sent.pending_returned());
                assert_eq!(sent.ended(), Some(STATUS_DEVICE_BUSY.into()), "{request:?}, {answer:?}");
                assert_eq!(world.arrived(), before + RESENDS_MAX + 1, "{request:?}, {answer:?}");
                let allocates = |call: &Call| match call {
                    Call::IoSetCompletionRoutineEx { .. } => true,
                    Call::Other { function } => function.starts_with("ExAllocate"),
                    _ => false,
                };
                let calls = world.take_calls();
                assert!(!calls.iter().any(allocates), "{calls:?}");
                assert_eq!(world.held_locks(), []);
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_cannot_have_its_parts_is_not_added_and_leaves_nothing() {
    play(|world| {
        let (lower, filter) = world.add_filter();
        world.send(filter, Request::remove_device());
        for (function, calls) in [
            ("ExAllocatePool2", 3),
            ("IoAllocateMdl", 3),
            ("IoCreateDevice", 1),
            ("IoAllocateWorkItem", 1),
            ("IoAttachDeviceToDeviceStackSafe", 1),
        ] {
            for before in 0..calls {
                world.fail_after(before, function);
                let status = world.add_device(lower);
                assert!(
                    status == STATUS_INSUFFICIENT_RESOURCES
                        || function == "IoAttachDeviceToDeviceStackSafe" && status < 0,
                    "{function}, call {before}: {status:#x}"
                );
                assert_eq!(lower.top_of_stack(), lower, "{function}, call {before}");
                assert_eq!(world.driver_pool().live_blocks(), 0, "{function}, call {before}");
            }
        }
        world.unload();
    });
}

const IRP_BYTES: usize = 0xD0;
const DO_BUFFERED_IO: u32 = 0x4;
const DO_DIRECT_IO: u32 = 0x10;

fn word(bytes: &[u8], at: usize) -> usize {
    usize::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Where the data of an IRP is that comes from IoAllocateIrp: its MDL, SystemBuffer and UserBuffer.
fn memory(arrival: &Arrival) -> [usize; 3] {
    [0x8, 0x18, 0x70].map(|at| word(&arrival.contents, at))
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_irp_of_the_drivers_own_is_sent_reused_and_freed_however_the_device_has_its_memory() {
    for (flags, place) in [(DO_DIRECT_IO, 0), (DO_BUFFERED_IO, 1), (0, 2)] {
        for answer in [
            Answer::complete(STATUS_SUCCESS),
            Answer::pend_and_complete(STATUS_SUCCESS),
            Answer::complete_after(WAIT_MAX, STATUS_SUCCESS),
        ] {
            play(move |world| {
                let lower = world.new_device(LowerDevice {
                    flags,
                    ..LowerDevice::default()
                });
                assert_eq!(world.add_device(lower), STATUS_SUCCESS);
                let filter = lower.top_of_stack();
                world.take_calls();
                world.answer(answer);
                world.send(filter, Request::new(IRP_MJ_SHUTDOWN, 0));
                world.advance(4 * WAIT_MAX);
                let mut arrivals = world.take_arrivals();
                // They have a stack location for the lower device alone, and the request has one more.
                arrivals.retain(|arrival| arrival.contents.len() == IRP_BYTES + 0x48);
                let [write, read] = &arrivals[..] else {
                    panic!("{} IRPs", arrivals.len());
                };
                // Write and read, at the same place, with the same IRP and the same memory, described in one way.
                assert_eq!([write, read].map(|irp| irp.contents[IRP_BYTES]), [4, 3]);
                assert_eq!(write.irp, read.irp);
                assert_eq!(memory(write), memory(read));
                for (number, address) in memory(write).into_iter().enumerate() {
                    assert_eq!(address != 0, number == place, "{flags:#x}");
                }
                for irp in [write, read] {
                    let location = &irp.contents[IRP_BYTES..];
                    // No flag of the IRP says that its memory is the I/O manager's.
                    assert_eq!(irp.contents[0x10..0x14], [0; 4]);
                    // SL_OVERRIDE_VERIFY_VOLUME; length, key and offset.
                    assert_eq!(location[2], 0x2);
                    assert_eq!([0x8, 0x10, 0x18].map(|at| word(location, at)), [512, 0, 0x1_2345_6000]);
                }
                let calls = world.take_calls();
                let times = |function| calls.iter().filter(|call| **call == Call::Other { function }).count();
                assert_eq!(times("IoReuseIrp"), 1);
                assert_eq!(times("MmUnlockPages"), 0);
                let freed = Call::IoFreeIrp { irp: write.irp };
                assert_eq!(calls.iter().filter(|call| **call == freed).count(), 1);
                assert_eq!(world.held_locks(), []);
                world.answer(Answer::complete(STATUS_SUCCESS));
                world.remove(filter);
                world.unload();
            });
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_cannot_be_had_or_sent_or_fails_or_would_never_end_leaves_nothing() {
    for function in [
        "ExAllocatePool2",
        "IoAllocateMdl",
        "IoAllocateIrp",
        "IoSetCompletionRoutineEx",
    ] {
        play(move |world| {
            let (_, filter) = world.add_filter();
            world.fail_next(function);
            world.send(filter, Request::new(IRP_MJ_SHUTDOWN, 0));
            assert_eq!(world.take_arrivals().len(), 1, "{function}: the request passes alone");
            world.remove(filter);
            world.unload();
        });
    }
    play(|world| {
        let (_, filter) = world.add_filter();
        world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
        world.send(filter, Request::new(IRP_MJ_SHUTDOWN, 0));
        assert_eq!(world.take_arrivals().len(), 2, "it is not read");
        // One at a time, and the one that is below is cancelled when the device goes.
        world.answer_next(Answer::Pend);
        for _ in 0..2 {
            world.send(filter, Request::new(IRP_MJ_SHUTDOWN, 0));
        }
        assert_eq!(world.take_arrivals().len(), 3);
        world.remove(filter);
        world.unload();
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_is_sent_while_its_device_goes_is_cancelled_or_not_sent() {
    let played = driver().play_at_every_point(|world, point| {
        let (_, filter) = world.add_filter();
        // It would never end by itself.
        world.answer(Answer::Pend);
        let gone = Rc::new(Cell::new(false));
        let goes = Rc::clone(&gone);
        point.interrupt(world, move |world| {
            goes.set(true);
            world.answer_next(Answer::complete(STATUS_SUCCESS));
            world.send(filter, Request::surprise_removal());
        });
        let sent = world.send(filter, Request::new(IRP_MJ_SHUTDOWN, 0));
        point.end(world);
        world.advance(WAIT_MAX);
        world.answer(Answer::complete(STATUS_SUCCESS));
        if sent.ended().is_none() {
            world.complete(&sent, STATUS_SUCCESS);
        }
        if gone.get() {
            assert_eq!(world.held_locks(), [], "its own request is below");
        }
        // What is still below is waited for without end.
        world.carry_out(filter, Request::remove_device());
        assert!(!filter.exists());
        world.unload();
    });
    let points = played.unwrap_or_else(|error| panic!("{error}")).len();
    assert!(points > 10, "{points} points");
}
