//! A part that a device can be without: because its driver does not want it there, or because there is no memory for it.
//!
//! A driver that names such a part can do without it: a device of which one could not be had is added all the same. What it
//! is not: a part that comes or goes later.

use core::marker::PhantomData;

use crate::{
    driver::Driver,
    parts::{Draining, Making, Part},
    status::NtError,
};

/// Which devices of a driver are to have a part.
pub trait Wanted<D: Driver>: 'static {
    /// Whether the device is, whose state this is.
    fn is_wanted(state: &D::State) -> bool;
}

/// A part of a device, see [`parts!`](crate::parts), that a device has where `W` says so and there is memory for it.
pub struct Optional<P, W> {
    part: Option<P>,
    wanted: PhantomData<fn() -> W>,
}

impl<P, W> Optional<P, W> {
    /// The part, where the device has it.
    #[must_use]
    pub const fn get(&self) -> Option<&P> {
        self.part.as_ref()
    }
}

impl<D: Driver, P: Part<D>, W: Wanted<D>> Part<D> for Optional<P, W> {
    fn make(making: &Making<'_, D>) -> Result<Self, NtError> {
        let part = if W::is_wanted(making.state()) {
            P::make(making).ok()
        } else {
            None
        };
        Ok(Self {
            part,
            wanted: PhantomData,
        })
    }

    unsafe fn initialise(&self) {
        if let Some(part) = &self.part {
            // SAFETY: as the caller promises; it stands in this value.
            unsafe { part.initialise() };
        }
    }

    fn drain(&self, draining: &mut Draining<'_>) {
        if let Some(part) = &self.part {
            part.drain(draining);
        }
    }
}
