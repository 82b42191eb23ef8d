//! NTSTATUS as two types: any status, and one that is an error.
//!
//! Not here: the names of statuses that no code of this library uses.

use wdk_sys::NTSTATUS;

/// What a kernel function or a request ended with: any NTSTATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct NtStatus(NTSTATUS);

impl NtStatus {
    /// The request was carried out.
    pub const SUCCESS: Self = Self(wdk_sys::STATUS_SUCCESS);

    /// The request is not complete yet: what a dispatch routine returns, and no request is completed with.
    pub(crate) const PENDING: Self = Self(wdk_sys::STATUS_PENDING);

    /// What a completion routine returns to keep the IRP.
    pub(crate) const MORE_PROCESSING_REQUIRED: Self = Self(wdk_sys::STATUS_MORE_PROCESSING_REQUIRED);

    /// Takes over the status that a kernel function returned.
    #[must_use]
    pub const fn from_raw(status: NTSTATUS) -> Self {
        Self(status)
    }

    /// The value as the kernel knows it.
    #[must_use]
    pub const fn to_raw(self) -> NTSTATUS {
        self.0
    }

    /// Splits success and information from warning and error, as `NT_SUCCESS` does.
    ///
    /// # Errors
    ///
    /// A status of severity warning or error.
    pub fn ok(self) -> Result<Self, NtError> {
        if wdk::nt_success(self.0) {
            Ok(self)
        } else {
            Err(NtError(self))
        }
    }
}

/// Why something was not done.
///
/// # Invariants
///
/// The status is one that `NT_SUCCESS` calls no success, so a request that is completed with it has failed for
/// everyone above. STATUS_PENDING, with which no request may be completed, is a success code and cannot be here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct NtError(NtStatus);

impl NtError {
    /// There is no memory for it.
    pub const INSUFFICIENT_RESOURCES: Self = Self(NtStatus(wdk_sys::STATUS_INSUFFICIENT_RESOURCES));

    /// The request was cancelled by whoever sent it.
    pub const CANCELLED: Self = Self(NtStatus(wdk_sys::STATUS_CANCELLED));

    /// The device is being removed.
    pub const DELETE_PENDING: Self = Self(NtStatus(wdk_sys::STATUS_DELETE_PENDING));

    /// There is no key, value or object of this name.
    pub const OBJECT_NAME_NOT_FOUND: Self = Self(NtStatus(wdk_sys::STATUS_OBJECT_NAME_NOT_FOUND));

    /// A part of the path is not there.
    pub const OBJECT_PATH_NOT_FOUND: Self = Self(NtStatus(wdk_sys::STATUS_OBJECT_PATH_NOT_FOUND));

    /// The object's security does not allow it.
    pub const ACCESS_DENIED: Self = Self(NtStatus(wdk_sys::STATUS_ACCESS_DENIED));

    /// What was asked for did not fit, and is cut off: a warning.
    pub const BUFFER_OVERFLOW: Self = Self(NtStatus(wdk_sys::STATUS_BUFFER_OVERFLOW));

    /// There is no room for what was asked for.
    pub const BUFFER_TOO_SMALL: Self = Self(NtStatus(wdk_sys::STATUS_BUFFER_TOO_SMALL));

    /// A structure is not as long as it must be.
    pub const INFO_LENGTH_MISMATCH: Self = Self(NtStatus(wdk_sys::STATUS_INFO_LENGTH_MISMATCH));

    /// What was asked for makes no sense.
    pub const INVALID_PARAMETER: Self = Self(NtStatus(wdk_sys::STATUS_INVALID_PARAMETER));

    /// The device has not been started, or is not ready for this.
    pub const DEVICE_NOT_READY: Self = Self(NtStatus(wdk_sys::STATUS_DEVICE_NOT_READY));

    /// It cannot be done now, without another reason: what a driver refuses a PnP query with.
    pub const UNSUCCESSFUL: Self = Self(NtStatus(wdk_sys::STATUS_UNSUCCESSFUL));

    /// The device cannot be used in this way.
    pub const INVALID_DEVICE_STATE: Self = Self(NtStatus(wdk_sys::STATUS_INVALID_DEVICE_STATE));

    /// The request has no stack location left for the lower driver.
    pub const REQUEST_NOT_ACCEPTED: Self = Self(NtStatus(wdk_sys::STATUS_REQUEST_NOT_ACCEPTED));

    /// A driver did something that it should not have.
    pub(crate) const INTERNAL_ERROR: Self = Self(NtStatus(wdk_sys::STATUS_INTERNAL_ERROR));
}

impl From<NtError> for NtStatus {
    fn from(error: NtError) -> Self {
        error.0
    }
}
