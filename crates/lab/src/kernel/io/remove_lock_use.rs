//! What a driver that uses a remove lock uses it for: it holds it while a request is below, and waits for it in
//! IRP_MN_REMOVE_DEVICE, once, before its device is gone.
//!
//! Only a driver is judged that acquires the lock in dispatch under the IRP's address: a lock that is for something else, or
//! that is held under tags that tell nothing, could be held for anything. Not here: acquisitions that are not released,
//! which nobody could know before the request is over.

use std::rc::Rc;

use super::{
    call::{IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_READ, IRP_MJ_WRITE},
    irp::{IrpRecord, major_name},
};
use crate::{
    kernel::{Machine, layout::io_stack_location},
    rules,
};

const QUERY_REMOVE_DEVICE: u8 = 0x01;
const REMOVE_DEVICE: u8 = 0x02;
const SURPRISE_REMOVAL: u8 = 0x17;

/// The major functions that the lock is held for while they are below.
const LOCKED: [u8; 5] = [
    IRP_MJ_PNP,
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL,
];

impl Machine {
    /// A driver sends an IRP on.
    pub(super) fn check_lock_on_forwarding(&self, record: &Rc<IrpRecord>, visit: usize) {
        let (major, own, sent, refused) = record.visit(visit, |visit| {
            (visit.major, visit.location, visit.sent, visit.lock_refused)
        });
        if sent || !LOCKED.contains(&major) {
            return;
        }
        let location = record.stack_location(own);
        let minor = io_stack_location::MINOR_FUNCTION.get(location);
        let is_of_removal =
            major == IRP_MJ_PNP && matches!(minor, QUERY_REMOVE_DEVICE | REMOVE_DEVICE | SURPRISE_REMOVAL);
        if refused && !is_of_removal {
            self.violation_about(
                Some(record),
                &rules::FORWARDED_WITHOUT_LOCK,
                &format!(
                    "IoCallDriver with an {} for which IoAcquireRemoveLock had failed: the device may be detached already",
                    major_name(major)
                ),
            );
        }
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        let uses = self.uses_of_remove_locks(device, record);
        let is_judged = uses.iter().any(|lock| lock.is_for_requests) && !uses.iter().any(|lock| lock.is_removed);
        if is_judged && !uses.iter().any(|lock| lock.may_be_held_for_irp) {
            self.warning(
                Some(record),
                &rules::FORWARDED_UNLOCKED,
                &format!(
                    "IoCallDriver with an {} for which the remove lock is not held",
                    major_name(major)
                ),
            );
        }
    }

    /// A driver waits for its remove lock: it is not in the dispatch routine of another request.
    pub(super) fn check_waits_in_removal(&self) {
        let Some((record, visit)) = self.dispatched() else {
            return;
        };
        if !is_removal(&record, visit) {
            self.violation_about(
                Some(&record),
                &rules::WAITED_FOR_OUTSIDE_REMOVAL,
                &format!(
                    "IoReleaseRemoveLockAndWait in the dispatch routine for an {} that is no IRP_MN_REMOVE_DEVICE",
                    record.major_name(visit)
                ),
            );
        }
    }

    /// A device is about to be deleted: where that is in its IRP_MN_REMOVE_DEVICE, its remove lock has been waited for.
    pub(super) fn check_lock_waited_for(&self, device: usize) {
        let Some((record, visit)) = self.dispatched() else {
            return;
        };
        // The IRP may be gone by now; what is known of it is not.
        let removed = record.visit(visit, |visit| visit.device_serial);
        if !is_removal(&record, visit) || removed != self.devices.serial(device) {
            return;
        }
        let uses = self.uses_of_remove_locks(device, &record);
        if uses.iter().any(|lock| lock.is_for_requests) && !uses.iter().any(|lock| lock.is_removed) {
            self.violation_about(
                Some(&record),
                &rules::REMOVED_WITHOUT_WAITING,
                "IoDeleteDevice in IRP_MN_REMOVE_DEVICE of a device whose remove lock has been acquired for requests and \
                 was not waited for",
            );
        }
    }
}

/// Whether a visit is for IRP_MN_REMOVE_DEVICE.
fn is_removal(record: &IrpRecord, visit: usize) -> bool {
    record.visit(visit, |visit| visit.major == IRP_MJ_PNP && visit.minor == REMOVE_DEVICE)
}
