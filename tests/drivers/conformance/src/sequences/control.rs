//! IoBuildDeviceIoControlRequest: what each transfer method makes of the buffers.

use super::building::{BLOCK_INFORMATION, BLOCK_STATUS, BYTE};
use crate::{
    check::Check,
    kernel::{
        Device, FALSE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IoBuildDeviceIoControlRequest,
        IofCallDriver, Irp, KeFlushQueuedDpcs, KeInitializeEvent, KeReadStateEvent, NOTIFICATION, NtStatus, Object,
        STATUS_DEVICE_NOT_READY, STATUS_PENDING, STATUS_SUCCESS, TRUE,
    },
    layers::{Behaviour, Stack, complete, layer, pend_for_a_while},
    objects::{Field, NULL, current_location, extension, irp, location, mdl, start_of_mdl},
    threads,
};

/// METHOD_BUFFERED to METHOD_NEITHER, in the lowest two bits of a code.
const METHOD_BUFFERED: u32 = 0;
const METHOD_IN_DIRECT: u32 = 1;
const METHOD_OUT_DIRECT: u32 = 2;
const METHOD_NEITHER: u32 = 3;
const CODE: u32 = 0x0022_2000;

const INPUT_BYTES: u32 = 16;
const OUTPUT_BYTES: u32 = 32;

/// What a request points to, and what the bottom has seen of it.
mod record {
    use super::Field;
    use crate::kernel::{Object, StatusBlock, Waitable};

    pub(super) const EVENT: Field<Waitable> = Field::at(0x00);
    pub(super) const BLOCK: Field<StatusBlock> = Field::at(0x40);
    pub(super) const INPUT: Field<[u8; 16]> = Field::at(0x50);
    pub(super) const OUTPUT: Field<[u8; 32]> = Field::at(0x60);
    pub(super) const SYSTEM_BUFFER: Field<Object> = Field::at(0x80);
    pub(super) const SYSTEM_BYTE: Field<u8> = Field::at(0x88);
    pub(super) const MDL_START: Field<Object> = Field::at(0x90);
    pub(super) const MDL_BYTES: Field<u32> = Field::at(0x98);
    pub(super) const MDL_FLAGS: Field<u16> = Field::at(0x9c);
    pub(super) const USER_BUFFER: Field<Object> = Field::at(0xa0);
    pub(super) const TYPE3_INPUT: Field<Object> = Field::at(0xa8);
    pub(super) const OUTPUT_LENGTH: Field<u32> = Field::at(0xb0);
    pub(super) const INPUT_LENGTH: Field<u32> = Field::at(0xb4);
    pub(super) const CODE: Field<u32> = Field::at(0xb8);
    pub(super) const RETURNED: Field<i32> = Field::at(0xbc);
    pub(super) const BYTES: usize = 0xc0;
}

/// Notes what the request has, answers what is buffered, and completes it.
fn look_and_complete(device: Device, request: Irp) -> NtStatus {
    let place = layer::HELD.of(extension(device));
    let here = current_location(request);
    let system = irp::SYSTEM_BUFFER.of(request);
    record::SYSTEM_BUFFER.set(place, system);
    if !system.is_null() {
        record::SYSTEM_BYTE.set(place, BYTE.of(system));
        BYTE.set(system, 0x99);
    }
    let list = irp::MDL_ADDRESS.of(request);
    if !list.is_null() {
        record::MDL_START.set(place, start_of_mdl(list));
        record::MDL_BYTES.set(place, mdl::BYTE_COUNT.of(list));
        record::MDL_FLAGS.set(place, mdl::FLAGS.of(list));
    }
    record::USER_BUFFER.set(place, irp::USER_BUFFER.of(request));
    record::TYPE3_INPUT.set(place, location::TYPE3_INPUT_BUFFER.of(here));
    record::OUTPUT_LENGTH.set(place, location::LENGTH.of(here));
    record::INPUT_LENGTH.set(place, location::INPUT_LENGTH.of(here));
    record::CODE.set(place, location::CONTROL_CODE.of(here));
    complete(device, request)
}

