//! Cancel-safe queues: where IRPs wait so that whoever sent them can cancel them meanwhile.
//!
//! The kernel's IoCsq functions keep the order between a cancellation and everything else; what they leave to a driver, the
//! list, its lock and what is kept with an IRP, is here. An IRP that waits takes no memory: it is linked through itself, and
//! what is kept with it stands in its DriverContext, which belongs to the driver that has the IRP.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    marker::PhantomData,
    mem::{self, MaybeUninit},
    ptr::{self, NonNull},
};

use wdk_sys::{
    DEVICE_OBJECT, IO_CSQ, IRP, KIRQL, KSPIN_LOCK, NTSTATUS,
    ntddk::{IoCsqInitializeEx, IoCsqInsertIrpEx, IoCsqRemoveNextIrp, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock},
};

use crate::{
    device::Device,
    driver::Driver,
    held::{Held, HeldParts},
    irql::Dispatch,
    layout,
    list::{List, Node},
    parts::{Draining, Making, Part, Step},
    remove_lock::Locked,
    status::{NtError, NtStatus},
};

/// How much of DriverContext is the driver's: the IoCsq functions have the last of its four pointers.
const CONTEXT_SIZE: usize = 3 * size_of::<*mut c_void>();

/// What is kept with an IRP that waits in a [`Queue`]: 24 bytes at the most, and a slot of the IRP's is 8 of them.
pub trait Queued<D: Driver>: Send + Sized + 'static {
    /// What the IRPs have of slots: `()` where they were [parked](crate::Irp::park),
    /// [`Slot<D, C>`](crate::Slot) where they came back to [`Hold::done`](crate::Hold::done), or
    /// [`Stashed<D, C>`](crate::Stashed) where their context waits with them.
    type Slot: Send + 'static;

    /// Whether the IRP is to be taken out before one that waits already. It is put behind the last one that it does not go
    /// before; so those of equal rank are taken out in the order in which they came, as all are where nothing else is said
    /// here.
    ///
    /// That is asked with the queue locked, of those that wait from the last one on, until the answer is no: where most IRPs
    /// belong far back, it is asked seldom.
    fn goes_before(&self, _waiting: &Self) -> bool {
        false
    }

    /// Whoever sent the IRP has cancelled it: it is completed with STATUS_CANCELLED, here or where the driver sees to it.
    fn cancelled(self, irp: Held<D, Self::Slot>, irql: &mut Dispatch) {
        irp.fail(NtError::CANCELLED, irql);
    }

    /// The device is going, so the IRP must wait no longer.
    fn released(self, irp: Held<D, Self::Slot>, irql: &mut Dispatch);
}

/// A cancel-safe queue that is a part of a device, see [`parts!`](crate::parts): first in, first out, unless
/// [`Queued::goes_before`] says otherwise.
///
/// # States
///
/// 1. *Open*: IRPs may be put in.
/// 2. *Closed*: the device is going. There are none in it, and none gets in.
///
/// An IRP in it is a [`Held`] taken apart: [`insert`](Self::insert) takes it, and either the driver takes it out again, or it
/// is given to [`Queued::cancelled`] or [`Queued::released`], once.
///
/// # Invariants
///
/// 1. `list` and `closed` are touched only by the holder of `lock`.
/// 2. Each IRP of the list is held, for this queue's device; its remove lock was left with it, and its DriverContext has its
///    [`Kept`].
#[repr(C)]
pub struct Queue<D: Driver, Q: Queued<D>> {
    /// First: the IoCsq functions pass its address, which is that of the queue.
    csq: UnsafeCell<IO_CSQ>,
    lock: UnsafeCell<KSPIN_LOCK>,
    list: UnsafeCell<List>,
    closed: UnsafeCell<bool>,
    object: NonNull<DEVICE_OBJECT>,
    kept: PhantomData<fn() -> (D, Q)>,
}

// SAFETY: what is in it can be sent, and is reached with the lock held.
unsafe impl<D: Driver, Q: Queued<D>> Send for Queue<D, Q> {}
// SAFETY: as above.
unsafe impl<D: Driver, Q: Queued<D>> Sync for Queue<D, Q> {}

/// What DriverContext has of an IRP in a queue.
struct Kept<D: Driver, Q: Queued<D>> {
    slot: Q::Slot,
    entry: Q,
}

