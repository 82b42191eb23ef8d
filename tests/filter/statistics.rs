//! What the filter counts, read out of the device's memory as a debugger would.

use std::time::Duration;

use lab::{
    report::Verdict,
    script::{Address, Answer, Device, IoStatus, Request, World},
    status::{
        STATUS_BUFFER_OVERFLOW, STATUS_DEVICE_BUSY, STATUS_END_OF_FILE, STATUS_IO_DEVICE_ERROR, STATUS_REPARSE,
        STATUS_SUCCESS,
    },
};
use policy::{Operation, Snapshot, dump};

use crate::{
    layout::device_object,
    support::{IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, driver, play},
};

/// How many requests can be followed at once on a machine with the lab's two processors.
pub(crate) const SLOTS: usize = 1024;
/// Likewise of paging I/O.
pub(crate) const SLOTS_OF_PAGING: usize = 512;

/// Where the statistics of a device are, which are found by their signature.
pub(crate) fn head_of_statistics(filter: Device) -> Option<usize> {
    let signature = dump::SIGNATURE.to_le_bytes();
    let object = filter.bytes();
    let extension = &object[device_object::BYTES..];
    let word = extension
        .windows(signature.len())
        .step_by(signature.len())
        .position(|window| window == signature)?;
    Some(filter.address().0 + device_object::BYTES + 8 * word)
}

/// The statistics of a device.
#[track_caller]
pub(crate) fn statistics(world: &World, filter: Device) -> Snapshot {
    let head = head_of_statistics(filter).expect("the extension has statistics");
    let memory = |address: u64, bytes: &mut [u8]| world.read(Address(address as usize), bytes);
    dump::read(memory, head as u64).unwrap_or_else(|error| panic!("{error}"))
}

