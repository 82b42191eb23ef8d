//! The PnP requests that a filter has a part in when they come back: START_DEVICE, usage notifications, the device's state, and
//! questions to the stack.
//!
//! None of them may be completed before the drivers below have seen it, but for a special file that this driver cannot have
//! on its device. So each has a type with just the ways that are open to it, and waiting is one call with what comes before
//! and after it, see [`Answered`]. What goes another way where the IRP has no stack location left for the lower driver is
//! said at each.
//!
//! Not here: the requests that are answered on their way down (`request`), and IRP_MN_REMOVE_DEVICE (`remove_device`).

use crate::{
    device::Device,
    driver::Driver,
    forward::{Answered, PassiveIrp},
    irp::{Dispatched, Irp, Outcome, Rejected},
    irql::{Dispatch, Passive},
    layout::io_stack_location,
    raw_irp,
    status::{NtError, NtStatus},
};

/// IRP_MN_START_DEVICE: the device has its resources, and is to work from when this comes back.
///
/// A driver can fail it when the drivers below have answered, and not before: until then it has nothing to start.
#[must_use = "an IRP has to be completed or sent down"]
pub struct StartDevice<'irp, D: Driver>(PassiveIrp<'irp, D>);

impl<'irp, D: Driver> StartDevice<'irp, D> {
    /// `irp` is an IRP_MN_START_DEVICE.
    pub(crate) fn new(irp: Irp<'irp, D>) -> Self {
        Self(PassiveIrp::new(irp))
    }

    /// Has the drivers below start the device, and waits until they have.
    ///
    /// Where they succeed, what the medium is (removable, read-only) is taken over from the device below once more: some
    /// drivers know only now.
    ///
    /// # Errors
    ///
    /// The request itself, where the IRP has no stack location for the lower driver: it can still be passed on.
    pub fn forward_and_wait(self) -> Result<Answered<'irp, D>, Self> {
        let answered = self.0.forward_and_wait().map_err(Self)?;
        if answered.status().ok().is_ok() {
            answered.device().inherit_characteristics();
        }
        Ok(answered)
    }

    /// Passes it on, and does not hear how it ends.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        self.0.into_irp().skip_and_call()
    }
}

/// What a usage notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceUsage {
    /// A paging file.
    Paging,
    /// The hibernation file.
    Hibernation,
    /// The file that a crash dump is written to.
    Dump,
    /// The system is booted from the device.
    Boot,
    /// Something else, by its number: others have been added since, and more may be.
    Other(i32),
}

/// IRP_MN_DEVICE_USAGE_NOTIFICATION: a special file is put on the device, or has gone from it.
#[must_use = "an IRP has to be completed or sent down"]
pub struct DeviceUsageNotification<'irp, D: Driver>(PassiveIrp<'irp, D>);

impl<'irp, D: Driver> DeviceUsageNotification<'irp, D> {
    /// `irp` is an IRP_MN_DEVICE_USAGE_NOTIFICATION.
    pub(crate) fn new(irp: Irp<'irp, D>) -> Self {
        Self(PassiveIrp::new(irp))
    }

    /// What it is about.
    #[must_use]
    pub fn usage(&self) -> DeviceUsage {
        // SAFETY: we own the IRP.
        let location = unsafe { raw_irp::current_stack_location(self.0.raw()) };
        // SAFETY: our own stack location, whose parameters are those of this request.
        match unsafe { io_stack_location::usage_type(location).read() } {
            wdk_sys::_DEVICE_USAGE_NOTIFICATION_TYPE::DeviceUsageTypePaging => DeviceUsage::Paging,
            wdk_sys::_DEVICE_USAGE_NOTIFICATION_TYPE::DeviceUsageTypeHibernation => DeviceUsage::Hibernation,
            wdk_sys::_DEVICE_USAGE_NOTIFICATION_TYPE::DeviceUsageTypeDumpFile => DeviceUsage::Dump,
            wdk_sys::_DEVICE_USAGE_NOTIFICATION_TYPE::DeviceUsageTypeBoot => DeviceUsage::Boot,
            other => DeviceUsage::Other(other),
        }
    }

    /// Whether the file is put on the device, and has not gone from it.
    #[must_use]
    pub fn is_in_path(&self) -> bool {
        // SAFETY: we own the IRP.
        let location = unsafe { raw_irp::current_stack_location(self.0.raw()) };
        // SAFETY: our own stack location, whose parameters are those of this request.
        unsafe { io_stack_location::usage_in_path(location).read() != 0 }
    }

