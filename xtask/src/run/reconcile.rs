//! Whether the filter counted what was sent to it: its figures against those of the lab's initiators.
//!
//! The two are counted by programs that share nothing, so a request that is lost, seen twice or timed as another's shows
//! here. Each run is compared for itself: what one run has too many cannot make up for what another has too few.

use std::collections::BTreeMap;

use policy::{Harden, Operation, Snapshot};

/// What the lab counted, by name.
pub(super) type Counters = BTreeMap<String, u64>;

/// What a request is completed with whose completion routine could not be registered.
const REFUSED_WITH: i32 = lab::status::STATUS_INSUFFICIENT_RESOURCES;

/// What those requests of the lab that are of an [`Operation`] ended with is counted under this and the status's name.
const ENDED_WITH: &str = "READ, WRITE, FLUSH_BUFFERS or DEVICE_CONTROL ended with ";

/// What the disk saw of hardening, by the names of the lab.
const PARTS: &str = "parts that the disk got";
const RESENDS: &str = "resends that the disk got";
const PROBES: &str = "probes that the disk got";

/// The name of an operation, as the lab counts it.
pub(super) fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Read => "READ",
        Operation::Write => "WRITE",
        Operation::FlushBuffers => "FLUSH_BUFFERS",
        Operation::DeviceControl => "DEVICE_CONTROL",
    }
}

/// Every figure of a run in which the filter and the lab differ, each as a line.
pub(super) fn differences(filter: &Snapshot, lab: &Counters) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, filter: u64, lab: u64| {
        if filter != lab {
            found.push(format!("{what}: the filter counted {filter} and the lab {lab}"));
        }
    };
    let of_lab = |name: &str| lab.get(name).copied().unwrap_or_default();
    let counters = &filter.counters;
    let (mut ended, mut failed, mut failed_in_lab, mut sent_in_lab) = (0, 0, 0, 0);
    for operation in Operation::ALL {
        let (name, counted) = (name(operation), counters.operation(operation));
        let completed = counted.completed_success + counted.completed_error;
        for (what, filter) in [
            ("sent", counted.sent),
            ("bytes requested", counted.bytes_requested),
            ("succeeded", counted.completed_success),
            ("bytes transferred", counted.bytes_transferred),
        ] {
            let what = format!("{name} {what}");
            compare(&what, filter, of_lab(&what));
        }
        compare(&format!("{name} timed"), counted.latency_ns.count(), completed);
        ended += completed;
        failed += counted.completed_error;
        failed_in_lab += of_lab(&format!("{name} failed"));
        sent_in_lab += of_lab(&format!("{name} sent"));
    }
    // The filter does not say which operation it refused.
    compare(
        "followed and failed",
        failed.saturating_add(counters.refused),
        failed_in_lab,
    );
    compare(
        "followed and ended",
        ended.saturating_add(counters.refused),
        sent_in_lab,
    );
    let internal = "INTERNAL_DEVICE_CONTROL sent";
    compare(internal, counters.internal_device_control, of_lab(internal));
    let parts = *counters.harden(Harden::PartSent);
    compare(PARTS, parts, of_lab(PARTS));
    compare(PROBES, *counters.harden(Harden::ProbeSent), of_lab(PROBES));
    // A request that is sent again in parts is one to the filter, and to the disk it is each of the parts.
    if parts == 0 {
        compare(RESENDS, *counters.harden(Harden::Resent), of_lab(RESENDS));
    }
    // There are slots for hundreds of requests, and the lab has a few under way.
    compare("passed without a slot", counters.untracked, 0);
    compare("paging I/O passed without a slot", counters.reserve_empty, 0);
    compare("held and dropped", counters.held_dropped, 0);
    compare("still in flight", filter.in_flight, 0);
    let under_way_max = of_lab("requests under way, at most");
    compare(
        "in flight at most",
        filter.in_flight_peak.max(under_way_max),
        under_way_max,
    );
    compare_errors(filter, lab, &mut compare);
    found
}

