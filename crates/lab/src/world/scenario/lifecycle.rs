//! The scenario `lifecycle`: two disks come, are started, stopped and removed in every legal order, and come again, while
//! requests are under way.

use super::{Perturbations, Play, Scenario, no_parameters};
use crate::{
    kernel::{Machine, random::Random},
    world::{
        disk::Habits,
        initiator::{Traffic, Workload},
        pnp::{PnpStep, Walk},
        stack::{DeviceStack, DiskKind},
        usage::UsageType,
    },
};

pub(super) const LIFECYCLE: Scenario = Scenario {
    name: "lifecycle",
    about: "storms of PnP requests to two devices in every legal order, with requests under way: starts that fail, stops, \
            refusals, surprise removals, and devices that come again",
    requests: 300,
    play: Play::Lifecycle,
    parameters: no_parameters,
};

/// Between so many steps and twice as many are made.
const STEPS_MIN: u64 = 25;

/// How many requests are sent to a device after each AddDevice, of those that the scenario has.
const SHARES: u64 = 4;

/// A device on its way.
struct Life {
    stack: DeviceStack,
    walk: Walk,
    kind: DiskKind,
    traffic: Option<Traffic>,
}

/// What all devices of a run share.
struct Storm<'a> {
    random: &'a Random,
    perturbations: Perturbations,
    requests: u64,
}

impl Machine {
    pub(super) fn play_lifecycle(&'static self, requests: u64, perturbations: Perturbations, random: &Random) {
        self.phase("lifecycle");
        let storm = Storm {
            random,
            perturbations,
            requests: requests / SHARES,
        };
        self.set_failing(perturbations.low_resources);
        let names = ["disk", "second disk"];
        let mut lives: [Option<Life>; 2] = [None, None];
        for _ in 0..STEPS_MIN + random.below(STEPS_MIN) {
            if random.chance(90) {
                let stacks: Vec<&DeviceStack> = lives
                    .iter()
                    .flatten()
                    .filter(|life| life.walk.is_started())
                    .map(|life| &life.stack)
                    .collect();
                self.nap(&stacks, random);
            }
            let index = random.index(lives.len());
            let life = lives[index].take();
            let has_other = lives.iter().any(Option::is_some);
            lives[index] = match life {
                None => self.appear(&storm, names[index], has_other),
                Some(life) => self.go_on(life, &storm, has_other),
            };
            self.sleep_until(self.clock.now_ns() + random.below(100_000));
        }
        for mut life in lives.into_iter().flatten() {
            while let Some(step) = life.walk.way_out() {
                if step == PnpStep::Remove {
                    self.take_away(&mut life);
                    self.delete_device(life.stack.bottom);
                } else {
                    self.make_step(&mut life, step);
                }
            }
        }
        self.set_failing(false);
        self.check_quiet();
    }

    /// A disk is plugged in.
    fn appear(&'static self, storm: &Storm<'_>, name: &'static str, has_other: bool) -> Option<Life> {
        let random = storm.random;
        let habits = Habits {
            at_once_per_mille: if storm.perturbations.pending { 0 } else { 250 },
            error_per_mille: 20,
            refuse_per_mille: 50,
            ..Habits::default()
        };
        let kind = Play::Lifecycle.kind_of_disk(
            DiskKind {
                name,
                ..DiskKind::usual(habits, random.chance(200))
            },
            random,
            self.config.seed,
        );
        let stack = self.make_disk(kind);
        self.join(stack, kind, random, has_other)
    }

    /// Calls AddDevice. A stack that a driver does not join is taken away: it may have too little memory, and where it has
    /// another device it need not serve this one.
    fn join(&'static self, mut stack: DeviceStack, kind: DiskKind, random: &Random, has_other: bool) -> Option<Life> {
        let failing = self.set_failing(false);
        let may_fail = failing && random.chance(250);
        self.set_failing(may_fail);
        let joined = self.add_device(&mut stack, may_fail || has_other);
        self.set_failing(failing);
        self.reporter.count("AddDevice", 1);
        if !joined {
            let reason = if may_fail {
                "AddDevice failed for lack of resources"
            } else {
                "AddDevice refused a device beside another"
            };
            self.reporter.count(reason, 1);
            self.discard_stack(&stack);
            return None;
        }
        Some(Life {
            stack,
            walk: Walk::new(),
            kind,
            traffic: None,
        })
    }

    /// Something happens to a device.
    fn go_on(&'static self, mut life: Life, storm: &Storm<'_>, has_other: bool) -> Option<Life> {
        let random = storm.random;
        if random.chance(life.walk.removal_per_mille()) {
            self.take_away(&mut life);
            if random.chance(500) {
                self.delete_device(life.stack.bottom);
                return None;
            }
            // It was disabled only, and is enabled again.
            self.reporter.count("devices added again", 1);
            self.make_disk_again(&mut life.stack, life.kind);
            return self.join(life.stack, life.kind, random, has_other);
        }
        if life.walk.is_started() && random.chance(150) {
            let usage = UsageType::ALL[random.index(UsageType::ALL.len())];
            let leaves = life.stack.usage.files(usage) > 0;
            self.notify_usage(&life.stack, usage, !leaves);
            return Some(life);
        }
        let Some(step) = life.walk.choose(random) else {
            return Some(life);
        };
        let refused = match step {
            PnpStep::Start => random.chance(150),
            PnpStep::QueryStop | PnpStep::QueryRemove => random.chance(200),
            _ => false,
        };
        if let Some(disk) = &life.stack.lower
            && refused
        {
            disk.refuse_next(step.minor());
        }
        self.make_step(&mut life, step);
        if life.walk.is_started() && life.traffic.is_none() {
            life.traffic = Some(self.start_workload(
                &life.stack,
                Workload {
                    requests: storm.requests,
                    initiators: 1,
                    paging_per_mille: 200,
                    at_dispatch_per_mille: 100,
                    cancel_per_mille: 20,
                    ..Workload::default()
                },
            ));
        }
        Some(life)
    }

    fn make_step(&'static self, life: &mut Life, step: PnpStep) {
        let busy = life.traffic.as_ref().is_some_and(Traffic::is_under_way);
        life.walk.step(self, &life.stack, step);
        if busy {
            self.reporter.count("PnP with requests under way", 1);
        }
        if let Some(disk) = &life.stack.lower {
            disk.refuse_no_more();
        }
        if step == PnpStep::SurpriseRemoval
            && let Some(traffic) = &life.traffic
        {
            traffic.stop();
        }
    }

    /// Removes the driver's device, once every handle is closed.
    fn take_away(&'static self, life: &mut Life) {
        if let Some(traffic) = life.traffic.take() {
            traffic.stop();
            self.finish_workload(&traffic);
        }
        self.remove_driver(&mut life.stack);
        life.walk.note(PnpStep::Remove, true);
    }
}
