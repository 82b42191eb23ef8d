//! The dispatch routine of every major function: what this driver does with a request when nothing else is told.

use crate::{
    kernel::{
        IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_READ, IRP_MJ_SYSTEM_CONTROL,
        IRP_MJ_WRITE, IRP_MN_CANCEL_REMOVE_DEVICE, IRP_MN_DEVICE_USAGE_NOTIFICATION, IRP_MN_REMOVE_DEVICE,
        IRP_MN_RESERVED, IRP_MN_SET_POWER, IRP_MN_START_DEVICE, IRP_MN_SURPRISE_REMOVAL, NtStatus, STATUS_SUCCESS,
    },
    objects::{Device, Irp},
    offences::remove_locks,
    request::Request,
    sending::{send_to_self, started},
    switch::{self, Place},
};

/// Called by the I/O manager with an IRP that is now this driver's.
pub(crate) extern "system" fn dispatch(device: Device, irp: Irp) -> NtStatus {
    let request = Request { device, irp };
    let location = irp.location();
    let functions = (location.major_function(), location.minor_function());
    let status = request.acquire_lock();
    if status < STATUS_SUCCESS {
        if let Some((Place::Refused(major, minor, told), conduct)) = switch::told()
            && functions == (*major, *minor)
        {
            return told(request, conduct);
        }
        request.complete_only(status);
        return status;
    }
    if let Some((place, conduct)) = switch::told() {
        match *place {
            Place::Own(major, minor, told) if functions == (major, minor) => return told(request, conduct),
            Place::Own(major, minor, _) if functions == (IRP_MJ_PNP, IRP_MN_START_DEVICE) => {
                return started(request, |device| send_to_self(device, major, minor));
            }
            Place::Refused(major, minor, _) if functions == (IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE) => {
                return remove_locks::remove_and_send(request, major, minor);
            }
            Place::Major(major, told) if functions.0 == major => return told(request, conduct),
            Place::Pnp(minor, told) if functions == (IRP_MJ_PNP, minor) => return told(request, conduct),
            Place::Power(minor, told) if functions == (IRP_MJ_POWER, minor) => return told(request, conduct),
            _ => {}
        }
    }
    match (functions.0, functions.1, switch::told()) {
        (IRP_MJ_READ, _, Some((Place::Read(told), conduct)))
        | (IRP_MJ_WRITE, _, Some((Place::Write(told), conduct)))
        | (IRP_MJ_FLUSH_BUFFERS, _, Some((Place::Flush(told), conduct)))
        | (IRP_MJ_SYSTEM_CONTROL, _, Some((Place::SystemControl(told), conduct)))
        | (IRP_MJ_PNP, IRP_MN_RESERVED, Some((Place::ReservedPnp(told), conduct)))
        | (IRP_MJ_PNP, IRP_MN_SURPRISE_REMOVAL, Some((Place::Surprise(told), conduct)))
        | (IRP_MJ_PNP, IRP_MN_CANCEL_REMOVE_DEVICE, Some((Place::CancelRemove(told), conduct)))
        | (IRP_MJ_PNP, IRP_MN_DEVICE_USAGE_NOTIFICATION, Some((Place::Usage(told), conduct)))
        | (IRP_MJ_POWER, IRP_MN_SET_POWER, Some((Place::SetPower(told), conduct)))
        | (IRP_MJ_PNP, IRP_MN_START_DEVICE, Some((Place::Start(told), conduct)))
        | (IRP_MJ_DEVICE_CONTROL, _, Some((Place::StartAndControl(told), conduct)))
        | (IRP_MJ_PNP, IRP_MN_START_DEVICE, Some((Place::StartAndControl(told), conduct)))
        | (IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE, Some((Place::Remove(told), conduct))) => told(request, conduct),
        (IRP_MJ_READ | IRP_MJ_WRITE, ..) => request.follow(),
        (IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE, _) => request.remove(),
        // Neither detached nor deleted: IRP_MN_REMOVE_DEVICE is still to come.
        (IRP_MJ_PNP, IRP_MN_SURPRISE_REMOVAL, _) => {
            irp.set_status(STATUS_SUCCESS);
            request.skip_and_call()
        }
        _ => request.skip_and_call(),
    }
}
