//! Memory descriptor lists: the states that they go through, and what holds in each.
//!
//! # The states
//!
//! 1. *Described*: IoAllocateMdl or MmInitializeMdl wrote where the buffer is. There are no pages in it.
//! 2. *Built*: MmBuildMdlForNonPagedPool. Its pages never move, and it has a system address without being mapped.
//! 3. *Locked*: MmProbeAndLockPages, until MmUnlockPages.
//! 4. *Mapped*: MmMapLockedPagesSpecifyCache of a locked one, until MmUnmapLockedPages or MmUnlockPages.
//! 5. *Partial*: IoBuildPartialMdl, over a part of one in the states 2 to 5, whose mapping it shares. Where there is none
//!    it can have one of its own, which MmPrepareMdlForReuse and IoFreeMdl release.
//!
//! The state stands in the MDL's flags, as in Windows: a driver may make an MDL anywhere by a macro, which tells nobody.
//! What is known here besides is what flags cannot say: whose an MDL is, and which of them have pages locked.
//!
//! What an MDL and its parts owe each other is in `parts`.
//!
//! Not here: physical memory. Every address is mapped, and a system address is the address itself.

mod parts;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashSet},
    hash::BuildHasherDefault,
};

use self::parts::Part;
use super::{
    Machine,
    io::irp::{AddressHasher, AddressMap},
    layout::{irp, mdl},
    scheduler::DISPATCH_LEVEL,
};
use crate::{
    guest,
    pool::{Contents, Owner},
    rules::{self, Rule},
};

const TAG: u32 = u32::from_le_bytes(*b"Mdl ");
const PAGE_BYTES: usize = 4096;

const MAPPED_TO_SYSTEM_VA: u16 = 0x1;
const PAGES_LOCKED: u16 = 0x2;
const SOURCE_IS_NONPAGED_POOL: u16 = 0x4;
const ALLOCATED_FIXED_SIZE: u16 = 0x8;
const PARTIAL: u16 = 0x10;
const PARTIAL_HAS_BEEN_MAPPED: u16 = 0x20;

/// One of these says that an MDL has its pages.
const HAS_PAGES: u16 = MAPPED_TO_SYSTEM_VA | PAGES_LOCKED | SOURCE_IS_NONPAGED_POOL | PARTIAL;

/// KernelMode of MODE.
pub(crate) const KERNEL_MODE: u8 = 0;

type Addresses = HashSet<usize, BuildHasherDefault<AddressHasher>>;

/// What is known of MDLs beside what stands in them.
#[derive(Default)]
pub(crate) struct Mdls {
    /// Those that the I/O manager or another driver made, and frees.
    others: RefCell<Addresses>,
    /// Those of which a driver has locked the pages, with where.
    locked: RefCell<BTreeMap<usize, u32>>,
    /// The blocks of paged pool.
    paged: RefCell<Addresses>,
    /// The partial ones.
    parts: RefCell<AddressMap<Part>>,
}

impl Mdls {
    /// Notes that a block of paged pool is there.
    pub(crate) fn note_paged(&self, block: usize) {
        self.paged.borrow_mut().insert(block);
    }

    /// Whether there is a block of paged pool here.
    pub(crate) fn is_paged(&self, block: usize) -> bool {
        self.paged.borrow().contains(&block)
    }

    /// Notes that a pool block is given back.
    pub(crate) fn note_freed(&self, block: usize) {
        for addresses in [&self.paged, &self.others] {
            let mut addresses = addresses.borrow_mut();
            if !addresses.is_empty() {
                addresses.remove(&block);
            }
        }
        let mut parts = self.parts.borrow_mut();
        if !parts.is_empty() {
            parts.remove(&block);
        }
    }
}

/// The address of the first byte that an MDL describes.
pub(crate) fn start_of(list: usize) -> usize {
    mdl::START_VA
        .get(list)
        .wrapping_add(mdl::BYTE_OFFSET.get(list) as usize)
}

