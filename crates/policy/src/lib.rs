//! What the filter counts for a device and what it decides, and the arithmetic behind it: atomics and integers, and
//! nothing else.
//!
//! * [`DeviceStatistics`] is the head of a device's statistics, [`Shard`] the part that each processor counts in, and
//!   [`Statistics`] the two together: what a dispatch or completion routine counts with.
//! * [`Snapshot`] is what a reader gets, live or, with [`dump::read`], out of a memory dump.
//! * [`histogram`] and [`clock`] measure.
//! * [`configuration`] has every setting with its limits, [`bypass_io`] the answer to one request, and [`once`] keeps
//!   what is told from being told again.
//! * [`probe`] decides when an idle device is asked whether it answers.
//! * [`retry`] decides whether a request that failed is sent again, and when.
//! * [`split`] divides transfers that are too long for a device, and puts together what they ended with.
//! * [`usage`] keeps account of the special files on a device, and decides what follows from them.
//!
//! It is not the driver: it knows no IRP, allocates nothing, calls nothing of the kernel, and any host tests it.
//!
//! # Invariants
//!
//! All-zero memory is a valid, fresh value of every type here that processors share: [`Shard`],
//! [`Histogram<AtomicU64>`](histogram::Histogram), [`ErrorTable`](errors::ErrorTable) and
//! [`InFlight`](in_flight::InFlight). So is it of [`Snapshot`]. A driver may therefore place them in zeroed pool without
//! running a constructor. What processors share is `repr(C)` throughout and made of 64-bit words alone.
//!
//! Nothing here panics, takes a lock, or waits for another processor.
#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod bypass_io;
pub mod clock;
pub mod configuration;
pub mod counters;
pub mod dump;
pub mod errors;
pub mod histogram;
pub mod in_flight;
pub mod once;
pub mod probe;
pub mod retry;
mod snapshot;
pub mod split;
mod statistics;
pub mod sync;
pub mod usage;

pub use counters::{Harden, Operation, Shard};
pub use snapshot::Snapshot;
pub use statistics::{DeviceStatistics, Statistics};
