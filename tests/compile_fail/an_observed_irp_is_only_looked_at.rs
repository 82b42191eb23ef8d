//! An IRP that is only observed is neither completed nor sent again when it comes back: the view of it has no such method.
//!
//! Enforced by: `Observe`, `View`
#![no_std]

use wdm::{Device, Driver, Observe, View};

/// What the request was to transfer.
pub struct Context(u64);

impl<D: Driver> Observe<D> for Context {
    fn done(self, _device: &Device<D>, view: View<'_>) {
        if view.information() < self.0 {
            #[cfg(misuse)]
            view.skip_and_call(); //~ ERROR E0599: no method named `skip_and_call` found for struct `View<'routine>`
        }
    }
}
