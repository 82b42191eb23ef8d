//! What is played with a driver: a life from DriverEntry to its unload, with requests in between.
//!
//! What is particular to one scenario is in a file of its own.

mod cancel;
mod lifecycle;
mod media;
mod paging;
mod power;
mod probe;
mod retry;
mod split;

use std::rc::Rc;

use super::{
    disk::Habits,
    initiator::{Traffic, Workload},
    lowres,
    pnp::PnpStep,
    stack::{DeviceStack, DiskKind},
    usage::UsageType,
};
use crate::kernel::{
    Machine,
    io::{
        device::{DO_POWER_INRUSH, DO_POWER_PAGABLE},
        not_understood::RESERVED_PNP_MINOR,
    },
    layout::driver_object,
    random::Random,
    status::nt_success,
};

/// A scenario.
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// How many requests it sends unless it is told otherwise.
    pub requests: u64,
    pub(super) play: Play,
    /// What is in the `Parameters` key of the driver's service with a seed, as a person would set it for such a disk.
    pub(super) parameters: fn(u64) -> Parameters,
}

/// Values of the `Parameters` key, each a REG_DWORD.
pub(crate) type Parameters = Vec<(&'static str, u32)>;

/// None: the driver is as it comes.
pub(super) fn no_parameters(_seed: u64) -> Parameters {
    Parameters::new()
}

impl Scenario {
    /// What is in the `Parameters` key of the driver's service with a seed, unless something else is asked for.
    pub(crate) fn parameters(&self, seed: u64) -> Parameters {
        (self.parameters)(seed)
    }
}

/// What a scenario plays with a device that is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Play {
    Read,
    Mixed,
    Lifecycle,
    Paging,
    Power,
    Cancel,
    Media,
    Split,
    Retry,
    Probe,
}

/// Every scenario.
pub static SCENARIOS: [Scenario; 11] = [
    Scenario {
        name: "read",
        about: "READs only, from two initiators, between AddDevice and REMOVE_DEVICE",
        requests: 200,
        play: Play::Read,
        parameters: no_parameters,
    },
    Scenario {
        name: "mixed",
        about: "READ, WRITE, FLUSH_BUFFERS, DEVICE_CONTROL, CREATE, CLEANUP and CLOSE, paging I/O, cancellation, power, \
                PnP and WMI requests that are not for the driver, and for some seeds a stop and a restart under way, a \
                paging file, a sleep, and a surprise removal",
        requests: 300,
        play: Play::Mixed,
        parameters: no_parameters,
    },
    lifecycle::LIFECYCLE,
    paging::PAGING,
    power::POWER,
    cancel::CANCEL,
    media::MEDIA,
    split::SPLIT,
    retry::RETRY,
    probe::PROBE,
    lowres::LOWRES,
];

/// The scenario called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

impl Play {
    /// The disk that it is played with, where a usual one would be `usual`.
    fn kind_of_disk(self, usual: DiskKind, random: &Random, seed: u64) -> DiskKind {
        let mut kind = usual;
        match self {
            Self::Read | Self::Mixed => return kind,
            Self::Cancel => kind.habits.never_per_mille = 300,
            Self::Media => {
                kind.habits.removable = true;
                kind.habits.short_per_mille = 100;
                kind.habits.transfer_bytes_max = media::TRANSFER_BYTES_MAX;
            }
            Self::Lifecycle | Self::Paging | Self::Power => {
                kind.habits.refuse_per_mille = if random.chance(500) { 200 } else { 0 };
            }
            Self::Split => split::Choice::of(seed).change(&mut kind, random),
            Self::Retry => retry::Choice::of(seed).change(&mut kind, random),
            Self::Probe => {}
        }
        kind.habits.pend_pnp_per_mille = if random.chance(500) { 400 } else { 0 };
        kind.power_flags = [DO_POWER_PAGABLE, DO_POWER_INRUSH, 0][random.index(3)];
        kind
    }
}

/// Which of Driver Verifier's perturbations are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Perturbations {
    /// Every request pends at the disk.
    pub(crate) pending: bool,
    /// Calls that can fail do, now and then.
    pub(crate) low_resources: bool,
}

/// What is read of the driver when its requests are done, before it is removed.
pub(crate) type Collect<'a> = &'a dyn Fn(&DeviceMemory) -> serde_json::Value;

