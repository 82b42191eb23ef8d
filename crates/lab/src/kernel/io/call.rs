//! IofCallDriver: how an IRP gets to the next driver, and what must hold when a dispatch routine returns.

use std::rc::Rc;

use super::irp::{IrpRecord, Origin, Owner, SL_PENDING_RETURNED, Visit};
use crate::{
    kernel::{
        Machine,
        activation::Routine,
        layout::{IO_TYPE_IRP, device_object, driver_object, io_stack_location, irp},
        scheduler::{APC_LEVEL, DISPATCH_LEVEL},
        status::{self, NtStatus, STATUS_PENDING},
        trace::What,
    },
    rules,
};

/// IRP_MJ_READ.
pub(crate) const IRP_MJ_READ: u8 = 0x03;
/// IRP_MJ_WRITE.
pub(crate) const IRP_MJ_WRITE: u8 = 0x04;
/// IRP_MJ_FLUSH_BUFFERS.
pub(crate) const IRP_MJ_FLUSH_BUFFERS: u8 = 0x09;
/// IRP_MJ_DEVICE_CONTROL.
pub(crate) const IRP_MJ_DEVICE_CONTROL: u8 = 0x0E;
/// IRP_MJ_INTERNAL_DEVICE_CONTROL.
pub(crate) const IRP_MJ_INTERNAL_DEVICE_CONTROL: u8 = 0x0F;
/// IRP_MJ_POWER.
pub(crate) const IRP_MJ_POWER: u8 = 0x16;
/// IRP_MJ_SYSTEM_CONTROL.
pub(crate) const IRP_MJ_SYSTEM_CONTROL: u8 = 0x17;
/// IRP_MJ_PNP.
pub(crate) const IRP_MJ_PNP: u8 = 0x1B;

/// What a variable of a driver holds that was never given a status.
const STATUS_MINUS_ONE: NtStatus = -1;

/// The major functions that may be sent at DISPATCH_LEVEL.
const AT_DISPATCH: [u8; 5] = [
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL,
    IRP_MJ_POWER,
];

impl Machine {
    /// IofCallDriver as the driver calls it.
    pub(crate) fn call_driver_checked(&'static self, device: usize, address: usize) -> NtStatus {
        let record = self.irp_of_call(address);
        let caller = self.caller_visit(&record);
        if self.irql() > DISPATCH_LEVEL {
            self.violation_about(
                Some(&record),
                &rules::CALL_ABOVE_DISPATCH,
                &format!("IoCallDriver at IRQL {}", self.irql()),
            );
        }
        if device == 0 {
            self.violation_about(
                Some(&record),
                &rules::CALL_TO_NULL,
                "IoCallDriver with a null device object",
            );
        }
        if !self.devices.is_live(device) {
            self.violation_about(
                Some(&record),
                &rules::CALL_TO_NO_DEVICE,
                "IoCallDriver with something that is no device object",
            );
        }
        self.check_owner(&record, caller, true);
        if irp::CANCEL_ROUTINE.get(address) != 0 {
            self.violation_about(
                Some(&record),
                &rules::CALL_WITH_CANCEL_ROUTINE,
                "IoCallDriver with an IRP that has a cancel routine",
            );
        }
        let location = irp::CURRENT_LOCATION.get(address);
        if location <= 1 || location > record.stack_count.saturating_add(1) {
            self.violation_about(
                Some(&record),
                &rules::OUT_OF_STACK_LOCATIONS,
                &format!(
                    "IoCallDriver with an IRP that has {} stack locations, in its {location}.",
                    record.stack_count
                ),
            );
        }
        let next = record.stack_location(location - 1);
        let major = io_stack_location::MAJOR_FUNCTION.get(next);
        if self.irql() == DISPATCH_LEVEL && !AT_DISPATCH.contains(&major) {
            self.violation_about(
                Some(&record),
                &rules::FORWARDED_AT_BAD_IRQL,
                &format!("{} sent at DISPATCH_LEVEL", super::irp::major_name(major)),
            );
        }
        self.check_apc_can_run(&record);
        self.check_routine_keeps_image(&record, location - 1);
        self.check_transfer_sent(&record, location - 1);
        match caller {
            Some(caller) => self.check_forwarding(&record, caller, location - 1, device),
            None => self.check_own_sent(&record, location - 1),
        }
        self.check_invariant_on_the_way_down(&record);
        self.send(&record, caller, device)
    }

