//! Pool and memory descriptor lists.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        Machine,
        layout::{irp, mdl},
    },
    pool::{Contents, NoBlock, Owner},
    rules,
};

const POOL_FLAG_UNINITIALIZED: usize = 0x2;

/// POOL_FLAG_PAGED, of ExAllocatePool2 and ExAllocatePool3.
pub(super) const POOL_FLAG_PAGED: usize = 0x100;

/// Set in each paged POOL_TYPE.
pub(super) const PAGED_POOL: usize = 0x1;

const MDL_TAG: u32 = u32::from_le_bytes(*b"Mdl ");

const CONTIGUOUS_TAG: u32 = u32::from_le_bytes(*b"MmCm");

const MDL_MAPPED_TO_SYSTEM_VA: u16 = 0x1;
const MDL_PAGES_LOCKED: u16 = 0x2;
const MDL_SOURCE_IS_NONPAGED_POOL: u16 = 0x4;
const MDL_PARTIAL: u16 = 0x10;

pub(super) const EXPORTS: &[Export] = &[
    export("ExAllocatePool2", |call| allocate_by_flags(call, "ExAllocatePool2")),
    export("ExAllocatePool3", |call| allocate_by_flags(call, "ExAllocatePool3")),
    export("ExAllocatePoolWithTag", |call| {
        allocate_by_type(call, "ExAllocatePoolWithTag", call.u32(2), Contents::Uninitialized)
    }),
    export("ExAllocatePoolZero", |call| {
        allocate_by_type(call, "ExAllocatePoolZero", call.u32(2), Contents::Zeroed)
    }),
    export("ExAllocatePool", |call| {
        let tag = u32::from_le_bytes(*b"None");
        allocate_by_type(call, "ExAllocatePool", tag, Contents::Uninitialized)
    }),
    export("ExAllocatePoolWithQuotaTag", |call| {
        allocate_by_type(call, "ExAllocatePoolWithQuotaTag", call.u32(2), Contents::Uninitialized)
    }),
    export("ExAllocatePoolWithTagPriority", |call| {
        allocate_by_type(
            call,
            "ExAllocatePoolWithTagPriority",
            call.u32(2),
            Contents::Uninitialized,
        )
    }),
    export("MmAllocateContiguousMemory", |call| {
        let bytes = pages_for(call.pointer(0));
        allocate(
            call,
            "MmAllocateContiguousMemory",
            bytes,
            CONTIGUOUS_TAG,
            Contents::Uninitialized,
        )
    }),
    export("MmAllocateNonCachedMemory", |call| {
        let bytes = pages_for(call.pointer(0));
        allocate(
            call,
            "MmAllocateNonCachedMemory",
            bytes,
            CONTIGUOUS_TAG,
            Contents::Uninitialized,
        )
    }),
    export("MmFreeContiguousMemory", free),
    export("MmFreeNonCachedMemory", free),
    export("MmGetPhysicalAddress", |call| call.pointer(0)),
    export("MmIsAddressValid", |call| {
        usize::from(guest::contains(call.pointer(0), 1))
    }),
    export("MmSizeOfMdl", |call| {
        let bytes = (call.pointer(0) & 4095).saturating_add(call.pointer(1));
        mdl::BYTES + 8 * bytes.div_ceil(4096)
    }),
    export("ProbeForRead", |_| 0),
    export("ProbeForWrite", |_| 0),
    export("ExFreePool", free_pool),
    export("ExFreePoolWithTag", free_pool),
    export("ExFreePool2", free_pool),
    export("IoAllocateMdl", |call| {
        let machine = call.machine;
        if machine.fails("IoAllocateMdl") {
            return 0;
        }
        let list = machine.allocate_mdl_for(Owner::Driver, call.site(), call.pointer(0), call.u32(1));
        let Some(list) = list else {
            return 0;
        };
        let (secondary, irp) = (call.boolean(2), call.pointer(4));
        if irp != 0 {
            attach_to_irp(list, secondary, irp);
        }
        list
    }),
    export("IoFreeMdl", |call| {
        call.machine.free_pool(call.pointer(0), call.site());
        0
    }),
    export("MmBuildMdlForNonPagedPool", |call| {
        call.machine.map_mdl(call.pointer(0), MDL_SOURCE_IS_NONPAGED_POOL);
        0
    }),
    export("MmProbeAndLockPages", |call| {
        call.machine.map_mdl(call.pointer(0), MDL_PAGES_LOCKED);
        0
    }),
    export("MmUnlockPages", |call| {
        let flags = mdl::MDL_FLAGS.get(call.pointer(0));
        mdl::MDL_FLAGS.set(call.pointer(0), flags & !(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA));
        0
    }),
    export("MmMapLockedPagesSpecifyCache", |call| {
        if call.machine.fails("MmMapLockedPagesSpecifyCache") {
            return 0;
        }
        let flags = mdl::MDL_FLAGS.get(call.pointer(0));
        mdl::MDL_FLAGS.set(call.pointer(0), flags | MDL_MAPPED_TO_SYSTEM_VA);
        mdl::MAPPED_SYSTEM_VA.get(call.pointer(0))
    }),
    export("MmUnmapLockedPages", |call| {
        let flags = mdl::MDL_FLAGS.get(call.pointer(1));
        mdl::MDL_FLAGS.set(call.pointer(1), flags & !MDL_MAPPED_TO_SYSTEM_VA);
        0
    }),
    export("IoBuildPartialMdl", |call| {
        let (source, target) = (call.pointer(0), call.pointer(1));
        let offset = call.pointer(2).wrapping_sub(start_of(source));
        let rest = mdl::BYTE_COUNT.get(source).wrapping_sub(offset as u32);
        let length = if call.u32(3) == 0 { rest } else { call.u32(3) };
        let mapped = mdl::MAPPED_SYSTEM_VA.get(source).wrapping_add(offset);
        write_mdl(target, call.pointer(2), length);
        mdl::MAPPED_SYSTEM_VA.set(target, mapped);
        mdl::MDL_FLAGS.set(target, MDL_PARTIAL | MDL_MAPPED_TO_SYSTEM_VA);
        0
    }),
    export("MmPrepareMdlForReuse", |_| 0),
];

