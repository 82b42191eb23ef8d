//! The medium of a removable disk: taken out, put in again, and verified before it is used.
//!
//! A disk whose medium has been changed fails requests with STATUS_VERIFY_REQUIRED until a file system has looked what is in
//! there now: it sets DO_VERIFY_VOLUME in its device object and stores the device in the requesting thread. Requests with
//! SL_OVERRIDE_VERIFY_VOLUME in their stack location, which the file system sends meanwhile, are served.

use std::cell::Cell;

use super::Disk;
use crate::kernel::{
    Machine,
    io::{call::IRP_MJ_DEVICE_CONTROL, irp::IrpRecord},
    layout::{device_object, io_stack_location, irp},
    status::{NtStatus, STATUS_NO_MEDIA_IN_DEVICE, STATUS_VERIFY_REQUIRED},
};

/// SL_OVERRIDE_VERIFY_VOLUME.
pub(crate) const SL_OVERRIDE_VERIFY_VOLUME: u8 = 0x02;
/// DO_VERIFY_VOLUME.
pub(crate) const DO_VERIFY_VOLUME: u32 = 0x2;
/// IOCTL_DISK_CHECK_VERIFY.
pub(crate) const IOCTL_DISK_CHECK_VERIFY: usize = 0x74800;

/// What is in the drive.
#[derive(Default)]
pub(super) struct Media {
    is_out: Cell<bool>,
    is_unverified: Cell<bool>,
    /// How often another medium was put in.
    changes: Cell<u64>,
}

impl Disk {
    /// Takes the medium out.
    pub(crate) fn eject(&self) {
        self.media.is_out.set(true);
    }

    /// Puts another medium in, an empty one.
    pub(crate) fn insert_medium(&self) {
        *self.medium.borrow_mut() = vec![0; self.medium_bytes()];
        self.media.is_out.set(false);
        self.media.is_unverified.set(true);
        self.media.changes.set(self.media.changes.get() + 1);
    }

    /// How often another medium was put in.
    pub(crate) fn media_changes(&self) -> u64 {
        self.media.changes.get()
    }

    /// The status that a request fails with for what is in the drive, if it does.
    pub(super) fn check_media(&self, machine: &Machine, record: &IrpRecord, location: usize) -> Option<NtStatus> {
        if self.media.is_out.get() {
            machine.reporter.count("requests without a medium", 1);
            return Some(STATUS_NO_MEDIA_IN_DEVICE);
        }
        if !self.media.is_unverified.get() {
            return None;
        }
        let overrides = io_stack_location::FLAGS.get(location) & SL_OVERRIDE_VERIFY_VOLUME != 0;
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        if overrides {
            let checks = io_stack_location::ARGUMENT3.get(location) == IOCTL_DISK_CHECK_VERIFY;
            if major == IRP_MJ_DEVICE_CONTROL && checks {
                self.media.is_unverified.set(false);
            }
            return None;
        }
        machine.reporter.count("requests that have to verify the volume", 1);
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        device_object::FLAGS.set(device, device_object::FLAGS.get(device) | DO_VERIFY_VOLUME);
        machine.set_device_to_verify(irp::THREAD.get(record.address), device);
        Some(STATUS_VERIFY_REQUIRED)
    }
}
