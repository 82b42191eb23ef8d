//! What the filter counted, read out of its device's memory as a debugger would, and whether it is what was sent.

use std::collections::BTreeMap;

use lab::{
    DeviceMemory,
    report::RunReport,
    script::{Address, Device, World},
};
use policy::{Harden, Operation, Snapshot, dump};

/// What could not be followed for want of a slot, which the lab does not know of.
const PASSED: &str = "passed without a slot";

/// On how many processors something was counted.
const COUNTED_ON: &str = "processors that counted";

/// The statistics of a device, where it has any, and how many processors counted into them.
fn read_out(extension: u64, extension_bytes: usize, read: impl Fn(u64, &mut [u8]) -> bool) -> Option<(Snapshot, u64)> {
    let word_at = |address: u64| {
        let mut word = [0; 8];
        read(address, &mut word).then(|| u64::from_le_bytes(word))
    };
    let mut words = (extension..extension + extension_bytes as u64).step_by(8);
    let head = words.find(|&address| word_at(address) == Some(dump::SIGNATURE))?;
    // After the signature and the version: how many shards there are, how far apart, and where.
    let [count, stride, first] = [16, 24, 32].map(|offset| word_at(head + offset).expect("the head is there"));
    let counted = (0..count).filter(|shard| {
        let start = first + shard * stride;
        (start..start + stride)
            .step_by(8)
            .any(|address| word_at(address) != Some(0))
    });
    let counted = counted.count() as u64;
    let snapshot = dump::read(&read, head).unwrap_or_else(|error| panic!("{error}"));
    Some((snapshot, counted))
}

/// The statistics of a device of a script.
pub(crate) fn of_device(world: &World, filter: Device) -> Snapshot {
    let (object, extension) = (filter.address().0, filter.extension().0);
    let bytes = filter.bytes().len() - (extension - object);
    let read = |address: u64, bytes: &mut [u8]| world.read(Address(address as usize), bytes);
    let (snapshot, _) = read_out(extension as u64, bytes, read).expect("the filter had memory to count in");
    snapshot
}

/// The figures of a device of a seeded run, by the names that the lab has for its own. It is called in the run's process.
pub(crate) fn collect(memory: &DeviceMemory) -> serde_json::Value {
    let found = read_out(memory.extension(), memory.extension_bytes(), |address, bytes| {
        memory.read(address, bytes)
    });
    let figures = found.map(|(snapshot, processors)| {
        let mut figures = by_name(&snapshot);
        figures.insert(COUNTED_ON.to_owned(), processors);
        figures
    });
    serde_json::to_value(figures).unwrap_or_default()
}

/// What the disk sees of hardening, by the names of the lab.
const PARTS: &str = "parts that the disk got";
const RESENDS: &str = "resends that the disk got";
const PROBES: &str = "probes that the disk got";

const NAMES: [&str; 4] = ["READ", "WRITE", "FLUSH_BUFFERS", "DEVICE_CONTROL"];

fn by_name(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let counters = &snapshot.counters;
    let mut figures: BTreeMap<String, u64> = [
        (PASSED, counters.untracked + counters.reserve_empty),
        ("refused", counters.refused),
        ("held and dropped", counters.held_dropped),
        ("in flight", snapshot.in_flight),
        ("INTERNAL_DEVICE_CONTROL sent", counters.internal_device_control),
        (PARTS, *counters.harden(Harden::PartSent)),
        (RESENDS, *counters.harden(Harden::Resent)),
        (PROBES, *counters.harden(Harden::ProbeSent)),
    ]
    .map(|(name, count)| (name.to_owned(), count))
    .into();
    for (name, operation) in NAMES.into_iter().zip(Operation::ALL) {
        let counted = counters.operation(operation);
        for (what, count) in [
            ("sent", counted.sent),
            ("bytes requested", counted.bytes_requested),
            ("succeeded", counted.completed_success),
            ("bytes transferred", counted.bytes_transferred),
            ("failed", counted.completed_error),
            ("timed", counted.latency_ns.count()),
        ] {
            figures.insert(format!("{name} {what}"), count);
        }
    }
    figures
}

/// What was found of the figures of a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They are those of the lab, figure by figure.
    Exact,
    /// Some requests passed without a slot, and with them they are.
    WithPassed,
    /// There was no memory to count in, or no device.
    NotCounted,
}

/// The figures of a run, where there was memory for them.
fn collected(run: &RunReport) -> Option<BTreeMap<String, u64>> {
    let collected = run.collected.clone()?;
    serde_json::from_value(collected).unwrap_or_else(|error| panic!("{error}"))
}

/// On how many processors the filter counted in a run.
pub(crate) fn processors(run: &RunReport) -> u64 {
    collected(run).map_or(0, |figures| figures[COUNTED_ON])
}

/// Compares what the filter counted in a run with what the lab sent.
///
/// # Panics
///
/// They differ.
pub(crate) fn assert_agree(run: &RunReport) -> Agreement {
    let Some(filter) = collected(run) else {
        let failed = run.counters.keys().any(|name| name.starts_with("injected "));
        assert!(failed, "nothing was counted with seed {}, and nothing failed", run.seed);
        return Agreement::NotCounted;
    };
    let figure = |of: &BTreeMap<String, u64>, name: &str| of.get(name).copied().unwrap_or_default();
    let sum = |of: &BTreeMap<String, u64>, what: &str| -> u64 {
        NAMES.iter().map(|name| figure(of, &format!("{name} {what}"))).sum()
    };
    let told = || format!("seed {}: {filter:#?}\n{:#?}", run.seed, run.counters);
    let passed = figure(&filter, PASSED);
    assert_eq!(figure(&filter, "in flight"), 0, "{}", told());
    assert_eq!(figure(&filter, "held and dropped"), 0, "{}", told());
    assert_eq!(sum(&filter, "sent") + passed, sum(&run.counters, "sent"), "{}", told());
    let internal = "INTERNAL_DEVICE_CONTROL sent";
    assert_eq!(figure(&filter, internal), figure(&run.counters, internal), "{}", told());
    assert_eq!(figure(&filter, PARTS), figure(&run.counters, PARTS), "{}", told());
    assert_eq!(figure(&filter, PROBES), figure(&run.counters, PROBES), "{}", told());
    // A request that is sent again in parts is one to the filter, and to the disk it is each of the parts.
    if figure(&filter, PARTS) == 0 {
        assert_eq!(figure(&filter, RESENDS), figure(&run.counters, RESENDS), "{}", told());
    }
    // What was followed is timed when it ends, and ends unless it is refused.
    let ended = sum(&filter, "succeeded") + sum(&filter, "failed");
    assert_eq!(sum(&filter, "timed"), ended, "{}", told());
    assert_eq!(ended + figure(&filter, "refused"), sum(&filter, "sent"), "{}", told());
    if passed > 0 {
        return Agreement::WithPassed;
    }
    for name in NAMES {
        for what in ["sent", "bytes requested", "succeeded", "bytes transferred"] {
            let name = format!("{name} {what}");
            assert_eq!(
                figure(&filter, &name),
                figure(&run.counters, &name),
                "{name}, {}",
                told()
            );
        }
    }
    Agreement::Exact
}
