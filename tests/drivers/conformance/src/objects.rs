//! The kernel's objects as this driver sees them: fields at their documented x64 offsets, and what WDM's headers do to an
//! IRP in macros.

use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use crate::kernel::{CompletionRoutine, Device, Irp, Mdl, MmUnmapLockedPages, Object};

/// A field of a kernel object, of a device's extension, or of a structure in memory of this driver's.
pub(crate) struct Field<T> {
    offset: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T> Field<T> {
    pub(crate) const fn at(offset: usize) -> Self {
        Self {
            offset,
            kind: PhantomData,
        }
    }

    /// Where the field is.
    pub(crate) fn place(&self, object: Object) -> *mut T {
        object.wrapping_byte_add(self.offset).cast()
    }
}

impl<T: Copy> Field<T> {
    /// Reads the field of an object.
    pub(crate) fn of(&self, object: Object) -> T {
        // SAFETY: the sequences read only objects that the kernel or this driver has made and not freed, and each of the
        // constants below is a field that its object has.
        unsafe { self.place(object).read() }
    }

    /// Writes the field of an object.
    pub(crate) fn set(&self, object: Object, value: T) {
        // SAFETY: as for reading; that the field is this driver's to write is what the sequences are careful about.
        unsafe { self.place(object).write(value) };
    }
}

/// DRIVER_OBJECT.
pub(crate) mod driver_object {
    use super::Field;
    use crate::kernel::{Device, Dispatch, Unload};

    pub(crate) const DEVICE_OBJECT: Field<Device> = Field::at(0x08);
    pub(crate) const UNLOAD: Field<Option<Unload>> = Field::at(0x68);
    pub(crate) const MAJOR_FUNCTIONS: Field<[Dispatch; 28]> = Field::at(0x70);
}

/// DEVICE_OBJECT.
pub(crate) mod device_object {
    use super::Field;
    use crate::kernel::{Device, Driver, Object};

    pub(crate) const TYPE: Field<i16> = Field::at(0x00);
    pub(crate) const DRIVER: Field<Driver> = Field::at(0x08);
    pub(crate) const NEXT_DEVICE: Field<Device> = Field::at(0x10);
    pub(crate) const ATTACHED_DEVICE: Field<Device> = Field::at(0x18);
    pub(crate) const FLAGS: Field<u32> = Field::at(0x30);
    pub(crate) const CHARACTERISTICS: Field<u32> = Field::at(0x34);
    pub(crate) const EXTENSION: Field<Object> = Field::at(0x40);
    pub(crate) const DEVICE_TYPE: Field<u32> = Field::at(0x48);
    pub(crate) const STACK_SIZE: Field<i8> = Field::at(0x4c);
    pub(crate) const ALIGNMENT_REQUIREMENT: Field<u32> = Field::at(0x98);
}

/// IRP.
pub(crate) mod irp {
    use super::Field;
    use crate::kernel::{Irp, Location, Mdl, NtStatus, Object};

    pub(crate) const BYTES: usize = 0xd0;

