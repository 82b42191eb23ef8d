//! IRPs that a driver makes: what must hold when it sends, completes, initialises and reuses one, and waits for it.
//!
//! Where an IRP comes from decides who may do what with it, see [`Origin`]. How they are allocated and built is in
//! `allocate` and `build`.

use std::rc::Rc;

use super::{
    call::{
        IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_READ,
        IRP_MJ_SYSTEM_CONTROL, IRP_MJ_WRITE,
    },
    irp::{INITIAL_STATUS, IrpRecord, Origin, Owner, initialise, major_name},
};
use crate::{
    kernel::{
        Machine,
        activation::Routine,
        call_name,
        layout::{io_stack_location, irp, kevent},
        scheduler::{Context, State},
        status::{self, nt_success},
    },
    rules::{self, Rule},
};

/// The PnP minor functions that only the PnP manager sends: START_DEVICE to CANCEL_STOP_DEVICE, and SURPRISE_REMOVAL.
const PNP_OF_SYSTEM: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 0x17];

const METHOD_BUFFERED: usize = 0;
const IRP_QUOTA_CHARGED: u8 = 0x01;

/// A routine of the driver, in the course of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    context: u16,
    activation: u64,
}

impl Machine {
    /// Who calls the kernel now, where it is a routine of the driver.
    fn sender(&self) -> Option<Sender> {
        let context = self.current();
        let activation = context.activations.borrow().last().map(|activation| activation.serial);
        activation.map(|activation| Sender {
            context: context.id,
            activation,
        })
    }

    /// The driver sends an IRP that it has from nobody.
    pub(super) fn check_own_sent(&self, record: &Rc<IrpRecord>, next: u8) {
        record.sent_by.set(self.sender());
        self.irps.note_own_sent(record);
        let location = record.stack_location(next);
        let without_routine = match record.origin {
            Origin::Driver | Origin::Raw => Some(&rules::OWN_IRP_WITHOUT_ROUTINE),
            Origin::Built => Some(&rules::BUILT_IRP_WITHOUT_ROUTINE),
            _ => None,
        };
        if let Some(rule) = without_routine
            && io_stack_location::COMPLETION_ROUTINE.get(location) == 0
        {
            self.violation_about(
                Some(record),
                rule,
                "IoCallDriver with an IRP of the driver's own and no completion routine, which would get it back",
            );
        }
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        let minor = io_stack_location::MINOR_FUNCTION.get(location);
        let wrong_status = match major {
            IRP_MJ_PNP => Some(&rules::PNP_SENT_WITH_STATUS),
            IRP_MJ_POWER => Some(&rules::POWER_SENT_WITH_STATUS),
            IRP_MJ_SYSTEM_CONTROL => Some(&rules::WMI_SENT_WITH_STATUS),
            _ => None,
        };
        let status = irp::STATUS.get(record.address);
        if let Some(rule) = wrong_status
            && status != INITIAL_STATUS
        {
            self.violation_about(
                Some(record),
                rule,
                &format!(
                    "IoCallDriver with a new {} whose status is {}",
                    major_name(major),
                    status::name(status)
                ),
            );
        }
        if major == IRP_MJ_POWER || (major == IRP_MJ_PNP && PNP_OF_SYSTEM.contains(&minor)) {
            self.violation_about(
                Some(record),
                &rules::SENT_FOR_SYSTEM,
                &format!(
                    "IoCallDriver with a {} of the driver's own, minor function {minor:#04x}, which only the system sends",
                    major_name(major)
                ),
            );
        }
        self.check_capabilities_asked(record, location);
        self.check_event_not_signalled(record);
    }

    fn check_event_not_signalled(&self, record: &Rc<IrpRecord>) {
        let event = irp::USER_EVENT.get(record.address);
        if record.origin == Origin::Threaded && event != 0 && kevent::SIGNAL_STATE.get(event) > 0 {
            self.violation_about(
                Some(record),
                &rules::EVENT_SIGNALLED_BEFORE,
                "IoCallDriver with an IRP whose event is signalled: a wait for it would not wait for the IRP",
            );
        }
    }

    /// The driver sets an event, which is not for it to set where the I/O manager does.
    ///
    /// A completion routine that keeps the IRP may: who waits completes the IRP once more, which is right.
    pub(crate) fn check_event_to_set(&self, event: usize) {
        let record = self.irps.threaded_with(event);
        if let Some(record) = record.filter(|record| matches!(record.owner.get(), Owner::Visit(_))) {
            self.violation_about(
                Some(&record),
                &rules::EVENT_OF_IRP_SET,
                "KeSetEvent with the event of an IRP that is still under way: the I/O manager sets it",
            );
        }
    }

