//! Special files: notifications of every kind, nested and refused below, against a plain account of what is on the device;
//! and the question whether the device can go, at every point of a notification.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use lab::{
    script::{Answer, Device, IoStatus, LowerDevice, Request, Sent, UsageType, World},
    status::{STATUS_SUCCESS, STATUS_UNSUCCESSFUL, nt_success},
};

use crate::{Chance, IRP_MJ_PNP, driver, play};

const START_DEVICE: u8 = 0x00;
const QUERY_REMOVE_DEVICE: u8 = 0x01;
const QUERY_STOP_DEVICE: u8 = 0x05;
const QUERY_PNP_DEVICE_STATE: u8 = 0x14;
const PNP_DEVICE_NOT_DISABLEABLE: usize = 0x20;
const DO_DIRECT_IO: u32 = 0x10;
const DO_POWER_PAGABLE: u32 = 0x2000;

/// Paging, hibernation and dump files, and what is none: the last two.
const KINDS: [UsageType; 5] = [
    UsageType::Paging,
    UsageType::Hibernation,
    UsageType::Dump,
    UsageType::Boot,
    UsageType::Unknown,
];
const FILES: std::ops::Range<usize> = 0..3;
const NEEDED: std::ops::Range<usize> = 0..4;

fn pnp(minor: u8) -> Request {
    Request::new(IRP_MJ_PNP, minor)
}

/// A pagable device that is started, and the filter on it.
fn started(world: &World) -> (Device, Device) {
    let lower = world.new_device(LowerDevice {
        flags: DO_DIRECT_IO | DO_POWER_PAGABLE,
        ..LowerDevice::default()
    });
    assert_eq!(world.add_device(lower), STATUS_SUCCESS);
    let filter = lower.top_of_stack();
    assert_eq!(world.carry_out(filter, pnp(START_DEVICE)), STATUS_SUCCESS.into());
    (lower, filter)
}

