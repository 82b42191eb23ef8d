//! The two removals: how a device goes.

use crate::recorder::{
    Address, Answer, Call, LowerDevice, Machine, NtStatus, Request, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
    layout::{REMOVE_LOCK_BYTES, device_object, driver_object, irp},
};

const STATUS_UNSUCCESSFUL: NtStatus = 0xC000_0001_u32 as i32;

/// IRP_MN_REMOVE_DEVICE.
fn remove_device() -> Request {
    Request::new(0x1B, 0x02)
}

/// IRP_MN_SURPRISE_REMOVAL.
fn surprise_removal() -> Request {
    Request::new(0x1B, 0x17)
}

/// `IoStatus.Status` of the one IRP that the lower driver received since this was last asked.
fn status_below(machine: &Machine) -> NtStatus {
    let arrivals = machine.take_arrivals();
    assert_eq!(
        arrivals.len(),
        1,
        "the lower driver was called {} times",
        arrivals.len()
    );
    let status = arrivals[0].contents[irp::IO_STATUS_STATUS..][..4]
        .try_into()
        .expect("four bytes");
    NtStatus::from_le_bytes(status)
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_is_passed_on_first_and_then_the_device_waits_detaches_and_is_deleted() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    let lock = machine.remove_lock(filter);

    let sent = machine.send(filter, remove_device());

    let (irp, size) = (sent.irp, REMOVE_LOCK_BYTES);
    assert_eq!(sent.returned, STATUS_SUCCESS);
    assert_eq!(
        machine.take_calls(),
        [
            Call::IoAcquireRemoveLockEx { lock, tag: irp, size },
            Call::IofCallDriver { device: lower, irp },
            Call::IoReleaseRemoveLockAndWaitEx { lock, tag: irp, size },
            Call::IoDetachDevice { target: lower },
            Call::IoDeleteDevice { device: filter },
        ]
    );
    assert!(!machine.is_device(filter));
    assert_eq!(machine.top_of_stack(lower), lower);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_remove_lock_is_held_while_the_lower_driver_removes() {
    let (mut machine, _, filter) = Machine::with_one_filter();
    let lock = machine.remove_lock(filter);
    let sent = machine.send(filter, remove_device());
    assert_eq!(machine.take_arrivals()[0].held, [(lock, sent.irp)]);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_and_surprise_removal_go_down_with_success_and_otherwise_as_sent() {
    for request in [remove_device(), surprise_removal()] {
        for status in [STATUS_NOT_SUPPORTED, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS] {
            let (mut machine, lower, filter) = Machine::with_one_filter();
            let sent = machine.send(filter, Request { status, ..request });
            let mut expected = sent.passed_to(lower);
            expected[irp::IO_STATUS_STATUS..][..4].copy_from_slice(&STATUS_SUCCESS.to_le_bytes());
            let arrival = &machine.take_arrivals()[0];
            assert_eq!(arrival.contents, expected, "{request:?} sent with {status:#x}");
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_the_lower_driver_returns_for_a_removal_is_returned() {
    for request in [remove_device(), surprise_removal()] {
        for (answer, status) in [
            (Answer::Complete(STATUS_SUCCESS), STATUS_SUCCESS),
            (Answer::Complete(STATUS_UNSUCCESSFUL), STATUS_UNSUCCESSFUL),
            (Answer::PendAndComplete(STATUS_SUCCESS), STATUS_PENDING),
        ] {
            let (mut machine, _, filter) = Machine::with_one_filter();
            machine.script(|script| script.lower = answer);
            assert_eq!(
                machine.send(filter, request).returned,
                status,
                "{request:?} with {answer:?}"
            );
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_remove_that_fails_below_still_removes_the_filter() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    machine.script(|script| script.lower = Answer::Complete(STATUS_UNSUCCESSFUL));
    machine.send(filter, remove_device());
    assert!(!machine.is_device(filter));
    assert_eq!(machine.top_of_stack(lower), lower);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn surprise_removal_neither_detaches_nor_deletes() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    let lock = machine.remove_lock(filter);
    let before = (machine.device(lower).snapshot(), machine.driver().snapshot());

    let sent = machine.send(filter, surprise_removal());

    let (irp, size) = (sent.irp, REMOVE_LOCK_BYTES);
    assert_eq!(
        machine.take_calls(),
        [
            Call::IoAcquireRemoveLockEx { lock, tag: irp, size },
            Call::IofCallDriver { device: lower, irp },
            Call::IoReleaseRemoveLockEx { lock, tag: irp, size },
        ]
    );
    assert_eq!(machine.top_of_stack(lower), filter);
    assert_eq!(before, (machine.device(lower).snapshot(), machine.driver().snapshot()));
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn remove_follows_surprise_removal_as_it_does_without() {
    let (mut machine, lower, filter) = Machine::with_one_filter();
    assert_eq!(machine.send(filter, surprise_removal()).returned, STATUS_SUCCESS);
    status_below(&machine);
    assert_eq!(machine.send(filter, remove_device()).returned, STATUS_SUCCESS);
    assert_eq!(status_below(&machine), STATUS_SUCCESS);
    assert!(!machine.is_device(filter));
    assert_eq!(machine.top_of_stack(lower), lower);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_between_surprise_removal_and_remove_still_pass() {
    let (mut machine, _, filter) = Machine::with_one_filter();
    machine.send(filter, surprise_removal());
    machine.take_arrivals();
    for major in 0..driver_object::MAJOR_FUNCTIONS as u8 {
        machine.send(filter, Request::new(major, 0));
        assert_eq!(machine.take_arrivals().len(), 1, "major function {major:#x}");
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_filter_is_taken_out_of_the_stack_and_the_device_below_is_left_as_it_was() {
    let mut machine = Machine::new();
    let lower = machine.new_lower_device(LowerDevice::default());
    let before = (machine.device(lower).snapshot(), machine.driver().snapshot());
    assert_eq!(machine.add_device(lower), STATUS_SUCCESS);
    machine.send(machine.top_of_stack(lower), remove_device());
    assert_eq!(before, (machine.device(lower).snapshot(), machine.driver().snapshot()));
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_other_device_stays_when_one_is_removed() {
    let (mut machine, first_lower, first) = Machine::with_one_filter();
    let (second_lower, second) = machine.add_filter();
    let before = machine.device(second).snapshot();

    machine.send(first, remove_device());

    assert!(!machine.is_device(first));
    assert_eq!(machine.top_of_stack(first_lower), first_lower);
    assert_eq!(machine.top_of_stack(second_lower), second);
    let mut after = machine.device(second).snapshot();
    // Deleting a device takes it out of the driver's list, which leads through the other.
    let next = device_object::NEXT_DEVICE..device_object::NEXT_DEVICE + 8;
    after[next.clone()].copy_from_slice(&before[next]);
    assert_eq!(after, before);
    machine.take_arrivals();
    assert_eq!(machine.send(second, Request::new(0x03, 0)).returned, STATUS_SUCCESS);
    assert_eq!(machine.take_arrivals()[0].device, second_lower);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn unload_after_the_last_remove_leaves_nothing() {
    let (mut machine, first_lower, first) = Machine::with_one_filter();
    let (second_lower, second) = machine.add_filter();
    for filter in [first, second] {
        machine.send(filter, Request::new(0x03, 0));
        machine.send(filter, remove_device());
    }
    machine.take_calls();

    machine.unload();

    assert_eq!(machine.take_calls(), []);
    assert_eq!(
        machine.driver().pointer(driver_object::DEVICE_OBJECT),
        Address::default()
    );
    for lower in [first_lower, second_lower] {
        assert_eq!(machine.top_of_stack(lower), lower);
    }
}
