//! Offences in putting an IRP into a list, from which it may be taken at once.
//!
//! Each IRP has a list of its own, from which its DPC takes it: nothing else that is wrong can come of it.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        Dpc, ExInterlockedInsertTailList, ExInterlockedRemoveHeadList, KeAcquireSpinLockRaiseToDpc, KeInitializeDpc,
        KeInsertQueueDpc, KeReleaseSpinLock, ListEntry, NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING,
        SpinLock,
    },
    pool,
    request::Request,
    switch::Conduct,
};

/// A list with one IRP in it, which a DPC completes.
#[repr(C)]
struct Queue {
    dpc: Dpc,
    head: ListEntry,
    lock: SpinLock,
    request: Request,
}

/// Marks the IRP when it has released the lock of the list.
pub(super) fn mark_after(request: Request, conduct: Conduct) -> NtStatus {
    let Some(queue) = make(request) else {
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    };
    let old = KeAcquireSpinLockRaiseToDpc(lock_of(queue));
    if !conduct.offends() {
        request.irp.mark_pending();
    }
    insert(head_of(queue), request);
    KeReleaseSpinLock(lock_of(queue), old);
    if conduct.offends() {
        request.irp.mark_pending();
    }
    complete_later(queue);
    STATUS_PENDING
}

/// Marks the IRP when a function has put it into the list.
pub(super) fn mark_after_interlocked(request: Request, conduct: Conduct) -> NtStatus {
    let Some(queue) = make(request) else {
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    };
    if !conduct.offends() {
        request.irp.mark_pending();
    }
    ExInterlockedInsertTailList(head_of(queue), request.irp.list_entry(), lock_of(queue));
    if conduct.offends() {
        request.irp.mark_pending();
    }
    complete_later(queue);
    STATUS_PENDING
}

/// A list that is empty. `None` where there is no memory.
fn make(request: Request) -> Option<*mut Queue> {
    let queue = pool::allocate(size_of::<Queue>()).cast::<Queue>();
    if queue.is_null() {
        return None;
    }
    let head = head_of(queue);
    let made = Queue {
        dpc: Dpc::default(),
        head: ListEntry {
            next: head,
            before: head,
        },
        lock: 0,
        request,
    };
    // SAFETY: pool of this size, aligned to 16 bytes, that nobody else knows of.
    unsafe { queue.write(made) };
    Some(queue)
}

fn head_of(queue: *mut Queue) -> *mut ListEntry {
    // SAFETY: only the address of a field is computed.
    unsafe { &raw mut (*queue).head }
}

fn lock_of(queue: *mut Queue) -> *mut SpinLock {
    // SAFETY: as above.
    unsafe { &raw mut (*queue).lock }
}

/// InsertTailList, for a list that is empty.
fn insert(head: *mut ListEntry, request: Request) {
    request.irp.set_links(ListEntry {
        next: head,
        before: head,
    });
    let entry = request.irp.list_entry();
    let links = ListEntry {
        next: entry,
        before: entry,
    };
    // SAFETY: the head of a list whose lock the caller holds.
    unsafe { head.write(links) };
}

fn complete_later(queue: *mut Queue) {
    // The DPC is the first field.
    let dpc = queue.cast::<Dpc>();
    KeInitializeDpc(dpc, complete, queue.cast());
    KeInsertQueueDpc(dpc, ptr::null_mut(), ptr::null_mut());
}

extern "system" fn complete(_dpc: *mut Dpc, context: *mut c_void, _first: *mut c_void, _second: *mut c_void) {
    let queue = context.cast::<Queue>();
    ExInterlockedRemoveHeadList(head_of(queue), lock_of(queue));
    // SAFETY: the block was written before the DPC was queued, and is freed here only.
    let request = unsafe { (*queue).request };
    // A DPC is no longer queued while its routine runs, so it may go.
    pool::free(queue.cast());
    request.refuse();
}
