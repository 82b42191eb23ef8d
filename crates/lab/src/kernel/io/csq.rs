//! Cancel-safe queues: IoCsqInsertIrp and its like, on the callbacks that the driver gave.
//!
//! As in Windows the fourth pointer of DriverContext in the IRP leads its cancel routine to the queue: it is the queue
//! itself, or the context that the IRP was inserted with.

use crate::kernel::{
    Machine,
    layout::{csq, csq_irp_context, io_stack_location, irp},
    status::{NtStatus, STATUS_SUCCESS, nt_success},
};

use super::irp::SL_PENDING_RETURNED;

const TYPE_CONTEXT: u32 = 1;
/// The type of a queue that IoCsqInitialize made.
pub(crate) const TYPE_QUEUE: u32 = 2;
/// The type of a queue that IoCsqInitializeEx made, whose insertion can fail.
pub(crate) const TYPE_QUEUE_EX: u32 = 3;

/// Where in an IRP the cancel routine finds the queue.
fn link(address: usize) -> usize {
    irp::DRIVER_CONTEXT.address(address) + 24
}

impl Machine {
    /// Acquires the lock of a queue; returns the IRQL to release it with.
    fn acquire_csq(&self, queue: usize) -> u8 {
        // The callback stores a KIRQL.
        let irql = self.kernel_block(8);
        let routine = csq::ACQUIRE_LOCK.get(queue);
        self.call_lock_callback("CsqAcquireLock callback", routine, &[queue, irql]);
        let value = crate::guest::read::<u8>(irql);
        self.free_kernel_block(irql);
        value
    }

    fn release_csq(&self, queue: usize, irql: u8) {
        let routine = csq::RELEASE_LOCK.get(queue);
        self.call_lock_callback("CsqReleaseLock callback", routine, &[queue, usize::from(irql)]);
    }

    fn remove_from_csq(&self, queue: usize, address: usize) {
        self.call_callback("CsqRemoveIrp callback", csq::REMOVE.get(queue), &[queue, address]);
    }

    fn complete_cancelled(&self, queue: usize, address: usize) {
        self.call_callback(
            "CsqCompleteCanceledIrp callback",
            csq::COMPLETE_CANCELED.get(queue),
            &[queue, address],
        );
    }

    /// Clears the cancel routine. False where there was none, so the IRP is being cancelled.
    fn clear_cancel_routine(&self, address: usize) -> bool {
        let was_set = irp::CANCEL_ROUTINE.get(address) != 0;
        irp::CANCEL_ROUTINE.set(address, 0);
        was_set
    }

    /// IoCsqInsertIrpEx, and without `insert_context` IoCsqInsertIrp.
    pub(crate) fn csq_insert(
        &'static self,
        queue: usize,
        address: usize,
        context: usize,
        insert_context: usize,
    ) -> NtStatus {
        self.irp_of_call(address);
        if context == 0 {
            crate::guest::write(link(address), queue);
        } else {
            crate::guest::write(link(address), context);
            csq_irp_context::TYPE.set(context, TYPE_CONTEXT);
            csq_irp_context::IRP.set(context, address);
            csq_irp_context::CSQ.set(context, queue);
        }
        let irql = self.acquire_csq(queue);
        let inserted = self.call_callback(
            "CsqInsertIrp callback",
            csq::INSERT.get(queue),
            &[queue, address, insert_context],
        );
        if csq::TYPE.get(queue) == TYPE_QUEUE_EX && !nt_success(inserted as u32 as NtStatus) {
            self.release_csq(queue, irql);
            return inserted as u32 as NtStatus;
        }
        let location = irp::CURRENT_STACK_LOCATION.get(address);
        let control = io_stack_location::CONTROL.get(location);
        io_stack_location::CONTROL.set(location, control | SL_PENDING_RETURNED);
        irp::CANCEL_ROUTINE.set(address, self.csq_cancel_routine());
        // Cancelled before the cancel routine was there: nobody else will do it.
        let cancelled = irp::CANCEL.get(address) != 0 && self.clear_cancel_routine(address);
        if cancelled {
            self.forget_csq(address);
            self.remove_from_csq(queue, address);
        }
        self.release_csq(queue, irql);
        if cancelled {
            self.complete_cancelled(queue, address);
        }
        STATUS_SUCCESS
    }

    /// Takes the way to the queue out of an IRP, and the IRP out of the context that it was inserted with.
    fn forget_csq(&self, address: usize) {
        let found = crate::guest::read::<usize>(link(address));
        if found != 0 && crate::guest::read::<u32>(found) == TYPE_CONTEXT {
            csq_irp_context::IRP.set(found, 0);
        }
        crate::guest::write(link(address), 0_usize);
    }

    /// IoCsqRemoveNextIrp: returns the IRP, or 0.
    pub(crate) fn csq_remove_next(&self, queue: usize, peek_context: usize) -> usize {
        let irql = self.acquire_csq(queue);
        let peek = |after: usize| {
            self.call_callback(
                "CsqPeekNextIrp callback",
                csq::PEEK_NEXT.get(queue),
                &[queue, after, peek_context],
            )
        };
        let mut address = peek(0);
        while address != 0 && !self.clear_cancel_routine(address) {
            address = peek(address);
        }
        if address != 0 {
            self.remove_from_csq(queue, address);
            self.forget_csq(address);
        }
        self.release_csq(queue, irql);
        address
    }

    /// IoCsqRemoveIrp: returns the IRP of a context, or 0 where it is being cancelled or was removed.
    pub(crate) fn csq_remove(&self, queue: usize, context: usize) -> usize {
        let irql = self.acquire_csq(queue);
        let mut address = csq_irp_context::IRP.get(context);
        if address != 0 {
            if self.clear_cancel_routine(address) {
                self.remove_from_csq(queue, address);
                self.forget_csq(address);
            } else {
                address = 0;
            }
        }
        self.release_csq(queue, irql);
        address
    }

    /// The cancel routine of every IRP in such a queue.
    pub(crate) fn csq_cancel(&self, address: usize) {
        self.release_cancel_spin_lock(irp::CANCEL_IRQL.get(address));
        let found = crate::guest::read::<usize>(link(address));
        let queue = if crate::guest::read::<u32>(found) == TYPE_CONTEXT {
            csq_irp_context::CSQ.get(found)
        } else {
            found
        };
        let irql = self.acquire_csq(queue);
        self.forget_csq(address);
        self.remove_from_csq(queue, address);
        self.release_csq(queue, irql);
        self.complete_cancelled(queue, address);
    }
}