    /// A completion routine has let an IRP go on to the I/O manager, which sets its event.
    pub(super) fn check_event_left_alone(&self, record: &Rc<IrpRecord>) {
        let event = irp::USER_EVENT.get(record.address);
        if record.origin == Origin::Threaded && event != 0 && kevent::SIGNAL_STATE.get(event) > 0 {
            self.violation_about(
                Some(record),
                &rules::EVENT_OF_IRP_SET,
                "a completion routine set the event of an IRP and let its completion go on: the I/O manager sets it",
            );
        }
    }

    /// What an IRP that was built for a thread points to must be there when the I/O manager writes it.
    pub(super) fn check_still_there(&self, record: &Rc<IrpRecord>, block: usize, event: usize) {
        let Some(sender) = record.sent_by.get() else {
            return;
        };
        for (address, rule, what) in [
            (block, &rules::STATUS_BLOCK_UNWOUND, "I/O status block"),
            (event, &rules::EVENT_UNWOUND, "event"),
        ] {
            if address != 0 && self.is_unwound(sender, address) {
                self.violation_about(
                    Some(record),
                    rule,
                    &format!(
                        "the {what} of an IRP that completes stood on the stack of a routine that has returned: \
                         it did not wait"
                    ),
                );
            }
        }
    }

    /// Whether an address is on the stack of a routine that was there when `sender` sent something, and is no more.
    ///
    /// What the sender's stack has been used for again is not told from what is still there.
    fn is_unwound(&self, sender: Sender, address: usize) -> bool {
        let Some(context) = self.scheduler.context(sender.context) else {
            return false;
        };
        if !context.kernel_stack().contains(&address) {
            return false;
        }
        let activations = context.activations.borrow();
        if !activations
            .iter()
            .any(|activation| activation.serial == sender.activation)
        {
            return true;
        }
        context.frame.get().is_some_and(|frame| address < frame.stack_pointer())
    }

    /// IoCompleteRequest by who sent an IRP, or could have.
    pub(super) fn check_not_own(&self, record: &Rc<IrpRecord>) {
        let rule = match record.origin {
            Origin::Driver | Origin::Raw => &rules::OWN_IRP_COMPLETED,
            Origin::Built => &rules::BUILT_IRP_COMPLETED,
            _ => return,
        };
        self.violation_about(
            Some(record),
            rule,
            "IoCompleteRequest with an IRP of the driver's own, which it frees instead",
        );
    }

    /// A driver completes a request with buffered output with no more than there is room for.
    pub(super) fn check_output_fits(&self, record: &Rc<IrpRecord>, visit: usize) {
        let location = record.stack_location(record.visit(visit, |visit| visit.location));
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        let buffered = matches!(major, IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL)
            && io_stack_location::ARGUMENT3.get(location) & 3 == METHOD_BUFFERED
            && irp::SYSTEM_BUFFER.get(record.address) != 0;
        let room = io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF;
        let information = irp::INFORMATION.get(record.address);
        if buffered && nt_success(irp::STATUS.get(record.address)) && information > room {
            self.violation_about(
                Some(record),
                &rules::INFORMATION_BEYOND_OUTPUT,
                &format!("IoCompleteRequest with an information of {information}, where the output has {room} bytes"),
            );
        }
    }

    /// What takes data down has a buffer that is there.
    pub(super) fn check_transfer_sent(&self, record: &Rc<IrpRecord>, next: u8) {
        let location = record.stack_location(next);
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        if matches!(major, IRP_MJ_READ | IRP_MJ_WRITE) {
            let bytes = io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF;
            // What came too short and goes on as it came is the fault of whoever sent it.
            let as_it_came = self.caller_visit(record).is_some_and(|visit| {
                let (own, list) = record.visit(visit, |visit| (visit.location, visit.list_on_arrival));
                let came_with = io_stack_location::ARGUMENT1.get(record.stack_location(own)) & 0xFFFF_FFFF;
                list == irp::MDL_ADDRESS.get(record.address) && came_with == bytes
            });
            self.check_mdl_sent(record.address, if as_it_came { 0 } else { bytes });
        }
    }

    /// IoInitializeIrp.
    pub(crate) fn initialise_irp(&self, address: usize, stack_count: u8) {
        let known = self.irps.get(address).filter(|record| !record.freed.get());
        if let Some(record) = known {
            if !matches!(record.owner.get(), Owner::Sender | Owner::Done) {
                self.violation_about(
                    Some(&record),
                    &rules::INITIALISED_IN_USE,
                    "IoInitializeIrp with an IRP that a driver has",
                );
            }
            match record.origin {
                Origin::Threaded | Origin::Built | Origin::Associated => self.violation_about(
                    Some(&record),
                    &rules::BUILT_IRP_INITIALISED,
                    "IoInitializeIrp with an IRP that the I/O manager has built",
                ),
                Origin::Driver if irp::ALLOCATION_FLAGS.get(address) & IRP_QUOTA_CHARGED != 0 => self.violation_about(
                    Some(&record),
                    &rules::CHARGED_IRP_INITIALISED,
                    "IoInitializeIrp with an IRP that IoAllocateIrp has charged quota for, which is lost",
                ),
                Origin::Driver => {
                    self.warning(
                        Some(&record),
                        &rules::ALLOCATED_IRP_INITIALISED,
                        "IoInitializeIrp with an IRP that IoAllocateIrp has initialised",
                    );
                    initialise(address, record.stack_count);
                    return;
                }
                Origin::Initiator | Origin::Raw => {}
            }
        }
        self.register_irp(address, stack_count, Origin::Raw);
    }

