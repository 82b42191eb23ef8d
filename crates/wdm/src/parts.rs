//! The parts of a device that the kernel knows by their address: queues, timers, work items, events and flights.
//!
//! They cannot stand in a driver's [`State`](Driver::State), which the driver makes and moves. So the driver only names
//! them, with [`parts!`](crate::parts), and this library makes them in the device extension, where they stay: before the
//! device is attached, so that no request ever finds one that is not ready; and it drains them when the device goes, so that
//! no driver can forget to.
//!
//! What happens when the device goes, at IRP_MN_SURPRISE_REMOVAL and again at IRP_MN_REMOVE_DEVICE, before the request is
//! sent down and after whatever the driver did before it sent it:
//!
//! 1. Each queue lets no more in, and what waits in it is given to [`Queued::released`](crate::Queued::released). Each flight sends
//!    no more, and what the drivers below have of it is cancelled.
//! 2. Each timer is stopped and can not be started any more; the DPCs that were under way have run.
//! 3. Each work item takes no more work, and has run if it was queued.
//!
//! In this order, because what is earlier in it may still use what is later: a DPC queues a work item, and a work item that
//! starts a timer or puts an IRP into a queue is refused. After the third step nothing of the device runs that is not a
//! request, and those the remove lock waits for.
//!
//! A part that a device can be without is an [`Optional`](crate::Optional) one.
//!
//! Not here: what each part is, which is in the module of its name.

use core::ptr::NonNull;

use wdk_sys::DEVICE_OBJECT;

use crate::{driver::Driver, irql::Passive, status::NtError};

/// What a driver has of parts, see [`parts!`](crate::parts). A driver without any has `()`.
///
/// # Safety
///
/// [`each`](Self::each) visits every part that is in the value, and [`make`](Self::make) makes each by its own `make`. The
/// macro sees to it.
pub unsafe trait Parts<D: Driver>: Send + Sync + Sized + 'static {
    /// Makes the parts of a device that is being added.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    #[doc(hidden)]
    fn make(making: &Making<'_, D>) -> Result<Self, NtError>;

    /// Visits each part.
    #[doc(hidden)]
    fn each(&self, visit: &mut dyn FnMut(&dyn Part<D>));
}

// SAFETY: there is none.
unsafe impl<D: Driver> Parts<D> for () {
    fn make(_making: &Making<'_, D>) -> Result<Self, NtError> {
        Ok(())
    }

    fn each(&self, _visit: &mut dyn FnMut(&dyn Part<D>)) {}
}

/// One part. Its methods take what only this library can make, so no driver calls them.
#[doc(hidden)]
pub trait Part<D: Driver> {
    /// Makes it. It is moved to where it stays, and not used before it is initialised there.
    fn make(making: &Making<'_, D>) -> Result<Self, NtError>
    where
        Self: Sized;

    /// Makes it known to the kernel.
    ///
    /// # Safety
    ///
    /// Called once, before anybody uses it, and from then on it does not move. It is drained before it is dropped, unless
    /// nobody has used it.
    unsafe fn initialise(&self);

    /// Does what this part has to do in this step. The device may be drained twice.
    fn drain(&self, draining: &mut Draining<'_>);
}

/// A device that is being added, and whose parts are made.
#[doc(hidden)]
pub struct Making<'state, D: Driver> {
    /// It has no requests yet.
    object: NonNull<DEVICE_OBJECT>,
    state: &'state D::State,
}

impl<'state, D: Driver> Making<'state, D> {
    /// For the device object of `D` whose extension the parts will stand in, beside its state.
    pub(crate) fn new(object: NonNull<DEVICE_OBJECT>, state: &'state D::State) -> Self {
        Self { object, state }
    }

    pub(crate) fn state(&self) -> &'state D::State {
        self.state
    }

    pub(crate) fn object(&self) -> NonNull<DEVICE_OBJECT> {
        self.object
    }
}

/// A step of draining, see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Queues,
    Timers,
    WorkItems,
}

/// A device that is going, and whose parts are drained.
#[doc(hidden)]
pub struct Draining<'irql> {
    pub(crate) step: Step,
    pub(crate) irql: &'irql mut Passive,
}

/// Drains the parts of a device that is going.
pub(crate) fn drain<D: Driver>(parts: &D::Parts, irql: &mut Passive) {
    for step in [Step::Queues, Step::Timers, Step::WorkItems] {
        let mut draining = Draining { step, irql };
        parts.each(&mut |part| part.drain(&mut draining));
    }
}

/// Names the parts of a driver's devices: a struct whose fields are [`Queue`](crate::Queue)s, [`Timer`](crate::Timer)s,
/// [`WorkItem`](crate::WorkItem)s, [`Event`](crate::Event)s and [`Flight`](crate::Flight)s, for [`Driver::Parts`].
///
/// ```ignore
/// wdm::parts! {
///     /// The parts of a device.
///     pub(crate) struct Parts for Delay {
///         /// READs and WRITEs that wait.
///         queue: Queue<Delay, Waiting>,
///         /// Runs while any do.
///         timer: Timer<Delay, Release>,
///     }
/// }
/// ```
///
/// There is no way to make one, and none to move it: it is reached by [`Device::parts`](crate::Device::parts).
#[macro_export]
macro_rules! parts {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident for $driver:ty {
            $($(#[$field_attribute:meta])* $field:ident: $part:ty),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $($(#[$field_attribute])* $visibility $field: $part,)*
        }

        // SAFETY: both are made from the same list of fields.
        unsafe impl $crate::Parts<$driver> for $name {
            fn make(making: &$crate::parts::Making<'_, $driver>) -> Result<Self, $crate::NtError> {
                Ok(Self {
                    $($field: <$part as $crate::parts::Part<$driver>>::make(making)?,)*
                })
            }

            fn each(&self, visit: &mut dyn FnMut(&dyn $crate::parts::Part<$driver>)) {
                $(visit(&self.$field);)*
            }
        }
    };
}
