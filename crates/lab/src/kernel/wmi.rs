//! IoWMIRegistrationControl: what is registered with WMI, which has to be given up before it goes.
//!
//! Not simulated: what WMI asks of those who registered. Its requests to other devices of a stack are sent by scenarios.

use std::{cell::RefCell, collections::BTreeSet};

use super::Machine;
use crate::rules;

/// WMIREG_ACTION_REGISTER and WMIREG_ACTION_DEREGISTER; the other actions change nothing of what is registered.
const REGISTER: u32 = 1;
const DEREGISTER: u32 = 2;
/// WMIREG_FLAG_CALLBACK: what is registered is a routine and no device.
const FLAG_CALLBACK: u32 = 0x8000_0000;
/// The flags above the action: the one for callbacks and WMIREG_FLAG_TRACE_PROVIDER with its masks.
const ACTION: u32 = 0xFFFF;

/// What is registered: devices, and routines that WMI calls.
#[derive(Default)]
pub(crate) struct Wmi {
    devices: RefCell<BTreeSet<usize>>,
    callbacks: RefCell<BTreeSet<usize>>,
}

impl Wmi {
    /// Notes what a call of IoWMIRegistrationControl has done.
    pub(crate) fn note(&self, object: usize, action: u32) {
        let registered = if action & FLAG_CALLBACK != 0 {
            &self.callbacks
        } else {
            &self.devices
        };
        match action & ACTION {
            REGISTER => {
                registered.borrow_mut().insert(object);
            }
            DEREGISTER => {
                registered.borrow_mut().remove(&object);
            }
            _ => {}
        }
    }
}

impl Machine {
    /// A device is about to be deleted.
    pub(crate) fn check_not_registered(&self, device: usize) {
        if self.wmi.devices.borrow().contains(&device) {
            self.violation(
                &rules::DELETED_WHILE_REGISTERED,
                "IoDeleteDevice with a device object that is registered with WMI: WMIREG_ACTION_DEREGISTER comes first",
            );
        }
    }

    /// The driver has been unloaded.
    pub(crate) fn check_no_callback_registered(&self) {
        let callback = self.wmi.callbacks.borrow().first().copied();
        if let Some(callback) = callback {
            self.violation(
                &rules::CALLBACK_LEFT,
                &format!("the driver was unloaded with its routine at {callback:#x} registered with WMI"),
            );
        }
    }
}
