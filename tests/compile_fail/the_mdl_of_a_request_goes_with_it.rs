//! The MDL of a request, and what is mapped through it, are used while the request is this driver's: both borrow it.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, Outcome};

/// Looks at the first byte of what is written, and lets it pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    let mut first = [0];
    let mapped = irp.mdl().and_then(|mdl| mdl.map().ok());
    #[cfg(not(misuse))]
    let _ = mapped.is_some_and(|mapped| mapped.copy_to(0, &mut first));
    let sent = irp.skip_and_call(); //~ ERROR E0505: cannot move out of `irp` because it is borrowed
    #[cfg(misuse)]
    let _ = mapped.is_some_and(|mapped| mapped.copy_to(0, &mut first));
    Ok(sent)
}
