//! Where the contexts of followed IRPs live: slots, allocated for a device once, so that following allocates nothing.
//!
//! What it is not: a general allocator. A slot holds one kind of context, and with it the remove lock of the IRP that it
//! belongs to.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    mem::{ManuallyDrop, MaybeUninit, offset_of},
    ptr::NonNull,
};

use crate::{
    bug_check::Invariant,
    driver::Driver,
    pool::{Array, Tag},
    processor,
    remove_lock::Locked,
    rendezvous::Rendezvous,
    slots::{self, SLOTS_PER_SHARD, Shard},
    status::NtError,
};

/// Slots for the contexts `C` of IRPs that are followed.
///
/// It stands in a device's state, and dies with it: whoever has a slot holds the device's remove lock as well, and a
/// slot is given back before that lock is released.
pub struct Slab<D: Driver, C> {
    // The cells point to their shards, which are in a block of their own and so stay where they are, wherever this
    // value goes.
    shards: Array<Shard>,
    cells: Array<Cell<D, C>>,
}

impl<D: Driver, C: Send> Slab<D, C> {
    /// How many slots a shard has.
    pub const SLOTS_PER_SHARD: usize = SLOTS_PER_SHARD;

    /// Allocates a slab of so many shards. A processor takes from one of them, until that is empty; with a shard for
    /// each processor, following an IRP moves no cache line between them.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(shards: usize, tag: Tag) -> Result<Self, NtError> {
        let slots = shards
            .checked_mul(SLOTS_PER_SHARD)
            .ok_or(NtError::INSUFFICIENT_RESOURCES)?;
        let shards = Array::from_fn(shards, tag, |_| Shard::new())?;
        let homes = (*shards).as_ptr();
        let cells = Array::from_fn(slots, tag, |index| Cell {
            // One for each SLOTS_PER_SHARD cells, so it is within the array.
            home: homes.wrapping_add(index / SLOTS_PER_SHARD),
            place: index % SLOTS_PER_SHARD,
            rendezvous: Rendezvous::new(),
            contents: UnsafeCell::new(MaybeUninit::uninit()),
        })?;
        Ok(Self { shards, cells })
    }

    /// Takes a free slot, if there is one.
    ///
    /// # Safety
    ///
    /// The slot is given back before the slab is dropped.
    pub(crate) unsafe fn take(&self) -> Option<Slot<D, C>> {
        let (shard, place) = slots::take(&self.shards, processor::current())?;
        let index = shard.wrapping_mul(SLOTS_PER_SHARD).wrapping_add(place);
        // There is a cell for each bit, so this always finds one.
        self.cells.get(index).map(|cell| Slot(NonNull::from(cell)))
    }
}

impl<D: Driver, C> Drop for Slab<D, C> {
    fn drop(&mut self) {
        // Whoever has a slot holds the device's remove lock, which was waited for. A completion routine that is still to
        // run would find memory that is someone else's by then.
        if !self.shards.iter().all(Shard::is_free) {
            D::broken(Invariant::SlabFreedInUse);
        }
    }
}

/// What a slot is made of. On a cache line of its own, for two processors use neighbours at the same time.
///
/// # Invariants
///
/// 1. `home` and `place` are where the slot's bit is.
/// 2. `contents` is initialised from [`Slot::fill`] to [`Slot::empty`]; of it, the context alone is from [`Slot::stash`] to
///    [`Stashed::take_back`].
/// 3. It is touched by the owner of the slot alone; `rendezvous` also by whoever is yet to arrive there.
#[repr(align(64))]
pub(crate) struct Cell<D: Driver, C> {
    home: *const Shard,
    place: usize,
    rendezvous: Rendezvous,
    contents: UnsafeCell<MaybeUninit<Contents<D, C>>>,
}

// SAFETY: what is in it was sent to it, and leaves it for one owner at a time (invariant 3).
unsafe impl<D: Driver, C: Send> Send for Cell<D, C> {}
// SAFETY: as above.
unsafe impl<D: Driver, C: Send> Sync for Cell<D, C> {}

impl<D: Driver, C> Cell<D, C> {
    /// Where the two meet who can go on with the IRP.
    ///
    /// Not from a reference to the cell: the one who comes second may free it before the first has left.
    ///
    /// # Safety
    ///
    /// The cell is full, and what is done with the result is to arrive, once.
    pub(crate) unsafe fn rendezvous<'a>(this: NonNull<Self>) -> &'a Rendezvous {
        let rendezvous = this.as_ptr().wrapping_byte_add(offset_of!(Self, rendezvous));
        // SAFETY: a field of a cell that stays full, and so is there, until both have arrived.
        unsafe { &*rendezvous.cast::<Rendezvous>() }
    }

