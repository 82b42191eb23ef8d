//! The memory of a script's requests, and the medium of its disks.
//!
//! A disk without a medium moves no data. With one, a READ or WRITE that is completed with success moves as many bytes as it says,
//! between the medium and what the IRP describes at that moment: through a mapping of its MDL, as a driver that copies does, or
//! in its system buffer.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::{Address, World};
use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            call::{IRP_MJ_READ, IRP_MJ_WRITE},
            device::{DO_BUFFERED_IO, DO_DIRECT_IO},
            irp::IrpRecord,
        },
        layout::{device_object, io_stack_location, irp, mdl},
        mdl::{KERNEL_MODE, start_of},
        status::{NtStatus, nt_success},
    },
};

/// MDL_MAPPED_TO_SYSTEM_VA and MDL_SOURCE_IS_NONPAGED_POOL: it has an address of the kernel's.
const HAS_ADDRESS: u16 = 0x5;

/// An MDL of locked pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mdl {
    /// Where it is.
    pub address: Address,
    /// The first byte that it describes.
    pub buffer: Address,
    /// How many bytes it describes.
    pub bytes: usize,
}

impl Mdl {
    /// The MDL at `address`, where there is one.
    pub(super) fn at(address: usize) -> Option<Self> {
        (address != 0).then(|| Self {
            address: Address(address),
            buffer: Address(start_of(address)),
            bytes: mdl::BYTE_COUNT.get(address) as usize,
        })
    }
}

/// What a disk keeps.
#[derive(Default)]
pub(super) struct Medium(RefCell<Option<Vec<u8>>>);

impl Medium {
    /// Moves the data of a request that is completed, where there is a medium.
    pub(super) fn transfer(
        &self,
        machine: &'static Machine,
        record: &IrpRecord,
        location: usize,
        status: NtStatus,
        bytes: usize,
    ) {
        let mut medium = self.0.borrow_mut();
        let Some(medium) = medium.as_mut() else {
            return;
        };
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        if !matches!(major, IRP_MJ_READ | IRP_MJ_WRITE) || !nt_success(status) || bytes == 0 {
            return;
        }
        let offset = io_stack_location::ARGUMENT3.get(location);
        let flags = device_object::FLAGS.get(io_stack_location::DEVICE_OBJECT.get(location));
        let part = offset.checked_add(bytes).and_then(|end| medium.get_mut(offset..end));
        let (Some(part), Some(buffer)) = (part, buffer_of(machine, record.address, flags)) else {
            machine.cannot(&format!(
                "the script completes a transfer of {bytes} bytes at {offset:#x} that its medium or the IRP has no room for"
            ));
        };
        if major == IRP_MJ_READ {
            guest::write_bytes(buffer, part);
        } else {
            guest::read_bytes(buffer, part);
        }
    }
}

/// Where a driver finds the data of a request, which it maps for that.
fn buffer_of(machine: &'static Machine, address: usize, device_flags: u32) -> Option<usize> {
    let buffer = if device_flags & DO_BUFFERED_IO != 0 {
        irp::SYSTEM_BUFFER.get(address)
    } else if device_flags & DO_DIRECT_IO != 0 {
        match irp::MDL_ADDRESS.get(address) {
            0 => 0,
            list if mdl::MDL_FLAGS.get(list) & HAS_ADDRESS != 0 => mdl::MAPPED_SYSTEM_VA.get(list),
            list => machine.map_locked_pages(list, KERNEL_MODE, false),
        }
    } else {
        0
    };
    (buffer != 0).then_some(buffer)
}

impl World {
    /// Makes a buffer and an MDL of it with its pages locked, for requests. Both stay until the script is over.
    pub fn new_mdl(&self, bytes: &[u8]) -> Mdl {
        let buffer = self.new_buffer(bytes);
        self.new_mdl_of(buffer, bytes.len())
    }

    /// Makes an MDL of a part of the kernel's memory, with its pages locked.
    pub fn new_mdl_of(&self, buffer: Address, bytes: usize) -> Mdl {
        let machine = self.machine;
        let length = u32::try_from(bytes).unwrap_or_else(|_| machine.cannot("an MDL describes less than 4 GiB"));
        let list = machine
            .allocate_mdl(buffer.0, length)
            .unwrap_or_else(|| machine.cannot("there is no memory for an MDL"));
        machine.lock_mdl(list);
        Mdl {
            address: Address(list),
            buffer,
            bytes,
        }
    }

    /// Makes `second` the MDL behind `first` in its chain.
    pub fn chain(&self, first: Mdl, second: Mdl) {
        // MDL.Next is its first field.
        guest::write(first.address.0, second.address.0);
    }

    /// Gives the disks below a medium with these bytes, all of them the same one.
    pub fn set_medium(&self, bytes: Vec<u8>) {
        *self.disk.medium.0.borrow_mut() = Some(bytes);
    }

    /// What is on the medium.
    pub fn medium(&self) -> Vec<u8> {
        self.disk.medium.0.borrow().clone().unwrap_or_default()
    }

    /// What is in memory from `address` on.
    ///
    /// # Panics
    ///
    /// There is no such memory.
    pub fn memory(&self, address: Address, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        assert!(self.read(address, &mut bytes), "there is no memory at {address:?}");
        bytes
    }
}
