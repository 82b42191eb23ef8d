//! The reserve that a request is carried out with is there until it is over: it is one in the state of the device, which the
//! request's remove lock keeps, and never one that its user has only borrowed.
//!
//! Enforced by: `SplitReserve`
#![no_std]

use wdm::{Device, Dispatch, Driver, Held, Split, SplitReserve};

/// Carries out the request that waits, if there is one.
pub fn serve<D: Driver<State = SplitReserve<D, S>>, S: Split<D>>(
    device: &Device<D>,
    _borrowed: &SplitReserve<D, S>,
    mut waiting: Option<(Held<D>, S)>,
    irql: &mut Dispatch,
) {
    #[cfg(misuse)]
    SplitReserve::serve(device, |_| Some(_borrowed), |_| waiting.take(), irql); //~ ERROR: lifetime may not live long enough
    #[cfg(not(misuse))]
    SplitReserve::serve(device, |state| Some(state), |_| waiting.take(), irql);
}