fn compare_errors(filter: &Snapshot, lab: &Counters, compare: &mut impl FnMut(&str, u64, u64)) {
    let mut counted: Counters = filter
        .errors
        .iter()
        .map(|error| (lab::status::name(error.status), error.count))
        .collect();
    if filter.counters.refused > 0 {
        *counted.entry(lab::status::name(REFUSED_WITH)).or_default() += filter.counters.refused;
    }
    let in_lab: BTreeMap<&str, u64> = lab
        .iter()
        .filter_map(|(name, count)| Some((name.strip_prefix(ENDED_WITH)?, *count)))
        .collect();
    for (status, count) in &counted {
        let in_lab = in_lab.get(status.as_str()).copied().unwrap_or_default();
        compare(&format!("ended with {status}"), *count, in_lab);
    }
    for (status, count) in in_lab.iter().filter(|(status, _)| !counted.contains_key(**status)) {
        compare(&format!("ended with {status}"), 0, *count);
    }
    compare("errors with statuses of no entry", filter.errors.others(), 0);
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use policy::{DeviceStatistics, Shard, Statistics, clock::Clock};

    use super::*;

    const TIMEOUT: i32 = lab::status::STATUS_IO_TIMEOUT;

    /// What a filter has that counts with `count`.
    fn filter(count: impl FnOnce(Statistics<'_>)) -> Snapshot {
        let shards = [Shard::new(), Shard::new()];
        let head = DeviceStatistics::new(Clock::new(NonZeroU64::new(10_000_000).unwrap()), 0, &shards);
        let statistics = head.over(&shards).unwrap();
        count(statistics);
        statistics.snapshot()
    }

    /// Two READs, one of which fails, two WRITEs, one of which is refused, a flush, and a device control request that fails;
    /// and one that passes.
    fn count_right(statistics: Statistics<'_>) {
        statistics.sent(0, Operation::Read, 512);
        statistics.sent(1, Operation::Read, 1024);
        statistics.done(0, Operation::Read, 0, 512, 10);
        statistics.done(0, Operation::Read, TIMEOUT, 0, 20);
        statistics.sent(1, Operation::Write, 4096);
        statistics.done(1, Operation::Write, 0, 4096, 30);
        statistics.sent(0, Operation::Write, 4096);
        statistics.refused(0);
        statistics.sent(0, Operation::FlushBuffers, 0);
        statistics.done(0, Operation::FlushBuffers, 0, 0, 30);
        statistics.sent(0, Operation::DeviceControl, 0);
        statistics.done(0, Operation::DeviceControl, TIMEOUT, 0, 30);
        statistics.internal_device_control(1);
    }

    fn lab() -> Counters {
        [
            ("READ sent", 2),
            ("READ bytes requested", 1536),
            ("READ succeeded", 1),
            ("READ bytes transferred", 512),
            ("READ failed", 1),
            ("WRITE sent", 2),
            ("WRITE bytes requested", 8192),
            ("WRITE succeeded", 1),
            ("WRITE bytes transferred", 4096),
            ("WRITE failed", 1),
            ("FLUSH_BUFFERS sent", 1),
            ("FLUSH_BUFFERS succeeded", 1),
            ("DEVICE_CONTROL sent", 1),
            ("DEVICE_CONTROL failed", 1),
            ("INTERNAL_DEVICE_CONTROL sent", 1),
            (
                "READ, WRITE, FLUSH_BUFFERS or DEVICE_CONTROL ended with STATUS_IO_TIMEOUT",
                2,
            ),
            (
                "READ, WRITE, FLUSH_BUFFERS or DEVICE_CONTROL ended with STATUS_INSUFFICIENT_RESOURCES",
                1,
            ),
            ("requests under way, at most", 5),
            ("kernel calls", 99),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into()
    }

    #[test]
    fn what_was_counted_right_differs_in_nothing() {
        assert_eq!(differences(&filter(count_right), &lab()), [""; 0]);
    }

    #[test]
    fn each_way_to_count_wrong_is_told_by_the_figure_that_is_wrong() {
        type Count = fn(Statistics<'_>);
        let wrong: [(Count, &str); 14] = [
            (|s| s.sent(0, Operation::Read, 0), "READ sent: "),
            (
                |s| s.done(0, Operation::Write, 0, 0, 1),
                "WRITE succeeded: the filter counted 2 and the lab 1",
            ),
            (
                |s| s.done(0, Operation::Read, TIMEOUT, 0, 1),
                "followed and failed: the filter counted 4 and the lab 3",
            ),
            (
                |s| s.done(0, Operation::Read, -1, 0, 1),
                "ended with 0xffffffff: the filter counted 1 and the lab 0",
            ),
            (|s| s.refused(0), "ended with STATUS_INSUFFICIENT_RESOURCES: "),
            (
                |s| s.untracked(1),
                "passed without a slot: the filter counted 1 and the lab 0",
            ),
            (|s| s.sent(0, Operation::FlushBuffers, 0), "FLUSH_BUFFERS sent: "),
            (
                |s| s.done(0, Operation::DeviceControl, 0, 0, 1),
                "DEVICE_CONTROL succeeded: the filter counted 1 and the lab 0",
            ),
            (
                |s| s.internal_device_control(0),
                "INTERNAL_DEVICE_CONTROL sent: the filter counted 2 and the lab 1",
            ),
            (|s| s.reserve_empty(1), "paging I/O passed without a slot: "),
            (|s| s.held_dropped(1), "held and dropped: "),
            (
                |s| s.harden(1, Harden::PartSent),
                "parts that the disk got: the filter counted 1 and the lab 0",
            ),
            (
                |s| s.harden(0, Harden::Resent),
                "resends that the disk got: the filter counted 1 and the lab 0",
            ),
            (
                |s| s.harden(0, Harden::ProbeSent),
                "probes that the disk got: the filter counted 1 and the lab 0",
            ),
        ];
        for (wrong, expected) in wrong {
            let told = differences(
                &filter(|statistics| {
                    count_right(statistics);
                    wrong(statistics);
                }),
                &lab(),
            );
            assert!(
                told.iter().any(|line| line.starts_with(expected)),
                "{expected}: {told:?}"
            );
        }
    }

    #[test]
    fn each_figure_of_the_lab_is_compared() {
        for name in lab().keys().filter(|name| *name != "kernel calls") {
            let mut lab = lab();
            lab.insert(name.clone(), 0);
            assert_ne!(differences(&filter(count_right), &lab), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_request_that_the_filter_still_waits_for_is_told() {
        let still = filter(|statistics| {
            count_right(statistics);
            statistics.sent(0, Operation::Read, 512);
        });
        let mut lab = lab();
        lab.insert("READ sent".to_owned(), 3);
        lab.insert("READ bytes requested".to_owned(), 2048);
        let told = differences(&still, &lab);
        let expected = "still in flight: the filter counted 1 and the lab 0";
        assert!(told.iter().any(|line| line == expected), "{told:?}");
    }
}
