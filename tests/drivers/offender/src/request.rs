//! A request at this driver, and the right ways to deal with it.
//!
//! Offences are put together from these and from raw calls. A request comes with the remove lock of its device held,
//! under the IRP's address as the tag, and each way that ends a request in this driver releases it.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        CompletionRoutine, IoAcquireRemoveLockEx, IoDeleteDevice, IoDetachDevice, IoReleaseRemoveLockAndWaitEx,
        IoReleaseRemoveLockEx, IoSetCompletionRoutineEx, IofCallDriver, IofCompleteRequest, NO_INCREMENT, NtStatus,
        RemoveLock, STATUS_CONTINUE_COMPLETION, STATUS_DEVICE_NOT_READY, STATUS_SUCCESS, TRUE,
    },
    objects::{Device, Irp},
};

/// The size of the remove lock, which the kernel wants to know.
#[expect(clippy::cast_possible_truncation, reason = "32 bytes")]
pub(crate) const REMOVE_LOCK_BYTES: u32 = size_of::<RemoveLock>() as u32;

/// An IRP that was sent to a device of this driver.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) device: Device,
    pub(crate) irp: Irp,
}

impl Request {
    /// The request of another IRP that was sent to the same device; `None` for no address.
    pub(crate) fn with_irp_at(self, address: *mut c_void) -> Option<Self> {
        (!address.is_null()).then(|| Self {
            device: self.device,
            irp: Irp::at(address),
        })
    }

    /// Acquires the remove lock for the request.
    pub(crate) fn acquire_lock(self) -> NtStatus {
        IoAcquireRemoveLockEx(
            self.device.remove_lock(),
            self.irp.as_ptr(),
            ptr::null(),
            0,
            REMOVE_LOCK_BYTES,
        )
    }

    /// Releases the remove lock that was acquired for the request. The IRP may be gone by now.
    pub(crate) fn release_lock(self) {
        self.release_lock_as(self.irp.as_ptr());
    }

    /// Releases the remove lock under a tag.
    pub(crate) fn release_lock_as(self, tag: *const c_void) {
        IoReleaseRemoveLockEx(self.device.remove_lock(), tag, REMOVE_LOCK_BYTES);
    }

    /// Completes the IRP, and keeps the remove lock.
    pub(crate) fn complete_only(self, status: NtStatus) {
        self.irp.set_status(status);
        self.irp.set_information(0);
        IofCompleteRequest(self.irp, NO_INCREMENT);
    }

    /// Completes the IRP.
    pub(crate) fn complete(self, status: NtStatus) -> NtStatus {
        self.complete_only(status);
        self.release_lock();
        status
    }

    /// Completes the IRP with the status and the information that it has.
    pub(crate) fn complete_as_it_is(self) {
        IofCompleteRequest(self.irp, NO_INCREMENT);
        self.release_lock();
    }

    /// Completes the IRP with an error that nobody takes for data: what an offence does that has to complete
    /// something.
    pub(crate) fn refuse(self) -> NtStatus {
        self.complete(STATUS_DEVICE_NOT_READY)
    }

    /// Passes the IRP on in this driver's own stack location, and keeps the remove lock.
    pub(crate) fn skip_and_call_only(self) -> NtStatus {
        self.irp.skip_location();
        IofCallDriver(self.device.lower(), self.irp)
    }

    /// Passes the IRP on in this driver's own stack location.
    pub(crate) fn skip_and_call(self) -> NtStatus {
        let status = self.skip_and_call_only();
        self.release_lock();
        status
    }

    /// Passes the IRP on with a completion routine, which releases the remove lock.
    pub(crate) fn follow(self) -> NtStatus {
        self.follow_with(complete_followed)
    }

    /// Passes the IRP on with this completion routine, which has to release the remove lock.
    pub(crate) fn follow_with(self, routine: CompletionRoutine) -> NtStatus {
        self.irp.copy_location_to_next();
        let registered = self.register(self.device, routine);
        if registered < STATUS_SUCCESS {
            return self.complete(registered);
        }
        IofCallDriver(self.device.lower(), self.irp)
    }

    /// Registers a completion routine that keeps the driver of `device` loaded.
    pub(crate) fn register(self, device: Device, routine: CompletionRoutine) -> NtStatus {
        IoSetCompletionRoutineEx(device, self.irp, routine, ptr::null_mut(), TRUE, TRUE, TRUE)
    }

    /// IRP_MN_REMOVE_DEVICE, from beginning to end.
    pub(crate) fn remove(self) -> NtStatus {
        let status = self.send_removal();
        self.wait_for_others();
        self.detach();
        self.delete();
        status
    }

    /// Removal, first step: tells those below.
    pub(crate) fn send_removal(self) -> NtStatus {
        self.irp.set_status(STATUS_SUCCESS);
        self.skip_and_call_only()
    }

    /// Removal, second step: waits until no other request is in this driver.
    pub(crate) fn wait_for_others(self) {
        self.wait_for_others_as(self.irp.as_ptr());
    }

    /// The same under a tag.
    pub(crate) fn wait_for_others_as(self, tag: *const c_void) {
        IoReleaseRemoveLockAndWaitEx(self.device.remove_lock(), tag, REMOVE_LOCK_BYTES);
    }

    /// Removal, third step.
    pub(crate) fn detach(self) {
        IoDetachDevice(self.device.lower());
    }

    /// Removal, last step.
    pub(crate) fn delete(self) {
        IoDeleteDevice(self.device);
    }
}

/// The completion routine of what is followed.
pub(crate) extern "system" fn complete_followed(device: Device, irp: Irp, _context: *mut c_void) -> NtStatus {
    if irp.pending_returned() {
        irp.mark_pending();
    }
    Request { device, irp }.release_lock();
    STATUS_CONTINUE_COMPLETION
}
