//! The PnP states of a device and what the PnP manager may ask of its drivers in each: the legal orders of minor functions.
//!
//! The orders are those of Windows' documentation, with the ones that look wrong and happen all the same: a CANCEL without a
//! query before it, a second START without a STOP, a REMOVE of what was never started. What a step sends and what must hold
//! afterwards is not here.

use serde::{Deserialize, Serialize};

/// A step of the PnP manager with one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PnpStep {
    /// IRP_MN_START_DEVICE.
    Start,
    /// IRP_MN_QUERY_STOP_DEVICE.
    QueryStop,
    /// IRP_MN_STOP_DEVICE.
    Stop,
    /// IRP_MN_CANCEL_STOP_DEVICE.
    CancelStop,
    /// IRP_MN_QUERY_REMOVE_DEVICE.
    QueryRemove,
    /// IRP_MN_CANCEL_REMOVE_DEVICE.
    CancelRemove,
    /// IRP_MN_SURPRISE_REMOVAL.
    SurpriseRemoval,
    /// IRP_MN_REMOVE_DEVICE.
    Remove,
    /// IRP_MN_FILTER_RESOURCE_REQUIREMENTS.
    FilterResources,
    /// IRP_MN_QUERY_CAPABILITIES.
    Capabilities,
    /// IRP_MN_QUERY_PNP_DEVICE_STATE.
    DeviceState,
    /// IRP_MN_QUERY_DEVICE_RELATIONS for BusRelations.
    BusRelations,
    /// IRP_MN_QUERY_DEVICE_RELATIONS for RemovalRelations.
    RemovalRelations,
    /// IRP_MN_QUERY_DEVICE_RELATIONS for TargetDeviceRelation.
    TargetRelation,
    /// IRP_MN_QUERY_INTERFACE.
    Interface,
}

use PnpStep::{
    BusRelations, CancelRemove, CancelStop, Capabilities, DeviceState, FilterResources, Interface, QueryRemove,
    QueryStop, RemovalRelations, Remove, Start, Stop, SurpriseRemoval, TargetRelation,
};

/// What is asked for information's sake and changes no state.
pub(crate) const QUESTIONS: [PnpStep; 7] = [
    FilterResources,
    Capabilities,
    DeviceState,
    BusRelations,
    RemovalRelations,
    TargetRelation,
    Interface,
];

impl PnpStep {
    /// Its minor function.
    pub fn minor(self) -> u8 {
        match self {
            Start => 0x00,
            QueryRemove => 0x01,
            Remove => 0x02,
            CancelRemove => 0x03,
            Stop => 0x04,
            QueryStop => 0x05,
            CancelStop => 0x06,
            BusRelations | RemovalRelations | TargetRelation => 0x07,
            Interface => 0x08,
            Capabilities => 0x09,
            FilterResources => 0x0D,
            DeviceState => 0x14,
            SurpriseRemoval => 0x17,
        }
    }

    /// What Windows calls it, without the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Start => "START_DEVICE",
            QueryRemove => "QUERY_REMOVE_DEVICE",
            Remove => "REMOVE_DEVICE",
            CancelRemove => "CANCEL_REMOVE_DEVICE",
            Stop => "STOP_DEVICE",
            QueryStop => "QUERY_STOP_DEVICE",
            CancelStop => "CANCEL_STOP_DEVICE",
            BusRelations => "QUERY_DEVICE_RELATIONS (bus)",
            RemovalRelations => "QUERY_DEVICE_RELATIONS (removal)",
            TargetRelation => "QUERY_DEVICE_RELATIONS (target)",
            Interface => "QUERY_INTERFACE",
            Capabilities => "QUERY_CAPABILITIES",
            FilterResources => "FILTER_RESOURCE_REQUIREMENTS",
            DeviceState => "QUERY_PNP_DEVICE_STATE",
            SurpriseRemoval => "SURPRISE_REMOVAL",
        }
    }

    /// Whether a driver may fail it: START, what begins with QUERY, and what changes no state.
    pub fn may_fail(self) -> bool {
        !matches!(self, Stop | CancelStop | CancelRemove | SurpriseRemoval | Remove)
    }

    /// Whether its outcome decides what comes next.
    fn decides(self) -> bool {
        matches!(self, Start | QueryStop | QueryRemove)
    }
}

