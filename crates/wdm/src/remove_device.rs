//! IRP_MN_REMOVE_DEVICE: the one request that ends a device.
//!
//! What it is not: IRP_MN_SURPRISE_REMOVAL, after which the device object stays until this request comes.

use crate::{
    device::Device,
    driver::Driver,
    forward::PassiveIrp,
    irp::{Dispatched, Irp},
    irql::Passive,
    layout, raw_irp,
    status::NtStatus,
};

/// The last request of a device: IRP_MN_REMOVE_DEVICE.
///
/// # Invariants
///
/// The IRP's major function is IRP_MJ_PNP and its minor function IRP_MN_REMOVE_DEVICE. The PnP manager sends it once in
/// the life of a device, at PASSIVE_LEVEL, and sends nothing after it.
#[must_use = "an IRP has to be completed or sent down"]
pub struct RemoveDevice<'irp, D: Driver>(PassiveIrp<'irp, D>);

impl<'irp, D: Driver> RemoveDevice<'irp, D> {
    /// `irp` is an IRP_MN_REMOVE_DEVICE.
    pub(crate) fn new(irp: Irp<'irp, D>) -> Self {
        Self(PassiveIrp::new(irp))
    }

    /// The device that is going.
    #[must_use]
    pub fn device(&self) -> &Device<D> {
        self.0.device()
    }

    /// The same, and what this thread may call: for a spin lock in the device's state.
    pub fn device_and_irql(&mut self) -> (&Device<D>, &mut Passive) {
        self.0.device_and_irql()
    }

    /// Sends the IRP down, waits until no other request is in this driver, and takes the device out of its stack.
    ///
    /// First the device's parts are drained, see [`parts!`](crate::parts): what waits in its queues is let go, its timers are
    /// stopped, and its work items have run.
    ///
    /// The order is the documented one: those below are told first and let go of what they hold, requests that still
    /// run in this driver end, and only then is the device detached and deleted. The request may not fail, and what
    /// the lower driver returned is returned.
    ///
    /// A request that this driver holds elsewhere and nothing else will complete must be completed before: it would be waited for
    /// without end.
    pub fn call_detach_and_delete(self) -> Dispatched<'irp> {
        let (raw, device, mut irql) = self.0.into_parts();
        device.device().drain(&mut irql);
        // SAFETY: we own the IRP.
        unsafe { layout::irp::status(raw.as_ptr()).write(NtStatus::SUCCESS.to_raw()) };
        // SAFETY: as above.
        unsafe { raw_irp::skip(raw) };
        // SAFETY: as above, and we give it up with this call.
        let status = unsafe { raw_irp::call(raw, device.device().lower()) };
        // SAFETY: this is the removal (invariant).
        let device = unsafe { device.release_and_wait(&irql) };
        // SAFETY: drained above, and the wait just ended: nobody else holds the lock, and nobody can acquire it.
        unsafe { device.detach_and_delete(&irql) };
        Dispatched::new(status)
    }
}
