//! Associated IRPs: IoMakeAssociatedIrp, and what the I/O manager does when one has been completed.
//!
//! A master IRP counts its associated IRPs in the field in which others have their system buffer, and the driver writes
//! that count. An associated IRP goes back to the I/O manager, which frees it with its MDLs and, with the last one,
//! completes the master. Where a completion routine keeps an associated IRP, all of this is the driver's to do.

use std::rc::Rc;

use super::irp::{IrpRecord, Origin, Owner};
use crate::{
    guest,
    kernel::{Machine, layout::irp},
    rules,
};

const IRP_ASSOCIATED_IRP: u32 = 0x8;

impl Machine {
    /// IoMakeAssociatedIrp. Null where there is no memory.
    pub(crate) fn make_associated_irp(&self, master: usize, stack_count: u8) -> usize {
        let master = self.irp_of_call(master);
        if self.fails("IoMakeAssociatedIrp") {
            return 0;
        }
        let Some(record) = self.allocate_irp(stack_count, Origin::Associated) else {
            return 0;
        };
        let address = record.address;
        irp::FLAGS.set(address, IRP_ASSOCIATED_IRP);
        irp::SYSTEM_BUFFER.set(address, master.address);
        irp::THREAD.set(address, irp::THREAD.get(master.address));
        address
    }

    /// An associated IRP has been completed for good.
    pub(super) fn finish_associated(&'static self, record: &Rc<IrpRecord>) {
        let master = self.irp_of_call(irp::SYSTEM_BUFFER.get(record.address));
        self.free_mdls_of(record.address);
        self.free_irp(record);
        let count = irp::SYSTEM_BUFFER.address(master.address);
        let left = guest::read::<i32>(count);
        if left <= 0 {
            self.violation_about(
                Some(&master),
                &rules::ASSOCIATED_NOT_COUNTED,
                &format!("an associated IRP was completed, of which the master's IrpCount is {left}"),
            );
        }
        guest::write(count, left - 1);
        if left > 1 {
            return;
        }
        match master.owner.get() {
            Owner::Visit(visit) => self.complete(&master, Some(visit)),
            _ => self.violation_about(
                Some(&master),
                &rules::COMPLETED_TWICE,
                "the last associated IRP was completed, and the I/O manager's master IRP is not with its driver",
            ),
        }
    }
}
