//! Offences with what is registered with WMI.

use core::ffi::c_void;

use crate::{
    kernel::{IoWMIRegistrationControl, NtStatus, STATUS_SUCCESS},
    request::Request,
    switch::Conduct,
};

const WMIREG_ACTION_REGISTER: u32 = 1;
const WMIREG_ACTION_DEREGISTER: u32 = 2;
const WMIREG_FLAG_CALLBACK: u32 = 0x8000_0000;

/// WMI_NOTIFICATION_CALLBACK and its like.
type Callback = extern "system" fn(i32, *mut c_void, u32, *mut c_void) -> NtStatus;

/// Registers the device, and deletes it as it is.
pub(super) fn delete_registered(request: Request, conduct: Conduct) -> NtStatus {
    let device = request.device.as_ptr();
    IoWMIRegistrationControl(device, WMIREG_ACTION_REGISTER);
    let status = request.send_removal();
    request.wait_for_others();
    if !conduct.offends() {
        IoWMIRegistrationControl(device, WMIREG_ACTION_DEREGISTER);
    }
    request.detach();
    request.delete();
    status
}

/// Registers a routine when the driver is unloaded, and leaves it there.
pub(super) fn leave_callback(conduct: Conduct) {
    let routine = callback as Callback as *mut c_void;
    IoWMIRegistrationControl(routine, WMIREG_ACTION_REGISTER | WMIREG_FLAG_CALLBACK);
    if !conduct.offends() {
        IoWMIRegistrationControl(routine, WMIREG_ACTION_DEREGISTER | WMIREG_FLAG_CALLBACK);
    }
}

/// What WMI would call. It has nothing to say.
extern "system" fn callback(_action: i32, _context: *mut c_void, _bytes: u32, _buffer: *mut c_void) -> NtStatus {
    STATUS_SUCCESS
}
