//! offender: a filter driver that breaks one rule of WDM when told to, as the specification of what the lab must
//! catch.
//!
//! What it is told is the last component of its registry path, the name of its service:
//!
//! * `offender`: nothing is done wrong, by a filter that follows READ and WRITE and lets everything else pass.
//! * `offender-NAME`: the offence or misbehaviour of that name in the tables of [`offences`] and [`misbehaviours`], and
//!   nothing else that is wrong.
//! * `offender-NAME`: also the race of that name in the table of [`races`].
//! * `offender-NAME-clean`: the twin of an offence or of a race, which goes the same way and does right what the offence does wrong.
//!
//! The kernel is called as a C driver calls it: nothing of `crates/wdm` is in here, whose types would not let most of
//! this compile. What C has as macros is written out from the documented offsets.
//!
//! An offence is done as its name says even where more than its own rule would be broken by what follows, because a
//! checker stops there. Up to that point no other rule is broken.
#![cfg_attr(windows, no_std)]
#![cfg(windows)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod add_device;
mod dispatch;
mod entry;
mod kernel;
mod meeting;
mod misbehaviours;
mod objects;
mod offences;
mod pool;
mod races;
mod request;
mod sending;
mod switch;

// Only for the panic handler that every image has to have. No code of this driver has a path to it.
use wdk_panic as _;