impl<D: Driver, Q: Queued<D>> Kept<D, Q> {
    /// Where it is in an IRP.
    fn of(irp: NonNull<IRP>) -> *mut Self {
        const {
            assert!(
                size_of::<Self>() <= CONTEXT_SIZE,
                "what is kept with an IRP in a queue has 24 bytes at the most"
            );
            assert!(
                align_of::<Self>() <= align_of::<*mut c_void>(),
                "what is kept with an IRP in a queue is aligned to 8 bytes at the most"
            );
        }
        layout::irp::driver_context(irp.as_ptr()).cast()
    }
}

/// What is asked of the IoCsq functions' peek: the first IRP that waits, if it is wanted.
struct Peek<'a, Q> {
    wanted: &'a mut dyn FnMut(&Q) -> bool,
}

impl<D: Driver, Q: Queued<D>> Queue<D, Q> {
    /// Puts an IRP in, behind all others that it does not [go before](Queued::goes_before). One that has been cancelled already is given to [`Queued::cancelled`] at once.
    ///
    /// As soon as it is in, another thread may complete it, and with it may go the lock that keeps the device. So the queue is
    /// reached through something else that keeps it, such as [`Irp::keep_device`](crate::Irp::keep_device).
    ///
    /// # Errors
    ///
    /// The IRP with its entry, where the queue is closed because the device is going, or is another device's.
    pub fn insert(&self, irp: Held<D, Q::Slot>, entry: Q, _irql: &mut Dispatch) -> Result<(), (Held<D, Q::Slot>, Q)> {
        if irp.device().object() != self.object {
            return Err((irp, entry));
        }
        let HeldParts { raw, slot, device } = irp.into_parts();
        mem::forget(device);
        // SAFETY: the IRP is held, and so is its DriverContext, which is large enough.
        unsafe { Kept::of(raw).write(Kept { slot, entry }) };
        // It marks the IRP pending, as it has been already.
        // SAFETY: the queue is initialised, and the IRP is given to it as its invariant says.
        let status = unsafe { IoCsqInsertIrpEx(self.csq.get(), raw.as_ptr(), ptr::null_mut(), ptr::null_mut()) };
        match NtStatus::from_raw(status).ok() {
            Ok(_) => Ok(()),
            // SAFETY: an IRP that was not put in is as it was before.
            Err(_) => Err(unsafe { self.take_over(raw) }),
        }
    }

    /// Takes out the first IRP.
    pub fn take_first(&self, irql: &mut Dispatch) -> Option<(Held<D, Q::Slot>, Q)> {
        self.take_first_if(|_| true, irql)
    }

    /// Takes out the first IRP, if it is `wanted`. That is asked with the queue locked.
    pub fn take_first_if(
        &self,
        mut wanted: impl FnMut(&Q) -> bool,
        _irql: &mut Dispatch,
    ) -> Option<(Held<D, Q::Slot>, Q)> {
        let mut peek = Peek { wanted: &mut wanted };
        // SAFETY: the queue is initialised, and `peek_next` expects this context.
        let irp = unsafe { IoCsqRemoveNextIrp(self.csq.get(), (&raw mut peek).cast()) };
        // SAFETY: it was in the queue, and is not any more.
        NonNull::new(irp).map(|irp| unsafe { self.take_over(irp) })
    }

    /// Looks at what is kept with the first IRP, with the queue locked.
    pub fn look_at_first<R>(&self, look: impl FnOnce(&Q) -> R, _irql: &mut Dispatch) -> Option<R> {
        let previous = self.acquire();
        // SAFETY: the lock is held, and the list initialised.
        let first = unsafe { List::next(self.list.get(), None) }.map(irp_of);
        let result = first.map(|irp| {
            // SAFETY: the IRP is in the list (invariant 2), and stays there while the lock is held.
            let kept = unsafe { &*Kept::<D, Q>::of(irp) };
            look(&kept.entry)
        });
        self.release(previous);
        result
    }

