//! Entries of the System log: allocated, filled in by the driver, and written or freed.

use super::{Export, export};
use crate::pool::{Contents, Owner};

const TAG: u32 = u32::from_le_bytes(*b"IoEr");

/// The longest entry.
const BYTES_MAX: usize = 0xF0;

pub(super) const EXPORTS: &[Export] = &[
    export("IoAllocateErrorLogEntry", |call| {
        let machine = call.machine;
        let bytes = usize::from(call.u8(1));
        if bytes > BYTES_MAX || machine.fails("IoAllocateErrorLogEntry") {
            return 0;
        }
        let entry = machine
            .pool
            .borrow_mut()
            .allocate(bytes, TAG, Owner::Driver, call.site(), Contents::Zeroed);
        if let Ok(entry) = entry {
            machine.error_log.opened(entry, bytes);
        }
        entry.unwrap_or_default()
    }),
    export("IoWriteErrorLogEntry", |call| {
        let machine = call.machine;
        machine.reporter.count("error log entries", 1);
        machine.error_log.write(call.pointer(0));
        machine.free_pool(call.pointer(0), call.site());
        0
    }),
    export("IoFreeErrorLogEntry", |call| {
        call.machine.error_log.dropped(call.pointer(0));
        call.machine.free_pool(call.pointer(0), call.site());
        0
    }),
];
