//! Who goes on with a held IRP: the thread that called the lower driver, or the one on which that driver completed it.
//!
//! Both happen once for each call, in either order or at the same time. Whoever comes second goes on. So a lower driver
//! that completes at once makes a loop in the caller, however often the IRP is sent again, and never a recursion.

use crate::sync::{AtomicU8, Ordering};

const CALLING: u8 = 0;
const RETURNED: u8 = 1;
const COMPLETED: u8 = 2;

/// The state of one call to the lower driver.
///
/// # States
///
/// 1. *CALLING*: neither has happened yet.
/// 2. *RETURNED*: the call has returned, and the completion routine has not run. Its thread will go on.
/// 3. *COMPLETED*: the completion routine has run, and the call has not returned. The caller will go on.
#[derive(Debug)]
pub(crate) struct Rendezvous(AtomicU8);

/// Whether the one who arrived goes on.
#[must_use = "the IRP belongs to the one who goes on"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The other one was there before: what it left is seen, and the IRP is the caller's.
    Mine,
    /// The other one is yet to come, and everything is its own from now on.
    Theirs,
}

impl Rendezvous {
    /// A call that is about to be made.
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(CALLING))
    }

    /// Back to *CALLING*, for the next call. Only the owner of the IRP may do so; the call publishes it.
    pub(crate) fn restart(&self) {
        self.0.store(CALLING, Ordering::Relaxed);
    }

    /// The call to the lower driver has returned.
    pub(crate) fn returned(&self) -> Turn {
        self.arrive(RETURNED)
    }

    /// The lower driver has completed the IRP.
    pub(crate) fn completed(&self) -> Turn {
        self.arrive(COMPLETED)
    }

    fn arrive(&self, state: u8) -> Turn {
        // Acquire and release: the second sees all that the first did before it arrived.
        if self.0.swap(state, Ordering::AcqRel) == CALLING {
            Turn::Theirs
        } else {
            Turn::Mine
        }
    }
}
