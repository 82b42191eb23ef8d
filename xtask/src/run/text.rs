//! The report of a run, to be read: the device as the filter counted it, then what the lab saw.

use std::fmt::Write as _;

use lab::{report::Verdict, status};
use policy::{
    Harden, Operation,
    counters::{Counters, OperationCounters},
    histogram::{Bucket, Percentile},
};

use super::{
    histogram::{bar, rows},
    outcome::Outcome,
    reconcile::name,
    units::{bytes, count, duration, per_second},
};

/// The narrowest and the widest that a report gets.
const WIDTH_MIN: usize = 64;
const WIDTH_MAX: usize = 120;
/// What a report has that is no terminal's.
const WIDTH_PLAIN: usize = 80;

/// What a row of the histogram has beside its two bars: bounds, two counts and the space between.
const BESIDE_BARS: usize = 48;

/// How many runs with wrong figures are told of.
const MISCOUNTS_SHOWN: usize = 5;

/// The percentiles that are shown, with their names.
pub(super) const PERCENTILES: [(&str, Percentile); 4] = [
    ("p50", Percentile::MEDIAN),
    ("p90", Percentile::P90),
    ("p99", Percentile::P99),
    ("p99.9", Percentile::P99_9),
];

/// What the report is drawn with.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// How many columns there are.
    width: usize,
    /// Whether there is more than ASCII.
    unicode: bool,
}

impl Style {
    /// That of standard output: plain where it is no terminal.
    pub(super) fn of_stdout() -> Self {
        let terminal = console::Term::stdout();
        if !terminal.is_term() {
            return Self {
                width: WIDTH_PLAIN,
                unicode: false,
            };
        }
        let (_, columns) = terminal.size();
        Self {
            width: usize::from(columns).clamp(WIDTH_MIN, WIDTH_MAX),
            unicode: true,
        }
    }

    fn duration(self, ns: u64) -> String {
        duration(ns, if self.unicode { "µs" } else { "us" })
    }
}

/// The whole report.
pub(super) fn of(outcome: &Outcome, style: Style) -> String {
    let mut text = String::new();
    if outcome.report.verdict == Verdict::Clean {
        device(&mut text, outcome, style);
        machine(&mut text, outcome);
    } else {
        let _ = writeln!(text, "\n{}", outcome.report.to_string().trim_end());
    }
    verdict(&mut text, outcome);
    text
}

fn device(text: &mut String, outcome: &Outcome, style: Style) {
    let counters = &outcome.device.counters;
    let seconds = outcome.simulated().as_secs_f64();
    let requests = of_all(counters, |counted| counted.sent);
    let transferred = of_all(counters, |counted| counted.bytes_transferred);
    let _ = writeln!(
        text,
        "\nthe device, as the filter counted it; all times are simulated\n"
    );
    let _ = writeln!(
        text,
        "  {} requests followed, {} a second; {} transferred, {} a second\n",
        count(requests),
        count(per_second(requests, seconds)),
        bytes(transferred),
        bytes(per_second(transferred, seconds)),
    );
    let _ = writeln!(
        text,
        "  {:<14} {:>12} {:>12} {:>12} {:>12}",
        "", "sent", "succeeded", "failed", "transferred"
    );
    for operation in Operation::ALL {
        let counted = counters.operation(operation);
        let _ = writeln!(
            text,
            "  {:<14} {:>12} {:>12} {:>12} {:>12}",
            name(operation),
            count(counted.sent),
            count(counted.completed_success),
            count(counted.completed_error),
            if operation.transfers() {
                bytes(counted.bytes_transferred)
            } else {
                "-".to_owned()
            },
        );
    }
    latencies(text, outcome, style);
    drawn(text, outcome, style);
    errors(text, outcome);
    let _ = writeln!(
        text,
        "\n  INTERNAL_DEVICE_CONTROL passed {}\n  in flight at most {}; refused {}, untracked {}, reserve empty {}, held and \
         dropped {}",
        count(counters.internal_device_control),
        outcome.device.in_flight_peak,
        count(counters.refused),
        count(counters.untracked),
        count(counters.reserve_empty),
        count(counters.held_dropped),
    );
    harden(text, counters);
}

/// What hardening came to, where there was any.
fn harden(text: &mut String, counters: &Counters<u64>) {
    let figures: Vec<String> = Harden::ALL
        .into_iter()
        .map(|what| (what, *counters.harden(what)))
        .filter(|(_, times)| *times != 0)
        .map(|(what, times)| format!("{} {}", what.name().replace('_', " "), count(times)))
        .collect();
    if !figures.is_empty() {
        let _ = writeln!(text, "  {}", figures.join(", "));
    }
}

