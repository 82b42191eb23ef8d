//! What it takes to carry out a request by parts is for one request, which it is freed with: another one needs its own.
//!
//! Enforced by: `SplitMemory`
#![no_std]

use wdm::{Dispatch, Driver, Held, NtError, Split, SplitMemory, Way, pool::Tag};

/// Carries out two requests.
///
/// # Errors
///
/// There is no memory; a request that is not carried out is dropped.
pub fn carry_out<D: Driver, S: Split<D>>(
    [first, second]: [(Held<D>, S); 2],
    part_max: u32,
    tag: Tag,
    irql: &mut Dispatch,
) -> Result<(), NtError> {
    let memory = SplitMemory::new(part_max, tag)?;
    #[cfg(not(misuse))]
    let other = SplitMemory::new(part_max, tag)?;
    let _ = memory.carry_out(first.0, first.1, Way::Serial, irql);
    #[cfg(misuse)]
    let _ = memory.carry_out(second.0, second.1, Way::Serial, irql); //~ ERROR E0382: use of moved value: `memory`
    #[cfg(not(misuse))]
    let _ = other.carry_out(second.0, second.1, Way::Serial, irql);
    Ok(())
}
