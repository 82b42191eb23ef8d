//! offender: a filter driver.
#![cfg_attr(windows, no_std)]
#![cfg(windows)]

use wdk_panic as _;

#[unsafe(export_name = "DriverEntry")]
extern "system" fn driver_entry(_driver: *const u8, _path: *const u8) -> i32 {
    0
}
