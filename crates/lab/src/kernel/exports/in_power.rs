//! What a driver had better not call in its dispatch routine for IRP_MN_SET_POWER, while the disk that it may take is going
//! to sleep: functions for PASSIVE_LEVEL alone, which reach pageable memory, and on the way down those that allocate.
//!
//! Both are warnings: a device with DO_POWER_PAGABLE is powered at PASSIVE_LEVEL, and who bears the failure may allocate.

use crate::{
    kernel::{
        Machine,
        io::call::IRP_MJ_POWER,
        layout::io_stack_location,
        power::{DEVICE_POWER_STATE, POWER_SYSTEM_WORKING, SET_POWER},
    },
    rules,
};

impl Machine {
    /// The driver calls a function that is for PASSIVE_LEVEL alone.
    pub(super) fn check_passive_in_power(&self, function: &str) {
        let Some((record, visit)) = self.dispatched() else {
            return;
        };
        if record.visit(visit, |visit| (visit.major, visit.minor)) == (IRP_MJ_POWER, SET_POWER) {
            self.warning(
                Some(&record),
                &rules::PASSIVE_IN_POWER,
                &format!("{function}, which is for PASSIVE_LEVEL alone, in dispatch of IRP_MN_SET_POWER"),
            );
        }
    }

    /// The driver allocates pool.
    pub(super) fn check_allocates_in_power(&self, function: &str) {
        let Some((record, visit)) = self.dispatched() else {
            return;
        };
        let (functions, location) = record.visit(visit, |visit| ((visit.major, visit.minor), visit.location));
        if functions != (IRP_MJ_POWER, SET_POWER) || record.freed.get() {
            return;
        }
        let location = record.stack_location(location);
        let is_of_system = io_stack_location::ARGUMENT2.get(location) & 0xFFFF_FFFF != DEVICE_POWER_STATE;
        let state = io_stack_location::ARGUMENT3.get(location) & 0xFFFF_FFFF;
        if is_of_system && state > POWER_SYSTEM_WORKING {
            self.warning(
                Some(&record),
                &rules::ALLOCATED_FOR_SLEEP,
                &format!("{function} in dispatch of IRP_MN_SET_POWER to system state {state}"),
            );
        }
    }
}
