//! What a driver is, and the routines through which the kernel reaches it.
//!
//! The routines are thin: they turn the kernel's arguments into this library's types and the result back. What each of
//! them may rely on is what the kernel promises for it, and is said at each.

use core::ptr::NonNull;

use wdk_sys::{DEVICE_OBJECT, DRIVER_OBJECT, IRP, NTSTATUS, UNICODE_STRING};

use crate::{
    add_device::AddDevice,
    bug_check::{self, Invariant},
    device::Device,
    driver_entry::DriverEntry,
    irp::{Irp, Outcome, Rejected},
    irql::Dispatch,
    kind,
    layout::{self, MAJOR_FUNCTIONS},
    parts::Parts,
    raw_irp,
    remove_lock::Locked,
    request::Request,
    status::{NtError, NtStatus},
};

/// A WDM filter driver.
///
/// Every method is called by the kernel on threads of its choosing, several at a time.
pub trait Driver: Sized + 'static {
    /// What the driver keeps for each of its devices. Dropped at PASSIVE_LEVEL, after the last request has left the
    /// driver.
    type State: Send + Sync;

    /// What each of its devices has of queues, timers, work items and events; `()` where it has none. They are made, and
    /// drained when the device goes, by this library, see [`parts!`](crate::parts).
    type Parts: Parts<Self>;

    /// Reads what the driver is to know before it is given a device, as its settings in the registry. Called once, at
    /// PASSIVE_LEVEL, before anything else.
    ///
    /// # Errors
    ///
    /// The driver cannot be loaded, and no device that it is set up for is started: a driver that can do without what
    /// it found missing should.
    fn initialise(_entry: DriverEntry<'_>) -> Result<(), NtError> {
        Ok(())
    }

    /// Puts a filter on a device, or declines by returning without attaching one. Called at PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// The device cannot be filtered. The PnP manager then does not start it: a filter that can live without this
    /// device should decline instead.
    fn add_device(add: AddDevice<'_, Self>) -> Result<(), NtError>;

    /// Serves one IRP, of any major function. Called at up to DISPATCH_LEVEL, with the remove lock held.
    ///
    /// # Errors
    ///
    /// The IRP, given back to be completed with an error.
    fn dispatch<'irp>(request: Request<'irp, Self>) -> Outcome<'irp, Self>;

    /// An IRP that was held has been dropped, and is about to be completed with an error: a fault of this driver, which
    /// it may want to count.
    fn held_dropped(_device: &Device<Self>) {}

    /// This library has proof that memory was written over, or that safe code was got round: to go on would spread it.
    /// Called at any IRQL.
    ///
    /// It stops the system. A driver that has a bug-check code of its own, and one place from which it uses it, does it
    /// there.
    fn broken(invariant: Invariant) -> ! {
        bug_check::stop(BROKEN, [invariant as usize, 0, 0, 0])
    }
}

/// What the system stops with where a driver has no code of its own: "WDM!".
const BROKEN: u32 = u32::from_be_bytes(*b"WDM!");

/// Makes `driver` the driver `D`: to be called by `DriverEntry`, which returns the result.
///
/// It fails only where [`Driver::initialise`] does: by itself it fills in the driver object and allocates nothing.
///
/// # Safety
///
/// The arguments are those that the I/O manager passed to `DriverEntry`, which has not returned yet, and this is called
/// once.
pub unsafe fn driver_entry<D: Driver>(
    driver: NonNull<DRIVER_OBJECT>,
    registry_path: NonNull<UNICODE_STRING>,
) -> NTSTATUS {
    // SAFETY: the I/O manager calls DriverEntry at PASSIVE_LEVEL, with arguments that stay while it runs.
    let entry = unsafe { DriverEntry::from_raw(driver, registry_path) };
    if let Err(error) = D::initialise(entry) {
        return NtStatus::from(error).to_raw();
    }
    let driver = driver.as_ptr();
    // Every major function: a filter that leaves one out fails, in the place of the device below, what that could do.
    // SAFETY: the driver object is ours to fill while DriverEntry runs.
    unsafe { layout::driver_object::major_function(driver).write([Some(dispatch::<D>); MAJOR_FUNCTIONS]) };
    // SAFETY: as above. Without an unload routine the image could never leave memory.
    unsafe { layout::driver_object::unload(driver).write(Some(unload)) };
    // SAFETY: as above; the I/O manager sets the field before it calls DriverEntry.
    let extension = unsafe { layout::driver_object::extension(driver).read() };
    // SAFETY: the extension is part of the driver object.
    unsafe { layout::driver_extension::add_device(extension).write(Some(add_device::<D>)) };
    NtStatus::SUCCESS.to_raw()
}