    /// The I/O manager completes an IRP that was built for a thread in an APC of that thread.
    fn check_apc_can_run(&self, record: &Rc<IrpRecord>) {
        if record.origin == Origin::Threaded && self.irql() >= APC_LEVEL {
            self.violation_about(
                Some(record),
                &rules::SENT_WITH_APCS_OFF,
                &format!(
                    "IoCallDriver at IRQL {} with an IRP that was built for this thread, whose APC cannot run",
                    self.irql()
                ),
            );
        }
    }

    /// The image of a driver that PnP does not keep loaded is kept by IoSetCompletionRoutineEx.
    fn check_routine_keeps_image(&self, record: &Rc<IrpRecord>, next: u8) {
        let location = record.stack_location(next);
        let routine = io_stack_location::COMPLETION_ROUTINE.get(location);
        let is_own = self.loaded().image.relative(routine).is_some();
        if is_own && self.add_device_routine().is_none() && self.unload_routine().is_some() {
            self.warning(
                Some(record),
                &rules::ROUTINE_OF_UNLOADABLE,
                "IoCallDriver with a completion routine of IoSetCompletionRoutine, in a driver that has no AddDevice and \
                 can be unloaded: it may be so before the routine has returned",
            );
        }
    }

    /// The IRP that a call names; anything else ends the run.
    pub(crate) fn irp_of_call(&self, address: usize) -> Rc<IrpRecord> {
        let Some(record) = self.irps.get(address) else {
            self.violation(&rules::CALL_WITH_NO_IRP, "IoCallDriver with something that is no IRP");
        };
        if record.freed.get() {
            self.violation_about(
                Some(&record),
                &rules::FREED_POOL_ACCESSED,
                "IoCallDriver with an IRP that has been freed",
            );
        }
        if irp::TYPE.get(address) != IO_TYPE_IRP {
            self.violation_about(
                Some(&record),
                &rules::CALL_WITH_NO_IRP,
                "IoCallDriver with an IRP whose type was overwritten",
            );
        }
        record
    }

    /// The visit on whose behalf the running code works with an IRP: `None` is the IRP's sender.
    pub(crate) fn caller_visit(&self, record: &Rc<IrpRecord>) -> Option<usize> {
        let activations = self.current().activations.borrow();
        let innermost = activations
            .iter()
            .rev()
            .find_map(|activation| match &activation.routine {
                Routine::Dispatch { irp, visit } if Rc::ptr_eq(irp, record) => Some(Some(*visit)),
                Routine::Completion { irp, visit } if Rc::ptr_eq(irp, record) => Some(*visit),
                _ => None,
            });
        if let Some(visit) = innermost {
            return visit;
        }
        // Elsewhere, in a DPC or another thread, the driver works for the visit that holds the IRP; where that is a device
        // of the lab, for the one above it.
        match record.owner.get() {
            Owner::Visit(visit) => {
                let visits = record.visits.borrow();
                (0..=visit)
                    .rev()
                    .find(|&index| visits.get(index).is_some_and(|visit| !visit.native && !visit.left))
            }
            _ => None,
        }
    }

    /// The caller must be the one that has the IRP.
    pub(crate) fn check_owner(&self, record: &Rc<IrpRecord>, caller: Option<usize>, sending: bool) {
        let owner = record.owner.get();
        let is_owner = match (owner, caller) {
            (Owner::Sender, None) => true,
            (Owner::Visit(visit), Some(caller)) => visit == caller,
            _ => false,
        };
        if is_owner {
            return;
        }
        let (rule, what) = match (owner, sending) {
            (Owner::Done, _) => (&rules::COMPLETED_TWICE, "an IRP that has been completed"),
            (_, true) => (&rules::CALL_WHILE_BELOW, "an IRP that a lower driver has"),
            (_, false) => (&rules::COMPLETE_WHILE_BELOW, "an IRP that a lower driver has"),
        };
        let call = if sending { "IoCallDriver" } else { "IoCompleteRequest" };
        self.violation_about(Some(record), rule, &format!("{call} with {what}"));
    }

