//! IofCompleteRequest: the way back up, through the completion routines of every driver that registered one.

use std::rc::Rc;

use super::irp::{
    IrpRecord, Origin, Owner, SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS, SL_PENDING_RETURNED,
};
use crate::{
    guest,
    kernel::{
        Machine,
        activation::Routine,
        layout::{io_stack_location, irp},
        scheduler::DISPATCH_LEVEL,
        status::{self, NtStatus, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, nt_success},
        trace::What,
    },
    rules,
};

/// The size of a stack location's parameters.
const PARAMETERS_BYTES: usize = 0x20;

impl Machine {
    /// IofCompleteRequest as the driver calls it.
    pub(crate) fn complete_checked(&'static self, address: usize) {
        let Some(record) = self.irps.get(address) else {
            self.violation(
                &rules::CALL_WITH_NO_IRP,
                "IoCompleteRequest with something that is no IRP",
            );
        };
        if record.freed.get() || record.owner.get() == Owner::Done {
            self.violation_about(
                Some(&record),
                &rules::COMPLETED_TWICE,
                "IoCompleteRequest with an IRP that has been completed",
            );
        }
        let caller = self.caller_visit(&record);
        if caller.is_some_and(|visit| record.visit(visit, |visit| visit.left)) {
            self.violation_about(
                Some(&record),
                &rules::COMPLETED_TWICE,
                "IoCompleteRequest with an IRP that this driver has completed",
            );
        }
        if self.irql() > DISPATCH_LEVEL {
            self.violation_about(
                Some(&record),
                &rules::COMPLETE_ABOVE_DISPATCH,
                &format!("IoCompleteRequest at IRQL {}", self.irql()),
            );
        }
        if !self.current().spin_locks.borrow().is_empty() {
            self.violation_about(
                Some(&record),
                &rules::COMPLETE_UNDER_SPIN_LOCK,
                "IoCompleteRequest with a spin lock held",
            );
        }
        self.check_owner(&record, caller, false);
        match caller {
            Some(caller) => self.check_output_fits(&record, caller),
            None => self.check_not_own(&record),
        }
        self.check_invariant_on_the_way_up(&record);
        let status = irp::STATUS.get(address);
        if status == STATUS_PENDING || status == -1 {
            self.violation_about(
                Some(&record),
                &rules::COMPLETE_WITH_PENDING,
                &format!("IoCompleteRequest with {}", status::name(status)),
            );
        }
        self.check_status_plausible(&record, status);
        if irp::CANCEL_ROUTINE.get(address) != 0 {
            self.violation_about(
                Some(&record),
                &rules::COMPLETE_WITH_CANCEL_ROUTINE,
                "IoCompleteRequest with an IRP that has a cancel routine",
            );
        }
        if let Some(caller) = caller {
            let (registered, sent, from_below) =
                record.visit(caller, |visit| (visit.registered, visit.sent, visit.status_from_below));
            if registered.is_some() && !sent {
                self.violation_about(
                    Some(&record),
                    &rules::REGISTERED_NOT_SENT,
                    "IoCompleteRequest instead of IoCallDriver after IoSetCompletionRoutineEx: what was allocated \
                     for the completion routine is never freed",
                );
            }
            let came_with = record.visit(caller, |visit| visit.list_on_arrival);
            self.check_list_restored(&record, came_with);
            self.check_was_passed_on(&record, caller);
            self.check_managed_answered(&record, caller);
            if let Some(from_below) = from_below {
                self.check_status_kept(&record, caller, from_below);
            }
            self.check_not_turned(&record, from_below, status);
        }
        self.complete(&record, caller);
    }

    /// No device of the lab sets a cancel routine: one that an IRP has at such a device was set by a driver above.
    fn check_no_cancel_routine_from_above(&self, record: &Rc<IrpRecord>) {
        if irp::CANCEL_ROUTINE.get(record.address) != 0 {
            self.violation_about(
                Some(record),
                &rules::CANCEL_ROUTINE_SET_BELOW,
                "a cancel routine was set in an IRP that a lower driver has, in the place of one that may have been there",
            );
        }
    }

