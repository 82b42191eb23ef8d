//! The scenario `cancel`: every request is cancelled at some moment, if it has not ended before.

use super::{Play, Scenario, no_parameters};
use crate::{
    kernel::Machine,
    world::{initiator::Workload, stack::DeviceStack},
};

pub(super) const CANCEL: Scenario = Scenario {
    name: "cancel",
    about: "cancels requests before they are sent, while they are below, as they are completed, and from a DPC, above a disk \
            that keeps many until they are cancelled",
    requests: 300,
    play: Play::Cancel,
    parameters: no_parameters,
};

/// Somewhat longer than the disk takes, so that many races are close.
const CANCEL_NS: u64 = 500_000;

impl Machine {
    pub(super) fn live_cancel(&'static self, stack: &DeviceStack, requests: u64) {
        self.run_workload(
            stack,
            Workload {
                requests,
                paging_per_mille: 100,
                at_dispatch_per_mille: 100,
                cancel_per_mille: 200,
                cancel_before_per_mille: 50,
                // All of them: what the disk keeps ends in no other way.
                cancel_by_dpc_per_mille: 1000,
                cancel_by_dpc_ns: CANCEL_NS,
                ..Workload::default()
            },
        );
    }
}
