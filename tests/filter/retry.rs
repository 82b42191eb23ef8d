//! Requests that are sent again: for which failures, when, as what, and how they end whatever happens meanwhile.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use lab::{
    script::{Address, Answer, Call, Device, IoStatus, Moment, RegistryKey, Request, Sent, World},
    status::{
        NtStatus, STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES,
        STATUS_IO_DEVICE_ERROR, STATUS_IO_TIMEOUT, STATUS_PENDING, STATUS_SUCCESS,
    },
};
use policy::{Harden, retry::TRANSIENT};

use crate::{
    layout::{irp, stack_location},
    statistics::{SLOTS, SLOTS_OF_PAGING, statistics},
    support::{
        IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_PNP, arrival, driver, expected_below, put, with_information,
    },
};

const IRP_MN_START_DEVICE: u8 = 0x00;
const IRP_MN_STOP_DEVICE: u8 = 0x04;

const STATUS_VERIFY_REQUIRED: NtStatus = 0x8000_0016_u32.cast_signed();
const STATUS_NO_SUCH_DEVICE: NtStatus = 0xC000_000E_u32.cast_signed();
/// Informational.
const STATUS_FT_WRITE_RECOVERY: NtStatus = 0x4000_000B;

/// What the drivers below do for which a request is sent again, if nothing else is set.
const TRANSIENT_BY_DEFAULT: [NtStatus; 4] = [
    STATUS_IO_TIMEOUT,
    STATUS_DEVICE_BUSY,
    STATUS_DEVICE_NOT_READY,
    STATUS_IO_DEVICE_ERROR,
];

/// What a request fails with that is followed through all that it meets.
const FAILURE: IoStatus = IoStatus::new(STATUS_DEVICE_BUSY, 3);

/// What the driver's own calls into the kernel may take, beside what it waits for.
const CALLS: Duration = Duration::from_micros(100);

/// How many requests one run of the driver's DPC sends.
const SENT_BY_ONE_DPC_MAX: usize = 64;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn flush() -> Request {
    Request::new(IRP_MJ_FLUSH_BUFFERS, 0)
}

/// What may be sent again.
fn requests() -> [Request; 5] {
    let (read, write) = (Request::read(0x1000, 512), Request::write(0x2000, 1024));
    [read, write, read.paging(), write.paging(), flush()]
}

