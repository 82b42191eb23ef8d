//! Probes: when an idle device is asked whether it still answers, and what it is asked with.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use lab::{
    script::{Answer, Arrival, Call, Device, HeldLock, IoStatus, LowerDevice, Moment, RegistryKey, Request, World},
    status::{NtStatus, STATUS_IO_DEVICE_ERROR, STATUS_SUCCESS},
};
use policy::Harden;

use crate::{
    layout::{irp, stack_location},
    statistics::statistics,
    support::{
        IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_POWER,
        IRP_MJ_READ, IRP_MN_SET_POWER, driver, play, pointer, put, with_information,
    },
};

const PERIOD_MS: u32 = 1000;
const HUNG_MS: u32 = 300;
const PERIOD: Duration = Duration::from_millis(PERIOD_MS as u64);
const HUNG: Duration = Duration::from_millis(HUNG_MS as u64);
const MS: Duration = Duration::from_millis(1);
const BYTES: usize = 4096;

const DO_BUFFERED_IO: u32 = 0x4;
const DO_DIRECT_IO: u32 = 0x10;

const STATUS_IO_TIMEOUT: NtStatus = 0xC000_00B5_u32.cast_signed();
/// As src/messages.in.rs numbers it.
const HUNG_EVENT: u32 = 0xA004_0004;

const START_DEVICE: u8 = 0x00;
const QUERY_REMOVE_DEVICE: u8 = 0x01;
const CANCEL_REMOVE_DEVICE: u8 = 0x03;
const STOP_DEVICE: u8 = 0x04;
const QUERY_STOP_DEVICE: u8 = 0x05;
const CANCEL_STOP_DEVICE: u8 = 0x06;
const SURPRISE_REMOVAL: u8 = 0x17;

fn pnp(minor: u8) -> Request {
    Request::new(IRP_MJ_PNP, minor)
}

/// IRP_MN_SET_POWER with a POWER_STATE_TYPE and a state of that type.
fn set_power(kind: usize, state: usize) -> Request {
    Request {
        parameters: [0, kind, state, 0],
        ..Request::new(IRP_MJ_POWER, IRP_MN_SET_POWER)
    }
}

/// Of the device, to D0 or D3.
fn set_device_power(state: usize) -> Request {
    set_power(1, state)
}

const D0: usize = 1;
const D3: usize = 4;

fn configure(world: &World) {
    world.set_dword(RegistryKey::Hardware, "ProbePeriodMs", PERIOD_MS);
    world.set_dword(RegistryKey::Hardware, "ProbeHungMs", HUNG_MS);
}

fn add(world: &World, flags: u32) -> (Device, Device) {
    let lower = world.new_device(LowerDevice {
        flags,
        ..LowerDevice::default()
    });
    assert_eq!(world.add_device(lower), STATUS_SUCCESS);
    (lower, lower.top_of_stack())
}

/// A device that is probed, and has just been started.
fn probed_with(world: &World, flags: u32) -> (Device, Device) {
    configure(world);
    let (lower, filter) = add(world, flags);
    assert_eq!(world.carry_out(filter, pnp(START_DEVICE)), STATUS_SUCCESS.into());
    world.take_arrivals();
    world.take_calls();
    (lower, filter)
}

fn probed(world: &World) -> (Device, Device) {
    probed_with(world, DO_DIRECT_IO)
}

/// The READs that have arrived below since this was last asked.
fn reads(world: &World) -> Vec<Arrival> {
    let is_read = |arrival: &Arrival| {
        let at = pointer(&arrival.contents, irp::CURRENT_STACK_LOCATION).0 - arrival.irp.0;
        arrival.contents[at] == IRP_MJ_READ
    };
    world.take_arrivals().into_iter().filter(is_read).collect()
}

/// How many probes were sent, failed, hung and were refused, and how many came back.
fn counted(world: &World, filter: Device) -> [u64; 5] {
    let counters = statistics(world, filter).counters;
    let [sent, failed, hung, refused] = [
        Harden::ProbeSent,
        Harden::ProbeFailed,
        Harden::ProbeHung,
        Harden::ProbeRefused,
    ]
    .map(|what| *counters.harden(what));
    [sent, failed, hung, refused, counters.probe_latency_ns.count()]
}

