//! The only bug check of the driver: why it may stop the system, and with what.
//!
//! There is one kind of reason, proof that memory is not what it must be. Everything else, whatever a request, a registry
//! value or a lower driver may hold, is answered with a status: a filter that stops the machine where it could have let a
//! request pass does more harm than what it saw. A repository check sees to it that nobody else calls the bug check, and
//! the image gate that nothing else in the image does.

use wdm::{Invariant, bug_check};

/// The bug-check code of this driver: an error (0xC), of a customer (0x2), and "irp". Windows has none like it.
const CODE: u32 = 0xE069_7270;

/// Why the system is stopped: the first parameter of the bug check. A number is never used for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Reason {
    /// A slot was given back that no request had. Two requests may have had the same one, and the completion of either
    /// released the remove lock of the other's device.
    SlotFreedTwice = 1,
    /// A device is deleted while a request that it follows is below it, although the remove lock was waited for. The
    /// completion routine would run on freed memory, with whatever stands there by then.
    SlabFreedInUse = 2,
}

impl From<Invariant> for Reason {
    fn from(invariant: Invariant) -> Self {
        match invariant {
            Invariant::SlotFreedTwice => Self::SlotFreedTwice,
            Invariant::SlabFreedInUse => Self::SlabFreedInUse,
        }
    }
}

/// Stops the system, since going on would spread what is broken.
pub(crate) fn broken(invariant: Invariant) -> ! {
    bug_check::stop(CODE, [Reason::from(invariant) as usize, 0, 0, 0])
}
