//! conformance: a driver that asks the kernel it runs on whether it does what Microsoft's documentation says, in small
//! sequences that each have one right result.
//!
//! DriverEntry makes three device objects, attached to each other, all of this driver's and with no hardware below; runs
//! every sequence of [`sequences`]; and says what came of each, by DbgPrint and in the registry. Nothing of it is left
//! then, and the driver can be unloaded. It keeps all rules that Driver Verifier has while it does so.
//!
//! The kernel is called as a C driver calls it: nothing of `crates/wdm` and nothing of the lab is in here, so that no
//! mistake of theirs is in here either. What C has as macros is written out from the documented offsets.
#![cfg_attr(windows, no_std)]
#![cfg(windows)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod check;
mod entry;
mod journal;
mod kernel;
mod layers;
mod objects;
mod requests;
mod sequences;
mod threads;

// Only for the panic handler that every image has to have. No code of this driver has a path to it.
use wdk_panic as _;
