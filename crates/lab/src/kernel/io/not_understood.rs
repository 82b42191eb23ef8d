//! Requests of the PnP manager and of WMI that are not for the driver that gets them: it passes them on as they came.
//!
//! Only those are judged that no driver can understand: a PnP minor function that is none, and WMI's requests to another
//! device. Whether a filter should have an opinion of the others is its own business.

use std::rc::Rc;

use super::{
    call::{IRP_MJ_PNP, IRP_MJ_SYSTEM_CONTROL},
    irp::IrpRecord,
};
use crate::{
    kernel::{
        Machine,
        layout::{io_stack_location, irp},
        status::{self, NtStatus, STATUS_DELETE_PENDING, STATUS_INSUFFICIENT_RESOURCES},
    },
    rules,
};

/// A minor function of IRP_MJ_PNP that is reserved.
pub(crate) const RESERVED_PNP_MINOR: u8 = 0x0E;

/// IRP_MN_DEVICE_ENUMERATED, the last that there is.
const LAST_PNP_MINOR: u8 = 0x19;

fn is_unknown_pnp(major: u8, minor: u8) -> bool {
    major == IRP_MJ_PNP && (minor == RESERVED_PNP_MINOR || minor > LAST_PNP_MINOR)
}

impl Machine {
    /// The driver of this visit completes the IRP: it may not, where it should have passed it on.
    ///
    /// A driver that has no device below has nobody to pass it to, and one that cannot pass it on for want of memory or
    /// because its device is being removed completes it with that status.
    pub(super) fn check_was_passed_on(&self, record: &Rc<IrpRecord>, visit: usize) {
        let (major, location, sent) = record.visit(visit, |visit| (visit.major, visit.location, visit.sent));
        let location = record.stack_location(location);
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        let status = irp::STATUS.get(record.address);
        let cannot = matches!(status, STATUS_DELETE_PENDING | STATUS_INSUFFICIENT_RESOURCES);
        if sent || cannot || self.devices.below(device) == 0 {
            return;
        }
        if is_unknown_pnp(major, io_stack_location::MINOR_FUNCTION.get(location)) {
            self.violation_about(
                Some(record),
                &rules::UNKNOWN_PNP_COMPLETED,
                "IoCompleteRequest with an IRP_MJ_PNP whose minor function is reserved, which is to be passed on",
            );
        }
        // Parameters.WMI.ProviderId.
        if major == IRP_MJ_SYSTEM_CONTROL && io_stack_location::ARGUMENT1.get(location) != device {
            self.violation_about(
                Some(record),
                &rules::SYSTEM_CONTROL_COMPLETED,
                "IoCompleteRequest with an IRP_MJ_SYSTEM_CONTROL for another device, which is to be passed on",
            );
        }
    }

    /// The driver of this visit gives the IRP away, which came to it with status `came` and the information that is noted.
    pub(super) fn check_status_kept(&self, record: &Rc<IrpRecord>, visit: usize, came: NtStatus) {
        let (major, location) = record.visit(visit, |visit| (visit.major, visit.location));
        let minor = io_stack_location::MINOR_FUNCTION.get(record.stack_location(location));
        let now = irp::STATUS.get(record.address);
        if now != came && is_unknown_pnp(major, minor) {
            self.violation_about(
                Some(record),
                &rules::STATUS_OF_UNKNOWN_CHANGED,
                &format!(
                    "an IRP_MJ_PNP whose minor function is reserved came with {} and goes on with {}",
                    status::name(came),
                    status::name(now)
                ),
            );
        }
        let came = record.visit(visit, |visit| visit.information_on_arrival);
        let now = irp::INFORMATION.get(record.address);
        if now != came && is_unknown_pnp(major, minor) {
            self.violation_about(
                Some(record),
                &rules::INFORMATION_OF_UNKNOWN_CHANGED,
                &format!(
                    "an IRP_MJ_PNP whose minor function is reserved came with an information of {came:#x} and goes on \
                     with {now:#x}"
                ),
            );
        }
    }
}
