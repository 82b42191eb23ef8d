//! What the lab promises to scripts: their end is told, nothing is left to chance, and a mistake in one is noticed.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::time::Duration;

use lab::{
    Lab,
    script::{Answer, IoStatus, Request, ScriptError},
    status::{STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_DEVICE_ERROR, STATUS_PENDING, STATUS_SUCCESS},
};

/// irpscope.sys in the lab.
fn filter() -> Lab<'static> {
    Lab::open(irpscope_tests::driver_path()).unwrap_or_else(|error| panic!("{error}"))
}

/// The rule that a script was ended for.
#[track_caller]
fn rule_of<T>(played: Result<T, ScriptError>) -> String {
    match played {
        Err(ScriptError::Violation(violation)) => violation.rule,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no rule was broken"),
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_a_script_returns_comes_back() {
    let played = filter().play(|world| {
        let (_, filter) = world.add_filter();
        let read = world.send(filter, Request::read(0, 512));
        (read.returned(), read.history())
    });
    let (returned, history) = played.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(returned, Some(STATUS_SUCCESS));
    assert!(!history.is_empty());
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_assertion_that_fails_comes_back_with_its_place_and_message() {
    let played = filter().play(|world| assert_eq!(world.arrived(), 7, "none was sent"));
    let Err(ScriptError::Failed(message)) = played else {
        panic!("{played:?}");
    };
    for part in ["script/main.rs", "none was sent\n", "left: 0\n", "right: 7"] {
        assert!(message.contains(part), "{message:?} does not have {part:?}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_offence_ends_the_script_with_its_rule_and_its_clean_twin_does_not() {
    let offender = |service: &str| {
        let lab = Lab::open(irpscope_tests::offender_path()).unwrap_or_else(|error| panic!("{error}"));
        lab.service(service).play(|world| {
            let (_, filter) = world.add_filter();
            world.fail_next("IoSetCompletionRoutineEx");
            world.send(filter, Request::read(0, 512)).ended()
        })
    };
    let offence = "offender-forward-after-refused-registration";
    assert_eq!(rule_of(offender(offence)), "0xC4/0x4100F");
    let clean = offender(&format!("{offence}-clean")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(clean, Some(STATUS_INSUFFICIENT_RESOURCES.into()));
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_never_ends_is_an_offence_where_it_is_waited_for_and_only_there() {
    let play = |wait: bool| {
        filter().play(|world| {
            let (_, filter) = world.add_filter();
            world.answer(Answer::Pend);
            let read = world.send(filter, Request::read(0, 512));
            assert_eq!(read.returned(), Some(STATUS_PENDING));
            if wait {
                world.finish(&read);
            }
        })
    };
    play(false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rule_of(play(true)), "LAB/IrpLost");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_failure_that_was_planned_and_never_came_is_an_error() {
    for function in ["IoSetCompletionRoutineEx", "IofCallDriver", "NoSuchFunction"] {
        let played = filter().play(|world| {
            let (_, filter) = world.add_filter();
            world.fail_next(function);
            world.send(filter, Request::new(0, 0));
        });
        let Err(ScriptError::Error(message)) = played else {
            panic!("{played:?}");
        };
        assert!(message.contains(function), "{message}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn only_the_call_that_was_planned_to_fail_does() {
    let played = filter().play(|world| {
        let (_, filter) = world.add_filter();
        world.fail_after(2, "IoSetCompletionRoutineEx");
        let sent = [0; 5].map(|_| world.send(filter, Request::read(0, 512)).returned());
        sent.map(|returned| returned == Some(STATUS_SUCCESS))
    });
    let succeeded = played.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(succeeded, [true, true, false, true, true]);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn completing_what_is_not_pending_fails_the_script() {
    let played = filter().play(|world| {
        let (_, filter) = world.add_filter();
        let read = world.send(filter, Request::read(0, 512));
        world.complete(&read, STATUS_SUCCESS);
    });
    assert!(matches!(played, Err(ScriptError::Failed(_))), "{played:?}");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn time_goes_by_only_where_the_script_lets_it() {
    let played = filter().play(|world| {
        let (_, filter) = world.add_filter();
        let end = IoStatus::new(STATUS_IO_DEVICE_ERROR, 9);
        let after = |ms| Answer::CompleteAfter(Duration::from_millis(ms), end);
        world.answer_next(after(30));
        let late = world.send(filter, Request::read(0, 512));
        world.answer_next(after(10));
        let early = world.send(filter, Request::write(0, 512).paging());
        assert_eq!((late.ended(), early.ended()), (None, None));
        assert!(world.now() < Duration::from_millis(10));

        world.advance(Duration::from_millis(20));
        assert_eq!((late.ended(), early.ended()), (None, Some(end)));
        assert!(world.now() >= Duration::from_millis(20));

        assert!(world.cancel(&late));
        assert_eq!(late.ended(), Some(STATUS_CANCELLED.into()));
        // What is due for one that is gone does nothing.
        world.advance(Duration::from_millis(20));
        assert_eq!(late.ended(), Some(STATUS_CANCELLED.into()));
    });
    played.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn answers_for_the_next_requests_come_in_order_before_the_usual_one() {
    let played = filter().play(|world| {
        let (_, filter) = world.add_filter();
        world.answer(Answer::complete(IoStatus::new(STATUS_SUCCESS, 1)));
        world.answer_next(Answer::complete(IoStatus::new(STATUS_SUCCESS, 2)));
        world.answer_next(Answer::complete(IoStatus::new(STATUS_SUCCESS, 3)));
        [0; 4].map(|_| world.carry_out(filter, Request::read(0, 512)).information)
    });
    assert_eq!(played.unwrap_or_else(|error| panic!("{error}")), [2, 3, 1, 1]);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_script_goes_the_same_way_with_every_seed() {
    let play = |seed| {
        let lab = filter().seeds(seed..=seed);
        let played = lab.play(|world| {
            let filters = [0; 2].map(|_| world.add_filter().1);
            let mut sent = Vec::new();
            for request in [0, 1, 2, 3, 4].map(|number| Request::read(512 * number, 512)) {
                for filter in filters {
                    world.answer_next(Answer::Pend);
                    sent.push(world.send(filter, request));
                }
            }
            // Both wait, and what they wait for ends while others run.
            let removals = filters.map(|filter| world.send(filter, Request::remove_device()));
            for request in sent.iter().rev() {
                world.complete(request, STATUS_SUCCESS);
            }
            let calls = world.take_calls().into_iter().map(|call| format!("{call:?}"));
            let histories = sent.iter().chain(&removals).flat_map(lab::script::Sent::history);
            calls.chain(histories).collect::<Vec<String>>()
        });
        played.unwrap_or_else(|error| panic!("{error}"))
    };
    let first = play(1);
    assert!(first.len() > 100, "{} events", first.len());
    for seed in 2..=5 {
        assert_eq!(play(seed), first, "seed {seed}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_recorded_and_never_taken_is_an_error_and_not_all_memory() {
    let played = filter().play(|world| {
        let (_, filter) = world.add_filter();
        for _ in 0..200_000 {
            world.send(filter, Request::new(0x12, 0));
            world.take_arrivals();
        }
    });
    let Err(ScriptError::Error(message)) = played else {
        panic!("{played:?}");
    };
    assert!(message.contains("set_recording"), "{message}");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_arrives_at_the_irql_that_it_was_sent_at() {
    let played = filter().play(|world| {
        let (_, filter) = world.add_filter();
        for request in [Request::read(0, 512), Request::read(0, 512).at_dispatch()] {
            world.send(filter, request);
        }
        let arrivals = world.take_arrivals();
        arrivals.iter().map(|arrival| arrival.irql).collect::<Vec<u8>>()
    });
    assert_eq!(played.unwrap_or_else(|error| panic!("{error}")), [0, 2]);
}
