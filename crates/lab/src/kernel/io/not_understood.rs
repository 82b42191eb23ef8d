//! Requests of the PnP manager, the power manager and WMI that are not for the driver that gets them: it passes them on as
//! they came.
//!
//! Only those are judged that no driver can understand: a minor function of PnP or power that is none, and WMI's requests
//! to another device. What a driver has to do with the others is in `managed`.

use std::rc::Rc;

use super::{
    call::{IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL},
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

/// A minor function of IRP_MJ_POWER that is none.
pub(crate) const RESERVED_POWER_MINOR: u8 = 0x0F;

/// IRP_MN_QUERY_POWER, the last that there is.
const LAST_POWER_MINOR: u8 = 0x03;

fn is_unknown_power(major: u8, minor: u8) -> bool {
    major == IRP_MJ_POWER && minor > LAST_POWER_MINOR
}

pub(super) fn is_unknown_pnp(major: u8, minor: u8) -> bool {
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
        let minor = io_stack_location::MINOR_FUNCTION.get(location);
        if is_unknown_power(major, minor) {
            self.violation_about(
                Some(record),
                &rules::UNKNOWN_POWER_COMPLETED,
                "IoCompleteRequest with an IRP_MJ_POWER whose minor function is none, which is to be passed on",
            );
        }
        if is_unknown_pnp(major, minor) {
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
        let (rule, kind) = if is_unknown_pnp(major, minor) {
            (
                &rules::STATUS_OF_UNKNOWN_CHANGED,
                "IRP_MJ_PNP whose minor function is reserved",
            )
        } else if is_unknown_power(major, minor) {
            (
                &rules::STATUS_OF_UNKNOWN_POWER_CHANGED,
                "IRP_MJ_POWER whose minor function is none",
            )
        } else {
            return;
        };
        if now != came {
            self.violation_about(
                Some(record),
                rule,
                &format!(
                    "an {kind} came with {} and goes on with {}",
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
