//! What the filter does with each device and each request.

use wdm::{AddDevice, Driver, Irp, NtError, Outcome, Request};

/// The filter: on every device that it is asked to join, and so far letting every request pass.
pub(crate) enum Filter {}

impl Driver for Filter {
    type State = ();

    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError> {
        add.attach(())
    }

    fn dispatch<'irp>(irp: Irp<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match irp.request() {
            Request::RemoveDevice(removal) => removal.call_detach_and_delete(),
            // Neither detached nor deleted: IRP_MN_REMOVE_DEVICE is still to come.
            Request::SurpriseRemoval(irp) => irp.succeed_and_call(),
            Request::Read { irp, .. } | Request::Write { irp, .. } => irp.skip_and_call(),
            Request::Other(irp) => irp.skip_and_call(),
        })
    }
}
