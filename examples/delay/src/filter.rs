//! What the driver does with each device and each request.

use wdm::{AddDevice, Driver, NtError, Outcome, Request};

use crate::waiting::{self, Parts};

/// The driver. There is no value of it: it only names what the kernel calls.
pub(crate) enum Delay {}

impl Driver for Delay {
    /// Nothing is kept for a device but what waits.
    type State = ();

    type Parts = Parts;

    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError> {
        // Where there is no memory for it, the disk is started without this filter. To return the error would be to take a
        // disk away because it cannot be slowed down.
        let _ = add.attach(());
        Ok(())
    }

    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self> {
        Ok(match request {
            // The subject of this driver.
            Request::Read { irp, .. } | Request::Write { irp, .. } => waiting::delay(irp)?,
            // What waits is let go before the request goes down, for the queue is one of the device's parts.
            Request::RemoveDevice(removal) => removal.call_detach_and_delete(),
            Request::SurpriseRemoval(irp) => irp.succeed_and_call(),
            // A disk that is to be stopped or removed gets what waits soon enough, as its driver sees to it that it gets no
            // other requests meanwhile.
            Request::CancelRemoveDevice(irp) | Request::StopDevice(irp) | Request::CancelStopDevice(irp) => {
                irp.succeed_and_call()
            }
            Request::QueryRemoveDevice(irp) | Request::QueryStopDevice(irp) => irp.skip_and_call(),
            // And everything that this driver has no part in.
            Request::StartDevice(irp) => irp.skip_and_call(),
            Request::DeviceUsageNotification(irp) => irp.skip_and_call(),
            Request::QueryPnpDeviceState(irp) => irp.skip_and_call(),
            Request::PnpQuestion(irp) => irp.skip_and_call(),
            Request::InternalDeviceControl(irp) | Request::MustPass(irp) => irp.skip_and_call(),
            Request::FlushBuffers(irp) | Request::DeviceControl { irp, .. } | Request::Other(irp) => {
                irp.skip_and_call()
            }
        })
    }
}
