//! An IRP that is only observed is not kept when it comes back: what is seen of it, and of its device, ends with the
//! completion routine.
//!
//! Enforced by: `Observe`, `View`, `Device`
#![no_std]

use wdm::{Device, Driver, NtStatus, Observe, View};

fn keep<T: 'static>(_value: T) {}

/// The context of a request that is observed.
pub struct Context;

impl<D: Driver> Observe<D> for Context {
    fn done(self, device: &Device<D>, view: View<'_>) {
        let status: NtStatus = view.status();
        keep(status);
        #[cfg(misuse)]
        keep(view); //~ ERROR E0521: borrowed data escapes outside of method
        #[cfg(misuse)]
        keep(device); //~ ERROR E0521: borrowed data escapes outside of method
        let _state = device.state();
    }
}
