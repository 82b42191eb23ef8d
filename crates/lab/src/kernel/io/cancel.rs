//! Cancellation: the cancel spin lock, IoCancelIrp and cancel routines.

use std::rc::Rc;

use super::irp::IrpRecord;
use crate::kernel::{
    Machine,
    layout::{io_stack_location, irp},
    sync::deadlock::LockKind,
    trace::What,
};

impl Machine {
    /// IoAcquireCancelSpinLock; returns the IRQL before.
    pub(crate) fn acquire_cancel_spin_lock(&self) -> u8 {
        self.acquire_spin_lock_raise(self.kernel_data.cancel_spin_lock(), LockKind::SpinLock)
    }

    /// IoReleaseCancelSpinLock.
    pub(crate) fn release_cancel_spin_lock(&self, irql: u8) {
        self.release_spin_lock(self.kernel_data.cancel_spin_lock(), irql, LockKind::SpinLock);
    }

    /// IoCancelIrp: sets Cancel, and calls the cancel routine where there is one.
    ///
    /// Of an IRP that no driver has, Cancel is set all the same: who gets it next finds that it is cancelled.
    pub(crate) fn cancel_irp(&'static self, record: &Rc<IrpRecord>) -> bool {
        if record.freed.get() {
            return false;
        }
        self.event(record, What::Cancelled);
        let old_irql = self.acquire_cancel_spin_lock();
        irp::CANCEL.set(record.address, 1);
        let routine = irp::CANCEL_ROUTINE.get(record.address);
        irp::CANCEL_ROUTINE.set(record.address, 0);
        if routine == 0 {
            self.release_cancel_spin_lock(old_irql);
            // A device of the lab holds it without a cancel routine that the driver could see.
            return self.cancel_at_native(record);
        }
        irp::CANCEL_IRQL.set(record.address, old_irql);
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        self.call_cancel_routine(record, old_irql, routine, device);
        true
    }
}
