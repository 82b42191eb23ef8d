//! worker: a filter driver that hands requests to a system thread, so that what `wdm` offers for it runs in the lab.
//!
//! * READ and WRITE wait in a queue until a work item takes them out and sends them down. What it finds of a request's memory
//!   through a partial MDL must be what the request's own MDL has there, or the request fails with STATUS_INSUFFICIENT_RESOURCES.
//! * Those that are paging I/O are held, registered without an allocation, and sent again up to [`filter::RESENDS_MAX`] times
//!   where the lower driver is busy.
//! * FLUSH_BUFFERS opens a gate and DEVICE_CONTROL closes it: the work item waits at a closed one, for a millisecond at most.
//! * Everything else passes.
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
mod memory;
mod own;

// Only for the panic handler that every image has to have. No code of this driver has a path to it.
use wdk_panic as _;
