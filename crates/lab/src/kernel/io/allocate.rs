//! IRPs as the driver allocates, reuses and frees them.

use std::rc::Rc;

use super::irp::{IrpRecord, Origin, Owner, initialise};
use crate::{
    kernel::{
        Machine,
        layout::{IO_TYPE_IRP, irp},
        status::NtStatus,
        trace::What,
    },
    pool, rules,
};

const TAG: u32 = u32::from_le_bytes(*b"Irp ");

impl Machine {
    /// IoAllocateIrp, for the driver or an initiator. `None` where there is no memory.
    pub(crate) fn allocate_irp(&self, stack_count: u8, origin: Origin) -> Option<Rc<IrpRecord>> {
        let (owner, site) = match origin {
            Origin::Initiator => (pool::Owner::Kernel, 0),
            _ => (pool::Owner::Driver, self.current_site()),
        };
        let bytes = Self::irp_bytes(stack_count);
        let address = self.allocate(bytes, TAG, owner, site, pool::Contents::Uninitialized)?;
        Some(self.register_irp(address, stack_count, origin))
    }

    /// IoFreeIrp as the driver calls it.
    pub(crate) fn free_irp_checked(&self, address: usize) {
        let Some(record) = self.irps.get(address) else {
            self.violation(&rules::FREE_OF_NO_IRP, "IoFreeIrp with something that is no IRP");
        };
        if record.freed.get() {
            self.violation_about(
                Some(&record),
                &rules::FREED_TWICE,
                "IoFreeIrp with an IRP that has been freed",
            );
        }
        if irp::TYPE.get(address) != IO_TYPE_IRP {
            self.violation_about(
                Some(&record),
                &rules::FREE_OF_NO_IRP,
                "IoFreeIrp with an IRP whose type was overwritten",
            );
        }
        let at_home = matches!(record.owner.get(), Owner::Sender | Owner::Done);
        match record.origin {
            Origin::Initiator => self.violation_about(
                Some(&record),
                &rules::FREE_OF_OTHER,
                "IoFreeIrp with an IRP that another driver sent and waits for",
            ),
            Origin::Threaded if at_home => self.violation_about(
                Some(&record),
                &rules::FREE_OF_THREADED,
                "IoFreeIrp with an IRP that was built for a thread, which has it in its list: the I/O manager frees it",
            ),
            Origin::Threaded => self.violation_about(
                Some(&record),
                &rules::FREE_OF_THREADED_IN_USE,
                "IoFreeIrp with an IRP that was built for a thread and that a lower driver has",
            ),
            _ => {}
        }
        if !at_home {
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
        self.check_reuse(&record);
        let allocation_flags = irp::ALLOCATION_FLAGS.get(address);
        initialise(address, record.stack_count);
        irp::ALLOCATION_FLAGS.set(address, allocation_flags);
        irp::STATUS.set(address, status);
        record.end_visits();
        record.owner.set(Owner::Sender);
        record.back_at.set(0);
    }
}
