//! A thread waits for an event at PASSIVE_LEVEL: that takes a `Passive`, and a DPC has only a `Dispatch`.
//!
//! Enforced by: `Event`, `Passive`
#![no_std]

#[cfg(misuse)]
use wdm::Dispatch;
#[cfg(not(misuse))]
use wdm::Passive;
use wdm::{Event, Notification};

/// Waits for what a work item has to wait for.
#[cfg(not(misuse))]
pub fn wait(event: &Event<Notification>, irql: &mut Passive) {
    event.wait(irql);
}

/// Waits in a timer's routine.
#[cfg(misuse)]
pub fn wait(event: &Event<Notification>, irql: &mut Dispatch) {
    event.wait(irql); //~ ERROR E0308: mismatched types: expected `&mut Passive`, found `&mut Dispatch`
}
