//! What decides about the parts of a request is Send: it is asked on whatever thread a part comes back.
//!
//! Enforced by: `Split`
#![no_std]

use wdm::{Device, Dispatch, Driver, Held, NtError, NtStatus, Piece, Split};

/// A request of one part.
pub struct Whole {
    /// The part, until it is begun.
    pub piece: Option<Piece>,
    /// Whom its bytes are counted for.
    #[cfg(misuse)]
    pub count: *mut u64,
    /// Whom its bytes are counted for.
    #[cfg(not(misuse))]
    pub count: &'static core::sync::atomic::AtomicU64,
}

//~v ERROR E0277: `*mut u64` cannot be sent between threads safely
impl<D: Driver> Split<D> for Whole {
    fn begin(&mut self, _device: &Device<D>) -> Option<Piece> {
        self.piece.take()
    }

    fn done(&mut self, _piece: Piece, _status: NtStatus, _information: u64) {}

    fn no_memory(&mut self, piece: Piece) {
        self.piece = Some(piece);
    }

    fn refused(&mut self, _piece: Piece, _error: NtError) {}

    fn cancelled(&mut self, _unsent: Option<Piece>) {}

    fn finish(self, irp: Held<D>, irql: &mut Dispatch) {
        irp.succeed(0, irql);
    }

    fn reserve_is_free(_device: &Device<D>, _irql: &mut Dispatch) {}
}
