//! An IRP that is sent again comes back to a context of the kind that its slot is for: no other fits.
//!
//! Enforced by: `Held`, `Next`, `Slot`
#![no_std]

use wdm::{Dispatch, Driver, Held, Hold, Next, Slot};

/// The first attempt.
pub struct First;

/// Any other.
#[cfg(misuse)]
pub struct Later;

impl<D: Driver> Hold<D> for First {
    fn done(self, irp: Held<D, Slot<D, Self>>, _irql: &mut Dispatch) -> Next<D, Self> {
        #[cfg(misuse)]
        return Next::Resend(irp, Later); //~ ERROR E0308: mismatched types: expected `First`, found `Later`
        #[cfg(not(misuse))]
        Next::Resend(irp, self)
    }
}
