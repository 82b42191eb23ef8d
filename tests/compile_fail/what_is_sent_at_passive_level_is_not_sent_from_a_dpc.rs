//! A request that a disk's driver waits within, such as FLUSH_BUFFERS, is sent again by a thread at PASSIVE_LEVEL: what a function
//! of the driver's asks for as `Passive` is not to be had in the routine of a timer, and is in that of a work item.
//!
//! Enforced by: `Passive`, `Dispatch`, `Expire`, `Work`
#![no_std]

#[cfg(not(misuse))]
use wdm::Work;
use wdm::{Device, Driver, Passive};
#[cfg(misuse)]
use wdm::{Dispatch, Expire};

/// A driver whose flushes wait to be sent again.
pub trait Flushes: Driver {
    /// Sends those that are due.
    fn send(device: &Device<Self>, irql: &mut Passive)
    where
        Self: Sized;
}

/// What sends them.
pub enum SendFlushes {}

#[cfg(misuse)]
impl<D: Flushes> Expire<D> for SendFlushes {
    fn expired(device: &Device<D>, irql: &mut Dispatch) {
        D::send(device, irql); //~ ERROR E0308: mismatched types
    }
}

#[cfg(not(misuse))]
impl<D: Flushes> Work<D> for SendFlushes {
    fn run(device: &Device<D>, irql: &mut Passive) {
        D::send(device, irql);
    }
}
