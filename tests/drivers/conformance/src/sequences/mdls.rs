//! Memory descriptor lists, from their allocation to their end.

use super::building::BYTE;
use crate::{
    check::Check,
    kernel::{
        CACHED, FALSE, IO_WRITE_ACCESS, IoAllocateMdl, IoBuildPartialMdl, IoFreeIrp, IoFreeMdl, Irp, KERNEL_MODE, Mdl,
        MmBuildMdlForNonPagedPool, MmMapLockedPagesSpecifyCache, MmProbeAndLockPages, MmSizeOfMdl, MmUnlockPages,
        NORMAL_PRIORITY_NO_EXECUTE, Object, TRUE,
    },
    layers::Stack,
    objects::{NULL, irp, mdl, prepare_for_reuse, start_of_mdl},
    requests::allocate,
    threads,
};

const PAGE_BYTES: usize = 0x1000;

/// The bytes of MDL itself, and of each page's number behind it.
const MDL_BYTES: usize = 0x30;
const PAGE_NUMBER_BYTES: usize = 8;

/// Does something with three pages of nonpaged pool.
fn with_pages(check: &mut Check, work: impl FnOnce(&mut Check, Object)) {
    let bytes = PAGE_BYTES.wrapping_mul(3);
    if let Some(block) = check.have(c"pool", threads::allocate(bytes)) {
        work(check, block);
        threads::free(block);
    }
}

/// Does something with an MDL.
fn with_mdl(check: &mut Check, start: Object, bytes: u32, work: impl FnOnce(&mut Check, Mdl)) {
    let list = IoAllocateMdl(start, bytes, FALSE, FALSE, NULL);
    if let Some(list) = check.have(c"IoAllocateMdl", list) {
        work(check, list);
        IoFreeMdl(list);
    }
}

fn has(list: Mdl, flag: u16) -> bool {
    mdl::FLAGS.of(list) & flag != 0
}

fn expect_range(check: &mut Check, list: Mdl, start: Object, bytes: u32) {
    let offset = start.addr() % PAGE_BYTES;
    check.equal(c"StartVa", start.wrapping_byte_sub(offset), mdl::START_VA.of(list));
    check.equal(c"ByteOffset", offset, mdl::BYTE_OFFSET.of(list) as usize);
    check.equal(c"ByteCount", bytes, mdl::BYTE_COUNT.of(list));
}

pub(super) fn an_allocated_mdl_describes_its_buffer(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        for offset in [0, 1, 0xfff, 0x1234] {
            let start = block.wrapping_byte_add(offset);
            with_mdl(check, start, 0x1001, |check, list| {
                expect_range(check, list, start, 0x1001);
                check.equal(c"Next", NULL, mdl::NEXT.of(list));
                check.holds(
                    c"no pages yet",
                    !has(list, mdl::PAGES_LOCKED | mdl::SOURCE_IS_NONPAGED_POOL),
                );
            });
        }
    });
}

pub(super) fn the_size_of_an_mdl_counts_the_pages_that_are_touched(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        for (offset, bytes, pages) in [
            (0_usize, 1_usize, 1_usize),
            (0, 0x1000, 1),
            (0, 0x1001, 2),
            (0xfff, 2, 2),
            (1, 0x2000, 3),
        ] {
            let page = block.wrapping_byte_sub(block.addr() % PAGE_BYTES);
            let size = pages.wrapping_mul(PAGE_NUMBER_BYTES).wrapping_add(MDL_BYTES);
            check.equal(c"MmSizeOfMdl", size, MmSizeOfMdl(page.wrapping_byte_add(offset), bytes));
        }
    });
}

pub(super) fn an_mdl_built_for_nonpaged_pool_has_the_address_of_its_buffer(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        let start = block.wrapping_byte_add(0x234);
        with_mdl(check, start, 0x1000, |check, list| {
            MmBuildMdlForNonPagedPool(list);
            check.holds(c"MDL_SOURCE_IS_NONPAGED_POOL", has(list, mdl::SOURCE_IS_NONPAGED_POOL));
            check.equal(c"system address", start, mdl::MAPPED_SYSTEM_VA.of(list));
            expect_range(check, list, start, 0x1000);
        });
    });
}

/// Builds a part of `list`, and expects it to have this range and the system address that belongs to it.
fn build_part(check: &mut Check, list: Mdl, part: Mdl, offset: usize, asked: u32, bytes: u32) {
    let start = start_of_mdl(list).wrapping_byte_add(offset);
    IoBuildPartialMdl(list, part, start, asked);
    expect_range(check, part, start, bytes);
    check.holds(c"MDL_PARTIAL", has(part, mdl::PARTIAL));
    let address = mdl::MAPPED_SYSTEM_VA.of(list).wrapping_byte_add(offset);
    check.equal(c"system address", address, mdl::MAPPED_SYSTEM_VA.of(part));
}

pub(super) fn a_partial_mdl_has_the_part_of_the_mapping(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        with_mdl(check, block.wrapping_byte_add(0x100), 0x2000, |check, list| {
            MmBuildMdlForNonPagedPool(list);
            with_mdl(check, block, 0x2000, |check, part| {
                for (offset, bytes) in [(0, 0x2000), (0x10, 0x20), (0xfff, 2), (0x1000, 0x1000)] {
                    build_part(check, list, part, offset, bytes, bytes);
                    prepare_for_reuse(part);
                }
            });
        });
    });
}

