//! IoForwardIrpSynchronously: sends an IRP down and waits until it is back.

use std::rc::Rc;

use super::irp::{IrpRecord, Owner, SL_INVOKE_ALWAYS};
use crate::kernel::{
    Machine,
    layout::{io_stack_location, irp, kevent},
    status::STATUS_PENDING,
    sync::dispatcher::kind,
};

/// How much of a stack location is copied to the next: everything before the completion routine.
const COPIED_BYTES: usize = 0x38;

impl Machine {
    /// Copies the current stack location to the next, as IoCopyCurrentIrpStackLocationToNext does.
    pub(crate) fn copy_to_next(&self, record: &IrpRecord) {
        let location = irp::CURRENT_LOCATION.get(record.address);
        let mut bytes = [0; COPIED_BYTES];
        crate::guest::read_bytes(record.stack_location(location), &mut bytes);
        let next = record.stack_location(location - 1);
        crate::guest::write_bytes(next, &bytes);
        io_stack_location::CONTROL.set(next, 0);
    }

    /// The body of IoForwardIrpSynchronously, where there is a stack location.
    pub(crate) fn forward_and_wait(&'static self, device: usize, address: usize) -> bool {
        let record = self.irp_of_call(address);
        let event = self.kernel_block(kevent::BYTES);
        self.initialise_object(event, kind::NOTIFICATION_EVENT, 0);
        self.copy_to_next(&record);
        let next = record.stack_location(irp::CURRENT_LOCATION.get(address) - 1);
        io_stack_location::COMPLETION_ROUTINE.set(next, self.forward_routine());
        io_stack_location::CONTEXT.set(next, event);
        io_stack_location::CONTROL.set(next, SL_INVOKE_ALWAYS);
        let status = self.call_driver_checked(device, address);
        if status == STATUS_PENDING {
            self.wait_for_object(event, 0);
        }
        self.free_kernel_block(event);
        true
    }

    /// The completion routine of the call above: the IRP stays with the driver that waits.
    pub(super) fn forwarded_is_back(&self, record: &Rc<IrpRecord>, visit: Option<usize>, event: usize) {
        match visit {
            Some(index) => {
                record.owner.set(Owner::Visit(index));
                record.visit(index, |visit| {
                    visit.kept = true;
                    visit.left = false;
                    visit.status_from_below = Some(irp::STATUS.get(record.address));
                    visit.information_on_arrival = irp::INFORMATION.get(record.address);
                });
            }
            None => record.owner.set(Owner::Sender),
        }
        self.signal(event, 1);
    }
}