    pub(crate) const TYPE: Field<i16> = Field::at(0x00);
    pub(crate) const SIZE: Field<u16> = Field::at(0x02);
    pub(crate) const MDL_ADDRESS: Field<Mdl> = Field::at(0x08);
    pub(crate) const FLAGS: Field<u32> = Field::at(0x10);
    pub(crate) const SYSTEM_BUFFER: Field<Object> = Field::at(0x18);
    /// Of an associated IRP, in the place of the system buffer.
    pub(crate) const MASTER_IRP: Field<Irp> = Field::at(0x18);
    /// Of a master IRP, in the same place.
    pub(crate) const IRP_COUNT: Field<i32> = Field::at(0x18);
    pub(crate) const STATUS: Field<NtStatus> = Field::at(0x30);
    pub(crate) const INFORMATION: Field<usize> = Field::at(0x38);
    pub(crate) const PENDING_RETURNED: Field<u8> = Field::at(0x41);
    pub(crate) const STACK_COUNT: Field<i8> = Field::at(0x42);
    pub(crate) const CURRENT_LOCATION: Field<i8> = Field::at(0x43);
    pub(crate) const CANCEL: Field<u8> = Field::at(0x44);
    pub(crate) const CANCEL_IRQL: Field<u8> = Field::at(0x45);
    pub(crate) const USER_STATUS_BLOCK: Field<Object> = Field::at(0x48);
    pub(crate) const USER_EVENT: Field<Object> = Field::at(0x50);
    pub(crate) const CANCEL_ROUTINE: Field<Object> = Field::at(0x68);
    pub(crate) const USER_BUFFER: Field<Object> = Field::at(0x70);
    pub(crate) const THREAD: Field<Object> = Field::at(0x98);
    pub(crate) const CURRENT_STACK_LOCATION: Field<Location> = Field::at(0xb8);
}

/// IO_STACK_LOCATION.
pub(crate) mod location {
    use super::Field;
    use crate::kernel::{CompletionRoutine, Device, Object};

    pub(crate) const BYTES: usize = 0x48;

    pub(crate) const MAJOR_FUNCTION: Field<u8> = Field::at(0x00);
    pub(crate) const MINOR_FUNCTION: Field<u8> = Field::at(0x01);
    pub(crate) const CONTROL: Field<u8> = Field::at(0x03);
    pub(crate) const PARAMETERS: Field<[u64; 4]> = Field::at(0x08);
    /// Of a transfer its length; of a device control request the room for its output.
    pub(crate) const LENGTH: Field<u32> = Field::at(0x08);
    /// Of a device control request the length of its input.
    pub(crate) const INPUT_LENGTH: Field<u32> = Field::at(0x10);
    /// Of a transfer where it begins on the device; of a device control request its code, in the lower half.
    pub(crate) const OFFSET: Field<u64> = Field::at(0x18);
    pub(crate) const CONTROL_CODE: Field<u32> = Field::at(0x18);
    pub(crate) const TYPE3_INPUT_BUFFER: Field<Object> = Field::at(0x20);
    pub(crate) const DEVICE: Field<Device> = Field::at(0x28);
    pub(crate) const FILE_OBJECT: Field<Object> = Field::at(0x30);
    pub(crate) const COMPLETION_ROUTINE: Field<Option<CompletionRoutine>> = Field::at(0x38);
    pub(crate) const CONTEXT: Field<Object> = Field::at(0x40);
    /// Everything before the completion routine, which is what a copy takes along.
    pub(crate) const REQUEST: Field<[u64; 7]> = Field::at(0x00);

    pub(crate) const PENDING_RETURNED: u8 = 0x01;
    pub(crate) const INVOKE_ON_CANCEL: u8 = 0x20;
    pub(crate) const INVOKE_ON_SUCCESS: u8 = 0x40;
    pub(crate) const INVOKE_ON_ERROR: u8 = 0x80;
    pub(crate) const INVOKE_ALWAYS: u8 = INVOKE_ON_CANCEL | INVOKE_ON_SUCCESS | INVOKE_ON_ERROR;
}

/// MDL.
pub(crate) mod mdl {
    use super::Field;
    use crate::kernel::{Mdl, Object};

    pub(crate) const NEXT: Field<Mdl> = Field::at(0x00);
    pub(crate) const FLAGS: Field<u16> = Field::at(0x0a);
    pub(crate) const MAPPED_SYSTEM_VA: Field<Object> = Field::at(0x18);
    pub(crate) const START_VA: Field<Object> = Field::at(0x20);
    pub(crate) const BYTE_COUNT: Field<u32> = Field::at(0x28);
    pub(crate) const BYTE_OFFSET: Field<u32> = Field::at(0x2c);

