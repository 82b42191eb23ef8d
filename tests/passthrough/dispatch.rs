//! Every request but the two removals: sent on as it came, under the remove lock.

use crate::recorder::{
    Answer, Arrival, Call, LOWER_INFORMATION, Machine, NtStatus, Request, STATUS_DELETE_PENDING,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS, Sent,
    layout::{REMOVE_LOCK_BYTES, device_object, driver_object, irp, stack_location},
};

const IRP_MJ_READ: u8 = 0x03;
const IRP_MJ_PNP: u8 = 0x1B;
const IRP_MN_REMOVE_DEVICE: u8 = 0x02;
const IRP_MN_SURPRISE_REMOVAL: u8 = 0x17;

const STATUS_BUFFER_OVERFLOW: NtStatus = 0x8000_0005_u32 as i32;
const STATUS_REPARSE: NtStatus = 0x104;
const STATUS_IO_DEVICE_ERROR: NtStatus = 0xC000_0185_u32 as i32;

/// Every major and minor function that is passed on untouched.
fn untouched() -> impl Iterator<Item = Request> {
    let majors = 0..driver_object::MAJOR_FUNCTIONS as u8;
    majors
        .flat_map(|major| (0..=u8::MAX).map(move |minor| Request::new(major, minor)))
        .filter(|request| {
            request.major != IRP_MJ_PNP || ![IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL].contains(&request.minor)
        })
}

fn every_major() -> impl Iterator<Item = Request> {
    (0..driver_object::MAJOR_FUNCTIONS as u8).map(|major| Request::new(major, 0))
}