/// Plays a script with the driver, after these settings have been made in the service's key.
#[track_caller]
fn configured(settings: &[(&str, u32)], script: impl FnOnce(&World)) {
    let played = driver().play_from_load(|world| {
        load(world, settings);
        script(world);
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}

fn load(world: &World, settings: &[(&str, u32)]) {
    for (name, value) in settings {
        world.set_dword(RegistryKey::Parameters, name, *value);
    }
    assert_eq!(world.driver_entry(), STATUS_SUCCESS);
}

/// The settings for so many attempts with this back-off.
fn attempts(count: u32, backoff_ms: u32) -> [(&'static str, u32); 2] {
    [("RetryAttempts", count), ("RetryBackoffMs", backoff_ms)]
}

/// What was counted: resent, recovered, exhausted, refused.
fn counted(world: &World, filter: Device) -> [u64; 4] {
    let counters = statistics(world, filter).counters;
    [
        Harden::Resent,
        Harden::Recovered,
        Harden::Exhausted,
        Harden::ResendRefused,
    ]
    .map(|what| *counters.harden(what))
}

/// When each request was sent down from now on.
fn note_sendings(world: &World) -> Rc<RefCell<Vec<Duration>>> {
    let sendings = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&sendings);
    world.on_call(move |world, moment, call| {
        if let (Call::IofCallDriver { .. }, Moment::Called) = (call, moment) {
            noted.borrow_mut().push(world.now());
        }
    });
    sendings
}

/// That these are the instants, give or take what the driver's calls take.
#[track_caller]
fn assert_instants(found: &[Duration], start: Duration, expected_ms: &[u64]) {
    assert_eq!(found.len(), expected_ms.len(), "{found:?}");
    for (found, &expected) in found.iter().zip(expected_ms) {
        let after = *found - start;
        assert!(
            ms(expected) <= after && after <= ms(expected) + CALLS,
            "{after:?} and not {expected} ms after the first"
        );
    }
}

/// That nothing of a request is left, and that the one count of it is that of its end.
#[track_caller]
fn assert_ended(world: &World, filter: Device, sent: &Sent, end: impl Into<IoStatus>) {
    assert_eq!(sent.returned(), Some(STATUS_PENDING));
    assert!(sent.pending_returned());
    assert_eq!(sent.ended(), Some(end.into()));
    assert_eq!(world.held_locks(), []);
    let snapshot = statistics(world, filter);
    assert_eq!(snapshot.in_flight, 0);
    assert_eq!(snapshot.counters.held_dropped, 0);
    for operation in policy::Operation::ALL {
        let counters = snapshot.counters.operation(operation);
        let ended = counters.completed_success + counters.completed_error;
        assert_eq!(counters.sent, ended, "{operation:?}");
        assert_eq!(counters.latency_ns.count(), ended, "{operation:?}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_is_sent_again_and_everything_is_as_it_was_unless_it_is_asked_for() {
    configured(&[("RetryBackoffMs", 0), ("RetryStatuses", 0xFFF)], |world| {
        let (_, filter) = world.add_filter();
        for request in requests() {
            for transient in TRANSIENT {
                world.answer_next(Answer::complete(transient.status));
                let sent = world.send(filter, request);
                assert_eq!(sent.returned(), Some(transient.status), "{request:?}");
                assert_eq!(sent.ended(), Some(transient.status.into()));
                arrival(world);
            }
        }
        assert_eq!(counted(world, filter), [0; 4]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_failure_that_passes_by_default_is_one_that_a_request_recovers_from() {
    for backoff_ms in [0, 1] {
        configured(&attempts(1, backoff_ms), |world| {
            let (_, filter) = world.add_filter();
            let mut count = 0;
            for request in requests() {
                for status in TRANSIENT_BY_DEFAULT {
                    for failure in [
                        Answer::complete(status),
                        Answer::pend_and_complete(with_information(status)),
                    ] {
                        world.answer_next(failure);
                        world.answer_next(Answer::Complete(with_information(STATUS_SUCCESS)));
                        let sent = world.send(filter, request);
                        world.advance(ms(2));
                        assert_ended(world, filter, &sent, with_information(STATUS_SUCCESS));
                        count += 1;
                        assert_eq!(world.arrived(), 2 * count, "{request:?}, {failure:?}");
                        assert_eq!(counted(world, filter), [count, count, 0, 0], "{request:?}, {failure:?}");
                    }
                }
            }
            // What was recovered from is no error.
            assert_eq!(statistics(world, filter).errors.total(), 0);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_no_such_failure_is_not_sent_again() {
    let settings = [("RetryAttempts", 8), ("RetryBackoffMs", 0), ("RetryStatuses", 0xFFF)];
    configured(&settings, |world| {
        let (_, filter) = world.add_filter();
        for request in requests() {
            for status in [
                STATUS_SUCCESS,
                STATUS_FT_WRITE_RECOVERY,
                STATUS_VERIFY_REQUIRED,
                STATUS_NO_SUCH_DEVICE,
                STATUS_CANCELLED,
            ] {
                world.answer_next(Answer::Complete(with_information(status)));
                let sent = world.send(filter, request);
                assert_ended(world, filter, &sent, with_information(status));
                arrival(world);
            }
        }
        assert_eq!(counted(world, filter), [0; 4]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn which_failures_count_is_what_the_mask_says_and_nothing_else() {
    for (bit, chosen) in TRANSIENT.iter().enumerate() {
        let settings = [("RetryAttempts", 1), ("RetryBackoffMs", 0), ("RetryStatuses", 1 << bit)];
        configured(&settings, |world| {
            let (_, filter) = world.add_filter();
            for transient in TRANSIENT {
                world.answer(Answer::complete(transient.status));
                let sent = world.send(filter, Request::read(0, 512));
                assert_ended(world, filter, &sent, transient.status);
                let expected = 1 + usize::from(transient == chosen);
                assert_eq!(world.take_arrivals().len(), expected, "{chosen:?}: {transient:?}");
            }
            assert_eq!(counted(world, filter), [1, 0, 1, 0]);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_control_and_a_flush_that_is_not_followed_are_not_sent_again() {
    let settings = [("RetryAttempts", 8), ("RetryBackoffMs", 0), ("FollowFlush", 0)];
    configured(&settings, |world| {
        let (_, filter) = world.add_filter();
        world.answer(Answer::complete(STATUS_DEVICE_BUSY));
        for major in [IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS] {
            let sent = world.send(filter, Request::new(major, 0));
            assert_eq!(sent.returned(), Some(STATUS_DEVICE_BUSY));
            arrival(world);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_is_sent_as_often_as_it_may_be_and_ends_with_what_was_said_last() {
    for limit in 1..=8 {
        for backoff_ms in [0, 1] {
            configured(&attempts(limit, backoff_ms), |world| {
                let (_, filter) = world.add_filter();
                for (index, request) in requests().into_iter().enumerate() {
                    for attempt in 0..limit {
                        world.answer_next(Answer::complete(TRANSIENT_BY_DEFAULT[attempt as usize % 3]));
                    }
                    let last = IoStatus::new(STATUS_IO_DEVICE_ERROR, 77);
                    world.answer_next(Answer::Complete(last));
                    let sent = world.send(filter, request);
                    world.advance(ms(1 << limit));
                    assert_ended(world, filter, &sent, last);
                    assert_eq!(world.take_arrivals().len() as u32, limit + 1, "{request:?}");
                    let index = index as u64 + 1;
                    assert_eq!(counted(world, filter), [index * u64::from(limit), 0, index, 0]);
                }
                let snapshot = statistics(world, filter);
                assert_eq!(snapshot.errors.total(), requests().len() as u64);
            });
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_retry_that_recovers_costs_its_attempts_and_its_back_off_and_nothing_more() {
    configured(&attempts(8, 10), |world| {
        let (_, filter) = world.add_filter();
        for request in requests() {
            // Each attempt takes 3 ms below, and the waits are 10, 20, 40 and so on.
            let (attempt, waits) = (3, [10, 20, 40, 80, 160, 320, 640, 1280]);
            for _ in waits {
                world.answer_next(Answer::complete_after(ms(attempt), STATUS_DEVICE_BUSY));
            }
            world.answer_next(Answer::complete_after(ms(attempt), STATUS_SUCCESS));
            let mut expected = vec![0];
            for wait in waits {
                expected.push(expected.last().unwrap() + attempt + wait);
            }
            let sendings = note_sendings(world);
            let sent = world.send(filter, request);
            let start = sendings.borrow()[0];
            assert_eq!(world.finish(&sent), STATUS_SUCCESS.into());
            let took = world.now() - start;
            assert_ended(world, filter, &sent, STATUS_SUCCESS);
            assert_instants(&sendings.borrow(), start, &expected);
            let whole = ms(expected.last().unwrap() + attempt);
            assert!(whole <= took && took <= whole + CALLS, "{took:?} and not {whole:?}");
            // The latency is that of the whole.
            let counters = statistics(world, filter).counters;
            let latency = [&counters.read, &counters.write, &counters.flush_buffers]
                .iter()
                .filter_map(|counters| counters.latency_ns.max())
                .map(|bucket| bucket.upper)
                .max();
            assert!(latency >= Some(whole.as_nanos() as u64), "{latency:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn no_sending_begins_after_the_deadline() {
    let settings = [("RetryAttempts", 8), ("RetryBackoffMs", 40), ("RetryDeadlineMs", 130)];
    for (attempt, expected) in [
        // 40 + 80 = 120 are within it, 120 + 160 are not.
        (0, &[0, 40, 120][..]),
        (1, &[0, 41, 122]),
        // At 130, had the calls taken no time; and what begins then would be too late.
        (5, &[0, 45]),
        (90, &[0]),
        (131, &[0]),
        (5_000, &[0]),
    ] {
        configured(&settings, |world| {
            let (_, filter) = world.add_filter();
            for (index, request) in (1..).zip(requests()) {
                world.answer(if attempt == 0 {
                    Answer::complete(STATUS_IO_TIMEOUT)
                } else {
                    Answer::complete_after(ms(attempt), STATUS_IO_TIMEOUT)
                });
                let sendings = note_sendings(world);
                let sent = world.send(filter, request);
                let start = sendings.borrow()[0];
                assert_eq!(world.finish(&sent), STATUS_IO_TIMEOUT.into());
                assert_instants(&sendings.borrow(), start, expected);
                assert_ended(world, filter, &sent, STATUS_IO_TIMEOUT);
                assert_eq!(counted(world, filter)[2], index);
            }
        });
    }
}

/// The IRP as it has to arrive for the next time: with nothing of the last, and registered anew.
fn expected_again(sent: &Sent, request: &Request, lower: Device, arrived: &[u8]) -> Vec<u8> {
    let mut expected = expected_below(sent, request, lower, arrived);
    let own = sent.location();
    // It was marked pending before the first sending.
    expected[own + stack_location::CONTROL] |= stack_location::SL_PENDING_RETURNED;
    let io_status = [0; 16];
    put(&mut expected, irp::IO_STATUS_STATUS, &io_status);
    expected
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_goes_down_again_byte_for_byte_as_the_first_time() {
    for backoff_ms in [0, 5] {
        configured(&attempts(3, backoff_ms), |world| {
            let (lower, filter) = world.add_filter();
            for request in requests() {
                let request = request.patterned();
                world.answer(Answer::Complete(with_information(STATUS_DEVICE_BUSY)));
                let sent = world.send(filter, request);
                world.advance(ms(50));
                let arrivals = world.take_arrivals();
                assert_eq!(arrivals.len(), 4, "{request:?}");
                for (number, arrival) in arrivals.into_iter().enumerate() {
                    let mut arrived = arrival.contents;
                    let mut expected = expected_again(&sent, &request, lower, &arrived);
                    let waited = number > 0 && (backoff_ms > 0 || request.major == IRP_MJ_FLUSH_BUFFERS);
                    if waited {
                        // What belongs to the driver that has the IRP: DriverContext and the list entry.
                        for words in [0x78..0x98, 0xA8..0xB8] {
                            expected[words.clone()].fill(0);
                            arrived[words].fill(0);
                        }
                    }
                    assert_eq!(arrived, expected, "{request:?}, sending {number}");
                }
            }
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_io_status_of_the_last_time_is_not_seen_below() {
    configured(&attempts(2, 0), |world| {
        let (_, filter) = world.add_filter();
        for request in requests() {
            world.answer(Answer::Complete(with_information(STATUS_IO_TIMEOUT)));
            world.send(filter, request.status(STATUS_DEVICE_NOT_READY));
            let io_status = |contents: &[u8]| contents[irp::IO_STATUS_STATUS..irp::IO_STATUS_STATUS + 16].to_vec();
            let mut came = vec![0; 16];
            came[..4].copy_from_slice(&STATUS_DEVICE_NOT_READY.to_le_bytes());
            let arrivals = world.take_arrivals();
            let found: Vec<_> = arrivals.iter().map(|arrival| io_status(&arrival.contents)).collect();
            assert_eq!(found, [came, vec![0; 16], vec![0; 16]], "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_flush_is_sent_by_a_thread_and_a_transfer_by_the_timer() {
    for backoff_ms in [0, 1] {
        configured(&attempts(3, backoff_ms), |world| {
            let (_, filter) = world.add_filter();
            for answer in [
                // Wherever it comes back: in the call, in a DPC.
                Answer::complete(STATUS_DEVICE_BUSY),
                Answer::pend_and_complete(STATUS_DEVICE_BUSY),
                Answer::complete_after(Duration::from_micros(100), STATUS_DEVICE_BUSY),
            ] {
                world.answer(answer);
                let sent = world.send(filter, flush());
                world.advance(ms(10));
                assert_ended(world, filter, &sent, STATUS_DEVICE_BUSY);
                let irqls: Vec<u8> = world.take_arrivals().iter().map(|arrival| arrival.irql).collect();
                assert_eq!(irqls, [0; 4], "{answer:?}");
            }
            world.answer(Answer::complete(STATUS_DEVICE_BUSY));
            world.send(filter, Request::read(0, 512));
            world.advance(ms(10));
            let irqls: Vec<u8> = world.take_arrivals().iter().map(|arrival| arrival.irql).collect();
            let at_once = backoff_ms == 0;
            assert_eq!(irqls[0], 0);
            // At once it is sent where it came back: within the call, by the thread that had sent it.
            assert!(at_once || irqls[1..] == [2; 3], "{irqls:?}");
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn where_it_cannot_be_registered_again_it_ends_with_what_was_said_last() {
    for backoff_ms in [0, 2] {
        configured(&attempts(4, backoff_ms), |world| {
            let (_, filter) = world.add_filter();
            let mut count = 0;
            for request in [Request::read(0, 512), Request::write(0, 512), flush()] {
                for registration in 0..=4 {
                    let failure = IoStatus::new(STATUS_IO_TIMEOUT, 5);
                    world.answer(Answer::Complete(failure));
                    world.fail_after(registration, "IoSetCompletionRoutineEx");
                    let sent = world.send(filter, request);
                    world.advance(ms(60));
                    assert_eq!(world.take_arrivals().len(), registration, "{request:?}");
                    if registration == 0 {
                        // The first one: as without retrying.
                        assert_eq!(sent.returned(), Some(STATUS_INSUFFICIENT_RESOURCES));
                        assert_eq!(sent.ended(), Some(STATUS_INSUFFICIENT_RESOURCES.into()));
                    } else {
                        assert_eq!(sent.returned(), Some(STATUS_PENDING));
                        assert_eq!(sent.ended(), Some(failure), "{request:?}, registration {registration}");
                        count += 1;
                    }
                    assert_eq!(world.held_locks(), []);
                    let [_, recovered, exhausted, refused] = counted(world, filter);
                    assert_eq!([recovered, exhausted, refused], [0, 0, count]);
                }
            }
            assert_eq!(statistics(world, filter).in_flight, 0);
            assert_eq!(statistics(world, filter).counters.refused, 3);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn paging_io_is_sent_again_without_any_allocation() {
    for backoff_ms in [0, 1] {
        configured(&attempts(8, backoff_ms), |world| {
            let (_, filter) = world.add_filter();
            for request in [Request::read(0, 4096).paging(), Request::write(0, 4096).paging()] {
                for request in [request, request.at_dispatch()] {
                    world.answer(Answer::complete(STATUS_DEVICE_NOT_READY));
                    world.take_calls();
                    let before = world.driver_pool();
                    let sent = world.send(filter, request);
                    world.advance(ms(300));
                    assert_ended(world, filter, &sent, STATUS_DEVICE_NOT_READY);
                    assert_eq!(world.take_arrivals().len(), 9);
                    assert_eq!(world.driver_pool(), before);
                    let allocates = |call: &Call| match call {
                        Call::IoSetCompletionRoutineEx { .. } | Call::ExAllocatePool2 { .. } => true,
                        Call::Other { function } => function.contains("Allocate"),
                        _ => false,
                    };
                    let calls = world.take_calls();
                    assert!(!calls.iter().any(allocates), "{calls:?}");
                }
            }
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_cancelled_is_not_sent_again() {
    configured(&attempts(8, 10), |world| {
        let (_, filter) = world.add_filter();
        for (index, request) in requests().into_iter().enumerate() {
            // While it waits, after each number of sendings.
            for sendings in 1..=3 {
                world.answer(Answer::complete(STATUS_DEVICE_BUSY));
                let sent = world.send(filter, request);
                world.advance(ms([5, 15, 35][sendings - 1]));
                assert_eq!(world.take_arrivals().len(), sendings, "{request:?}");
                assert_eq!(sent.ended(), None);
                assert!(world.cancel(&sent));
                assert_ended(world, filter, &sent, STATUS_CANCELLED);
                world.advance(ms(100));
                assert!(world.take_arrivals().is_empty());
            }
            // While it is below.
            world.answer(Answer::Pend);
            let sent = world.send(filter, request);
            world.complete(&sent, STATUS_DEVICE_BUSY);
            world.advance(ms(11));
            assert_eq!(world.take_arrivals().len(), 2);
            assert!(world.cancel(&sent));
            assert_ended(world, filter, &sent, STATUS_CANCELLED);
            // It was cancelled below, and the lower driver says something else.
            let sent = world.send(filter, request);
            world.take_arrivals();
            let cancel = Rc::new(RefCell::new(Some(sent.irp())));
            world.on_call(move |world, _, call| {
                // Between the completion and the decision.
                if let (Call::Other { function }, Some(irp)) = (call, *cancel.borrow())
                    && *function == "KeQueryUnbiasedInterruptTime"
                {
                    world.cancel_at(irp);
                }
            });
            world.complete(&sent, STATUS_DEVICE_BUSY);
            world.on_call(|_, _, _| ());
            world.advance(ms(100));
            let ended = sent.ended().expect("it ended").status;
            assert!([STATUS_DEVICE_BUSY, STATUS_CANCELLED].contains(&ended), "{ended:#x}");
            assert!(world.take_arrivals().is_empty(), "{request:?}, {index}");
        }
        let [_, recovered, exhausted, refused] = counted(world, filter);
        assert_eq!([recovered, exhausted, refused], [0; 3]);
        assert_eq!(statistics(world, filter).errors.total(), 5 * 5);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_was_cancelled_where_nobody_could_hear_of_it_is_not_sent_again() {
    for backoff_ms in [0, 5] {
        configured(&attempts(8, backoff_ms), |world| {
            let (_, filter) = world.add_filter();
            for request in requests() {
                // On its way down: the lower driver does not look.
                world.on_call(|world, moment, call| {
                    if let (Call::IofCallDriver { irp, .. }, Moment::Called) = (call, moment) {
                        world.cancel_at(*irp);
                    }
                });
                world.answer(Answer::Complete(FAILURE));
                let sent = world.send(filter, request);
                world.on_call(|_, _, _| ());
                assert_ended(world, filter, &sent, FAILURE);
                arrival(world);

                // When it has been taken out of the queue, and has not been sent yet.
                let sent = world.send(filter, request);
                let may_wait = sent.ended().is_none();
                world.take_arrivals();
                let irp = sent.irp();
                world.on_call(move |world, moment, call| {
                    if let (Call::Other { function }, Moment::Returned) = (call, moment)
                        && *function == "IoCsqRemoveNextIrp"
                    {
                        world.cancel_at(irp);
                    }
                });
                world.advance(ms(20));
                world.on_call(|_, _, _| ());
                if may_wait {
                    assert!(world.take_arrivals().is_empty(), "{request:?}");
                    assert_ended(world, filter, &sent, STATUS_CANCELLED);
                }
            }
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_of_several_that_wait_is_sent_when_it_is_due() {
    for request in requests() {
        configured(&attempts(1, 10), |world| {
            let (_, filter) = world.add_filter();
            let start = world.now();
            let sent = [0, 3, 3, 6].map(|after| {
                world.advance((start + ms(after)).saturating_sub(world.now()));
                world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
                world.send(filter, request)
            });
            let sendings = note_sendings(world);
            world.advance(ms(50));
            assert_instants(&sendings.borrow(), start, &[10, 13, 13, 16]);
            assert!(sent.iter().all(|sent| sent.ended() == Some(STATUS_SUCCESS.into())));
        });
    }
}

/// A request that fails twice below and then succeeds, and at one point of what the driver does for it has `interrupt` happen,
/// which gets the device and the IRP. Tells whether there is such a point.
///
/// There are two points to each of the driver's calls, in whatever thread or DPC, but for those with a spin lock held, where
/// whoever comes in between waits. The first is where the driver gets the remove lock.
fn send_and_at(
    world: &World,
    request: Request,
    point: usize,
    interrupt: impl Fn(&World, Device, Address) + 'static,
) -> (Device, Sent, bool) {
    let (_, filter) = world.add_filter();
    world.answer(Answer::complete_after(Duration::from_micros(50), FAILURE));
    let (irp, points, locks, sendings) = (Cell::new(None), Cell::new(0), Cell::new(0), Cell::new(0));
    let happened = Rc::new(Cell::new(false));
    let happens = Rc::clone(&happened);
    world.on_call(move |world, moment, call| {
        match (moment, call) {
            (Moment::Returned, Call::Other { function }) if *function == "KeAcquireSpinLockRaiseToDpc" => {
                locks.set(locks.get() + 1);
            }
            (Moment::Returned, Call::Other { function }) if *function == "KeReleaseSpinLock" => {
                locks.set(locks.get() - 1);
            }
            (Moment::Returned, Call::IoAcquireRemoveLockEx { tag, .. }) if irp.get().is_none() => irp.set(Some(*tag)),
            (Moment::Called, Call::IofCallDriver { irp: sent, .. }) if irp.get() == Some(*sent) => {
                sendings.set(sendings.get() + 1);
                if sendings.get() == 3 {
                    world.answer(Answer::complete(STATUS_SUCCESS));
                }
            }
            _ => {}
        }
        if let Some(irp) = irp.get()
            && locks.get() == 0
            && points.replace(points.get() + 1) == point
        {
            happens.set(true);
            interrupt(world, filter, irp);
        }
    });
    let sent = world.send(filter, request);
    world.advance(ms(20));
    world.on_call(|_, _, _| ());
    world.answer(Answer::complete(STATUS_SUCCESS));
    (filter, sent, happened.get())
}

/// Plays `scenario` at every point, each in a machine of its own with these settings, and expects that there are many. What
/// they gave.
fn at_every_point(settings: &[(&str, u32)], scenario: impl Fn(&World, usize) -> Option<NtStatus>) -> Vec<NtStatus> {
    let mut ends = Vec::new();
    loop {
        let played = driver().play_from_load(|world| {
            world.set_recording(false);
            load(world, settings);
            scenario(world, ends.len())
        });
        match played {
            Ok(Some(end)) => ends.push(end),
            Ok(None) => break,
            Err(error) => panic!("point {}: {error}", ends.len()),
        }
    }
    assert!(ends.len() >= 20, "there are only {} points", ends.len());
    ends
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_may_be_cancelled_at_every_point_and_ends_once() {
    for backoff_ms in [0, 2] {
        for request in [Request::read(0, 512), Request::write(0, 512).paging(), flush()] {
            let ends = at_every_point(&attempts(3, backoff_ms), |world, point| {
                let (filter, sent, happened) = send_and_at(world, request, point, |world, _, irp| {
                    world.cancel_at(irp);
                });
                let end = sent.ended().expect("it ended");
                assert_ended(world, filter, &sent, end);
                let [resent, recovered, exhausted, refused] = counted(world, filter);
                assert_eq!([exhausted, refused], [0; 2]);
                match end.status {
                    STATUS_SUCCESS => assert_eq!([resent, recovered], [2, 1]),
                    STATUS_CANCELLED => assert_eq!(end.information, 0),
                    // It was seen in time that nobody wants it any more.
                    _ => assert_eq!(end, FAILURE),
                }
                world.remove(filter);
                happened.then_some(end.status)
            });
            for end in [STATUS_CANCELLED, STATUS_SUCCESS] {
                assert!(ends.contains(&end), "{request:?}, {backoff_ms} ms: {ends:x?}");
            }
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_device_may_go_at_every_point_and_takes_nothing_with_it() {
    for backoff_ms in [0, 2] {
        for request in [Request::read(0, 512), Request::write(0, 512).paging(), flush()] {
            for removal in [Request::surprise_removal(), Request::remove_device()] {
                let ends = at_every_point(&attempts(3, backoff_ms), |world, point| {
                    let going = Rc::new(RefCell::new(None));
                    let gone = Rc::clone(&going);
                    let (filter, sent, happened) = send_and_at(world, request, point, move |world, filter, _| {
                        world.answer_next(Answer::complete(STATUS_SUCCESS));
                        *going.borrow_mut() = Some(world.send(filter, removal));
                    });
                    world.advance(ms(50));
                    if let Some(removal) = gone.take() {
                        assert!(removal.returned().is_some(), "it waits for what does not end");
                    }
                    let end = sent.ended().expect("it ended");
                    // What the lower driver said last, whichever time that was.
                    assert!(end == FAILURE || end == STATUS_SUCCESS.into(), "{end:x?}");
                    if filter.exists() {
                        assert_ended(world, filter, &sent, end);
                        world.send(filter, Request::remove_device());
                        world.advance(ms(1));
                    }
                    assert!(!filter.exists());
                    world.unload();
                    happened.then_some(end.status)
                });
                for end in [FAILURE.status, STATUS_SUCCESS] {
                    assert!(
                        ends.contains(&end),
                        "{request:?}, {removal:?}, {backoff_ms} ms: {ends:x?}"
                    );
                }
            }
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_waits_is_let_go_when_the_device_goes_and_nothing_waits_after_that() {
    for removal in [Request::surprise_removal(), Request::remove_device()] {
        configured(&attempts(3, 10), |world| {
            let (_, filter) = world.add_filter();
            let last = IoStatus::new(STATUS_DEVICE_BUSY, 9);
            world.answer(Answer::Complete(last));
            let waiting = requests().map(|request| world.send(filter, request));
            assert!(waiting.iter().all(|sent| sent.ended().is_none()));
            world.answer(Answer::complete(STATUS_SUCCESS));
            let removal = world.send(filter, removal);
            assert_eq!(removal.returned(), Some(STATUS_SUCCESS));
            for sent in &waiting {
                assert_eq!(sent.ended(), Some(last));
            }
            if filter.exists() {
                assert_eq!(counted(world, filter), [0; 4]);
                world.answer(Answer::Complete(last));
                for request in requests() {
                    let sent = world.send(filter, request);
                    assert_ended(world, filter, &sent, last);
                }
                world.answer(Answer::complete(STATUS_SUCCESS));
                world.send(filter, Request::remove_device());
            }
            let arrived = world.arrived();
            world.advance(ms(100));
            assert_eq!(world.arrived(), arrived);
            assert!(!filter.exists());
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_is_sent_again_while_the_device_is_stopped() {
    let settings = [("RetryAttempts", 3), ("RetryBackoffMs", 5), ("RetryDeadlineMs", 100)];
    configured(&settings, |world| {
        let (_, filter) = world.add_filter();
        let pnp = |minor| {
            world.answer_next(Answer::complete(STATUS_SUCCESS));
            let sent = world.send(filter, Request::new(IRP_MJ_PNP, minor));
            assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()));
            world.take_arrivals();
        };
        pnp(IRP_MN_START_DEVICE);
        for (stopped_for, end) in [(50, STATUS_SUCCESS), (200, STATUS_DEVICE_BUSY)] {
            let before = counted(world, filter);
            let sent = requests().map(|request| {
                world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
                world.send(filter, request)
            });
            world.take_arrivals();
            pnp(IRP_MN_STOP_DEVICE);
            world.advance(ms(stopped_for));
            assert!(world.take_arrivals().is_empty());
            assert!(sent.iter().all(|sent| sent.ended().is_none()));
            pnp(IRP_MN_START_DEVICE);
            world.advance(ms(1));
            let is_late = end != STATUS_SUCCESS;
            for sent in &sent {
                assert_ended(world, filter, sent, end);
            }
            // The deadline was passed meanwhile.
            let expected = if is_late { [0, 0, 5, 0] } else { [5, 5, 0, 0] };
            let after = counted(world, filter);
            assert_eq!([0, 1, 2, 3].map(|index| after[index] - before[index]), expected);
        }
        // And with none to wait: a failure that comes while it is stopped.
        pnp(IRP_MN_STOP_DEVICE);
        world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
        let sent = world.send(filter, Request::read(0, 512));
        world.take_arrivals();
        world.advance(ms(20));
        assert_eq!(sent.ended(), None);
        // A stopped device that is removed keeps nothing.
        world.send(filter, Request::remove_device());
        assert_eq!(sent.ended(), Some(STATUS_DEVICE_BUSY.into()));
        assert!(!filter.exists());
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn with_no_back_off_nothing_is_sent_again_while_the_device_is_stopped_either() {
    configured(&attempts(3, 0), |world| {
        let (_, filter) = world.add_filter();
        world.send(filter, Request::new(IRP_MJ_PNP, IRP_MN_STOP_DEVICE));
        for request in requests() {
            world.take_arrivals();
            world.answer_next(Answer::complete(STATUS_DEVICE_BUSY));
            let sent = world.send(filter, request);
            world.advance(ms(5));
            assert_eq!(world.take_arrivals().len(), 1);
            assert_eq!(sent.ended(), None);
        }
        world.send(filter, Request::new(IRP_MJ_PNP, IRP_MN_START_DEVICE));
        world.advance(ms(1));
        assert_eq!(counted(world, filter), [5, 5, 0, 0]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_due_first_is_sent_first_whenever_it_came() {
    configured(&attempts(4, 10), |world| {
        let (_, filter) = world.add_filter();
        world.answer(Answer::complete(STATUS_DEVICE_BUSY));
        // Sent again at 10 and 30, due at 70.
        let first = world.send(filter, Request::read(0, 512));
        world.advance(ms(40));
        // Due at 50.
        let second = world.send(filter, Request::read(0, 512));
        world.take_arrivals();
        world.answer(Answer::complete(STATUS_SUCCESS));
        world.advance(ms(15));
        assert_eq!(arrival(world).irp, second.irp());
        assert_eq!((first.ended(), second.ended()), (None, Some(STATUS_SUCCESS.into())));
        world.advance(ms(20));
        assert_eq!(arrival(world).irp, first.irp());
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_thousand_that_are_due_together_are_all_sent_and_never_hold_the_processor_for_long() {
    configured(&attempts(1, 10), |world| {
        world.set_recording(false);
        let (_, filter) = world.add_filter();
        world.answer(Answer::Pend);
        let transfers = [Request::read(0, 512), Request::write(0, 512).paging(), flush()];
        let counts = [SLOTS - 24, SLOTS_OF_PAGING, 24];
        let mut sent = Vec::new();
        for (request, count) in transfers.into_iter().zip(counts) {
            sent.extend((0..count).map(|_| world.send(filter, request)));
        }
        for request in &sent {
            world.complete(request, STATUS_DEVICE_BUSY);
        }
        assert_eq!(statistics(world, filter).in_flight, sent.len() as u64);
        world.answer(Answer::complete(STATUS_SUCCESS));
        let flushes: Vec<_> = sent[SLOTS - 24 + SLOTS_OF_PAGING..].iter().map(Sent::irp).collect();
        // How many transfers are sent until the timer is set anew. The work item runs on the other processor meanwhile.
        let runs = Rc::new(RefCell::new(vec![0_usize]));
        let counting = Rc::clone(&runs);
        world.on_call(move |_, moment, call| match (moment, call) {
            (Moment::Called, Call::IofCallDriver { irp, .. }) if !flushes.contains(irp) => {
                *counting.borrow_mut().last_mut().unwrap() += 1;
            }
            (Moment::Called, Call::Other { function }) if *function == "KeSetTimer" => counting.borrow_mut().push(0),
            _ => {}
        });
        world.advance(ms(40));
        world.on_call(|_, _, _| ());
        for request in &sent {
            assert_eq!(request.ended(), Some(STATUS_SUCCESS.into()));
        }
        let runs = runs.borrow();
        assert_eq!(runs.iter().sum::<usize>(), sent.len() - 24);
        assert!(runs.iter().all(|run| *run <= SENT_BY_ONE_DPC_MAX), "{runs:?}");
        let total = sent.len() as u64;
        assert_eq!(counted(world, filter), [total, total, 0, 0]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_slot_is_free_again_however_the_requests_ended() {
    configured(&attempts(2, 1), |world| {
        world.set_recording(false);
        let (_, filter) = world.add_filter();
        for round in 0..2 * SLOTS {
            world.answer(Answer::complete(STATUS_DEVICE_BUSY));
            let request = [Request::read(0, 512), Request::write(0, 512).paging(), flush()][round % 3];
            if round % 5 == 0 && round % 3 != 1 {
                world.fail_after(1, "IoSetCompletionRoutineEx");
            }
            let sent = world.send(filter, request);
            if round % 7 == 0 && round % 5 != 0 {
                assert!(world.cancel(&sent));
            } else {
                world.finish(&sent);
            }
        }
        let counters = statistics(world, filter).counters;
        assert_eq!((counters.untracked, counters.reserve_empty), (0, 0));
        // One more than there are is not followed.
        world.answer(Answer::Pend);
        for _ in 0..=SLOTS {
            world.send(filter, Request::read(0, 512));
        }
        assert_eq!(statistics(world, filter).counters.untracked, 1);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_without_a_slot_or_a_stack_location_passes_and_is_not_sent_again() {
    configured(&attempts(8, 0), |world| {
        let (_, filter) = world.add_filter();
        world.answer(Answer::complete(STATUS_DEVICE_BUSY));
        for request in requests() {
            let sent = world.send(filter, request.in_last_location());
            assert_eq!(sent.returned(), Some(STATUS_DEVICE_BUSY));
            arrival(world);
        }
        assert_eq!(counted(world, filter), [0; 4]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn settings_that_are_no_good_are_as_if_they_were_not_there() {
    // Nine attempts are none; with no time at all, or none that counts, there is the default's.
    for (settings, arrivals) in [
        (&[("RetryAttempts", 9)][..], 1),
        (&[("RetryAttempts", u32::MAX)], 1),
        (&[("RetryAttempts", 2), ("RetryDeadlineMs", 0)], 3),
        (&[("RetryAttempts", 2), ("RetryDeadlineMs", 600_001)], 3),
        (&[("RetryAttempts", 2), ("RetryBackoffMs", 10_001)], 3),
        (&[("RetryAttempts", 2), ("RetryStatuses", 0x1000)], 3),
        (&[("RetryAttempts", 2), ("RetryStatuses", 0)], 1),
    ] {
        configured(settings, |world| {
            let (_, filter) = world.add_filter();
            world.answer(Answer::complete(STATUS_DEVICE_BUSY));
            let sent = world.send(filter, Request::read(0, 512));
            assert_eq!(world.finish(&sent), STATUS_DEVICE_BUSY.into());
            assert_eq!(world.take_arrivals().len(), arrivals, "{settings:?}");
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_rules_are_kept_with_retrying_in_every_scenario() {
    for scenario in ["mixed", "paging", "cancel", "lifecycle", "power", "media"] {
        for backoff_ms in [0, 1] {
            let lab = attempts(3, backoff_ms)
                .into_iter()
                .fold(driver(), |lab, (name, value)| lab.parameter(name, value));
            let report = lab.scenario(scenario).seeds(1..=25).run();
            let report = report.unwrap_or_else(|error| panic!("{error}"));
            report.assert_clean();
            assert!(report.warnings.is_empty(), "{scenario}: {:?}", report.warnings);
        }
    }
}
