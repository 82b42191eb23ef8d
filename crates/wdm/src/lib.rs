//! Safe WDM.
#![cfg_attr(windows, no_std)]
#![cfg(windows)]