    /// IoReuseIrp is for what this driver allocated.
    pub(super) fn check_reuse(&self, record: &Rc<IrpRecord>) {
        let rule = match record.origin {
            Origin::Initiator => &rules::REUSED_OF_OTHER,
            Origin::Threaded | Origin::Built | Origin::Associated => &rules::REUSED_BUILT,
            Origin::Driver | Origin::Raw => &rules::INITIALISED_IN_USE,
        };
        let in_use = !matches!(record.owner.get(), Owner::Sender | Owner::Done);
        let own = matches!(record.origin, Origin::Driver | Origin::Raw);
        if in_use || !own {
            let what = match record.origin {
                Origin::Initiator => "another driver sent",
                Origin::Driver | Origin::Raw => "a lower driver has",
                _ => "the I/O manager has built",
            };
            self.violation_about(Some(record), rule, &format!("IoReuseIrp with an IRP that {what}"));
        }
    }

    /// ExFreePool is not for IRPs, but for those that the driver made of pool.
    pub(crate) fn check_no_irp_at(&self, address: usize) {
        let Some(record) = self.irps.get(address).filter(|record| !record.freed.get()) else {
            return;
        };
        if record.origin != Origin::Raw {
            self.violation_about(
                Some(&record),
                &rules::IRP_FREED_AS_POOL,
                "ExFreePool with an IRP, which IoFreeIrp frees",
            );
        }
        if !matches!(record.owner.get(), Owner::Sender | Owner::Done) {
            self.violation_about(
                Some(&record),
                &rules::FREE_IN_USE,
                "ExFreePool with an IRP that a lower driver has",
            );
        }
        self.irps.note_freed(&record);
    }

    /// Nothing can run: a routine waits for an IRP that is back, and nobody sets the event. Its completion routine kept
    /// it and forgot, or the I/O manager had none to set, since the IRP had failed at once.
    pub(crate) fn forgotten_event(&self) -> Option<(Rc<IrpRecord>, &'static Rule)> {
        let waiting = self.scheduler.contexts().into_iter().filter(is_waiting);
        let kept = waiting.flat_map(|context| {
            let own = self.own_back_of(context).into_iter();
            own.chain(forwarded_kept_of(context))
        });
        // Of several that came back it is the last that nobody told of.
        kept.max_by_key(|record| record.back_at.get()).map(|record| {
            let rule = match record.origin {
                Origin::Driver | Origin::Raw => &rules::EVENT_FORGOTTEN_FOR_OWN,
                Origin::Built => &rules::EVENT_FORGOTTEN_FOR_BUILT,
                Origin::Threaded if record.owner.get() == Owner::Done => &rules::WAIT_FOR_NOTHING,
                Origin::Initiator | Origin::Threaded | Origin::Associated => &rules::EVENT_FORGOTTEN,
            };
            (record, rule)
        })
    }

    /// The IRPs that the innermost routine of a context made and sent, and that are back.
    fn own_back_of(&self, context: &Context) -> Vec<Rc<IrpRecord>> {
        let innermost = context.activations.borrow().last().map(|activation| activation.serial);
        let Some(activation) = innermost else {
            return Vec::new();
        };
        let sender = Some(Sender {
            context: context.id,
            activation,
        });
        self.irps
            .all_that(|record| record.sent_by.get() == sender && record.back_at.get() != 0)
    }
}

/// A driver's routine that waits for an object without end.
fn is_waiting(context: &&'static Context) -> bool {
    context.state.get() == State::Blocked
        && matches!(
            call_name(context.function.get()),
            "KeWaitForSingleObject" | "KeWaitForMultipleObjects"
        )
}

/// The IRP that the innermost routine of a context is the dispatch routine for, where it has it back.
fn forwarded_kept_of(context: &Context) -> Option<Rc<IrpRecord>> {
    let activations = context.activations.borrow();
    let Routine::Dispatch { irp, visit } = &activations.last()?.routine else {
        return None;
    };
    let kept = !irp.freed.get() && irp.owner.get() == Owner::Visit(*visit) && irp.visit(*visit, |visit| visit.kept);
    kept.then(|| Rc::clone(irp))
}