    /// A failure from below stays one, unless the driver has had the request carried out by other IRPs since.
    fn check_not_turned(&self, record: &Rc<IrpRecord>, from_below: Option<NtStatus>, status: NtStatus) {
        let information = irp::INFORMATION.get(record.address);
        if information > 0 && information <= record.transfer.done_from_start() {
            return;
        }
        if let Some(from_below) = from_below
            && !nt_success(from_below)
            && nt_success(status)
        {
            self.violation_about(
                Some(record),
                &rules::SUCCEEDED_WHAT_FAILED,
                &format!(
                    "an IRP that failed below with {} is completed with {}",
                    status::name(from_below),
                    status::name(status)
                ),
            );
        }
    }

    /// Completes an IRP: the part that needs no checking, which the lab's own devices use.
    pub(crate) fn complete(&'static self, record: &Rc<IrpRecord>, completer: Option<usize>) {
        let address = record.address;
        let status = irp::STATUS.get(address);
        if let Some(index) = completer {
            let (location, sent, native) = record.visit(index, |visit| (visit.location, visit.sent, visit.native));
            let control = io_stack_location::CONTROL.get(record.stack_location(location));
            let marked = control & SL_PENDING_RETURNED != 0;
            if native {
                self.check_no_cancel_routine_from_above(record);
                self.forget_invariants_read_into(record, record.stack_location(location));
            }
            record.visit(index, |visit| {
                visit.completed = Some(status);
                visit.marked |= marked && (!sent || visit.kept || native);
                visit.refused = false;
            });
            self.event(
                record,
                What::Completed {
                    device: record.visit(index, |visit| visit.device_serial),
                    status,
                    information: irp::INFORMATION.get(address) as u64,
                },
            );
        }
        record.owner.set(Owner::Completion);
        loop {
            let location = irp::CURRENT_LOCATION.get(address);
            if location > record.stack_count {
                break;
            }
            if !self.unwind_one(record, location) {
                return;
            }
        }
        self.finish(record);
    }

    /// Leaves one stack location. False where a completion routine keeps the IRP.
    fn unwind_one(&'static self, record: &Rc<IrpRecord>, location: u8) -> bool {
        let address = record.address;
        let left = record.stack_location(location);
        let control = io_stack_location::CONTROL.get(left);
        let routine = io_stack_location::COMPLETION_ROUTINE.get(left);
        let context = io_stack_location::CONTEXT.get(left);
        let status = irp::STATUS.get(address);
        let pending = control & SL_PENDING_RETURNED;
        irp::PENDING_RETURNED.set(address, pending);
        // What is below is over: a routine that looks there finds nothing that it could mistake for its own.
        io_stack_location::MINOR_FUNCTION.set(left, 0);
        io_stack_location::FLAGS.set(left, 0);
        io_stack_location::CONTROL.set(left, 0);
        guest::zero(io_stack_location::ARGUMENT1.address(left), PARAMETERS_BYTES);
        io_stack_location::FILE_OBJECT.set(left, 0);
        io_stack_location::COMPLETION_ROUTINE.set(left, 0);
        io_stack_location::CONTEXT.set(left, 0);
        let above = location + 1;
        irp::CURRENT_LOCATION.set(address, above);
        irp::CURRENT_STACK_LOCATION.set(address, record.stack_location(above));
        for visit in record.visits.borrow_mut().iter_mut() {
            if visit.location == location {
                visit.left = true;
            }
        }

        let cancelled = irp::CANCEL.get(address) != 0;
        // The sender's own routine is `done` of the IRP's record, which is called once the IRP has left its stack.
        let invoked = routine != 0
            && routine != self.upper_routine()
            && ((nt_success(status) && control & SL_INVOKE_ON_SUCCESS != 0)
                || (!nt_success(status) && control & SL_INVOKE_ON_ERROR != 0)
                || (cancelled && control & SL_INVOKE_ON_CANCEL != 0));
        let has_location = above <= record.stack_count;
        if !invoked {
            if pending != 0 && has_location {
                self.mark_pending(record, above);
            }
            return true;
        }
        let visit = self.visit_at(record, above);
        let device = if has_location {
            io_stack_location::DEVICE_OBJECT.get(record.stack_location(above))
        } else {
            0
        };
        if routine == self.forward_routine() {
            self.forwarded_is_back(record, visit, context);
            return false;
        }
        let (routine, context) = match self.take_wrapper(routine, context) {
            Some(registered) => registered,
            None => (routine, context),
        };
        match visit {
            Some(index) => {
                record.owner.set(Owner::Visit(index));
                record.visit(index, |visit| {
                    visit.kept = true;
                    visit.left = false;
                    visit.status_from_below = Some(status);
                    visit.information_on_arrival = irp::INFORMATION.get(address);
                });
            }
            None => record.owner.set(Owner::Sender),
        }
        let device_serial = self.devices.serial(device);
        self.event(
            record,
            What::RoutineCalled {
                device: device_serial,
                status,
            },
        );
        if let Some(section) = self.paging.pageable_section(routine) {
            self.violation_about(
                Some(record),
                &rules::COMPLETION_ROUTINE_PAGEABLE,
                &format!("the completion routine is in section {section}, which is pageable and not locked"),
            );
        }
        let sends_before = record.sends.get();
        let returned = self.call_routine(
            Routine::Completion {
                irp: Rc::clone(record),
                visit,
            },
            routine,
            [device, address, context, 0],
        ) as u32 as NtStatus;
        self.event(
            record,
            What::RoutineReturned {
                device: device_serial,
                status: returned,
            },
        );
        if returned == STATUS_MORE_PROCESSING_REQUIRED {
            record.back_at.set(self.steps.get());
            return false;
        }
        let ours = match (record.owner.get(), visit) {
            (Owner::Visit(owner), Some(visit)) => owner == visit,
            (Owner::Sender, None) => true,
            _ => false,
        };
        if !ours || record.sends.get() != sends_before {
            self.violation_about(
                Some(record),
                &rules::COMPLETED_TWICE,
                "a completion routine gave the IRP away and let its completion go on",
            );
        }
        if pending != 0
            && has_location
            && io_stack_location::CONTROL.get(record.stack_location(above)) & SL_PENDING_RETURNED == 0
        {
            self.violation_about(
                Some(record),
                &rules::PENDING_NOT_PROPAGATED,
                "PendingReturned was set, and the completion routine let completion go on without IoMarkIrpPending",
            );
        }
        if irp::CANCEL_ROUTINE.get(address) != 0 {
            self.violation_about(
                Some(record),
                &rules::CANCEL_ROUTINE_LEFT,
                "the completion routine let completion go on with a cancel routine set",
            );
        }
        match visit {
            Some(index) => {
                let came_with = record.visit(index, |visit| visit.list_on_arrival);
                self.check_list_restored(record, came_with);
                self.check_status_kept(record, index, status);
                self.check_managed_answered(record, index);
            }
            None => self.check_event_left_alone(record),
        }
        self.check_not_turned(record, Some(status), irp::STATUS.get(address));
        if let Some(index) = visit {
            record.visit(index, |visit| visit.kept = false);
        }
        record.owner.set(Owner::Completion);
        true
    }