/// What the device says to whoever asks is what is on it.
#[track_caller]
fn assert_account(world: &World, filter: Device, files: &[u32; 5]) {
    let on_it = |kinds: std::ops::Range<usize>| files[kinds].iter().any(|count| *count > 0);
    let agreed = if on_it(FILES) {
        STATUS_UNSUCCESSFUL
    } else {
        STATUS_SUCCESS
    };
    for query in [QUERY_REMOVE_DEVICE, QUERY_STOP_DEVICE] {
        assert_eq!(world.carry_out(filter, pnp(query)).status, agreed, "{files:?}");
    }
    world.answer_next(Answer::complete(STATUS_SUCCESS));
    let answered = world.carry_out(filter, pnp(QUERY_PNP_DEVICE_STATE));
    let told = answered.information & PNP_DEVICE_NOT_DISABLEABLE != 0;
    assert_eq!(told, on_it(NEEDED), "{files:?}");
    let is_pagable = filter.flags() & DO_POWER_PAGABLE != 0;
    assert_eq!(is_pagable, !on_it(FILES), "{files:?}");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn files_that_come_and_go_and_are_refused_leave_the_account_right() {
    for seed in 0..12 {
        play(|world| {
            world.set_recording(false);
            let (lower, filter) = started(world);
            let mut chance = Chance(seed);
            let mut files = [0; 5];
            let mut invalidated = false;
            for _ in 0..60 {
                let kind = chance.below(KINDS.len());
                let comes = files[kind] == 0 || chance.below(2) == 0;
                let status = chance.of(&[STATUS_SUCCESS, STATUS_SUCCESS, STATUS_UNSUCCESSFUL]);
                world.answer_next(chance.of(&[Answer::complete(status), Answer::pend_and_complete(status)]));
                assert_eq!(world.usage(filter, KINDS[kind], comes), status);
                let was_needed = files[NEEDED].iter().any(|count| *count > 0);
                if nt_success(status) {
                    files[kind] = if comes { files[kind] + 1 } else { files[kind] - 1 };
                }
                let is_needed = files[NEEDED].iter().any(|count| *count > 0);
                let asks = world.take_invalidated_state(lower);
                assert_eq!(asks, was_needed != is_needed, "{files:?}");
                invalidated |= asks;
                assert_account(world, filter, &files);
            }
            assert!(invalidated);
            world.surprise_remove(filter);
            world.unload();
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn notifications_at_once_are_counted_whatever_becomes_of_each() {
    for seed in 0..8 {
        play(|world| {
            let (_, filter) = started(world);
            let mut chance = Chance(seed);
            let mut files = [0; 5];
            for kind in 0..4 {
                assert_eq!(world.usage(filter, KINDS[kind], true), STATUS_SUCCESS);
                files[kind] = 1;
            }
            world.take_arrivals();
            world.answer(Answer::Pend);
            // Each kind comes once and goes once, in any order: they end in the order of their turns.
            let mut sent: Vec<(usize, bool, Sent)> = (0..8)
                .map(|index| {
                    let (kind, comes) = (index % 4, index < 4);
                    (kind, comes, world.send(filter, Request::usage(KINDS[kind], comes)))
                })
                .collect();
            while !sent.is_empty() {
                let arrivals = world.take_arrivals();
                assert_eq!(arrivals.len(), 1, "one is below at a time");
                let below = sent.iter().position(|(_, _, sent)| sent.irp() == arrivals[0].irp);
                let (kind, comes, notification) = sent.remove(below.expect("it is one of them"));
                let status = chance.of(&[STATUS_SUCCESS, STATUS_UNSUCCESSFUL]);
                world.complete(&notification, status);
                assert_eq!(notification.ended(), Some(status.into()));
                match (nt_success(status), comes) {
                    (true, true) => files[kind] += 1,
                    (true, false) => files[kind] -= 1,
                    _ => {}
                }
            }
            world.answer(Answer::complete(STATUS_SUCCESS));
            assert_account(world, filter, &files);
            world.surprise_remove(filter);
            world.unload();
        });
    }
}

/// Whether the device may go, asked at every point of a notification: what the answer is before the drivers below hear of it,
/// and from then on until they have answered.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_is_not_let_go_at_any_point_between_a_notification_and_its_end() {
    for (comes, query) in [
        (true, QUERY_REMOVE_DEVICE),
        (true, QUERY_STOP_DEVICE),
        (false, QUERY_REMOVE_DEVICE),
        (false, QUERY_STOP_DEVICE),
    ] {
        for status in [STATUS_SUCCESS, STATUS_UNSUCCESSFUL] {
            let played = driver().play_at_every_point(|world, point| {
                world.set_recording(false);
                let (_, filter) = started(world);
                if !comes {
                    assert_eq!(world.usage(filter, UsageType::Dump, true), STATUS_SUCCESS);
                }
                let asked: Rc<RefCell<Option<(bool, IoStatus)>>> = Rc::default();
                let asks = Rc::clone(&asked);
                let ended = Rc::new(Cell::new(false));
                let end = Rc::clone(&ended);
                // It is below from when it has arrived there, until it is completed.
                let before = world.arrived();
                world.answer_next(Answer::Pend);
                point.interrupt(world, move |world| {
                    let is_below = world.arrived() > before;
                    world.answer_next(Answer::complete(STATUS_SUCCESS));
                    let sent = world.send(filter, pnp(query));
                    if !is_below && sent.ended().is_none() {
                        // It took the notification's answer.
                        world.complete(&sent, STATUS_SUCCESS);
                    }
                    let answer = sent.ended().expect("queries are not held up");
                    *asks.borrow_mut() = Some((is_below && !end.get(), answer));
                });
                let sent = world.send(filter, Request::usage(UsageType::Dump, comes));
                if sent.ended().is_none() {
                    ended.set(true);
                    world.complete(&sent, status);
                }
                point.end(world);
                if let Some((true, answer)) = *asked.borrow() {
                    assert_eq!(answer.status, STATUS_UNSUCCESSFUL);
                }
                let told = sent.ended().expect("it was completed").status;
                let files = u32::from(comes == nt_success(told));
                assert_account(world, filter, &[0, 0, files, 0, 0]);
                world.surprise_remove(filter);
                world.unload();
            });
            let points = played.unwrap_or_else(|error| panic!("{comes} {query}: {error}")).len();
            assert!(points > 8, "{points}");
        }
    }
}
