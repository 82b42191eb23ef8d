//! Who goes on with an IRP that is carried out by parts, and who is the last to be done with it.
//!
//! It is told apart from what is sent and how, and is free of the kernel, so that a host can test it.

use crate::sync::{AtomicU64, Ordering};

/// How many have to do with what they share. Whoever gives up the last reference has it alone, and has seen all that the
/// others did.
#[derive(Debug)]
pub(crate) struct References(AtomicU64);

impl References {
    /// One reference, the caller's.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(1))
    }

    /// Again one reference, the caller's: for who has it alone.
    pub(crate) fn restart(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// One more. Who takes one has one.
    pub(crate) fn take(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less. Returns whether that was the last.
    ///
    /// Where it was not, nothing that is shared may be touched any more.
    #[must_use = "the last one has something to do"]
    pub(crate) fn give_up(&self) -> bool {
        // Release: what this one did is seen by the last. Acquire: the last sees what all others did.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// How far an IRP is that is carried out by parts. It has no lock: whoever has it holds one.
///
/// One thread at a time *pumps*: it begins parts and sends them, as long as there are any to begin. Whoever has a part back
/// while another thread pumps leaves it to that one; else it pumps. So a lower driver that completes at once makes a loop and no
/// recursion, and each part that comes back is followed by somebody who looks what is to be begun now.
///
/// # States
///
/// 1. *Idle*: nobody pumps. There are parts in flight.
/// 2. *Pumped*: one thread pumps.
/// 3. *Over*: no part is in flight, and none is begun any more.
#[derive(Debug)]
pub(crate) struct Progress {
    pumped: bool,
    in_flight: u32,
}

/// What the one who pumps does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<P> {
    /// To send this part.
    Send(P),
    /// Nothing: it pumps no more. Whoever has the next part back goes on.
    Wait,
    /// Nothing is left to be sent, or to be waited for.
    End,
}

impl Progress {
    /// *Pumped*, by who begins it.
    pub(crate) const fn new() -> Self {
        Self {
            pumped: true,
            in_flight: 0,
        }
    }

    /// Asks what to do next, with `begin` for the part that is to be sent now, if there is one: by who pumps.
    pub(crate) fn step<P>(&mut self, most: u32, begin: impl FnOnce() -> Option<P>) -> Step<P> {
        let part = if self.in_flight < most { begin() } else { None };
        match part {
            Some(part) => {
                self.in_flight = self.in_flight.saturating_add(1);
                Step::Send(part)
            }
            // It stays pumped: nobody is to begin anything any more.
            None if self.in_flight == 0 => Step::End,
            None => {
                self.pumped = false;
                Step::Wait
            }
        }
    }

    /// The part that was to be sent was not: by who pumps. Returns whether no other is in flight.
    pub(crate) fn not_sent(&mut self) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.in_flight == 0
    }

    /// A part is back. Returns whether the caller pumps from now on.
    #[must_use = "nobody else goes on where this says so"]
    pub(crate) fn back(&mut self) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        !core::mem::replace(&mut self.pumped, true)
    }
}