    /// The visit whose stack location this is: the uppermost, where one skipped it.
    fn visit_at(&self, record: &IrpRecord, location: u8) -> Option<usize> {
        let visits = record.visits.borrow();
        // The one that sent the IRP on from this location in a location of its own.
        visits
            .iter()
            .rposition(|visit| visit.location == location && !visit.skipped)
    }

    fn mark_pending(&self, record: &IrpRecord, location: u8) {
        let address = record.stack_location(location);
        let control = io_stack_location::CONTROL.get(address);
        io_stack_location::CONTROL.set(address, control | SL_PENDING_RETURNED);
    }

    /// The IRP is back at its sender.
    fn finish(&'static self, record: &Rc<IrpRecord>) {
        let address = record.address;
        let status = irp::STATUS.get(address);
        let information = irp::INFORMATION.get(address);
        record.final_status.set(status);
        record.final_information.set(information);
        record.final_pending.set(irp::PENDING_RETURNED.get(address) != 0);
        record.owner.set(Owner::Done);
        self.event(
            record,
            What::Done {
                status,
                information: information as u64,
            },
        );
        match record.origin {
            Origin::Driver | Origin::Raw | Origin::Built => return,
            Origin::Threaded => return self.finish_threaded(record),
            Origin::Associated => return self.finish_associated(record),
            Origin::Initiator => {}
        }
        self.check_list_restored(record, record.list_sent.get());
        self.end_parts_of(record);
        self.check_invariant_on_the_way_up(record);
        self.outstanding.borrow_mut().remove(&record.serial);
        if let Some(returned) = record.sent_returned.get() {
            self.check_pending_agrees(record, returned);
        }
        // As the I/O manager does, at once: a driver that still touches the IRP touches freed memory.
        self.free_irp(record);
        let done = record.done.borrow_mut().take();
        if let Some(done) = done {
            done(self, record);
        }
    }
}
