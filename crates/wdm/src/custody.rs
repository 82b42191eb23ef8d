//! Who has an IRP of this driver's own: its owner, the drivers below, or whoever cancels it together with them.
//!
//! The drivers below may complete an IRP at any moment, also while another thread is in IoCancelIrp with it, and that call reads
//! the IRP to its end. So the completion routine does not take an IRP over that somebody is cancelling: it leaves word, and the
//! one who cancels takes it over when the call has returned. Nobody waits for anybody.
//!
//! It knows neither the IRP nor what is done with it; and it is free of the kernel, so that a host can test it.

use crate::{
    rendezvous::Turn,
    sync::{AtomicU8, Ordering},
};

const EMPTY: u8 = 0;
const OWNED: u8 = 1;
const BELOW: u8 = 2;
const CANCELLING: u8 = 3;
const RETURNED_WHILE_CANCELLING: u8 = 4;

/// Beside any of them: no other IRP is to be sent.
const CLOSED: u8 = 0x80;

/// Where the one IRP is that this stands for.
///
/// # States
///
/// 1. *EMPTY*: there is none.
/// 2. *OWNED*: whoever claimed it, or got it back, makes the IRP ready, sends it again, or lets go of it.
/// 3. *BELOW*: the drivers below have it.
/// 4. *CANCELLING*: they have it, and one thread is in IoCancelIrp with it.
/// 5. *RETURNED_WHILE_CANCELLING*: they have completed it, and that thread will find it.
///
/// Beside that it is *closed* from the moment that [`close`](Self::close) was called: it cannot be claimed.
#[derive(Debug)]
pub(crate) struct Custody(AtomicU8);

impl Custody {
    /// Without an IRP.
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(EMPTY))
    }

    /// From *EMPTY* to *OWNED*. Returns false where somebody else has it, or it is closed.
    #[must_use = "it is the caller's only where this says so"]
    pub(crate) fn claim(&self) -> bool {
        // Acquire: what the last owner did with what belongs to the IRP has happened before.
        self.0
            .compare_exchange(EMPTY, OWNED, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// From *OWNED* to *EMPTY*.
    pub(crate) fn release(&self) {
        // Release: see `claim`. In this state nobody else changes anything but the other bit.
        self.0.fetch_and(CLOSED, Ordering::Release);
    }

    /// From *OWNED* to *BELOW*: the IRP is sent next.
    pub(crate) fn depart(&self) {
        // Release: what the owner did with the IRP is seen by whoever cancels it.
        self.change(|state| if state == OWNED { BELOW } else { state });
    }

    /// From *BELOW* to *CANCELLING*, where it is there: IoCancelIrp is called next.
    #[must_use = "the IRP may be cancelled only where this says so"]
    pub(crate) fn begin_cancel(&self) -> bool {
        self.change(|state| if state == BELOW { CANCELLING } else { state }) & !CLOSED == BELOW
    }

    /// IoCancelIrp has returned: back to *BELOW*, or to *OWNED* and the caller where the IRP was completed meanwhile.
    ///
    /// Where it is not the caller's, nothing of it may be touched any more.
    pub(crate) fn end_cancel(&self) -> Turn {
        let before = self.change(|state| match state {
            CANCELLING => BELOW,
            RETURNED_WHILE_CANCELLING => OWNED,
            other => other,
        });
        if before & !CLOSED == RETURNED_WHILE_CANCELLING {
            Turn::Mine
        } else {
            Turn::Theirs
        }
    }

    /// The drivers below have completed the IRP: to *OWNED* and the caller, or to *RETURNED_WHILE_CANCELLING*.
    ///
    /// Where it is not the caller's, nothing of it may be touched any more.
    pub(crate) fn completed(&self) -> Turn {
        let before = self.change(|state| match state {
            BELOW => OWNED,
            CANCELLING => RETURNED_WHILE_CANCELLING,
            other => other,
        });
        if before & !CLOSED == BELOW {
            Turn::Mine
        } else {
            Turn::Theirs
        }
    }

    /// It cannot be claimed from now on. An IRP that is below is the caller's to cancel; one that is being sent is the sender's,
    /// who looks whether it [is closed](Self::is_closed) when that is done.
    pub(crate) fn close(&self) {
        // In the one order of this byte, either this comes before `depart`, and whoever departed sees it, or the IRP is found
        // below.
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Whether it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes one step. Returns what was there before.
    fn change(&self, next: impl Fn(u8) -> u8) -> u8 {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let then = next(seen & !CLOSED) | seen & CLOSED;
            // Each takes over from the one before it: what that did has happened before.
            match self
                .0
                .compare_exchange_weak(seen, then, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(before) => return before,
                Err(now) => seen = now,
            }
        }
    }
}
