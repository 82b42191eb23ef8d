//! An IRP that is pending below is not completed: while the lower driver has it, the driver has none, and gets it back as
//! an argument of its completion.
//!
//! Enforced by: `Hold`, `Held`, `Next`
#![no_std]

use wdm::{Dispatch, Driver, Held, Hold, Next, Slot};

/// How often the request is to be sent again.
pub struct Attempts(u32);

impl<D: Driver> Hold<D> for Attempts {
    fn done(self, irp: Held<D, Slot<D, Self>>, irql: &mut Dispatch) -> Next<D, Self> {
        match self.0.checked_sub(1) {
            Some(left) if irp.status().ok().is_err() => {
                let next = Next::Resend(irp, Attempts(left));
                #[cfg(misuse)]
                irp.complete(irql); //~ ERROR E0382: use of moved value: `irp`
                next
            }
            _ => {
                irp.complete(irql);
                Next::Gone
            }
        }
    }
}
