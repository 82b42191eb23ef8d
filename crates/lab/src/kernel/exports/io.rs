//! The I/O manager's functions.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        Machine,
        io::{completion_ex, device::NewDevice, irp::Origin},
        layout::{device_object, irp},
        status::{
            NtStatus, STATUS_DELETE_PENDING, STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE,
            STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS,
        },
    },
};

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

pub(super) const EXPORTS: &[Export] = &[
    export("IofCallDriver", call_driver),
    export("IoCallDriver", call_driver),
    export("PoCallDriver", call_driver),
    export("IofCompleteRequest", complete_request),
    export("IoCompleteRequest", complete_request),
    export("IoSetCompletionRoutineEx", set_completion_routine_ex),
    export("IoCreateDevice", create_device),
    export("IoDeleteDevice", |call| {
        call.machine.delete_device(call.pointer(0));
        0
    }),
    export("IoAttachDeviceToDeviceStackSafe", attach_safe),
    export("IoAttachDeviceToDeviceStack", |call| {
        if call.machine.fails("IoAttachDeviceToDeviceStack") {
            return 0;
        }
        call.machine.attach_device(call.pointer(0), call.pointer(1))
    }),
    export("IoDetachDevice", |call| {
        call.machine.detach_device(call.pointer(0));
        0
    }),
    export("IoGetAttachedDeviceReference", |call| {
        let top = call.machine.top_of_stack(call.pointer(0));
        call.machine.reference_device(top);
        top
    }),
    export("IoGetAttachedDevice", |call| call.machine.top_of_stack(call.pointer(0))),
    export("IoGetLowerDeviceObject", |call| {
        let below = call.machine.devices.below(call.pointer(0));
        if below != 0 {
            call.machine.reference_device(below);
        }
        below
    }),
    export("ObfReferenceObject", |call| {
        call.machine.reference_device(call.pointer(0));
        0
    }),
    export("ObReferenceObjectByPointer", |call| {
        call.machine.reference_device(call.pointer(0));
        status(STATUS_SUCCESS)
    }),
    export("ObfDereferenceObject", |call| {
        call.machine.dereference_checked(call.pointer(0));
        0
    }),
    export("ObDereferenceObject", |call| {
        call.machine.dereference_checked(call.pointer(0));
        0
    }),
    export("IoInitializeRemoveLockEx", |call| {
        call.machine.initialise_remove_lock(call.pointer(0), call.u32(4));
        0
    }),
    export("IoAcquireRemoveLockEx", |call| {
        // Lack of memory is no reason for it to fail, only a script is.
        let planned = call.machine.planned.take("IoAcquireRemoveLockEx");
        if let Some(planned) = planned {
            let refusal = planned.unwrap_or(STATUS_DELETE_PENDING);
            call.machine.note_acquisition(refusal);
            return status(refusal);
        }
        status(call.machine.acquire_remove_lock(call.pointer(0), call.pointer(1)))
    }),
    export("IoReleaseRemoveLockEx", |call| {
        call.machine.release_remove_lock(call.pointer(0), call.pointer(1));
        0
    }),
    export("IoReleaseRemoveLockAndWaitEx", |call| {
        call.machine
            .release_remove_lock_and_wait(call.pointer(0), call.pointer(1));
        0
    }),
    export("IoAllocateIrp", |call| {
        if call.machine.fails("IoAllocateIrp") {
            return 0;
        }
        let irp = call.machine.allocate_irp(call.u8(0), Origin::Driver);
        irp.map_or(0, |irp| {
            irp::ALLOCATION_FLAGS.set(irp.address, u8::from(call.boolean(1)));
            irp.address
        })
    }),
    export("IoFreeIrp", |call| {
        call.machine.free_irp_checked(call.pointer(0));
        0
    }),
    export("IoReuseIrp", |call| {
        call.machine.reuse_irp(call.pointer(0), call.u32(1).cast_signed());
        0
    }),
    export("IoAcquireCancelSpinLock", |call| {
        let irql = call.machine.acquire_cancel_spin_lock();
        guest::write(call.pointer(0), irql);
        0
    }),
    export("IoReleaseCancelSpinLock", |call| {
        call.machine.release_cancel_spin_lock(call.u8(0));
        0
    }),
    export("IoCancelIrp", |call| {
        let record = call.machine.irp_of_call(call.pointer(0));
        usize::from(call.machine.cancel_irp(&record))
    }),
    export("IoGetCurrentProcess", |call| call.machine.kernel_data.opaque_object()),
    export("IoGetRequestorProcess", |call| call.machine.kernel_data.opaque_object()),
    export("IoForwardIrpSynchronously", |call| {
        usize::from(call.machine.forward_synchronously(call.pointer(0), call.pointer(1)))
    }),
    export("IoCreateSymbolicLink", |call| {
        status(call.machine.create_symbolic_link(call.pointer(0)))
    }),
    export("IoCreateUnprotectedSymbolicLink", |call| {
        status(call.machine.create_symbolic_link(call.pointer(0)))
    }),
    export("IoDeleteSymbolicLink", |call| {
        status(call.machine.delete_symbolic_link(call.pointer(0)))
    }),
    export("IoGetDeviceObjectPointer", |_| status(STATUS_NO_SUCH_DEVICE)),
];

