//! What a device counts when: each call into the right words, on any shard, and snapshots of several devices.
#![cfg(not(loom))]

use std::num::NonZeroU64;
use std::thread;

use policy::clock::Clock;
use policy::histogram::Percentile;
use policy::{DeviceStatistics, Harden, Operation, Shard, Snapshot};

const HZ: u64 = 10_000_000;
const STATUS_SUCCESS: i32 = 0;
const STATUS_REPARSE: i32 = 0x104;
const STATUS_IO_DEVICE_ERROR: i32 = 0xC000_0185_u32.cast_signed();
const STATUS_BUFFER_OVERFLOW: i32 = 0x8000_0005_u32.cast_signed();

fn shards(count: usize) -> Vec<Shard> {
    (0..count).map(|_| Shard::new()).collect()
}

fn head(started_at_ticks: u64, shards: &[Shard]) -> DeviceStatistics {
    let clock = Clock::new(NonZeroU64::new(HZ).expect("not 0"));
    DeviceStatistics::new(clock, started_at_ticks, shards)
}

#[test]
fn a_fresh_device_has_counted_nothing() {
    let shards = shards(2);
    let snapshot = head(77, &shards).over(&shards).expect("its shards").snapshot();
    let expected = Snapshot {
        devices: 1,
        started_at_ticks: 77,
        frequency_hz: HZ,
        ..Snapshot::EMPTY
    };
    assert_eq!(snapshot, expected);
}

#[test]
fn each_request_is_counted_under_its_operation_from_whatever_processor() {
    let shards = shards(2);
    let head = head(0, &shards);
    let statistics = head.over(&shards).expect("its shards");
    statistics.sent(0, Operation::Read, 4096);
    statistics.sent(1, Operation::Read, 512);
    statistics.sent(1, Operation::Write, 65536);
    // Sent on one processor and completed on another, one of which no shard has.
    statistics.done(1, Operation::Read, STATUS_SUCCESS, 4096, 20_000);
    statistics.done(9, Operation::Write, STATUS_REPARSE, 65536, 30_000);

    let snapshot = statistics.snapshot();
    let (read, write) = (&snapshot.counters.read, &snapshot.counters.write);
    assert_eq!((read.sent, read.bytes_requested), (2, 4608));
    assert_eq!(
        (read.completed_success, read.completed_error, read.bytes_transferred),
        (1, 0, 4096)
    );
    assert_eq!((write.sent, write.bytes_requested), (1, 65536));
    assert_eq!(
        (write.completed_success, write.completed_error, write.bytes_transferred),
        (1, 0, 65536)
    );
    assert_eq!((snapshot.in_flight, snapshot.in_flight_peak), (1, 3));
    assert_eq!(snapshot.errors.total(), 0);
    let median = read
        .latency_ns
        .percentile(Percentile::MEDIAN)
        .expect("one was completed");
    assert!(
        (median.lower..=median.upper).contains(&2_000_000),
        "20,000 ticks are 2 ms, not {median:?}"
    );
    assert_eq!(write.latency_ns.count(), 1);
}

#[test]
fn what_moves_no_data_is_counted_and_timed_without_bytes() {
    let shards = shards(1);
    let head = head(0, &shards);
    let statistics = head.over(&shards).expect("its shards");
    for operation in [Operation::FlushBuffers, Operation::DeviceControl] {
        statistics.sent(0, operation, 512);
        statistics.done(0, operation, STATUS_SUCCESS, 512, 1);
        let snapshot = statistics.snapshot();
        let counted = snapshot.counters.operation(operation);
        assert_eq!((counted.sent, counted.completed_success), (1, 1), "{operation:?}");
        assert_eq!(counted.latency_ns.count(), 1, "{operation:?}");
        assert_eq!(
            (counted.bytes_requested, counted.bytes_transferred),
            (0, 0),
            "{operation:?}"
        );
    }
}

#[test]
fn an_error_or_warning_is_counted_by_status_and_its_bytes_are_not() {
    let shards = shards(1);
    let head = head(0, &shards);
    let statistics = head.over(&shards).expect("its shards");
    for status in [STATUS_IO_DEVICE_ERROR, STATUS_BUFFER_OVERFLOW, STATUS_IO_DEVICE_ERROR] {
        statistics.sent(0, Operation::Write, 512);
        statistics.done(0, Operation::Write, status, u64::MAX, 1);
    }
    let snapshot = statistics.snapshot();
    let write = &snapshot.counters.write;
    assert_eq!(
        (write.completed_success, write.completed_error, write.bytes_transferred),
        (0, 3, 0)
    );
    assert_eq!(write.latency_ns.count(), 3, "a failed request's latency counts too");
    let errors: Vec<(i32, u64)> = snapshot
        .errors
        .iter()
        .map(|entry| (entry.status, entry.count))
        .collect();
    assert_eq!(errors, [(STATUS_IO_DEVICE_ERROR, 2), (STATUS_BUFFER_OVERFLOW, 1)]);
    assert_eq!(snapshot.in_flight, 0);
}

#[test]
fn what_was_not_followed_is_counted_by_its_reason_and_a_refused_request_is_not_in_flight() {
    let shards = shards(2);
    let head = head(0, &shards);
    let statistics = head.over(&shards).expect("its shards");
    statistics.sent(0, Operation::Read, 512);
    statistics.refused(1);
    (0..2).for_each(|shard| statistics.untracked(shard));
    (0..3).for_each(|shard| statistics.reserve_empty(shard));
    (0..4).for_each(|shard| statistics.held_dropped(shard));
    (0..5).for_each(|shard| statistics.internal_device_control(shard));
    let snapshot = statistics.snapshot();
    let counters = &snapshot.counters;
    let why = [
        counters.refused,
        counters.untracked,
        counters.reserve_empty,
        counters.held_dropped,
        counters.internal_device_control,
    ];
    assert_eq!(why, [1, 2, 3, 4, 5]);
    assert_eq!((snapshot.in_flight, snapshot.in_flight_peak), (0, 1));
}

