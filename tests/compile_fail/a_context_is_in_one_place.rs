//! The context of an IRP that waits goes into its slot, and out of it with the IRP's next sending: it is nowhere else meanwhile.
//!
//! Enforced by: `Held`, `Slot`
#![no_std]

use wdm::{Dispatch, Driver, Held, Hold, Slot};

/// Lets a request wait, and sends it again.
pub fn wait_and_send<D: Driver, C: Hold<D>>(irp: Held<D, Slot<D, C>>, context: C, irql: &mut Dispatch) {
    let irp = irp.stash(context);
    #[cfg(misuse)]
    let (irp, _) = irp.take_back();
    #[cfg(not(misuse))]
    let (irp, context) = irp.take_back();
    irp.send_again(context, irql); //~ ERROR E0382: use of moved value: `context`
}
