//! IoBuildAsynchronousFsdRequest and IoBuildSynchronousFsdRequest: what is in the IRPs that they build, and what happens
//! when those of the second kind are completed.

use core::ptr;

use crate::{
    check::Check,
    kernel::{
        DO_BUFFERED_IO, DO_DIRECT_IO, Device, ExFreePoolWithTag, FALSE, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_READ,
        IRP_MJ_WRITE, IoBuildAsynchronousFsdRequest, IoBuildSynchronousFsdRequest, IoFreeIrp, IoFreeMdl, IofCallDriver,
        Irp, KeFlushQueuedDpcs, KeGetCurrentThread, KeInitializeEvent, KeReadStateEvent, MmUnlockPages, NOTIFICATION,
        NtStatus, Object, RtlCompareMemory, STATUS_PENDING, STATUS_SUCCESS, StatusBlock, Waitable,
    },
    layers::{Stack, complete, layer, pend_for_a_while},
    objects::{Field, NULL, device_object, extension, irp, location, mdl, next_location, start_of_mdl},
    requests::send,
    threads,
};

/// How much is transferred, and where on the device.
const BYTES: u32 = 512;
static OFFSET: i64 = 0x1_0000_2000;

const DEALLOCATE_BUFFER: u32 = 0x20;

/// Where a status block has its status and its information.
pub(super) const BLOCK_STATUS: Field<NtStatus> = Field::at(0x0);
pub(super) const BLOCK_INFORMATION: Field<usize> = Field::at(0x8);
/// A byte of a buffer.
pub(super) const BYTE: Field<u8> = Field::at(0);

/// Has the bottom be a device with buffered, direct or neither I/O while `work` is done with a buffer.
fn with_buffer(check: &mut Check, stack: Stack, flag: u32, work: impl FnOnce(&mut Check, Device, Object)) {
    let flags = device_object::FLAGS.of(stack.bottom);
    let Some(buffer) = check.have(c"pool", threads::allocate(BYTES as usize)) else {
        return;
    };
    device_object::FLAGS.set(stack.bottom, flags | flag);
    work(check, stack.bottom, buffer);
    device_object::FLAGS.set(stack.bottom, flags);
    threads::free(buffer);
}

fn build(check: &mut Check, major: u8, device: Device, buffer: Object, bytes: u32) -> Option<Irp> {
    let built = IoBuildAsynchronousFsdRequest(major.into(), device, buffer, bytes, &raw const OFFSET, NULL);
    check.have(c"IoBuildAsynchronousFsdRequest", built)
}

/// Frees what IoBuildAsynchronousFsdRequest has built, as its documentation has it.
fn free(request: Irp) {
    let mut list = irp::MDL_ADDRESS.of(request);
    while !list.is_null() {
        let next = mdl::NEXT.of(list);
        MmUnlockPages(list);
        IoFreeMdl(list);
        list = next;
    }
    if irp::FLAGS.of(request) & DEALLOCATE_BUFFER != 0 {
        ExFreePoolWithTag(irp::SYSTEM_BUFFER.of(request), 0);
    }
    IoFreeIrp(request);
}

fn expect_transfer(check: &mut Check, request: Irp, major: u8) {
    let next = next_location(request);
    check.equal(c"MajorFunction", major, location::MAJOR_FUNCTION.of(next));
    check.equal(c"Length", BYTES, location::LENGTH.of(next));
    check.equal(c"ByteOffset", OFFSET.cast_unsigned(), location::OFFSET.of(next));
}

pub(super) fn a_built_read_of_a_buffered_device_has_a_system_buffer(check: &mut Check, stack: Stack) {
    with_buffer(check, stack, DO_BUFFERED_IO, |check, device, buffer| {
        let Some(request) = build(check, IRP_MJ_READ, device, buffer, BYTES) else {
            return;
        };
        expect_transfer(check, request, IRP_MJ_READ);
        check.holds(c"system buffer", !irp::SYSTEM_BUFFER.of(request).is_null());
        check.holds(c"of its own", irp::SYSTEM_BUFFER.of(request) != buffer);
        check.equal(c"MdlAddress", NULL, irp::MDL_ADDRESS.of(request));
        send(device, request);
        free(request);
    });
}

pub(super) fn a_built_write_of_a_buffered_device_has_the_data_copied(check: &mut Check, stack: Stack) {
    with_buffer(check, stack, DO_BUFFERED_IO, |check, device, buffer| {
        BYTE.set(buffer, 0xa5);
        BYTE.set(buffer.wrapping_byte_add(511), 0x5a);
        let Some(request) = build(check, IRP_MJ_WRITE, device, buffer, BYTES) else {
            return;
        };
        expect_transfer(check, request, IRP_MJ_WRITE);
        let system = irp::SYSTEM_BUFFER.of(request);
        check.equal(
            c"bytes that are the same",
            BYTES as usize,
            RtlCompareMemory(system, buffer, BYTES as usize),
        );
        send(device, request);
        free(request);
    });
}

pub(super) fn a_built_read_of_a_direct_device_has_a_locked_mdl(check: &mut Check, stack: Stack) {
    with_buffer(check, stack, DO_DIRECT_IO, |check, device, buffer| {
        let Some(request) = build(check, IRP_MJ_READ, device, buffer, BYTES) else {
            return;
        };
        expect_transfer(check, request, IRP_MJ_READ);
        check.equal(c"SystemBuffer", NULL, irp::SYSTEM_BUFFER.of(request));
        let list = irp::MDL_ADDRESS.of(request);
        if check.have(c"MdlAddress", list).is_some() {
            check.equal(c"address", buffer, start_of_mdl(list));
            check.equal(c"ByteCount", BYTES, mdl::BYTE_COUNT.of(list));
            check.equal(c"locked", mdl::PAGES_LOCKED, mdl::FLAGS.of(list) & mdl::PAGES_LOCKED);
        }
        send(device, request);
        free(request);
    });
}