/// The one IRP that the lower driver received since this was last asked.
fn arrival(machine: &Machine) -> Arrival {
    let arrivals = machine.take_arrivals();
    assert_eq!(
        arrivals.len(),
        1,
        "the lower driver was called {} times",
        arrivals.len()
    );
    arrivals.into_iter().next().expect("there is one")
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_request_arrives_below_byte_for_byte_as_it_was_sent() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    for request in untouched() {
        let sent = machine.send(filter, request);
        let arrival = arrival(&machine);
        assert_eq!(arrival.device, lower, "{request:?}");
        assert_eq!(arrival.irp, sent.irp, "{request:?}");
        assert_eq!(arrival.contents, sent.passed_to(lower), "{request:?}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_status_of_a_pnp_request_is_left_alone() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    for status in [STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES] {
        for request in untouched().filter(|request| request.major == IRP_MJ_PNP) {
            let sent = machine.send(filter, Request { status, ..request });
            assert_eq!(arrival(&machine).contents, sent.passed_to(lower), "{request:?}");
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_the_lower_driver_returns_is_returned() {
    let statuses = [
        STATUS_SUCCESS,
        STATUS_REPARSE,
        STATUS_BUFFER_OVERFLOW,
        STATUS_NOT_SUPPORTED,
        STATUS_IO_DEVICE_ERROR,
        STATUS_DELETE_PENDING,
    ];
    let (mut machine, _, filter) = Machine::with_one_filter();
    for status in statuses {
        machine.script(|script| script.lower = Answer::Complete(status));
        for request in every_major() {
            let sent = machine.send(filter, request);
            assert_eq!(sent.returned, status, "{request:?}");
            assert_completed_with(&machine, &sent, status);
        }
    }
}

/// The IRP ended with what the lower driver gave it.
fn assert_completed_with(machine: &Machine, sent: &Sent, status: NtStatus) {
    assert!(machine.is_completed(sent.irp));
    let contents = machine.irp(sent.irp);
    assert_eq!(contents[irp::IO_STATUS_STATUS..][..4], status.to_le_bytes());
    assert_eq!(
        contents[irp::IO_STATUS_INFORMATION..][..8],
        LOWER_INFORMATION.to_le_bytes()
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_is_pending_below_is_returned_as_pending_and_marked_by_the_lower_driver_only() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    machine.script(|script| script.lower = Answer::Pend);
    for request in every_major() {
        let sent = machine.send(filter, request);
        assert_eq!(sent.returned, STATUS_PENDING, "{request:?}");
        assert!(!machine.is_completed(sent.irp), "{request:?}");

        // The lower driver marked the location that it shares with the filter; all else, and the
        // location of the driver above, is as it was sent.
        let mut expected = sent.passed_to(lower);
        assert_eq!(arrival(&machine).contents, expected, "{request:?}");
        expected[sent.location() + stack_location::CONTROL] |= stack_location::SL_PENDING_RETURNED;
        assert_eq!(machine.irp(sent.irp), expected, "{request:?}");

        machine.complete_pended(sent.irp, STATUS_SUCCESS);
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_pended_and_is_already_gone_is_returned_as_pending_and_not_touched() {
    let (mut machine, _, filter) = Machine::with_one_filter();
    machine.script(|script| script.lower = Answer::PendAndComplete(STATUS_IO_DEVICE_ERROR));
    for request in every_major() {
        let sent = machine.send(filter, request);
        assert_eq!(sent.returned, STATUS_PENDING, "{request:?}");
        assert_completed_with(&machine, &sent, STATUS_IO_DEVICE_ERROR);
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_remove_lock_is_held_for_the_irp_exactly_while_the_lower_driver_has_it() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    let lock = machine.remove_lock(filter);
    for answer in [
        Answer::Complete(STATUS_SUCCESS),
        Answer::Complete(STATUS_IO_DEVICE_ERROR),
        Answer::Pend,
    ] {
        machine.script(|script| script.lower = answer);
        for request in every_major() {
            let irp = machine.send(filter, request).irp;
            let size = REMOVE_LOCK_BYTES;
            assert_eq!(
                machine.take_calls(),
                [
                    Call::IoAcquireRemoveLockEx { lock, tag: irp, size },
                    Call::IofCallDriver { device: lower, irp },
                    Call::IoReleaseRemoveLockEx { lock, tag: irp, size },
                ],
                "{request:?}"
            );
            assert_eq!(arrival(&machine).held, [(lock, irp)], "{request:?}");
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_that_the_remove_lock_refuses_is_completed_with_the_refusal() {
    let (mut machine, _, filter) = Machine::with_one_filter();
    let lock = machine.remove_lock(filter);
    machine.script(|script| script.acquire_remove_lock = STATUS_DELETE_PENDING);
    // Any of them, the removals too: without the lock nothing may touch the device.
    let removals = [IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL].map(|minor| Request::new(IRP_MJ_PNP, minor));
    for request in every_major().chain(removals) {
        let sent = machine.send(filter, request);
        let irp = sent.irp;
        assert_eq!(sent.returned, STATUS_DELETE_PENDING, "{request:?}");
        assert_eq!(
            machine.take_calls(),
            [
                Call::IoAcquireRemoveLockEx {
                    lock,
                    tag: irp,
                    size: REMOVE_LOCK_BYTES
                },
                Call::IofCompleteRequest {
                    irp,
                    status: STATUS_DELETE_PENDING,
                    information: 0,
                    priority_boost: 0,
                },
            ],
            "{request:?}"
        );
        assert!(machine.take_arrivals().is_empty(), "{request:?} was sent down");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn passing_a_request_writes_to_no_device_and_no_driver() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    let snapshot = |machine: &Machine| {
        [
            machine.device(lower).snapshot(),
            machine.device(filter).snapshot()[..device_object::BYTES].to_vec(),
            machine.driver().snapshot(),
            machine.driver_extension().snapshot(),
        ]
    };
    let before = snapshot(&machine);
    for request in untouched() {
        machine.send(filter, request);
        assert_eq!(snapshot(&machine), before, "{request:?}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn two_devices_do_not_mix() {
    let (mut machine, first_lower, first) = Machine::with_one_filter();
    let (second_lower, second) = machine.add_filter();
    let (first_lock, second_lock) = (machine.remove_lock(first), machine.remove_lock(second));
    assert_ne!(first_lock, second_lock);
    for (filter, lower, lock) in [
        (first, first_lower, first_lock),
        (second, second_lower, second_lock),
        (first, first_lower, first_lock),
    ] {
        let sent = machine.send(filter, Request::new(IRP_MJ_READ, 0));
        let arrival = arrival(&machine);
        assert_eq!(arrival.device, lower);
        assert_eq!(arrival.held, [(lock, sent.irp)]);
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn two_filters_in_one_stack_both_pass_a_request_on() {
    let (mut machine, lower, below) = Machine::with_one_filter();
    assert_eq!(machine.add_device(lower), STATUS_SUCCESS);
    let above = machine.top_of_stack(lower);
    assert_ne!(above, below);
    let (lock_above, lock_below) = (machine.remove_lock(above), machine.remove_lock(below));
    let sent = machine.send(above, Request::new(IRP_MJ_READ, 0));
    let arrival = arrival(&machine);
    assert_eq!(arrival.contents, sent.passed_to(lower));
    assert_eq!(arrival.held, [(lock_below, sent.irp), (lock_above, sent.irp)]);
}
