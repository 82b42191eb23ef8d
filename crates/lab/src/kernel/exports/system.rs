//! What the system is: versions, feature queries, addresses of routines by name; and small services of the executive.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        data::version,
        status::{NtStatus, STATUS_SUCCESS},
    },
};

pub(super) const EXPORTS: &[Export] = &[
    export("MmGetSystemRoutineAddress", |call| {
        let name = guest::unicode_string(call.pointer(0));
        super::address(call.machine, &name).map_or(0, |address| address.addr().get())
    }),
    export("PsGetVersion", |call| {
        for (index, value) in [version::MAJOR, version::MINOR, version::BUILD].into_iter().enumerate() {
            if call.pointer(index) != 0 {
                guest::write(call.pointer(index), value);
            }
        }
        if call.pointer(3) != 0 {
            guest::zero(call.pointer(3), 16);
        }
        // A free build.
        0
    }),
    // RTL_OSVERSIONINFOW: its size, then major, minor, build, platform (2 is NT), and a service pack's name.
    export("RtlGetVersion", |call| {
        for (index, value) in [version::MAJOR, version::MINOR, version::BUILD, 2]
            .into_iter()
            .enumerate()
        {
            guest::write(call.pointer(0).wrapping_add(4 + 4 * index), value);
        }
        guest::write(call.pointer(0).wrapping_add(20), 0_u16);
        status(STATUS_SUCCESS)
    }),
    export("IoIsWdmVersionAvailable", |call| {
        usize::from((call.u8(0), call.u8(1)) <= (6, 0))
    }),
    export("RtlIsNtDdiVersionAvailable", |call| {
        usize::from(call.u32(0) <= 0x0A00_0000)
    }),
    export("ExIsProcessorFeaturePresent", |_| 0),
    export("ExGetPreviousMode", |_| 0),
    export("KeStallExecutionProcessor", |call| {
        call.machine.clock.advance(u64::from(call.u32(0)) * 1000);
        0
    }),
    export("KeQuerySystemTime", |call| {
        guest::write(call.pointer(0), call.machine.clock.system_time());
        0
    }),
    export("ExSystemTimeToLocalTime", |call| {
        guest::write(call.pointer(1), guest::read::<u64>(call.pointer(0)));
        0
    }),
    export("ExLocalTimeToSystemTime", |call| {
        guest::write(call.pointer(1), guest::read::<u64>(call.pointer(0)));
        0
    }),
    export("ExSetTimerResolution", |_| 156_250),
    export("KeSetCoalescableTimer", |call| {
        let [timer, dpc] = [call.pointer(0), call.pointer(4)];
        usize::from(call.machine.set_timer(timer, call.i64(1), call.u32(2), dpc))
    }),
    export("RtlRandom", random),
    export("RtlRandomEx", random),
    // There is no floating-point state to keep: drivers and the lab have their own.
    export("KeSaveFloatingPointState", |_| status(STATUS_SUCCESS)),
    export("KeRestoreFloatingPointState", |_| status(STATUS_SUCCESS)),
    export("KeIsExecutingDpc", |call| {
        usize::from(call.machine.irql() >= crate::kernel::scheduler::DISPATCH_LEVEL)
    }),
    export("MmPageEntireDriver", |call| {
        call.machine.page_entire_driver();
        call.machine.loaded().image.base().addr().get()
    }),
    export("MmResetDriverPaging", |call| {
        call.machine.reset_driver_paging();
        0
    }),
    // A section is known by any address in it, so that is its handle.
    export("MmLockPagableDataSection", |call| {
        call.machine.lock_section(call.pointer(0))
    }),
    export("MmLockPagableSectionByHandle", |call| {
        call.machine.lock_section(call.pointer(0));
        0
    }),
    export("MmUnlockPagableImageSection", |call| {
        call.machine.paging.unlock(call.pointer(0), 1);
        0
    }),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

/// The next number of a generator whose state the driver has.
fn random(call: &Call) -> usize {
    let seed = guest::read::<u32>(call.pointer(0));
    let next = seed.wrapping_mul(0x7FFF_FFED).wrapping_add(0x7FFF_FFC3) % 0x7FFF_FFFF;
    guest::write(call.pointer(0), next);
    next as usize
}