/// An operation's numbers but for the latencies: sent, bytes requested, successes, errors, bytes transferred.
fn numbers(snapshot: &Snapshot, operation: Operation) -> [u64; 5] {
    let counters = snapshot.counters.operation(operation);
    [
        counters.sent,
        counters.bytes_requested,
        counters.completed_success,
        counters.completed_error,
        counters.bytes_transferred,
    ]
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_operation_is_counted_apart_and_transfers_with_their_bytes() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for (request, transferred) in [
            (Request::read(0, 512), 512),
            (Request::read(512, 4096).paging(), 4000),
            (Request::write(0, 0xFFFF_FFFF), 0xFFFF_FFFF),
            (Request::write(0, 1024).paging(), 0),
            (Request::write(0, 0), 0),
        ] {
            world.answer_next(Answer::Complete(IoStatus::new(STATUS_SUCCESS, transferred)));
            world.send(filter, request);
        }
        // What is neither counts as neither, and flushes and device control requests without bytes.
        world.send(filter, Request::new(IRP_MJ_PNP, 0x09));
        for (major, times) in [
            (IRP_MJ_FLUSH_BUFFERS, 1),
            (IRP_MJ_DEVICE_CONTROL, 2),
            (IRP_MJ_INTERNAL_DEVICE_CONTROL, 4),
        ] {
            for _ in 0..times {
                world.answer_next(Answer::Complete(IoStatus::new(STATUS_SUCCESS, 4096)));
                world.send(
                    filter,
                    Request {
                        parameters: [512; 4],
                        ..Request::new(major, 0)
                    },
                );
            }
        }
        let snapshot = statistics(world, filter);
        assert_eq!(numbers(&snapshot, Operation::FlushBuffers), [1, 0, 1, 0, 0]);
        assert_eq!(numbers(&snapshot, Operation::DeviceControl), [2, 0, 2, 0, 0]);
        assert_eq!(snapshot.counters.internal_device_control, 4);
        assert_eq!(numbers(&snapshot, Operation::Read), [2, 4608, 2, 0, 4512]);
        assert_eq!(
            numbers(&snapshot, Operation::Write),
            [3, 0xFFFF_FFFF + 1024, 3, 0, 0xFFFF_FFFF]
        );
        assert_eq!(snapshot.counters.read.latency_ns.count(), 2);
        assert_eq!(snapshot.counters.write.latency_ns.count(), 3);
        assert_eq!(snapshot.devices, 1);
        assert_eq!(snapshot.frequency_hz, 10_000_000);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn errors_are_counted_by_status_and_their_information_is_not() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let counted = [
            (STATUS_IO_DEVICE_ERROR, 3),
            (STATUS_DEVICE_BUSY, 2),
            (STATUS_BUFFER_OVERFLOW, 1),
            (STATUS_END_OF_FILE, 1),
        ];
        for (status, times) in counted {
            for _ in 0..times {
                world.answer_next(Answer::Complete(IoStatus::new(status, 77)));
                world.send(filter, Request::read(0, 512));
            }
        }
        // An informational status is a success.
        world.answer_next(Answer::Complete(IoStatus::new(STATUS_REPARSE, 5)));
        world.send(filter, Request::read(0, 512));

        let snapshot = statistics(world, filter);
        assert_eq!(numbers(&snapshot, Operation::Read), [8, 4096, 1, 7, 5]);
        let mut errors: Vec<_> = snapshot
            .errors
            .iter()
            .map(|error| (error.status, error.count))
            .collect();
        let mut expected = counted.to_vec();
        errors.sort_unstable();
        expected.sort_unstable();
        assert_eq!(errors, expected);
        assert_eq!(snapshot.errors.others(), 0);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn latency_is_the_time_that_the_request_was_below() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for latency_us in [20, 300, 7_000, 2_000_000] {
            let latency = Duration::from_micros(latency_us);
            world.answer_next(Answer::complete_after(latency, STATUS_SUCCESS));
            world.carry_out(filter, Request::read(0, 512));
            let snapshot = statistics(world, filter);
            let slowest = snapshot.counters.read.latency_ns.max().expect("it was recorded");
            // The calls on the way take a little too.
            let latency_ns = latency.as_nanos() as u64;
            let longest = latency_ns + 5_000;
            assert!(
                slowest.lower <= longest && latency_ns <= slowest.upper,
                "{latency_us} us were recorded as {slowest:?}"
            );
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_in_flight_is_counted_up_and_down() {
    play(|world| {
        let (_, filter) = world.add_filter();
        let in_flight = || {
            let snapshot = statistics(world, filter);
            (snapshot.in_flight, snapshot.in_flight_peak)
        };
        assert_eq!(in_flight(), (0, 0));
        world.answer(Answer::Pend);
        let read = world.send(filter, Request::read(0, 512));
        assert_eq!(in_flight(), (1, 1));
        let write = world.send(filter, Request::write(0, 512).paging());
        assert_eq!(in_flight(), (2, 2));
        world.complete(&read, STATUS_IO_DEVICE_ERROR);
        assert_eq!(in_flight(), (1, 2));
        world.fail_next("IoSetCompletionRoutineEx");
        world.send(filter, Request::read(0, 512));
        assert_eq!(in_flight(), (1, 2));
        world.complete(&write, STATUS_SUCCESS);
        assert_eq!(in_flight(), (0, 2));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_refused_request_is_counted_as_sent_and_refused_and_as_nothing_else() {
    play(|world| {
        let (_, filter) = world.add_filter();
        world.fail_next("IoSetCompletionRoutineEx");
        world.send(filter, Request::read(0, 512));
        let snapshot = statistics(world, filter);
        assert_eq!(snapshot.counters.refused, 1);
        assert_eq!(numbers(&snapshot, Operation::Read), [1, 512, 0, 0, 0]);
        assert_eq!(snapshot.counters.read.latency_ns.count(), 0);
        assert_eq!(snapshot.errors.total(), 0);
        assert_eq!(snapshot.in_flight, 0);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_device_has_statistics_of_its_own() {
    play(|world| {
        let (_, first) = world.add_filter();
        let (_, second) = world.add_filter();
        world.send(first, Request::read(0, 512));
        for _ in 0..3 {
            world.send(second, Request::write(0, 512));
        }
        for (device, reads, writes) in [(first, 1, 0), (second, 0, 3)] {
            let counters = statistics(world, device).counters;
            assert_eq!((counters.read.sent, counters.write.sent), (reads, writes));
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn processors_of_all_groups_are_counted_on() {
    const PROCESSORS: usize = 130;
    let played = driver().processors(PROCESSORS).play(|world| {
        let (_, filter) = world.add_filter();
        let head = head_of_statistics(filter).expect("the extension has statistics");
        let mut shards = [0; 8];
        assert!(world.read(Address(head + 16), &mut shards));
        assert_eq!(u64::from_le_bytes(shards), PROCESSORS as u64);
        world.send(filter, Request::read(0, 512));
        assert_eq!(statistics(world, filter).counters.read.sent, 1);
    });
    assert!(played.is_ok(), "{}", played.unwrap_err());
    let report = driver().processors(PROCESSORS).scenario("mixed").seeds(1..=4).run();
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.verdict, Verdict::Clean, "{report}");
}
