//! The context of an IRP is Send: the completion routine runs on whatever thread the lower driver completes the IRP on.
//!
//! Enforced by: `Observe`, `Slab`
#![no_std]

use wdm::{Device, Driver, Observe, Slab, View};

/// What is kept for a request.
pub struct Context {
    /// What it asks for.
    pub length: u32,
    /// Whom it is counted for.
    #[cfg(misuse)]
    pub count: *mut u64,
    /// Whom it is counted for.
    #[cfg(not(misuse))]
    pub count: &'static core::sync::atomic::AtomicU64,
}

//~v ERROR E0277: `*mut u64` cannot be sent between threads safely
impl<D: Driver> Observe<D> for Context {
    fn done(self, _device: &Device<D>, _view: View<'_>) {}
}

/// Where contexts are kept.
pub struct State<D: Driver> {
    /// Of requests that are below.
    pub slab: Slab<D, Context>,
}
