//! A device has one remove lock: the library's, and a driver cannot add another to its state.
//!
//! Enforced by: `Device`
#![no_std]

#[cfg(misuse)]
use wdm::remove_lock::RemoveLock; //~ ERROR E0603: module `remove_lock` is private
use wdm::{Device, Driver};

/// What a driver keeps for each of its devices.
pub struct State {
    /// Requests seen.
    pub requests: u64,
    /// Kept while a request runs.
    #[cfg(misuse)]
    pub lock: RemoveLock,
}

/// Gives the requests seen.
#[must_use]
pub fn requests<D: Driver<State = State>>(device: &Device<D>) -> u64 {
    device.state().requests
}