/// Sends a device control request with input and output to the bottom, and has `look` see what was noted. The IRP is over
/// by then.
fn control(
    check: &mut Check,
    stack: Stack,
    method: u32,
    bottom: Behaviour,
    internal: u8,
    look: impl FnOnce(&mut Check, Object),
) {
    let Some(place) = check.have(c"pool", threads::allocate(record::BYTES)) else {
        return;
    };
    let (event, block): (Object, Object) = (record::EVENT.place(place).cast(), record::BLOCK.place(place).cast());
    let (input, output): (Object, Object) = (record::INPUT.place(place).cast(), record::OUTPUT.place(place).cast());
    KeInitializeEvent(event, NOTIFICATION, FALSE);
    BYTE.set(input, 0x66);
    let bottom_layer = extension(stack.bottom);
    layer::HELD.set(bottom_layer, place);
    layer::BEHAVIOUR.set(bottom_layer, bottom);
    let built = IoBuildDeviceIoControlRequest(
        CODE | method,
        stack.bottom,
        input,
        INPUT_BYTES,
        output,
        OUTPUT_BYTES,
        internal,
        event,
        block,
    );
    if let Some(request) = check.have(c"IoBuildDeviceIoControlRequest", built) {
        check.equal(c"UserEvent", event, irp::USER_EVENT.of(request));
        check.equal(c"UserIosb", block, irp::USER_STATUS_BLOCK.of(request));
        let returned = IofCallDriver(stack.bottom, request);
        record::RETURNED.set(place, returned);
        if returned == STATUS_PENDING {
            threads::wait(event);
            KeFlushQueuedDpcs();
        }
        look(check, place);
    }
    layer::HELD.set(bottom_layer, NULL);
    threads::free(place);
}

fn place_of_input(place: Object) -> Object {
    record::INPUT.place(place).cast()
}

fn place_of_output(place: Object) -> Object {
    record::OUTPUT.place(place).cast()
}

pub(super) fn a_control_request_has_its_code_and_lengths(check: &mut Check, stack: Stack) {
    control(
        check,
        stack,
        METHOD_BUFFERED,
        look_and_complete,
        FALSE,
        |check, place| {
            check.equal(c"IoControlCode", CODE, record::CODE.of(place));
            check.equal(c"InputBufferLength", INPUT_BYTES, record::INPUT_LENGTH.of(place));
            check.equal(c"OutputBufferLength", OUTPUT_BYTES, record::OUTPUT_LENGTH.of(place));
        },
    );
    let major = layer::MAJOR_FUNCTION.of(extension(stack.bottom));
    check.equal(c"MajorFunction", IRP_MJ_DEVICE_CONTROL, major);
}

pub(super) fn an_internal_control_request_has_another_major_function(check: &mut Check, stack: Stack) {
    control(check, stack, METHOD_BUFFERED, look_and_complete, TRUE, |_, _| ());
    let major = layer::MAJOR_FUNCTION.of(extension(stack.bottom));
    check.equal(c"MajorFunction", IRP_MJ_INTERNAL_DEVICE_CONTROL, major);
}

pub(super) fn buffered_control_copies_the_input_into_a_system_buffer(check: &mut Check, stack: Stack) {
    control(
        check,
        stack,
        METHOD_BUFFERED,
        look_and_complete,
        FALSE,
        |check, place| {
            check.holds(c"system buffer", !record::SYSTEM_BUFFER.of(place).is_null());
            check.holds(c"of its own", record::SYSTEM_BUFFER.of(place) != place_of_input(place));
            check.equal(c"first byte of the input", 0x66, record::SYSTEM_BYTE.of(place));
            check.equal(c"MDL", NULL, record::MDL_START.of(place));
        },
    );
}

