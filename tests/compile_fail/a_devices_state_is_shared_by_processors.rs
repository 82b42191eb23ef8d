//! What a driver keeps for a device is used by several processors at once: it is Sync.
//!
//! Enforced by: `Driver`
#![no_std]

#[cfg(misuse)]
use core::cell::Cell;
#[cfg(not(misuse))]
use core::sync::atomic::{AtomicU64, Ordering};

use wdm::{AddDevice, Driver, NtError, Outcome, Request};

/// A filter that counts.
pub enum Filter {}

impl Driver for Filter {
    #[cfg(misuse)]
    type State = Cell<u64>; //~ ERROR E0277: `Cell<u64>` cannot be shared between threads safely
    #[cfg(not(misuse))]
    type State = AtomicU64;
    type Parts = ();

    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError> {
        add.attach(Default::default())
    }

    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match request {
            Request::Read { irp, .. } | Request::Write { irp, .. } => {
                let requests = irp.device().state();
                #[cfg(misuse)]
                requests.update(|requests| requests.wrapping_add(1));
                #[cfg(not(misuse))]
                requests.fetch_add(1, Ordering::Relaxed);
                irp.skip_and_call()
            }
            other => other.pass(),
        })
    }
}