#[test]
fn what_hardening_comes_to_is_counted_each_by_itself_and_is_no_request() {
    for what in Harden::ALL {
        let shards = shards(2);
        let head = head(0, &shards);
        let statistics = head.over(&shards).expect("its shards");
        (0..3).for_each(|shard| statistics.harden(shard, what));
        let snapshot = statistics.snapshot();
        for other in Harden::ALL {
            let expected = if other == what { 3 } else { 0 };
            assert_eq!(
                *snapshot.counters.harden(other),
                expected,
                "{other:?} where {what:?} was counted"
            );
        }
        let mut counters = snapshot.counters.clone();
        counters.merge(&snapshot.counters);
        assert_eq!(*counters.harden(what), 6);
        assert_eq!((snapshot.in_flight_peak, snapshot.counters.untracked), (0, 0));
    }
}

#[test]
fn a_probe_is_timed_apart_and_fails_apart() {
    let shards = shards(2);
    let head = head(0, &shards);
    let statistics = head.over(&shards).expect("its shards");
    statistics.probe_done(0, 0, 10);
    statistics.probe_done(1, STATUS_IO_DEVICE_ERROR, 10);
    let counters = statistics.snapshot().counters;
    assert_eq!(
        (counters.probe_latency_ns.count(), *counters.harden(Harden::ProbeFailed)),
        (2, 1)
    );
    assert_eq!((counters.read.sent, counters.read.latency_ns.count()), (0, 0));
    assert_eq!(statistics.snapshot().errors.total(), 0);
}

#[test]
fn a_head_goes_with_no_other_shards_than_its_own() {
    let (mine, others) = (shards(2), shards(2));
    let head = head(0, &mine);
    assert!(head.over(&mine).is_some());
    assert!(head.over(&others).is_none());
    assert!(head.over(&mine[..1]).is_none());
    assert!(head.over(&mine[1..]).is_none());
    let none: &[Shard] = &[];
    let clock = Clock::new(NonZeroU64::MIN);
    assert!(DeviceStatistics::new(clock, 0, none).over(none).is_none());
}

#[test]
fn a_snapshot_of_two_devices_sums_counts_and_takes_the_earliest_start_and_the_highest_peak() {
    let (first_shards, second_shards) = (shards(1), shards(2));
    let (first_head, second_head) = (head(50, &first_shards), head(40, &second_shards));
    let first = first_head.over(&first_shards).expect("its shards");
    let second = second_head.over(&second_shards).expect("its shards");
    first.sent(0, Operation::Read, 1);
    for shard in 0..2 {
        second.sent(shard, Operation::Read, 10);
    }
    second.done(0, Operation::Read, STATUS_IO_DEVICE_ERROR, 0, 5);

    let mut merged = first.snapshot();
    merged.merge(&second.snapshot());
    let mut added = Snapshot::EMPTY;
    second.add_to(&mut added);
    first.add_to(&mut added);
    assert_eq!(merged, added);
    assert_eq!(
        (merged.devices, merged.started_at_ticks, merged.frequency_hz),
        (2, 40, HZ)
    );
    assert_eq!((merged.in_flight, merged.in_flight_peak), (2, 2));
    assert_eq!(
        (merged.counters.read.sent, merged.counters.read.bytes_requested),
        (3, 21)
    );
    assert_eq!(merged.errors.total(), 1);
}

#[test]
fn merging_with_the_snapshot_of_no_device_changes_nothing() {
    let shards = shards(1);
    let one = head(9, &shards).over(&shards).expect("its shards").snapshot();
    let mut merged = one.clone();
    merged.merge(&Snapshot::EMPTY);
    assert_eq!(merged, one);
    let mut merged = Snapshot::EMPTY;
    merged.merge(&one);
    assert_eq!(merged, one);
}

#[test]
fn threads_that_count_at_once_lose_nothing() {
    const THREADS: usize = 4;
    const EACH: u64 = 20_000;
    // Fewer shards than threads, so that two of them share one.
    let shards = shards(THREADS - 1);
    let head = head(0, &shards);
    let statistics = head.over(&shards).expect("its shards");
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..EACH {
                    statistics.sent(thread, Operation::Write, 512);
                    let status = if number % 10 == 0 {
                        STATUS_IO_DEVICE_ERROR
                    } else {
                        STATUS_SUCCESS
                    };
                    statistics.done(thread + 1, Operation::Write, status, 512, number);
                }
            });
        }
    });
    let snapshot = statistics.snapshot();
    let write = &snapshot.counters.write;
    let all = THREADS as u64 * EACH;
    assert_eq!((write.sent, write.bytes_requested), (all, all * 512));
    assert_eq!((write.completed_error, snapshot.errors.total()), (all / 10, all / 10));
    assert_eq!(
        write.completed_success + write.completed_error,
        write.latency_ns.count()
    );
    assert_eq!(write.bytes_transferred, write.completed_success * 512);
    assert_eq!(snapshot.in_flight, 0);
    assert!((1..=THREADS as u64).contains(&snapshot.in_flight_peak));
}
