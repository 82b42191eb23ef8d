//! Offsets and sizes of the kernel structures that these tests look into, on x64 Windows.
//!
//! Written out here and not taken from any library, so that a wrong layout in the driver shows.

pub(crate) mod irp {
    pub(crate) const MDL_ADDRESS: usize = 0x8;
    pub(crate) const FLAGS: usize = 0x10;
    pub(crate) const SYSTEM_BUFFER: usize = 0x18;
    pub(crate) const THREAD_LIST_ENTRY: usize = 0x20;
    pub(crate) const IO_STATUS_STATUS: usize = 0x30;
    pub(crate) const PENDING_RETURNED: usize = 0x41;
    pub(crate) const STACK_COUNT: usize = 0x42;
    pub(crate) const CURRENT_LOCATION: usize = 0x43;
    pub(crate) const CANCEL_ROUTINE: usize = 0x68;
    pub(crate) const USER_BUFFER: usize = 0x70;
    pub(crate) const THREAD: usize = 0x98;
    pub(crate) const CURRENT_STACK_LOCATION: usize = 0xB8;
    pub(crate) const BYTES: usize = 0xD0;
}

pub(crate) mod stack_location {
    pub(crate) const FLAGS: usize = 0x2;
    pub(crate) const CONTROL: usize = 0x3;
    pub(crate) const LENGTH: usize = 0x8;
    pub(crate) const KEY: usize = 0x10;
    pub(crate) const BYTE_OFFSET: usize = 0x18;
    pub(crate) const DEVICE_OBJECT: usize = 0x28;
    pub(crate) const COMPLETION_ROUTINE: usize = 0x38;
    pub(crate) const CONTEXT: usize = 0x40;
    pub(crate) const BYTES: usize = 0x48;
    /// Bit of `Control`: the driver of this location has returned or will return STATUS_PENDING.
    pub(crate) const SL_PENDING_RETURNED: u8 = 0x01;
    /// Bits of `Control`: the driver above wants to hear of cancel, success and error.
    pub(crate) const SL_INVOKE_ALL: u8 = 0xE0;
}

pub(crate) mod device_object {
    pub(crate) const NEXT_DEVICE: usize = 0x10;
    pub(crate) const ATTACHED_DEVICE: usize = 0x18;
    pub(crate) const FLAGS: usize = 0x30;
    pub(crate) const CHARACTERISTICS: usize = 0x34;
    pub(crate) const STACK_SIZE: usize = 0x4C;
    pub(crate) const SECTOR_SIZE: usize = 0x130;
    pub(crate) const BYTES: usize = 0x150;
}

pub(crate) mod driver_object {
    pub(crate) const DEVICE_OBJECT: usize = 0x8;
    pub(crate) const DRIVER_UNLOAD: usize = 0x68;
    pub(crate) const MAJOR_FUNCTION: usize = 0x70;
    pub(crate) const MAJOR_FUNCTIONS: usize = 28;
    pub(crate) const BYTES: usize = 0x150;
}

pub(crate) mod driver_extension {
    pub(crate) const ADD_DEVICE: usize = 0x8;
}

/// The size that `IoInitializeRemoveLockEx` and its kin are told.
pub(crate) const REMOVE_LOCK_BYTES: u32 = 0x20;