    /// What a driver that sends an IRP on must have done with its stack location and the next one.
    fn check_forwarding(&self, record: &Rc<IrpRecord>, caller: usize, next: u8, target: usize) {
        let (own, refused, registered) =
            record.visit(caller, |visit| (visit.location, visit.refused, visit.registered));
        if refused {
            self.violation_about(
                Some(record),
                &rules::FORWARD_AFTER_REFUSAL,
                "IoCallDriver after IoSetCompletionRoutineEx had failed: the IRP has to be completed",
            );
        }
        self.check_lock_on_forwarding(record, caller);
        self.check_managed_forwarded(record, caller, next, target);
        let (sent, came) = record.visit(caller, |visit| (visit.sent, visit.status_on_arrival));
        if !sent {
            self.check_status_kept(record, caller, came);
        }
        let location = record.stack_location(next);
        let routine = io_stack_location::COMPLETION_ROUTINE.get(location);
        if let Some(registration) = registered {
            let context = io_stack_location::CONTEXT.get(location);
            let runs =
                registration.location == next && self.is_wrapper_routine(routine) && context == registration.wrapper;
            if !runs {
                self.violation_about(
                    Some(record),
                    &rules::WRAPPER_LOST,
                    "IoCallDriver with a stack location in which the routine that was registered with \
                     IoSetCompletionRoutineEx is not: what was allocated for it is never freed",
                );
            }
        }
        if next < own {
            self.check_copied(record, record.stack_location(own), location);
        }
        // One that has the IRP marked pending must copy: the driver below could clear the mark in a location that was
        // skipped.
        if next < own && routine == 0 && !sent && !self.is_marked(record, own) {
            self.warning(
                Some(record),
                &rules::COPIED_WITHOUT_ROUTINE,
                "IoCallDriver with a copied stack location and no completion routine",
            );
        }
    }

    /// Sends an IRP to a device: the part that needs no checking, which the lab's own devices use.
    pub(crate) fn send(&'static self, record: &Rc<IrpRecord>, caller: Option<usize>, device: usize) -> NtStatus {
        let address = record.address;
        let location = irp::CURRENT_LOCATION.get(address) - 1;
        let stack_location = record.stack_location(location);
        irp::CURRENT_LOCATION.set(address, location);
        irp::CURRENT_STACK_LOCATION.set(address, stack_location);
        io_stack_location::DEVICE_OBJECT.set(stack_location, device);
        let major = io_stack_location::MAJOR_FUNCTION.get(stack_location);
        let minor = io_stack_location::MINOR_FUNCTION.get(stack_location);
        let device_serial = self.devices.serial(device);
        let native = self.devices.native(device);
        if let Some(caller) = caller {
            let own = record.visit(caller, |visit| visit.location);
            let skipped = own == location;
            // Before the lower driver could mark it, which has the same location where this one skipped its own.
            let marked = self.is_marked(record, own);
            record.visit(caller, |visit| {
                visit.sent = true;
                visit.skipped = skipped;
                visit.marked |= marked;
                visit.kept = false;
                visit.registered = None;
                visit.lower_returned = None;
            });
        }
        if caller.is_none() {
            record.list_sent.set(irp::MDL_ADDRESS.get(address));
            self.sign(record);
        }
        let visit = record.begin_visit(
            caller,
            Visit {
                device_serial,
                location,
                major,
                minor,
                native: native.is_some(),
                marked: false,
                sent: false,
                lower_returned: None,
                skipped: false,
                completed: None,
                kept: false,
                registered: None,
                refused: false,
                lock_refused: false,
                returned: None,
                left: false,
                status_on_arrival: irp::STATUS.get(address),
                list_on_arrival: irp::MDL_ADDRESS.get(address),
                information_on_arrival: irp::INFORMATION.get(address),
                status_from_below: None,
                queued_unmarked: None,
            },
        );
        record.owner.set(Owner::Visit(visit));
        self.event(
            record,
            What::Called {
                device: device_serial,
                major,
                minor,
                location,
            },
        );
        let status = match native {
            Some(native) => native.dispatch(self, record, visit),
            None => self.dispatch(record, visit, device, major),
        };
        self.event(
            record,
            What::Returned {
                device: device_serial,
                status,
            },
        );
        record.visit(visit, |visit| visit.returned = Some(status));
        if let Some(caller) = caller {
            record.visit(caller, |visit| visit.lower_returned = Some(status));
        }
        status
    }

    /// Calls the driver's dispatch routine.
    fn dispatch(&'static self, record: &Rc<IrpRecord>, visit: usize, device: usize, major: u8) -> NtStatus {
        let driver = device_object::DRIVER_OBJECT.get(device);
        let routine =
            crate::guest::read::<usize>(driver_object::MAJOR_FUNCTION.address(driver) + 8 * usize::from(major));
        if routine == self.invalid_request_routine() {
            return self.invalid_device_request(record);
        }
        let result = self.call_routine(
            Routine::Dispatch {
                irp: Rc::clone(record),
                visit,
            },
            routine,
            [device, record.address, 0, 0],
        );
        let status = result as u32 as NtStatus;
        self.check_dispatch_return(record, visit, status);
        status
    }

