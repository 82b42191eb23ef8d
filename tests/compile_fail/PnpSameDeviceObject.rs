//! A filter is attached to the stack that the PnP manager is building: there is no way to name another device.
//!
//! Enforced by: `AddDevice`
#![no_std]

use wdm::{AddDevice, Device, Driver, NtError};

/// Puts the filter on a device, and not on that which it is on already.
pub fn add_device<D: Driver<State = ()>>(add: AddDevice<'_, D>, _already: &Device<D>) -> Result<(), NtError> {
    #[cfg(misuse)]
    return add.attach(_already, ()); //~ ERROR E0061: this method takes 1 argument but 2 arguments were supplied
    #[cfg(not(misuse))]
    add.attach(())
}
