//! Device objects, their stacks, and their names.

use core::ptr;

use super::strings::{Text, string};
use crate::{
    check::Check,
    kernel::{
        DO_DEVICE_INITIALIZING, Device, FALSE, FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN,
        IoAttachDeviceToDeviceStack, IoAttachDeviceToDeviceStackSafe, IoCreateDevice, IoCreateSymbolicLink,
        IoDeleteDevice, IoDeleteSymbolicLink, IoDetachDevice, IoGetAttachedDeviceReference, NtStatus,
        ObfDereferenceObject, Object, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
        UnicodeString,
    },
    layers::{Stack, make_device},
    objects::{Field, NULL, device_object, driver_object, extension},
};

/// IO_TYPE_DEVICE.
const IO_TYPE_DEVICE: i16 = 3;
/// FILE_512_BYTE_ALIGNMENT.
const ALIGNMENT: u32 = 0x1ff;

static DEVICE_NAME: Text<28> = string(b"\\Device\\ConformanceOfDriver");
static LINK_NAME: Text<28> = string(b"\\DosDevices\\ConformanceLink");

/// Does something with a new device, which has to be attached to nothing when it is done.
fn with_device(check: &mut Check, stack: Stack, work: impl FnOnce(&mut Check, Device)) {
    match make_device(stack.driver, 0x40) {
        Some(device) => {
            work(check, device);
            IoDeleteDevice(device);
        }
        None => check.missing(c"IoCreateDevice"),
    }
}

pub(super) fn a_new_device_is_initialised(check: &mut Check, stack: Stack) {
    with_device(check, stack, |check, device| {
        check.equal(c"Type", IO_TYPE_DEVICE, device_object::TYPE.of(device));
        check.equal(c"DriverObject", stack.driver, device_object::DRIVER.of(device));
        check.equal(c"StackSize", 1, device_object::STACK_SIZE.of(device));
        check.equal(
            c"DeviceType",
            FILE_DEVICE_UNKNOWN,
            device_object::DEVICE_TYPE.of(device),
        );
        let characteristics = device_object::CHARACTERISTICS.of(device) & FILE_DEVICE_SECURE_OPEN;
        check.equal(c"Characteristics", FILE_DEVICE_SECURE_OPEN, characteristics);
        let initializing = device_object::FLAGS.of(device) & DO_DEVICE_INITIALIZING;
        check.equal(c"DO_DEVICE_INITIALIZING", DO_DEVICE_INITIALIZING, initializing);
        check.equal(c"AttachedDevice", NULL, device_object::ATTACHED_DEVICE.of(device));
        let words: Field<[u64; 8]> = Field::at(0);
        check.holds(c"extension of zeros", words.of(extension(device)) == [0; 8]);
    });
}

pub(super) fn a_device_without_an_extension_has_none(check: &mut Check, stack: Stack) {
    let Some(device) = make_device(stack.driver, 0) else {
        check.missing(c"IoCreateDevice");
        return;
    };
    check.equal(c"DeviceExtension", NULL, extension(device));
    IoDeleteDevice(device);
}

pub(super) fn a_new_device_is_the_first_of_its_driver_until_it_is_deleted(check: &mut Check, stack: Stack) {
    let before = driver_object::DEVICE_OBJECT.of(stack.driver);
    with_device(check, stack, |check, device| {
        check.equal(c"DeviceObject", device, driver_object::DEVICE_OBJECT.of(stack.driver));
        check.equal(c"NextDevice", before, device_object::NEXT_DEVICE.of(device));
    });
    check.equal(
        c"DeviceObject afterwards",
        before,
        driver_object::DEVICE_OBJECT.of(stack.driver),
    );
}

pub(super) fn each_device_of_a_stack_has_a_location_more_than_the_one_below(check: &mut Check, stack: Stack) {
    for (device, size) in [(stack.bottom, 1), (stack.middle, 2), (stack.top, 3)] {
        check.equal(c"StackSize", size, device_object::STACK_SIZE.of(device));
    }
}

pub(super) fn attaching_goes_to_the_top_of_the_stack(check: &mut Check, stack: Stack) {
    with_device(check, stack, |check, device| {
        let mut lower = NULL;
        let status = IoAttachDeviceToDeviceStackSafe(device, stack.bottom, &raw mut lower);
        check.equal(c"IoAttachDeviceToDeviceStackSafe", STATUS_SUCCESS, status);
        check.equal(c"device below", stack.top, lower);
        check.equal(
            c"AttachedDevice of the top",
            device,
            device_object::ATTACHED_DEVICE.of(stack.top),
        );
        check.equal(c"StackSize", 4, device_object::STACK_SIZE.of(device));
        if status >= STATUS_SUCCESS {
            IoDetachDevice(lower);
        }
    });
}