pub(super) fn a_built_read_of_another_device_has_the_buffer_itself(check: &mut Check, stack: Stack) {
    with_buffer(check, stack, 0, |check, device, buffer| {
        let Some(request) = build(check, IRP_MJ_READ, device, buffer, BYTES) else {
            return;
        };
        expect_transfer(check, request, IRP_MJ_READ);
        check.equal(c"UserBuffer", buffer, irp::USER_BUFFER.of(request));
        check.equal(c"SystemBuffer", NULL, irp::SYSTEM_BUFFER.of(request));
        check.equal(c"MdlAddress", NULL, irp::MDL_ADDRESS.of(request));
        send(device, request);
        free(request);
    });
}

pub(super) fn a_built_irp_names_the_thread_that_built_it(check: &mut Check, stack: Stack) {
    with_buffer(check, stack, DO_DIRECT_IO, |check, device, buffer| {
        let Some(request) = build(check, IRP_MJ_READ, device, buffer, BYTES) else {
            return;
        };
        check.equal(c"Thread", KeGetCurrentThread(), irp::THREAD.of(request));
        send(device, request);
        free(request);
    });
}

pub(super) fn a_built_flush_has_no_buffer(check: &mut Check, stack: Stack) {
    with_buffer(check, stack, DO_BUFFERED_IO, |check, device, _| {
        let major = IRP_MJ_FLUSH_BUFFERS;
        let built = IoBuildAsynchronousFsdRequest(major.into(), device, NULL, 0, ptr::null(), NULL);
        let Some(request) = check.have(c"IoBuildAsynchronousFsdRequest", built) else {
            return;
        };
        check.equal(
            c"MajorFunction",
            major,
            location::MAJOR_FUNCTION.of(next_location(request)),
        );
        check.equal(c"SystemBuffer", NULL, irp::SYSTEM_BUFFER.of(request));
        check.equal(c"MdlAddress", NULL, irp::MDL_ADDRESS.of(request));
        check.equal(
            c"StackCount",
            device_object::STACK_SIZE.of(device),
            irp::STACK_COUNT.of(request),
        );
        send(device, request);
        free(request);
    });
}

/// Writes into the system buffer what a device would have read, and completes.
fn fill_and_complete(device: Device, request: Irp) -> NtStatus {
    BYTE.set(irp::SYSTEM_BUFFER.of(request), 0x77);
    complete(device, request)
}

/// Builds a READ with an event and a status block, sends it, waits where it pends, and expects it done. The block is told
/// to have been written by the status and the information of the bottom.
fn read_synchronously(check: &mut Check, stack: Stack, device: Device, buffer: Object, expected: NtStatus) {
    let Some(event) = check.have(
        c"pool",
        threads::allocate(size_of::<Waitable>().wrapping_add(size_of::<StatusBlock>())),
    ) else {
        return;
    };
    let block = event.wrapping_byte_add(size_of::<Waitable>());
    BLOCK_STATUS.set(block, -1);
    KeInitializeEvent(event, NOTIFICATION, FALSE);
    layer::INFORMATION.set(extension(stack.bottom), BYTES as usize);
    let built = IoBuildSynchronousFsdRequest(
        IRP_MJ_READ.into(),
        device,
        buffer,
        BYTES,
        &raw const OFFSET,
        event,
        block,
    );
    if let Some(request) = check.have(c"IoBuildSynchronousFsdRequest", built) {
        expect_transfer(check, request, IRP_MJ_READ);
        check.equal(c"UserEvent", event, irp::USER_EVENT.of(request));
        check.equal(c"UserIosb", block, irp::USER_STATUS_BLOCK.of(request));
        let returned = IofCallDriver(device, request);
        check.equal(c"result of IoCallDriver", expected, returned);
        if returned == STATUS_PENDING {
            threads::wait(event);
            KeFlushQueuedDpcs();
        }
        check.equal(c"state of the event", 1, KeReadStateEvent(event));
        check.equal(c"status of the block", STATUS_SUCCESS, BLOCK_STATUS.of(block));
        check.equal(c"information of the block", BYTES as usize, BLOCK_INFORMATION.of(block));
    }
    threads::free(event);
}

pub(super) fn a_synchronous_read_of_a_buffered_device_is_copied_back(check: &mut Check, stack: Stack) {
    layer::BEHAVIOUR.set(extension(stack.bottom), fill_and_complete);
    with_buffer(check, stack, DO_BUFFERED_IO, |check, device, buffer| {
        read_synchronously(check, stack, device, buffer, STATUS_SUCCESS);
        check.equal(c"first byte", 0x77, BYTE.of(buffer));
    });
}

pub(super) fn a_synchronous_read_of_a_direct_device_sets_its_event(check: &mut Check, stack: Stack) {
    with_buffer(check, stack, DO_DIRECT_IO, |check, device, buffer| {
        read_synchronously(check, stack, device, buffer, STATUS_SUCCESS);
    });
}

pub(super) fn a_synchronous_read_that_pends_sets_its_event_when_it_is_done(check: &mut Check, stack: Stack) {
    layer::BEHAVIOUR.set(extension(stack.bottom), pend_for_a_while);
    with_buffer(check, stack, 0, |check, device, buffer| {
        read_synchronously(check, stack, device, buffer, STATUS_PENDING);
    });
}
