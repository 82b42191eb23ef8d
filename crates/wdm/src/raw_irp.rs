//! The steps that an IRP takes, on the bare pointer.
//!
//! Half of them are macros in the kernel's headers, which is why their bodies are here: they change the IRP and call
//! nothing. In which order they may be taken is not known here; the types that own an IRP see to that.

use core::{
    ffi::c_void,
    ptr::{self, NonNull},
};

use wdk_sys::{
    DEVICE_OBJECT, IO_NO_INCREMENT, IO_STACK_LOCATION, IRP, PIO_COMPLETION_ROUTINE, SL_INVOKE_ON_CANCEL,
    SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS, SL_PENDING_RETURNED,
    ntddk::{IoForwardIrpSynchronously, IoSetCompletionRoutineEx, IofCallDriver, IofCompleteRequest},
};

use crate::{
    device::Device,
    driver::Driver,
    layout::{self, STACK_LOCATION_REQUEST_SIZE, io_stack_location},
    status::{NtError, NtStatus},
};

/// A completion routine runs whatever the IRP ended with; one that was skipped could not free what it was given.
const INVOKE_ALWAYS: u8 = (SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL) as u8;

/// The TRUE of the kernel's BOOLEAN.
const TRUE: u8 = 1;

/// The stack location of the device that has the IRP.
///
/// # Safety
///
/// The caller owns the IRP.
pub(crate) unsafe fn current_stack_location(irp: NonNull<IRP>) -> *mut IO_STACK_LOCATION {
    // SAFETY: a field of an IRP that the caller owns.
    unsafe { layout::irp::current_stack_location(irp.as_ptr()).read() }
}

/// The stack location that the lower driver will get.
///
/// # Safety
///
/// The caller owns the IRP.
pub(crate) unsafe fn next_stack_location(irp: NonNull<IRP>) -> *mut IO_STACK_LOCATION {
    // SAFETY: the caller owns the IRP. Locations are used from the last of an array to its first.
    unsafe { current_stack_location(irp) }.wrapping_sub(1)
}

/// Whether there is a stack location for the lower driver. There is none where whoever made the IRP counted the devices of
/// the stack before this one was attached.
///
/// # Safety
///
/// The caller owns the IRP.
pub(crate) unsafe fn has_next_stack_location(irp: NonNull<IRP>) -> bool {
    // Locations are numbered from 1, which is the last to be used.
    // SAFETY: a field of an IRP that the caller owns.
    unsafe { layout::irp::current_location(irp.as_ptr()).read() > 1 }
}

/// What the IRP ended with.
///
/// # Safety
///
/// The caller owns the IRP, or looks at it in a completion routine.
pub(crate) unsafe fn status(irp: NonNull<IRP>) -> NtStatus {
    // SAFETY: a field of an IRP that the caller may read.
    NtStatus::from_raw(unsafe { layout::irp::status(irp.as_ptr()).read() })
}

/// How much of what was asked for was done; mostly a count of bytes.
///
/// # Safety
///
/// As for [`status`].
pub(crate) unsafe fn information(irp: NonNull<IRP>) -> u64 {
    // SAFETY: a field of an IRP that the caller may read.
    unsafe { layout::irp::information(irp.as_ptr()).read() }
}

/// Sets what the IRP ended with.
///
/// # Safety
///
/// The caller owns the IRP.
pub(crate) unsafe fn set_io_status(irp: NonNull<IRP>, status: NtStatus, information: u64) {
    // SAFETY: the caller owns the IRP.
    unsafe { layout::irp::status(irp.as_ptr()).write(status.to_raw()) };
    // SAFETY: as above.
    unsafe { layout::irp::information(irp.as_ptr()).write(information) };
}

/// IoCompleteRequest, without a boost for the thread that waits.
///
/// # Safety
///
/// The caller owns the IRP, whose status is set, and does not touch it afterwards.
pub(crate) unsafe fn complete(irp: NonNull<IRP>) {
    // SAFETY: the caller owns the IRP, and gives it up here.
    unsafe { IofCompleteRequest(irp.as_ptr(), IO_NO_INCREMENT as _) };
}

/// IoMarkIrpPending.
///
/// # Safety
///
/// The caller owns the IRP or runs in a completion routine for it, and its current stack location is this driver's.
pub(crate) unsafe fn mark_pending(irp: NonNull<IRP>) {
    // SAFETY: as the caller promises.
    let control = io_stack_location::control(unsafe { current_stack_location(irp) });
    // SAFETY: our own stack location.
    let old = unsafe { control.read() };
    // SAFETY: as above.
    unsafe { control.write(old | SL_PENDING_RETURNED as u8) };
}

/// What every completion routine does that lets the completion go on: it tells the driver above that the one below had
/// the IRP pending.
///
/// # Safety
///
/// Called in a completion routine with its IRP, whose current stack location is this driver's, and nobody has marked
/// that before.
pub(crate) unsafe fn propagate_pending(irp: NonNull<IRP>) {
    // SAFETY: a field of an IRP that is being completed to us.
    if unsafe { layout::irp::pending_returned(irp.as_ptr()).read() } != 0 {
        // SAFETY: as the caller promises.
        unsafe { mark_pending(irp) };
    }
}