pub(super) fn buffered_control_copies_the_output_back_as_far_as_the_information_goes(check: &mut Check, stack: Stack) {
    for (information, byte) in [(1, 0x99), (0, 0)] {
        layer::INFORMATION.set(extension(stack.bottom), information);
        control(
            check,
            stack,
            METHOD_BUFFERED,
            look_and_complete,
            FALSE,
            |check, place| {
                check.equal(c"first byte of the output", byte, BYTE.of(place_of_output(place)));
            },
        );
    }
}

/// The input is buffered, and the output described by a locked MDL.
fn direct(check: &mut Check, stack: Stack, method: u32) {
    control(check, stack, method, look_and_complete, FALSE, |check, place| {
        check.holds(c"system buffer", !record::SYSTEM_BUFFER.of(place).is_null());
        check.equal(c"first byte of the input", 0x66, record::SYSTEM_BYTE.of(place));
        check.equal(
            c"address of the MDL",
            place_of_output(place),
            record::MDL_START.of(place),
        );
        check.equal(c"ByteCount", OUTPUT_BYTES, record::MDL_BYTES.of(place));
        let locked = record::MDL_FLAGS.of(place) & mdl::PAGES_LOCKED;
        check.equal(c"locked", mdl::PAGES_LOCKED, locked);
    });
}

pub(super) fn in_direct_control_has_an_mdl_for_the_second_buffer(check: &mut Check, stack: Stack) {
    direct(check, stack, METHOD_IN_DIRECT);
}

pub(super) fn out_direct_control_has_an_mdl_for_the_second_buffer(check: &mut Check, stack: Stack) {
    direct(check, stack, METHOD_OUT_DIRECT);
}

pub(super) fn neither_control_has_the_buffers_themselves(check: &mut Check, stack: Stack) {
    control(
        check,
        stack,
        METHOD_NEITHER,
        look_and_complete,
        FALSE,
        |check, place| {
            check.equal(
                c"Type3InputBuffer",
                place_of_input(place),
                record::TYPE3_INPUT.of(place),
            );
            check.equal(c"UserBuffer", place_of_output(place), record::USER_BUFFER.of(place));
            check.equal(c"SystemBuffer", NULL, record::SYSTEM_BUFFER.of(place));
            check.equal(c"MDL", NULL, record::MDL_START.of(place));
        },
    );
}

pub(super) fn a_control_request_that_succeeds_sets_its_event_and_writes_its_block(check: &mut Check, stack: Stack) {
    layer::INFORMATION.set(extension(stack.bottom), 4);
    control(
        check,
        stack,
        METHOD_BUFFERED,
        look_and_complete,
        FALSE,
        |check, place| {
            let block = record::BLOCK.place(place).cast();
            check.equal(c"result of IoCallDriver", STATUS_SUCCESS, record::RETURNED.of(place));
            check.equal(
                c"state of the event",
                1,
                KeReadStateEvent(record::EVENT.place(place).cast()),
            );
            check.equal(c"status of the block", STATUS_SUCCESS, BLOCK_STATUS.of(block));
            check.equal(c"information of the block", 4, BLOCK_INFORMATION.of(block));
        },
    );
}

pub(super) fn a_control_request_that_fails_later_sets_its_event_too(check: &mut Check, stack: Stack) {
    layer::STATUS.set(extension(stack.bottom), STATUS_DEVICE_NOT_READY);
    control(check, stack, METHOD_NEITHER, pend_for_a_while, FALSE, |check, place| {
        let block = record::BLOCK.place(place).cast();
        check.equal(c"result of IoCallDriver", STATUS_PENDING, record::RETURNED.of(place));
        check.equal(
            c"state of the event",
            1,
            KeReadStateEvent(record::EVENT.place(place).cast()),
        );
        check.equal(c"status of the block", STATUS_DEVICE_NOT_READY, BLOCK_STATUS.of(block));
    });
}
