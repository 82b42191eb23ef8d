//! What is played with a driver: a life from DriverEntry to its unload, with requests in between.

use super::{
    disk::Habits,
    initiator::Workload,
    lowres,
    stack::{DeviceStack, pnp},
};
use crate::kernel::{Machine, io::not_understood::RESERVED_PNP_MINOR, layout::driver_object, random::Random};

/// A scenario.
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// How many requests it sends unless it is told otherwise.
    pub requests: u64,
    pub(super) reads_only: bool,
}

/// Every scenario.
pub static SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "read",
        about: "READs only, from two initiators, between AddDevice and REMOVE_DEVICE",
        requests: 200,
        reads_only: true,
    },
    Scenario {
        name: "mixed",
        about: "READ, WRITE, FLUSH_BUFFERS, DEVICE_CONTROL, CREATE, CLEANUP and CLOSE, paging I/O, cancellation, power, \
                PnP and WMI requests that are not for the driver, and for some seeds a surprise removal",
        requests: 300,
        reads_only: false,
    },
    lowres::LOWRES,
];

/// The scenario called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
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
        let habits = Habits {
            at_once_per_mille: if perturbations.pending { 0 } else { 250 },
            error_per_mille: if random.chance(700) { 30 } else { 0 },
            latency_min_ns: if random.chance(300) { 0 } else { 20_000 },
            latency_span_ns: 400_000,
        };
        let mut stack = self.make_disk(habits, random.chance(200));
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
        if !scenario.reads_only {
            self.send_pnp(stack, pnp::QUERY_CAPABILITIES);
            self.send_pnp(stack, RESERVED_PNP_MINOR);
            self.send_system_control(stack);
            self.send_power(stack, 2);
        }
        self.phase("requests");
        self.set_failing(perturbations.low_resources);
        let mixed = !scenario.reads_only;
        self.run_workload(
            stack,
            Workload {
                requests,
                initiators: 2,
                depth: 8,
                reads_only: scenario.reads_only,
                of_disk: true,
                paging_per_mille: if mixed { 300 } else { 0 },
                at_dispatch_per_mille: 100,
                cancel_per_mille: if mixed { 20 } else { 0 },
            },
        );
        self.set_failing(false);
        self.check_quiet();
        let collected = collect.and_then(|collect| {
            let filter = stack.filter?;
            Some(collect(&self.device_memory(filter)))
        });
        let surprise = mixed && random.chance(250);
        self.remove_device(stack, surprise);
        collected
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
            },
            Workload {
                requests,
                initiators: 1,
                depth: 4,
                reads_only: scenario.reads_only,
                of_disk: false,
                paging_per_mille: 0,
                at_dispatch_per_mille: 0,
                cancel_per_mille: 0,
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
