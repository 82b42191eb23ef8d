//! Where x64 Windows has the fields of the structures that the lab shares with drivers.
//!
//! The structures are written out here so that the compiler computes the offsets, and each offset is then held to the
//! number that Windows' public symbols have. The lab never makes a reference to one; it reads and writes single
//! fields through [`crate::guest`].

use std::mem::offset_of;

use crate::guest::{self, Plain};

/// A field of type `T` in a structure of type `S`.
pub(crate) struct Field<S, T> {
    offset: usize,
    types: std::marker::PhantomData<fn() -> (S, T)>,
}

impl<S, T: Plain> Field<S, T> {
    const fn at(offset: usize) -> Self {
        Self {
            offset,
            types: std::marker::PhantomData,
        }
    }

    pub(crate) fn get(&self, structure: usize) -> T {
        guest::read(structure.wrapping_add(self.offset))
    }

    pub(crate) fn set(&self, structure: usize, value: T) {
        guest::write(structure.wrapping_add(self.offset), value);
    }

    pub(crate) fn address(&self, structure: usize) -> usize {
        structure.wrapping_add(self.offset)
    }
}

/// Declares a structure, the size and offsets that it must have, and an accessor for each field that is used.
macro_rules! structures {
    ($(
        $(#[$meta:meta])*
        $module:ident: $name:ident, sizeof $size:literal {
            $($offset:literal $field:ident: $type:ty $(=> $accessor:ident: $read:ty)?,)*
        }
    )*) => {$(
        $(#[$meta])*
        #[repr(C)]
        #[allow(dead_code, reason = "never made: its fields are read and written one by one")]
        pub(crate) struct $name {
            $($field: $type,)*
        }

        const _: () = assert!(size_of::<$name>() == $size);
        $(const _: () = assert!(offset_of!($name, $field) == $offset);)*

        pub(crate) mod $module {
            use super::*;

            #[allow(dead_code, reason = "some are only ever parts of something else")]
            pub(crate) const BYTES: usize = size_of::<$name>();
            $($(
                pub(crate) const $accessor: Field<$name, $read> = Field::at(offset_of!($name, $field));
            )?)*
        }
    )*};
}

structures! {
    /// IRP.
    irp: Irp, sizeof 0xd0 {
        0x0 kind: u16 => TYPE: u16,
        0x2 size: u16 => SIZE: u16,
        0x8 mdl_address: usize => MDL_ADDRESS: usize,
        0x10 flags: u32 => FLAGS: u32,
        0x18 system_buffer: usize => SYSTEM_BUFFER: usize,
        0x20 thread_list_entry: [usize; 2] => THREAD_LIST_ENTRY: usize,
        0x30 status: i32 => STATUS: i32,
        0x38 information: usize => INFORMATION: usize,
        0x40 requestor_mode: u8,
        0x41 pending_returned: u8 => PENDING_RETURNED: u8,
        0x42 stack_count: u8 => STACK_COUNT: u8,
        0x43 current_location: u8 => CURRENT_LOCATION: u8,
        0x44 cancel: u8 => CANCEL: u8,
        0x45 cancel_irql: u8 => CANCEL_IRQL: u8,
        0x46 apc_environment: u8,
        0x47 allocation_flags: u8 => ALLOCATION_FLAGS: u8,
        0x48 user_iosb: usize => USER_IOSB: usize,
        0x50 user_event: usize => USER_EVENT: usize,
        0x58 overlay: [usize; 2],
        0x68 cancel_routine: usize => CANCEL_ROUTINE: usize,
        0x70 user_buffer: usize => USER_BUFFER: usize,
        0x78 driver_context: [usize; 4] => DRIVER_CONTEXT: usize,
        0x98 thread: usize => THREAD: usize,
        0xa0 auxiliary_buffer: usize,
        0xa8 list_entry: [usize; 2] => LIST_ENTRY: usize,
        0xb8 current_stack_location: usize => CURRENT_STACK_LOCATION: usize,
        0xc0 original_file_object: usize,
        0xc8 tail_rest: usize,
    }

    /// IO_STACK_LOCATION.
    io_stack_location: IoStackLocation, sizeof 0x48 {
        0x0 major_function: u8 => MAJOR_FUNCTION: u8,
        0x1 minor_function: u8 => MINOR_FUNCTION: u8,
        0x2 flags: u8 => FLAGS: u8,
        0x3 control: u8 => CONTROL: u8,
        0x8 argument1: usize => ARGUMENT1: usize,
        0x10 argument2: usize => ARGUMENT2: usize,
        0x18 argument3: usize => ARGUMENT3: usize,
        0x20 argument4: usize => ARGUMENT4: usize,
        0x28 device_object: usize => DEVICE_OBJECT: usize,
        0x30 file_object: usize => FILE_OBJECT: usize,
        0x38 completion_routine: usize => COMPLETION_ROUTINE: usize,
        0x40 context: usize => CONTEXT: usize,
    }

    /// DEVICE_OBJECT.
    device_object: DeviceObject, sizeof 0x150 {
        0x0 kind: u16 => TYPE: u16,
        0x2 size: u16 => SIZE: u16,
        0x4 reference_count: i32,
        0x8 driver_object: usize => DRIVER_OBJECT: usize,
        0x10 next_device: usize => NEXT_DEVICE: usize,
        0x18 attached_device: usize => ATTACHED_DEVICE: usize,
        0x20 current_irp: usize => CURRENT_IRP: usize,
        0x28 timer: usize => TIMER: usize,
        0x30 flags: u32 => FLAGS: u32,
        0x34 characteristics: u32 => CHARACTERISTICS: u32,
        0x38 vpb: usize,
        0x40 device_extension: usize => DEVICE_EXTENSION: usize,
        0x48 device_type: u32 => DEVICE_TYPE: u32,
        0x4c stack_size: u8 => STACK_SIZE: u8,
        0x50 queue: [usize; 9],
        0x98 alignment_requirement: u32 => ALIGNMENT_REQUIREMENT: u32,
        0xa0 device_queue: [usize; 5] => DEVICE_QUEUE: usize,
        0xc8 dpc: [usize; 8],
        0x108 active_thread_count: u32,
        0x110 security_descriptor: usize,
        0x118 device_lock: [usize; 3],
        0x130 sector_size: u16 => SECTOR_SIZE: u16,
        0x132 spare1: u16,
        0x138 device_object_extension: usize,
        0x140 reserved: [usize; 2],
    }

    /// KDEVICE_QUEUE.
    kdevice_queue: KdeviceQueue, sizeof 0x28 {
        0x0 kind: u16 => TYPE: u16,
        0x2 size: u16 => SIZE: u16,
        0x8 list_head: [usize; 2] => LIST_HEAD: usize,
        0x18 lock: usize,
        0x20 busy: u8 => BUSY: u8,
    }

    /// KDEVICE_QUEUE_ENTRY.
    kdevice_queue_entry: KdeviceQueueEntry, sizeof 0x18 {
        0x0 links: [usize; 2] => LINKS: usize,
        0x10 sort_key: u32 => SORT_KEY: u32,
        0x14 inserted: u8 => INSERTED: u8,
    }

    /// DRIVER_OBJECT.
    driver_object: DriverObject, sizeof 0x150 {
        0x0 kind: u16 => TYPE: u16,
        0x2 size: u16 => SIZE: u16,
        0x8 device_object: usize => DEVICE_OBJECT: usize,
        0x10 flags: u32,
        0x18 driver_start: usize => DRIVER_START: usize,
        0x20 driver_size: u32 => DRIVER_SIZE: u32,
        0x28 driver_section: usize,
        0x30 driver_extension: usize => DRIVER_EXTENSION: usize,
        0x38 driver_name: [usize; 2] => DRIVER_NAME: usize,
        0x48 hardware_database: usize,
        0x50 fast_io_dispatch: usize,
        0x58 driver_init: usize => DRIVER_INIT: usize,
        0x60 driver_start_io: usize => DRIVER_START_IO: usize,
        0x68 driver_unload: usize => DRIVER_UNLOAD: usize,
        0x70 major_function: [usize; 28] => MAJOR_FUNCTION: usize,
    }

    /// DRIVER_EXTENSION.
    driver_extension: DriverExtension, sizeof 0x28 {
        0x0 driver_object: usize => DRIVER_OBJECT: usize,
        0x8 add_device: usize => ADD_DEVICE: usize,
        0x10 count: u32,
        0x18 service_key_name: [usize; 2],
    }

    /// MDL.
    mdl: Mdl, sizeof 0x30 {
        0x0 next: usize,
        0x8 size: u16 => SIZE: u16,
        0xa mdl_flags: u16 => MDL_FLAGS: u16,
        0x10 process: usize,
        0x18 mapped_system_va: usize => MAPPED_SYSTEM_VA: usize,
        0x20 start_va: usize => START_VA: usize,
        0x28 byte_count: u32 => BYTE_COUNT: u32,
        0x2c byte_offset: u32 => BYTE_OFFSET: u32,
    }

    /// KEVENT, and the head of every object that can be waited for.
    kevent: Kevent, sizeof 0x18 {
        0x0 kind: u8 => TYPE: u8,
        0x1 signalling: u8,
        0x2 size: u8,
        0x3 reserved: u8,
        0x4 signal_state: i32 => SIGNAL_STATE: i32,
        0x8 wait_list_head: [usize; 2] => WAIT_LIST_HEAD: usize,
    }

    /// KDPC.
    kdpc: Kdpc, sizeof 0x40 {
        0x0 kind: u8 => TYPE: u8,
        0x1 importance: u8,
        0x2 number: u16,
        0x8 list_entry: usize,
        0x10 processor_history: usize,
        0x18 deferred_routine: usize => DEFERRED_ROUTINE: usize,
        0x20 deferred_context: usize => DEFERRED_CONTEXT: usize,
        0x28 system_argument1: usize => SYSTEM_ARGUMENT1: usize,
        0x30 system_argument2: usize => SYSTEM_ARGUMENT2: usize,
        0x38 dpc_data: usize => DPC_DATA: usize,
    }

    /// KTIMER.
    ktimer: Ktimer, sizeof 0x40 {
        0x0 kind: u8,
        0x1 signalling: u8,
        0x2 size: u8,
        0x3 reserved: u8,
        0x4 signal_state: i32,
        0x8 wait_list_head: [usize; 2],
        0x18 due_time: u64,
        0x20 timer_list_entry: [usize; 2],
        0x30 dpc: usize => DPC: usize,
        0x38 processor: u32,
        0x3c period: u32 => PERIOD: u32,
    }

    /// KMUTANT.
    kmutant: Kmutant, sizeof 0x38 {
        0x0 header: [usize; 3],
        0x18 mutant_list_entry: [usize; 2],
        0x28 owner_thread: usize => OWNER_THREAD: usize,
        0x30 abandoned: u8,
        0x31 apc_disable: u8,
    }

    /// FAST_MUTEX, and KGUARDED_MUTEX, which it is the same as.
    fast_mutex: FastMutex, sizeof 0x38 {
        0x0 count: i32 => COUNT: i32,
        0x8 owner: usize => OWNER: usize,
        0x10 contention: u32 => CONTENTION: u32,
        0x18 event: [usize; 3] => EVENT: usize,
        0x30 old_irql: u32 => OLD_IRQL: u32,
    }

    /// The part of every lookaside list that code which is inlined into drivers uses.
    lookaside: Lookaside, sizeof 0x60 {
        0x0 list_head: [usize; 2],
        0x10 depth: u16 => DEPTH: u16,
        0x12 maximum_depth: u16 => MAXIMUM_DEPTH: u16,
        0x14 total_allocates: u32,
        0x18 allocate_misses: u32,
        0x1c total_frees: u32,
        0x20 free_misses: u32,
        0x24 pool_type: u32 => POOL_TYPE: u32,
        0x28 tag: u32 => TAG: u32,
        0x2c size: u32 => SIZE: u32,
        0x30 allocate: usize => ALLOCATE: usize,
        0x38 free: usize => FREE: usize,
        0x40 list_entry: [usize; 2],
        0x50 rest: [u32; 4],
    }

    /// IO_CSQ.
    csq: Csq, sizeof 0x40 {
        0x0 kind: u32 => TYPE: u32,
        0x8 insert: usize => INSERT: usize,
        0x10 remove: usize => REMOVE: usize,
        0x18 peek_next: usize => PEEK_NEXT: usize,
        0x20 acquire_lock: usize => ACQUIRE_LOCK: usize,
        0x28 release_lock: usize => RELEASE_LOCK: usize,
        0x30 complete_canceled: usize => COMPLETE_CANCELED: usize,
        0x38 reserved: usize,
    }

    /// IO_CSQ_IRP_CONTEXT.
    csq_irp_context: CsqIrpContext, sizeof 0x18 {
        0x0 kind: u32 => TYPE: u32,
        0x8 irp: usize => IRP: usize,
        0x10 csq: usize => CSQ: usize,
    }

    /// IO_ERROR_LOG_PACKET, as far as it says what the entry is about; the data begins in its last field.
    io_error_log_packet: IoErrorLogPacket, sizeof 0x30 {
        0x0 major_function_code: u8,
        0x1 retry_count: u8,
        0x2 dump_data_size: u16 => DUMP_DATA_SIZE: u16,
        0x4 number_of_strings: u16 => NUMBER_OF_STRINGS: u16,
        0x6 string_offset: u16 => STRING_OFFSET: u16,
        0x8 event_category: u16,
        0xc error_code: u32 => ERROR_CODE: u32,
        0x10 unique_error_value: u32 => UNIQUE_ERROR_VALUE: u32,
        0x14 final_status: i32 => FINAL_STATUS: i32,
        0x18 sequence_number: u32,
        0x1c io_control_code: u32,
        0x20 device_offset: u64,
        0x28 dump_data: u32 => DUMP_DATA: u32,
    }

    /// OBJECT_ATTRIBUTES.
    object_attributes: ObjectAttributes, sizeof 0x30 {
        0x0 length: u32,
        0x8 root_directory: usize => ROOT_DIRECTORY: usize,
        0x10 object_name: usize => OBJECT_NAME: usize,
        0x18 attributes: u32,
        0x20 security_descriptor: usize,
        0x28 security_quality_of_service: usize,
    }

    /// RTL_QUERY_REGISTRY_TABLE.
    query_table: QueryTable, sizeof 0x38 {
        0x0 routine: usize => ROUTINE: usize,
        0x8 flags: u32 => FLAGS: u32,
        0x10 name: usize => NAME: usize,
        0x18 entry_context: usize => ENTRY_CONTEXT: usize,
        0x20 default_type: u32 => DEFAULT_TYPE: u32,
        0x28 default_data: usize => DEFAULT_DATA: usize,
        0x30 default_length: u32 => DEFAULT_LENGTH: u32,
    }
}

/// The size of an IO_REMOVE_LOCK of a free build, by which its calls tell it from a checked one.
pub(crate) const REMOVE_LOCK_BYTES: u32 = 0x20;

/// `IO_TYPE_DEVICE`, `IO_TYPE_DRIVER` and `IO_TYPE_IRP`, with which the objects begin.
pub(crate) const IO_TYPE_DEVICE: u16 = 3;
/// See [`IO_TYPE_DEVICE`].
pub(crate) const IO_TYPE_DRIVER: u16 = 4;
/// See [`IO_TYPE_DEVICE`].
pub(crate) const IO_TYPE_IRP: u16 = 6;
