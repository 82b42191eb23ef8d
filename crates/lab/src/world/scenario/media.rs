//! The scenario `media`: a removable disk.

use super::{Play, Scenario, no_parameters};
use crate::{
    kernel::{Machine, random::Random},
    world::{initiator::Workload, stack::DeviceStack},
};

pub(super) const MEDIA: Scenario = Scenario {
    name: "media",
    about: "a removable disk whose medium is taken out and changed, which has its volume verified, transfers less than it is \
            asked for and refuses what is too long",
    requests: 300,
    play: Play::Media,
    parameters: no_parameters,
};

/// Two sectors less than the longest transfer that is asked for.
pub(super) const TRANSFER_BYTES_MAX: usize = 7 * 1024;

/// How often the medium is changed at most.
const CHANGES_MAX: u64 = 4;

impl Machine {
    pub(super) fn live_media(&'static self, stack: &DeviceStack, requests: u64, random: &Random) {
        let Some(disk) = stack.lower.clone() else { return };
        let traffic = self.start_workload(
            stack,
            Workload {
                requests,
                at_dispatch_per_mille: 50,
                verifies: true,
                ..Workload::default()
            },
        );
        for _ in 0..=random.below(CHANGES_MAX) {
            self.sleep_until(self.clock.now_ns() + random.below(800_000));
            if random.chance(700) {
                self.reporter.count("media taken out", 1);
                disk.eject();
                self.sleep_until(self.clock.now_ns() + random.below(100_000));
            }
            self.reporter.count("media put in", 1);
            disk.insert_medium();
        }
        self.finish_workload(&traffic);
    }
}
