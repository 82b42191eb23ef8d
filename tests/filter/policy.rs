//! The policy table of `docs/irp-ownership.md`: what it says of each request is what the driver does.
//!
//! Every major with every minor function is sent, in every situation of the device that the table names. How a request looks
//! on its way is the subject of the other tests here; this one is about which way it goes.

use lab::{
    script::{Address, Call, Device, LowerDevice, RegistryKey, Request, Sent, World},
    status::{STATUS_DELETE_PENDING, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, nt_success},
};
use policy::bypass_io::{INPUT_BYTES, IOCTL_STORAGE_MANAGE_BYPASS_IO, OUTPUT_BYTES};

use crate::{
    layout::{driver_object, irp, stack_location},
    support::{
        IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_INTERNAL_DEVICE_CONTROL,
        IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_READ, IRP_MJ_SYSTEM_CONTROL, IRP_MJ_WRITE, play, put,
    },
};

/// What a device is like when a request comes, as far as the table tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Situation {
    NotStarted,
    Started,
    /// Started, with a paging file on it.
    HoldsFile,
    /// `BypassIo` is 1.
    VetoesBypassIo,
    /// `FollowFlush` and `FollowDeviceControl` are 0.
    FollowsTransfersOnly,
}

const SITUATIONS: [Situation; 5] = [
    Situation::NotStarted,
    Situation::Started,
    Situation::HoldsFile,
    Situation::VetoesBypassIo,
    Situation::FollowsTransfersOnly,
];

/// A request, as far as the table tells it apart.
#[derive(Clone, Copy, Debug)]
struct Case {
    major: u8,
    minor: u8,
    paging: bool,
    usage: usize,
    in_path: bool,
    enables_bypass_io: bool,
    situation: Situation,
}

/// What becomes of a request where the device is being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Fails,
    Succeeds,
}

/// The table: of each row what it is for, whether a request is of it, and what it says.
struct Row {
    requests: &'static str,
    fits: fn(&Case) -> bool,
    way: Way,
    refusal: Refusal,
}

macro_rules! policy {
    (
        ways { $($way:ident = $name:literal, $steps:literal;)* }
        rows { $($requests:literal: $case:pat => $goes:ident, $refusal:ident, $why:literal;)* }
    ) => {
        /// What a request goes through.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Way {
            $(#[doc = $steps] $way,)*
        }

        const TABLE: &[Row] = &[$(
            Row {
                requests: $requests,
                fits: |case| matches!(case, $case),
                way: Way::$goes,
                refusal: Refusal::$refusal,
            }
        ),*];
    };
}

include!("policy.in.rs");

impl Case {
    fn new(situation: Situation, major: u8, minor: u8) -> Self {
        Self {
            major,
            minor,
            paging: false,
            usage: 0,
            in_path: false,
            enables_bypass_io: false,
            situation,
        }
    }

    /// The row that it is of.
    fn row(&self) -> usize {
        let row = TABLE.iter().position(|row| (row.fits)(self));
        row.unwrap_or_else(|| panic!("no row of the table is for {self:?}"))
    }

    fn request(&self, enabling: Address) -> Request {
        if self.enables_bypass_io {
            let (input, output) = (INPUT_BYTES as u32, OUTPUT_BYTES as u32);
            return Request::device_control(IOCTL_STORAGE_MANAGE_BYPASS_IO, enabling, input, output);
        }
        let request = Request {
            parameters: [usize::from(self.in_path), self.usage, 0, 0],
            ..Request::new(self.major, self.minor)
        };
        if self.paging { request.paging() } else { request }
    }
}

/// Every request that the table tells apart, in a situation.
fn cases(situation: Situation) -> impl Iterator<Item = Case> {
    let majors = 0..driver_object::MAJOR_FUNCTIONS as u8;
    let functions = majors.flat_map(|major| (0..=u8::MAX).map(move |minor| (major, minor)));
    let plain = functions.map(move |(major, minor)| Case::new(situation, major, minor));
    let paging = [IRP_MJ_READ, IRP_MJ_WRITE].map(|major| Case {
        paging: true,
        ..Case::new(situation, major, 0)
    });
    let usages = (0..=6).flat_map(move |usage| {
        [false, true].map(|in_path| Case {
            usage,
            in_path,
            ..Case::new(situation, IRP_MJ_PNP, 0x16)
        })
    });
    let bypass_io = Case {
        enables_bypass_io: true,
        ..Case::new(situation, IRP_MJ_DEVICE_CONTROL, 0)
    };
    plain.chain(paging).chain(usages).chain([bypass_io])
}

/// A device in a situation: the one below, and the filter's.
fn device_in(world: &World, situation: Situation) -> (Device, Device) {
    let settings: &[(&str, u32)] = match situation {
        Situation::VetoesBypassIo => &[("BypassIo", 1)],
        Situation::FollowsTransfersOnly => &[("FollowFlush", 0), ("FollowDeviceControl", 0)],
        _ => &[],
    };
    for &(name, value) in settings {
        world.set_dword(RegistryKey::Hardware, name, value);
    }
    let lower = world.new_device(LowerDevice::default());
    assert_eq!(world.add_device(lower), STATUS_SUCCESS);
    for (name, _) in settings {
        assert!(world.delete_value(RegistryKey::Hardware, name));
    }
    let filter = lower.top_of_stack();
    let mut before = Vec::new();
    if situation != Situation::NotStarted {
        before.push(Request::new(IRP_MJ_PNP, 0x00));
    }
    if situation == Situation::HoldsFile {
        before.push(Request::usage_notification(1, true));
    }
    for request in before {
        assert_eq!(world.carry_out(filter, request), STATUS_SUCCESS.into());
    }
    world.take_calls();
    world.take_arrivals();
    (lower, filter)
}

