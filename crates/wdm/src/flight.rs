//! Sending IRPs of this driver's own, cancelling them while the drivers below have them, and getting them back.
//!
//! There are two layers. [`RawFlight`] is for one IRP at a time and for whoever has memory for it and keeps the device; what
//! becomes of the IRP is a bare routine's. [`Flight`] is made of one: a part of a device that a driver has, which takes the
//! remove lock, and cancels what it has when the device goes.
//!
//! To register the completion routine and to call the lower driver is one step, as for every other IRP. Who has the IRP at
//! which moment is in `custody`. Not here: how such an IRP is made and freed, which is in `own_irp`.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    mem::{MaybeUninit, offset_of},
    ptr::NonNull,
};

use wdk_sys::{DEVICE_OBJECT, IRP, NTSTATUS, ntddk::IoCancelIrp};

use crate::{
    custody::Custody,
    device::Device,
    driver::Driver,
    irql::Dispatch,
    own_irp::{Kind, OwnIrp, Returned},
    parts::{Draining, Making, Part, Step},
    raw_irp,
    remove_lock::Locked,
    rendezvous::Turn,
    status::{NtError, NtStatus},
};

/// What is done with an IRP that has come back, and with the context that it was sent with. Called once for each that was sent,
/// at DISPATCH_LEVEL or below: in the completion routine, or by whoever cancelled the IRP meanwhile, when that call is over.
///
/// The flight is the routine's: it may be used again, [released](RawFlight::release), or freed with what it stands in.
pub(crate) type Land<K> = unsafe fn(context: *mut c_void, irp: Returned<K>, irql: &mut Dispatch);

/// Where one IRP of this driver's own is while the drivers below have it.
///
/// It allocates nothing, takes no lock and holds nothing: a block of pool may have many of them. Its functions take a
/// pointer, since as soon as the IRP is sent [`Land`] may free it.
///
/// # States
///
/// Those of [`Custody`].
///
/// # Invariants
///
/// `load` is initialised while the IRP is below, being cancelled, or has returned meanwhile. It is touched by the owner
/// alone, but for the IRP's address, which whoever cancels it reads.
pub(crate) struct RawFlight<K: Kind> {
    custody: Custody,
    load: UnsafeCell<MaybeUninit<Load<K>>>,
}

/// What is kept for an IRP that is below.
struct Load<K: Kind> {
    irp: OwnIrp<K>,
    land: Land<K>,
    context: *mut c_void,
}

// SAFETY: what is in it was sent to it, and is touched by one owner at a time. The context is a name here; whoever sends
// an IRP promises that `land` may be called with it on any thread.
unsafe impl<K: Kind> Send for RawFlight<K> {}
// SAFETY: as above.
unsafe impl<K: Kind> Sync for RawFlight<K> {}

