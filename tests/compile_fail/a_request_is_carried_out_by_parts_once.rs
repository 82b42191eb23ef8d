//! A request that is carried out by parts is given away: it comes back when it is over, and is completed then.
//!
//! Enforced by: `SplitMemory`, `Held`, `Split`
#![no_std]

use wdm::{Dispatch, Driver, Held, NtError, Split, SplitMemory, Way};

/// Carries out the request; one that cannot be divided is failed.
pub fn carry_out<D: Driver, S: Split<D>>(memory: SplitMemory<D, S>, irp: Held<D>, split: S, irql: &mut Dispatch) {
    #[cfg(misuse)]
    let not_divided = memory.carry_out(irp, split, Way::Parallel, irql).is_err();
    #[cfg(misuse)]
    if not_divided {
        irp.fail(NtError::INVALID_PARAMETER, irql); //~ ERROR E0382: use of moved value: `irp`
    }
    #[cfg(not(misuse))]
    if let Err((irp, _)) = memory.carry_out(irp, split, Way::Parallel, irql) {
        irp.fail(NtError::INVALID_PARAMETER, irql);
    }
}
