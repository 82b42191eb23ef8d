//! A timer, a queue, a work item or an event is known to the kernel by its address, so it does not move: a driver reaches those
//! of a device by reference, and cannot take one away.
//!
//! Enforced by: `Device`, `Timer`
#![no_std]

use wdm::{AddDevice, Device, Dispatch, Driver, Expire, NtError, Outcome, Request, Timer, time::InterruptTime};

wdm::parts! {
    /// What a device has.
    pub struct Parts for Filter {
        timer: Timer<Filter, Nothing>,
    }
}

/// Does nothing.
pub enum Nothing {}

impl Expire<Filter> for Nothing {
    fn expired(_device: &Device<Filter>, _irql: &mut Dispatch) {}
}

/// A filter with a timer.
pub enum Filter {}

impl Driver for Filter {
    type State = ();
    type Parts = Parts;

    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError> {
        add.attach(())
    }

    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        match request {
            Request::Read { irp, .. } => Ok(irp.skip_and_call()),
            _ => loop {},
        }
    }
}

/// Starts the timer of a device.
pub fn start(device: &Device<Filter>, irql: &mut Dispatch) {
    #[cfg(misuse)]
    let timer = device.parts().timer; //~ ERROR E0507: cannot move out of a shared reference
    #[cfg(not(misuse))]
    let timer = &device.parts().timer;
    timer.set(InterruptTime::now(), irql);
}
