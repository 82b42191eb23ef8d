//! How initiators cancel their requests: before they are sent, while they are under way, and from a DPC at some moment.

use std::rc::Rc;

use super::{Place, Workload};
use crate::kernel::{
    Machine,
    io::irp::{IrpRecord, Owner},
    layout::irp,
    random::Random,
    scheduler::Dpc,
    trace::What,
};

impl Machine {
    /// Cancels a request that is about to be sent, or has a DPC do so later.
    pub(super) fn cancel_sometime(&'static self, irp: &Rc<IrpRecord>, workload: Workload, random: &Random) {
        if random.chance(workload.cancel_before_per_mille) {
            self.reporter.count("cancelled before they were sent", 1);
            self.event(irp, What::Cancelled);
            irp::CANCEL.set(irp.address, 1);
        }
        if !random.chance(workload.cancel_by_dpc_per_mille) {
            return;
        }
        irp.transfer.will_be_cancelled();
        let at_ns = self.clock.now_ns() + random.below(workload.cancel_by_dpc_ns + 1);
        let irp = Rc::clone(irp);
        let cancel = move |machine: &'static Self| {
            if irp.owner.get() != Owner::Done {
                machine.reporter.count("cancelled by a DPC", 1);
                machine.cancel_irp(&irp);
            }
        };
        self.clock.at(
            at_ns,
            Box::new(move |machine| machine.queue_dpc(machine.some_processor(), Dpc::Native(Box::new(cancel)))),
        );
    }

    /// Cancels one of the requests that are under way, now and then.
    pub(super) fn maybe_cancel(&'static self, places: &[Place], workload: Workload, random: &Random) {
        if !random.chance(workload.cancel_per_mille) {
            return;
        }
        let irp = places[random.index(places.len())]
            .request
            .borrow()
            .as_ref()
            .map(|request| Rc::clone(&request.irp));
        if let Some(irp) = irp {
            self.reporter.count("cancelled by their sender", 1);
            self.cancel_irp(&irp);
        }
    }
}
