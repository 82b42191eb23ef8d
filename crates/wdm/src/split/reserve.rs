//! What a device has in reserve, so that an IRP can be carried out by parts where there is no memory for it.
//!
//! One IRP has it at a time. Where others wait for it is the driver's: in a queue, so that they can be cancelled. Whoever puts one
//! there, and whoever gives the reserve back, then [serves](SplitReserve::serve) those who wait. One thread at a time does so, in a
//! loop: however fast the drivers below are, those who wait make no recursion.

use core::ptr::NonNull;

use super::{
    Split, SplitMemory, Way,
    block::{Block, Home},
    shape::Divisible,
};
use crate::{
    device::Device, driver::Driver, held::Held, irql::Dispatch, pool::Tag, spin_lock::SpinLock, status::NtError,
};

/// What it takes to carry out one IRP by parts, one after the other: allocated when the device is added, and kept in its state.
///
/// # Invariants
///
/// The block is in use as long as `turn` says so. Whoever uses it has the remove lock of the device.
pub struct SplitReserve<D: Driver, S: Split<D>> {
    memory: SplitMemory<D, S>,
    turn: SpinLock<Turn>,
}

/// Whose turn it is.
#[derive(Default)]
struct Turn {
    /// Whether an IRP has the reserve.
    is_taken: bool,
    /// Whether a thread is serving.
    is_served: bool,
    /// Whether something has changed since that thread looked.
    has_changed: bool,
}

impl<D: Driver, S: Split<D>> SplitReserve<D, S> {
    /// Allocates it, for parts of up to `part_max` bytes.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(part_max: u32, tag: Tag) -> Result<Self, NtError> {
        Ok(Self {
            memory: SplitMemory::serial(part_max, tag)?,
            turn: SpinLock::new(Turn::default()),
        })
    }

    /// Whether an IRP has it now.
    #[must_use]
    pub fn is_taken(&self, irql: &mut Dispatch) -> bool {
        self.turn.lock(irql).is_taken
    }

    /// Carries out the IRPs that wait, one after the other, with the reserve that `find` finds in the device's state: as many as can
    /// be begun now. `next` takes out the one that has waited longest.
    ///
    /// Where another thread is doing so, that one looks again. An IRP that cannot be divided, or is of another device, is failed.
    pub fn serve(
        device: &Device<D>,
        find: impl for<'state> FnOnce(&'state D::State) -> Option<&'state Self>,
        mut next: impl FnMut(&mut Dispatch) -> Option<(Held<D>, S)>,
        irql: &mut Dispatch,
    ) {
        let Some(reserve) = find(device.state()) else {
            return;
        };
        if !reserve.turn.lock(irql).begin() {
            return;
        }
        loop {
            let is_ours = reserve.turn.lock(irql).take();
            if is_ours {
                if let Some((irp, split)) = next(irql) {
                    // SAFETY: this thread has just taken the reserve, and `find` has it from the device's state.
                    unsafe { reserve.carry_out(device, irp, split, irql) };
                    continue;
                }
                reserve.give_back(irql);
            }
            if !reserve.turn.lock(irql).goes_on() {
                return;
            }
        }
    }

    /// Carries out an IRP, and gives the reserve back when it is over.
    ///
    /// # Safety
    ///
    /// The reserve is in the state of `device`, and taken for this.
    unsafe fn carry_out(&self, device: &Device<D>, irp: Held<D>, split: S, irql: &mut Dispatch) {
        let is_of_device = irp.device().object() == device.object();
        let Some(divisible) = Divisible::new(&irp).filter(|_| is_of_device) else {
            self.give_back(irql);
            irp.fail(NtError::INVALID_PARAMETER, irql);
            return;
        };
        let home = Home::Reserve(NonNull::from(self));
        // SAFETY: the reserve is taken, so its block is free; and the lock of the IRP keeps the device that it is in the state of.
        unsafe { Block::start(self.memory.block(), home, (irp, divisible), split, Way::Serial, irql) };
    }

    /// The IRP that had it is over.
    pub(super) fn give_back(&self, irql: &mut Dispatch) {
        self.turn.lock(irql).is_taken = false;
    }
}

impl Turn {
    /// Returns whether the caller serves. If not, another thread does, and looks again.
    fn begin(&mut self) -> bool {
        self.has_changed = true;
        !core::mem::replace(&mut self.is_served, true)
    }

    /// Returns whether the reserve is the caller's.
    fn take(&mut self) -> bool {
        self.has_changed = false;
        !core::mem::replace(&mut self.is_taken, true)
    }

    /// Returns whether the caller goes on serving.
    fn goes_on(&mut self) -> bool {
        self.is_served = self.has_changed;
        self.is_served
    }
}
