//! An IRP_MJ_SYSTEM_CONTROL does not stay with a driver that dispatch has left: it cannot be kept in the device's state,
//! whose lifetime is not the request's.
//!
//! Enforced by: `MustPass`
#![no_std]

use wdm::{Dispatched, Driver, MustPass};

/// Keeps what lives longer than a dispatch routine.
fn keep<T: 'static>(_kept: T) {}

/// Serves IRP_MJ_SYSTEM_CONTROL.
pub fn system_control<D: Driver>(irp: MustPass<'_, D>) -> Option<Dispatched<'_>> {
    #[cfg(misuse)]
    return {
        keep(irp); //~ ERROR E0521: borrowed data escapes outside of function
        None
    };
    #[cfg(not(misuse))]
    {
        keep(());
        Some(irp.skip_and_call())
    }
}
