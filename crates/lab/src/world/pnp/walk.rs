//! A seeded walk through the states of one device.

use std::cell::Cell;

use super::{PnpStep, QUESTIONS, model::PnpState};
use crate::{
    kernel::{Machine, random::Random, status::nt_success},
    world::stack::DeviceStack,
};

/// Where a device is on its walk.
pub(crate) struct Walk {
    state: Cell<PnpState>,
}

impl Walk {
    /// The walk of a device to which AddDevice has been called.
    pub(crate) fn new() -> Self {
        Self {
            state: Cell::new(PnpState::Added),
        }
    }

    /// Whether the device is started, so that it has requests and special files.
    pub(crate) fn is_started(&self) -> bool {
        self.state.get() == PnpState::Started
    }

    /// In how many of 1000 cases the next step is REMOVE: seldom where there is more to see first.
    pub(crate) fn removal_per_mille(&self) -> u32 {
        match self.state.get() {
            PnpState::Added => 80,
            PnpState::RemovePending { .. } => 350,
            PnpState::StartFailed | PnpState::SurpriseRemoved => 700,
            _ => 0,
        }
    }

    /// A legal step: a question in a third of the cases, and never REMOVE, which is chosen by who has ended the requests.
    pub(crate) fn choose(&self, random: &Random) -> Option<PnpStep> {
        let state = self.state.get();
        if state.is_asked() && random.chance(330) {
            return Some(QUESTIONS[random.index(QUESTIONS.len())]);
        }
        // What most of a walk goes through is a device that is started and goes on.
        if matches!(state, PnpState::Added | PnpState::Stopped) && random.chance(600) {
            return Some(PnpStep::Start);
        }
        let is_rare = |step| step == PnpStep::SurpriseRemoval && state.legal().len() > 1;
        let others: Vec<PnpStep> = state
            .legal()
            .iter()
            .copied()
            .filter(|&step| step != PnpStep::Remove && (!is_rare(step) || random.chance(250)))
            .collect();
        others.get(random.index(others.len())).copied()
    }

    /// The next step on the way to REMOVE; `None` where it has been made.
    pub(crate) fn way_out(&self) -> Option<PnpStep> {
        self.state.get().way_out()
    }

    /// Makes a step, and notes where it led.
    pub(crate) fn step(&self, machine: &'static Machine, stack: &DeviceStack, step: PnpStep) {
        let status = machine.pnp_step(stack, step);
        self.note(step, nt_success(status));
        if self.state.get().is_asked() {
            machine.answer_invalidations(stack);
        }
    }

    /// Notes a step that somebody else has made.
    pub(crate) fn note(&self, step: PnpStep, succeeded: bool) {
        self.state.set(self.state.get().after(step, succeeded));
    }
}
