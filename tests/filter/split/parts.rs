//! What the parts are like, and what becomes of the data; and what is not divided.

use std::time::Duration;

use lab::{
    script::{Address, Answer, IoStatus, LowerDevice, Request},
    status::{STATUS_PENDING, STATUS_SUCCESS},
};

use super::{Below, MOST, below, ended, lab_with, pattern, play_on, play_with, split_counters, transfer, watch};
use crate::{
    layout::{irp, stack_location},
    statistics::statistics,
    support::{arrival, driver, expected_below, pointer, put, with_information},
};

const DO_BUFFERED_IO: u32 = 0x4;
const DO_DIRECT_IO: u32 = 0x10;
/// Where the transfers begin on the medium.
const START: usize = 0x3000;
const MEDIUM: usize = 0x20000;
/// Where the buffers begin in their page: where no disk minds, and no page begins.
const IN_PAGE: usize = 0x120;

/// What moves, and how: by windows, by ways of completing, by lengths, direct and buffered, paging and not.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_byte_gets_where_it_belongs_and_no_other_is_touched() {
    for buffered in [false, true] {
        for window in [1, 2, 8, 32] {
            let like = LowerDevice {
                flags: if buffered { DO_BUFFERED_IO } else { DO_DIRECT_IO },
                ..LowerDevice::default()
            };
            play_on(&lab_with(window), like, |world, filter| {
                let mut sent_so_far = 0;
                for answer in [Answer::Transfer, Answer::PendAndTransfer] {
                    for length in [MOST + 1, MOST + 512, 2 * MOST, 5 * MOST, 9 * MOST + 1536] {
                        for (is_write, paging, at_dispatch) in
                            (0..8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0))
                        {
                            world.answer(answer);
                            let medium = pattern(MEDIUM, length);
                            world.set_medium(medium.clone());
                            let memory = pattern(length + 2 * MOST, 7 * length);
                            let block = world.new_buffer(&memory);
                            let buffer = Address(block.0 + IN_PAGE);
                            let mut request = transfer(is_write, START, length);
                            request = if buffered {
                                request.in_buffer(buffer)
                            } else {
                                request.of(world.new_mdl_of(buffer, length))
                            };
                            request = if paging { request.paging() } else { request };
                            request = if at_dispatch { request.at_dispatch() } else { request };
                            world.take_calls();

                            let sent = world.send(filter, request);

                            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, length));
                            let (mut expected_medium, mut expected_memory) = (medium.clone(), memory.clone());
                            if is_write {
                                expected_medium[START..START + length]
                                    .copy_from_slice(&memory[IN_PAGE..IN_PAGE + length]);
                            } else {
                                expected_memory[IN_PAGE..IN_PAGE + length]
                                    .copy_from_slice(&medium[START..START + length]);
                            }
                            assert!(world.medium() == expected_medium, "the medium, {request:?}");
                            assert!(
                                world.memory(block, memory.len()) == expected_memory,
                                "the memory, {request:?}"
                            );
                            let parts = below(world);
                            let mut at = 0;
                            for part in &parts {
                                assert_eq!(part.offset, START + at);
                                assert_eq!(part.length, MOST.min(length - at));
                                at += part.length;
                            }
                            assert_eq!(at, length);
                            sent_so_far += parts.len() as u64;
                        }
                    }
                }
                let [parallel, serial, parts, waited, whole] = split_counters(world, filter);
                let both = if window == 1 { (0, 80) } else { (80, 0) };
                assert_eq!((parallel, serial), both);
                assert_eq!((parts, waited, whole), (sent_so_far, 0, 0));
                let counters = statistics(world, filter).counters;
                for operation in [&counters.read, &counters.write] {
                    assert_eq!((operation.sent, operation.completed_success), (40, 40));
                    assert_eq!(operation.bytes_requested, operation.bytes_transferred);
                    assert_eq!(operation.latency_ns.count(), 40);
                }
            });
        }
    }
}

/// What a part has of the request, and what it has not.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_part_of_its_own_carries_what_the_drivers_below_go_by() {
    play_with(8, |world, filter| {
        let key = 0x1234_5678;
        for (is_write, paging) in [(false, false), (true, false), (false, true), (true, true)] {
            let mdl = world.new_mdl(&pattern(3 * MOST, 1));
            let mut request = transfer(is_write, START, 2 * MOST + 512).of(mdl).patterned();
            request.parameters[1] = key;
            // IRP_ASSOCIATED_IRP and others that are for whoever completes the request.
            request.flags = 0x8 | 0x10 | 0x20 | 0x40 | if paging { 0x3 } else { 0x1 };
            world.answer(Answer::Pend);
            let sent = world.send(filter, request);
            let contents = sent.contents();
            let location = sent.location();
            let parts = below(world);
            assert_eq!(parts.len(), 3);
            for (number, part) in parts.iter().enumerate() {
                assert_ne!(part.irp, sent.irp());
                let length = if number == 2 { 512 } else { MOST };
                let expected = Below {
                    irp: part.irp,
                    major: request.major,
                    flags: contents[location + stack_location::FLAGS],
                    key: key as u32,
                    length,
                    offset: START + number * MOST,
                    irp_flags: part.irp_flags & !0xFFFF | request.flags & 0x3,
                    thread: pointer(contents, irp::THREAD),
                    system_buffer: Address::default(),
                    mdl: part.mdl,
                    stack_count: 1,
                    has_cancel_routine: false,
                };
                assert_eq!(*part, expected);
                // Above what is documented, the priority hint, which is Normal where a request has none.
                assert_eq!(part.irp_flags >> 17, 3);
                let described = part.mdl.expect("the device does direct I/O");
                assert_ne!(described.address, mdl.address);
                assert_eq!(
                    (described.buffer.0, described.bytes),
                    (mdl.buffer.0 + number * MOST, length)
                );
            }
            // The request itself is here, and can be cancelled.
            assert_ne!(pointer(&sent.contents_now(), irp::CANCEL_ROUTINE), Address::default());
            for part in parts {
                world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, part.length));
            }
            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, 2 * MOST + 512));
        }
    });
}

