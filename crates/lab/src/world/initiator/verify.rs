//! What an initiator does as a file system when a removable disk asks for its volume to be verified.

use super::{Tally, add};
use crate::{
    kernel::{
        Machine,
        io::{call::IRP_MJ_DEVICE_CONTROL, irp::Origin},
        layout::{device_object, io_stack_location, irp},
        status::nt_success,
    },
    world::disk::{DO_VERIFY_VOLUME, IOCTL_DISK_CHECK_VERIFY, SL_OVERRIDE_VERIFY_VOLUME},
};

impl Machine {
    /// What a file system does when it is told to: looks what is in the drive, with requests that go through meanwhile.
    ///
    /// They are counted as what they are, since a driver that counts requests cannot tell them from any other.
    pub(super) fn verify_volume(&'static self, device: usize, tally: &Tally) {
        let thread = self.processor_data.thread(self.current());
        let disk = self.device_to_verify(thread);
        self.set_device_to_verify(thread, 0);
        if disk != 0 {
            device_object::FLAGS.set(disk, device_object::FLAGS.get(disk) & !DO_VERIFY_VOLUME);
        }
        let irp = self.allocate_irp(device_object::STACK_SIZE.get(device), Origin::Initiator);
        let irp = irp.unwrap_or_else(|| self.cannot("there is no memory for an IRP"));
        let location = irp.stack_location(irp.stack_count);
        io_stack_location::MAJOR_FUNCTION.set(location, IRP_MJ_DEVICE_CONTROL);
        io_stack_location::FLAGS.set(location, SL_OVERRIDE_VERIFY_VOLUME);
        io_stack_location::ARGUMENT3.set(location, IOCTL_DISK_CHECK_VERIFY);
        irp::THREAD.set(irp.address, thread);
        tally.begin();
        let status = self.send_and_wait_irp(&irp, device);
        tally.end();
        if let Some(counted) = tally.counted(IRP_MJ_DEVICE_CONTROL) {
            add(&counted.sent, 1);
            if nt_success(status) {
                add(&counted.succeeded, 1);
            } else {
                self.count_failed(counted, status);
            }
        }
        let end = if nt_success(status) { "" } else { " in vain" };
        self.reporter.count(&format!("volumes verified{end}"), 1);
    }
}