fn call_driver(call: &Call) -> usize {
    status(call.machine.call_driver_checked(call.pointer(0), call.pointer(1)))
}

fn complete_request(call: &Call) -> usize {
    call.machine.complete_checked(call.pointer(0));
    0
}

fn set_completion_routine_ex(call: &Call) -> usize {
    status(call.machine.set_completion_routine_ex(&completion_ex::Request {
        device: call.pointer(0),
        irp: call.pointer(1),
        routine: call.pointer(2),
        context: call.pointer(3),
        on_success: call.boolean(4),
        on_error: call.boolean(5),
        on_cancel: call.boolean(6),
    }))
}

fn create_device(call: &Call) -> usize {
    let failure = call.machine.failure("IoCreateDevice", STATUS_INSUFFICIENT_RESOURCES);
    if let Some(failure) = failure {
        return status(failure);
    }
    let name = guest::unicode_string(call.pointer(2));
    if !name.is_empty() && !call.machine.claim_name(&name) {
        return status(STATUS_OBJECT_NAME_COLLISION);
    }
    let new = NewDevice {
        driver: call.pointer(0),
        extension_bytes: call.u32(1) as usize,
        device_type: call.u32(3),
        characteristics: call.u32(4),
        exclusive: call.boolean(5),
        name,
    };
    match call.machine.create_device(&new, None) {
        Some(device) => {
            guest::write(call.pointer(6), device);
            status(STATUS_SUCCESS)
        }
        None => {
            call.machine.release_name(&new.name);
            status(STATUS_INSUFFICIENT_RESOURCES)
        }
    }
}

fn attach_safe(call: &Call) -> usize {
    let failure = call
        .machine
        .failure("IoAttachDeviceToDeviceStackSafe", STATUS_NO_SUCH_DEVICE);
    if let Some(failure) = failure {
        return status(failure);
    }
    let (source, target) = (call.pointer(0), call.pointer(1));
    // The lower device is stored before the two are linked, which is what makes it safe.
    let top = call.machine.top_of_stack(target);
    guest::write(call.pointer(2), top);
    call.machine.attach_device(source, target);
    status(STATUS_SUCCESS)
}

impl Machine {
    /// IoForwardIrpSynchronously: copies the stack location, sends the IRP down and waits until it is back.
    fn forward_synchronously(&'static self, device: usize, address: usize) -> bool {
        if irp::CURRENT_LOCATION.get(address) <= 1 || device_object::TYPE.get(device) == 0 {
            return false;
        }
        self.wait_allowed("IoForwardIrpSynchronously", true);
        self.forward_and_wait(device, address)
    }
}
