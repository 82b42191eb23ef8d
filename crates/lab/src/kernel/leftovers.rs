//! What a driver may leave behind nowhere: an active object in memory that is freed, and anything of its own that still
//! runs, or will, when it has been unloaded.
//!
//! Not here: pool that was not freed and devices that were not deleted, which have no life of their own.

use std::ops::Range;

use super::Machine;
use crate::rules;

/// How long an unload waits for work items that keep their driver loaded, in steps of [`WAIT_NS`].
const WAITS_MAX: u32 = 10_000;
const WAIT_NS: u64 = 1_000_000;

impl Machine {
    /// The pool block at `address` is about to be freed: no timer may be set in it, and no resource be alive.
    pub(crate) fn check_nothing_active_in(&self, address: usize) {
        if !self.timers.any() && !self.resources.any() && !self.any_lock_from(address) {
            return;
        }
        let block = self.pool.borrow().block_at(address);
        // What is no block, or is freed by another byte than its first, is told by the pool.
        let Some(block) = block.filter(|block| block.address == address) else {
            return;
        };
        let range = block.address..block.address + block.bytes;
        if let Some(timer) = self.timers.first_in(&range) {
            self.violation(
                &rules::FREED_WITH_TIMER,
                &format!("freeing a pool block {} is set", with(&range, "timer", timer)),
            );
        }
        if let Some(resource) = self.resources.first_in(&range) {
            self.violation(
                &rules::FREED_WITH_RESOURCE,
                &format!(
                    "freeing a pool block {} was not deleted",
                    with(&range, "resource", resource)
                ),
            );
        }
        self.locks_freed(&range);
    }

    /// A work item of a device keeps the device's driver loaded until its routine has returned.
    pub(crate) fn wait_for_work_items(&'static self) {
        for _ in 0..WAITS_MAX {
            if !self.threads.has_work_of_devices() {
                return;
            }
            self.sleep_until(self.clock.now_ns() + WAIT_NS);
        }
    }

    /// DriverUnload has returned: nothing may call the driver any more.
    ///
    /// What is on its way out of the driver's code is let go, which Windows does not do: it is a race that a driver
    /// cannot always avoid, and that no run with a seed would show fairly.
    pub(crate) fn check_nothing_runs_on(&'static self) {
        let timer = self.timers.first_in(&(0..usize::MAX));
        if let Some(timer) = timer {
            self.violation(
                &rules::TIMER_LEFT,
                &format!("the driver was unloaded with a timer set, which is at {timer:#x}"),
            );
        }
        if let Some(dpc) = self.queued_dpc() {
            self.violation(
                &rules::TIMER_LEFT,
                &format!("the driver was unloaded with a DPC queued, which is at {dpc:#x}"),
            );
        }
        let begun_late = self.threads.work_queued();
        self.settle();
        let work = begun_late.max(self.threads.work_running());
        if work > 0 {
            self.violation(
                &rules::PENDING_AT_UNLOAD,
                &format!("the driver was unloaded with {work} of its work items outstanding"),
            );
        }
        self.check_pages_unlocked();
        let list = self.lookaside_lists.borrow().first().copied();
        if let Some(list) = list {
            self.violation(
                &rules::LOOKASIDE_LEFT,
                &format!("the driver was unloaded with a lookaside list that it did not delete, which is at {list:#x}"),
            );
        }
        let threads = self.threads.of_driver();
        if threads > 0 {
            self.violation(
                &rules::PENDING_AT_UNLOAD,
                &format!("the driver was unloaded with {threads} of its system threads running"),
            );
        }
    }

    /// The driver is gone: it has given back each reference to a device object, and closed each key of the registry.
    pub(crate) fn check_references_returned(&self) {
        if let Some(path) = self.first_open_key() {
            self.violation(
                &rules::KEY_LEFT_OPEN,
                &format!("the driver was unloaded and left the key {path} open"),
            );
        }
        if let Some((device, references)) = self.devices.first_referenced() {
            self.violation(
                &rules::DEVICE_REFERENCE_LEFT,
                &format!("the driver was unloaded and left device {device} with {references} of its references"),
            );
        }
        let threads = self.thread_references();
        if threads > 0 {
            self.violation(
                &rules::THREAD_REFERENCE_LEFT,
                &format!("the driver was unloaded and has {threads} references to threads"),
            );
        }
    }
}

fn with(block: &Range<usize>, kind: &str, object: usize) -> String {
    format!(
        "of {} bytes in which a {kind}, at offset {:#x},",
        block.len(),
        object - block.start
    )
}