impl<K: Kind> RawFlight<K> {
    /// Without an IRP.
    pub(crate) fn new() -> Self {
        Self {
            custody: Custody::new(),
            load: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Makes it the caller's, to send with. Returns false where somebody else has it, or it is closed.
    #[must_use = "it is the caller's only where this says so"]
    pub(crate) fn claim(&self) -> bool {
        self.custody.claim()
    }

    /// Lets go of it: for who has claimed it, or got its IRP back, and does not send another.
    pub(crate) fn release(&self) {
        self.custody.release();
    }

    /// Sends an IRP, with IoSetCompletionRoutineEx and this driver's own device object, which keeps the device and the image
    /// until the routine has run.
    ///
    /// A lower driver that completes at once runs `land` before this has returned. Who sends another one from there is to
    /// see to it that this does not go deeper and deeper.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES. The IRP is freed, and the flight is still the caller's.
    ///
    /// # Safety
    ///
    /// The flight was claimed, or its IRP has come back, and it stays where it is until `land` has been called. The
    /// IRP [is for](OwnIrp::is_for) `device`, whose remove lock is held until then, and until this has returned. `land` may be
    /// called with `context` once, on any thread.
    pub(crate) unsafe fn send<D: Driver>(
        this: NonNull<Self>,
        irp: OwnIrp<K>,
        device: &Device<D>,
        (land, context): (Land<K>, *mut c_void),
        _irql: &mut Dispatch,
    ) -> Result<(), NtError> {
        // SAFETY: the IRP is ours, ready, and has a stack location for each device below. It is sent next.
        unsafe { raw_irp::register(irp.raw(), device, Some(completed::<K>), this.as_ptr().cast()) }?;
        // SAFETY: as the caller promises; registered above.
        unsafe { Self::call(this, Load { irp, land, context }, device.lower()) };
        Ok(())
    }

    /// The same by the plain IoSetCompletionRoutine, which allocates nothing and cannot fail.
    ///
    /// # Safety
    ///
    /// As for [`send`](Self::send).
    #[expect(dead_code, reason = "for whoever splits requests that may not fail")]
    pub(crate) unsafe fn send_infallibly<D: Driver>(
        this: NonNull<Self>,
        irp: OwnIrp<K>,
        device: &Device<D>,
        (land, context): (Land<K>, *mut c_void),
        _irql: &mut Dispatch,
    ) {
        // SAFETY: as in `send`.
        unsafe { raw_irp::register_infallibly(irp.raw(), Some(completed::<K>), this.as_ptr().cast()) };
        // SAFETY: as the caller promises; registered above.
        unsafe { Self::call(this, Load { irp, land, context }, device.lower()) };
    }

    /// # Safety
    ///
    /// As for [`send`](Self::send); [`completed`] is registered with `this`.
    unsafe fn call(this: NonNull<Self>, load: Load<K>, lower: NonNull<DEVICE_OBJECT>) {
        let raw = load.irp.raw();
        // SAFETY: the flight is the caller's, so nobody else touches what is in it.
        unsafe { Self::load(this).write(load) };
        // SAFETY: the flight is there, and the IRP is not sent yet.
        unsafe { this.as_ref() }.custody.depart();
        // What it returns is for no one: the routine hears of the IRP's end.
        // SAFETY: the IRP is ours, the next stack location is set up, and the device's lock is held, as the caller promises.
        // Nothing of the IRP or the flight is used any more.
        let _ = unsafe { raw_irp::call(raw, lower) };
    }

    /// Cancels the IRP, where the drivers below have it: they may complete it before it is done, or may not. Where another
    /// thread is cancelling it, that is left to it. Returns whether it was below.
    ///
    /// `land` is called here where the IRP comes back meanwhile; the flight is only used up to that.
    ///
    /// # Safety
    ///
    /// The flight is there until this returns, or until `land` has been called from here: who cancels has a reference to what it
    /// stands in.
    pub(crate) unsafe fn cancel(this: NonNull<Self>, irql: &mut Dispatch) -> bool {
        // SAFETY: as the caller promises.
        let flight = unsafe { this.as_ref() };
        if !flight.custody.begin_cancel() {
            return false;
        }
        // SAFETY: nobody empties it while it is being cancelled.
        let load = unsafe { &*Self::load(this) };
        let raw = load.irp.raw();
        // SAFETY: the IRP was sent, or is about to be, and is not freed before `end_cancel`. The token says that no lock is held.
        unsafe { IoCancelIrp(raw.as_ptr()) };
        match flight.custody.end_cancel() {
            Turn::Theirs => {}
            // SAFETY: the IRP has come back, and this thread is to take it over.
            Turn::Mine => unsafe { Self::land(this, irql) },
        }
        true
    }

    /// It cannot be claimed from now on. An IRP that is below is the caller's to cancel; one that is sent at the same time is
    /// the sender's to cancel, who looks whether it [is closed](Self::is_closed) when it is sent.
    pub(crate) fn close(&self) {
        self.custody.close();
    }

    /// Whether it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.custody.is_closed()
    }

    /// Gives the IRP that has come back to whom it was sent for.
    ///
    /// # Safety
    ///
    /// The IRP has come back, and the flight is the caller's.
    unsafe fn land(this: NonNull<Self>, irql: &mut Dispatch) {
        // SAFETY: it was filled before the IRP was sent, and is empty from here on.
        let Load { irp, land, context } = unsafe { Self::load(this).read() };
        // SAFETY: the IRP was sent, and the routine below keeps it.
        let irp = unsafe { irp.into_returned() };
        // SAFETY: as who sent it promised.
        unsafe { land(context, irp, irql) };
    }

    const fn load(this: NonNull<Self>) -> *mut Load<K> {
        this.as_ptr().wrapping_byte_add(offset_of!(Self, load)).cast()
    }
}

/// The completion routine of an IRP of this driver's own. It keeps the IRP, and never marks it pending: there is no stack location
/// of ours to mark.
///
/// # Safety
///
/// Called by the I/O manager, at DISPATCH_LEVEL or below, once for each registration whose IRP was sent. `context` is the
/// flight that the IRP is in. No device object is used: for such an IRP there may be none.
unsafe extern "C" fn completed<K: Kind>(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, context: *mut c_void) -> NTSTATUS {
    // SAFETY: the registration was made with a flight.
    let flight = unsafe { NonNull::new_unchecked(context.cast::<RawFlight<K>>()) };
    // Nothing of it is used where somebody else takes the IRP over.
    // SAFETY: the flight stays where it is until the IRP has been taken over.
    if unsafe { flight.as_ref() }.custody.completed() == Turn::Mine {
        // SAFETY: a completion routine is called at DISPATCH_LEVEL at most, and this is its only token.
        let mut irql = unsafe { Dispatch::assume() };
        // SAFETY: the IRP has come back, and this thread is to take it over.
        unsafe { RawFlight::land(flight, &mut irql) };
    }
    NtStatus::MORE_PROCESSING_REQUIRED.to_raw()
}

/// What is kept for an IRP of this driver's own, and what is done when it has come back.
pub trait Return<D: Driver>: Send + Sized + 'static {
    /// Which IRPs these are: [`Allocated`](crate::own_irp::Allocated) or [`Built`](crate::own_irp::Built).
    type Kind: Kind;

