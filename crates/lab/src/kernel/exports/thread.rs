//! System threads, work items, handles and references to threads.

use super::{Export, export};
use crate::{
    guest,
    kernel::{
        Machine,
        handles::Target,
        status::{
            NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
        },
    },
    pool::{Contents, Owner},
    rules,
};

const TAG: u32 = u32::from_le_bytes(*b"IoWk");

/// An IO_WORKITEM, which drivers know nothing of.
mod item {
    pub(super) const BYTES: usize = 0x58;
    pub(super) const OBJECT: usize = 0;
    pub(super) const QUEUED: usize = 8;
}

pub(super) const EXPORTS: &[Export] = &[
    export("PsCreateSystemThread", |call| {
        let machine = call.machine;
        let thread = if machine.fails("PsCreateSystemThread") {
            None
        } else {
            machine.create_system_thread(call.pointer(5), call.pointer(6))
        };
        let Some(thread) = thread else {
            return status(STATUS_INSUFFICIENT_RESOURCES);
        };
        let handle = machine.open_handle(Target::Thread(thread));
        guest::write(call.pointer(0), handle);
        status(STATUS_SUCCESS)
    }),
    export("PsTerminateSystemThread", |call| call.machine.terminate_thread()),
    export("ZwClose", |call| status(call.machine.close_handle(call.pointer(0)))),
    export("ObReferenceObjectByHandle", |call| {
        match call.machine.target_of(call.pointer(0)) {
            Some(Target::Thread(thread)) => {
                guest::write(call.pointer(4), thread);
                call.machine.reference_thread(thread);
                status(STATUS_SUCCESS)
            }
            Some(Target::Key(_)) => status(STATUS_OBJECT_TYPE_MISMATCH),
            None => status(STATUS_INVALID_HANDLE),
        }
    }),
    export("KeSetPriorityThread", |_| 8),
    export("KeQueryPriorityThread", |_| 8),
    export("KeSetBasePriorityThread", |_| 0),
    export("KeSetSystemAffinityThread", |_| 0),
    export("KeRevertToUserAffinityThread", |_| 0),
    export("IoSizeofWorkItem", |_| item::BYTES),
    export("IoAllocateWorkItem", |call| {
        let machine = call.machine;
        if machine.fails("IoAllocateWorkItem") {
            return 0;
        }
        let block = machine
            .pool
            .borrow_mut()
            .allocate(item::BYTES, TAG, Owner::Driver, call.site(), Contents::Zeroed);
        let block = block.unwrap_or_default();
        if block != 0 {
            guest::write(block.wrapping_add(item::OBJECT), call.pointer(0));
        }
        block
    }),
    export("IoInitializeWorkItem", |call| {
        guest::zero(call.pointer(1), item::BYTES);
        guest::write(call.pointer(1).wrapping_add(item::OBJECT), call.pointer(0));
        0
    }),
    export("IoUninitializeWorkItem", |call| {
        call.machine
            .work_item_is_free(call.pointer(0), "IoUninitializeWorkItem");
        0
    }),
    export("IoFreeWorkItem", |call| {
        call.machine.work_item_is_free(call.pointer(0), "IoFreeWorkItem");
        call.machine.free_pool(call.pointer(0), call.site());
        0
    }),
    export("IoQueueWorkItem", |call| {
        call.machine
            .queue_work_item(call.pointer(0), call.pointer(1), call.pointer(3), false);
        0
    }),
    export("IoQueueWorkItemEx", |call| {
        call.machine
            .queue_work_item(call.pointer(0), call.pointer(1), call.pointer(3), true);
        0
    }),
    // WORK_QUEUE_ITEM: a list entry, the routine, its parameter.
    export("ExQueueWorkItem", |call| {
        let routine = guest::read::<usize>(call.pointer(0).wrapping_add(16));
        let parameter = guest::read::<usize>(call.pointer(0).wrapping_add(24));
        call.machine.queue_work_of_driver(move |machine| {
            machine.call_callback("worker routine", routine, &[parameter]);
        });
        0
    }),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

impl Machine {
    /// A work item in the queue is neither queued again nor freed.
    fn work_item_is_free(&self, work_item: usize, call: &str) {
        if guest::read::<usize>(work_item.wrapping_add(item::QUEUED)) != 0 {
            self.violation(
                &rules::WORK_ITEM_BUSY,
                &format!("{call} with a work item that is queued"),
            );
        }
    }

    /// IoQueueWorkItem and, where the routine is told the item as well, IoQueueWorkItemEx.
    fn queue_work_item(&'static self, work_item: usize, routine: usize, context: usize, extended: bool) {
        self.work_item_is_free(work_item, "IoQueueWorkItem");
        guest::write(work_item.wrapping_add(item::QUEUED), 1_usize);
        // The device object, and by it the driver, stays until the routine has returned.
        let object = guest::read::<usize>(work_item.wrapping_add(item::OBJECT));
        self.reference_device(object);
        self.queue_work_of_device(move |machine| {
            guest::write(work_item.wrapping_add(item::QUEUED), 0_usize);
            let arguments = [object, context, if extended { work_item } else { 0 }];
            machine.call_callback("work item routine", routine, &arguments);
            machine.dereference_device(object);
        });
    }
}
