//! The block that an IRP has while it is carried out by parts, from its start to its end.

use core::{cell::UnsafeCell, ptr::NonNull};

use wdk_sys::IRP;

use super::{
    Piece, SPLIT_WINDOW_MAX, Split, SplitMemory, Way,
    parallel::Slot,
    progress::{Progress, References, Step},
    reserve::SplitReserve,
    serial::Serial,
    shape::Divisible,
};
use crate::{
    driver::Driver,
    held::{Held, HeldParts},
    irql::Dispatch,
    mdl::PartialMdl,
    pool::Array,
    remove_lock::Locked,
    spin_lock::SpinLock,
    status::NtError,
};

/// What is kept for an IRP that is carried out by parts.
///
/// It is reached through a pointer: whoever uses it has a reference, and it may be freed as soon as that is given up. References
/// have the thread that pumps, each part that is below, and the cancel routine while it is set or runs.
///
/// # States
///
/// 1. *Free*: `trip` is empty, and nobody has a reference.
/// 2. *Under way*: from [`start`](Self::start) until the last reference is given up.
/// 3. *Over*: the one who gave up the last reference takes everything out, and frees the block or gives it back.
///
/// # Invariants
///
/// 1. While it is under way `trip` is there and does not change. The IRP in it is held, but while a part is sent by it; and no
///    part is in flight in both ways at once.
/// 2. `serial` is touched by who has the IRP: the one who pumps, or the completion routine.
pub(crate) struct Block<D: Driver, S: Split<D>> {
    references: References,
    pub(super) shared: SpinLock<Shared<S>>,
    trip: UnsafeCell<Option<Trip<D, S>>>,
    pub(super) serial: UnsafeCell<Serial>,
    /// Room for the parts that are below; none in a block that only sends them one after the other. In memory of their own, so
    /// that a block is small enough to be made on a kernel stack.
    slots: Option<Array<Slot<D, S>>>,
}

// SAFETY: what is in it can be sent, and is touched by one thread at a time, or with the lock held (invariant 2); what all see
// does not change (invariant 1).
unsafe impl<D: Driver, S: Split<D>> Send for Block<D, S> {}
// SAFETY: as above.
unsafe impl<D: Driver, S: Split<D>> Sync for Block<D, S> {}

/// What does not change while an IRP is under way.
pub(super) struct Trip<D: Driver, S: Split<D>> {
    pub(super) irp: NonNull<IRP>,
    pub(super) device: Locked<D>,
    pub(super) divisible: Divisible,
    home: Home<D, S>,
}

/// Where a block comes from.
pub(super) enum Home<D: Driver, S: Split<D>> {
    /// It is freed by this.
    Pool(SplitMemory<D, S>),
    /// It is given back to this, which is in the state of the device whose lock is in the trip.
    Reserve(NonNull<SplitReserve<D, S>>),
}

/// What is changed with the lock held.
pub(super) struct Shared<S> {
    progress: Progress,
    /// Empty only while the block is free.
    split: Option<S>,
    way: Way,
    /// Whether no part is begun any more, whatever `split` says.
    is_stopped: bool,
    /// Whether the cancel routine has been set, and not been taken back. Of who pumps alone.
    pub(super) has_cancel_routine: bool,
}

/// What became of the part that was to be sent.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// It was sent.
    Sent(Way),
    NoMemory(Piece),
    Refused(Piece, NtError),
    /// It was not, since the IRP is cancelled.
    Cancelled(Piece),
}

impl<S> Shared<S> {
    /// Takes down what became of the last part, and asks what to do next.
    fn go_on<D: Driver>(&mut self, device: &Locked<D>, last: Option<Fate>) -> Step<(Piece, Way)>
    where
        S: Split<D>,
    {
        let device = device.device();
        let Some(split) = &mut self.split else {
            return Step::End;
        };
        match last {
            None => {}
            Some(Fate::Sent(way)) => split.sent(device, way),
            Some(Fate::NoMemory(piece)) => {
                split.no_memory(piece);
                if self.progress.not_sent() {
                    self.way = Way::Serial;
                }
            }
            Some(Fate::Refused(piece, error)) => {
                split.refused(piece, error);
                self.is_stopped = true;
                self.progress.not_sent();
            }
            Some(Fate::Cancelled(piece)) => {
                split.cancelled(Some(piece));
                self.is_stopped = true;
                self.progress.not_sent();
            }
        }
        let (way, is_stopped) = (self.way, self.is_stopped);
        let most = match way {
            Way::Parallel => SPLIT_WINDOW_MAX,
            Way::Serial => 1,
        };
        self.progress.step(most, || {
            let piece = if is_stopped { None } else { split.begin(device) };
            piece.map(|piece| (piece, way))
        })
    }

    /// The IRP is cancelled: no other part is begun.
    pub(super) fn cancel<D: Driver>(&mut self)
    where
        S: Split<D>,
    {
        self.is_stopped = true;
        if let Some(split) = &mut self.split {
            split.cancelled(None);
        }
    }

    /// A part is back. Returns whether the caller is to pump.
    #[must_use = "nobody else goes on where this says so"]
    pub(super) fn back<D: Driver>(&mut self, done: impl FnOnce(&mut S)) -> bool
    where
        S: Split<D>,
    {
        if let Some(split) = &mut self.split {
            done(split);
        }
        self.progress.back()
    }
}

