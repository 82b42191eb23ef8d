//! The report of a run, for programs: one JSON object, whose names are a contract.

use anyhow::{Context as _, Result};
use lab::status;
use policy::{
    Harden, Operation,
    counters::{Counters, OperationCounters},
    histogram::{Bucket, Histogram},
};
use serde_json::{Map, Value, json};

use super::{
    Driver,
    outcome::Outcome,
    reconcile::name,
    text::of_all,
    text::{PERCENTILES, sorted},
    units::per_second,
};

/// The whole report, with a line feed at its end.
pub(super) fn of(outcome: &Outcome, driver: &Driver) -> Result<String> {
    let report = &outcome.report;
    let host_seconds = outcome.elapsed.as_secs_f64();
    let miscounts: Vec<Value> = outcome
        .miscounts
        .iter()
        .map(|miscount| json!({ "seed": miscount.seed, "differences": miscount.differences }))
        .collect();
    let value = json!({
        "verdict": outcome.verdict(),
        "driver": { "path": driver.path, "sha256": driver.sha256 },
        "device": device(outcome),
        "lab": report,
        "rules_applied": lab::rules::all().len(),
        "injected": outcome.injected().map(|(call, times)| (call.to_owned(), times.into())).collect::<Map<_, _>>(),
        "runs_without_statistics": outcome.runs_without_statistics,
        "miscounts": miscounts,
        "host_seconds": host_seconds,
        "host_irps_per_second": per_second(report.irps, host_seconds),
        "replay": outcome.replay,
    });
    let text = serde_json::to_string_pretty(&value).context("cannot write the report as JSON")?;
    Ok(text + "\n")
}

fn device(outcome: &Outcome) -> Value {
    let (device, counters) = (&outcome.device, &outcome.device.counters);
    let seconds = outcome.simulated().as_secs_f64();
    let total = |value| of_all(counters, value);
    let operations: Map<String, Value> = Operation::ALL
        .into_iter()
        .map(|of| (name(of).to_ascii_lowercase(), operation(counters.operation(of))))
        .collect();
    let errors: Vec<Value> = sorted(outcome)
        .iter()
        .map(|error| {
            json!({
                "status": format!("{:#010x}", error.status.cast_unsigned()),
                "name": status::name(error.status),
                "count": error.count,
            })
        })
        .collect();
    json!({
        "simulated_seconds": seconds,
        "requests": total(|counted| counted.sent),
        "requests_per_simulated_second": per_second(total(|counted| counted.sent), seconds),
        "bytes_transferred": total(|counted| counted.bytes_transferred),
        "bytes_per_simulated_second": per_second(total(|counted| counted.bytes_transferred), seconds),
        "operations": operations,
        "errors": errors,
        "errors_other": device.errors.others(),
        "in_flight": device.in_flight,
        "in_flight_max": device.in_flight_peak,
        "internal_device_control": counters.internal_device_control,
        "refused": counters.refused,
        "untracked": counters.untracked,
        "reserve_empty": counters.reserve_empty,
        "held_dropped": counters.held_dropped,
        "harden": harden(counters),
    })
}

/// What hardening came to.
fn harden(counters: &Counters<u64>) -> Value {
    let mut figures: Map<String, Value> = Harden::ALL
        .into_iter()
        .map(|what| (what.name().to_owned(), (*counters.harden(what)).into()))
        .collect();
    figures.insert("probe_latency_ns".to_owned(), latency(&counters.probe_latency_ns));
    figures.into()
}

fn operation(counted: &OperationCounters<u64>) -> Value {
    json!({
        "sent": counted.sent,
        "succeeded": counted.completed_success,
        "failed": counted.completed_error,
        "bytes_requested": counted.bytes_requested,
        "bytes_transferred": counted.bytes_transferred,
        "latency_ns": latency(&counted.latency_ns),
    })
}

fn latency(histogram: &Histogram<u64>) -> Value {
    let mut latency: Map<String, Value> = PERCENTILES
        .into_iter()
        .map(|(name, percentile)| (name.replace('.', "_"), bounds(histogram.percentile(percentile))))
        .collect();
    latency.insert("max".to_owned(), bounds(histogram.max()));
    let buckets: Vec<Value> = histogram
        .iter()
        .map(|bucket| json!({ "lower": bucket.lower, "upper": bucket.upper, "count": bucket.count }))
        .collect();
    latency.insert("buckets".to_owned(), buckets.into());
    latency.into()
}

/// Between what the value is: both bounds included.
fn bounds(bucket: Option<Bucket>) -> Value {
    bucket.map_or(
        Value::Null,
        |bucket| json!({ "lower": bucket.lower, "upper": bucket.upper }),
    )
}

#[cfg(test)]
mod tests {
    use crate::run::outcome::tests::outcome;

    use super::*;

    fn names(value: &Value) -> Vec<&str> {
        let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_names_are_those_that_programs_rely_on() {
        let driver = Driver {
            path: "irpscope.sys".into(),
            sha256: "00".to_owned(),
        };
        let text = of(&outcome(), &driver).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let top = [
            "device",
            "driver",
            "host_irps_per_second",
            "host_seconds",
            "injected",
            "lab",
            "miscounts",
            "replay",
            "rules_applied",
            "runs_without_statistics",
            "verdict",
        ];
        assert_eq!(names(&value), top);
        let device = [
            "bytes_per_simulated_second",
            "bytes_transferred",
            "errors",
            "errors_other",
            "harden",
            "held_dropped",
            "in_flight",
            "in_flight_max",
            "internal_device_control",
            "operations",
            "refused",
            "requests",
            "requests_per_simulated_second",
            "reserve_empty",
            "simulated_seconds",
            "untracked",
        ];
        assert_eq!(names(&value["device"]), device);
        let read = &value["device"]["operations"]["read"];
        let operation = [
            "bytes_requested",
            "bytes_transferred",
            "failed",
            "latency_ns",
            "sent",
            "succeeded",
        ];
        assert_eq!(names(read), operation);
        assert_eq!(
            names(&read["latency_ns"]),
            ["buckets", "max", "p50", "p90", "p99", "p99_9"]
        );
        assert_eq!(value["verdict"], "clean");
        assert_eq!(value["device"]["errors"][0]["name"], "STATUS_IO_TIMEOUT");
        assert_eq!(read["latency_ns"]["p50"], json!({ "lower": 96, "upper": 103 }));
        assert_eq!(value["device"]["operations"]["write"]["latency_ns"]["max"], Value::Null);
    }
}
