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
    DEVICE_OBJECT, DRIVER_EXTENSION, DRIVER_OBJECT, IO_ERROR_LOG_PACKET, IO_STACK_LOCATION, IRP,
    KEY_VALUE_PARTIAL_INFORMATION, LARGE_INTEGER, LIST_ENTRY, MDL, NTSTATUS, OBJECT_ATTRIBUTES, PDRIVER_ADD_DEVICE,
    PDRIVER_DISPATCH, PDRIVER_UNLOAD, PIO_COMPLETION_ROUTINE, UNICODE_STRING,
};

use crate::list::Node;

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
        0x8 mdl_address: *mut MDL = MdlAddress;
        0x10 flags: u32 = Flags;
        0x18 system_buffer: *mut core::ffi::c_void = AssociatedIrp.SystemBuffer;
        0x30 status: NTSTATUS = IoStatus.__bindgen_anon_1.Status;
        0x38 information: wdk_sys::ULONG_PTR = IoStatus.Information;
        0x41 pending_returned: u8 = PendingReturned;
        0x43 current_location: i8 = CurrentLocation;
        0x44 cancel: u8 = Cancel;
        0x45 cancel_irql: u8 = CancelIrql;
        0x68 cancel_routine: wdk_sys::PDRIVER_CANCEL = CancelRoutine;
        0x70 user_buffer: *mut core::ffi::c_void = UserBuffer;
        0x78 driver_context: [*mut core::ffi::c_void; 4] = Tail.Overlay.__bindgen_anon_1.__bindgen_anon_1.DriverContext;
        0x98 thread: wdk_sys::PETHREAD = Tail.Overlay.Thread;
        0xa8 list_entry: LIST_ENTRY = Tail.Overlay.__bindgen_anon_2.ListEntry;
        0xb8 current_stack_location: *mut IO_STACK_LOCATION =
            Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation;
    }
    io_stack_location = IO_STACK_LOCATION, sizeof 0x48 {
        0x0 major_function: u8 = MajorFunction;
        0x1 minor_function: u8 = MinorFunction;
        0x2 flags: u8 = Flags;
        0x3 control: u8 = Control;
        0x8 read_length: u32 = Parameters.Read.Length;
        0x10 read_key: u32 = Parameters.Read.Key;
        0x18 read_byte_offset: i64 = Parameters.Read.ByteOffset.QuadPart;
        0x8 write_length: u32 = Parameters.Write.Length;
        0x8 output_buffer_length: u32 = Parameters.DeviceIoControl.OutputBufferLength;
        0x10 input_buffer_length: u32 = Parameters.DeviceIoControl.InputBufferLength;
        0x8 usage_in_path: u8 = Parameters.UsageNotification.InPath;
        0x10 usage_type: wdk_sys::DEVICE_USAGE_NOTIFICATION_TYPE = Parameters.UsageNotification.Type;
        0x10 power_type: wdk_sys::POWER_STATE_TYPE = Parameters.Power.Type;
        0x18 device_power: wdk_sys::DEVICE_POWER_STATE = Parameters.Power.State.DeviceState;
        0x18 io_control_code: u32 = Parameters.DeviceIoControl.IoControlCode;
        0x38 completion_routine: PIO_COMPLETION_ROUTINE = CompletionRoutine;
        0x40 context: *mut core::ffi::c_void = Context;
    }
    mdl = MDL, sizeof 0x30 {
        0x0 next: *mut MDL = Next;
        0xa flags: i16 = MdlFlags;
        0x18 mapped_system_va: *mut core::ffi::c_void = MappedSystemVa;
        0x20 start_va: *mut core::ffi::c_void = StartVa;
        0x28 byte_count: u32 = ByteCount;
        0x2c byte_offset: u32 = ByteOffset;
    }
    unicode_string = UNICODE_STRING, sizeof 0x10 {
        0x0 length: u16 = Length;
        0x2 maximum_length: u16 = MaximumLength;
        0x8 buffer: *mut u16 = Buffer;
    }
    object_attributes = OBJECT_ATTRIBUTES, sizeof 0x30 {
        0x0 length: u32 = Length;
        0x8 root_directory: wdk_sys::HANDLE = RootDirectory;
        0x10 object_name: *mut UNICODE_STRING = ObjectName;
        0x18 attributes: u32 = Attributes;
    }
    // Its size is that of the head, padded, with one byte of the data.
    key_value_partial_information = KEY_VALUE_PARTIAL_INFORMATION, sizeof 0x10 {
        0x4 kind: u32 = Type;
        0x8 data_length: u32 = DataLength;
        0xc data: [u8; 1] = Data;
    }
    io_error_log_packet = IO_ERROR_LOG_PACKET, sizeof 0x30 {
        0x2 dump_data_size: u16 = DumpDataSize;
        0x4 number_of_strings: u16 = NumberOfStrings;
        0x6 string_offset: u16 = StringOffset;
        0xc error_code: NTSTATUS = ErrorCode;
        0x10 unique_error_value: u32 = UniqueErrorValue;
        0x14 final_status: NTSTATUS = FinalStatus;
        0x28 dump_data: [u32; 1] = DumpData;
    }
    large_integer = LARGE_INTEGER, sizeof 0x8 {
        0x0 quad_part: i64 = QuadPart;
    }
}

/// How much of a stack location is the request: what is copied for the lower driver. The rest, the completion routine
/// with its context, belongs to the driver that set it.
pub(crate) const STACK_LOCATION_REQUEST_SIZE: usize = offset_of!(IO_STACK_LOCATION, CompletionRoutine);

// What a READ says, a WRITE says in the same places.
const _: () = assert!(
    offset_of!(IO_STACK_LOCATION, Parameters.Write.Length) == offset_of!(IO_STACK_LOCATION, Parameters.Read.Length)
        && offset_of!(IO_STACK_LOCATION, Parameters.Write.Key) == offset_of!(IO_STACK_LOCATION, Parameters.Read.Key)
        && offset_of!(IO_STACK_LOCATION, Parameters.Write.ByteOffset)
            == offset_of!(IO_STACK_LOCATION, Parameters.Read.ByteOffset)
);

// Opaque: only its size is passed, and the kernel checks that.
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::IO_REMOVE_LOCK>() == 0x20);
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::KSPIN_LOCK>() == 0x8);
// The nodes that `list` links IRPs by.
const _: () = assert!(size_of::<Node>() == size_of::<LIST_ENTRY>() && align_of::<Node>() == align_of::<LIST_ENTRY>());
const _: () = assert!(Node::NEXT == offset_of!(LIST_ENTRY, Flink) && Node::PREVIOUS == offset_of!(LIST_ENTRY, Blink));
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::KEVENT>() == 0x18);
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::KDPC>() == 0x40);
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::KTIMER>() == 0x40);
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<wdk_sys::IO_CSQ>() == 0x40);
