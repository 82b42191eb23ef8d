//! The end of the system: for a driver that has proof that memory is not what it must be.
//!
//! Here is the call, and what this library itself can find broken; which code the system stops with is the driver's to
//! say, in [`Driver::broken`](crate::Driver::broken). What it is not: error handling. Whatever can be answered with a
//! status is.

use wdk_sys::ntddk::KeBugCheckEx;

/// What this library found broken. It has been written over, or safe code was got round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// A slot was given back that nobody had: two requests may have had the same one.
    SlotFreedTwice,
    /// A slab is freed while a request has one of its slots: its completion routine would find freed memory.
    SlabFreedInUse,
}

/// Stops the system.
#[cold]
#[inline(never)]
pub fn stop(code: u32, parameters: [usize; 4]) -> ! {
    let [first, second, third, fourth] = parameters.map(|parameter| parameter as u64);
    // SAFETY: allowed at any IRQL, and it does not return.
    unsafe { KeBugCheckEx(code, first, second, third, fourth) }
}