/// The way that a request went.
fn way_of(world: &World, sent: &Sent, lower: Device) -> Way {
    let (calls, mut arrivals) = (world.take_calls(), world.take_arrivals());
    let status = sent.ended().expect("nothing pends below").status;
    let called = |is_it: fn(&Call) -> bool| calls.iter().any(is_it);
    assert!(arrivals.len() <= 1, "{} requests arrived below", arrivals.len());
    let Some(arrival) = arrivals.pop() else {
        return if nt_success(status) {
            Way::Answered
        } else {
            Way::Refused
        };
    };
    assert_eq!(status, STATUS_SUCCESS, "what the device below answered");
    if called(|call| matches!(call, Call::IoForwardIrpSynchronously { .. })) {
        return Way::Waited;
    }
    if called(|call| matches!(call, Call::IoSetCompletionRoutineEx { .. })) {
        return Way::Followed;
    }
    let passed = sent.passed_to(lower);
    let mut succeeded = passed.clone();
    put(&mut succeeded, irp::IO_STATUS_STATUS, &STATUS_SUCCESS.to_le_bytes());
    if called(|call| matches!(call, Call::IoReleaseRemoveLockAndWaitEx { .. })) {
        assert!(called(|call| matches!(call, Call::IoDetachDevice { .. })));
        assert!(called(|call| matches!(call, Call::IoDeleteDevice { .. })));
        assert_eq!(arrival.contents, succeeded);
        return Way::Removed;
    }
    if arrival.contents == passed {
        return Way::Passed;
    }
    if arrival.contents == succeeded {
        return Way::Succeeded;
    }
    let next = sent.location() - stack_location::BYTES;
    assert_eq!(
        arrival.contents[irp::CURRENT_LOCATION],
        sent.contents()[irp::CURRENT_LOCATION] - 1
    );
    assert_eq!(
        arrival.contents[next + stack_location::CONTROL],
        stack_location::SL_INVOKE_ALL
    );
    Way::FollowedInfallibly
}

/// Sends a request of each case to a device in its situation, and hands both on.
fn send_each(check: impl Fn(&World, Device, Device, &Case, Request)) {
    play(|world| {
        // The BPIO_INPUT that enables BypassIO: version, size, operation.
        let mut input = vec![0; 4_096];
        for (target, word) in input.chunks_mut(4).zip([INPUT_BYTES as u32, INPUT_BYTES as u32, 1]) {
            target.copy_from_slice(&word.to_le_bytes());
        }
        let enabling = world.new_buffer(&input);
        for situation in SITUATIONS {
            let (lower, filter) = device_in(world, situation);
            for case in cases(situation) {
                // A PnP request may change the situation.
                let (lower, filter, is_own) = if case.major == IRP_MJ_PNP {
                    let (lower, filter) = device_in(world, situation);
                    (lower, filter, true)
                } else {
                    (lower, filter, false)
                };
                check(world, lower, filter, &case, case.request(enabling));
                if is_own && filter.exists() {
                    world.remove(filter);
                }
                world.take_calls();
                world.take_arrivals();
            }
            world.remove(filter);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_request_goes_the_way_that_the_table_says() {
    send_each(|world, lower, filter, case, request| {
        let row = &TABLE[case.row()];
        let sent = world.send(filter, request);
        assert_eq!(way_of(world, &sent, lower), row.way, "{case:?}, row {}", row.requests);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_refused_registration_completes_the_request_and_what_may_not_fail_is_not_registered_so() {
    send_each(|world, _, filter, case, request| {
        let row = &TABLE[case.row()];
        if row.way != Way::Followed {
            // That these do not call it at all, so that it cannot refuse them, is how the ways are told apart.
            return;
        }
        assert_eq!(row.refusal, Refusal::Fails, "{case:?} may not fail, and is registered");
        let before = world.arrived();
        world.fail_next("IoSetCompletionRoutineEx");
        let sent = world.send(filter, request);
        assert_eq!(sent.returned(), Some(STATUS_INSUFFICIENT_RESOURCES), "{case:?}");
        assert_eq!(sent.ended(), Some(STATUS_INSUFFICIENT_RESOURCES.into()), "{case:?}");
        assert_eq!(world.arrived(), before, "{case:?} was sent down");
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn where_the_device_is_being_removed_each_request_ends_as_the_table_says() {
    send_each(|world, _, filter, case, request| {
        let row = &TABLE[case.row()];
        let before = world.arrived();
        world.fail_next_with("IoAcquireRemoveLockEx", STATUS_DELETE_PENDING);
        let sent = world.send(filter, request);
        let expected = match row.refusal {
            Refusal::Fails => STATUS_DELETE_PENDING,
            Refusal::Succeeds => STATUS_SUCCESS,
        };
        assert_eq!(sent.ended(), Some(expected.into()), "{case:?}, row {}", row.requests);
        assert_eq!(world.arrived(), before, "{case:?} was sent down");
    });
}

#[test]
fn every_row_of_the_table_is_for_some_request() {
    let mut met = vec![false; TABLE.len()];
    for case in SITUATIONS.into_iter().flat_map(cases) {
        met[case.row()] = true;
    }
    for (row, met) in TABLE.iter().zip(met) {
        assert!(met, "no request is of the row {}", row.requests);
    }
}
