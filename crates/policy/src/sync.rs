//! The atomics that processors share: the processor's own, or loom's where a test explores every interleaving.
//!
//! Nothing else of loom is named in the crate, and a normal build does not know it.

#[cfg(not(loom))]
pub use core::sync::atomic::AtomicU64;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::Ordering;

#[cfg(loom)]
pub use loom::sync::atomic::AtomicU64;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::Ordering;
