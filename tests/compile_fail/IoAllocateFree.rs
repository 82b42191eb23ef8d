//! What is freed is an IRP that the driver allocated, once: its value goes with it. One that somebody else sent has another type, and
//! is never freed.
//!
//! Enforced by: `Returned`
#![no_std]

use wdm::{
    mdl::PoolBuffer,
    own_irp::{Allocated, Returned},
};

/// Frees the IRP and keeps what was read, and tells how much that is.
pub fn take(irp: Returned<Allocated>) -> (PoolBuffer, u64) {
    #[cfg(not(misuse))]
    let read = irp.information();
    let buffer = irp.into_buffer();
    #[cfg(misuse)]
    let read = irp.information(); //~ ERROR E0382: borrow of moved value: `irp`
    (buffer, read)
}
