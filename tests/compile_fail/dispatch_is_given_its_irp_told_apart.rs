//! No driver has an IRP before it is told apart, so none can do with it what its kind does not allow: dispatch takes a
//! `Request`.
//!
//! Enforced by: `Driver`, `Request`
#![no_std]

#[cfg(misuse)]
use wdm::Irp;
#[cfg(not(misuse))]
use wdm::Request;
use wdm::{AddDevice, Driver, NtError, Outcome};

/// A filter that lets every request pass.
pub enum Filter {}

impl Driver for Filter {
    type State = ();

    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError> {
        add.attach(())
    }

    #[cfg(misuse)]
    //~v ERROR E0053: method `dispatch` has an incompatible type for trait
    fn dispatch<'irp>(irp: Irp<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(irp.skip_and_call())
    }

    #[cfg(not(misuse))]
    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match request {
            Request::RemoveDevice(removal) => removal.call_detach_and_delete(),
            Request::SurpriseRemoval(irp)
            | Request::CancelRemoveDevice(irp)
            | Request::StopDevice(irp)
            | Request::CancelStopDevice(irp) => irp.succeed_and_call(),
            Request::QueryRemoveDevice(irp) | Request::QueryStopDevice(irp) => irp.skip_and_call(),
            Request::MustPass(irp) => irp.skip_and_call(),
            Request::Read { irp, .. } | Request::Write { irp, .. } | Request::Other(irp) => irp.skip_and_call(),
        })
    }
}
