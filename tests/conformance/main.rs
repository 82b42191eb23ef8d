//! The lab does what the documentation says: conformance.sys asks it, in the same sequences that it would ask Windows.
//!
//! The driver runs all of its sequences whenever it is loaded, so the lab's part is a handful of runs, each with its own
//! seeds, processors and pool, and each trial here looks at what all of those runs say of one sequence. The names are the
//! driver's own table.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::{collections::BTreeSet, sync::OnceLock};

use irpscope_tests::conformance_path;
use lab::{Lab, Verifier, report::RunReport};
use libtest_mimic::{Arguments, Failed, Trial};

macro_rules! sequences {
    ($($file:ident {$($name:ident $page:literal $fact:literal;)*})*) => {
        [$($(stringify!($name),)*)*]
    };
}

/// The names of the sequences.
static SEQUENCES: &[&str] = &include!("../drivers/conformance/src/sequences.in.rs");

/// How many seeds each kind of run is made with.
const SEEDS: u64 = 8;

/// What stands before each message of the driver.
const PREFIX: &str = "conformance: ";

/// The kinds of runs: how many processors there are, and whether each pool block has its own pages.
const KINDS: [(usize, bool); 5] = [(1, true), (2, true), (2, false), (3, true), (4, false)];

fn driver(processors: usize, special_pool: bool) -> Result<Lab<'static>, Failed> {
    let verifier = Verifier {
        special_pool,
        ..Verifier::default()
    };
    Ok(Lab::open(conformance_path())?
        .processors(processors)
        .verifier(verifier)
        .scenario("mixed")
        .seeds(1..=SEEDS))
}

/// All runs, which are made once.
fn runs() -> Result<&'static [RunReport], Failed> {
    static RUNS: OnceLock<Result<Vec<RunReport>, String>> = OnceLock::new();
    let make = || {
        let mut runs = Vec::new();
        for (processors, special_pool) in KINDS {
            let lab = driver(processors, special_pool).map_err(|_| "the driver cannot be read")?;
            runs.extend(lab.run_each().map_err(|error| error.to_string())?);
        }
        Ok(runs)
    };
    match RUNS.get_or_init(make) {
        Ok(runs) => Ok(runs),
        Err(error) => Err(error.clone().into()),
    }
}

/// What the driver said of a sequence in a run: after its name, one text for each message.
fn said_of<'run>(run: &'run RunReport, name: &str) -> Vec<&'run str> {
    let begins = format!("{PREFIX}{name}: ");
    let messages = run.messages.iter();
    messages
        .filter_map(|message| message.trim_end().strip_prefix(&begins))
        .collect()
}

/// In each run the sequence was made once, and found what is documented.
fn conforms(name: &str) -> Result<(), Failed> {
    for run in runs()? {
        let said = said_of(run, name);
        if said != ["ok"] {
            return Err(format!("seed {}: {said:?}, where the driver has to say \"ok\", once", run.seed).into());
        }
    }
    Ok(())
}

/// What the driver does on purpose, having no AddDevice: it registers completion routines with IoSetCompletionRoutine too.
const WARNED_OF: &str = "SDV/IoSetCompletionRoutineNonPnpDriver";

/// The driver keeps all rules, and the runs end by themselves.
fn the_driver_keeps_the_rules() -> Result<(), Failed> {
    for (processors, special_pool) in KINDS {
        let lab = driver(processors, special_pool)?;
        let report = lab.summary(runs_of(processors, special_pool)?);
        let warned = report.warnings.iter().any(|warning| warning.rule != WARNED_OF);
        if report.verdict != lab::report::Verdict::Clean || warned {
            return Err(format!("{processors} processors: {report}").into());
        }
    }
    Ok(())
}

/// The runs of one kind.
fn runs_of(processors: usize, special_pool: bool) -> Result<Vec<RunReport>, Failed> {
    let kind = KINDS.iter().position(|kind| *kind == (processors, special_pool));
    let each = usize::try_from(SEEDS)?;
    let runs = runs()?.chunks(each).nth(kind.unwrap_or(usize::MAX));
    Ok(runs.ok_or("a kind of run was not made")?.to_vec())
}

/// The driver says no more than one text of each sequence, and how many there were.
fn nothing_else_is_said() -> Result<(), Failed> {
    let count = format!("{PREFIX}{} sequences, 0 failed", SEQUENCES.len());
    let mut expected: BTreeSet<String> = SEQUENCES.iter().map(|name| format!("{PREFIX}{name}: ok")).collect();
    expected.insert(count);
    for run in runs()? {
        let said: BTreeSet<String> = run
            .messages
            .iter()
            .map(|message| message.trim_end().to_owned())
            .collect();
        let other: Vec<_> = said.symmetric_difference(&expected).collect();
        if !other.is_empty() {
            return Err(format!("seed {}: {other:?}", run.seed).into());
        }
    }
    Ok(())
}

/// The same seed gives the same run.
fn a_seed_repeats_its_run() -> Result<(), Failed> {
    let first = runs_of(2, true)?;
    let again = driver(2, true)?.run_each()?;
    let hashes = |runs: &[RunReport]| runs.iter().map(|run| run.log_hash.clone()).collect::<Vec<_>>();
    if hashes(&first) == hashes(&again) {
        Ok(())
    } else {
        Err("two runs with one seed differ".into())
    }
}

/// No two sequences have one name, under which a result would be taken for the other's.
fn each_sequence_has_a_name_of_its_own() -> Result<(), Failed> {
    let names: BTreeSet<&str> = SEQUENCES.iter().copied().collect();
    if names.len() == SEQUENCES.len() {
        Ok(())
    } else {
        Err("a name is in the table twice".into())
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let mut driven = vec![
        Trial::test("the_driver_keeps_the_rules", the_driver_keeps_the_rules),
        Trial::test("nothing_else_is_said", nothing_else_is_said),
        Trial::test("a_seed_repeats_its_run", a_seed_repeats_its_run),
    ];
    driven.extend(SEQUENCES.iter().map(|name| Trial::test(*name, || conforms(name))));
    let mut trials = vec![Trial::test(
        "each_sequence_has_a_name_of_its_own",
        each_sequence_has_a_name_of_its_own,
    )];
    // As the `#[ignore]` of the other tests: they need the built drivers, which `cargo xtask test` makes.
    trials.extend(driven.into_iter().map(|trial| trial.with_ignored_flag(true)));
    libtest_mimic::run(&arguments, trials).exit();
}
