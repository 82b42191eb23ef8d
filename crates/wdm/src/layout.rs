//! The fields of the kernel's structures that this library touches, each held at compile time to where Windows has
//! it.
//!
//! Off Windows the bindings come from headers that are not Microsoft's. A field that those headers put elsewhere than
//! x64 Windows does would be read from the wrong place without a word, so every access goes through the functions
//! here, and each of them carries the offset that Windows documents in its public symbols. A repository check
//! (`cargo xtask test`) sees to it that no other file names a field of a kernel structure.
//!
//! On ARM64 no offset is asserted: none has been checked there.

use core::mem::offset_of;

use wdk_sys::{
    DEVICE_OBJECT, DRIVER_EXTENSION, DRIVER_OBJECT, IO_STACK_LOCATION, IRP, LARGE_INTEGER, NTSTATUS,
    PDRIVER_ADD_DEVICE, PDRIVER_DISPATCH, PDRIVER_UNLOAD, PIO_COMPLETION_ROUTINE,
};

/// How many major functions a driver object has a slot for.
pub(crate) const MAJOR_FUNCTIONS: usize = wdk_sys::IRP_MJ_MAXIMUM_FUNCTION as usize + 1;

/// Makes an accessor for each field: from a pointer to the structure to a pointer to the field.
///
/// The accessors are safe because they only compute an address. What a caller does with it is the caller's to argue.
macro_rules! layout {
    ($($module:ident = $structure:ident $(, sizeof $size:literal)? {
        $($offset:literal $accessor:ident: $type:ty = $($path:ident).+;)*
    })*) => {$(
        $(
            #[cfg(target_arch = "x86_64")]
            const _: () = assert!(size_of::<$structure>() == $size);
        )?
        pub(crate) mod $module {
            use super::*;
            $(
                #[cfg(target_arch = "x86_64")]
                const _: () = assert!(offset_of!($structure, $($path).+) == $offset);
                // The field has the type that the accessor promises, or this does not compile.
                const _: fn(*const $structure) -> *const $type = |structure| {
                    // SAFETY: never called; and only an address would be computed.
                    unsafe { &raw const (*structure).$($path).+ }
                };

                pub(crate) const fn $accessor(structure: *mut $structure) -> *mut $type {
                    structure.wrapping_byte_add(offset_of!($structure, $($path).+)).cast()
                }
            )*
        }
    )*};
}

layout! {
    // No size: the headers off Windows have 0x148 for its 0x150. The I/O manager allocates it, never this library.
    device_object = DEVICE_OBJECT {
        0x30 flags: u32 = Flags;
        0x34 characteristics: u32 = Characteristics;
        0x40 extension: *mut core::ffi::c_void = DeviceExtension;
        0x48 device_type: u32 = DeviceType;
        0x4c stack_size: i8 = StackSize;
    }
    driver_object = DRIVER_OBJECT, sizeof 0x150 {
        0x30 extension: *mut DRIVER_EXTENSION = DriverExtension;
        0x68 unload: PDRIVER_UNLOAD = DriverUnload;
        0x70 major_function: [PDRIVER_DISPATCH; MAJOR_FUNCTIONS] = MajorFunction;
    }
    driver_extension = DRIVER_EXTENSION, sizeof 0x28 {
        0x8 add_device: PDRIVER_ADD_DEVICE = AddDevice;
    }
    irp = IRP, sizeof 0xd0 {
        0x10 flags: u32 = Flags;
        0x30 status: NTSTATUS = IoStatus.__bindgen_anon_1.Status;
        0x38 information: wdk_sys::ULONG_PTR = IoStatus.Information;
        0x41 pending_returned: u8 = PendingReturned;
        0x43 current_location: i8 = CurrentLocation;
        0xb8 current_stack_location: *mut IO_STACK_LOCATION =
            Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation;
    }
    io_stack_location = IO_STACK_LOCATION, sizeof 0x48 {
        0x0 major_function: u8 = MajorFunction;
        0x1 minor_function: u8 = MinorFunction;
        0x3 control: u8 = Control;
        0x8 read_length: u32 = Parameters.Read.Length;
        0x8 write_length: u32 = Parameters.Write.Length;
        0x8 usage_in_path: u8 = Parameters.UsageNotification.InPath;
        0x10 usage_type: wdk_sys::DEVICE_USAGE_NOTIFICATION_TYPE = Parameters.UsageNotification.Type;
        0x18 io_control_code: u32 = Parameters.DeviceIoControl.IoControlCode;
        0x38 completion_routine: PIO_COMPLETION_ROUTINE = CompletionRoutine;
        0x40 context: *mut core::ffi::c_void = Context;
    }
    large_integer = LARGE_INTEGER, sizeof 0x8 {
        0x0 quad_part: i64 = QuadPart;
    }
}

/// How much of a stack location is the request: what is copied for the lower driver. The rest, the completion routine
/// with its context, belongs to the driver that set it.
pub(crate) const STACK_LOCATION_REQUEST_SIZE: usize = offset_of!(IO_STACK_LOCATION, CompletionRoutine);

// Opaque: only its size is passed, and the kernel checks that.
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::IO_REMOVE_LOCK>() == 0x20);
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::KSPIN_LOCK>() == 0x8);
