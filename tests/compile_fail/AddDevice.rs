//! A device is created before it is attached: both are one step, which a driver can take once and no part of it alone.
//!
//! Enforced by: `AddDevice`
#![no_std]

use wdm::{AddDevice, Driver, NtError};

/// Puts the filter on a device.
pub fn add_device<D: Driver<State = ()>>(add: AddDevice<'_, D>) -> Result<(), NtError> {
    #[cfg(misuse)]
    add.attach(())?;
    add.attach(()) //~ ERROR E0382: use of moved value: `add`
}