/// The state of a device, as the PnP manager has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PnpState {
    /// AddDevice has been called.
    Added,
    /// START_DEVICE failed the first time.
    StartFailed,
    Started,
    StopPending,
    /// QUERY_STOP_DEVICE failed: those who had agreed have to hear of it.
    StopRefused,
    Stopped,
    /// START_DEVICE failed where the device had been started before.
    RestartFailed,
    /// QUERY_REMOVE_DEVICE succeeded; the device had been started, or had not.
    RemovePending {
        started: bool,
    },
    /// QUERY_REMOVE_DEVICE failed.
    RemoveRefused {
        started: bool,
    },
    SurpriseRemoved,
    Removed,
}

impl PnpState {
    /// The steps that may come next and that change the state, or come to who is not asked.
    pub(crate) fn legal(self) -> &'static [PnpStep] {
        match self {
            Self::Added => &[Start, QueryRemove, Remove, CancelRemove, CancelStop],
            Self::Started => &[QueryStop, QueryRemove, SurpriseRemoval, Start, CancelStop, CancelRemove],
            Self::StopPending => &[Stop, CancelStop, SurpriseRemoval],
            Self::StopRefused => &[CancelStop, SurpriseRemoval],
            Self::Stopped => &[Start, SurpriseRemoval],
            Self::RestartFailed => &[SurpriseRemoval],
            Self::RemovePending { started: true } => &[Remove, CancelRemove, SurpriseRemoval],
            Self::RemovePending { started: false } => &[Remove, CancelRemove],
            Self::RemoveRefused { started: true } => &[CancelRemove, SurpriseRemoval],
            Self::RemoveRefused { started: false } => &[CancelRemove],
            Self::StartFailed | Self::SurpriseRemoved => &[Remove],
            Self::Removed => &[],
        }
    }

    /// Whether drivers are asked for information in this state.
    pub(crate) fn is_asked(self) -> bool {
        !matches!(
            self,
            Self::StartFailed | Self::RestartFailed | Self::SurpriseRemoved | Self::Removed
        )
    }

    /// The state after a step that succeeded or failed.
    pub(crate) fn after(self, step: PnpStep, succeeded: bool) -> Self {
        let started = matches!(
            self,
            Self::Started | Self::RemovePending { started: true } | Self::RemoveRefused { started: true }
        );
        match step {
            Start if succeeded => Self::Started,
            Start if self == Self::Added => Self::StartFailed,
            Start => Self::RestartFailed,
            QueryStop if succeeded => Self::StopPending,
            QueryStop => Self::StopRefused,
            Stop => Self::Stopped,
            CancelStop if matches!(self, Self::StopPending | Self::StopRefused) => Self::Started,
            QueryRemove if succeeded => Self::RemovePending { started },
            QueryRemove => Self::RemoveRefused { started },
            CancelRemove if started => Self::Started,
            CancelRemove => Self::Added,
            SurpriseRemoval => Self::SurpriseRemoved,
            Remove => Self::Removed,
            _ => self,
        }
    }

    /// The next step of the shortest legal way to REMOVE.
    pub(crate) fn way_out(self) -> Option<PnpStep> {
        match self {
            Self::Removed => None,
            Self::Added | Self::StartFailed | Self::SurpriseRemoved | Self::RemovePending { .. } => Some(Remove),
            Self::Started => Some(QueryRemove),
            Self::StopPending | Self::StopRefused => Some(CancelStop),
            Self::Stopped | Self::RestartFailed => Some(SurpriseRemoval),
            Self::RemoveRefused { started: true } => Some(SurpriseRemoval),
            Self::RemoveRefused { started: false } => Some(CancelRemove),
        }
    }
}

