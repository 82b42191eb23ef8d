//! Offences in DriverUnload: what is left to run when the image is gone.
//!
//! The objects are in the image, since pool that is left behind is an offence of its own.

use core::{cell::UnsafeCell, ffi::c_void, mem::MaybeUninit, ptr};

use crate::{
    kernel::{
        DELAYED_WORK_QUEUE, EXECUTIVE, Event, ExDeleteNPagedLookasideList, ExInitializeNPagedLookasideList,
        ExQueueWorkItem, FALSE, KERNEL_MODE, KeCancelTimer, KeDelayExecutionThread, KeInitializeEvent,
        KeInitializeTimer, KeSetEvent, KeSetTimer, KeWaitForSingleObject, LookasideList, NOTIFICATION_EVENT, Timer,
        WorkQueueItem, WorkerRoutine,
    },
    pool,
    switch::Conduct,
};

/// A minute from now, as the kernel counts.
const A_MINUTE: i64 = -600_000_000;

/// An object of the kernel's in the image, which the kernel is told the address of.
#[repr(transparent)]
struct InImage<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: only DriverUnload, which is called once, works with the objects, by their addresses.
unsafe impl<T> Sync for InImage<T> {}

impl<T> InImage<T> {
    const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::zeroed()))
    }

    fn address(&self) -> *mut T {
        self.0.get().cast()
    }
}

static TIMER: InImage<Timer> = InImage::new();
static WORK: InImage<WorkQueueItem> = InImage::new();
static WORKED: InImage<Event> = InImage::new();
static LIST: InImage<LookasideList> = InImage::new();

/// Sets a timer, and leaves it set.
pub(super) fn with_timer(conduct: Conduct) {
    let timer = TIMER.address();
    KeInitializeTimer(timer);
    KeSetTimer(timer, A_MINUTE, ptr::null_mut());
    if !conduct.offends() {
        KeCancelTimer(timer);
    }
}

/// Queues a work item, and does not wait until its routine is done.
pub(super) fn with_work_item(conduct: Conduct) {
    let worked = WORKED.address();
    // SAFETY: zeroed memory of the image, of this size, that nobody else works with yet.
    let worked = unsafe { &mut *worked };
    KeInitializeEvent(worked, NOTIFICATION_EVENT, FALSE);
    let worked: *mut Event = worked;
    let work = WorkQueueItem {
        links: [ptr::null_mut(); 2],
        routine: Some(conduct.choose::<WorkerRoutine>(sleep, signal)),
        parameter: worked.cast(),
    };
    // SAFETY: as above.
    unsafe { WORK.address().write(work) };
    ExQueueWorkItem(WORK.address(), DELAYED_WORK_QUEUE);
    if !conduct.offends() {
        KeWaitForSingleObject(worked, EXECUTIVE, KERNEL_MODE, FALSE, ptr::null());
    }
}

/// Initialises a lookaside list, and leaves it to the kernel.
pub(super) fn with_lookaside(conduct: Conduct) {
    let list = LIST.address();
    ExInitializeNPagedLookasideList(list, ptr::null(), ptr::null(), 0, 64, pool::TAG, 0);
    if !conduct.offends() {
        ExDeleteNPagedLookasideList(list);
    }
}

extern "system" fn sleep(_worked: *mut c_void) {
    let interval = A_MINUTE;
    KeDelayExecutionThread(KERNEL_MODE, FALSE, &raw const interval);
}

extern "system" fn signal(worked: *mut c_void) {
    KeSetEvent(worked.cast(), 0, FALSE);
}