/// The memory of a driver's device, for who wants to read what the driver keeps there, as a debugger would.
pub struct DeviceMemory {
    extension: usize,
    extension_bytes: usize,
}

impl DeviceMemory {
    /// The address of the device extension.
    pub fn extension(&self) -> u64 {
        self.extension as u64
    }

    /// How many bytes it has.
    pub fn extension_bytes(&self) -> usize {
        self.extension_bytes
    }

    /// Reads what is at `address` in the simulated machine. False where there is nothing that could be read.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let Ok(address) = usize::try_from(address) else {
            return false;
        };
        let readable = crate::guest::contains(address, bytes.len());
        if readable {
            crate::guest::read_bytes(address, bytes);
        }
        readable
    }
}

impl Machine {
    /// Plays a scenario in the running context.
    pub(crate) fn play(
        &'static self,
        scenario: &Scenario,
        requests: u64,
        perturbations: Perturbations,
        collect: Option<Collect<'_>>,
    ) -> Option<serde_json::Value> {
        let random = Random::new(self.config.seed, "scenario");
        self.phase("DriverEntry");
        if !self.enter_or_give_up() {
            return None;
        }
        if self.add_device_routine().is_none() {
            self.play_without_add_device(scenario, requests);
            self.unload();
            return None;
        }
        if scenario.play == Play::Lifecycle {
            self.play_lifecycle(requests, perturbations, &random);
            self.unload();
            return None;
        }
        let usual = Habits {
            at_once_per_mille: if perturbations.pending { 0 } else { 250 },
            error_per_mille: if random.chance(700) { 30 } else { 0 },
            latency_min_ns: if random.chance(300) { 0 } else { 20_000 },
            latency_span_ns: 400_000,
            ..Habits::default()
        };
        let kind = scenario
            .play
            .kind_of_disk(DiskKind::usual(usual, random.chance(200)), &random, self.config.seed);
        let mut stack = self.make_disk(kind);
        let failing_add = perturbations.low_resources && random.chance(250);
        self.phase("AddDevice");
        self.set_failing(failing_add);
        let added = self.add_device(&mut stack, failing_add);
        self.set_failing(false);
        let mut collected = None;
        if added {
            if stack.filter.is_none() {
                self.reporter.count("AddDevice attached nothing", 1);
            }
            collected = self.live(scenario, &mut stack, requests, perturbations, &random, collect);
        } else {
            self.reporter.count("AddDevice failed for lack of resources", 1);
        }
        self.unload();
        collected
    }

    fn live(
        &'static self,
        scenario: &Scenario,
        stack: &mut DeviceStack,
        requests: u64,
        perturbations: Perturbations,
        random: &Random,
        collect: Option<Collect<'_>>,
    ) -> Option<serde_json::Value> {
        if !self.start_or_remove(stack) {
            return None;
        }
        let is_mixed = scenario.play == Play::Mixed;
        if is_mixed {
            self.pnp_step(stack, PnpStep::Capabilities);
            self.send_pnp(stack, RESERVED_PNP_MINOR);
            self.send_unknown_power(stack);
            self.answer_invalidations(stack);
            self.send_system_control(stack);
            self.nap(&[stack], random);
        }
        self.phase("requests");
        self.set_failing(perturbations.low_resources);
        let mut is_gone = false;
        match scenario.play {
            Play::Read | Play::Lifecycle => self.run_workload(
                stack,
                Workload {
                    requests,
                    reads_only: true,
                    at_dispatch_per_mille: 100,
                    ..Workload::default()
                },
            ),
            Play::Mixed => self.live_mixed(stack, requests, random),
            Play::Paging => self.live_paging(stack, requests, perturbations, random),
            Play::Power => self.live_power(stack, requests, random),
            Play::Cancel => self.live_cancel(stack, requests),
            Play::Media => self.live_media(stack, requests, random),
            Play::Split => is_gone = self.live_split(stack, requests, random),
            Play::Retry => is_gone = self.live_retry(stack, requests, random),
            Play::Probe => is_gone = self.live_probe(stack, requests, random),
        }
        self.set_failing(false);
        self.check_quiet();
        let collected = collect.and_then(|collect| {
            let filter = stack.filter?;
            Some(collect(&self.device_memory(filter)))
        });
        if is_gone {
            self.remove_at_once(stack);
        } else {
            let surprise = scenario.play != Play::Read && random.chance(250);
            self.remove_device(stack, surprise);
        }
        collected
    }

