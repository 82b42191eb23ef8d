//! The kernel's objects as this driver sees them: each a pointer, with the fields that are touched at their x64
//! offsets, and what WDM's headers do to an IRP in macros.

use core::{
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use crate::kernel::{
    AddDevice, CancelRoutine, CompletionRoutine, Dispatch, IoAcquireCancelSpinLock, IoReleaseCancelSpinLock, Irql,
    ListEntry, NtStatus, PASSIVE_LEVEL, RemoveLock, SpinLock, StartIo, Unload, WorkQueueItem,
};

/// Makes a type that is a pointer to a kernel object, and for each field the functions that read and write it.
macro_rules! objects {
    ($(
        $(#[$documentation:meta])*
        $object:ident {$(
            $offset:literal $read:ident $($write:ident)?: $type:ty;
        )*}
    )*) => {$(
        $(#[$documentation])*
        #[repr(transparent)]
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $object(*mut c_void);

        #[allow(dead_code, reason = "not every object is compared with null, nor every field read that is written")]
        impl $object {
            pub(crate) const NULL: Self = Self(ptr::null_mut());

            pub(crate) fn is_null(self) -> bool {
                self.0.is_null()
            }

            pub(crate) fn as_ptr(self) -> *mut c_void {
                self.0
            }

            $(
                pub(crate) fn $read(self) -> $type {
                    // SAFETY: the kernel handed out the pointer, its object is alive unless an offence says
                    // otherwise, and Windows has a field of this type at this offset.
                    unsafe { self.0.wrapping_byte_add($offset).cast::<$type>().read() }
                }

                $(
                    pub(crate) fn $write(self, value: $type) {
                        // SAFETY: as for reading it.
                        unsafe { self.0.wrapping_byte_add($offset).cast::<$type>().write(value) };
                    }
                )?
            )*
        }
    )*};
}

objects! {
    /// DRIVER_OBJECT.
    Driver {
        0x08 device: Device;
        0x30 extension: DriverExtension;
        0x60 start_io set_start_io: Option<StartIo>;
        0x68 unload set_unload: Option<Unload>;
        0x70 major_functions set_major_functions: [Dispatch; 28];
    }

    /// DRIVER_EXTENSION.
    DriverExtension {
        0x8 add_device set_add_device: Option<AddDevice>;
    }

    /// DEVICE_OBJECT.
    Device {
        0x08 driver: Driver;
        0x30 flags set_flags: u32;
        0x34 characteristics set_characteristics: u32;
        0x40 extension: *mut Extension;
        0x48 device_type set_device_type: u32;
        0x4c stack_size: i8;
    }

    /// IRP.
    Irp {
        0x00 kind set_kind: u16;
        0x02 bytes: u16;
        0x08 mdl set_mdl: *mut c_void;
        0x10 flags: u32;
        // Of a master IRP, in the place of the system buffer.
        0x18 irp_count set_irp_count: i32;
        0x18 system_buffer set_system_buffer: *mut c_void;
        0x30 status set_status: NtStatus;
        0x38 information set_information: usize;
        0x41 pending_returned: bool;
        0x42 stack_size: i8;
        0x43 current_location set_current_location: i8;
        0x44 cancel: bool;
        0x45 cancel_irql: Irql;
        0x70 user_buffer set_user_buffer: *mut c_void;
        0x78 driver_context set_driver_context: *mut c_void;
        0x98 thread set_thread: *mut c_void;
        0xa8 links set_links: ListEntry;
        0xb8 location set_location: StackLocation;
    }

    /// MDL.
    Mdl {
        0x00 next: Mdl;
        0x0a flags: u16;
        0x18 mapped_address: *mut c_void;
        0x20 first_page: *mut c_void;
        0x28 byte_count: u32;
        0x2c byte_offset: u32;
    }

    /// IO_STACK_LOCATION.
    StackLocation {
        0x00 major_function set_major_function: u8;
        0x01 minor_function set_minor_function: u8;
        0x03 control set_control: u8;
        0x08 parameters set_parameters: [u64; 4];
        0x28 device set_device: Device;
        0x30 file_object set_file_object: *mut c_void;
        0x38 completion_routine set_completion_routine: Option<CompletionRoutine>;
        0x40 context set_context: *mut c_void;
        // Everything up to CompletionRoutine, which is what a copy takes along.
        0x00 request set_request: [u64; 7];
    }
}

/// What this driver keeps behind each of its device objects. It is zero when the device is created.
#[repr(C)]
pub(crate) struct Extension {
    remove_lock: RemoveLock,
    lower: Device,
    physical: Device,
    work: WorkQueueItem,
    waiting: Irp,
    spin_lock: SpinLock,
}

impl Driver {
    /// What an offence passes for a device object.
    pub(crate) fn in_place_of_a_device(self) -> Device {
        Device(self.0)
    }
}

impl Device {
    pub(crate) fn remove_lock(self) -> *mut RemoveLock {
        // SAFETY: only the address of a field is computed.
        unsafe { &raw mut (*self.extension()).remove_lock }
    }

    pub(crate) fn spin_lock(self) -> *mut SpinLock {
        // SAFETY: as above.
        unsafe { &raw mut (*self.extension()).spin_lock }
    }

    /// Where the attachment stores the lower device.
    pub(crate) fn lower_place(self) -> *mut Device {
        // SAFETY: as above.
        unsafe { &raw mut (*self.extension()).lower }
    }

    /// Where AddDevice stores the physical device.
    pub(crate) fn physical_place(self) -> *mut Device {
        // SAFETY: as above.
        unsafe { &raw mut (*self.extension()).physical }
    }

    /// The device at the bottom of the stack.
    pub(crate) fn physical(self) -> Device {
        // SAFETY: the extension lives as long as its device.
        unsafe { self.physical_place().read() }
    }

    /// A work item of the device's own.
    pub(crate) fn work_place(self) -> *mut WorkQueueItem {
        // SAFETY: as above.
        unsafe { &raw mut (*self.extension()).work }
    }

    /// Where the IRP is that the work item is for.
    pub(crate) fn waiting_place(self) -> *mut Irp {
        // SAFETY: as above.
        unsafe { &raw mut (*self.extension()).waiting }
    }

    /// The device that a work item has for its parameter.
    pub(crate) fn from_context(context: *mut c_void) -> Self {
        Self(context)
    }

    /// The next-lower device of the stack.
    pub(crate) fn lower(self) -> Device {
        // SAFETY: the extension lives as long as its device.
        unsafe { self.lower_place().read() }
    }
}

impl Mdl {
    /// MmGetMdlVirtualAddress.
    pub(crate) fn start(self) -> *mut c_void {
        self.first_page().wrapping_byte_add(self.byte_offset() as usize)
    }
}

/// The size of IO_STACK_LOCATION, by which the pointer to the current one moves.
const LOCATION_BYTES: usize = 0x48;

/// The bits of a stack location's Control field.
const SL_PENDING_RETURNED: u8 = 0x01;
const SL_INVOKE_ALWAYS: u8 = 0x20 | 0x40 | 0x80;

impl Irp {
    /// The IRP of which a completion routine has the address as its context.
    pub(crate) fn from_context(context: *mut c_void) -> Self {
        Self(context)
    }

    /// IoSetNextIrpStackLocation.
    pub(crate) fn set_next_location(self) {
        let next = self.next_location();
        self.set_current_location(self.current_location().wrapping_sub(1));
        self.set_location(next);
    }

    /// The first MDL of the IRP.
    pub(crate) fn mdl_list(self) -> Mdl {
        Mdl(self.mdl())
    }

    /// IoGetNextIrpStackLocation.
    pub(crate) fn next_location(self) -> StackLocation {
        StackLocation(self.location().0.wrapping_byte_sub(LOCATION_BYTES))
    }

    /// The IRP at an address that this driver kept.
    pub(crate) fn at(address: *mut c_void) -> Self {
        Self(address)
    }

    /// IoMarkIrpPending.
    pub(crate) fn mark_pending(self) {
        let location = self.location();
        location.set_control(location.control() | SL_PENDING_RETURNED);
    }

    /// IoSkipCurrentIrpStackLocation.
    pub(crate) fn skip_location(self) {
        self.set_current_location(self.current_location().wrapping_add(1));
        self.set_location(StackLocation(self.location().0.wrapping_byte_add(LOCATION_BYTES)));
    }

    /// IoCopyCurrentIrpStackLocationToNext.
    pub(crate) fn copy_location_to_next(self) {
        let next = self.next_location();
        next.set_request(self.location().request());
        next.set_control(0);
    }

    /// IoSetCompletionRoutine, for every outcome.
    pub(crate) fn set_completion_routine(self, routine: CompletionRoutine, context: *mut c_void) {
        let next = self.next_location();
        next.set_completion_routine(Some(routine));
        next.set_context(context);
        next.set_control(SL_INVOKE_ALWAYS);
    }

    /// IoSetCancelRoutine: gives back the routine that was set, null for none.
    fn exchange_cancel_routine(self, routine: *mut c_void) -> *mut c_void {
        let field = self.0.wrapping_byte_add(0x68).cast::<*mut c_void>();
        // SAFETY: the field of an IRP that this driver owns, which others exchange atomically as well.
        unsafe { AtomicPtr::from_ptr(field) }.swap(routine, Ordering::AcqRel)
    }

    /// Tail.Overlay.ListEntry, by which a driver that has the IRP may put it into a list.
    pub(crate) fn list_entry(self) -> *mut ListEntry {
        self.0.wrapping_byte_add(0xa8).cast()
    }

    /// Sets a cancel routine to which the IRP belongs from then on.
    pub(crate) fn set_cancel_routine_to(self, routine: CancelRoutine) {
        self.exchange_cancel_routine(routine as *mut c_void);
    }

    /// Takes the cancel routine out. `false` where it is being called.
    pub(crate) fn take_cancel_routine(self) -> bool {
        !self.exchange_cancel_routine(ptr::null_mut()).is_null()
    }

    /// Sets a cancel routine that only lets go of the cancel spin lock: the IRP stays with who set it.
    pub(crate) fn set_cancel_routine(self) {
        self.exchange_cancel_routine(release_cancel_lock as CancelRoutine as *mut c_void);
    }

    /// Clears the cancel routine, and waits for it where the IRP is being cancelled.
    pub(crate) fn clear_cancel_routine(self) {
        if self.exchange_cancel_routine(ptr::null_mut()).is_null() {
            // Whoever cancels holds the cancel spin lock until the routine lets go of it.
            let mut old = PASSIVE_LEVEL;
            IoAcquireCancelSpinLock(&raw mut old);
            IoReleaseCancelSpinLock(old);
        }
    }
}

/// The cancel routine.
extern "system" fn release_cancel_lock(_device: Device, irp: Irp) {
    IoReleaseCancelSpinLock(irp.cancel_irql());
}
