//! What goes wrong only where another processor comes between two instructions, with no call of the kernel between.
//!
//! Each is right as long as nobody does, so it is found by stepping or not at all. The twin does the same with what
//! keeps others out.

use core::{
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use crate::{
    add_device::Plan,
    kernel::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock, NtStatus, STATUS_PENDING},
    pool,
    request::Request,
    switch::{
        Case, Conduct,
        Place::{AddDevice, Read},
    },
};

pub(crate) const RACES: &[Case] = &[
    Case {
        name: "race-lost-count",
        place: Read(lose_count),
    },
    Case {
        name: "race-use-after-check",
        place: Read(use_after_check),
    },
    Case {
        name: "race-queue-before-mark",
        place: Read(queue_before_mark),
    },
    Case {
        name: "race-ready-too-early",
        place: AddDevice(ready_too_early),
    },
];

/// How many blocks are kept at most.
const KEPT_MAX: usize = 512;

static KEPT: [AtomicPtr<c_void>; KEPT_MAX] = [const { AtomicPtr::new(ptr::null_mut()) }; KEPT_MAX];
static KEPT_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Keeps a block in the next free place and counts it, as two steps: two processors may use the same place, and one of
/// the blocks is never freed.
fn lose_count(request: Request, conduct: Conduct) -> NtStatus {
    let block = pool::allocate(32);
    if !block.is_null() {
        let place = if conduct.offends() {
            KEPT_COUNT.load(Ordering::Relaxed)
        } else {
            KEPT_COUNT.fetch_add(1, Ordering::Relaxed)
        };
        match KEPT.get(place) {
            Some(kept) => kept.store(block, Ordering::Release),
            None => pool::free(block),
        }
        if conduct.offends() {
            KEPT_COUNT.store(place.wrapping_add(1), Ordering::Relaxed);
        }
    }
    request.skip_and_call()
}

/// How many READs use the block before it is replaced.
const READS_OF_A_BLOCK: usize = 4;

static CURRENT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static READS: AtomicUsize = AtomicUsize::new(0);

/// Looks whether there is a block and then reads it, while another processor may replace and free it.
fn use_after_check(request: Request, conduct: Conduct) -> NtStatus {
    let reads = READS.fetch_add(1, Ordering::Relaxed);
    if reads.is_multiple_of(READS_OF_A_BLOCK) {
        let block = pool::allocate(64);
        let old = guarded(request, conduct, || CURRENT.swap(block, Ordering::AcqRel));
        if !old.is_null() {
            pool::free(old);
        }
    } else {
        guarded(request, conduct, || {
            let block = CURRENT.load(Ordering::Acquire);
            if !block.is_null() {
                // SAFETY: the first byte of a block that is there as long as the lock is held; without it, that is the
                // offence.
                unsafe { block.cast::<u8>().read_volatile() };
            }
        });
    }
    request.skip_and_call()
}

/// Does `work` with the lock of the device held, unless it is to be done wrong.
fn guarded<T>(request: Request, conduct: Conduct, work: impl FnOnce() -> T) -> T {
    if conduct.offends() {
        return work();
    }
    let lock = request.device.spin_lock();
    let old = KeAcquireSpinLockRaiseToDpc(lock);
    let result = work();
    KeReleaseSpinLock(lock, old);
    result
}

static QUEUED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Shows an IRP to others before it is marked pending; whoever finds one completes it.
fn queue_before_mark(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        request.irp.mark_pending();
    }
    let other = QUEUED.swap(request.irp.as_ptr(), Ordering::AcqRel);
    if conduct.offends() {
        request.irp.mark_pending();
    }
    for queued in [other, QUEUED.swap(ptr::null_mut(), Ordering::AcqRel)] {
        request.with_irp_at(queued).map(Request::refuse);
    }
    STATUS_PENDING
}

/// Says that the device is ready when it has not taken over the lower device's flags.
fn ready_too_early(plan: &mut Plan) {
    plan.is_ready_early = true;
}

/// Frees what is kept, when nobody uses it any more.
pub(crate) fn free_kept() {
    for kept in KEPT.iter().chain([&CURRENT]) {
        let block = kept.swap(ptr::null_mut(), Ordering::AcqRel);
        if !block.is_null() {
            pool::free(block);
        }
    }
}