    /// What happens beside the requests of `split` and `retry`, for some seeds. True where the device was pulled out.
    fn interrupt_traffic(
        &'static self,
        stack: &DeviceStack,
        traffic: &Traffic,
        has_file: bool,
        random: &Random,
    ) -> bool {
        self.sleep_until(self.clock.now_ns() + random.below(1_500_000));
        match random.below(10) {
            0..3 => self.pause(stack, random),
            // A disk with a paging file on it does not go to sleep before its requests are done.
            3..5 if !has_file => self.nap(&[stack], random),
            5..7 => {
                self.pull_out(stack, traffic);
                return true;
            }
            _ => {}
        }
        false
    }

    /// Somebody pulls the device out while requests are under way: nothing new comes, and what is there ends.
    fn pull_out(&'static self, stack: &DeviceStack, traffic: &Traffic) {
        if traffic.is_under_way() {
            self.reporter.count("surprise removals with requests under way", 1);
        }
        traffic.stop();
        self.pnp_step(stack, PnpStep::SurpriseRemoval);
    }

    /// The requests of `mixed`, with what the PnP manager does beside them for some seeds.
    fn live_mixed(&'static self, stack: &DeviceStack, requests: u64, random: &Random) {
        let has_file = random.chance(250) && nt_success(self.notify_usage(stack, UsageType::Paging, true));
        let traffic = self.start_workload(
            stack,
            Workload {
                requests,
                paging_per_mille: 300,
                at_dispatch_per_mille: 100,
                cancel_per_mille: 20,
                ..Workload::default()
            },
        );
        if random.chance(400) {
            self.sleep_until(self.clock.now_ns() + random.below(500_000));
            self.pnp_step(stack, PnpStep::DeviceState);
            self.pause(stack, random);
        }
        self.finish_workload(&traffic);
        self.set_failing(false);
        self.answer_invalidations(stack);
        if has_file {
            self.notify_usage(stack, UsageType::Paging, false);
        }
    }

    /// Asks whether the device can be stopped, or removed, and then stops and restarts it, or lets it go on.
    pub(super) fn pause(&'static self, stack: &DeviceStack, random: &Random) {
        if random.chance(400) {
            self.pnp_step(stack, PnpStep::QueryRemove);
            self.pnp_step(stack, PnpStep::CancelRemove);
            return;
        }
        let agrees = nt_success(self.pnp_step(stack, PnpStep::QueryStop));
        if agrees && random.chance(700) {
            self.pnp_step(stack, PnpStep::Stop);
            self.sleep_until(self.clock.now_ns() + random.below(200_000));
            // A restart for which there is no memory would end in a surprise removal: `lifecycle` has those.
            let was_failing = self.set_failing(false);
            self.pnp_step(stack, PnpStep::Start);
            self.set_failing(was_failing);
        } else {
            self.pnp_step(stack, PnpStep::CancelStop);
        }
    }

    /// A driver without AddDevice is sent requests at the device that its DriverEntry made, if it made one.
    fn play_without_add_device(&'static self, scenario: &Scenario, requests: u64) {
        let device = driver_object::DEVICE_OBJECT.get(self.loaded().object);
        self.reporter.count("no AddDevice", 1);
        if device == 0 {
            return;
        }
        self.phase("requests");
        self.run_workload(
            &DeviceStack {
                bottom: device,
                disk: device,
                top: device,
                filter: None,
                lower: None,
                usage: Rc::default(),
            },
            Workload {
                requests,
                initiators: 1,
                depth: 4,
                reads_only: scenario.play == Play::Read,
                of_disk: false,
                ..Workload::default()
            },
        );
        self.check_quiet();
    }

    fn device_memory(&self, device: usize) -> DeviceMemory {
        use crate::kernel::layout::device_object;
        let bytes = usize::from(device_object::SIZE.get(device)).saturating_sub(device_object::BYTES);
        DeviceMemory {
            extension: device_object::DEVICE_EXTENSION.get(device),
            extension_bytes: bytes,
        }
    }
}
