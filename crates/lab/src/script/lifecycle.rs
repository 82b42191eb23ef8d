//! What a script can do as the PnP manager and the power manager: any minor function in any order, and the legal orders of
//! them.

use super::{Address, Answer, Device, Request, World};
use crate::{
    kernel::{
        io::call::{IRP_MJ_PNP, IRP_MJ_POWER},
        power::{QUERY_POWER, SET_POWER},
    },
    status::{NtStatus, STATUS_SUCCESS, STATUS_UNSUCCESSFUL, nt_success},
    world::pnp::{self, USAGE_NOTIFICATION},
};

pub use crate::world::{
    pnp::{PnpMove, PnpStep, orders},
    usage::UsageType,
};

/// PowerActionSleep.
const POWER_ACTION_SLEEP: usize = 2;

impl Request {
    /// IRP_MN_DEVICE_USAGE_NOTIFICATION.
    pub fn usage(usage: UsageType, in_path: bool) -> Self {
        Self {
            parameters: [usize::from(in_path), usage.number(), 0, 0],
            ..Self::new(IRP_MJ_PNP, USAGE_NOTIFICATION)
        }
    }

    /// IRP_MN_SET_POWER, or IRP_MN_QUERY_POWER, for a system state: 1 is PowerSystemWorking, 4 PowerSystemSleeping3.
    pub fn system_power(state: usize, is_query: bool) -> Self {
        Self {
            parameters: [0, 0, state, POWER_ACTION_SLEEP],
            ..Self::new(IRP_MJ_POWER, if is_query { QUERY_POWER } else { SET_POWER })
        }
    }
}

impl World {
    /// Tells the stack that a special file comes to it or leaves it.
    pub fn usage(&self, device: Device, usage: UsageType, in_path: bool) -> NtStatus {
        self.carry_out(device, Request::usage(usage, in_path)).status
    }

    /// Sends what belongs to a step of the PnP manager, and checks what must hold after it.
    ///
    /// What must hold after REMOVE is checked by [`Self::remove`] and [`Self::pnp_walk`].
    pub fn pnp_step(&self, device: Device, step: PnpStep) -> NtStatus {
        let parameters = self.machine.parameters_of(step);
        let request = Request {
            parameters: parameters.words,
            ..Request::new(IRP_MJ_PNP, step.minor())
        };
        let sent = self.send(device, request);
        let ended = self.finish(&sent);
        parameters.free(self.machine);
        let answered = pnp::Answered {
            status: ended.status,
            information: ended.information,
            irp: sent.record,
        };
        self.machine.judge_step(step, &answered, Some(device.address().0));
        ended.status
    }

    /// Makes steps with the driver's device `filter`, each of which succeeds or fails below as it says; the last is REMOVE.
    ///
    /// A step that the driver itself fails ends the walk early, by a surprise removal where it has to be one.
    ///
    /// # Panics
    ///
    /// The filter is attached to nothing.
    pub fn pnp_walk(&self, filter: Device, order: &[PnpMove]) {
        let address = filter.address().0;
        let below = self.machine.devices.below(address);
        assert_ne!(below, 0, "{filter:?} is attached to nothing");
        let walk = pnp::Walk::new();
        let remaining = |index: usize| order.get(index).copied();
        let mut index = 0;
        let mut follows = true;
        loop {
            let planned = remaining(index).filter(|_| follows);
            let next = planned.or_else(|| walk.way_out().map(|step| PnpMove { step, succeeds: true }));
            let Some(PnpMove { step, succeeds }) = next else { return };
            index += 1;
            self.answer_next(Answer::complete(if succeeds {
                STATUS_SUCCESS
            } else {
                STATUS_UNSUCCESSFUL
            }));
            let status = self.pnp_step(filter, step);
            self.disk.forget_next();
            follows &= nt_success(status) == succeeds;
            walk.note(step, nt_success(status));
            if step == PnpStep::Remove {
                self.machine.check_removed(status, Some(address), below);
            }
        }
    }

    /// The requests that have been sent and have not ended, the first first.
    pub fn under_way(&self) -> Vec<Address> {
        let outstanding = self.machine.outstanding.borrow();
        outstanding.values().map(|record| Address(record.address)).collect()
    }

    /// Whether the driver has asked to be asked for the state of this physical device since this was last called.
    pub fn take_invalidated_state(&self, physical: Device) -> bool {
        self.machine.invalidated.take_state(physical.address().0)
    }
}
