//! The context of an IRP outlives dispatch: it borrows nothing that ends with it.
//!
//! Enforced by: `Observe`
#![no_std]

use wdm::{Device, Driver, Observe, View};

/// What is kept for a request, with the name that it is counted under.
pub struct Context<'name>(&'name str);

#[cfg(misuse)]
//~vv ERROR E0478: lifetime bound not satisfied
//~v ERROR E0803: cannot infer an appropriate lifetime for lifetime parameter `'name` due to conflicting requirements
impl<'name, D: Driver> Observe<D> for Context<'name> {
    fn done(self, _device: &Device<D>, _view: View<'_>) {
        let _name = self.0;
    }
}

#[cfg(not(misuse))]
impl<D: Driver> Observe<D> for Context<'static> {
    fn done(self, _device: &Device<D>, _view: View<'_>) {
        let _name = self.0;
    }
}
