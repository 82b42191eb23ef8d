//! What a driver may do while it is loaded: look at its settings, and say what it thinks of them.
//!
//! Not here: how the driver object is filled in, which is in `driver`.

use core::{marker::PhantomData, ptr::NonNull};

use wdk_sys::{DRIVER_OBJECT, UNICODE_STRING};

use crate::{
    error_log::{self, Event},
    irql::Passive,
    registry::{Key, OpenError},
    unicode_string::UnicodeStr,
};

/// The call of DriverEntry, which has not returned yet.
pub struct DriverEntry<'call> {
    driver: NonNull<DRIVER_OBJECT>,
    registry_path: UnicodeStr<'call>,
    irql: Passive,
    call: PhantomData<&'call ()>,
}

impl DriverEntry<'_> {
    /// Takes over the arguments of DriverEntry.
    ///
    /// # Safety
    ///
    /// They are what the I/O manager passed, DriverEntry does not return while the result is used, and this thread has no
    /// other token.
    pub(crate) unsafe fn from_raw(driver: NonNull<DRIVER_OBJECT>, registry_path: NonNull<UNICODE_STRING>) -> Self {
        Self {
            driver,
            // SAFETY: the I/O manager keeps the path while DriverEntry runs.
            registry_path: unsafe { UnicodeStr::from_raw(registry_path) },
            // SAFETY: DriverEntry is called at PASSIVE_LEVEL, and the caller promises that there is no other token.
            irql: unsafe { Passive::assume() },
            call: PhantomData,
        }
    }

    /// Opens the driver's service key, in which its `Parameters` are.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub fn service_key(&mut self) -> Result<Key<'_>, OpenError> {
        Key::at(self.registry_path, &mut self.irql)
    }

    /// Writes an event to the System log. Nothing happens where there is no memory for it.
    pub fn log(&mut self, event: &Event<'_>) {
        // SAFETY: the driver object is there while DriverEntry runs.
        unsafe { error_log::write(self.driver.as_ptr().cast(), event, self.irql.as_dispatch()) };
    }
}
