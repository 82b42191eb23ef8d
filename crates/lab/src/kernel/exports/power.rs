//! The power manager's functions, and those of the PnP manager that ask to be asked.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        layout::irp,
        power::{QUERY_POWER, SET_POWER, WAIT_WAKE},
        status::{
            NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER_2, STATUS_PENDING, STATUS_VERIFY_REQUIRED,
        },
    },
    rules,
};

/// IO_STATUS_BLOCK.
const IO_STATUS_BLOCK_BYTES: usize = 16;

pub(super) const EXPORTS: &[Export] = &[
    export("PoRequestPowerIrp", request_power_irp),
    export("PoStartNextPowerIrp", |_| 0),
    export("PoSetPowerState", |call| call.u32(2) as usize),
    export("IoInvalidateDeviceState", |call| {
        device_of(call, 0, "IoInvalidateDeviceState");
        call.machine.invalidated.state(call.pointer(0));
        0
    }),
    export("IoInvalidateDeviceRelations", |call| {
        device_of(call, 0, "IoInvalidateDeviceRelations");
        call.machine
            .invalidated
            .relations(call.pointer(0), call.u32(1) as usize);
        0
    }),
    export("IoSetDeviceToVerify", |call| {
        call.machine.set_device_to_verify(call.pointer(0), call.pointer(1));
        0
    }),
    export("IoGetDeviceToVerify", |call| {
        call.machine.device_to_verify(call.pointer(0))
    }),
    export("IoSetHardErrorOrVerifyDevice", |call| {
        let thread = irp::THREAD.get(call.pointer(0));
        if thread != 0 && irp::STATUS.get(call.pointer(0)) == STATUS_VERIFY_REQUIRED {
            call.machine.set_device_to_verify(thread, call.pointer(1));
        }
        0
    }),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

fn device_of(call: &Call, index: usize, function: &str) {
    if !call.machine.devices.is_live(call.pointer(index)) {
        call.machine.violation(
            &rules::CALL_TO_NO_DEVICE,
            &format!("{function} with something that is no device object"),
        );
    }
}

/// PoRequestPowerIrp: what is called in the end is the driver's completion function.
fn request_power_irp(call: &Call) -> usize {
    let machine = call.machine;
    device_of(call, 0, "PoRequestPowerIrp");
    let (device, minor, state) = (call.pointer(0), call.u8(1), call.u32(2) as usize);
    if !matches!(minor, WAIT_WAKE | SET_POWER | QUERY_POWER) {
        return status(STATUS_INVALID_PARAMETER_2);
    }
    // Anybody else would hold a pointer to an IRP that is not the driver's and may be gone.
    if call.pointer(5) != 0 && minor != WAIT_WAKE {
        machine.violation(
            &rules::POWER_IRP_ASKED_FOR,
            "PoRequestPowerIrp asks for the address of the IRP, which only IRP_MN_WAIT_WAKE gives",
        );
    }
    if machine.fails("PoRequestPowerIrp") {
        return status(STATUS_INSUFFICIENT_RESOURCES);
    }
    let (routine, context, place) = (call.pointer(3), call.pointer(4), call.pointer(5));
    let done = move |machine: &'static crate::kernel::Machine,
                     record: &std::rc::Rc<crate::kernel::io::irp::IrpRecord>| {
        if routine == 0 {
            return;
        }
        let block = machine.kernel_block(IO_STATUS_BLOCK_BYTES);
        guest::write(block, record.final_status.get());
        guest::write(block + 8, record.final_information.get());
        machine.call_callback(
            "power completion function",
            routine,
            &[device, usize::from(minor), state, context, block],
        );
        machine.free_kernel_block(block);
    };
    match machine.request_power_irp(device, minor, state, Box::new(done)) {
        Some(irp) => {
            if place != 0 {
                guest::write(place, irp.address);
            }
            status(STATUS_PENDING)
        }
        None => status(STATUS_INSUFFICIENT_RESOURCES),
    }
}
