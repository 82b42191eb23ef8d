//! The scenario `power`: the system sleeps and wakes while requests are under way.

use super::{Play, Scenario, no_parameters};
use crate::{
    kernel::{
        Machine,
        power::{POWER_DEVICE_D0, POWER_DEVICE_D3, WAIT_WAKE},
        random::Random,
    },
    world::{initiator::Workload, stack::DeviceStack},
};

pub(super) const POWER: Scenario = Scenario {
    name: "power",
    about: "sleep and resume with requests under way: queries and what refuses them, device power that follows system power, \
            an idle disk, WAIT_WAKE, and power requests at DISPATCH_LEVEL where they may be",
    requests: 300,
    play: Play::Power,
    parameters: no_parameters,
};

/// PowerSystemSleeping3, the deepest sleep that the disk is asked to wake from.
const WAKES_FROM: usize = 4;

/// How often the system sleeps.
const NAPS: u64 = 3;

impl Machine {
    pub(super) fn live_power(&'static self, stack: &DeviceStack, requests: u64, random: &Random) {
        let Some(disk) = stack.lower.clone() else { return };
        let traffic = self.start_workload(
            stack,
            Workload {
                requests,
                paging_per_mille: 200,
                at_dispatch_per_mille: 100,
                cancel_per_mille: 20,
                ..Workload::default()
            },
        );
        for _ in 0..NAPS {
            self.sleep_until(self.clock.now_ns() + random.below(400_000));
            if random.chance(300) {
                // Nobody has used it for a while.
                disk.change_power(self, stack.disk, POWER_DEVICE_D3);
                self.wait_for_power(stack);
                self.sleep_until(self.clock.now_ns() + random.below(100_000));
                disk.change_power(self, stack.disk, POWER_DEVICE_D0);
                self.wait_for_power(stack);
            }
            let wait = random.chance(400).then(|| {
                self.reporter.count("WAIT_WAKE", 1);
                self.request_power_irp(stack.disk, WAIT_WAKE, WAKES_FROM, Box::new(|_, _| {}))
            });
            self.nap(&[stack], random);
            if let Some(Some(irp)) = wait {
                let was_cancelled = random.chance(500);
                if was_cancelled {
                    self.cancel_irp(&irp);
                }
                let end = if was_cancelled { "cancelled" } else { "woke the machine" };
                self.reporter.count(&format!("WAIT_WAKE {end}"), 1);
                // It may not have arrived, or may have been kept above the disk.
                while irp.owner.get() != crate::kernel::io::irp::Owner::Done {
                    disk.wake_machine(self);
                    self.sleep_until(self.clock.now_ns() + 10_000);
                }
            }
        }
        self.finish_workload(&traffic);
    }
}