    /// The IRP has come back. Called at DISPATCH_LEVEL or below, on whatever thread that may be.
    ///
    /// The flight takes no other IRP before this has returned: one that is to be sent again is kept, and sent by a timer
    /// or work item. So however fast the drivers below are, nothing goes deeper and deeper.
    fn returned(self, irp: Returned<Self::Kind>, device: &Device<D>, irql: &mut Dispatch);
}

/// A part of a device, see [`parts!`](crate::parts), that sends IRPs of the driver's own to the device below: one at a time.
///
/// # States
///
/// 1. *Empty*: it has none.
/// 2. *Below*: the drivers below have one, and [`Return::returned`] will be called; or is being called.
/// 3. *Closed*, beside either: the device is going. No other is sent, and the one that is below has been cancelled. The
///    device's removal waits for it.
///
/// # Invariants
///
/// `context` is initialised, with the acquisition of the device's remove lock for the IRP, from before the IRP is sent until it
/// is back; it is touched by the owner of `flight` alone.
pub struct Flight<D: Driver, R: Return<D>> {
    flight: RawFlight<R::Kind>,
    context: UnsafeCell<MaybeUninit<Context<D, R>>>,
    object: NonNull<DEVICE_OBJECT>,
}

struct Context<D: Driver, R> {
    context: R,
    // Dropped last.
    device: Locked<D>,
}

// SAFETY: what is in it was sent to it, and is touched by one owner at a time. The device object is never read through here
// but where the device is there.
unsafe impl<D: Driver, R: Return<D>> Send for Flight<D, R> {}
// SAFETY: as above.
unsafe impl<D: Driver, R: Return<D>> Sync for Flight<D, R> {}

/// Why an IRP of the driver's own was not sent. It is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// The one before it is not back yet, or [`Return::returned`] has not returned for it; or the device is going.
    NotFree,
    /// The device is being removed.
    Removing,
    /// The IRP was made for another device.
    OtherDevice,
    /// The completion routine could not be registered.
    Refused(NtError),
}

