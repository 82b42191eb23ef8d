//! holder: a filter driver that keeps requests, so that what `wdm` offers for it runs in the lab.
//!
//! * READ is held. Where it comes back with STATUS_DEVICE_BUSY it is sent again, up to [`filter::RESENDS_MAX`] times,
//!   then completed with what the lower driver said last.
//! * A READ for which the lower driver is not ready waits, with its context, until the next request comes, whatever that is.
//!   Then those that wait are sent again, the shortest first. One of no bytes is lost, which completes it with
//!   STATUS_INTERNAL_ERROR. Those that are paging I/O are registered without an allocation each time.
//! * WRITE is parked: not sent down at all, but completed as if every byte had been written, by the request that comes
//!   next, whatever that is. One of no bytes is forgotten, which completes it with STATUS_INTERNAL_ERROR.
//! * Everything else passes.
//!
//! It is no filter for a disk with anything on it.
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
mod later;
mod parked;

// Only for the panic handler that every image has to have. No code of this driver has a path to it.
use wdk_panic as _;
