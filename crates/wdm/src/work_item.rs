//! Work items: a routine of the driver that a system thread runs, at PASSIVE_LEVEL.
//!
//! The IO_WORKITEM is allocated when the device is added. So queueing one cannot fail, and one that is queued is not queued
//! again.

use core::{ffi::c_void, marker::PhantomData, ptr::NonNull};

use wdk_sys::{
    _EVENT_TYPE::NotificationEvent,
    _IO_WORKITEM,
    _WORK_QUEUE_TYPE::DelayedWorkQueue,
    DEVICE_OBJECT,
    ntddk::{IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem},
};

use crate::{
    device::Device,
    driver::Driver,
    event::RawEvent,
    irql::{Dispatch, Passive},
    parts::{Draining, Making, Part, Step},
    spin_lock::SpinLock,
    status::NtError,
};

/// What a work item does.
pub trait Work<D: Driver>: 'static {
    /// Called by a system thread, at PASSIVE_LEVEL, never by two at the same time.
    ///
    /// The device's removal waits until it returns: it must not wait for what only ends with the removal.
    fn run(device: &Device<D>, irql: &mut Passive);
}

/// A work item that is a part of a device, see [`parts!`](crate::parts), and runs `W`.
///
/// # States
///
/// 1. *Idle*: nothing is to be done.
/// 2. *Queued*: the kernel has it, and [`Work::run`] will be called.
/// 3. *Running*: it is being called. Queued now, it is called once more when it returns.
///
/// Beside that it is *closed* from the moment that the device is drained: it goes through to *Idle* and cannot be queued.
///
/// # Invariants
///
/// `item` is the kernel's in states 2 and 3. `idle` is set in state 1 alone, and by whoever leaves the others as the last
/// thing that it does with this value but to release `state`.
pub struct WorkItem<D: Driver, W: Work<D>> {
    item: NonNull<_IO_WORKITEM>,
    state: SpinLock<State>,
    idle: RawEvent,
    object: NonNull<DEVICE_OBJECT>,
    routine: PhantomData<fn() -> (D, W)>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Queued,
    Running,
    RunningAndQueued,
}

// SAFETY: only the kernel touches what is in the IO_WORKITEM, and the device object is never read through here.
unsafe impl<D: Driver, W: Work<D>> Send for WorkItem<D, W> {}
// SAFETY: as above.
unsafe impl<D: Driver, W: Work<D>> Sync for WorkItem<D, W> {}

impl<D: Driver, W: Work<D>> WorkItem<D, W> {
    /// Has [`Work::run`] called: what has been written before this call is seen there. Where it is queued already, nothing
    /// changes; where it runs, it is called once more.
    ///
    /// Returns false where the device is going: it is not called for this.
    pub fn queue(&self, irql: &mut Dispatch) -> bool {
        let mut state = self.state.lock(irql);
        if state.closed {
            return false;
        }
        match state.stage {
            Stage::Idle => {
                state.stage = Stage::Queued;
                // SAFETY: the event is initialised, and holding the lock is DISPATCH_LEVEL.
                unsafe { self.idle.clear() };
                let context = (&raw const *self).cast_mut().cast::<c_void>();
                // The kernel references the device object until the routine has returned, and with it the image.
                // SAFETY: the item is ours in this state and the kernel's from here on. The routine is for this context,
                // which stays where it is until the draining has waited for it.
                unsafe { IoQueueWorkItem(self.item.as_ptr(), Some(run::<D, W>), DelayedWorkQueue, context) };
            }
            Stage::Running => state.stage = Stage::RunningAndQueued,
            Stage::Queued | Stage::RunningAndQueued => {}
        }
        true
    }

    /// The work has been done. Returns whether it is to be done once more.
    fn done(&self, irql: &mut Dispatch) -> bool {
        let mut state = self.state.lock(irql);
        let again = state.stage == Stage::RunningAndQueued;
        if again {
            state.stage = Stage::Running;
        } else {
            state.stage = Stage::Idle;
            // With the lock held: whoever waits takes it once before it lets go of this value, see `drain`.
            // SAFETY: the event is initialised, and holding the lock is DISPATCH_LEVEL.
            unsafe { self.idle.set() };
        }
        again
    }
}

impl<D: Driver, W: Work<D>> Part<D> for WorkItem<D, W> {
    fn make(making: &Making<'_, D>) -> Result<Self, NtError> {
        // SAFETY: a device object of this driver.
        let item = unsafe { IoAllocateWorkItem(making.object().as_ptr()) };
        Ok(Self {
            item: NonNull::new(item).ok_or(NtError::INSUFFICIENT_RESOURCES)?,
            state: SpinLock::new(State {
                stage: Stage::Idle,
                closed: false,
            }),
            idle: RawEvent::new(),
            object: making.object(),
            routine: PhantomData,
        })
    }

    unsafe fn initialise(&self) {
        // SAFETY: as the caller promises.
        unsafe { self.idle.initialise(NotificationEvent, true) };
    }

    fn drain(&self, draining: &mut Draining<'_>) {
        if draining.step != Step::WorkItems {
            return;
        }
        let irql = &mut *draining.irql;
        self.state.lock(irql.as_dispatch()).closed = true;
        // SAFETY: the event is initialised.
        unsafe { self.idle.wait(irql) };
        // Whoever set the event has released the lock when it can be had.
        drop(self.state.lock(irql.as_dispatch()));
    }
}

impl<D: Driver, W: Work<D>> Drop for WorkItem<D, W> {
    fn drop(&mut self) {
        // SAFETY: it is idle: it was never used, or drained.
        unsafe { IoFreeWorkItem(self.item.as_ptr()) };
    }
}

/// The routine of a work item.
///
/// # Safety
///
/// Called by a system thread, at PASSIVE_LEVEL. `context` is the work item, which is there until `done` has said that it is
/// idle.
unsafe extern "C" fn run<D: Driver, W: Work<D>>(_device: *mut DEVICE_OBJECT, context: *mut c_void) {
    // SAFETY: it was queued with itself as the context.
    let item = unsafe { &*context.cast::<WorkItem<D, W>>() };
    // SAFETY: the kernel calls it at PASSIVE_LEVEL, and this is its only token.
    let mut irql = unsafe { Passive::assume() };
    item.state.lock(irql.as_dispatch()).stage = Stage::Running;
    // SAFETY: the device is one of `D`'s, and there until the draining has waited for this item.
    let device = unsafe { Device::<D>::from_raw(item.object) };
    // The memory stays even when another thread has seen that the item is idle: it is a device object's, which the kernel
    // references until this routine has returned.
    loop {
        W::run(&device, &mut irql);
        if !item.done(irql.as_dispatch()) {
            return;
        }
    }
}
