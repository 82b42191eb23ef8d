//! Deferred procedure calls.

use crate::kernel::{Machine, activation::Routine, layout::kdpc, scheduler::Dpc};

const DPC_OBJECT: u8 = 0x13;

impl Machine {
    /// KeInitializeDpc.
    pub(crate) fn initialise_dpc(&self, object: usize, routine: usize, context: usize) {
        crate::guest::zero(object, kdpc::BYTES);
        kdpc::TYPE.set(object, DPC_OBJECT);
        kdpc::DEFERRED_ROUTINE.set(object, routine);
        kdpc::DEFERRED_CONTEXT.set(object, context);
    }

    /// KeInsertQueueDpc. False where it is queued already.
    pub(crate) fn insert_queue_dpc(&self, object: usize, arguments: [usize; 2], processor: usize) -> bool {
        if kdpc::DPC_DATA.get(object) != 0 {
            return false;
        }
        kdpc::DPC_DATA.set(object, 1);
        kdpc::SYSTEM_ARGUMENT1.set(object, arguments[0]);
        kdpc::SYSTEM_ARGUMENT2.set(object, arguments[1]);
        self.queue_dpc(processor, Dpc::Driver { object, arguments });
        true
    }

    /// KeRemoveQueueDpc.
    pub(crate) fn remove_queue_dpc(&self, object: usize) -> bool {
        let removed = self.remove_dpc(object);
        if removed {
            kdpc::DPC_DATA.set(object, 0);
        }
        removed
    }

    /// Calls the routine of a DPC, which may be queued again from then on.
    pub(crate) fn call_deferred_routine(&self, object: usize, arguments: [usize; 2]) {
        kdpc::DPC_DATA.set(object, 0);
        let routine = kdpc::DEFERRED_ROUTINE.get(object);
        let context = kdpc::DEFERRED_CONTEXT.get(object);
        self.call_routine(
            Routine::Deferred,
            routine,
            [object, context, arguments[0], arguments[1]],
        );
    }

    /// KeFlushQueuedDpcs: waits until every DPC that was queued has run.
    pub(crate) fn flush_dpcs(&'static self) {
        self.wait_allowed("KeFlushQueuedDpcs", true);
        while self.dpcs_outstanding() {
            self.sleep_until(self.clock.now_ns() + 1000);
        }
    }
}
