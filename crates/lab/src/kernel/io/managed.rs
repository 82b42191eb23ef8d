//! What a driver may do with the requests of the PnP manager and the power manager that it understands: how it sends them
//! on, and with which status it answers them.
//!
//! Not here: requests that no driver understands, which are in `not_understood`, and what has to hold when a request is back
//! at its manager, which is in `world::pnp` and `world::power`.

use std::rc::Rc;

use super::{
    call::{IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL},
    irp::{INITIAL_STATUS, IrpRecord, major_name},
    not_understood::is_unknown_pnp,
};
use crate::{
    guest,
    kernel::{
        Machine,
        layout::{io_stack_location, irp},
        power::{QUERY_POWER, SET_POWER},
        status::{self, NtStatus, STATUS_NOT_SUPPORTED, nt_success},
    },
    rules::{self, Rule},
};

/// IRP_MN_QUERY_CAPABILITIES.
const QUERY_CAPABILITIES: u8 = 0x09;

/// Minor functions of PnP that a filter passes on unless it fails them: START, QUERY_REMOVE, REMOVE, CANCEL_REMOVE, STOP,
/// QUERY_STOP, CANCEL_STOP, QUERY_CAPABILITIES, QUERY_PNP_DEVICE_STATE, DEVICE_USAGE_NOTIFICATION and SURPRISE_REMOVAL.
const PNP_PASSED_ON: [u8; 11] = [
    0x00,
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    QUERY_CAPABILITIES,
    0x14,
    0x16,
    0x17,
];

/// Minor functions of PnP that bus drivers answer, and those above them do not: QUERY_RESOURCES,
/// QUERY_RESOURCE_REQUIREMENTS, QUERY_DEVICE_TEXT, QUERY_ID and QUERY_BUS_INFORMATION.
const PNP_OF_BUS_DRIVERS: [u8; 5] = [0x0A, 0x0B, 0x0C, 0x13, 0x15];

/// Set in no NTSTATUS: the bit is reserved.
const RESERVED_STATUS_BIT: NtStatus = 0x1000_0000;

/// DEVICE_CAPABILITIES.
mod capabilities {
    pub(super) const BYTES: u32 = 0x40;
    pub(super) const SIZE: usize = 0;
    pub(super) const VERSION: usize = 2;
    pub(super) const ADDRESS: usize = 8;
    pub(super) const UI_NUMBER: usize = 12;
    pub(super) const VERSION_1: u32 = 1;
    pub(super) const UNKNOWN: u32 = u32::MAX;
}

/// The two rules of one meaning, of which one is for PnP and the other for power.
fn for_major(major: u8, pnp: &'static Rule, power: &'static Rule) -> &'static Rule {
    if major == IRP_MJ_POWER { power } else { pnp }
}

impl Machine {
    /// A driver sends an IRP on, in stack location `next`, to the device `target`.
    pub(super) fn check_managed_forwarded(&self, record: &Rc<IrpRecord>, visit: usize, next: u8, target: usize) {
        let (major, minor, own, sent, came) = record.visit(visit, |visit| {
            (
                visit.major,
                visit.minor,
                visit.location,
                visit.sent,
                visit.status_on_arrival,
            )
        });
        if !matches!(major, IRP_MJ_PNP | IRP_MJ_POWER | IRP_MJ_SYSTEM_CONTROL) {
            return;
        }
        let functions = |location| {
            let location = record.stack_location(location);
            (
                io_stack_location::MAJOR_FUNCTION.get(location),
                io_stack_location::MINOR_FUNCTION.get(location),
            )
        };
        if next < own && functions(next) != functions(own) {
            let (sent_major, sent_minor) = functions(next);
            self.violation_about(
                Some(record),
                &rules::LOCATION_NOT_COPIED,
                &format!(
                    "IoCallDriver with an {} of minor function {minor:#04x} whose next stack location says {}, {sent_minor:#04x}",
                    major_name(major),
                    major_name(sent_major)
                ),
            );
        }
        let below = self
            .devices
            .below(io_stack_location::DEVICE_OBJECT.get(record.stack_location(own)));
        if below != 0 && target != below && self.is_beneath(below, target) {
            self.violation_about(
                Some(record),
                &rules::DEVICE_SKIPPED,
                &format!(
                    "IoCallDriver with an {} to a device beneath the one that the driver is attached to",
                    major_name(major)
                ),
            );
        }
        let now = irp::STATUS.get(record.address);
        if sent || now == came || major == IRP_MJ_SYSTEM_CONTROL {
            return;
        }
        if !nt_success(now) && now != STATUS_NOT_SUPPORTED {
            self.violation_about(
                Some(record),
                for_major(major, &rules::FAILED_PNP_PASSED_ON, &rules::FAILED_POWER_PASSED_ON),
                &format!(
                    "IoCallDriver with an {} of minor function {minor:#04x} that has been failed with {}, which is to be \
                     completed",
                    major_name(major),
                    status::name(now)
                ),
            );
        }
        self.check_not_unsupported(record, major, came);
        self.check_answers_for_itself(record, major, minor, now);
    }

    /// Whether a device is in the stack beneath another.
    fn is_beneath(&self, device: usize, target: usize) -> bool {
        let mut below = self.devices.below(device);
        while below != 0 && below != target {
            below = self.devices.below(below);
        }
        below != 0
    }

