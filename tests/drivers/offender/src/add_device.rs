//! AddDevice: how a filter device comes into a stack.

use core::ptr;

use crate::{
    kernel::{
        FALSE, FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN, IoAttachDeviceToDeviceStackSafe, IoCreateDevice,
        IoDeleteDevice, IoInitializeRemoveLockEx, NtStatus, STATUS_SUCCESS,
    },
    objects::{Device, Driver, Extension},
    pool,
    request::REMOVE_LOCK_BYTES,
    switch::{self, Conduct, Place},
};

pub(crate) const DO_BUFFERED_IO: u32 = 0x4;
pub(crate) const DO_DIRECT_IO: u32 = 0x10;
pub(crate) const DO_POWER_INRUSH: u32 = 0x4000;
pub(crate) const DO_POWER_PAGABLE: u32 = 0x2000;
const DO_DEVICE_INITIALIZING: u32 = 0x80;

/// FILE_REMOVABLE_MEDIA, FILE_READ_ONLY_DEVICE and FILE_FLOPPY_DISKETTE: what the medium is.
const INHERITED_CHARACTERISTICS: u32 = 0x7;

/// What is done with a new device.
pub(crate) struct Plan {
    /// Anything but success is returned, and no device is made.
    pub(crate) status: NtStatus,
    /// The flags that are taken over from the lower device.
    pub(crate) inherited_flags: u32,
    /// Flags that are set whatever the lower device has.
    pub(crate) own_flags: u32,
    /// Whether the lower device's type is taken over.
    pub(crate) inherits_type: bool,
    /// What the device is attached to.
    pub(crate) target: Target,
    /// Whether the device is declared ready.
    pub(crate) is_initialised: bool,
    /// Whether it is so before anything is taken over.
    pub(crate) is_ready_early: bool,
}

/// What a device is attached to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The stack that it is made for.
    Stack,
    /// A device of this driver's own.
    OwnDevice,
}

/// What is right.
const CLEAN: Plan = Plan {
    status: STATUS_SUCCESS,
    inherited_flags: DO_BUFFERED_IO | DO_DIRECT_IO | DO_POWER_INRUSH | DO_POWER_PAGABLE,
    own_flags: 0,
    inherits_type: true,
    target: Target::Stack,
    is_initialised: true,
    is_ready_early: false,
};

/// Called by the PnP manager for each stack that this driver is to be in.
pub(crate) extern "system" fn add_device(driver: Driver, physical_device: Device) -> NtStatus {
    let mut plan = CLEAN;
    if let Some((Place::AddDevice(change), Conduct::Offending)) = switch::told() {
        change(&mut plan);
    }
    if plan.status < STATUS_SUCCESS {
        return plan.status;
    }
    attach(driver, physical_device, &plan)
}

/// Makes a device without a name.
pub(crate) fn create(driver: Driver, device: &mut Device) -> NtStatus {
    #[expect(clippy::cast_possible_truncation, reason = "a few words")]
    const EXTENSION_BYTES: u32 = size_of::<Extension>() as u32;

    IoCreateDevice(
        driver,
        EXTENSION_BYTES,
        ptr::null(),
        FILE_DEVICE_UNKNOWN,
        FILE_DEVICE_SECURE_OPEN,
        FALSE,
        device,
    )
}

/// Declares a device ready.
pub(crate) fn clear_initialising(device: Device) {
    device.set_flags(device.flags() & !DO_DEVICE_INITIALIZING);
}

fn attach(driver: Driver, physical_device: Device, plan: &Plan) -> NtStatus {
    let mut device = Device::NULL;
    let status = create(driver, &mut device);
    if status < STATUS_SUCCESS {
        return status;
    }
    IoInitializeRemoveLockEx(device.remove_lock(), pool::TAG, 0, 0, REMOVE_LOCK_BYTES);
    // SAFETY: the extension of the new device, which nobody else knows yet.
    unsafe { device.physical_place().write(physical_device) };
    let target = match plan.target {
        Target::Stack => physical_device,
        Target::OwnDevice => device,
    };
    let status = IoAttachDeviceToDeviceStackSafe(device, target, device.lower_place());
    if status < STATUS_SUCCESS {
        IoDeleteDevice(device);
        return status;
    }
    let lower = device.lower();
    if plan.is_ready_early {
        clear_initialising(device);
    }
    if plan.inherits_type {
        device.set_device_type(lower.device_type());
    }
    device.set_characteristics(device.characteristics() | (lower.characteristics() & INHERITED_CHARACTERISTICS));
    device.set_flags(device.flags() | (lower.flags() & plan.inherited_flags) | plan.own_flags);
    if plan.is_initialised {
        clear_initialising(device);
    }
    STATUS_SUCCESS
}
