//! Device objects as a script sees them.

use std::fmt;

use super::Address;
use crate::{
    guest,
    kernel::{Machine, layout::device_object},
};

/// What a device that the driver is to join is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerDevice {
    /// Its type.
    pub device_type: u32,
    /// Its flags, once it has been initialised.
    pub flags: u32,
    /// Its characteristics.
    pub characteristics: u32,
    /// Its stack size: 1 for the bottom of a stack, and anything for a device that says what is not so.
    pub stack_size: u8,
}

impl Default for LowerDevice {
    /// FILE_DEVICE_DISK with DO_DIRECT_IO.
    fn default() -> Self {
        Self {
            device_type: 0x7,
            flags: 0x10,
            characteristics: 0,
            stack_size: 1,
        }
    }
}

/// A device object, of the driver or of the lab.
///
/// # Panics
///
/// What reads the object panics where it has been deleted.
#[derive(Clone, Copy)]
pub struct Device {
    machine: &'static Machine,
    address: usize,
    serial: u32,
}

impl Device {
    /// The device object at `address`, dead or alive.
    pub(super) fn at(machine: &'static Machine, address: usize) -> Option<Self> {
        let serial = machine.devices.serial(address);
        (serial != 0).then_some(Self {
            machine,
            address,
            serial,
        })
    }

    fn expect(machine: &'static Machine, address: usize) -> Self {
        Self::at(machine, address).expect("what a device is attached to is a device")
    }

    /// Where the device object is.
    pub fn address(self) -> Address {
        Address(self.address)
    }

    /// Whether it has not been deleted.
    pub fn exists(self) -> bool {
        self.machine.devices.is_live(self.address) && self.machine.devices.serial(self.address) == self.serial
    }

    fn live(self) -> usize {
        assert!(self.exists(), "{self:?} has been deleted");
        self.address
    }

    /// `Flags`.
    pub fn flags(self) -> u32 {
        device_object::FLAGS.get(self.live())
    }

    /// Sets `Flags`, as the driver of the device would.
    pub fn set_flags(self, flags: u32) {
        device_object::FLAGS.set(self.live(), flags);
    }

    /// Sets `Characteristics`, as the driver of the device would.
    pub fn set_characteristics(self, characteristics: u32) {
        device_object::CHARACTERISTICS.set(self.live(), characteristics);
    }

    /// `Characteristics`.
    pub fn characteristics(self) -> u32 {
        device_object::CHARACTERISTICS.get(self.live())
    }

    /// `DeviceType`.
    pub fn device_type(self) -> u32 {
        device_object::DEVICE_TYPE.get(self.live())
    }

    /// `StackSize`.
    pub fn stack_size(self) -> u8 {
        device_object::STACK_SIZE.get(self.live())
    }

    /// The device that is attached to it.
    pub fn attached(self) -> Option<Self> {
        match device_object::ATTACHED_DEVICE.get(self.live()) {
            0 => None,
            above => Some(Self::expect(self.machine, above)),
        }
    }

    /// The topmost device of the stack that it is in.
    pub fn top_of_stack(self) -> Self {
        Self::expect(self.machine, self.machine.top_of_stack(self.live()))
    }

    /// The address of its extension.
    pub fn extension(self) -> Address {
        Address(device_object::DEVICE_EXTENSION.get(self.live()))
    }

    /// The remove lock in its extension.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn remove_lock(self) -> Address {
        let lock = self.machine.remove_lock_of(self.live());
        Address(lock.unwrap_or_else(|| panic!("{self:?} has no remove lock")))
    }

    /// The whole device object, its extension included.
    pub fn bytes(self) -> Vec<u8> {
        let mut bytes = vec![0; usize::from(device_object::SIZE.get(self.live()))];
        guest::read_bytes(self.address, &mut bytes);
        bytes
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Device {}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {} at {:#x}", self.serial, self.address)
    }
}
