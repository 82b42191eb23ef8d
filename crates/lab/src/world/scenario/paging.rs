//! The scenario `paging`: special files come to the disk and leave it, and paging I/O goes to it, much of it at once.

use super::{Perturbations, Play, Scenario, no_parameters};
use crate::{
    kernel::{Machine, random::Random, status::nt_success},
    world::{initiator::Workload, stack::DeviceStack, usage::UsageType},
};

pub(super) const PAGING: Scenario = Scenario {
    name: "paging",
    about: "usage notifications of every type, nested, at once and refused below, with paging I/O at APC_LEVEL and \
            DISPATCH_LEVEL, so much of it at once that a driver's reserve runs out",
    requests: 400,
    play: Play::Paging,
    parameters: no_parameters,
};

/// How many notifications each of two threads sends while requests are under way.
const NOTIFICATIONS: u64 = 6;

impl Machine {
    pub(super) fn live_paging(
        &'static self,
        stack: &DeviceStack,
        requests: u64,
        perturbations: Perturbations,
        random: &Random,
    ) {
        self.notify_usage(stack, UsageType::Paging, true);
        let traffic = self.start_workload(
            stack,
            Workload {
                requests,
                depth: 32,
                paging_per_mille: 850,
                at_dispatch_per_mille: 150,
                at_apc_per_mille: 500,
                cancel_per_mille: 10,
                ..Workload::default()
            },
        );
        let other = stack.clone();
        let overlaps = random.chance(300);
        if overlaps {
            self.spawn("usage notifications", move |machine| {
                let random = Random::new(machine.config.seed, "usage notifications");
                machine.notify_usages(&other, &random);
            });
        }
        self.notify_usages(stack, random);
        self.pause(stack, random);
        self.finish_workload(&traffic);
        while stack.usage.is_under_way() {
            self.sleep_until(self.clock.now_ns() + 10_000);
        }
        self.set_failing(false);
        self.answer_invalidations(stack);
        // For some seeds the device goes with its files, which only a surprise can bring about.
        for usage in UsageType::ALL {
            while stack.usage.files(usage) > 0 && nt_success(self.notify_usage(stack, usage, false)) {}
        }
        self.set_failing(perturbations.low_resources);
    }

    /// Has files come and go.
    fn notify_usages(&'static self, stack: &DeviceStack, random: &Random) {
        for _ in 0..NOTIFICATIONS {
            self.sleep_until(self.clock.now_ns() + random.below(100_000));
            let usage = UsageType::ALL[random.index(UsageType::ALL.len())];
            let leaves = stack.usage.files(usage) > 0 && random.chance(500);
            self.notify_usage(stack, usage, !leaves);
            self.answer_invalidations(stack);
        }
    }
}