/// The sum over all operations.
pub(super) fn of_all(counters: &Counters<u64>, value: fn(&OperationCounters<u64>) -> u64) -> u64 {
    let values = Operation::ALL
        .into_iter()
        .map(|operation| value(counters.operation(operation)));
    values.sum()
}

fn latencies(text: &mut String, outcome: &Outcome, style: Style) {
    let _ = write!(text, "\n  {:<18}", "latency, at most");
    for (percentile, _) in PERCENTILES {
        let _ = write!(text, " {percentile:>9}");
    }
    let _ = writeln!(text, " {:>9}", "max");
    for operation in Operation::ALL {
        let histogram = &outcome.device.counters.operation(operation).latency_ns;
        let shown = |bucket: Option<Bucket>| bucket.map_or_else(|| "-".to_owned(), |bucket| bound(bucket, style));
        let _ = write!(text, "  {:<18}", name(operation));
        for (_, percentile) in PERCENTILES {
            let _ = write!(text, " {:>9}", shown(histogram.percentile(percentile)));
        }
        let _ = writeln!(text, " {:>9}", shown(histogram.max()));
    }
}

/// The largest value that a bucket has, since that is what a latency is at most.
fn bound(bucket: Bucket, style: Style) -> String {
    if bucket.is_overflow() {
        return format!("> {}", style.duration(bucket.lower));
    }
    style.duration(bucket.upper)
}