    fn is_marked(&self, record: &IrpRecord, location: u8) -> bool {
        io_stack_location::CONTROL.get(record.stack_location(location)) & SL_PENDING_RETURNED != 0
    }

    /// What a dispatch routine returned must belong to what it did.
    fn check_dispatch_return(&'static self, record: &Rc<IrpRecord>, index: usize, status: NtStatus) {
        let name = |what: String| format!("the dispatch routine for {} {what}", record.major_name(index));
        let still_here = record.owner.get() == Owner::Visit(index) && !record.freed.get();
        let (location, sent, kept) = record.visit(index, |visit| (visit.location, visit.sent, visit.kept));
        if still_here && (!sent || kept) && self.is_marked(record, location) {
            record.visit(index, |visit| visit.marked = true);
        }
        let (marked, completed, lower, registered, refused) = record.visit(index, |visit| {
            (
                visit.marked,
                visit.completed,
                visit.lower_returned,
                visit.registered,
                visit.refused,
            )
        });
        if status == STATUS_MINUS_ONE {
            self.violation_about(
                Some(record),
                &rules::RETURNED_MINUS_ONE,
                &name("returned 0xFFFFFFFF, which is no status".to_owned()),
            );
        }
        // One that is marked may be about to be sent by whoever it was handed to.
        if registered.is_some() && !sent && !marked {
            self.violation_about(
                Some(record),
                &rules::REGISTERED_NOT_SENT,
                &name("returned without having sent an IRP that it registered a completion routine for".to_owned()),
            );
        }
        if refused && completed.is_none() && !marked {
            self.violation_about(
                Some(record),
                &rules::FORWARD_AFTER_REFUSAL,
                &name("returned without having completed an IRP whose registration was refused".to_owned()),
            );
        }
        if marked && status != STATUS_PENDING {
            self.violation_about(
                Some(record),
                &rules::MARKED_NOT_PENDING,
                &name(format!("marked the IRP pending and returned {}", status::name(status))),
            );
        }
        if marked {
            self.check_marked_when_queued(record, index);
            return;
        }
        if let Some(completed) = completed {
            if status == STATUS_PENDING {
                self.violation_about(
                    Some(record),
                    &rules::PENDING_NOT_MARKED,
                    &name("completed the IRP and returned STATUS_PENDING without having marked it".to_owned()),
                );
            }
            if status != completed {
                self.violation_about(
                    Some(record),
                    &rules::RETURNED_OTHER_STATUS,
                    &name(format!(
                        "completed the IRP with {} and returned {}",
                        status::name(completed),
                        status::name(status)
                    )),
                );
            }
            return;
        }
        // While its completion routine runs elsewhere, the IRP is neither kept nor on its way: what that routine returns
        // decides, and is checked then.
        if kept && !self.is_in_completion_routine(record, index) {
            // The routine took the IRP back, and nothing was done with it since.
            if status == STATUS_PENDING {
                self.violation_about(
                    Some(record),
                    &rules::PENDING_NOT_MARKED,
                    &name("kept the IRP and returned STATUS_PENDING without having marked it".to_owned()),
                );
            }
            self.violation_about(
                Some(record),
                &rules::IRP_DROPPED,
                &name(format!(
                    "took the IRP back in its completion routine and returned {} without completing it",
                    status::name(status)
                )),
            );
        }
        if sent {
            if let Some(lower) = lower
                && status != lower
            {
                self.violation_about(
                    Some(record),
                    if status == STATUS_PENDING {
                        &rules::PENDING_NOT_MARKED
                    } else {
                        &rules::RETURNED_OTHER_STATUS
                    },
                    &name(format!(
                        "returned {} where the lower driver had returned {}",
                        status::name(status),
                        status::name(lower)
                    )),
                );
            }
            return;
        }
        if status == STATUS_PENDING {
            self.violation_about(
                Some(record),
                &rules::PENDING_NOT_MARKED,
                &name("returned STATUS_PENDING and has neither marked the IRP nor sent it on".to_owned()),
            );
        }
        self.violation_about(
            Some(record),
            &rules::IRP_DROPPED,
            &name(format!(
                "returned {} and has neither completed the IRP, nor sent it on, nor marked it pending",
                status::name(status)
            )),
        );
    }
}
