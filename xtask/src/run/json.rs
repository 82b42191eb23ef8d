//! The report of a run, for programs: one JSON object, whose names are a contract.

use anyhow::{Context as _, Result};
use lab::status;
use policy::{Operation, counters::OperationCounters, histogram::Bucket};
use serde_json::{Map, Value, json};

use super::{
    Driver,
    outcome::Outcome,
    reconcile::name,
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
    let total = |value: fn(&OperationCounters<u64>) -> u64| value(&counters.read) + value(&counters.write);
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
        "refused": counters.refused,
        "untracked": counters.untracked,
        "reserve_empty": counters.reserve_empty,
        "held_dropped": counters.held_dropped,
    })
}

fn operation(counted: &OperationCounters<u64>) -> Value {
    let histogram = &counted.latency_ns;
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
    json!({
        "sent": counted.sent,
        "succeeded": counted.completed_success,
        "failed": counted.completed_error,
        "bytes_requested": counted.bytes_requested,
        "bytes_transferred": counted.bytes_transferred,
        "latency_ns": latency,
    })
}

/// Between what the value is: both bounds included.
fn bounds(bucket: Option<Bucket>) -> Value {
    bucket.map_or(
        Value::Null,
        |bucket| json!({ "lower": bucket.lower, "upper": bucket.upper }),
    )
}
