//! Stack locations: which is the current one at each step, and what is in them.

use super::completing::send_one;
use crate::{
    check::Check,
    journal::seen,
    kernel::{FALSE, IRP_MJ_INTERNAL_DEVICE_CONTROL, IoFreeIrp, Irp},
    layers::{Stack, complete, end_held, layer, pend, skip},
    objects::{current_location, extension, irp, location, next_location},
    requests::{allocate, send},
};

/// Any parameters, and a minor function.
const PARAMETERS: [u64; 4] = [0x11, 0x22, 0x3333_3333, 0x44];
const MINOR_FUNCTION: u8 = 0x55;

/// Writes them where the next driver finds them, but for the control code.
fn parametrise(request: Irp) {
    let next = next_location(request);
    let mut parameters = PARAMETERS;
    if let Some(code) = parameters.get_mut(2) {
        *code = crate::requests::CONTROL_CODE.into();
    }
    location::PARAMETERS.set(next, parameters);
    location::MINOR_FUNCTION.set(next, MINOR_FUNCTION);
}

pub(super) fn each_call_moves_to_the_next_location(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.top);
    for (device, number) in [(stack.top, 3_i8), (stack.middle, 2), (stack.bottom, 1)] {
        check.equal(
            c"CurrentLocation",
            number,
            layer::CURRENT_LOCATION.of(extension(device)),
        );
    }
    let at = |device| layer::LOCATION.of(extension(device));
    let below = |device| at(device).wrapping_byte_sub(location::BYTES);
    check.equal(c"location of the middle", below(stack.top), at(stack.middle));
    check.equal(c"location of the bottom", below(stack.middle), at(stack.bottom));
}

pub(super) fn call_driver_stores_the_device_in_its_location(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.top);
    for device in [stack.top, stack.middle, stack.bottom] {
        check.equal(c"DeviceObject", device, layer::LOCATION_DEVICE.of(extension(device)));
    }
}

pub(super) fn who_skips_shares_its_location(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::BEHAVIOUR.set(extension(stack.middle), skip);
    send_one(check, stack.top);
    let (middle, bottom) = (extension(stack.middle), extension(stack.bottom));
    check.equal(
        c"CurrentLocation of the bottom",
        2_i8,
        layer::CURRENT_LOCATION.of(bottom),
    );
    check.equal(c"location", layer::LOCATION.of(middle), layer::LOCATION.of(bottom));
    check.equal(c"DeviceObject", stack.bottom, layer::LOCATION_DEVICE.of(bottom));
}

pub(super) fn what_the_sender_asks_for_arrives_through_copies(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    parametrise(request);
    let asked = location::PARAMETERS.of(next_location(request));
    send(stack.top, request);
    let bottom = extension(stack.bottom);
    check.equal(
        c"MajorFunction",
        IRP_MJ_INTERNAL_DEVICE_CONTROL,
        layer::MAJOR_FUNCTION.of(bottom),
    );
    check.equal(c"MinorFunction", MINOR_FUNCTION, layer::MINOR_FUNCTION.of(bottom));
    check.holds(c"parameters", asked == layer::PARAMETERS.of(bottom));
    IoFreeIrp(request);
}

pub(super) fn call_driver_leaves_the_control_that_was_set(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::INVOKE.set(extension(stack.middle), location::INVOKE_ON_ERROR);
    layer::INVOKE.set(extension(stack.top), location::INVOKE_ON_SUCCESS);
    send_one(check, stack.top);
    for (device, control) in [
        (stack.top, location::INVOKE_ALWAYS),
        (stack.middle, location::INVOKE_ON_SUCCESS),
        (stack.bottom, location::INVOKE_ON_ERROR),
    ] {
        check.equal(c"Control", control, layer::CONTROL.of(extension(device)));
    }
}

pub(super) fn a_routine_is_called_in_its_own_location(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.top);
    for (number, device, location) in [(0, stack.middle, 2_u8), (1, stack.top, 3)] {
        check.equal(c"CurrentLocation", location, seen(number).current_location);
        check.equal(
            c"location",
            layer::LOCATION.of(extension(device)),
            seen(number).location,
        );
    }
}

pub(super) fn the_location_below_a_routine_is_cleared(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    parametrise(request);
    send(stack.top, request);
    for number in 0..3 {
        check.equal(c"Control", 0, seen(number).control_below);
        check.holds(
            c"minor function, parameters and file object",
            seen(number).is_clear_below,
        );
    }
    IoFreeIrp(request);
}

pub(super) fn an_irp_that_is_back_stands_above_its_locations(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    let before = current_location(request);
    send(stack.top, request);
    check.equal(c"CurrentLocation", 4, irp::CURRENT_LOCATION.of(request));
    check.equal(c"location", before, current_location(request));
    IoFreeIrp(request);
}

pub(super) fn an_irp_that_pends_stays_in_the_location_of_who_has_it(check: &mut Check, stack: Stack) {
    stack.tell(pend);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    check.equal(c"CurrentLocation", 1, irp::CURRENT_LOCATION.of(request));
    check.equal(
        c"location",
        layer::LOCATION.of(extension(stack.bottom)),
        current_location(request),
    );
    check.equal(c"PendingReturned", FALSE, irp::PENDING_RETURNED.of(request));
    end_held(stack.bottom);
    IoFreeIrp(request);
}
