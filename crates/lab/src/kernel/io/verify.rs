//! The device that a thread has to verify: what a driver whose medium has been changed tells the file system.

use std::{cell::RefCell, collections::BTreeMap};

use crate::kernel::Machine;

/// By the addresses of the threads.
#[derive(Default)]
pub(crate) struct DevicesToVerify(RefCell<BTreeMap<usize, usize>>);

impl Machine {
    /// IoSetDeviceToVerify: stores the device in the thread; a null pointer takes it away.
    pub(crate) fn set_device_to_verify(&self, thread: usize, device: usize) {
        let mut devices = self.devices_to_verify.0.borrow_mut();
        if thread == 0 || device == 0 {
            devices.remove(&thread);
        } else {
            devices.insert(thread, device);
        }
    }

    /// IoGetDeviceToVerify: the device that is stored in the thread, or 0.
    pub(crate) fn device_to_verify(&self, thread: usize) -> usize {
        self.devices_to_verify
            .0
            .borrow()
            .get(&thread)
            .copied()
            .unwrap_or_default()
    }
}
