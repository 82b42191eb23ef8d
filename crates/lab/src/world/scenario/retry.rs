//! The scenario `retry`: a disk whose errors go away when a request is sent again.

use super::{Parameters, Play, Scenario};
use crate::{
    kernel::{Machine, random::Random},
    world::{
        disk::{Habits, Order, Transient},
        initiator::Workload,
        stack::{DeviceStack, DiskKind},
    },
};

pub(super) const RETRY: Scenario = Scenario {
    name: "retry",
    about: "READ, WRITE and FLUSH_BUFFERS above a disk with transient errors by pattern, some of which outlast every attempt, \
            and a few errors that stay, with cancellation, a stop and a restart, a sleep and a surprise removal while \
            requests wait to be sent again; the service's parameters say how often and how long",
    requests: 200,
    play: Play::Retry,
    parameters: |seed| Choice::of(seed).parameters(),
};

/// The name of a time in milliseconds, in nanoseconds.
const MS: u64 = 1_000_000;

/// What a seed is played with.
pub(super) struct Choice {
    attempts: u32,
    backoff_ms: u32,
    deadline_ms: Option<u32>,
    /// In 1000.
    errors: u32,
    transient: Transient,
    order: Order,
}

impl Choice {
    pub(super) fn of(seed: u64) -> Self {
        let random = Random::new(seed, "retry");
        let attempts = [1, 2, 3, 3, 3, 8][random.index(6)];
        let backoff_ms = [0, 1, 10, 10][random.index(4)];
        let transient = match random.below(10) {
            // Every attempt but the last fails, or the last one too.
            0..4 => Transient::First {
                times: attempts,
                per_mille: 500,
            },
            4 => Transient::First {
                times: attempts + 1,
                per_mille: 300,
            },
            5..7 => Transient::Every(3 + random.below(6)),
            // Shorter than the first wait, and longer than several.
            7 => Transient::Bursts {
                period_ns: 20 * MS,
                span_ns: MS / 2,
            },
            8 => Transient::Bursts {
                period_ns: 60 * MS,
                span_ns: 25 * MS,
            },
            _ => Transient::Chance { per_mille: 250 },
        };
        Self {
            attempts,
            backoff_ms,
            deadline_ms: random.chance(200).then(|| [1, 15, 40][random.index(3)]),
            errors: [0, 0, 20][random.index(3)],
            transient,
            order: Order::ALL[random.index(Order::ALL.len())],
        }
    }

    fn parameters(&self) -> Parameters {
        let mut parameters = vec![("RetryAttempts", self.attempts), ("RetryBackoffMs", self.backoff_ms)];
        parameters.extend(self.deadline_ms.map(|ms| ("RetryDeadlineMs", ms)));
        parameters
    }

    pub(super) fn change(&self, kind: &mut DiskKind, random: &Random) {
        kind.habits = Habits {
            error_per_mille: self.errors,
            transient: self.transient,
            order: self.order,
            refuse_per_mille: if random.chance(200) { 200 } else { 0 },
            ..kind.habits
        };
    }

    /// Longer than a request takes that is sent again once or twice.
    fn cancel_ns(&self) -> u64 {
        MS + 3 * MS * u64::from(self.backoff_ms)
    }
}

impl Machine {
    /// True where the device was pulled out.
    pub(super) fn live_retry(&'static self, stack: &DeviceStack, requests: u64, random: &Random) -> bool {
        let choice = Choice::of(self.config.seed);
        let traffic = self.start_workload(
            stack,
            Workload {
                requests,
                paging_per_mille: 200,
                at_dispatch_per_mille: 100,
                cancel_per_mille: 20,
                cancel_before_per_mille: 10,
                cancel_by_dpc_per_mille: 100,
                cancel_by_dpc_ns: choice.cancel_ns(),
                ..Workload::default()
            },
        );
        let is_gone = self.interrupt_traffic(stack, &traffic, false, random);
        self.finish_workload(&traffic);
        self.set_failing(false);
        self.answer_invalidations(stack);
        is_gone
    }
}