impl<D: Driver, R: Return<D>> Flight<D, R> {
    /// Registers a completion routine with IoSetCompletionRoutineEx and sends the IRP to the device below.
    ///
    /// At DISPATCH_LEVEL a driver below takes READ and WRITE requests, which is what such an IRP is.
    ///
    /// # Errors
    ///
    /// Why it was not sent. The IRP is freed, and the context is given back.
    pub fn send(&self, irp: OwnIrp<R::Kind>, context: R, irql: &mut Dispatch) -> Result<(), (NotSent, R)> {
        // SAFETY: the device is one of `D`'s, and there, since this part of it is.
        let device = unsafe { Device::<D>::from_raw(self.object) };
        if !irp.is_for(&device) {
            return Err((NotSent::OtherDevice, context));
        }
        if !self.flight.claim() {
            return Err((NotSent::NotFree, context));
        }
        let Ok(device) = Locked::acquire(device, irp.raw()) else {
            self.flight.release();
            return Err((NotSent::Removing, context));
        };
        let ours = device.device().again();
        // SAFETY: the flight was claimed, so nobody else touches what is in it.
        unsafe { self.context().write(Context { context, device }) };
        let this = (&raw const *self).cast_mut().cast::<c_void>();
        // SAFETY: the flight was claimed, and is a part of a device whose lock is with the context until the IRP is back. Whoever
        // reached this part keeps the device until this has returned, and the IRP is for it. The routine is for this context.
        let sent = unsafe {
            let flight = NonNull::from(&self.flight);
            RawFlight::send(flight, irp, &ours, (landed::<D, R>, this), irql)
        };
        if let Err(error) = sent {
            // SAFETY: written above, and still this thread's.
            let Context { context, device } = unsafe { self.context().read() };
            self.flight.release();
            drop(device);
            return Err((NotSent::Refused(error), context));
        }
        if self.flight.is_closed() {
            // Whoever closed it may have looked for an IRP before this one was there. It was registered and had to be sent; and
            // it is cancelled only now, since not every driver looks whether an IRP that comes has been.
            self.cancel(irql);
        }
        Ok(())
    }

    /// Cancels the IRP that is below, if there is one: it comes back sooner than it would have, if those who have it can let go
    /// of it. Returns whether there was one.
    pub fn cancel(&self, irql: &mut Dispatch) -> bool {
        // SAFETY: the flight is a part of a device that whoever reached it keeps until this has returned.
        unsafe { RawFlight::cancel(NonNull::from(&self.flight), irql) }
    }

    const fn context(&self) -> *mut Context<D, R> {
        self.context.get().cast()
    }
}

impl<D: Driver, R: Return<D>> Part<D> for Flight<D, R> {
    fn make(making: &Making<'_, D>) -> Result<Self, NtError> {
        Ok(Self {
            flight: RawFlight::new(),
            context: UnsafeCell::new(MaybeUninit::uninit()),
            object: making.object(),
        })
    }

    unsafe fn initialise(&self) {}

    fn drain(&self, draining: &mut Draining<'_>) {
        // First of all: what comes back may use the other parts, and finds them as they are at that moment.
        if draining.step == Step::Queues {
            self.flight.close();
            self.cancel(draining.irql.as_dispatch());
        }
    }
}

/// The IRP of a [`Flight`] has come back.
///
/// # Safety
///
/// Called once for each IRP that was sent, with the flight, whose `context` is full.
unsafe fn landed<D: Driver, R: Return<D>>(flight: *mut c_void, irp: Returned<R::Kind>, irql: &mut Dispatch) {
    // SAFETY: the IRP was sent with the flight, whose device is there as long as the lock in it is held.
    let flight = unsafe { &*flight.cast::<Flight<D, R>>() };
    // SAFETY: it was filled before the IRP was sent, and is the owner's.
    let Context { context, device } = unsafe { flight.context().read() };
    context.returned(irp, device.device(), irql);
    flight.flight.release();
    // The device may go from here on.
    drop(device);
}
