//! READs and WRITEs that are longer than the device takes, carried out by parts.

mod again;
mod memory;
mod outcomes;
mod parts;
mod stopping;

use std::{cell::RefCell, rc::Rc};

use lab::{
    Lab,
    script::{Address, Answer, Arrival, Call, Device, IoStatus, LowerDevice, Mdl, Moment, Request, Sent, World},
    status::{STATUS_PENDING, STATUS_SUCCESS},
};
use policy::Harden;

use crate::{
    layout::{irp, stack_location},
    statistics::statistics,
    support::{driver, pointer},
};

/// How much the device takes at once.
const MOST: usize = 4_096;

/// The driver with a window of so many parts.
fn lab_with(window: u32) -> Lab<'static> {
    driver()
        .parameter("MaxTransferBytes", MOST as u32)
        .parameter("SplitWindow", window)
}

/// Plays a script on a device, and sees that nothing is left of the driver when it has been removed.
#[track_caller]
fn play_with(window: u32, script: impl FnOnce(&World, Device)) {
    play_on(&lab_with(window), LowerDevice::default(), script);
}

/// As [`play_with`], on a device that is not like the usual one.
#[track_caller]
fn play_on(lab: &Lab<'_>, like: LowerDevice, script: impl FnOnce(&World, Device)) {
    let played = lab.play(|world| {
        let lower = world.new_device(like);
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        let filter = lower.top_of_stack();
        script(world, filter);
        world.answer(Answer::complete(STATUS_SUCCESS));
        if filter.exists() {
            let snapshot = statistics(world, filter);
            assert_eq!(snapshot.in_flight, 0);
            world.remove(filter);
        }
        world.unload();
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}

/// Bytes that are another at each place.
fn pattern(count: usize, seed: usize) -> Vec<u8> {
    (0..count).map(|at| ((at + seed) * 131 % 251) as u8).collect()
}

/// What hardening was counted as.
#[track_caller]
fn counted(world: &World, filter: Device, what: Harden) -> u64 {
    *statistics(world, filter).counters.harden(what)
}

/// The counters of split requests: parallel, serial, parts, waited, whole.
#[track_caller]
fn split_counters(world: &World, filter: Device) -> [u64; 5] {
    [
        Harden::SplitParallel,
        Harden::SplitSerial,
        Harden::PartSent,
        Harden::WaitedForReserve,
        Harden::SentWhole,
    ]
    .map(|what| counted(world, filter, what))
}

/// A part as the lower driver got it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Below {
    irp: Address,
    major: u8,
    flags: u8,
    key: u32,
    length: usize,
    offset: usize,
    irp_flags: u32,
    thread: Address,
    system_buffer: Address,
    mdl: Option<Mdl>,
    stack_count: u8,
    has_cancel_routine: bool,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

impl From<Arrival> for Below {
    fn from(arrival: Arrival) -> Self {
        let Arrival {
            irp: address,
            contents,
            mdl,
            ..
        } = arrival;
        let location = pointer(&contents, irp::CURRENT_STACK_LOCATION).0 - address.0;
        let at = |field| location + field;
        Self {
            irp: address,
            major: contents[location],
            flags: contents[at(stack_location::FLAGS)],
            key: word(&contents, at(stack_location::KEY)),
            length: word(&contents, at(stack_location::LENGTH)) as usize,
            offset: pointer(&contents, at(stack_location::BYTE_OFFSET)).0,
            irp_flags: word(&contents, irp::FLAGS),
            thread: pointer(&contents, irp::THREAD),
            system_buffer: pointer(&contents, irp::SYSTEM_BUFFER),
            mdl,
            stack_count: contents[irp::STACK_COUNT],
            has_cancel_routine: pointer(&contents, irp::CANCEL_ROUTINE) != Address::default(),
        }
    }
}

/// What arrived below since this was last asked.
fn below(world: &World) -> Vec<Below> {
    world.take_arrivals().into_iter().map(Below::from).collect()
}

/// What requests are when the driver completes them: each as it came.
#[derive(Clone, Default)]
struct Completions(Rc<RefCell<Vec<Completion>>>);

#[derive(Debug, Clone)]
struct Completion {
    irp: Address,
    contents: Vec<u8>,
    live_blocks: u64,
}

/// Looks on while requests are completed, from now on. It takes the place of any other hook.
fn watch(world: &World, stack_count: usize) -> Completions {
    let completions = Completions::default();
    let noted = completions.clone();
    world.on_call(move |world, moment, call| {
        if let (Moment::Called, Call::IofCompleteRequest { irp, .. }) = (moment, call) {
            noted.0.borrow_mut().push(Completion {
                irp: *irp,
                contents: world.memory(*irp, 0xD0 + stack_count * stack_location::BYTES),
                live_blocks: world.driver_pool().live_blocks(),
            });
        }
    });
    completions
}

impl Completions {
    /// The one completion of a request, which is then as it came: MDL, system buffer and stack location.
    #[track_caller]
    fn check_restored(&self, sent: &Sent) -> u64 {
        let all = self.0.borrow();
        let mut own = all.iter().filter(|completion| completion.irp == sent.irp());
        let completion = own.next_back().expect("the driver completes it");
        let (before, now) = (sent.contents(), &completion.contents);
        for field in [irp::MDL_ADDRESS, irp::SYSTEM_BUFFER, irp::CURRENT_STACK_LOCATION] {
            assert_eq!(pointer(now, field), pointer(before, field), "the field at {field:#x}");
        }
        assert_eq!(pointer(now, irp::CANCEL_ROUTINE), Address::default());
        let location = sent.location();
        let mut expected = before[location..location + stack_location::COMPLETION_ROUTINE].to_vec();
        expected[stack_location::CONTROL] |= stack_location::SL_PENDING_RETURNED;
        assert_eq!(now[location..location + stack_location::COMPLETION_ROUTINE], expected);
        completion.live_blocks
    }
}

/// What a request ended with that was carried out by parts.
#[track_caller]
fn ended(sent: &Sent) -> IoStatus {
    assert_eq!(sent.returned(), Some(STATUS_PENDING));
    assert!(sent.ended().is_none() || sent.pending_returned());
    sent.ended().expect("it has ended")
}

/// A READ or WRITE of so many bytes at `offset`.
fn transfer(is_write: bool, offset: usize, bytes: usize) -> Request {
    if is_write {
        Request::write(offset, bytes as u32)
    } else {
        Request::read(offset, bytes as u32)
    }
}
