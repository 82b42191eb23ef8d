//! The scenario `lowres`: the workload of `mixed`, once for each call of the driver that can fail, with just that one
//! failing.
//!
//! Not here: which runs that takes, see [`crate::lab`]. What a run does where DriverEntry, AddDevice or START_DEVICE
//! gives up is here: it must give up cleanly.

use super::{
    pnp::PnpStep,
    scenario::{Play, Scenario, no_parameters},
    stack::DeviceStack,
};
use crate::{
    kernel::{
        Machine,
        layout::driver_object,
        status::{self, nt_success},
    },
    pool::Owner,
    rules,
};

const NAME: &str = "lowres";

pub(super) const LOWRES: Scenario = Scenario {
    name: NAME,
    about: "what mixed does, in a run of its own for each call of the driver that can fail, with just that one failing",
    requests: 300,
    play: Play::Mixed,
    parameters: no_parameters,
};

impl Scenario {
    /// Whether it is played once for each call that can fail.
    pub(crate) fn is_systematic(&self) -> bool {
        self.name == NAME
    }
}

impl Machine {
    /// Calls DriverEntry. False where it failed because a call was made to fail, and left nothing behind.
    pub(super) fn enter_or_give_up(&'static self) -> bool {
        let entered = self.driver_entry(self.make_registry_path());
        if nt_success(entered) {
            return true;
        }
        if !self.sites.any_failed() {
            self.did_not_load(entered);
        }
        self.reporter.count("DriverEntry failed for lack of resources", 1);
        self.check_entry_undone(&status::name(entered));
        false
    }

    /// DriverEntry has failed: the image goes at once, and DriverUnload is not called.
    fn check_entry_undone(&'static self, status: &str) {
        self.check_nothing_runs_on();
        if driver_object::DEVICE_OBJECT.get(self.loaded().object) != 0 {
            self.violation(
                &rules::REMOVED_NOT_DELETED,
                &format!("DriverEntry returned {status} and left a device object"),
            );
        }
        let left = self.pool.borrow().counters(Owner::Driver).live_blocks();
        if left > 0 {
            self.violation(
                &rules::POOL_LEAKED,
                &format!("DriverEntry returned {status} and left {left} pool blocks"),
            );
        }
    }

    /// Starts the device. False where the driver refused because a call was made to fail; the device is then removed.
    pub(super) fn start_or_remove(&'static self, stack: &mut DeviceStack) -> bool {
        self.phase("START_DEVICE");
        let started = self.pnp_step(stack, PnpStep::Start);
        if nt_success(started) || !self.sites.any_failed() {
            return true;
        }
        self.reporter.count("START_DEVICE failed for lack of resources", 1);
        // A device that was never started is asked nothing before it is removed.
        self.remove_at_once(stack);
        false
    }
}
