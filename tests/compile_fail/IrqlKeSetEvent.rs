//! An event is set at DISPATCH_LEVEL at most: that takes a `Dispatch`, which what runs at a higher IRQL has not.
//!
//! Enforced by: `Event`, `Dispatch`
#![no_std]

use wdm::{Dispatch, Event, Notification};

/// Lets those go on that wait.
#[cfg(not(misuse))]
pub fn set(event: &Event<Notification>, irql: &mut Dispatch) {
    event.set(irql);
}

/// Lets those go on that wait, at whatever IRQL this is called.
#[cfg(misuse)]
pub fn set(event: &Event<Notification>) {
    event.set(); //~ ERROR E0061: this method takes 1 argument but 0 arguments were supplied
    let _ = core::any::type_name::<Dispatch>();
}
