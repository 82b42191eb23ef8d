//! irpscope: an upper filter driver for Windows storage stacks.
//!
//! The image is thin: how an IRP may be disposed of and how a device object is made and removed are in `wdm`, how what
//! is seen is counted is in `policy`, and what is left here is what this filter does with each request. It follows READ,
//! WRITE, FLUSH_BUFFERS and DEVICE_CONTROL, to count and to time them, sends again what failed where it is told to, has its part in how a device is started, stopped,
//! removed and used for special files, and lets everything else pass.
//!
//! Off Windows targets this crate is empty, so that the workspace builds with nothing but Rust; `cargo xtask build`
//! makes `irpscope.sys` from it.
#![cfg_attr(windows, no_std)]
#![cfg(windows)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod bypass_io;
mod configuration;
mod entry;
mod events;
mod fatal;
mod filter;
mod following;
mod lifecycle;
mod parts;
mod probe;
mod retry;
mod split;

// Only for what it brings into the image: the panic handler. The release image has no path to it, which the image gate
// proves.
use wdk_panic as _;

/// Where an allocation would come from: NX pool, tagged. Nothing in this driver allocates infallibly.
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