    pub(crate) const MAPPED_TO_SYSTEM_VA: u16 = 0x01;
    pub(crate) const PAGES_LOCKED: u16 = 0x02;
    pub(crate) const SOURCE_IS_NONPAGED_POOL: u16 = 0x04;
    pub(crate) const PARTIAL: u16 = 0x10;
    pub(crate) const PARTIAL_HAS_BEEN_MAPPED: u16 = 0x20;
}

/// IoGetCurrentIrpStackLocation.
pub(crate) fn current_location(request: Irp) -> Object {
    irp::CURRENT_STACK_LOCATION.of(request)
}

/// IoGetNextIrpStackLocation.
pub(crate) fn next_location(request: Irp) -> Object {
    current_location(request).wrapping_byte_sub(location::BYTES)
}

/// IoSetNextIrpStackLocation.
pub(crate) fn set_next_location(request: Irp) {
    let next = next_location(request);
    irp::CURRENT_LOCATION.set(request, irp::CURRENT_LOCATION.of(request).wrapping_sub(1));
    irp::CURRENT_STACK_LOCATION.set(request, next);
}

/// IoSkipCurrentIrpStackLocation.
pub(crate) fn skip_location(request: Irp) {
    let above = current_location(request).wrapping_byte_add(location::BYTES);
    irp::CURRENT_LOCATION.set(request, irp::CURRENT_LOCATION.of(request).wrapping_add(1));
    irp::CURRENT_STACK_LOCATION.set(request, above);
}

/// IoCopyCurrentIrpStackLocationToNext.
pub(crate) fn copy_location_to_next(request: Irp) {
    let next = next_location(request);
    location::REQUEST.set(next, location::REQUEST.of(current_location(request)));
    location::CONTROL.set(next, 0);
}

/// IoSetCompletionRoutine.
pub(crate) fn set_completion_routine(request: Irp, routine: CompletionRoutine, context: *mut c_void, invoke: u8) {
    let next = next_location(request);
    location::COMPLETION_ROUTINE.set(next, Some(routine));
    location::CONTEXT.set(next, context);
    location::CONTROL.set(next, invoke);
}

/// IoMarkIrpPending.
pub(crate) fn mark_pending(request: Irp) {
    let own = current_location(request);
    location::CONTROL.set(own, location::CONTROL.of(own) | location::PENDING_RETURNED);
}

/// IoSetCancelRoutine: gives back the routine that was set, null for none.
pub(crate) fn exchange_cancel_routine(request: Irp, routine: Object) -> Object {
    let place = irp::CANCEL_ROUTINE.place(request);
    // SAFETY: the field of an IRP that this driver has, which others exchange atomically as well.
    unsafe { AtomicPtr::from_ptr(place) }.swap(routine, Ordering::AcqRel)
}

/// MmGetMdlVirtualAddress.
pub(crate) fn start_of_mdl(list: Mdl) -> Object {
    mdl::START_VA
        .of(list)
        .wrapping_byte_add(mdl::BYTE_OFFSET.of(list) as usize)
}

/// MmPrepareMdlForReuse.
pub(crate) fn prepare_for_reuse(list: Mdl) {
    if mdl::FLAGS.of(list) & mdl::PARTIAL_HAS_BEEN_MAPPED != 0 {
        MmUnmapLockedPages(mdl::MAPPED_SYSTEM_VA.of(list), list);
    }
}

/// IoSizeOfIrp.
pub(crate) fn size_of_irp(stack_size: i8) -> u16 {
    let locations = usize::from(stack_size.cast_unsigned()).wrapping_mul(location::BYTES);
    u16::try_from(irp::BYTES.wrapping_add(locations)).unwrap_or(u16::MAX)
}

/// The extension of a device.
pub(crate) fn extension(device: Device) -> Object {
    device_object::EXTENSION.of(device)
}

/// No object.
pub(crate) const NULL: Object = ptr::null_mut();