    /// A driver completes an IRP, or lets its completion go on.
    pub(super) fn check_managed_answered(&self, record: &Rc<IrpRecord>, visit: usize) {
        let (major, minor, own, sent, came, from_below) = record.visit(visit, |visit| {
            (
                visit.major,
                visit.minor,
                visit.location,
                visit.sent,
                visit.status_on_arrival,
                visit.status_from_below,
            )
        });
        if !matches!(major, IRP_MJ_PNP | IRP_MJ_POWER) {
            return;
        }
        if sent {
            self.check_not_unsupported(record, major, from_below.unwrap_or(came));
            return;
        }
        let location = record.stack_location(own);
        if self.devices.below(io_stack_location::DEVICE_OBJECT.get(location)) == 0 {
            return;
        }
        let now = irp::STATUS.get(record.address);
        self.check_answers_for_itself(record, major, minor, now);
        let is_passed_on = match major {
            IRP_MJ_PNP => PNP_PASSED_ON.contains(&minor),
            _ => matches!(minor, SET_POWER | QUERY_POWER),
        };
        if !is_passed_on {
            return;
        }
        let rule = if nt_success(now) {
            for_major(
                major,
                &rules::SUCCESSFUL_PNP_COMPLETED,
                &rules::SUCCESSFUL_POWER_COMPLETED,
            )
        } else if now == STATUS_NOT_SUPPORTED {
            for_major(
                major,
                &rules::UNTOUCHED_PNP_COMPLETED,
                &rules::UNTOUCHED_POWER_COMPLETED,
            )
        } else {
            return;
        };
        self.violation_about(
            Some(record),
            rule,
            &format!(
                "IoCompleteRequest with an {} of minor function {minor:#04x} and {}, which the drivers below have not seen",
                major_name(major),
                status::name(now)
            ),
        );
    }

    /// STATUS_NOT_SUPPORTED is what nobody has answered, and no answer.
    fn check_not_unsupported(&self, record: &Rc<IrpRecord>, major: u8, before: NtStatus) {
        let now = irp::STATUS.get(record.address);
        if before != STATUS_NOT_SUPPORTED && now == STATUS_NOT_SUPPORTED {
            self.violation_about(
                Some(record),
                for_major(major, &rules::PNP_NOT_SUPPORTED, &rules::POWER_NOT_SUPPORTED),
                &format!(
                    "the status of an {} was {} and is turned into STATUS_NOT_SUPPORTED",
                    major_name(major),
                    status::name(before)
                ),
            );
        }
    }

    /// What bus drivers answer is not answered by others.
    fn check_answers_for_itself(&self, record: &Rc<IrpRecord>, major: u8, minor: u8, now: NtStatus) {
        let is_of_others = major == IRP_MJ_PNP && PNP_OF_BUS_DRIVERS.contains(&minor) && !is_unknown_pnp(major, minor);
        if is_of_others && nt_success(now) {
            self.violation_about(
                Some(record),
                &rules::ANSWERED_FOR_ANOTHER,
                &format!(
                    "an IRP_MJ_PNP of minor function {minor:#04x}, which bus drivers answer, has {} before they have seen it",
                    status::name(now)
                ),
            );
        }
    }

    /// A status that an IRP is completed with is one.
    pub(super) fn check_status_plausible(&self, record: &Rc<IrpRecord>, status: NtStatus) {
        if status & RESERVED_STATUS_BIT != 0 {
            self.violation_about(
                Some(record),
                &rules::SUSPICIOUS_STATUS,
                &format!(
                    "IoCompleteRequest with {}, which no status can be: it has a reserved bit set",
                    status::name(status)
                ),
            );
        }
    }

    /// The driver sends an IRP of its own: where it asks for capabilities, what is to be filled in has been prepared.
    pub(super) fn check_capabilities_asked(&self, record: &Rc<IrpRecord>, location: usize) {
        let is_question = io_stack_location::MAJOR_FUNCTION.get(location) == IRP_MJ_PNP
            && io_stack_location::MINOR_FUNCTION.get(location) == QUERY_CAPABILITIES
            && irp::STATUS.get(record.address) == INITIAL_STATUS;
        if !is_question {
            return;
        }
        let block = io_stack_location::ARGUMENT1.get(location);
        let word = |offset| u32::from(guest::read::<u16>(block + offset));
        let number = |offset| guest::read::<u32>(block + offset);
        let fields = [
            (
                &rules::CAPABILITIES_VERSION,
                "Version",
                word(capabilities::VERSION),
                capabilities::VERSION_1,
            ),
            (
                &rules::CAPABILITIES_SIZE,
                "Size",
                word(capabilities::SIZE),
                capabilities::BYTES,
            ),
            (
                &rules::CAPABILITIES_ADDRESS,
                "Address",
                number(capabilities::ADDRESS),
                capabilities::UNKNOWN,
            ),
            (
                &rules::CAPABILITIES_UI_NUMBER,
                "UINumber",
                number(capabilities::UI_NUMBER),
                capabilities::UNKNOWN,
            ),
        ];
        let wrong = fields.into_iter().find(|(_, _, value, expected)| value != expected);
        let Some((rule, field, value, expected)) = wrong else {
            return;
        };
        self.violation_about(
            Some(record),
            rule,
            &format!(
                "IoCallDriver with an IRP_MN_QUERY_CAPABILITIES whose DEVICE_CAPABILITIES has {field} {value:#x} and not \
                 {expected:#x}"
            ),
        );
    }
}