    /// Takes over an IRP that was put in, or was about to be.
    ///
    /// # Safety
    ///
    /// As invariant 2 says for the IRP, which is in the list no more; and this is done once for it.
    unsafe fn take_over(&self, irp: NonNull<IRP>) -> (Held<D, Q::Slot>, Q) {
        // SAFETY: as the caller promises; it is read once.
        let Kept { slot, entry } = unsafe { Kept::<D, Q>::of(irp).read() };
        // SAFETY: the device that the queue is a part of, which the lock keeps that was left with the IRP.
        let device = unsafe { Device::from_raw(self.object) };
        // SAFETY: the IRP was held for this device, whose lock was left with it.
        let device = unsafe { Locked::take_over(device, irp) };
        // SAFETY: it was held before it was put in.
        let held = unsafe { Held::new(HeldParts { raw: irp, slot, device }) };
        (held, entry)
    }

    fn acquire(&self) -> KIRQL {
        // SAFETY: the lock stays where it is; those who get here run at DISPATCH_LEVEL at most and do not hold it.
        unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) }
    }

    fn release(&self, previous: KIRQL) {
        // SAFETY: this thread has acquired it, and `previous` is what that returned.
        unsafe { KeReleaseSpinLock(self.lock.get(), previous) };
    }

    /// The queue of a callback.
    ///
    /// # Safety
    ///
    /// `csq` is what the IoCsq functions passed to a callback of this type of queue, which has not returned while the result
    /// is used.
    unsafe fn of<'callback>(csq: *mut IO_CSQ) -> &'callback Self {
        // SAFETY: the IO_CSQ is the queue's first field; and the queue is there as long as the kernel uses it.
        unsafe { &*csq.cast::<Self>() }
    }
}

impl<D: Driver, Q: Queued<D>> Part<D> for Queue<D, Q> {
    fn make(making: &Making<'_, D>) -> Result<Self, NtError> {
        Ok(Self {
            // SAFETY: a structure of numbers, pointers and no routines, which the kernel initialises before anyone reads it.
            csq: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            // What KeInitializeSpinLock stores.
            lock: UnsafeCell::new(0),
            list: UnsafeCell::new(List::new()),
            closed: UnsafeCell::new(false),
            object: making.object(),
            kept: PhantomData,
        })
    }

    unsafe fn initialise(&self) {
        // SAFETY: done once, before anyone else uses it, and it stays where it is, as the caller promises.
        unsafe { List::initialise(self.list.get()) };
        // It cannot fail.
        // SAFETY: as above; the callbacks are those of this type.
        let _ = unsafe {
            IoCsqInitializeEx(
                self.csq.get(),
                Some(insert::<D, Q>),
                Some(remove),
                Some(peek_next::<D, Q>),
                Some(acquire_lock::<D, Q>),
                Some(release_lock::<D, Q>),
                Some(complete_cancelled::<D, Q>),
            )
        };
    }

    fn drain(&self, draining: &mut Draining<'_>) {
        if draining.step != Step::Queues {
            return;
        }
        let irql = draining.irql.as_dispatch();
        let previous = self.acquire();
        // SAFETY: the lock is held.
        unsafe { self.closed.get().write(true) };
        self.release(previous);
        // What is not found here is being cancelled, and the remove lock waits for it.
        while let Some((irp, entry)) = self.take_first(irql) {
            entry.released(irp, irql);
        }
    }
}

/// The IRP that a node of the list stands in.
fn irp_of(node: *mut Node) -> NonNull<IRP> {
    let offset = layout::irp::list_entry(ptr::null_mut()).addr();
    let irp = node.wrapping_byte_sub(offset).cast::<IRP>();
    // SAFETY: only nodes of IRPs are in the list, and there is none at address 0.
    unsafe { NonNull::new_unchecked(irp) }
}

/// The node that stands in an IRP.
fn node_of(irp: *mut IRP) -> *mut Node {
    layout::irp::list_entry(irp).cast()
}

