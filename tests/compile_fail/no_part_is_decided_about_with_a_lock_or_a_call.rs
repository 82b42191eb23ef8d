//! Who decides about parts is asked with a spin lock held, and has nothing to call another driver or to complete a request with:
//! what is to be done then is done when the request is over.
//!
//! Enforced by: `Split`, `Dispatch`
#![no_std]

use wdm::{Device, Dispatch, Driver, Held, NtError, NtStatus, Piece, Split};

/// A request that another one waits for, which is completed with it.
pub struct Leading<D: Driver> {
    /// What is to be begun next.
    pub next: Option<Piece>,
    /// The one that waits.
    pub waiting: Option<Held<D>>,
}

impl<D: Driver> Split<D> for Leading<D> {
    fn begin(&mut self, _device: &Device<D>) -> Option<Piece> {
        self.next.take()
    }

    #[cfg(misuse)]
    //~v ERROR E0050: expected 4 parameters, found 5
    fn done(&mut self, _piece: Piece, _status: NtStatus, _information: u64, irql: &mut Dispatch) {
        if let Some(waiting) = self.waiting.take() {
            waiting.succeed(0, irql);
        }
    }

    #[cfg(not(misuse))]
    fn done(&mut self, _piece: Piece, _status: NtStatus, _information: u64) {}

    fn no_memory(&mut self, piece: Piece) {
        self.next = Some(piece);
    }

    fn refused(&mut self, _piece: Piece, _error: NtError) {}

    fn cancelled(&mut self, _unsent: Option<Piece>) {}

    fn finish(self, irp: Held<D>, irql: &mut Dispatch) {
        irp.succeed(0, irql);
        if let Some(waiting) = self.waiting {
            waiting.succeed(0, irql);
        }
    }

    fn reserve_is_free(_device: &Device<D>, _irql: &mut Dispatch) {}
}