/// The one probe that is below.
#[track_caller]
fn probe(world: &World) -> Arrival {
    let mut reads = reads(world);
    assert_eq!(reads.len(), 1, "one READ arrived below");
    reads.remove(0)
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_idle_device_is_probed_once_a_period_and_nobody_elses_requests_are_counted_for_it() {
    play(|world| {
        let (_, filter) = probed(world);
        world.advance(PERIOD - MS);
        assert_eq!(reads(world).len(), 0);
        world.advance(MS);
        assert_eq!(reads(world).len(), 1);
        for count in 2..=5 {
            world.advance(PERIOD);
            assert_eq!(reads(world).len(), 1);
            assert_eq!(counted(world, filter), [count, 0, 0, 0, count]);
        }
        world.answer_next(Answer::complete(STATUS_IO_DEVICE_ERROR));
        world.advance(PERIOD);
        world.answer_next(Answer::complete_after(7 * MS, with_information(STATUS_SUCCESS)));
        world.advance(PERIOD + 7 * MS);
        let snapshot = statistics(world, filter);
        assert_eq!(counted(world, filter), [7, 1, 0, 0, 7]);
        // Seven milliseconds are in the bucket that begins at or below them.
        let slowest = snapshot.counters.probe_latency_ns.max().expect("some came back");
        assert!((6_000_000..=7_000_000).contains(&slowest.lower), "{slowest:?}");
        assert_eq!(snapshot.counters.read.sent, 0);
        assert_eq!((snapshot.in_flight, snapshot.in_flight_peak), (0, 0));
        assert_eq!(snapshot.errors.iter().count(), 0);
        world.remove(filter);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_in_use_is_not_probed() {
    play(|world| {
        let (_, filter) = probed(world);
        let others = [
            Request::write(0, 512),
            Request::write(0, 4096).paging(),
            Request::new(IRP_MJ_FLUSH_BUFFERS, 0),
            Request::new(IRP_MJ_DEVICE_CONTROL, 0),
            Request::new(IRP_MJ_INTERNAL_DEVICE_CONTROL, 0),
        ];
        for request in others {
            for _ in 0..3 {
                world.advance(PERIOD - MS);
                world.send(filter, request);
                world.advance(MS);
            }
            assert_eq!(reads(world).len(), 0, "{request:?}");
        }
        world.advance(PERIOD);
        assert_eq!(reads(world).len(), 1);
        world.remove(filter);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_is_not_to_be_probed_or_not_started_is_left_alone() {
    play(|world| {
        let (_, filter) = add(world, DO_DIRECT_IO);
        world.carry_out(filter, pnp(START_DEVICE));
        world.advance(100 * PERIOD);
        assert_eq!(reads(world).len(), 0);
        world.remove(filter);
        let calls = world.take_calls();
        for function in ["KeSetTimer", "IoAllocateWorkItem", "KeCancelTimer", "KeFlushQueuedDpcs"] {
            assert!(!calls.contains(&Call::Other { function }), "{function}");
        }

        configure(world);
        let (_, filter) = add(world, DO_DIRECT_IO);
        world.advance(10 * PERIOD);
        world.answer_next(Answer::complete(STATUS_IO_DEVICE_ERROR));
        world.carry_out(filter, pnp(START_DEVICE));
        world.advance(10 * PERIOD);
        assert_eq!(reads(world).len(), 0);
        world.remove(filter);
    });
}

/// What a probe must be, but for addresses that are whoever allocated them.
fn expected(lower: Device, arrived: &Arrival) -> Vec<u8> {
    let bytes = irp::BYTES + usize::from(lower.stack_size()) * stack_location::BYTES;
    let mut expected = vec![0; bytes];
    let take = |expected: &mut Vec<u8>, at: usize| {
        assert_ne!(pointer(&arrived.contents, at).0, 0, "nothing at {at:#x}");
        expected[at..at + 8].copy_from_slice(&arrived.contents[at..at + 8]);
    };
    put(&mut expected, 0, &6_u16.to_le_bytes());
    put(&mut expected, 2, &(bytes as u16).to_le_bytes());
    expected[irp::STACK_COUNT] = lower.stack_size();
    // The lowest location is the first of all.
    expected[irp::CURRENT_LOCATION] = 1;
    let location = irp::BYTES;
    put(
        &mut expected,
        irp::CURRENT_STACK_LOCATION,
        &(arrived.irp.0 + location).to_le_bytes(),
    );
    take(&mut expected, irp::THREAD);
    // An empty list: it is in no thread's.
    for at in [irp::THREAD_LIST_ENTRY, irp::THREAD_LIST_ENTRY + 8] {
        put(
            &mut expected,
            at,
            &(arrived.irp.0 + irp::THREAD_LIST_ENTRY).to_le_bytes(),
        );
    }
    match lower.flags() & (DO_BUFFERED_IO | DO_DIRECT_IO) {
        DO_DIRECT_IO => take(&mut expected, irp::MDL_ADDRESS),
        DO_BUFFERED_IO => {
            // IRP_BUFFERED_IO, IRP_DEALLOCATE_BUFFER, IRP_INPUT_OPERATION.
            put(&mut expected, irp::FLAGS, &0x70_u32.to_le_bytes());
            take(&mut expected, irp::SYSTEM_BUFFER);
            take(&mut expected, irp::USER_BUFFER);
        }
        _ => take(&mut expected, irp::USER_BUFFER),
    }
    expected[location] = IRP_MJ_READ;
    // SL_OVERRIDE_VERIFY_VOLUME.
    expected[location + 2] = 0x2;
    expected[location + stack_location::CONTROL] = stack_location::SL_INVOKE_ALL;
    put(&mut expected, location + 8, &(BYTES as u32).to_le_bytes());
    put(
        &mut expected,
        location + stack_location::DEVICE_OBJECT,
        &lower.address().0.to_le_bytes(),
    );
    take(&mut expected, location + stack_location::COMPLETION_ROUTINE);
    take(&mut expected, location + stack_location::CONTEXT);
    expected
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_is_a_read_of_the_filters_own_with_everything_freed_however_the_device_has_its_memory() {
    for flags in [DO_DIRECT_IO, DO_BUFFERED_IO, 0] {
        play(move |world| {
            let (lower, filter) = probed_with(world, flags);
            for answer in [
                Answer::Complete(IoStatus::new(STATUS_SUCCESS, BYTES)),
                Answer::PendAndComplete(IoStatus::new(STATUS_SUCCESS, BYTES)),
                Answer::CompleteAfter(MS, IoStatus::new(STATUS_SUCCESS, BYTES)),
                Answer::complete(STATUS_IO_DEVICE_ERROR),
            ] {
                let before = world.driver_pool();
                world.take_calls();
                world.answer_next(answer);
                world.advance(PERIOD);
                let arrived = probe(world);
                assert_eq!(arrived.contents, expected(lower, &arrived), "{flags:#x}, {answer:?}");
                assert_eq!(arrived.irql, 0);
                let tag = arrived.irp;
                assert_eq!(arrived.held, [HeldLock { device: filter, tag }]);

                world.advance(2 * MS);
                assert_eq!(world.held_locks(), []);
                let after = world.driver_pool();
                assert_eq!(
                    (before.allocations - before.frees, before.live_bytes),
                    (after.allocations - after.frees, after.live_bytes),
                    "{flags:#x}, {answer:?}"
                );
                // The thread that it names is referenced for as long.
                let calls = world.take_calls();
                let object = pointer(&arrived.contents, irp::THREAD);
                let order: Vec<_> = calls
                    .iter()
                    .filter(|call| match call {
                        Call::ObfReferenceObject { .. } | Call::ObfDereferenceObject { .. } => true,
                        Call::IofCallDriver { irp, .. } | Call::IoFreeIrp { irp } => *irp == tag,
                        _ => false,
                    })
                    .collect();
                let [referenced, sent, freed, dereferenced] = &order[..] else {
                    panic!("{order:?}");
                };
                assert_eq!(**referenced, Call::ObfReferenceObject { object });
                assert!(matches!(sent, Call::IofCallDriver { .. }));
                assert_eq!(**freed, Call::IoFreeIrp { irp: tag });
                assert_eq!(**dereferenced, Call::ObfDereferenceObject { object });
                let unlocked = calls.contains(&Call::Other {
                    function: "MmUnlockPages",
                });
                assert_eq!(unlocked, flags == DO_DIRECT_IO);
            }
            world.remove(filter);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_hangs_is_told_once_for_each_probe_and_logged_once_and_not_probed_again_before_it_answers() {
    play(|world| {
        let (_, filter) = probed(world);
        world.take_log_entries();
        for hangs in 1..=2 {
            world.answer_next(Answer::Pend);
            world.advance(PERIOD);
            let hanging = probe(world);
            world.advance(HUNG - MS);
            assert_eq!(counted(world, filter)[2], hangs - 1);
            world.advance(MS);
            assert_eq!(counted(world, filter)[2], hangs);
            // However long it goes on; and then its periods begin as this test's do.
            world.advance(20 * PERIOD - HUNG);
            assert_eq!(reads(world).len(), 0);
            assert_eq!(counted(world, filter), [2 * hangs - 1, 0, hangs, 0, 2 * hangs - 2]);
            world.complete_at(hanging.irp, with_information(STATUS_SUCCESS));
            // It answers again, and is asked again.
            world.advance(PERIOD);
            assert_eq!(reads(world).len(), 1);
            assert_eq!(counted(world, filter), [2 * hangs, 0, hangs, 0, 2 * hangs]);
        }
        let entries = world.take_log_entries();
        let [entry] = &entries[..] else {
            panic!("{entries:?}");
        };
        assert_eq!((entry.code, entry.status), (HUNG_EVENT, STATUS_IO_TIMEOUT));
        assert_eq!(entry.numbers, [HUNG_MS, 0, 0, 0]);

        // Another device is another matter.
        let (_, other) = probed(world);
        world.answer_next(Answer::Pend);
        world.answer_next(Answer::Pend);
        world.advance(PERIOD + HUNG);
        assert_eq!(counted(world, other)[2], 1);
        assert_eq!(world.take_log_entries().len(), 1);
        world.remove(other);
        world.remove(filter);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_is_written_where_no_events_are_wanted() {
    let played = driver().play_from_load(|world| {
        world.set_dword(RegistryKey::Parameters, "LogEvents", 0);
        assert_eq!(world.driver_entry(), STATUS_SUCCESS);
        let (_, filter) = probed(world);
        world.answer_next(Answer::Pend);
        world.advance(PERIOD + HUNG);
        assert_eq!(counted(world, filter)[2], 1);
        assert_eq!(world.take_log_entries().len(), 0);
        world.remove(filter);
    });
    played.unwrap_or_else(|error| panic!("{error}"));
}

/// What suspends probing, and what resumes it.
fn suspensions() -> Vec<(Vec<Request>, Vec<Request>)> {
    vec![
        (vec![pnp(QUERY_STOP_DEVICE)], vec![pnp(CANCEL_STOP_DEVICE)]),
        (vec![pnp(QUERY_STOP_DEVICE), pnp(STOP_DEVICE)], vec![pnp(START_DEVICE)]),
        (vec![pnp(QUERY_REMOVE_DEVICE)], vec![pnp(CANCEL_REMOVE_DEVICE)]),
        (vec![set_device_power(D3)], vec![set_device_power(D0)]),
        (
            vec![set_device_power(2), pnp(QUERY_STOP_DEVICE)],
            vec![pnp(CANCEL_STOP_DEVICE), set_device_power(D0)],
        ),
    ]
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_is_probed_that_is_about_to_stop_or_to_go_or_sleeps() {
    play(|world| {
        let (_, filter) = probed(world);
        for (suspend, resume) in suspensions() {
            for below in [false, true] {
                let before = counted(world, filter);
                if below {
                    world.answer_next(Answer::Pend);
                }
                world.advance(PERIOD);
                let probe = probe(world);
                assert_eq!(world.under_way(), [], "only the probe is below");
                for request in &suspend {
                    world.take_calls();
                    assert_eq!(world.carry_out(filter, *request).status, STATUS_SUCCESS, "{request:?}");
                    let registered = world.take_calls().into_iter();
                    let mut registered =
                        registered.filter(|call| matches!(call, Call::IoSetCompletionRoutineEx { .. }));
                    assert_eq!(registered.next(), None, "{request:?} only passes");
                }
                // One that was below was taken back, which is no failure of the device's.
                assert_eq!(world.held_locks(), [], "{probe:?}");
                world.advance(20 * PERIOD);
                assert_eq!(reads(world).len(), 0, "{suspend:?}");
                for (index, request) in resume.iter().enumerate() {
                    world.advance(5 * PERIOD);
                    assert_eq!(reads(world).len(), 0, "{suspend:?}, {index}");
                    assert_eq!(world.carry_out(filter, *request).status, STATUS_SUCCESS, "{request:?}");
                }
                world.take_arrivals();
                world.advance(PERIOD - MS);
                assert_eq!(reads(world).len(), 0, "{resume:?}");
                world.advance(MS);
                assert_eq!(reads(world).len(), 1, "{resume:?}");
                let after = counted(world, filter);
                assert_eq!(after, [before[0] + 2, before[1], before[2], before[3], before[4] + 2]);
                // In step again with whoever comes next.
                world.send(filter, Request::write(0, 512));
                world.take_arrivals();
                world.advance(PERIOD);
            }
        }
        // The system's state is not the device's.
        world.take_arrivals();
        world.carry_out(filter, set_power(0, 4));
        world.advance(PERIOD);
        assert_eq!(reads(world).len(), 1);
        world.remove(filter);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_query_that_is_refused_for_a_special_file_suspends_nothing() {
    play(|world| {
        let (_, filter) = probed(world);
        world.carry_out(filter, Request::usage_notification(1, true));
        for query in [QUERY_STOP_DEVICE, QUERY_REMOVE_DEVICE] {
            let refused = world.carry_out(filter, pnp(query)).status;
            assert!(refused < 0);
            world.take_arrivals();
            world.advance(PERIOD);
            assert_eq!(reads(world).len(), 1);
        }
        world.carry_out(filter, Request::usage_notification(1, false));
        world.remove(filter);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_probe_that_cannot_be_had_is_counted_and_the_next_one_is_a_period_later() {
    play(|world| {
        let (_, filter) = probed(world);
        let functions = [
            "ExAllocatePool2",
            "IoAllocateMdl",
            "IoBuildAsynchronousFsdRequest",
            "IoSetCompletionRoutineEx",
        ];
        for (count, function) in (1..).zip(functions) {
            let before = world.driver_pool();
            world.fail_next(function);
            world.advance(PERIOD);
            assert_eq!(reads(world).len(), 0, "{function}");
            let after = world.driver_pool();
            assert_eq!(
                before.allocations - before.frees,
                after.allocations - after.frees,
                "{function}"
            );
            assert_eq!(world.held_locks(), []);
            world.advance(PERIOD);
            assert_eq!(reads(world).len(), 1, "{function}");
            assert_eq!(counted(world, filter), [count, 0, 0, count, count], "{function}");
        }
        world.remove(filter);

        // Without a work item, the device is there all the same, and says that it is not probed.
        world.fail_next("IoAllocateWorkItem");
        let (_, filter) = probed(world);
        world.advance(3 * PERIOD);
        assert_eq!(reads(world).len(), 0);
        assert_eq!(counted(world, filter), [0, 0, 0, 3, 0]);
        assert_eq!(world.carry_out(filter, Request::read(0, 512)).status, STATUS_SUCCESS);
        world.remove(filter);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_probe_that_would_never_end_is_cancelled_when_the_device_goes() {
    play(|world| {
        for surprise in [false, true] {
            let (_, filter) = probed(world);
            world.answer_next(Answer::Pend);
            world.advance(PERIOD);
            let arrived = probe(world);
            world.take_calls();
            if surprise {
                world.carry_out(filter, pnp(SURPRISE_REMOVAL));
                assert_eq!(world.held_locks(), []);
                world.advance(5 * PERIOD);
                assert_eq!(reads(world).len(), 0);
                world.carry_out(filter, Request::remove_device());
            } else {
                // Nobody asked before: a device that failed to start is removed so.
                world.carry_out(filter, Request::remove_device());
            }
            assert!(!filter.exists());
            let calls = world.take_calls();
            assert!(calls.contains(&Call::IoCancelIrp { irp: arrived.irp }), "{calls:?}");
            assert!(calls.contains(&Call::IoFreeIrp { irp: arrived.irp }), "{calls:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_probe_that_comes_back_while_it_is_cancelled_is_freed_by_who_cancels_it_and_not_before() {
    play(|world| {
        let (_, filter) = probed(world);
        world.answer_next(Answer::Pend);
        world.advance(PERIOD);
        let irp = probe(world).irp;
        let order = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&order);
        world.on_call(move |world, moment, call| match call {
            Call::IoCancelIrp { .. } => {
                seen.borrow_mut().push(("cancel", moment));
                if moment == Moment::Called {
                    // On another processor, before IoCancelIrp has looked at the IRP.
                    world.complete_at(irp, with_information(STATUS_SUCCESS));
                }
            }
            Call::IoFreeIrp { .. } => seen.borrow_mut().push(("free", moment)),
            _ => {}
        });
        world.take_calls();
        world.carry_out(filter, set_device_power(D3));
        world.on_call(|_, _, _| ());
        assert_eq!(
            *order.borrow(),
            [
                ("cancel", Moment::Called),
                ("cancel", Moment::Returned),
                ("free", Moment::Called),
                ("free", Moment::Returned)
            ]
        );
        // Once: the hook does not see what the driver does for it.
        let frees = world
            .take_calls()
            .into_iter()
            .filter(|call| *call == Call::IoFreeIrp { irp });
        assert_eq!(frees.count(), 1);
        assert_eq!(world.held_locks(), []);
        assert_eq!(counted(world, filter), [1, 0, 0, 0, 1]);
        world.remove(filter);
    });
}

/// What comes in the middle of a probe.
#[derive(Clone, Copy, Debug)]
enum Interruption {
    Stop,
    Sleep,
    Surprise,
    Remove,
    /// Whoever may cancel an IRP that is below does.
    Cancel,
}

impl Interruption {
    const ALL: [Self; 5] = [Self::Stop, Self::Sleep, Self::Surprise, Self::Remove, Self::Cancel];

    fn happen(self, world: &World, filter: Device) {
        let request = match self {
            Self::Stop => pnp(QUERY_STOP_DEVICE),
            Self::Sleep => set_device_power(D3),
            Self::Surprise => pnp(SURPRISE_REMOVAL),
            Self::Remove => Request::remove_device(),
            Self::Cancel => {
                for lock in world.held_locks() {
                    world.cancel_at(lock.tag);
                }
                return;
            }
        };
        // For this one: what the probe is answered with stays as it is.
        world.answer_next(Answer::complete(STATUS_SUCCESS));
        world.send(filter, request);
    }
}

/// Lets a probe become due, and at one point of what the driver does for it has something happen, as on another processor:
/// before a call, or after it. Tells whether there is such a point.
///
/// Where the driver holds a spin lock there is none: the other processor would wait for it.
fn at_point(world: &World, filter: Device, point: usize, interruption: Interruption) -> bool {
    let (points, locked) = (Cell::new(0), Cell::new(false));
    let happened = Rc::new(Cell::new(false));
    let happens = Rc::clone(&happened);
    world.on_call(move |world, moment, call| {
        let is = |function| *call == Call::Other { function };
        match moment {
            Moment::Called if is("KeReleaseSpinLock") => return,
            Moment::Returned if is("KeReleaseSpinLock") => locked.set(false),
            Moment::Returned if is("KeAcquireSpinLockRaiseToDpc") => locked.set(true),
            _ => {}
        }
        if !locked.get() && points.replace(points.get() + 1) == point {
            happens.set(true);
            interruption.happen(world, filter);
        }
    });
    world.advance(MS);
    world.on_call(|_, _, _| ());
    happened.get()
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn whatever_comes_at_any_point_of_a_probe_no_probe_is_left_behind() {
    for interruption in Interruption::ALL {
        for answer in [
            Answer::Complete(with_information(STATUS_SUCCESS)),
            Answer::Pend,
            Answer::CompleteAfter(MS / 2, with_information(STATUS_SUCCESS)),
        ] {
            let points = (0..).take_while(|&point| {
                let played = driver().play(|world| {
                    let (lower, filter) = probed(world);
                    world.advance(PERIOD - MS);
                    world.answer(answer);
                    let happened = at_point(world, filter, point, interruption);
                    // What was on its way to be sent is sent, and taken back.
                    world.advance(MS);
                    world.answer(Answer::complete(STATUS_SUCCESS));
                    if !happened {
                        world.remove(filter);
                        return false;
                    }
                    if let Interruption::Cancel = interruption {
                        // It may have come before anybody could hear of it.
                        for lock in world.held_locks() {
                            world.complete_at(lock.tag, STATUS_SUCCESS);
                        }
                        world.take_arrivals();
                        world.advance(PERIOD);
                        assert_eq!(reads(world).len(), 1, "it is probed as before");
                    } else {
                        assert_eq!(world.held_locks(), [], "a probe is below");
                        world.take_arrivals();
                        world.advance(5 * PERIOD);
                        assert_eq!(reads(world).len(), 0, "it is suspended");
                    }
                    if let Interruption::Remove = interruption {
                        assert!(!filter.exists());
                        assert_eq!(lower.top_of_stack(), lower);
                    } else {
                        world.carry_out(filter, Request::remove_device());
                    }
                    world.unload();
                    true
                });
                played.unwrap_or_else(|error| panic!("{interruption:?}, {answer:?}, point {point}: {error}"))
            });
            let points = points.count();
            assert!(points > 20, "{points} points");
        }
    }
}
