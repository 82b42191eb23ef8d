//! Offsets and sizes of the kernel structures that cross the driver's boundary, on x64 Windows.
//!
//! Written out here and not taken from any library, so that a wrong layout in the driver shows.

pub(crate) mod irp {
    pub(crate) const TYPE: usize = 0x0;
    pub(crate) const SIZE: usize = 0x2;
    pub(crate) const IO_STATUS_STATUS: usize = 0x30;
    pub(crate) const IO_STATUS_INFORMATION: usize = 0x38;
    pub(crate) const PENDING_RETURNED: usize = 0x41;
    pub(crate) const STACK_COUNT: usize = 0x42;
    pub(crate) const CURRENT_LOCATION: usize = 0x43;
    pub(crate) const CANCEL: usize = 0x44;
    pub(crate) const CURRENT_STACK_LOCATION: usize = 0xB8;
    pub(crate) const BYTES: usize = 0xD0;
    /// `Type` of an IRP.
    pub(crate) const IO_TYPE_IRP: u16 = 6;
}

pub(crate) mod stack_location {
    pub(crate) const MAJOR_FUNCTION: usize = 0x0;
    pub(crate) const MINOR_FUNCTION: usize = 0x1;
    pub(crate) const CONTROL: usize = 0x3;
    pub(crate) const DEVICE_OBJECT: usize = 0x28;
    pub(crate) const BYTES: usize = 0x48;
    /// Bit of `Control`: the driver of this location has returned or will return STATUS_PENDING.
    pub(crate) const SL_PENDING_RETURNED: u8 = 0x01;
    /// Bits of `Control`: the driver above wants to hear of cancel, success and error.
    pub(crate) const SL_INVOKE_ALL: u8 = 0xE0;
}

pub(crate) mod device_object {
    pub(crate) const TYPE: usize = 0x0;
    pub(crate) const SIZE: usize = 0x2;
    pub(crate) const DRIVER_OBJECT: usize = 0x8;
    pub(crate) const NEXT_DEVICE: usize = 0x10;
    pub(crate) const ATTACHED_DEVICE: usize = 0x18;
    pub(crate) const FLAGS: usize = 0x30;
    pub(crate) const CHARACTERISTICS: usize = 0x34;
    pub(crate) const DEVICE_EXTENSION: usize = 0x40;
    pub(crate) const DEVICE_TYPE: usize = 0x48;
    pub(crate) const STACK_SIZE: usize = 0x4C;
    pub(crate) const ALIGNMENT_REQUIREMENT: usize = 0x98;
    pub(crate) const SECTOR_SIZE: usize = 0x130;
    pub(crate) const BYTES: usize = 0x150;
    /// `Type` of a device object.
    pub(crate) const IO_TYPE_DEVICE: u16 = 3;
}

pub(crate) mod driver_object {
    pub(crate) const TYPE: usize = 0x0;
    pub(crate) const SIZE: usize = 0x2;
    pub(crate) const DEVICE_OBJECT: usize = 0x8;
    pub(crate) const DRIVER_EXTENSION: usize = 0x30;
    pub(crate) const DRIVER_INIT: usize = 0x58;
    pub(crate) const DRIVER_UNLOAD: usize = 0x68;
    pub(crate) const MAJOR_FUNCTION: usize = 0x70;
    pub(crate) const MAJOR_FUNCTIONS: usize = 28;
    pub(crate) const BYTES: usize = 0x150;
    /// `Type` of a driver object.
    pub(crate) const IO_TYPE_DRIVER: u16 = 4;
}

pub(crate) mod driver_extension {
    pub(crate) const DRIVER_OBJECT: usize = 0x0;
    pub(crate) const ADD_DEVICE: usize = 0x8;
    pub(crate) const BYTES: usize = 0x28;
}

pub(crate) mod unicode_string {
    pub(crate) const LENGTH: usize = 0x0;
    pub(crate) const MAXIMUM_LENGTH: usize = 0x2;
    pub(crate) const BUFFER: usize = 0x8;
    pub(crate) const BYTES: usize = 0x10;
}

/// The size that `IoInitializeRemoveLockEx` and its kin are told.
pub(crate) const REMOVE_LOCK_BYTES: u32 = 0x20;
