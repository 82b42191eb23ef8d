//! StartIo and device queues.

use super::{Call, Export, export};
use crate::guest;

pub(super) const EXPORTS: &[Export] = &[
    export("IoStartPacket", |call| {
        let key = call.pointer(2);
        let key = (key != 0).then(|| guest::read::<u32>(key));
        call.machine
            .start_packet(call.pointer(0), call.pointer(1), key, call.pointer(3));
        0
    }),
    export("IoStartNextPacket", |call| {
        call.machine.start_next_packet(call.pointer(0));
        0
    }),
    export("IoSetStartIoAttributes", |call| {
        call.machine
            .set_start_io_attributes(call.pointer(0), call.boolean(1), call.boolean(2));
        0
    }),
    export("KeInitializeDeviceQueue", |call| {
        call.machine.initialise_device_queue(call.pointer(0));
        0
    }),
    export("KeInsertDeviceQueue", |call| insert(call, None)),
    export("KeInsertByKeyDeviceQueue", |call| insert(call, Some(call.u32(2)))),
    export("KeRemoveDeviceQueue", |call| {
        call.machine.remove_device_queue(call.pointer(0))
    }),
    export("KeRemoveEntryDeviceQueue", |call| {
        usize::from(call.machine.remove_queue_entry(call.pointer(1)))
    }),
];

fn insert(call: &Call, key: Option<u32>) -> usize {
    usize::from(call.machine.insert_device_queue(call.pointer(0), call.pointer(1), key))
}