/// The request itself as the lower driver gets it for each part: nothing is another but what has to be.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_sent_for_each_part_is_changed_where_it_must_be_and_is_put_back() {
    play_with(1, |world, filter| {
        for (is_write, paging) in [(false, false), (true, false), (false, true), (true, true)] {
            let mdl = world.new_mdl(&pattern(3 * MOST, 1));
            let mut request = transfer(is_write, START, 2 * MOST + 512).of(mdl).patterned();
            request.parameters[1] = 0x77;
            request.flags = if paging { 0x3 } else { 0x1 };
            let completions = watch(world, 3);
            world.answer(Answer::Pend);
            let sent = world.send(filter, request);
            for number in 0..3 {
                let arrived = arrival(world);
                let length = if number == 2 { 512 } else { MOST };
                let mut expected = expected_below(&sent, &request, arrived.device, &arrived.contents);
                let next = sent.location() - stack_location::BYTES;
                put(
                    &mut expected,
                    next + stack_location::LENGTH,
                    &(length as u32).to_le_bytes(),
                );
                let offset = START + number * MOST;
                put(&mut expected, next + stack_location::BYTE_OFFSET, &offset.to_le_bytes());
                let part = arrived.mdl.expect("the device does direct I/O");
                assert_ne!(part.address, mdl.address);
                assert_eq!((part.buffer.0, part.bytes), (mdl.buffer.0 + number * MOST, length));
                put(&mut expected, irp::MDL_ADDRESS, &part.address.0.to_le_bytes());
                // Marked pending before it was sent.
                expected[sent.location() + stack_location::CONTROL] |= stack_location::SL_PENDING_RETURNED;
                expected[irp::PENDING_RETURNED] = arrived.contents[irp::PENDING_RETURNED];
                assert_eq!(arrived.contents, expected, "part {number}");
                assert_eq!(arrived.irp, sent.irp());
                world.complete_at(sent.irp(), IoStatus::new(STATUS_SUCCESS, length));
            }
            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, 2 * MOST + 512));
            completions.check_restored(&sent);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn there_are_never_more_parts_below_than_the_window_has_room_for() {
    for window in [1, 2, 3, 8, 32] {
        play_with(window, |world, filter| {
            let mdl = world.new_mdl(&pattern(40 * MOST, 1));
            world.answer(Answer::Pend);
            let sent = world.send(filter, Request::read(0, 40 * MOST as u32).of(mdl));
            let mut pending = below(world);
            assert_eq!(pending.len(), window as usize);
            let mut done = 0;
            while !pending.is_empty() {
                // From somewhere in the middle.
                let part = pending.remove(7 * done % pending.len());
                world.complete_at(part.irp, IoStatus::new(STATUS_SUCCESS, part.length));
                done += 1;
                pending.extend(below(world));
                assert_eq!(pending.len(), (window as usize).min(40 - done));
            }
            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, 40 * MOST));
        });
    }
}

/// However fast the lower driver is: a part that took the stack of the one before it would overrun it long before the end.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_thousand_parts_that_are_completed_at_once_make_no_recursion() {
    const LENGTH: usize = 4 * 1024 * 1024;
    for window in [1, 8, 32] {
        for answer in [Answer::Transfer, Answer::PendAndTransfer] {
            play_with(window, |world, filter| {
                world.set_recording(false);
                let data = pattern(LENGTH, 3);
                world.set_medium(vec![0; LENGTH]);
                world.answer(answer);
                for paging in [false, true] {
                    let request = Request::write(0, LENGTH as u32).of(world.new_mdl(&data));
                    let request = if paging { request.paging() } else { request };
                    let sent = world.send(filter, request);
                    assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, LENGTH));
                    assert!(world.medium() == data);
                }
            });
        }
    }
}

