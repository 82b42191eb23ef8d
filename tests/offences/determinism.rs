//! A seed decides everything: the same seed gives the same event log, byte for byte, here and elsewhere.

use lab::{Lab, report::RunReport};
use libtest_mimic::{Failed, Trial};

use crate::offender;

/// The hash over the event log of seed 1 of the well-behaved offender.
///
/// It says that a log made here is the one that is made on any other machine and with any other compiler. It changes with
/// the lab: with what takes time, is logged, or is drawn from the seed. Then put the new value here.
const LOG_HASH_OF_SEED_1: &str = "50c1de8b6127b8a5";

/// The tests.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("the_same_seed_gives_the_same_log_byte_for_byte", || {
            same_twice("mixed", 1)
        }),
        Trial::test("the_log_does_not_depend_on_what_else_the_machine_does", || {
            let alone = logs("mixed", 1..=16, 1)?;
            let together = logs("mixed", 1..=16, 8)?;
            same(&alone, &together)
        }),
        Trial::test("the_log_is_the_same_on_every_machine", known_hash),
        Trial::test(
            "after_enough_violations_no_more_runs_are_made_and_the_same_each_time",
            || {
                let seeds = |jobs: usize| {
                    let lab = Lab::open(offender())?
                        .service("offender-complete-twice")
                        .scenario("mixed");
                    let runs = lab.seeds(1..=1000).violations_max(3).jobs(jobs).run_each()?;
                    Ok::<_, Failed>(
                        runs.iter()
                            .map(|run| (run.seed, run.violation.is_some()))
                            .collect::<Vec<_>>(),
                    )
                };
                let (one, many) = (seeds(1)?, seeds(8)?);
                let found = one.iter().filter(|(_, violation)| *violation).count();
                if found == 3 && one == many {
                    Ok(())
                } else {
                    Err(format!("{one:?} and {many:?}").into())
                }
            },
        ),
        Trial::test("another_seed_gives_another_log", || {
            let logs = logs("read", 1..=8, 1)?;
            let mut hashes: Vec<&str> = logs.iter().map(|run| run.log_hash.as_str()).collect();
            hashes.sort_unstable();
            hashes.dedup();
            if hashes.len() == 8 {
                Ok(())
            } else {
                Err(format!("8 seeds gave {} logs", hashes.len()).into())
            }
        }),
        Trial::test("a_violation_is_repeated_by_its_seed_in_every_word", || {
            let runs = || {
                let lab = Lab::open(offender())?
                    .service("offender-leak-remove-lock")
                    .scenario("mixed");
                Ok::<_, Failed>(lab.seeds(5..=5).run_each()?)
            };
            let (first, second) = (runs()?, runs()?);
            if first[0].violation.is_some() && first == second {
                Ok(())
            } else {
                Err("the two reports differ".into())
            }
        }),
    ]
}

fn logs(scenario: &str, seeds: std::ops::RangeInclusive<u64>, jobs: usize) -> Result<Vec<RunReport>, Failed> {
    let lab = Lab::open(offender())?.service("offender").scenario(scenario);
    Ok(lab.seeds(seeds).jobs(jobs).log(true).run_each()?)
}

fn same(first: &[RunReport], second: &[RunReport]) -> Result<(), Failed> {
    for (first, second) in first.iter().zip(second) {
        let has_log = first.log.as_ref().is_some_and(|log| log.lines().count() > 1000);
        if !has_log || first != second {
            return Err(format!("the logs of seed {} differ", first.seed).into());
        }
    }
    Ok(())
}

fn same_twice(scenario: &str, seed: u64) -> Result<(), Failed> {
    same(&logs(scenario, seed..=seed, 1)?, &logs(scenario, seed..=seed, 1)?)
}

fn known_hash() -> Result<(), Failed> {
    let runs = logs("mixed", 1..=1, 1)?;
    if runs[0].log_hash == LOG_HASH_OF_SEED_1 {
        Ok(())
    } else {
        Err(format!("the hash is {} and not {LOG_HASH_OF_SEED_1}", runs[0].log_hash).into())
    }
}