/// ExAllocatePool2 and ExAllocatePool3.
fn allocate_by_flags(call: &Call, name: &'static str) -> usize {
    let flags = call.pointer(0);
    let contents = if flags & POOL_FLAG_UNINITIALIZED == 0 {
        Contents::Zeroed
    } else {
        Contents::Uninitialized
    };
    let paged = flags & POOL_FLAG_PAGED != 0;
    allocate_pool(call, name, paged, call.u32(2), contents)
}

/// The functions that are given a POOL_TYPE.
fn allocate_by_type(call: &Call, name: &'static str, tag: u32, contents: Contents) -> usize {
    let paged = call.pointer(0) & PAGED_POOL != 0;
    allocate_pool(call, name, paged, tag, contents)
}

fn allocate_pool(call: &Call, name: &'static str, paged: bool, tag: u32, contents: Contents) -> usize {
    let bytes = call.pointer(1);
    call.machine.check_pool_request(name, bytes);
    let block = allocate(call, name, bytes, tag, contents);
    if paged && block != 0 {
        call.machine.pool_use.note_paged(block);
    }
    block
}

fn allocate(call: &Call, name: &'static str, bytes: usize, tag: u32, contents: Contents) -> usize {
    let machine = call.machine;
    if machine.fails(name) {
        return 0;
    }
    machine
        .allocate(bytes, tag, Owner::Driver, call.site(), contents)
        .unwrap_or_default()
}

/// ExFreePool and its like.
fn free_pool(call: &Call) -> usize {
    call.machine.check_pool_free(call.pointer(0));
    free(call)
}

fn free(call: &Call) -> usize {
    call.machine.free_pool(call.pointer(0), call.site());
    0
}