/// What the window is for: with a device that takes a millisecond for each part, in the lab's own time.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_window_of_eight_takes_an_eighth_of_the_time() {
    const LENGTH: usize = 64 * MOST;
    let took = |window| {
        let lab = lab_with(window);
        let played = lab.play(|world| {
            let (_, filter) = world.add_filter();
            world.answer(Answer::CompleteAfter(
                Duration::from_millis(1),
                IoStatus::new(STATUS_SUCCESS, MOST),
            ));
            let begun = world.now();
            let end = world.carry_out(
                filter,
                Request::read(0, LENGTH as u32).of(world.new_mdl(&pattern(LENGTH, 1))),
            );
            assert_eq!(end, IoStatus::new(STATUS_SUCCESS, LENGTH));
            (world.now() - begun).as_micros() as u64
        });
        played.unwrap_or_else(|error| panic!("{error}"))
    };
    let (serial, parallel) = (took(1), took(8));
    assert!((64_000..66_000).contains(&serial), "{serial} us");
    assert!((8_000..9_000).contains(&parallel), "{parallel} us");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_short_enough_is_followed_as_ever() {
    play_with(8, |world, filter| {
        for length in [0, 512, MOST] {
            let mdl = world.new_mdl(&pattern(MOST, 1));
            for request in [
                Request::read(0, length as u32),
                Request::write(0, length as u32).paging(),
            ] {
                let request = request.of(mdl);
                world.answer_next(Answer::Complete(with_information(STATUS_SUCCESS)));
                let sent = world.send(filter, request);
                let arrived = arrival(world);
                let expected = expected_below(&sent, &request, arrived.device, &arrived.contents);
                assert_eq!(arrived.contents, expected);
                assert_eq!(sent.returned(), Some(STATUS_SUCCESS));
            }
        }
        assert_eq!(split_counters(world, filter), [0; 5]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_is_divided_where_nobody_asked_for_it() {
    play_on(&driver(), LowerDevice::default(), |world, filter| {
        let length = 1024 * MOST;
        world.answer_next(Answer::Transfer);
        let sent = world.send(filter, Request::read(0, length as u32));
        assert_eq!(sent.ended(), Some(IoStatus::new(STATUS_SUCCESS, length)));
        assert_eq!(below(world).len(), 1);
        assert_eq!(split_counters(world, filter), [0; 5]);
    });
}

/// What has no parts that could be made is for the device to refuse, as it came, and is counted.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_cannot_be_divided_is_sent_whole_and_counted() {
    for flags in [0, DO_DIRECT_IO, DO_BUFFERED_IO] {
        for window in [1, 8] {
            let like = LowerDevice {
                flags,
                ..LowerDevice::default()
            };
            play_on(&lab_with(window), like, |world, filter| {
                let long = Request::read(0, 2 * MOST as u32);
                let mdl = world.new_mdl(&pattern(2 * MOST, 1));
                let buffer = world.new_buffer(&pattern(2 * MOST, 1));
                let at = |offset: i64| Request {
                    parameters: [2 * MOST, 0, offset.cast_unsigned() as usize, 0],
                    ..if flags == DO_BUFFERED_IO {
                        long.in_buffer(buffer)
                    } else {
                        long.of(mdl)
                    }
                };
                // Offsets that mean something else, or are none.
                let mut requests = vec![
                    long,
                    at(-1),
                    at(-2),
                    at(i64::MIN),
                    at(i64::MAX),
                    at(i64::MAX - 2 * MOST as i64 + 1),
                ];
                requests.push(at(0).in_last_location());
                match flags {
                    0 => requests.extend([long.of(mdl), long.in_buffer(buffer)]),
                    DO_BUFFERED_IO => requests.push(long.of(mdl)),
                    _ => {
                        let first = world.new_mdl(&pattern(MOST, 1));
                        world.chain(first, world.new_mdl(&pattern(MOST, 1)));
                        let short = world.new_mdl(&pattern(2 * MOST - 1, 1));
                        let chain_of_long = world.new_mdl(&pattern(2 * MOST, 1));
                        world.chain(chain_of_long, world.new_mdl(&pattern(1, 1)));
                        requests.extend([first, short, chain_of_long].map(|mdl| long.of(mdl)));
                        requests.push(long.in_buffer(buffer));
                    }
                }
                for (number, request) in requests.iter().enumerate() {
                    for request in [*request, request.paging()] {
                        world.answer_next(Answer::Complete(with_information(STATUS_SUCCESS)));
                        let sent = world.send(filter, request);
                        let arrived = arrival(world);
                        let expected = if request.last_location {
                            sent.passed_to(arrived.device)
                        } else {
                            expected_below(&sent, &request, arrived.device, &arrived.contents)
                        };
                        assert_eq!(arrived.contents, expected, "{request:?}");
                        assert_eq!(sent.ended(), Some(with_information(STATUS_SUCCESS)), "{request:?}");
                        assert_ne!(sent.returned(), Some(STATUS_PENDING));
                    }
                    assert_eq!(split_counters(world, filter), [0, 0, 0, 0, 2 * (number as u64 + 1)]);
                }
                // The last offset that there is.
                world.answer(Answer::Transfer);
                let last = world.send(filter, at(i64::MAX - 2 * MOST as i64));
                if flags == 0 {
                    assert_eq!(below(world).len(), 1);
                } else {
                    assert_eq!(ended(&last), IoStatus::new(STATUS_SUCCESS, 2 * MOST));
                    assert_eq!(below(world).len(), 2);
                }
            });
        }
    }
}
