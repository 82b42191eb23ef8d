//! Pool, and what else is asked about memory. Memory descriptor lists are in `mdl`.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::Machine,
    pool::{Contents, NoBlock, Owner},
    rules,
};

const POOL_FLAG_UNINITIALIZED: usize = 0x2;

/// POOL_FLAG_PAGED, of ExAllocatePool2 and ExAllocatePool3.
pub(super) const POOL_FLAG_PAGED: usize = 0x100;

/// Set in each paged POOL_TYPE.
pub(super) const PAGED_POOL: usize = 0x1;

const NO_TAG: u32 = u32::from_le_bytes(*b"None");
const CONTIGUOUS_TAG: u32 = u32::from_le_bytes(*b"MmCm");

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
        allocate_by_type(call, "ExAllocatePool", NO_TAG, Contents::Uninitialized)
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
        allocate_pages(call, "MmAllocateContiguousMemory")
    }),
    export("MmAllocateNonCachedMemory", |call| {
        allocate_pages(call, "MmAllocateNonCachedMemory")
    }),
    export("MmFreeContiguousMemory", free),
    export("MmFreeNonCachedMemory", free),
    export("MmGetPhysicalAddress", |call| call.pointer(0)),
    export("MmIsAddressValid", |call| {
        usize::from(guest::contains(call.pointer(0), 1))
    }),
    export("ProbeForRead", |_| 0),
    export("ProbeForWrite", |_| 0),
    export("ExFreePool", free_pool),
    export("ExFreePoolWithTag", free_pool),
    export("ExFreePool2", free_pool),
];

/// ExAllocatePool2 and ExAllocatePool3, whose first argument is flags.
fn allocate_by_flags(call: &Call, name: &'static str) -> usize {
    let flags = call.pointer(0);
    let contents = if flags & POOL_FLAG_UNINITIALIZED == 0 {
        Contents::Zeroed
    } else {
        Contents::Uninitialized
    };
    allocate_pool(call, name, flags & POOL_FLAG_PAGED != 0, call.u32(2), contents)
}

/// The older functions, whose first argument is a POOL_TYPE.
fn allocate_by_type(call: &Call, name: &'static str, tag: u32, contents: Contents) -> usize {
    allocate_pool(call, name, call.pointer(0) & PAGED_POOL != 0, tag, contents)
}

fn allocate_pool(call: &Call, name: &'static str, paged: bool, tag: u32, contents: Contents) -> usize {
    let (machine, bytes) = (call.machine, call.pointer(1));
    machine.check_pool_request(name, bytes);
    let block = allocate(call, name, bytes, tag, contents);
    if paged && block != 0 {
        machine.mdls.note_paged(block);
        // Blocks of the plain pool share their pages.
        if machine.config.special_pool {
            machine.paging.add_block(block, bytes);
        }
    }
    block
}

fn allocate_pages(call: &Call, name: &'static str) -> usize {
    let bytes = pages_for(call.pointer(0));
    allocate(call, name, bytes, CONTIGUOUS_TAG, Contents::Uninitialized)
}

fn allocate(call: &Call, name: &'static str, bytes: usize, tag: u32, contents: Contents) -> usize {
    let machine = call.machine;
    machine.check_allocates_in_power(name);
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
    call.machine.check_no_irp_at(call.pointer(0));
    call.machine.free_pool(call.pointer(0), call.site());
    0
}

/// The bytes of the pages that `bytes` bytes fill; no machine has as many as the most that this can be.
fn pages_for(bytes: usize) -> usize {
    bytes.checked_next_multiple_of(4096).unwrap_or(usize::MAX)
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
        self.mdls.note_freed(address);
        self.paging.remove_block(address);
        let freed = self.pool.borrow_mut().free(address, site);
        if let Err(error) = freed {
            self.bad_free(&error);
        }
    }
}