/// Makes an MDL the one of an IRP, or the last of its chain.
fn attach_to_irp(list: usize, secondary: bool, address: usize) {
    let first = irp::MDL_ADDRESS.get(address);
    if !secondary || first == 0 {
        irp::MDL_ADDRESS.set(address, list);
        return;
    }
    // MDL.Next is its first field.
    let next = guest::read::<usize>;
    if let Some(last) = guest::follow(first, next).find(|&at| next(at) == 0) {
        guest::write(last, list);
    }
}

fn start_of(address: usize) -> usize {
    mdl::START_VA.get(address) + mdl::BYTE_OFFSET.get(address) as usize
}

/// The bytes of the pages that `bytes` bytes fill; no machine has as many as the most that this can be.
fn pages_for(bytes: usize) -> usize {
    bytes.checked_next_multiple_of(4096).unwrap_or(usize::MAX)
}

fn write_mdl(address: usize, start: usize, bytes: u32) {
    mdl::START_VA.set(address, start & !4095);
    mdl::BYTE_OFFSET.set(address, (start & 4095) as u32);
    mdl::BYTE_COUNT.set(address, bytes);
}

impl Machine {
    /// Allocates from the pool. `None` where it has no room left; whatever else goes wrong ends the run.
    pub(crate) fn allocate(
        &self,
        bytes: usize,
        tag: u32,
        owner: Owner,
        site: u32,
        contents: Contents,
    ) -> Option<usize> {
        let allocated = self.pool.borrow_mut().allocate(bytes, tag, owner, site, contents);
        match allocated {
            Ok(address) => Some(address),
            Err(NoBlock::Exhausted { .. } | NoBlock::NoMemory { .. }) => None,
            Err(error @ NoBlock::WrittenAfterFree { .. }) => self.violation(
                &rules::FREED_POOL_ACCESSED,
                &format!("freed pool was written to: {error}"),
            ),
            Err(error) => self.cannot(&error.to_string()),
        }
    }

    /// ExFreePool and its like.
    pub(crate) fn free_pool(&self, address: usize, site: u32) {
        self.check_nothing_active_in(address);
        let freed = self.pool.borrow_mut().free(address, site);
        if let Err(error) = freed {
            self.bad_free(&error);
        }
    }

    /// An MDL of the kernel's own.
    pub(crate) fn allocate_mdl(&self, start: usize, bytes: u32) -> Option<usize> {
        self.allocate_mdl_for(Owner::Kernel, 0, start, bytes)
    }

    /// IoAllocateMdl.
    pub(crate) fn allocate_mdl_for(&self, owner: Owner, site: u32, start: usize, bytes: u32) -> Option<usize> {
        let pages = ((start & 4095) + bytes as usize).div_ceil(4096);
        let size = mdl::BYTES + 8 * pages;
        let block = self.allocate(size, MDL_TAG, owner, site, Contents::Zeroed)?;
        mdl::SIZE.set(block, u16::try_from(size).unwrap_or(u16::MAX));
        write_mdl(block, start, bytes);
        Some(block)
    }

    /// Makes an MDL describe memory that is always there, and maps it: in this machine every address is.
    pub(crate) fn map_mdl(&self, address: usize, flag: u16) {
        let flags = mdl::MDL_FLAGS.get(address);
        mdl::MDL_FLAGS.set(address, flags | flag | MDL_MAPPED_TO_SYSTEM_VA);
        mdl::MAPPED_SYSTEM_VA.set(address, start_of(address));
        let pages = ((start_of(address) & 4095) + mdl::BYTE_COUNT.get(address) as usize).div_ceil(4096);
        let first = start_of(address) / 4096;
        for page in 0..pages {
            guest::write(address + mdl::BYTES + 8 * page, first + page);
        }
    }

    /// Locks and maps the MDL of an initiator's buffer.
    pub(crate) fn lock_mdl(&self, address: usize) {
        self.map_mdl(address, MDL_PAGES_LOCKED);
    }
}
