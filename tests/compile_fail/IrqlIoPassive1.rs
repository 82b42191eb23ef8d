//! IoCreateDevice and IoAttachDeviceToDeviceStack are called at PASSIVE_LEVEL: they take the `AddDevice` that is there only
//! in the PnP manager's call, at that level.
//!
//! Enforced by: `AddDevice`
#![no_std]

use core::ptr::NonNull;

use wdm::{AddDevice, Driver, NtError, raw::DRIVER_OBJECT};

/// Puts the filter on a device.
pub fn add_device<D: Driver<State = ()>>(
    add: AddDevice<'_, D>,
    _driver: NonNull<DRIVER_OBJECT>,
) -> Result<(), NtError> {
    #[cfg(misuse)]
    let add = {
        drop(add);
        AddDevice::<D>::from_raw(_driver, _driver.cast()) //~ ERROR E0624: associated function `from_raw` is private
    };
    add.attach(())
}
