//! WRITEs that wait for the next request: a queue of fixed size, first in, first out.
//!
//! It has no lock of its own; it stands in one.

use wdm::{Dispatch, Held};

use crate::filter::Holder;

/// Each request takes out what the ones before it left, so only those that come at the same time are in here together.
const PLACES: usize = 16;

/// A WRITE that nobody below has seen.
pub(crate) struct Write {
    pub(crate) held: Held<Holder>,
    /// How many bytes it is for.
    pub(crate) length: u32,
}

impl Write {
    /// Completes it as if all had been written.
    pub(crate) fn complete(self, irql: &mut Dispatch) {
        self.held.succeed(self.length.into(), irql);
    }
}

/// The queue.
///
/// # Invariants
///
/// The WRITEs are in the first places, in the order in which they came.
pub(crate) struct Parked {
    places: [Option<Write>; PLACES],
    closed: bool,
}

impl Parked {
    /// An empty queue.
    pub(crate) const fn new() -> Self {
        Self {
            places: [const { None }; PLACES],
            closed: false,
        }
    }

    /// Puts a WRITE behind the others.
    ///
    /// # Errors
    ///
    /// The WRITE itself, where there is no place for it or the queue is closed.
    pub(crate) fn put(&mut self, write: Write) -> Result<(), Write> {
        match self.places.iter_mut().find(|place| place.is_none()) {
            Some(place) if !self.closed => {
                *place = Some(write);
                Ok(())
            }
            _ => Err(write),
        }
    }

    /// Takes the one that has been here longest.
    pub(crate) fn take(&mut self) -> Option<Write> {
        let first = self.places.first_mut()?.take();
        // The empty place goes to the end, and the others move up.
        self.places.rotate_left(1);
        first
    }

    /// Lets no more in.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }
}
