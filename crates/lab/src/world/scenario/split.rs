//! The scenario `split`: transfers that are longer than what the disk takes.

use super::{Parameters, Play, Scenario};
use crate::{
    kernel::{Machine, random::Random, status::nt_success},
    world::{
        disk::{Habits, Order, Transient},
        initiator::{Sizes, Workload},
        stack::{DeviceStack, DiskKind},
        usage::UsageType,
    },
};

pub(super) const SPLIT: Scenario = Scenario {
    name: "split",
    about: "READs and WRITEs from a sector to 4 MiB above a disk that refuses what is too long, which completes them in every \
            order, and for some seeds fails or shortens some, with paging I/O, cancellation, a stop and a restart, a sleep \
            and a surprise removal under way; the service's parameters say how long is too long",
    requests: 120,
    play: Play::Split,
    parameters: |seed| Choice::of(seed).parameters(),
};

/// How many requests are under way at once: two initiators with so many each.
const DEPTH: usize = 3;

/// The longest transfer, but for a disk that takes very little at once: a run would be thousands of parts.
const BYTES_MAX: usize = 4 * 1024 * 1024;
const PARTS_MAX: usize = 64;

/// What a seed is played with.
pub(super) struct Choice {
    /// The longest transfer of the disk.
    edge_bytes: usize,
    window: u32,
    /// How often a failed request is sent again, with transient errors of the disk that call for it.
    retries: u32,
    /// In 1000.
    errors: u32,
    short: u32,
    never: u32,
    order: Order,
    buffered: bool,
}

impl Choice {
    pub(super) fn of(seed: u64) -> Self {
        let random = Random::new(seed, "split");
        let edge_bytes = match random.below(10) {
            0..6 => 64 * 1024,
            6..8 => 4 * 1024,
            8 => 128 * 1024,
            _ => 20 * 1024,
        };
        Self {
            edge_bytes,
            window: [1, 2, 8, 8, 8, 32][random.index(6)],
            retries: if random.chance(200) { 3 } else { 0 },
            errors: [0, 0, 30, 200][random.index(4)],
            short: [0, 0, 0, 60][random.index(4)],
            never: if random.chance(300) { 200 } else { 0 },
            order: Order::ALL[random.index(Order::ALL.len())],
            buffered: random.chance(250),
        }
    }

    fn parameters(&self) -> Parameters {
        let mut parameters = vec![
            ("MaxTransferBytes", u32::try_from(self.edge_bytes).unwrap_or_default()),
            ("SplitWindow", self.window),
        ];
        if self.retries > 0 {
            parameters.extend([("RetryAttempts", self.retries), ("RetryBackoffMs", 1)]);
        }
        parameters
    }

    /// The longest transfer that is asked for.
    fn bytes_max(&self) -> usize {
        BYTES_MAX.min(PARTS_MAX * self.edge_bytes)
    }

    pub(super) fn change(&self, kind: &mut DiskKind, random: &Random) {
        kind.buffered = self.buffered;
        kind.habits = Habits {
            transfer_bytes_max: self.edge_bytes,
            medium_bytes: 2 * DEPTH * self.bytes_max(),
            error_per_mille: self.errors,
            short_per_mille: self.short,
            never_per_mille: self.never,
            never_parts: true,
            order: self.order,
            refuse_per_mille: if random.chance(200) { 200 } else { 0 },
            ..kind.habits
        };
        if self.retries > 0 {
            kind.habits.transient = Transient::Every(7);
        }
    }
}

impl Machine {
    /// True where the device was pulled out.
    pub(super) fn live_split(&'static self, stack: &DeviceStack, requests: u64, random: &Random) -> bool {
        let choice = Choice::of(self.config.seed);
        let has_file = random.chance(300) && nt_success(self.notify_usage(stack, UsageType::Paging, true));
        let traffic = self.start_workload(
            stack,
            Workload {
                requests,
                depth: DEPTH,
                paging_per_mille: 400,
                at_dispatch_per_mille: 100,
                at_apc_per_mille: 200,
                cancel_per_mille: 20,
                cancel_before_per_mille: 10,
                cancel_by_dpc_per_mille: if choice.never > 0 { 200 } else { 40 },
                cancel_by_dpc_ns: 1_500_000,
                sizes: Sizes::Spread {
                    bytes_max: choice.bytes_max(),
                    edge_bytes: choice.edge_bytes,
                },
                ..Workload::default()
            },
        );
        let is_gone = self.interrupt_traffic(stack, &traffic, has_file, random);
        self.finish_workload(&traffic);
        self.set_failing(false);
        self.answer_invalidations(stack);
        if has_file && !is_gone {
            self.notify_usage(stack, UsageType::Paging, false);
        }
        is_gone
    }
}