/// How many pages a range touches.
pub(super) fn pages_of(start: usize, bytes: usize) -> usize {
    (start & (PAGE_BYTES - 1)).saturating_add(bytes).div_ceil(PAGE_BYTES)
}

fn write_range(list: usize, start: usize, bytes: u32) {
    mdl::START_VA.set(list, start & !(PAGE_BYTES - 1));
    mdl::BYTE_OFFSET.set(list, (start & (PAGE_BYTES - 1)) as u32);
    mdl::BYTE_COUNT.set(list, bytes);
}

/// Writes the page frame numbers: those that the MDL has room for.
fn write_pages(list: usize) {
    let start = start_of(list);
    let room = usize::from(mdl::SIZE.get(list)).saturating_sub(mdl::BYTES) / 8;
    let pages = pages_of(start, mdl::BYTE_COUNT.get(list) as usize).min(room);
    for page in 0..pages {
        guest::write(list + mdl::BYTES + 8 * page, start / PAGE_BYTES + page);
    }
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

impl Machine {
    /// An MDL of the kernel's own, which no driver frees.
    pub(crate) fn allocate_mdl(&self, start: usize, bytes: u32) -> Option<usize> {
        let list = self.allocate_mdl_for(Owner::Kernel, 0, start, bytes)?;
        self.mdls.others.borrow_mut().insert(list);
        Some(list)
    }

    /// An MDL in somebody's account.
    pub(crate) fn allocate_mdl_for(&self, owner: Owner, site: u32, start: usize, bytes: u32) -> Option<usize> {
        let size = mdl::BYTES + 8 * pages_of(start, bytes as usize);
        let list = self.allocate(size, TAG, owner, site, Contents::Zeroed)?;
        mdl::SIZE.set(list, u16::try_from(size).unwrap_or(u16::MAX));
        write_range(list, start, bytes);
        Some(list)
    }

    /// IoAllocateMdl.
    pub(super) fn allocate_mdl_of_driver(&self, site: u32, start: usize, bytes: u32, chain: (bool, usize)) -> usize {
        let Some(list) = self.allocate_mdl_for(Owner::Driver, site, start, bytes) else {
            return 0;
        };
        let (secondary, irp) = chain;
        if irp != 0 {
            attach_to_irp(list, secondary, irp);
        }
        list
    }

    /// Locks the pages of an MDL that the lab made, as MmProbeAndLockPages does.
    pub(crate) fn lock_mdl(&self, list: usize) {
        self.paging.lock(start_of(list), mdl::BYTE_COUNT.get(list) as usize);
        mdl::MDL_FLAGS.set(list, mdl::MDL_FLAGS.get(list) | PAGES_LOCKED);
        mdl::MAPPED_SYSTEM_VA.set(list, start_of(list));
        write_pages(list);
    }

    /// As [`Self::lock_mdl`], for one that the driver has to unlock.
    pub(crate) fn lock_mdl_for_driver(&self, list: usize) {
        self.lock_mdl(list);
        self.mdls.locked.borrow_mut().insert(list, self.current_site());
    }

    /// An MDL that the I/O manager frees, whoever made it: its pages are unlocked.
    pub(crate) fn free_mdl_of_irp(&self, list: usize) {
        self.mdls.locked.borrow_mut().remove(&list);
        self.mdls.others.borrow_mut().remove(&list);
        self.free_kernel_block(list);
    }

    /// An MDL that the I/O manager has put into an IRP, and frees with it.
    pub(crate) fn keep_mdl_from_driver(&self, list: usize) {
        self.mdls.others.borrow_mut().insert(list);
    }

    /// MmBuildMdlForNonPagedPool.
    pub(super) fn build_mdl(&self, list: usize) {
        let (start, bytes) = (start_of(list), mdl::BYTE_COUNT.get(list) as usize);
        self.check_memory_of_mdl(start, bytes);
        let block = self.pool.borrow().block_at(start).map(|block| block.address);
        if block.is_some_and(|block| self.mdls.is_paged(block)) {
            self.violation(
                &rules::MDL_BUILT_OF_PAGED_POOL,
                "MmBuildMdlForNonPagedPool with an MDL of paged pool, whose pages have to be locked",
            );
        }
        mdl::MDL_FLAGS.set(list, mdl::MDL_FLAGS.get(list) | SOURCE_IS_NONPAGED_POOL);
        mdl::MAPPED_SYSTEM_VA.set(list, start);
        write_pages(list);
    }

    /// MmProbeAndLockPages.
    pub(super) fn probe_and_lock(&self, list: usize, site: u32) {
        self.check_mdl_irql(&rules::LOCKED_ABOVE_DISPATCH, "MmProbeAndLockPages");
        let flags = mdl::MDL_FLAGS.get(list);
        if flags & HAS_PAGES != 0 {
            self.violation(
                &rules::MDL_LOCKED_WITH_FLAGS,
                &format!(
                    "MmProbeAndLockPages with an MDL that {}",
                    state(flags).unwrap_or("has its pages")
                ),
            );
        }
        self.check_memory_of_mdl(start_of(list), mdl::BYTE_COUNT.get(list) as usize);
        self.lock_mdl(list);
        self.mdls.locked.borrow_mut().insert(list, site);
    }

    /// MmUnlockPages, which unmaps as well.
    pub(super) fn unlock_pages(&self, list: usize) {
        self.check_mdl_irql(&rules::UNLOCKED_ABOVE_DISPATCH, "MmUnlockPages");
        let flags = mdl::MDL_FLAGS.get(list);
        let wrong = if flags & PARTIAL != 0 {
            Some((&rules::PARTIAL_MDL_UNLOCKED, "is a partial one"))
        } else if flags & SOURCE_IS_NONPAGED_POOL != 0 {
            Some((&rules::NONPAGED_MDL_UNLOCKED, "was built for nonpaged pool"))
        } else if flags & PAGES_LOCKED == 0 {
            Some((&rules::UNLOCKED_MDL_UNLOCKED, "has no locked pages"))
        } else {
            None
        };
        if let Some((rule, what)) = wrong {
            self.violation(rule, &format!("MmUnlockPages with an MDL that {what}"));
        }
        self.check_mdl_is_the_drivers(list, "MmUnlockPages");
        self.paging.unlock(start_of(list), mdl::BYTE_COUNT.get(list) as usize);
        mdl::MDL_FLAGS.set(list, flags & !(PAGES_LOCKED | MAPPED_TO_SYSTEM_VA));
        self.mdls.locked.borrow_mut().remove(&list);
        self.end_parts(list);
    }

    /// MmMapLockedPagesSpecifyCache. Where it is for user mode nothing is mapped that could be unmapped twice.
    pub(crate) fn map_locked_pages(&self, list: usize, mode: u8, bug_check_on_failure: bool) -> usize {
        self.check_mdl_irql(&rules::MAPPED_ABOVE_DISPATCH, "MmMapLockedPagesSpecifyCache");
        let flags = mdl::MDL_FLAGS.get(list);
        if mode != KERNEL_MODE {
            return if self.fails("MmMapLockedPagesSpecifyCache") {
                0
            } else {
                start_of(list)
            };
        }
        if flags & MAPPED_TO_SYSTEM_VA != 0 {
            self.violation(
                &rules::MDL_MAPPED_TWICE,
                "MmMapLockedPagesSpecifyCache with an MDL that is mapped: its system address is there to be used",
            );
        }
        if flags & (PAGES_LOCKED | PARTIAL | SOURCE_IS_NONPAGED_POOL) == 0 {
            self.violation(
                &rules::UNLOCKED_MDL_MAPPED,
                "MmMapLockedPagesSpecifyCache with an MDL whose pages are not locked",
            );
        }
        self.check_part_is_not_over(list, "MmMapLockedPagesSpecifyCache");
        if bug_check_on_failure {
            self.violation(
                &rules::MAPPED_OR_BUG_CHECK,
                "MmMapLockedPagesSpecifyCache with BugCheckOnFailure: a machine that is short of memory would stop",
            );
        }
        if self.fails("MmMapLockedPagesSpecifyCache") {
            return 0;
        }
        let own = if flags & PARTIAL != 0 {
            PARTIAL_HAS_BEEN_MAPPED
        } else {
            0
        };
        mdl::MDL_FLAGS.set(list, flags | MAPPED_TO_SYSTEM_VA | own);
        mdl::MAPPED_SYSTEM_VA.set(list, start_of(list));
        start_of(list)
    }

    /// MmUnmapLockedPages.
    pub(super) fn unmap_locked_pages(&self, base: usize, list: usize) {
        self.check_mdl_irql(&rules::UNMAPPED_ABOVE_DISPATCH, "MmUnmapLockedPages");
        let flags = mdl::MDL_FLAGS.get(list);
        if flags & PARTIAL != 0 && flags & PARTIAL_HAS_BEEN_MAPPED == 0 {
            self.violation(
                &rules::PARTIAL_MDL_UNMAPPED,
                "MmUnmapLockedPages with a partial MDL, whose mapping is that of the MDL which it is a part of",
            );
        }
        if flags & MAPPED_TO_SYSTEM_VA == 0 {
            self.violation(
                &rules::UNMAPPED_MDL_UNMAPPED,
                &format!("MmUnmapLockedPages with an MDL that is not mapped, for the address {base:#x}"),
            );
        }
        mdl::MDL_FLAGS.set(list, flags & !(MAPPED_TO_SYSTEM_VA | PARTIAL_HAS_BEEN_MAPPED));
    }

    /// IoBuildPartialMdl.
    pub(super) fn build_partial_mdl(&self, source: usize, target: usize, start: usize, length: u32) {
        let (source_flags, target_flags) = (mdl::MDL_FLAGS.get(source), mdl::MDL_FLAGS.get(target));
        if source_flags & HAS_PAGES == 0 {
            self.violation(
                &rules::MDL_WITHOUT_PAGES,
                "IoBuildPartialMdl of an MDL whose pages are neither locked nor of nonpaged pool",
            );
        }
        if target_flags & PARTIAL_HAS_BEEN_MAPPED != 0 {
            self.violation(
                &rules::PARTIAL_MDL_NOT_PREPARED,
                "IoBuildPartialMdl into a partial MDL that has a mapping of its own: MmPrepareMdlForReuse releases it",
            );
        }
        let bytes = mdl::BYTE_COUNT.get(source);
        let offset = start.wrapping_sub(start_of(source));
        let rest = u32::try_from(offset).ok().and_then(|offset| bytes.checked_sub(offset));
        let Some(rest) = rest.filter(|&rest| length <= rest) else {
            self.violation(
                &rules::PARTIAL_MDL_OUT_OF_RANGE,
                &format!(
                    "IoBuildPartialMdl of {length} bytes at offset {:#x} of an MDL of {bytes} bytes",
                    offset.cast_signed()
                ),
            );
        };
        let length = if length == 0 { rest } else { length };
        let needed = mdl::BYTES + 8 * pages_of(start, length as usize);
        if usize::from(mdl::SIZE.get(target)) < needed {
            self.violation(
                &rules::PARTIAL_MDL_TOO_SMALL,
                &format!(
                    "IoBuildPartialMdl into an MDL of {} bytes, where the part needs one of {needed}",
                    mdl::SIZE.get(target)
                ),
            );
        }
        write_range(target, start, length);
        let shared = source_flags & (MAPPED_TO_SYSTEM_VA | SOURCE_IS_NONPAGED_POOL);
        mdl::MDL_FLAGS.set(target, (target_flags & ALLOCATED_FIXED_SIZE) | PARTIAL | shared);
        mdl::MAPPED_SYSTEM_VA.set(target, start);
        write_pages(target);
        self.note_part(source, target);
    }

    /// MmPrepareMdlForReuse.
    pub(super) fn prepare_for_reuse(&self, list: usize) {
        if mdl::MDL_FLAGS.get(list) & PARTIAL_HAS_BEEN_MAPPED != 0 {
            self.unmap_locked_pages(mdl::MAPPED_SYSTEM_VA.get(list), list);
        }
    }

    /// IoFreeMdl.
    pub(super) fn free_mdl(&self, list: usize, site: u32) {
        let live = self.pool.borrow().block_at(list);
        // What is no block, or was one, is told by the pool.
        if live.is_some_and(|block| block.address == list && block.bytes >= mdl::BYTES) {
            self.check_mdl_is_the_drivers(list, "IoFreeMdl");
            let flags = mdl::MDL_FLAGS.get(list);
            let mapped = flags & MAPPED_TO_SYSTEM_VA != 0 && flags & PARTIAL == 0;
            if mapped {
                self.violation(
                    &rules::MDL_FREED_MAPPED,
                    "IoFreeMdl with an MDL that is mapped: MmUnlockPages unlocks and unmaps it",
                );
            }
            if self.mdls.locked.borrow().contains_key(&list) {
                self.violation(
                    &rules::PAGES_LEFT_LOCKED,
                    "IoFreeMdl with an MDL whose pages are locked: nobody can unlock them any more",
                );
            }
        }
        self.free_pool(list, site);
    }

    /// The driver is gone: it has unlocked all pages.
    pub(super) fn check_pages_unlocked(&self) {
        let locked = self.mdls.locked.borrow();
        if let Some((_, site)) = locked.first_key_value() {
            self.violation(
                &rules::PAGES_LEFT_LOCKED,
                &format!(
                    "the driver was unloaded and left the pages of {} MDLs locked; the first was locked at {site:#x}",
                    locked.len()
                ),
            );
        }
    }

    /// An MDL that is sent down has its pages.
    fn check_has_pages(&self, list: usize) {
        if mdl::MDL_FLAGS.get(list) & HAS_PAGES == 0 {
            self.violation(
                &rules::MDL_WITHOUT_PAGES,
                "IoCallDriver with an MDL that has no pages: it is neither locked, nor built, nor a partial one",
            );
        }
    }

    fn check_mdl_is_the_drivers(&self, list: usize, call: &str) {
        if self.mdls.others.borrow().contains(&list) {
            self.violation(
                &rules::MDL_OF_OTHER,
                &format!("{call} with an MDL that came with a request, or that the I/O manager frees with its IRP"),
            );
        }
    }

    fn check_memory_of_mdl(&self, start: usize, bytes: usize) {
        if !guest::contains(start, bytes) {
            self.bad_pointer(start);
        }
    }

    fn check_mdl_irql(&self, rule: &'static Rule, call: &str) {
        if self.irql() > DISPATCH_LEVEL {
            self.violation(
                rule,
                &format!(
                    "{call} at IRQL {}, which may be called at {DISPATCH_LEVEL} at most",
                    self.irql()
                ),
            );
        }
    }
}

/// What a sentence says of an MDL with these flags.
fn state(flags: u16) -> Option<&'static str> {
    [
        (PARTIAL, "is a partial one"),
        (SOURCE_IS_NONPAGED_POOL, "was built for nonpaged pool"),
        (PAGES_LOCKED, "is locked"),
        (MAPPED_TO_SYSTEM_VA, "is mapped"),
    ]
    .into_iter()
    .find_map(|(flag, what)| (flags & flag != 0).then_some(what))
}