/// A step, and whether the drivers below let it succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PnpMove {
    /// The step.
    pub step: PnpStep,
    /// Whether those below let it succeed.
    pub succeeds: bool,
}

/// Every legal order of at most `length` steps from AddDevice on, each followed by the shortest way to REMOVE.
///
/// Questions are left out: they change no state.
pub fn orders(length: usize) -> Vec<Vec<PnpMove>> {
    let mut found = Vec::new();
    extend(PnpState::Added, &mut Vec::new(), length, &mut found);
    found
}

fn extend(state: PnpState, order: &mut Vec<PnpMove>, left: usize, found: &mut Vec<Vec<PnpMove>>) {
    if left == 0 || state == PnpState::Removed {
        found.push(completed(state, order));
        return;
    }
    for &step in state.legal() {
        for succeeds in [true, false] {
            if succeeds || step.decides() {
                order.push(PnpMove { step, succeeds });
                extend(state.after(step, succeeds), order, left - 1, found);
                order.pop();
            }
        }
    }
}

fn completed(mut state: PnpState, order: &[PnpMove]) -> Vec<PnpMove> {
    let mut order = order.to_vec();
    while let Some(step) = state.way_out() {
        order.push(PnpMove { step, succeeds: true });
        state = state.after(step, true);
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn states(order: &[PnpMove]) -> Vec<PnpState> {
        let mut state = PnpState::Added;
        let after = |step: &PnpMove| {
            state = state.after(step.step, step.succeeds);
            state
        };
        order.iter().map(after).collect()
    }

    #[test]
    fn every_order_ends_with_one_remove_and_nothing_after_it() {
        let orders = orders(5);
        assert!(orders.len() > 1000, "{}", orders.len());
        for order in orders {
            let removals = order.iter().filter(|step| step.step == Remove).count();
            assert_eq!(
                (removals, order.last().map(|step| step.step)),
                (1, Some(Remove)),
                "{order:?}"
            );
        }
    }

    #[test]
    fn each_step_of_each_order_is_legal_where_it_stands() {
        for order in orders(5) {
            let mut state = PnpState::Added;
            for step in &order {
                assert!(state.legal().contains(&step.step), "{step:?} in {state:?} of {order:?}");
                state = state.after(step.step, step.succeeds);
            }
        }
    }

    #[test]
    fn a_device_that_is_started_is_not_removed_before_it_was_asked_or_is_gone() {
        for order in orders(5) {
            let states = states(&order);
            for (index, step) in order.iter().enumerate().skip(1) {
                if step.step == Remove {
                    assert!(
                        !matches!(states[index - 1], PnpState::Started | PnpState::Stopped),
                        "{order:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_refusal_is_followed_by_its_cancellation_or_by_a_surprise() {
        for order in orders(5) {
            for pair in order.windows(2) {
                let [first, second] = pair else { continue };
                let cancel = match first.step {
                    QueryStop => CancelStop,
                    QueryRemove => CancelRemove,
                    _ => continue,
                };
                let next = second.step;
                assert!(first.succeeds || next == cancel || next == SurpriseRemoval, "{order:?}");
            }
        }
    }

    #[test]
    fn every_state_is_reached_and_each_of_its_steps_taken() {
        let mut taken = HashSet::new();
        for order in orders(5) {
            let mut state = PnpState::Added;
            for step in &order {
                taken.insert((state, step.step));
                state = state.after(step.step, step.succeeds);
            }
        }
        let states: HashSet<PnpState> = taken.iter().map(|(state, _)| *state).collect();
        assert_eq!(states.len(), 12);
        for state in states {
            assert!(
                state.legal().iter().all(|step| taken.contains(&(state, *step))),
                "{state:?}"
            );
        }
    }
}
