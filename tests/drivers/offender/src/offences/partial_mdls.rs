//! Offences with partial MDLs.

use core::{ffi::c_void, ptr};

use super::mdls::{map, system_address};
use crate::{
    kernel::{FALSE, IoAllocateMdl, IoBuildPartialMdl, IoFreeMdl, MmUnlockPages, MmUnmapLockedPages, NtStatus},
    objects::Mdl,
    request::Request,
    sending::{lock, with_buffer},
    switch::Conduct,
};

/// Two pages, so that a part can be one.
const SOURCE_BYTES: u32 = 2 * PAGE_BYTES;
const PAGE_BYTES: u32 = 4096;

const MDL_PARTIAL_HAS_BEEN_MAPPED: u16 = 0x20;

/// Does something with a buffer, an MDL of which the pages are locked, and an MDL for `part_bytes` of it.
fn with_part(part_bytes: u32, work: impl FnOnce(*mut c_void, Mdl, Mdl)) {
    with_buffer(SOURCE_BYTES, |buffer| {
        let source = IoAllocateMdl(buffer, SOURCE_BYTES, FALSE, FALSE, ptr::null_mut());
        if source.is_null() {
            return;
        }
        let part = IoAllocateMdl(buffer, part_bytes, FALSE, FALSE, ptr::null_mut());
        if !part.is_null() {
            lock(source);
            work(buffer, source, part);
            IoFreeMdl(part);
            MmUnlockPages(source);
        }
        IoFreeMdl(source);
    });
}

/// MmPrepareMdlForReuse.
fn prepare_for_reuse(part: Mdl) {
    if part.flags() & MDL_PARTIAL_HAS_BEEN_MAPPED != 0 {
        MmUnmapLockedPages(part.mapped_address(), part);
    }
}

/// Unlocks the pages of a part.
pub(super) fn unlock(request: Request, conduct: Conduct) -> NtStatus {
    with_part(PAGE_BYTES, |buffer, source, part| {
        IoBuildPartialMdl(source, part, buffer, PAGE_BYTES);
        if conduct.offends() {
            MmUnlockPages(part);
        }
    });
    request.skip_and_call()
}

/// Unmaps a part, which has its address from the whole.
pub(super) fn unmap(request: Request, conduct: Conduct) -> NtStatus {
    with_part(PAGE_BYTES, |buffer, source, part| {
        if map(source).is_null() {
            return;
        }
        IoBuildPartialMdl(source, part, buffer, PAGE_BYTES);
        let address = system_address(part);
        if conduct.offends() {
            MmUnmapLockedPages(address, part);
        }
    });
    request.skip_and_call()
}

/// Makes an MDL describe more pages than it has room for.
pub(super) fn build_into_small(request: Request, conduct: Conduct) -> NtStatus {
    with_part(conduct.choose(PAGE_BYTES, SOURCE_BYTES), |buffer, source, part| {
        IoBuildPartialMdl(source, part, buffer, SOURCE_BYTES);
    });
    request.skip_and_call()
}

/// Makes a part of a whole that ends before it.
pub(super) fn build_beyond_source(request: Request, conduct: Conduct) -> NtStatus {
    with_part(SOURCE_BYTES, |buffer, source, part| {
        let second = buffer.wrapping_byte_add(PAGE_BYTES as usize);
        IoBuildPartialMdl(source, part, second, conduct.choose(SOURCE_BYTES, PAGE_BYTES));
    });
    request.skip_and_call()
}

/// Makes a part that has a mapping of its own another part.
pub(super) fn reuse_mapped(request: Request, conduct: Conduct) -> NtStatus {
    with_part(PAGE_BYTES, |buffer, source, part| {
        IoBuildPartialMdl(source, part, buffer, PAGE_BYTES);
        system_address(part);
        if !conduct.offends() {
            prepare_for_reuse(part);
        }
        let second = buffer.wrapping_byte_add(PAGE_BYTES as usize);
        IoBuildPartialMdl(source, part, second, PAGE_BYTES);
    });
    request.skip_and_call()
}