    /// Passes it on, and does not hear how it ends: for what this driver does not know.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        self.0.into_irp().skip_and_call()
    }

    /// Serves it alone: `prepare`s, has the drivers below decide and waits for them, and `end`s with what they said. No other
    /// notification of this device is served meanwhile.
    ///
    /// `end` is called for each that was prepared, so what was prepared can always be undone: also where the IRP has no
    /// stack location for the lower driver. That one is completed with STATUS_REQUEST_NOT_ACCEPTED, whether a file comes
    /// or goes. Nobody below has heard of it, and a stack in which all drivers have the same account is worth more than a
    /// file that has gone.
    ///
    /// The status stays as it came until a driver below sets it. So a stack that knows nothing of special files says so,
    /// with this filter as without it.
    ///
    /// # Errors
    ///
    /// What `prepare` refuses with, or STATUS_REQUEST_NOT_ACCEPTED as above.
    pub fn serve_alone<P>(
        mut self,
        prepare: impl FnOnce(&Device<D>) -> Result<P, NtError>,
        end: impl FnOnce(&Device<D>, P, NtStatus),
    ) -> Outcome<'irp, D> {
        let (device, irql) = self.0.device_and_irql();
        // The remove lock of the IRP keeps the device for longer than this, wherever the IRP goes.
        let device = device.again();
        let turn = device.usage_turn().take(irql);
        let prepared = match prepare(&device) {
            Ok(prepared) => prepared,
            Err(error) => {
                drop(turn);
                return Err(self.reject(error));
            }
        };
        match self.0.forward_and_wait() {
            Ok(answered) => {
                end(&device, prepared, answered.status());
                drop(turn);
                Ok(answered.complete())
            }
            Err(irp) => {
                end(&device, prepared, NtError::REQUEST_NOT_ACCEPTED.into());
                drop(turn);
                Err(Self(irp).reject(NtError::REQUEST_NOT_ACCEPTED))
            }
        }
    }

    fn reject(self, error: NtError) -> Rejected<'irp, D> {
        self.0.into_irp().reject(error)
    }
}

/// Bits of a PNP_DEVICE_STATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PnpDeviceState(u32);

impl PnpDeviceState {
    /// The system needs the device: it is not to be disabled.
    pub const NOT_DISABLEABLE: Self = Self(wdk_sys::PNP_DEVICE_NOT_DISABLEABLE);
}

/// IRP_MN_QUERY_PNP_DEVICE_STATE: the PnP manager asks what state the device is in.
#[must_use = "an IRP has to be completed or sent down"]
pub struct QueryPnpDeviceState<'irp, D: Driver>(PassiveIrp<'irp, D>);

impl<'irp, D: Driver> QueryPnpDeviceState<'irp, D> {
    /// `irp` is an IRP_MN_QUERY_PNP_DEVICE_STATE.
    pub(crate) fn new(irp: Irp<'irp, D>) -> Self {
        Self(PassiveIrp::new(irp))
    }

    /// Adds bits to what the drivers below answer, and completes it.
    ///
    /// The bits are set, and the status is STATUS_SUCCESS, before the drivers below see it, as of a request that a driver
    /// handles: so they hold where none of them has anything to say, and also where the IRP has no stack location for the
    /// lower driver and can only be passed on. They are set once more when it is back, for a driver may have put its own
    /// answer there.
    pub fn answer_with(self, state: PnpDeviceState) -> Dispatched<'irp> {
        let bits = u64::from(state.0);
        // SAFETY: we own the IRP.
        let came = unsafe { raw_irp::information(self.0.raw()) };
        // SAFETY: as above.
        unsafe { raw_irp::set_io_status(self.0.raw(), NtStatus::SUCCESS, came | bits) };
        match self.0.forward_and_wait() {
            Ok(answered) => {
                answered.add_to_information(bits);
                answered.complete()
            }
            Err(irp) => irp.into_irp().skip_and_call(),
        }
    }

    /// Has nothing to add: sends the IRP down as it is.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        self.0.into_irp().skip_and_call()
    }
}

/// A question of the PnP manager or of another driver to the stack: IRP_MN_QUERY_DEVICE_RELATIONS, QUERY_INTERFACE,
/// QUERY_CAPABILITIES or FILTER_RESOURCE_REQUIREMENTS.
///
/// A filter passes it on, or looks at what the drivers below answered.
#[must_use = "an IRP has to be completed or sent down"]
pub struct PnpQuestion<'irp, D: Driver>(PassiveIrp<'irp, D>);

impl<'irp, D: Driver> PnpQuestion<'irp, D> {
    /// `irp` is one of these.
    pub(crate) fn new(irp: Irp<'irp, D>) -> Self {
        Self(PassiveIrp::new(irp))
    }

    /// The request's IRP_MN_ code.
    #[must_use]
    pub fn minor_function(&self) -> u8 {
        // SAFETY: we own the IRP.
        let location = unsafe { raw_irp::current_stack_location(self.0.raw()) };
        // SAFETY: our own stack location, which nobody changes while we own the IRP.
        unsafe { io_stack_location::minor_function(location).read() }
    }

    /// Has the drivers below answer, and waits until they have.
    ///
    /// # Errors
    ///
    /// The request itself, where the IRP has no stack location for the lower driver: it can still be passed on.
    pub fn forward_and_wait(self) -> Result<Answered<'irp, D>, Self> {
        self.0.forward_and_wait().map_err(Self)
    }

    /// Has no part in it: sends the IRP down as it is.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        self.0.into_irp().skip_and_call()
    }
}

/// What every one of these gives, whatever may be done with it, with the token of what the thread may call.
macro_rules! device_access {
    ($($request:ident $irql:ident $(.$weaken:ident)?;)*) => {$(
        impl<D: Driver> $request<'_, D> {
            /// The device that the IRP was sent to.
            #[must_use]
            pub fn device(&self) -> &Device<D> {
                self.0.device()
            }

            /// The same, and what this thread may call.
            pub fn device_and_irql(&mut self) -> (&Device<D>, &mut $irql) {
                let (device, irql) = self.0.device_and_irql();
                (device, irql$(.$weaken())?)
            }
        }
    )*};
}

device_access! {
    // It waits for the drivers below and for nothing else: meanwhile the PnP manager starts no other device.
    StartDevice Dispatch.as_dispatch;
    DeviceUsageNotification Passive;
    QueryPnpDeviceState Passive;
    PnpQuestion Passive;
}