fn drawn(text: &mut String, outcome: &Outcome, style: Style) {
    let counters = &outcome.device.counters;
    let rows = rows([&counters.read.latency_ns, &counters.write.latency_ns]);
    let most = rows.iter().flat_map(|row| row.counts).max().unwrap_or_default();
    let width = style.width.saturating_sub(BESIDE_BARS) / 2;
    let _ = writeln!(
        text,
        "\n  {:>9}    {:>9}  {:>9} {:<width$}  {:>9}",
        "from", "below", "READ", "", "WRITE"
    );
    for row in rows {
        let [read, write] = row.counts;
        let line = format!(
            "  {:>9} .. {:>9}  {:>9} {:<width$}  {:>9} {}",
            style.duration(row.lower_ns),
            style.duration(row.below_ns),
            count(read),
            bar(read, most, width, style.unicode),
            count(write),
            bar(write, most, width, style.unicode),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn errors(text: &mut String, outcome: &Outcome) {
    let errors = &outcome.device.errors;
    let _ = writeln!(text, "\n  {:<30} {:>12}", "errors by status", count(errors.total()));
    for error in sorted(outcome) {
        let _ = writeln!(
            text,
            "    {:<28} {:>12}",
            status::name(error.status),
            count(error.count)
        );
    }
    if errors.others() > 0 {
        let _ = writeln!(text, "    {:<28} {:>12}", "others", count(errors.others()));
    }
}

/// The errors, the most frequent first.
pub(super) fn sorted(outcome: &Outcome) -> Vec<policy::errors::ErrorCount> {
    let mut errors: Vec<_> = outcome.device.errors.iter().collect();
    errors.sort_by_key(|error| (std::cmp::Reverse(error.count), error.status));
    errors
}

fn machine(text: &mut String, outcome: &Outcome) {
    let report = &outcome.report;
    let [first, last] = report.seeds;
    let host = outcome.elapsed.as_secs_f64();
    let _ = writeln!(
        text,
        "\nthe lab, in which irpscope.sys ran\n\n  {:<10}{} of scenario {}, seeds {first}..{last}: {} IRPs in {} of simulated time",
        "runs",
        count(report.runs),
        report.scenario,
        count(report.irps),
        duration(u64::try_from(outcome.simulated().as_nanos()).unwrap_or(u64::MAX), "us"),
    );
    let _ = writeln!(
        text,
        "  {:<10}{} rules applied; {} calls of the driver into the kernel; {} warnings",
        "checks",
        lab::rules::all().len(),
        count(outcome.counter("kernel calls")),
        report.warnings.len(),
    );
    for warning in &report.warnings {
        let _ = writeln!(
            text,
            "  {:<10}{}, {} times, first with seed {}: {}",
            "", warning.rule, warning.times, warning.seed, warning.message
        );
    }
    let injected: Vec<String> = outcome
        .injected()
        .map(|(call, times)| format!("{call} {}", count(times)))
        .collect();
    let injected = if injected.is_empty() {
        "none injected".to_owned()
    } else {
        injected.join(", ")
    };
    let _ = writeln!(text, "  {:<10}{injected}", "failures");
    let uncounted = outcome.runs_without_statistics + outcome.miscounts.len() as u64;
    let compared = report.runs.saturating_sub(uncounted);
    let _ = writeln!(
        text,
        "  {:<10}in {} runs the filter counted what the lab sent; in {} it had no memory to count",
        "figures",
        count(compared),
        count(outcome.runs_without_statistics),
    );
    let _ = writeln!(
        text,
        "  {:<10}{} IRPs a second here, in {host:.1} s",
        "rate",
        count(per_second(report.irps, host)),
    );
}

fn verdict(text: &mut String, outcome: &Outcome) {
    for miscount in outcome.miscounts.iter().take(MISCOUNTS_SHOWN) {
        let _ = writeln!(text, "\nseed {}", miscount.seed);
        for difference in &miscount.differences {
            let _ = writeln!(text, "  {difference}");
        }
    }
    let hidden = outcome.miscounts.len().saturating_sub(MISCOUNTS_SHOWN);
    if hidden > 0 {
        let _ = writeln!(text, "\n... and {hidden} more runs with wrong figures");
    }
    let wrong: Vec<String> = [
        (outcome.report.violations.len(), "a rule was broken"),
        (outcome.miscounts.len(), "the filter counted wrong"),
    ]
    .into_iter()
    .filter(|(runs, _)| *runs > 0)
    .map(|(runs, what)| format!("in {runs} runs {what}"))
    .collect();
    let shown = if wrong.is_empty() {
        "clean".to_owned()
    } else {
        wrong.join("; ")
    };
    let _ = writeln!(text, "\nverdict  {shown}");
    if let Some(replay) = &outcome.replay {
        let _ = writeln!(text, "replay   {replay}");
    }
}

#[cfg(test)]
mod tests {
    use crate::run::outcome::{
        Miscount,
        tests::{outcome, violation},
    };

    use super::*;

    const PLAIN: Style = Style {
        width: WIDTH_PLAIN,
        unicode: false,
    };

    #[test]
    fn a_report_has_the_figures_of_the_filter_and_of_the_lab() {
        let text = of(&outcome(), PLAIN);
        for line in [
            "  3 requests followed, 2 a second; 512 B transferred, 256 B a second",
            "  READ                      2            1            1        512 B",
            "  WRITE                     1            0            0          0 B",
            "  FLUSH_BUFFERS             0            0            0            -",
            "  DEVICE_CONTROL            0            0            0            -",
            "  INTERNAL_DEVICE_CONTROL passed 0",
            "  READ                  103 ns    426 us    426 us    426 us    426 us",
            "  WRITE                      -         -         -         -         -",
            "    STATUS_IO_TIMEOUT                       1",
            "  in flight at most 1; refused 1, untracked 0, reserve empty 0, held and dropped 0",
            "  failures  IoSetCompletionRoutineEx 1",
            "  figures   in 3 runs the filter counted what the lab sent; in 1 it had no memory to count",
            "  rate      1,000 IRPs a second here, in 3.0 s",
            "verdict  clean",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn rows_are_as_wide_as_the_terminal_and_plain_ones_are_ascii() {
        for width in [WIDTH_MIN, 81, WIDTH_MAX] {
            for unicode in [false, true] {
                let mut outcome = outcome();
                // Both columns have a bar of full length then.
                let counters = &mut outcome.device.counters;
                counters.write.latency_ns = counters.read.latency_ns.clone();
                let text = of(&outcome, Style { width, unicode });
                let rows: Vec<usize> = text
                    .lines()
                    .filter(|line| line.contains(" .. "))
                    .map(|line| line.chars().count())
                    .collect();
                assert!(!rows.is_empty() && rows.iter().all(|row| *row <= width), "{rows:?}");
                assert_eq!(text.is_ascii(), !unicode);
            }
        }
    }

    #[test]
    fn a_broken_rule_is_shown_as_the_lab_shows_it_with_what_repeats_it() {
        let mut outcome = outcome();
        outcome.report.verdict = Verdict::Violation;
        outcome.report.violations.push(violation());
        outcome.replay = Some("cargo xtask lab -- replay".to_owned());
        let text = of(&outcome, PLAIN);
        assert!(text.contains(outcome.report.to_string().trim_end()), "{text}");
        assert!(
            text.ends_with("\nverdict  in 1 runs a rule was broken\nreplay   cargo xtask lab -- replay\n"),
            "{text}"
        );
        assert!(!text.contains("the device,"), "{text}");
    }

    #[test]
    fn runs_with_wrong_figures_are_told_by_seed_and_not_all_of_them() {
        let mut outcome = outcome();
        outcome.miscounts = (1..=7)
            .map(|seed| Miscount {
                seed,
                differences: vec![format!("READ sent {seed}")],
            })
            .collect();
        let text = of(&outcome, PLAIN);
        assert!(
            text.contains("\nseed 5\n  READ sent 5\n") && !text.contains("seed 6\n"),
            "{text}"
        );
        assert!(text.contains("and 2 more runs with wrong figures"), "{text}");
        assert!(text.contains("verdict  in 7 runs the filter counted wrong"), "{text}");
    }
}
