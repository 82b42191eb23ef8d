//! Processors, time, threads, bug checks, messages; and the kernel's variables.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{Machine, clock::PERFORMANCE_FREQUENCY},
    rules,
};

pub(super) const EXPORTS: &[Export] = &[
    export("KeQueryPerformanceCounter", |call| {
        let frequency = call.pointer(0);
        if frequency != 0 {
            guest::write(frequency, PERFORMANCE_FREQUENCY);
        }
        large(call.machine.clock.performance_counter())
    }),
    export("KeQueryInterruptTime", |call| {
        large(call.machine.clock.interrupt_time())
    }),
    export("KeQueryInterruptTimePrecise", |call| {
        guest::write(call.pointer(0), call.machine.clock.performance_counter());
        large(call.machine.clock.interrupt_time())
    }),
    export("KeQueryUnbiasedInterruptTime", |call| {
        large(call.machine.clock.interrupt_time())
    }),
    export("KeQuerySystemTimePrecise", |call| {
        guest::write(call.pointer(0), call.machine.clock.system_time());
        0
    }),
    export("KeQueryTimeIncrement", |_| 156_250),
    export("KeQueryTickCount", |call| {
        guest::write(call.pointer(0), call.machine.clock.interrupt_time() / 156_250);
        0
    }),
    export("KeGetCurrentProcessorNumberEx", |call| {
        let number = call.machine.current().processor.get();
        let processor_number = call.pointer(0);
        if processor_number != 0 {
            // PROCESSOR_NUMBER: group, number in it, reserved.
            let (group, in_group) = (number / PROCESSORS_IN_GROUP, number % PROCESSORS_IN_GROUP);
            guest::write(processor_number, u16::try_from(group).unwrap_or(u16::MAX));
            guest::write(processor_number + 2, u8::try_from(in_group).unwrap_or(u8::MAX));
            guest::write(processor_number + 3, 0_u8);
        }
        number
    }),
    export("KeGetCurrentProcessorNumber", |call| {
        call.machine.current().processor.get() % PROCESSORS_IN_GROUP
    }),
    export("KeQueryActiveProcessorCountEx", processors_of_group),
    export("KeQueryActiveProcessorCount", |call| processors_of(call.machine, 0)),
    export("KeQueryMaximumProcessorCountEx", processors_of_group),
    export("KeQueryMaximumProcessorCount", |call| processors_of(call.machine, 0)),
    export("KeQueryActiveGroupCount", |call| {
        call.machine.scheduler.processors().div_ceil(PROCESSORS_IN_GROUP)
    }),
    export("KeGetCurrentThread", current_thread),
    export("PsGetCurrentThread", current_thread),
    export("PsGetCurrentProcess", |call| call.machine.kernel_data.opaque_object()),
    export("PsGetCurrentProcessId", |_| 4),
    export("PsGetCurrentThreadId", |call| {
        usize::from(call.machine.current().id) * 4 + 8
    }),
    export("KeBugCheckEx", |call| {
        let arguments = [1, 2, 3, 4].map(|index| call.pointer(index));
        call.machine.bug_check(call.u32(0), arguments)
    }),
    export("KeBugCheck", |call| call.machine.bug_check(call.u32(0), [0; 4])),
    export("DbgBreakPoint", break_point),
    export("DbgBreakPointWithStatus", break_point),
    export("DbgPrint", |call| call.machine.debug_print(call, 0)),
    export("DbgPrintEx", |call| call.machine.debug_print(call, 2)),
    export("vDbgPrintEx", |call| call.machine.debug_print_list(call, 2)),
];

fn break_point(call: &Call) -> usize {
    call.machine
        .violation(&rules::BREAKPOINT, "a breakpoint, with no debugger to take it")
}

fn large(value: u64) -> usize {
    // A usize has 64 bits here.
    value as usize
}

/// How many processors a group has, but for the last one.
const PROCESSORS_IN_GROUP: usize = 64;

/// ALL_PROCESSOR_GROUPS.
const ALL_GROUPS: u32 = 0xFFFF;

/// The functions that know of groups. A group that is not there has no processors.
fn processors_of_group(call: &Call) -> usize {
    match call.u32(0) & 0xFFFF {
        ALL_GROUPS => call.machine.scheduler.processors(),
        group => processors_of(call.machine, group as usize),
    }
}

/// How many processors a group has. Those functions that do not know of groups see the first alone.
fn processors_of(machine: &Machine, group: usize) -> usize {
    let before = group * PROCESSORS_IN_GROUP;
    let processors = machine.scheduler.processors().saturating_sub(before);
    processors.min(PROCESSORS_IN_GROUP)
}

fn current_thread(call: &Call) -> usize {
    call.machine.processor_data.thread(call.machine.current())
}

/// The address of one of the kernel's variables.
pub(super) fn data(machine: &Machine, name: &str) -> Option<usize> {
    match name {
        "KeNumberProcessors" => {
            let address = machine.kernel_data.number_of_processors();
            guest::write(address, u8::try_from(processors_of(machine, 0)).unwrap_or(u8::MAX));
            Some(address)
        }
        "KdDebuggerEnabled" => Some(machine.kernel_data.debugger_enabled()),
        "KdDebuggerNotPresent" => Some(machine.kernel_data.debugger_not_present()),
        "KeTickCount" => Some(machine.kernel_data.refreshed_shared_data(&machine.clock) + 0x320),
        "PsInitialSystemProcess" => Some(machine.kernel_data.system_process()),
        "NtBuildNumber" => Some(machine.kernel_data.build_number()),
        "PsThreadType"
        | "PsProcessType"
        | "IoFileObjectType"
        | "IoDeviceObjectType"
        | "IoDriverObjectType"
        | "ExEventObjectType"
        | "ExSemaphoreObjectType" => Some(machine.kernel_data.object_type()),
        "InitSafeBootMode" => Some(machine.kernel_data.safe_boot_mode()),
        _ => None,
    }
}
