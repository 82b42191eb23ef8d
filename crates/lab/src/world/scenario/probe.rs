//! The scenario `probe`: a disk that nobody uses for seconds, and that hangs for a while.

use super::{Parameters, Play, Scenario};
use crate::{
    kernel::{Machine, random::Random},
    world::{
        initiator::{Traffic, Workload},
        pnp::PnpStep,
        stack::DeviceStack,
    },
};

pub(super) const PROBE: Scenario = Scenario {
    name: "probe",
    about: "a few requests between seconds in which there are none, above a disk that hangs for a while now and then, with \
            PnP requests that ask for its stop and its removal, sleeps, and a surprise removal while it hangs; the \
            service's parameters say how often it is probed",
    requests: 60,
    play: Play::Probe,
    parameters: |seed| Choice::of(seed).parameters(),
};

const MS: u64 = 1_000_000;

/// How many stretches without requests there are.
const ROUNDS: u64 = 6;

/// What a seed is played with.
struct Choice {
    period_ms: u32,
    hung_ms: u32,
}

impl Choice {
    fn of(seed: u64) -> Self {
        let random = Random::new(seed, "probe");
        Self {
            period_ms: [100, 100, 250, 1000][random.index(4)],
            hung_ms: [100, 300, 2000][random.index(3)],
        }
    }

    fn parameters(&self) -> Parameters {
        vec![("ProbePeriodMs", self.period_ms), ("ProbeHungMs", self.hung_ms)]
    }

    /// A while, from nothing to some periods.
    fn while_ns(&self, random: &Random) -> u64 {
        random.below(8 * MS * u64::from(self.period_ms))
    }

    /// From less than what is called hung to several times as much.
    fn hang_ns(&self, random: &Random) -> u64 {
        MS * u64::from(self.hung_ms) / 2 + random.below(3 * MS * u64::from(self.hung_ms + self.period_ms))
    }
}

impl Machine {
    /// True where the device was pulled out.
    pub(super) fn live_probe(&'static self, stack: &DeviceStack, requests: u64, random: &Random) -> bool {
        let Some(disk) = stack.lower.clone() else { return false };
        let choice = Choice::of(self.config.seed);
        for round in 0..ROUNDS {
            let traffic = self.begin_probed_traffic(stack, requests / ROUNDS);
            if random.chance(300) {
                disk.hang(self, choice.hang_ns(random));
            }
            if round == ROUNDS - 1 && random.chance(300) {
                self.sleep_until(self.clock.now_ns() + random.below(100_000));
                self.pull_out(stack, &traffic);
                self.finish_workload(&traffic);
                return true;
            }
            self.finish_workload(&traffic);
            self.sleep_until(self.clock.now_ns() + choice.while_ns(random));
            if random.chance(400) {
                disk.hang(self, choice.hang_ns(random));
                self.sleep_until(self.clock.now_ns() + choice.while_ns(random));
            }
            match random.below(6) {
                0 => self.pause(stack, random),
                1 => self.nap(&[stack], random),
                2 if round == ROUNDS - 1 => {
                    if disk.is_hung() {
                        self.reporter.count("surprise removals of a hung disk", 1);
                    }
                    self.pnp_step(stack, PnpStep::SurpriseRemoval);
                    self.sleep_until(self.clock.now_ns() + choice.while_ns(random));
                    return true;
                }
                _ => {}
            }
            self.sleep_until(self.clock.now_ns() + choice.while_ns(random));
        }
        self.set_failing(false);
        self.answer_invalidations(stack);
        false
    }

    fn begin_probed_traffic(&'static self, stack: &DeviceStack, requests: u64) -> Traffic {
        self.start_workload(
            stack,
            Workload {
                requests,
                initiators: 1,
                depth: 4,
                paging_per_mille: 100,
                at_dispatch_per_mille: 100,
                cancel_per_mille: 20,
                ..Workload::default()
            },
        )
    }
}
