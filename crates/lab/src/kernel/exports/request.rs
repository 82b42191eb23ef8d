//! IRPs that are built for the driver, and cancel-safe queues.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        io::{
            build::{IoControl, Transfer},
            csq,
            irp::Origin,
        },
        layout,
        status::{NtStatus, STATUS_INVALID_PARAMETER, STATUS_SUCCESS},
    },
};

/// Where an IRP keeps its priority hint is the I/O manager's own business: in Flags, above what is documented.
const PRIORITY_SHIFT: u32 = 17;
const PRIORITY_MASK: u32 = 7;
const IO_PRIORITY_NORMAL: u32 = 2;
const IO_PRIORITY_CRITICAL: u32 = 4;

pub(super) const EXPORTS: &[Export] = &[
    export("IoBuildAsynchronousFsdRequest", |call| {
        if call.machine.fails("IoBuildAsynchronousFsdRequest") {
            return 0;
        }
        let built = call.machine.build_transfer(&transfer(call), Origin::Built);
        built.map_or(0, |irp| {
            layout::irp::USER_IOSB.set(irp.address, call.pointer(5));
            irp.address
        })
    }),
    export("IoBuildSynchronousFsdRequest", |call| {
        call.machine.wait_allowed("IoBuildSynchronousFsdRequest", true);
        if call.machine.fails("IoBuildSynchronousFsdRequest") {
            return 0;
        }
        let built = call.machine.build_transfer(&transfer(call), Origin::Threaded);
        built.map_or(0, |irp| {
            layout::irp::USER_EVENT.set(irp.address, call.pointer(5));
            layout::irp::USER_IOSB.set(irp.address, call.pointer(6));
            irp.address
        })
    }),
    export("IoBuildDeviceIoControlRequest", |call| {
        if call.machine.fails("IoBuildDeviceIoControlRequest") {
            return 0;
        }
        let built = call.machine.build_io_control(&IoControl {
            code: call.u32(0),
            device: call.pointer(1),
            input: call.pointer(2),
            input_bytes: call.u32(3),
            output: call.pointer(4),
            output_bytes: call.u32(5),
            internal: call.boolean(6),
        });
        built.map_or(0, |irp| {
            layout::irp::USER_EVENT.set(irp.address, call.pointer(7));
            layout::irp::USER_IOSB.set(irp.address, call.pointer(8));
            irp.address
        })
    }),
    export("IoInitializeIrp", |call| {
        call.machine.initialise_irp(call.pointer(0), call.u8(2));
        0
    }),
    export("IoMakeAssociatedIrp", |call| {
        call.machine.make_associated_irp(call.pointer(0), call.u8(1))
    }),
    export("IoGetIoPriorityHint", |call| {
        let hint = layout::irp::FLAGS.get(call.pointer(0)) >> PRIORITY_SHIFT & PRIORITY_MASK;
        // One more than the hint; 0 is an IRP that has none.
        hint.checked_sub(1).unwrap_or(IO_PRIORITY_NORMAL) as usize
    }),
    export("IoSetIoPriorityHint", |call| {
        let (irp, hint) = (call.pointer(0), call.u32(1));
        if hint > IO_PRIORITY_CRITICAL {
            return status(STATUS_INVALID_PARAMETER);
        }
        let others = layout::irp::FLAGS.get(irp) & !(PRIORITY_MASK << PRIORITY_SHIFT);
        layout::irp::FLAGS.set(irp, others | (hint + 1) << PRIORITY_SHIFT);
        status(STATUS_SUCCESS)
    }),
    export("IoSizeOfIrp", |call| crate::kernel::Machine::irp_bytes(call.u8(0))),
    export("IoGetStackLimits", |call| {
        let stack = call.machine.current().kernel_stack();
        guest::write(call.pointer(0), stack.start);
        guest::write(call.pointer(1), stack.end);
        0
    }),
    export("IoGetRemainingStackSize", |call| {
        call.frame.address() - call.machine.current().kernel_stack().start
    }),
    export("IoCsqInitialize", |call| initialise_queue(call, csq::TYPE_QUEUE)),
    export("IoCsqInitializeEx", |call| initialise_queue(call, csq::TYPE_QUEUE_EX)),
    export("IoCsqInsertIrp", |call| {
        call.machine
            .csq_insert(call.pointer(0), call.pointer(1), call.pointer(2), 0);
        0
    }),
    export("IoCsqInsertIrpEx", |call| {
        let [queue, irp, context, insert_context] = [0, 1, 2, 3].map(|index| call.pointer(index));
        status(call.machine.csq_insert(queue, irp, context, insert_context))
    }),
    export("IoCsqRemoveNextIrp", |call| {
        call.machine.csq_remove_next(call.pointer(0), call.pointer(1))
    }),
    export("IoCsqRemoveIrp", |call| {
        call.machine.csq_remove(call.pointer(0), call.pointer(1))
    }),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

fn transfer(call: &Call) -> Transfer {
    Transfer {
        major: call.u8(0),
        device: call.pointer(1),
        buffer: call.pointer(2),
        bytes: call.u32(3),
        offset: call.pointer(4),
    }
}

fn initialise_queue(call: &Call, kind: u32) -> usize {
    let queue = call.pointer(0);
    guest::zero(queue, layout::csq::BYTES);
    layout::csq::TYPE.set(queue, kind);
    // The callbacks stand in the queue in the order in which they are passed.
    for index in 1..7 {
        guest::write(queue + 8 * index, call.pointer(index));
    }
    status(STATUS_SUCCESS)
}
