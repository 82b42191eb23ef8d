//! delay: a filter driver that lets each READ and WRITE of a disk take longer.
//!
//! It is an example of a driver on `wdm`, small enough to be read from end to end: `docs/writing-a-filter.md` takes it apart.
//! What it has that most filters need: requests that wait where they can be cancelled, a timer, and a device that may go at
//! any time.
//!
//! * `entry` is the image's entry point.
//! * `filter` says what is done with each device and each request.
//! * `waiting` is where requests wait, and what lets them go.
//!
//! What it is not: a driver to install. How long it delays is fixed, and there is nothing to switch it off with.
#![cfg_attr(windows, no_std)]
#![cfg(windows)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod entry;
mod filter;
mod waiting;

// Only for the panic handler that every image has to have. No code of this driver has a path to it.
use wdk_panic as _;
