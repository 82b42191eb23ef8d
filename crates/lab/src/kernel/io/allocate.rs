//! IRPs as the driver allocates, reuses and frees them.

use std::rc::Rc;

use super::irp::{IrpRecord, Origin, Owner, initialise};
use crate::{
    kernel::{Machine, layout::irp, status::NtStatus, trace::What},
    pool, rules,
};

const TAG: u32 = u32::from_le_bytes(*b"Irp ");

impl Machine {
    /// IoAllocateIrp, for the driver or an initiator. `None` where there is no memory.
    pub(crate) fn allocate_irp(&self, stack_count: u8, origin: Origin) -> Option<Rc<IrpRecord>> {
        let (owner, site) = match origin {
            Origin::Initiator => (pool::Owner::Kernel, 0),
            Origin::Driver | Origin::Threaded => (pool::Owner::Driver, self.current_site()),
        };
        let bytes = Self::irp_bytes(stack_count);
        let address = self.allocate(bytes, TAG, owner, site, pool::Contents::Uninitialized)?;
        Some(self.register_irp(address, stack_count, origin))
    }

    /// IoFreeIrp as the driver calls it.
    pub(crate) fn free_irp_checked(&self, address: usize) {
        let Some(record) = self.irps.get(address) else {
            self.violation(&rules::CALL_WITH_NO_IRP, "IoFreeIrp with something that is no IRP");
        };
        if record.freed.get() {
            self.violation_about(
                Some(&record),
                &rules::FREED_TWICE,
                "IoFreeIrp with an IRP that has been freed",
            );
        }
        if record.origin == Origin::Initiator {
            self.violation_about(
                Some(&record),
                &rules::FREE_IN_USE,
                "IoFreeIrp with an IRP that another driver sent and waits for",
            );
        }
        if record.origin == Origin::Threaded && record.owner.get() != Owner::Sender {
            self.violation_about(
                Some(&record),
                &rules::FREE_IN_USE,
                "IoFreeIrp with an IRP that the I/O manager frees: it was built for a thread",
            );
        }
        if !matches!(record.owner.get(), Owner::Sender | Owner::Done) {
            self.violation_about(
                Some(&record),
                &rules::FREE_IN_USE,
                "IoFreeIrp with an IRP that a lower driver has",
            );
        }
        self.free_irp(&record);
    }

    /// Gives an IRP's memory back.
    pub(crate) fn free_irp(&self, record: &IrpRecord) {
        self.event(record, What::Freed);
        self.irps.note_freed(record);
        self.free_kernel_block(record.address);
    }

    /// IoReuseIrp.
    pub(crate) fn reuse_irp(&self, address: usize, status: NtStatus) {
        let record = self.irp_of_call(address);
        if !matches!(record.owner.get(), Owner::Sender | Owner::Done) {
            self.violation_about(
                Some(&record),
                &rules::FREE_IN_USE,
                "IoReuseIrp with an IRP that a lower driver has",
            );
        }
        let allocation_flags = irp::ALLOCATION_FLAGS.get(address);
        initialise(address, record.stack_count);
        irp::ALLOCATION_FLAGS.set(address, allocation_flags);
        irp::STATUS.set(address, status);
        record.visits.borrow_mut().clear();
        record.owner.set(Owner::Sender);
    }
}