impl<D: Driver, S: Split<D>> Block<D, S> {
    /// A free one, with the MDL for parts that are sent by the IRP itself.
    pub(super) fn new(partial: Option<PartialMdl>, slots: Option<Array<Slot<D, S>>>) -> Self {
        Self {
            references: References::new(),
            shared: SpinLock::new(Shared {
                progress: Progress::new(),
                split: None,
                way: Way::Serial,
                is_stopped: false,
                has_cancel_routine: false,
            }),
            trip: UnsafeCell::new(None),
            serial: UnsafeCell::new(Serial::new(partial)),
            slots,
        }
    }

    /// Room for the parts that are below.
    pub(super) fn slots(&self) -> &[Slot<D, S>] {
        self.slots.as_deref().unwrap_or_default()
    }

    /// Carries out an IRP: begins what can be begun, and returns.
    ///
    /// # Safety
    ///
    /// The block is free, the caller's, and stays where it is. `home` is its home, and a reserve is in the state of the IRP's
    /// device.
    pub(super) unsafe fn start(
        this: NonNull<Self>,
        home: Home<D, S>,
        (irp, divisible): (Held<D>, Divisible),
        split: S,
        way: Way,
        irql: &mut Dispatch,
    ) {
        // SAFETY: the caller has it, as whoever has a reference does.
        let block = unsafe { this.as_ref() };
        let HeldParts { raw, device, .. } = irp.into_parts();
        block.references.restart();
        // SAFETY: the block is free, so nobody looks at it.
        unsafe {
            *block.trip.get() = Some(Trip {
                irp: raw,
                device,
                divisible,
                home,
            });
        }
        *block.shared.lock(irql) = Shared {
            progress: Progress::new(),
            split: Some(split),
            way,
            is_stopped: false,
            has_cancel_routine: false,
        };
        if way == Way::Parallel {
            // SAFETY: the IRP is held; this thread pumps, and has a reference.
            unsafe { Self::set_cancel_routine(this, irql) };
        }
        // SAFETY: this thread pumps, and has a reference.
        unsafe { Self::pump(this, irql) };
        // SAFETY: this thread's reference, which is not used again.
        unsafe { Self::give_up(this, irql) };
    }

    /// What does not change while the IRP is under way.
    ///
    /// # Safety
    ///
    /// The caller has a reference, for as long as the result is used.
    pub(super) unsafe fn trip(&self) -> Option<&Trip<D, S>> {
        // SAFETY: it does not change while anybody has a reference (invariant 1).
        unsafe { &*self.trip.get() }.as_ref()
    }

    /// One reference more: for a part, or for the cancel routine.
    pub(super) fn take_reference(&self) {
        self.references.take();
    }

    /// Gives up a reference that is not the last: the caller has another one.
    pub(super) fn give_up_beside_another(&self) {
        let _ = self.references.give_up();
    }

    /// Begins and sends parts, until none is to be begun now.
    ///
    /// # Safety
    ///
    /// The caller pumps, and has a reference.
    pub(super) unsafe fn pump(this: NonNull<Self>, irql: &mut Dispatch) {
        // SAFETY: the caller has a reference.
        let block = unsafe { this.as_ref() };
        // SAFETY: as above.
        let Some(trip) = (unsafe { block.trip() }) else {
            return;
        };
        let mut last = None;
        loop {
            let step = block.shared.lock(irql).go_on(&trip.device, last);
            last = match step {
                Step::Wait => return,
                Step::End => {
                    // From here on nobody cancels anything, or the cancel routine runs and is waited for by its reference.
                    // SAFETY: this thread pumps, and no part is sent by the IRP.
                    unsafe { Self::take_back_cancel_routine(this, irql) };
                    return;
                }
                // SAFETY: this thread pumps; no part is in flight in the other way.
                Step::Send((piece, Way::Parallel)) => Some(unsafe { Self::send_in_parallel(this, trip, piece, irql) }),
                // SAFETY: as above, and no other part is in flight.
                Step::Send((piece, Way::Serial)) => Some(unsafe { Self::send_serially(this, trip, piece, irql) }),
            };
        }
    }

    /// Gives up a reference. Whoever gives up the last one gives the IRP to the driver.
    ///
    /// # Safety
    ///
    /// The caller has a reference, which is not used again.
    pub(super) unsafe fn give_up(this: NonNull<Self>, irql: &mut Dispatch) {
        // SAFETY: as the caller promises.
        if unsafe { this.as_ref() }.references.give_up() {
            // SAFETY: that was the last one.
            unsafe { Self::end(this, irql) };
        }
    }

    /// The IRP is over.
    ///
    /// # Safety
    ///
    /// Nobody has a reference any more; this is done once.
    unsafe fn end(this: NonNull<Self>, irql: &mut Dispatch) {
        // SAFETY: the block is this thread's alone.
        let block = unsafe { this.as_ref() };
        // SAFETY: as above.
        let trip = unsafe { (*block.trip.get()).take() };
        let split = block.shared.lock(irql).split.take();
        let (Some(trip), Some(split)) = (trip, split) else {
            return;
        };
        let Trip { irp, device, home, .. } = trip;
        let waiting = match home {
            Home::Pool(memory) => {
                drop(memory);
                None
            }
            Home::Reserve(reserve) => {
                // The IRP's own lock may go with the IRP. Where there is no other one to be had, the device is being removed, and
                // whoever waited has been let go.
                let kept = device.again().ok();
                // SAFETY: it is in the state of a device whose lock is held.
                unsafe { reserve.as_ref() }.give_back(irql);
                kept
            }
        };
        // SAFETY: the IRP was held when it was given to the block, and no part is sent by it.
        let irp = unsafe {
            Held::new(HeldParts {
                raw: irp,
                slot: (),
                device,
            })
        };
        split.finish(irp, irql);
        if let Some(kept) = waiting {
            S::reserve_is_free(kept.device(), irql);
        }
    }
}
