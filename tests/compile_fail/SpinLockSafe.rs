//! No IRP is completed or sent while a spin lock is held: both take the thread's token, which the lock's guard borrows.
//! Dropping a `Held` takes none: that is a fault in itself, which the driver is told of.
//!
//! Enforced by: `SpinLockGuard`, `Dispatch`, `Held`, `Irp`
#![no_std]

use wdm::{Dispatch, Driver, Held, Irp, NtError, Outcome, SpinLock, SpinLockGuard};

/// Counts a request that is kept, and fails it.
pub fn fail<D: Driver>(irp: Held<D>, error: NtError, irql: &mut Dispatch, requests: &SpinLock<u64>) {
    let mut guard: SpinLockGuard<'_, u64> = requests.lock(irql);
    *guard = guard.wrapping_add(1);
    #[cfg(not(misuse))]
    drop(guard);
    irp.fail(error, irql); //~ ERROR E0499: cannot borrow `*irql` as mutable more than once at a time
    #[cfg(misuse)]
    drop(guard);
}

/// Counts a request, and lets it pass.
pub fn dispatch<D: Driver<State = SpinLock<u64>>>(mut irp: Irp<'_, D>) -> Outcome<'_, D> {
    let (device, irql) = irp.device_and_irql();
    let mut guard = device.state().lock(irql);
    *guard = guard.wrapping_add(1);
    #[cfg(not(misuse))]
    drop(guard);
    let sent = irp.skip_and_call(); //~ ERROR E0505: cannot move out of `irp` because it is borrowed
    #[cfg(misuse)]
    drop(guard);
    Ok(sent)
}