pub(super) fn a_partial_mdl_of_no_length_goes_to_the_end(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        with_mdl(check, block, 0x2100, |check, list| {
            MmBuildMdlForNonPagedPool(list);
            with_mdl(check, block, 0x2100, |check, part| {
                build_part(check, list, part, 0x1080, 0, 0x1080);
            });
        });
    });
}

pub(super) fn a_partial_mdl_with_a_mapping_of_its_own_is_prepared_for_reuse(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        BYTE.set(block.wrapping_byte_add(0x1010), 0x31);
        with_mdl(check, block, 0x2000, |check, list| {
            MmProbeAndLockPages(list, KERNEL_MODE, IO_WRITE_ACCESS);
            with_mdl(check, block, 0x2000, |check, part| {
                let start = block.wrapping_byte_add(0x1010);
                IoBuildPartialMdl(list, part, start, 0x20);
                let mapped = map(part);
                if check.have(c"MmMapLockedPagesSpecifyCache", mapped).is_some() {
                    check.holds(c"MDL_MAPPED_TO_SYSTEM_VA", has(part, mdl::MAPPED_TO_SYSTEM_VA));
                    check.holds(c"MDL_PARTIAL_HAS_BEEN_MAPPED", has(part, mdl::PARTIAL_HAS_BEEN_MAPPED));
                    check.equal(c"byte by the mapping", 0x31, BYTE.of(mapped));
                }
                prepare_for_reuse(part);
                check.holds(c"unmapped", !has(part, mdl::MAPPED_TO_SYSTEM_VA));
            });
            MmUnlockPages(list);
        });
    });
}

/// Maps an MDL, at an address of the system's choice. Null where that is not possible.
fn map(list: Mdl) -> Object {
    MmMapLockedPagesSpecifyCache(list, KERNEL_MODE, CACHED, NULL, 0, NORMAL_PRIORITY_NO_EXECUTE)
}

pub(super) fn an_mdl_of_an_irp_becomes_its_first(check: &mut Check, stack: Stack) {
    with_pages(check, |check, block| {
        with_irp(check, stack, |check, request| {
            let list = IoAllocateMdl(block, 16, FALSE, FALSE, request);
            if check.have(c"IoAllocateMdl", list).is_some() {
                check.equal(c"MdlAddress", list, irp::MDL_ADDRESS.of(request));
                IoFreeMdl(list);
            }
        });
    });
}

pub(super) fn a_secondary_mdl_of_an_irp_is_the_last_of_its_chain(check: &mut Check, stack: Stack) {
    with_pages(check, |check, block| {
        with_irp(check, stack, |check, request| {
            let mut lists = [NULL; 3];
            for (list, secondary) in lists.iter_mut().zip([FALSE, TRUE, TRUE]) {
                *list = IoAllocateMdl(block, 16, secondary, FALSE, request);
                check.holds(c"IoAllocateMdl", !list.is_null());
            }
            let mut found = irp::MDL_ADDRESS.of(request);
            for list in lists {
                check.equal(c"next of the chain", list, found);
                found = if found.is_null() { NULL } else { mdl::NEXT.of(found) };
            }
            check.equal(c"end of the chain", NULL, found);
            for list in lists.into_iter().filter(|list| !list.is_null()) {
                IoFreeMdl(list);
            }
        });
    });
}

/// Does something with an IRP that is not sent.
fn with_irp(check: &mut Check, stack: Stack, work: impl FnOnce(&mut Check, Irp)) {
    if let Some(request) = allocate(check, stack.bottom) {
        work(check, request);
        irp::MDL_ADDRESS.set(request, NULL);
        IoFreeIrp(request);
    }
}

pub(super) fn locking_and_unlocking_pages_is_told_by_the_mdl(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        with_mdl(check, block, 0x1800, |check, list| {
            MmProbeAndLockPages(list, KERNEL_MODE, IO_WRITE_ACCESS);
            check.holds(c"MDL_PAGES_LOCKED", has(list, mdl::PAGES_LOCKED));
            expect_range(check, list, block, 0x1800);
            MmUnlockPages(list);
            check.holds(c"unlocked", !has(list, mdl::PAGES_LOCKED));
        });
    });
}

pub(super) fn locked_pages_are_mapped_once_and_unmapped_with_them(check: &mut Check, _stack: Stack) {
    with_pages(check, |check, block| {
        let start = block.wrapping_byte_add(0x321);
        BYTE.set(start, 0x42);
        with_mdl(check, start, 0x1000, |check, list| {
            MmProbeAndLockPages(list, KERNEL_MODE, IO_WRITE_ACCESS);
            let mapped = map(list);
            if check.have(c"MmMapLockedPagesSpecifyCache", mapped).is_some() {
                check.holds(c"MDL_MAPPED_TO_SYSTEM_VA", has(list, mdl::MAPPED_TO_SYSTEM_VA));
                check.equal(c"MappedSystemVa", mapped, mdl::MAPPED_SYSTEM_VA.of(list));
                check.equal(
                    c"offset in the page",
                    start.addr() % PAGE_BYTES,
                    mapped.addr() % PAGE_BYTES,
                );
                check.equal(c"byte by the mapping", 0x42, BYTE.of(mapped));
                BYTE.set(mapped, 0x24);
                check.equal(c"byte that was written by it", 0x24, BYTE.of(start));
            }
            MmUnlockPages(list);
            check.holds(c"unmapped", !has(list, mdl::MAPPED_TO_SYSTEM_VA));
        });
    });
}
