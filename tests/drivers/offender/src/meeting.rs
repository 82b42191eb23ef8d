//! Who comes last, the dispatch routine or the completion routine.
//!
//! An offence against an IRP that a lower driver has queued must find it still there. STATUS_PENDING does not say so:
//! the IRP may have been completed before the call returned, and be gone. So both routines meet here, and the last of
//! the two lets the request go: until then it is neither completed nor freed.

use core::{
    ffi::c_void,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{pool, request::Request};

/// The place where the two routines of a request meet, in pool until the last of them leaves.
#[derive(Clone, Copy)]
pub(crate) struct Meeting(*mut Place);

struct Place {
    parties: AtomicU32,
    request: Request,
}

impl Meeting {
    /// Prepares for both routines; `None` where there is no memory.
    pub(crate) fn of(request: Request) -> Option<Self> {
        let place = pool::allocate(size_of::<Place>()).cast::<Place>();
        if place.is_null() {
            return None;
        }
        let parties = AtomicU32::new(2);
        // SAFETY: pool of this size, aligned to 16 bytes, that nobody else knows of.
        unsafe { place.write(Place { parties, request }) };
        Some(Self(place))
    }

    /// The context of a completion routine, which gets the meeting back from it.
    pub(crate) fn to_context(self) -> *mut c_void {
        self.0.cast()
    }

    /// The meeting of which a completion routine has the context.
    pub(crate) fn from_context(context: *mut c_void) -> Self {
        Self(context.cast())
    }

    /// The request that arrived at this driver.
    pub(crate) fn request(self) -> Request {
        // SAFETY: whoever asks has not left, so the place is there.
        unsafe { (*self.0).request }
    }

    /// Whether the other has not left.
    pub(crate) fn other_is_expected(self) -> bool {
        self.parties().load(Ordering::Acquire) == 2
    }

    /// Leaves, not to come back. Whether the other had left before, so that the request is the caller's to let go.
    pub(crate) fn leave(self) -> bool {
        let is_last = self.parties().fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            pool::free(self.0.cast());
        }
        is_last
    }

    /// Frees the place where neither routine will come.
    pub(crate) fn call_off(self) {
        pool::free(self.0.cast());
    }

    fn parties(&self) -> &AtomicU32 {
        // SAFETY: as for the request.
        unsafe { &(*self.0).parties }
    }
}