pub(super) fn the_older_call_returns_the_device_below(check: &mut Check, stack: Stack) {
    with_device(check, stack, |check, device| {
        let lower = IoAttachDeviceToDeviceStack(device, stack.middle);
        check.equal(c"IoAttachDeviceToDeviceStack", stack.top, lower);
        if !lower.is_null() {
            IoDetachDevice(lower);
        }
    });
}

pub(super) fn detaching_takes_the_device_off_the_stack(check: &mut Check, stack: Stack) {
    with_device(check, stack, |check, device| {
        let lower = IoAttachDeviceToDeviceStack(device, stack.bottom);
        if lower.is_null() {
            check.missing(c"IoAttachDeviceToDeviceStack");
            return;
        }
        IoDetachDevice(lower);
        check.equal(c"AttachedDevice", NULL, device_object::ATTACHED_DEVICE.of(stack.top));
        let top = IoGetAttachedDeviceReference(stack.bottom);
        check.equal(c"IoGetAttachedDeviceReference", stack.top, top);
        ObfDereferenceObject(top);
    });
}

pub(super) fn attaching_takes_over_the_alignment(check: &mut Check, stack: Stack) {
    let before = device_object::ALIGNMENT_REQUIREMENT.of(stack.top);
    device_object::ALIGNMENT_REQUIREMENT.set(stack.top, ALIGNMENT);
    with_device(check, stack, |check, device| {
        let lower = IoAttachDeviceToDeviceStack(device, stack.top);
        check.equal(
            c"AlignmentRequirement",
            ALIGNMENT,
            device_object::ALIGNMENT_REQUIREMENT.of(device),
        );
        if !lower.is_null() {
            IoDetachDevice(lower);
        }
    });
    device_object::ALIGNMENT_REQUIREMENT.set(stack.top, before);
}

pub(super) fn the_attached_device_is_the_topmost(check: &mut Check, stack: Stack) {
    for device in [stack.bottom, stack.middle, stack.top] {
        let top: Object = IoGetAttachedDeviceReference(device);
        check.equal(c"IoGetAttachedDeviceReference", stack.top, top);
        ObfDereferenceObject(top);
    }
}

/// Makes a device with a name. Null where that fails.
fn make_named(stack: Stack, name: &UnicodeString) -> (NtStatus, Device) {
    let mut device = NULL;
    let status = IoCreateDevice(
        stack.driver,
        0,
        ptr::from_ref(name),
        FILE_DEVICE_UNKNOWN,
        FILE_DEVICE_SECURE_OPEN,
        FALSE,
        &raw mut device,
    );
    (status, device)
}

pub(super) fn a_name_belongs_to_one_device_until_it_is_deleted(check: &mut Check, stack: Stack) {
    let name = DEVICE_NAME.counted();
    for _ in 0..2 {
        let (status, device) = make_named(stack, &name);
        check.equal(c"IoCreateDevice", STATUS_SUCCESS, status);
        if status < STATUS_SUCCESS {
            return;
        }
        let (again, _) = make_named(stack, &name);
        check.equal(c"IoCreateDevice again", STATUS_OBJECT_NAME_COLLISION, again);
        IoDeleteDevice(device);
    }
}

pub(super) fn a_symbolic_link_is_there_until_it_is_deleted(check: &mut Check, _stack: Stack) {
    let (link, target) = (LINK_NAME.counted(), DEVICE_NAME.counted());
    for _ in 0..2 {
        let status = IoCreateSymbolicLink(&raw const link, &raw const target);
        check.equal(c"IoCreateSymbolicLink", STATUS_SUCCESS, status);
        let again = IoCreateSymbolicLink(&raw const link, &raw const target);
        check.equal(c"IoCreateSymbolicLink again", STATUS_OBJECT_NAME_COLLISION, again);
        check.equal(
            c"IoDeleteSymbolicLink",
            STATUS_SUCCESS,
            IoDeleteSymbolicLink(&raw const link),
        );
        let gone = IoDeleteSymbolicLink(&raw const link);
        check.equal(c"IoDeleteSymbolicLink again", STATUS_OBJECT_NAME_NOT_FOUND, gone);
    }
}
