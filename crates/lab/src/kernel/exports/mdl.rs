//! The functions for memory descriptor lists.

use super::{Call, Export, export};
use crate::{
    kernel::{
        layout::mdl,
        mdl::{KERNEL_MODE, pages_of},
    },
    rules,
};

pub(super) const EXPORTS: &[Export] = &[
    export("IoAllocateMdl", |call| {
        if call.machine.fails("IoAllocateMdl") {
            return 0;
        }
        let chain = (call.boolean(2), call.pointer(4));
        call.machine
            .allocate_mdl_of_driver(call.site(), call.pointer(0), call.u32(1), chain)
    }),
    export("IoFreeMdl", |call| {
        call.machine.free_mdl(call.pointer(0), call.site());
        0
    }),
    export("IoBuildPartialMdl", |call| {
        let [source, target, start] = [0, 1, 2].map(|index| call.pointer(index));
        call.machine.build_partial_mdl(source, target, start, call.u32(3));
        0
    }),
    export("MmSizeOfMdl", |call| {
        let pages = pages_of(call.pointer(0), call.pointer(1));
        mdl::BYTES.saturating_add(pages.saturating_mul(8))
    }),
    export("MmBuildMdlForNonPagedPool", |call| {
        call.machine.build_mdl(call.pointer(0));
        0
    }),
    export("MmProbeAndLockPages", |call| {
        call.machine.probe_and_lock(call.pointer(0), call.site());
        0
    }),
    export("MmUnlockPages", |call| {
        call.machine.unlock_pages(call.pointer(0));
        0
    }),
    export("MmMapLockedPages", map_and_bug_check),
    export("MmMapLockedPagesSpecifyCache", |call| {
        call.machine
            .map_locked_pages(call.pointer(0), call.u8(1), call.boolean(4))
    }),
    export("MmUnmapLockedPages", |call| {
        call.machine.unmap_locked_pages(call.pointer(0), call.pointer(1));
        0
    }),
    export("MmPrepareMdlForReuse", |call| {
        call.machine.prepare_for_reuse(call.pointer(0));
        0
    }),
];

/// Where it is for kernel mode, no driver calls it any more: it stops the machine where it fails.
fn map_and_bug_check(call: &Call) -> usize {
    if call.u8(1) == KERNEL_MODE {
        call.machine.violation(
            &rules::MAPPED_BY_OLD_FUNCTION,
            "MmMapLockedPages stops the machine where it fails: MmMapLockedPagesSpecifyCache does not have to",
        );
    }
    call.machine.map_locked_pages(call.pointer(0), call.u8(1), false)
}