    /// Where the context is.
    fn context(&self) -> *mut C {
        self.contents.get().wrapping_byte_add(Contents::<D, C>::CONTEXT).cast()
    }
}

/// What a completion routine finds behind its context.
pub(crate) struct Contents<D: Driver, C> {
    /// The acquisition for the IRP that is followed.
    pub(crate) device: Locked<D>,
    pub(crate) context: C,
}

impl<D: Driver, C> Contents<D, C> {
    /// Where the context is in it.
    const CONTEXT: usize = offset_of!(Self, context);
}

/// One slot of a slab. Dropping it gives it back.
///
/// # States
///
/// 1. *Empty*: a value of this type exists. It goes with the IRP until that is disposed of.
/// 2. *Full*: [`fill`](Self::fill) has made a bare pointer of it, which the completion routine gets as its context.
/// 3. *Stashed*: [`stash`](Self::stash) has made a [`Stashed`] of it, which has the context in it while the IRP waits.
/// 4. *Given back*: dropped.
///
/// # Invariants
///
/// The cell's bit is set on behalf of this value, and the slab is there.
pub struct Slot<D: Driver, C>(NonNull<Cell<D, C>>);

// SAFETY: a slot is where it is, and what is to be put into it can be sent.
unsafe impl<D: Driver, C: Send> Send for Slot<D, C> {}

impl<D: Driver, C> Slot<D, C> {
    /// The context argument of a registration.
    pub(crate) fn as_context(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }

    /// Puts in what the completion routine needs: from *Empty* to *Full*.
    ///
    /// Nothing at the pointer may be touched after the lower driver was called, except as the rendezvous says.
    pub(crate) fn fill(self, contents: Contents<D, C>) -> NonNull<Cell<D, C>> {
        let cell = ManuallyDrop::new(self).0;
        // SAFETY: the slab is there (invariant).
        let target = unsafe { cell.as_ref() };
        target.rendezvous.restart();
        // SAFETY: the slot is this value's alone (invariant), and empty.
        unsafe { target.contents.get().cast::<Contents<D, C>>().write(contents) };
        cell
    }

    /// Takes back what [`fill`](Self::fill) put in: from *Full* to *Empty*.
    ///
    /// # Safety
    ///
    /// `cell` comes from `fill`, this is done once for it, and by the one who owns the IRP.
    pub(crate) unsafe fn empty(cell: NonNull<Cell<D, C>>) -> (Self, Contents<D, C>) {
        let slot = Self(cell);
        // SAFETY: the slab is there, since the lock is held that is in the slot.
        let source = unsafe { cell.as_ref() };
        // SAFETY: the slot is full, and the caller's; it is empty from here on.
        let contents = unsafe { source.contents.get().cast::<Contents<D, C>>().read() };
        (slot, contents)
    }
}

impl<D: Driver, C> Slot<D, C> {
    /// Puts the context in, to be taken back: from *Empty* to *Stashed*.
    pub(crate) fn stash(self, context: C) -> Stashed<D, C> {
        // SAFETY: the slab is there (invariant).
        let cell = unsafe { self.0.as_ref() };
        // SAFETY: the slot is this value's alone (invariant), and empty.
        unsafe { cell.context().write(context) };
        Stashed(self)
    }
}

/// A slot with the context of an IRP that this driver has, and will send again: 8 bytes, wherever the IRP waits.
///
/// Dropping it drops the context and gives the slot back.
///
/// # Invariants
///
/// The cell has a context, and nothing else.
pub struct Stashed<D: Driver, C>(Slot<D, C>);

impl<D: Driver, C> Stashed<D, C> {
    /// Takes the context back: from *Stashed* to *Empty*.
    pub(crate) fn take_back(self) -> (Slot<D, C>, C) {
        let this = ManuallyDrop::new(self);
        let slot = Slot((this.0).0);
        // SAFETY: the slab is there (invariant of the slot).
        let cell = unsafe { slot.0.as_ref() };
        // SAFETY: there is a context (invariant), and this value, which is not dropped, gives it up.
        let context = unsafe { cell.context().read() };
        (slot, context)
    }
}

impl<D: Driver, C> Drop for Stashed<D, C> {
    fn drop(&mut self) {
        // SAFETY: the slab is there (invariant of the slot), which is given back after this.
        let cell = unsafe { (self.0).0.as_ref() };
        // SAFETY: there is a context (invariant), and it is dropped once.
        unsafe { cell.context().drop_in_place() };
    }
}

impl<D: Driver, C> Drop for Slot<D, C> {
    fn drop(&mut self) {
        // SAFETY: the slab is there (invariant).
        let cell = unsafe { self.0.as_ref() };
        // SAFETY: the shards are in a block of the same slab.
        let home = unsafe { &*cell.home };
        if !home.give_back(cell.place) {
            D::broken(Invariant::SlotFreedTwice);
        }
    }
}