/// AddDevice.
///
/// # Safety
///
/// Called by the PnP manager, at PASSIVE_LEVEL, with this driver's object and the physical device object of a stack
/// that is being built.
unsafe extern "C" fn add_device<D: Driver>(
    driver: *mut DRIVER_OBJECT,
    physical_device: *mut DEVICE_OBJECT,
) -> NTSTATUS {
    // SAFETY: the PnP manager passes the driver object that the routine was called through.
    let driver = unsafe { NonNull::new_unchecked(driver) };
    // SAFETY: the PnP manager passes the device object of the bus driver, which exists.
    let physical_device = unsafe { NonNull::new_unchecked(physical_device) };
    // SAFETY: the arguments are those of this call, and `driver_entry` gave this driver object the routines of `D`.
    let add = unsafe { AddDevice::from_raw(driver, physical_device) };
    match D::add_device(add) {
        Ok(()) => NtStatus::SUCCESS.to_raw(),
        Err(error) => NtStatus::from(error).to_raw(),
    }
}

/// The dispatch routine of every major function.
///
/// # Safety
///
/// Called by the I/O manager with a device object of this driver, all of which [`AddDevice::attach`] made for `D`, and
/// an IRP that belongs to this driver from now on and has a stack location for the device.
unsafe extern "C" fn dispatch<D: Driver>(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes the device object that the IRP was sent to.
    let device = unsafe { NonNull::new_unchecked(device) };
    // SAFETY: the I/O manager passes the IRP.
    let irp = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: the device is one of `D`'s, and is not deleted before the I/O manager's reference to it is gone or the
    // removal has waited for the lock that is acquired next.
    let device = unsafe { Device::<D>::from_raw(device) };
    let locked = match Locked::acquire(device, irp) {
        Ok(locked) => locked,
        Err(error) => {
            let status = refusal(irp, error);
            // SAFETY: the IRP is ours.
            unsafe { raw_irp::set_io_status(irp, status, 0) };
            // SAFETY: it is given up here.
            unsafe { raw_irp::complete(irp) };
            return status.to_raw();
        }
    };
    // SAFETY: the I/O manager calls a dispatch routine at DISPATCH_LEVEL at most, and this is the only token of the call.
    let irql = unsafe { Dispatch::assume() };
    // SAFETY: the IRP is the one of this call, untouched, and its device is locked.
    let irp = unsafe { Irp::from_raw(irp, locked, irql) };
    let dispatched = D::dispatch(Request::new(irp)).unwrap_or_else(Rejected::complete);
    dispatched.status().to_raw()
}

/// What an IRP is completed with whose device is being removed, so that nothing may be done with it.
///
/// With the failure, but for those that nobody may fail: they succeed. That is all that is left for them to do, since the
/// drivers below have got the IRP_MN_REMOVE_DEVICE that this one waits in, and have no state left that such a request
/// could change. It is not passed on: the lower device may be gone.
fn refusal(irp: NonNull<IRP>, error: NtError) -> NtStatus {
    // SAFETY: the IRP is ours, and its current stack location is this device's.
    let location = unsafe { raw_irp::current_stack_location(irp) };
    // SAFETY: our own stack location.
    let major_function = unsafe { layout::io_stack_location::major_function(location).read() };
    // SAFETY: as above.
    let minor_function = unsafe { layout::io_stack_location::minor_function(location).read() };
    if kind::may_not_fail(major_function, minor_function) {
        NtStatus::SUCCESS
    } else {
        error.into()
    }
}

/// DriverUnload.
///
/// There is nothing to undo: what this library allocates belongs to a device, and the PnP manager has removed every
/// device before it unloads a driver.
///
/// # Safety
///
/// Called by the I/O manager, at PASSIVE_LEVEL.
unsafe extern "C" fn unload(_driver: *mut DRIVER_OBJECT) {}
