//! The power manager: puts a stack to sleep with the system and wakes it again.
//!
//! The device requests that follow from a system request are the disk's to ask for (`disk::power`); when and at which IRQL
//! they are sent is in the kernel's `power`.

use super::{
    pnp::{Answered, Parameters},
    stack::DeviceStack,
};
use crate::{
    kernel::{
        Machine,
        io::{call::IRP_MJ_POWER, not_understood::RESERVED_POWER_MINOR},
        power::{POWER_SYSTEM_WORKING, QUERY_POWER, SET_POWER},
        random::Random,
        status::{self, nt_success},
    },
    rules,
};

/// PowerActionSleep of POWER_ACTION.
const POWER_ACTION_SLEEP: usize = 2;

/// The states of a system that sleeps: PowerSystemSleeping1 to PowerSystemHibernate.
const SYSTEM_SLEEPS: [usize; 4] = [2, 3, 4, 5];

/// How long the system sleeps at most, in virtual time.
const SLEEP_NS: u64 = 800_000;

/// How long the disk may take to change its power before it is looked at again.
const CHANGE_NS: u64 = 50_000;

impl Machine {
    fn send_system_power(&'static self, stack: &DeviceStack, minor: u8, state: usize) -> Answered {
        let parameters = Parameters::new([0, 0, state, POWER_ACTION_SLEEP]);
        self.send_with(stack.top, IRP_MJ_POWER, minor, &parameters)
    }

    /// Sends a power request that no driver knows.
    pub(crate) fn send_unknown_power(&'static self, stack: &DeviceStack) {
        self.send_and_wait(stack.top, IRP_MJ_POWER, RESERVED_POWER_MINOR);
    }

    /// Asks the stack whether it can sleep.
    pub(crate) fn query_sleep(&'static self, stack: &DeviceStack, state: usize) -> bool {
        let agrees = nt_success(self.send_system_power(stack, QUERY_POWER, state).status);
        let end = if agrees { "" } else { " refused" };
        self.reporter.count(&format!("power queries{end}"), 1);
        agrees
    }

    /// Has the stack sleep with the system.
    pub(crate) fn sleep_system(&'static self, stack: &DeviceStack, state: usize) {
        let Answered { status, irp, .. } = self.send_system_power(stack, SET_POWER, state);
        self.reporter.count("system went to sleep", 1);
        if !nt_success(status) {
            self.violation_about(
                Some(&irp),
                &rules::POWER_DOWN_FAILED,
                &format!("SET_POWER to system state {state} ended with {}", status::name(status)),
            );
        }
    }

    /// Has the stack go on with the system. The disk may not be awake yet.
    pub(crate) fn wake_system(&'static self, stack: &DeviceStack) {
        let Answered { status, irp, .. } = self.send_system_power(stack, SET_POWER, POWER_SYSTEM_WORKING);
        self.reporter.count("system went on", 1);
        if !nt_success(status) {
            self.violation_about(
                Some(&irp),
                &rules::POWER_UP_FAILED,
                &format!("SET_POWER to the working state ended with {}", status::name(status)),
            );
        }
    }

    /// Has the system sleep for a while, or ask whether it can and go on all the same.
    pub(crate) fn nap(&'static self, stacks: &[&DeviceStack], random: &Random) {
        let state = SYSTEM_SLEEPS[random.index(SYSTEM_SLEEPS.len())];
        // Who refuses ends the query, and those who had agreed have to hear that the system goes on.
        let asked = stacks
            .iter()
            .position(|stack| !self.query_sleep(stack, state))
            .map_or(stacks.len(), |refusing| refusing + 1);
        let all_agree = asked == stacks.len();
        if all_agree && random.chance(850) {
            for stack in stacks {
                self.sleep_system(stack, state);
            }
            self.sleep_until(self.clock.now_ns() + random.below(SLEEP_NS));
        } else {
            self.reporter.count("system went on without having slept", 1);
        }
        for stack in &stacks[..asked] {
            self.wake_system(stack);
        }
        for stack in stacks {
            self.wait_for_power(stack);
        }
    }

    /// Waits until the disk has the power state that was asked of it.
    pub(crate) fn wait_for_power(&'static self, stack: &DeviceStack) {
        while stack.lower.as_ref().is_some_and(|disk| disk.is_changing_power()) {
            self.sleep_until(self.clock.now_ns() + CHANGE_NS);
        }
    }
}