/// IoSkipCurrentIrpStackLocation: the lower driver gets our stack location.
///
/// # Safety
///
/// The caller owns the IRP, its current stack location is this driver's, and what follows is [`call`].
pub(crate) unsafe fn skip(irp: NonNull<IRP>) {
    // IofCallDriver moves on to the next stack location. Moved back by one first, the lower driver gets this one.
    let location = layout::irp::current_location(irp.as_ptr());
    // SAFETY: a field of an IRP that the caller owns.
    let current = unsafe { location.read() };
    // SAFETY: as above. The count cannot overflow: it was one higher before the IRP was sent to us.
    unsafe { location.write(current.wrapping_add(1)) };
    let pointer = layout::irp::current_stack_location(irp.as_ptr());
    // SAFETY: a field of an IRP that the caller owns.
    let current = unsafe { pointer.read() };
    // SAFETY: as above. The pointer is one past the last location at most, which is where it was before the IRP was
    // sent to the topmost device.
    unsafe { pointer.write(current.wrapping_add(1)) };
}

/// IoCopyCurrentIrpStackLocationToNext: the lower driver gets a copy of the request, and no completion routine yet.
///
/// # Safety
///
/// The caller owns the IRP, its current stack location is this driver's, and there is one for the lower driver.
pub(crate) unsafe fn copy_to_next(irp: NonNull<IRP>) {
    // SAFETY: the caller owns the IRP.
    let current = unsafe { current_stack_location(irp) };
    // SAFETY: as above.
    let next = unsafe { next_stack_location(irp) };
    // SAFETY: two locations of one array, which the caller promises to be there.
    unsafe { ptr::copy_nonoverlapping(current.cast::<u8>(), next.cast::<u8>(), STACK_LOCATION_REQUEST_SIZE) };
    // SAFETY: as above. What is there now is how *our* location is to be completed.
    unsafe { io_stack_location::control(next).write(0) };
}

/// IoSetCompletionRoutineEx with our own device object, which keeps the device and the image until the routine has run.
///
/// # Errors
///
/// STATUS_INSUFFICIENT_RESOURCES. The IRP may then only be completed.
///
/// # Safety
///
/// As for [`copy_to_next`], which has been done. If this succeeds, what follows is [`call`], and `routine` may be
/// called with `context` from then on.
pub(crate) unsafe fn register<D: Driver>(
    irp: NonNull<IRP>,
    device: &Device<D>,
    routine: PIO_COMPLETION_ROUTINE,
    context: *mut c_void,
) -> Result<(), NtError> {
    // SAFETY: our own device object, and an IRP that the caller owns and has prepared.
    let status = unsafe {
        IoSetCompletionRoutineEx(
            device.object().as_ptr(),
            irp.as_ptr(),
            routine,
            context,
            TRUE,
            TRUE,
            TRUE,
        )
    };
    NtStatus::from_raw(status).ok()?;
    Ok(())
}

/// IoSetCompletionRoutine, which cannot fail.
///
/// # Safety
///
/// As for [`register`].
pub(crate) unsafe fn register_infallibly(irp: NonNull<IRP>, routine: PIO_COMPLETION_ROUTINE, context: *mut c_void) {
    // SAFETY: the caller owns the IRP.
    let next = unsafe { next_stack_location(irp) };
    // SAFETY: the location is there, as the caller promises, and nobody reads it before the call.
    unsafe { io_stack_location::completion_routine(next).write(routine) };
    // SAFETY: as above.
    unsafe { io_stack_location::context(next).write(context) };
    // SAFETY: as above.
    unsafe { io_stack_location::control(next).write(INVOKE_ALWAYS) };
}

/// IoCallDriver.
///
/// # Safety
///
/// The caller owns the IRP and does not touch it afterwards. The next stack location is set up, by [`skip`] or by
/// [`copy_to_next`]. `lower` is the device below ours, whose remove lock is held at the time of the call.
pub(crate) unsafe fn call(irp: NonNull<IRP>, lower: NonNull<DEVICE_OBJECT>) -> NtStatus {
    // SAFETY: the lock keeps our device attached to `lower`, and the IRP has a stack location for it.
    NtStatus::from_raw(unsafe { IofCallDriver(lower.as_ptr(), irp.as_ptr()) })
}

/// IoForwardIrpSynchronously: copies the stack location, calls the lower driver, and waits until the IRP is back. False where
/// it was not sent, for want of a stack location.
///
/// # Safety
///
/// The caller owns the IRP, and again when this returns. `lower` is the device below ours, whose remove lock is held. The
/// IRQL is PASSIVE_LEVEL.
pub(crate) unsafe fn forward_and_wait(irp: NonNull<IRP>, lower: NonNull<DEVICE_OBJECT>) -> bool {
    // SAFETY: as the caller promises.
    unsafe { IoForwardIrpSynchronously(lower.as_ptr(), irp.as_ptr()) != 0 }
}
