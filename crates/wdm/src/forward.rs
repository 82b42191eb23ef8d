//! Sending an IRP down and waiting for it: the third way to follow one, for PnP requests whose work is done on their way up.
//!
//! IoForwardIrpSynchronously does all of it: it sets up the next stack location, registers a routine of the I/O manager's,
//! calls the lower driver, waits where that returns STATUS_PENDING, and gives the IRP back. It allocates nothing (the event
//! that it waits for is on its stack), so a request is not lost because memory ran out: a disk in the paging path can be
//! started, and told that it is in it, with no memory at all. Who is waited for may use its own APCs: the thread waits in
//! kernel mode, and nothing of it is held but the remove lock, and the turn of a usage notification.
//!
//! Not here: which requests these are, and what may be done before and after the wait. That is in `pnp`.

use core::ptr::NonNull;

use wdk_sys::IRP;

use crate::{
    device::Device,
    driver::Driver,
    irp::{Brand, Dispatched, Irp, Rejected},
    irql::{Dispatch, Passive},
    raw_irp,
    remove_lock::Locked,
    status::{NtError, NtStatus},
};

/// An IRP_MJ_PNP that this driver owns in dispatch, with proof that it may wait.
///
/// # Invariants
///
/// As for [`Irp`]. Its major function is IRP_MJ_PNP. The PnP manager, and whatever else may send such a request, does so at
/// PASSIVE_LEVEL: that is documented for each minor function, for the drivers must be able to touch paged code and data and
/// to wait.
pub(crate) struct PassiveIrp<'irp, D: Driver> {
    raw: NonNull<IRP>,
    device: Locked<D>,
    irql: Passive,
    brand: Brand<'irp>,
}

impl<'irp, D: Driver> PassiveIrp<'irp, D> {
    /// `irp` is an IRP_MJ_PNP.
    pub(crate) fn new(irp: Irp<'irp, D>) -> Self {
        let Irp { raw, device, brand, .. } = irp;
        Self {
            raw,
            device,
            // SAFETY: PnP requests come at PASSIVE_LEVEL (invariant), and the IRP's token is given up.
            irql: unsafe { Passive::assume() },
            brand,
        }
    }

    /// What it is made of, for who disposes of it.
    pub(crate) fn into_parts(self) -> (NonNull<IRP>, Locked<D>, Passive) {
        (self.raw, self.device, self.irql)
    }

    /// The same IRP, for what can be done with any.
    pub(crate) fn into_irp(self) -> Irp<'irp, D> {
        let Self {
            raw,
            device,
            irql,
            brand,
        } = self;
        Irp {
            raw,
            device,
            irql: irql.into_dispatch(),
            brand,
        }
    }

    pub(crate) fn device(&self) -> &Device<D> {
        self.device.device()
    }

    pub(crate) fn device_and_irql(&mut self) -> (&Device<D>, &mut Passive) {
        (self.device.device(), &mut self.irql)
    }

    pub(crate) fn raw(&self) -> NonNull<IRP> {
        self.raw
    }

    /// Sends the IRP down and waits until it is back.
    ///
    /// # Errors
    ///
    /// The IRP itself, untouched: whoever made it gave it no stack location for the lower driver. It may still be skipped,
    /// which takes none.
    pub(crate) fn forward_and_wait(self) -> Result<Answered<'irp, D>, Self> {
        // SAFETY: we own the IRP.
        if !unsafe { raw_irp::has_next_stack_location(self.raw) } {
            return Err(self);
        }
        let lower = self.device().lower();
        // SAFETY: we own the IRP, and the lock keeps our device attached to `lower`. The token is proof of the IRQL.
        if unsafe { raw_irp::forward_and_wait(self.raw, lower) } {
            Ok(Answered { irp: self })
        } else {
            Err(self)
        }
    }
}

/// A PnP request that every driver below has answered, and that is this driver's again: it can be completed, and nothing else.
///
/// With what the drivers below answered, or with an error of this driver's own. A request that one of them failed stays
/// failed: there is no way to complete it with success.
#[must_use = "an IRP that has come back has to be completed"]
pub struct Answered<'irp, D: Driver> {
    irp: PassiveIrp<'irp, D>,
}

impl<'irp, D: Driver> Answered<'irp, D> {
    /// The device that the IRP was sent to.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.irp.device()
    }

    /// The same, and what this thread may call: it may not wait any more, since the PnP manager starts no other device until
    /// this one has started.
    pub fn device_and_irql(&mut self) -> (&Device<D>, &mut Dispatch) {
        let (device, irql) = self.irp.device_and_irql();
        (device, irql.as_dispatch())
    }

    /// What the drivers below completed the IRP with.
    #[must_use]
    pub fn status(&self) -> NtStatus {
        // SAFETY: the IRP is ours.
        unsafe { raw_irp::status(self.irp.raw) }
    }

    /// What the drivers below put in IoStatus.Information, which means something only with a success status.
    #[must_use]
    pub fn information(&self) -> u64 {
        // SAFETY: the IRP is ours.
        unsafe { raw_irp::information(self.irp.raw) }
    }

    /// Sets bits in IoStatus.Information, where the drivers below succeeded.
    pub(crate) fn add_to_information(&self, bits: u64) {
        if self.status().ok().is_ok() {
            // SAFETY: the IRP is ours.
            unsafe { raw_irp::set_io_status(self.irp.raw, self.status(), self.information() | bits) };
        }
    }

    /// Completes the IRP with what the drivers below answered.
    pub fn complete(self) -> Dispatched<'irp> {
        let status = self.status();
        let (raw, device, _) = self.irp.into_parts();
        // SAFETY: the IRP is ours, its status is set, and we give it up here.
        unsafe { raw_irp::complete(raw) };
        drop(device);
        Dispatched::new(status)
    }

    /// Fails the IRP, since this driver could not do its part.
    pub fn fail(self, error: NtError) -> Rejected<'irp, D> {
        self.irp.into_irp().reject(error)
    }
}