/// CsqInsertIrpEx.
///
/// # Safety
///
/// Called by IoCsqInsertIrpEx, with the lock held.
unsafe extern "C" fn insert<D: Driver, Q: Queued<D>>(
    csq: *mut IO_CSQ,
    irp: *mut IRP,
    _context: *mut c_void,
) -> NTSTATUS {
    // SAFETY: an argument of this callback.
    let queue = unsafe { Queue::<D, Q>::of(csq) };
    // SAFETY: the lock is held.
    if unsafe { queue.closed.get().read() } {
        return NtStatus::from(NtError::DELETE_PENDING).to_raw();
    }
    // SAFETY: the kernel passes the IRP that is put in.
    let put_in = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: the IRP is held, and what is kept with it was written before.
    let Kept { entry, .. } = unsafe { &*Kept::<D, Q>::of(put_in) };
    // SAFETY: the lock is held, and the list initialised.
    let mut before = unsafe { List::previous(queue.list.get(), None) };
    while let Some(node) = before {
        // SAFETY: the IRP is in the list (invariant 2), and the lock held.
        let waiting = unsafe { &*Kept::<D, Q>::of(irp_of(node)) };
        if !entry.goes_before(&waiting.entry) {
            break;
        }
        // SAFETY: as above.
        before = unsafe { List::previous(queue.list.get(), before) };
    }
    // SAFETY: the lock is held. The IRP is held and in no list, and stays where it is until it has been taken out.
    unsafe { List::insert(queue.list.get(), before, node_of(irp)) };
    NtStatus::SUCCESS.to_raw()
}

/// CsqRemoveIrp.
///
/// # Safety
///
/// Called by the IoCsq functions, with the lock held and an IRP of the list.
unsafe extern "C" fn remove(_csq: *mut IO_CSQ, irp: *mut IRP) {
    // SAFETY: as the caller promises.
    unsafe { List::remove(node_of(irp)) };
}

/// CsqPeekNextIrp: the IRP behind `irp`, if it is wanted. The IoCsq functions ask for the next one where an IRP is being
/// cancelled.
///
/// # Safety
///
/// Called by IoCsqRemoveNextIrp, with the lock held, an IRP of the list or none, and the [`Peek`] that it was called with.
unsafe extern "C" fn peek_next<D: Driver, Q: Queued<D>>(
    csq: *mut IO_CSQ,
    irp: *mut IRP,
    context: *mut c_void,
) -> *mut IRP {
    // SAFETY: an argument of this callback.
    let queue = unsafe { Queue::<D, Q>::of(csq) };
    // SAFETY: what `take_first_if` passed, which has it on its stack.
    let peek = unsafe { &mut *context.cast::<Peek<'_, Q>>() };
    let after = NonNull::new(irp).map(|irp| node_of(irp.as_ptr()));
    // SAFETY: the lock is held, and the IRP in the list.
    let Some(next) = unsafe { List::next(queue.list.get(), after) }.map(irp_of) else {
        return ptr::null_mut();
    };
    // SAFETY: as above.
    let kept = unsafe { &*Kept::<D, Q>::of(next) };
    if (peek.wanted)(&kept.entry) {
        next.as_ptr()
    } else {
        ptr::null_mut()
    }
}

/// CsqAcquireLock.
///
/// # Safety
///
/// Called by the IoCsq functions, at DISPATCH_LEVEL at most, with a place for the IRQL.
unsafe extern "C" fn acquire_lock<D: Driver, Q: Queued<D>>(csq: *mut IO_CSQ, irql: *mut KIRQL) {
    // SAFETY: an argument of this callback.
    let previous = unsafe { Queue::<D, Q>::of(csq) }.acquire();
    // SAFETY: as the caller promises.
    unsafe { irql.write(previous) };
}

/// CsqReleaseLock.
///
/// # Safety
///
/// Called by the IoCsq functions, with what [`acquire_lock`] stored.
unsafe extern "C" fn release_lock<D: Driver, Q: Queued<D>>(csq: *mut IO_CSQ, irql: KIRQL) {
    // SAFETY: an argument of this callback.
    unsafe { Queue::<D, Q>::of(csq) }.release(irql);
}

/// CsqCompleteCanceledIrp.
///
/// # Safety
///
/// Called by the IoCsq functions, once for an IRP that is cancelled, at DISPATCH_LEVEL at most and without the lock.
unsafe extern "C" fn complete_cancelled<D: Driver, Q: Queued<D>>(csq: *mut IO_CSQ, irp: *mut IRP) {
    // SAFETY: the kernel passes the IRP that is cancelled.
    let irp = unsafe { NonNull::new_unchecked(irp) };
    // SAFETY: an argument of this callback.
    let queue = unsafe { Queue::<D, Q>::of(csq) };
    // SAFETY: it was in the queue, and is not any more.
    let (held, entry) = unsafe { queue.take_over(irp) };
    // SAFETY: the IRQL is DISPATCH_LEVEL at most, and this is the routine's only token.
    let mut irql = unsafe { Dispatch::assume() };
    entry.cancelled(held, &mut irql);
}
