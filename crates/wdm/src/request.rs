//! What dispatch is given: an IRP, told apart by what its driver may do with it.
//!
//! Some requests may not be failed: a driver that does leaves the system with a device that is neither there nor gone.
//! Others are not a filter's to answer. They have types of their own here, each with just the ways that are open to it, and
//! no driver sees such an IRP as an [`Irp`], which can be rejected, followed or parked.
//!
//! Not here: by which codes they are told apart, which is in `kind`.

use wdk_sys::{_DEVICE_POWER_STATE::PowerDeviceD0, _POWER_STATE_TYPE::DevicePowerState};

use crate::{
    device::Device,
    driver::Driver,
    irp::{Dispatched, Irp, Rejected},
    irql::{Dispatch, Passive},
    kind::{self, Kind},
    layout::io_stack_location,
    pnp::{DeviceUsageNotification, PnpQuestion, QueryPnpDeviceState, StartDevice},
    remove_device::RemoveDevice,
    status::{NtError, NtStatus},
};

/// What an IRP asks for, as far as it changes what a filter may do with it.
pub enum Request<'irp, D: Driver> {
    /// IRP_MN_REMOVE_DEVICE: the device is gone for good and is to be deleted.
    RemoveDevice(RemoveDevice<'irp, D>),
    /// IRP_MN_SURPRISE_REMOVAL: the device is gone, and IRP_MN_REMOVE_DEVICE will follow.
    SurpriseRemoval(MustSucceed<'irp, D>),
    /// IRP_MN_QUERY_REMOVE_DEVICE: may the device be removed?
    QueryRemoveDevice(Query<'irp, D>),
    /// IRP_MN_CANCEL_REMOVE_DEVICE: it is not removed after all.
    CancelRemoveDevice(MustSucceed<'irp, D>),
    /// IRP_MN_QUERY_STOP_DEVICE: may the device be stopped, to have other resources?
    QueryStopDevice(Query<'irp, D>),
    /// IRP_MN_STOP_DEVICE: it is stopped, until IRP_MN_START_DEVICE comes.
    StopDevice(MustSucceed<'irp, D>),
    /// IRP_MN_CANCEL_STOP_DEVICE: it is not stopped after all.
    CancelStopDevice(MustSucceed<'irp, D>),
    /// IRP_MN_START_DEVICE: the device has its resources and is to work.
    StartDevice(StartDevice<'irp, D>),
    /// IRP_MN_DEVICE_USAGE_NOTIFICATION: a special file is put on the device, or has gone from it.
    DeviceUsageNotification(DeviceUsageNotification<'irp, D>),
    /// IRP_MN_QUERY_PNP_DEVICE_STATE: what state is the device in?
    QueryPnpDeviceState(QueryPnpDeviceState<'irp, D>),
    /// Another PnP request that a filter may have a part in when it comes back, see [`PnpQuestion`].
    PnpQuestion(PnpQuestion<'irp, D>),
    /// IRP_MJ_READ, of `length` bytes.
    Read {
        /// The request.
        irp: Irp<'irp, D>,
        /// How much of the device it asks for.
        length: u32,
    },
    /// IRP_MJ_WRITE, of `length` bytes.
    Write {
        /// The request.
        irp: Irp<'irp, D>,
        /// How much of the device it is for.
        length: u32,
    },
    /// IRP_MJ_FLUSH_BUFFERS: what was written is to be on the medium.
    FlushBuffers(Irp<'irp, D>),
    /// IRP_MJ_DEVICE_CONTROL, with an IOCTL_ code.
    DeviceControl {
        /// The request.
        irp: Irp<'irp, D>,
        /// What it asks for.
        code: u32,
    },
    /// IRP_MJ_INTERNAL_DEVICE_CONTROL, which drivers of a stack send each other.
    InternalDeviceControl(MustPass<'irp, D>),
    /// A request that is for the drivers below to answer, see [`MustPass`].
    MustPass(MustPass<'irp, D>),
    /// Everything else, IRP_MJ_CREATE and IRP_MJ_SHUTDOWN among it: a filter may fail, follow or keep it.
    Other(Irp<'irp, D>),
}

impl<'irp, D: Driver> Request<'irp, D> {
    /// Tells an IRP apart.
    pub(crate) fn new(irp: Irp<'irp, D>) -> Self {
        match Kind::of(irp.major_function(), irp.minor_function()) {
            Kind::RemoveDevice => Self::RemoveDevice(RemoveDevice::new(irp)),
            Kind::SurpriseRemoval => Self::SurpriseRemoval(MustSucceed(irp)),
            Kind::QueryRemoveDevice => Self::QueryRemoveDevice(Query(irp)),
            Kind::CancelRemoveDevice => Self::CancelRemoveDevice(MustSucceed(irp)),
            Kind::QueryStopDevice => Self::QueryStopDevice(Query(irp)),
            Kind::StopDevice => Self::StopDevice(MustSucceed(irp)),
            Kind::CancelStopDevice => Self::CancelStopDevice(MustSucceed(irp)),
            Kind::Read => {
                // SAFETY: our own stack location, whose parameters are those of a READ.
                let length = unsafe { io_stack_location::read_length(irp.stack_location()).read() };
                Self::Read { irp, length }
            }
            Kind::Write => {
                // SAFETY: our own stack location, whose parameters are those of a WRITE.
                let length = unsafe { io_stack_location::write_length(irp.stack_location()).read() };
                Self::Write { irp, length }
            }
            Kind::StartDevice => Self::StartDevice(StartDevice::new(irp)),
            Kind::DeviceUsageNotification => Self::DeviceUsageNotification(DeviceUsageNotification::new(irp)),
            Kind::QueryPnpDeviceState => Self::QueryPnpDeviceState(QueryPnpDeviceState::new(irp)),
            Kind::PnpQuestion => Self::PnpQuestion(PnpQuestion::new(irp)),
            Kind::FlushBuffers => Self::FlushBuffers(irp),
            Kind::DeviceControl => {
                // SAFETY: our own stack location, whose parameters are those of a device control request.
                let code = unsafe { io_stack_location::io_control_code(irp.stack_location()).read() };
                Self::DeviceControl { irp, code }
            }
            Kind::InternalDeviceControl => Self::InternalDeviceControl(MustPass(irp)),
            Kind::MustPass => Self::MustPass(MustPass(irp)),
            Kind::Other => Self::Other(irp),
        }
    }
}

impl<'irp, D: Driver> Request<'irp, D> {
    /// The device that the IRP was sent to, and what this thread may call whatever the request is.
    pub fn device_and_irql(&mut self) -> (&Device<D>, &mut Dispatch) {
        match self {
            Self::RemoveDevice(irp) => weaken(irp.device_and_irql()),
            Self::StartDevice(irp) => irp.device_and_irql(),
            Self::DeviceUsageNotification(irp) => weaken(irp.device_and_irql()),
            Self::QueryPnpDeviceState(irp) => weaken(irp.device_and_irql()),
            Self::PnpQuestion(irp) => weaken(irp.device_and_irql()),
            Self::SurpriseRemoval(irp)
            | Self::CancelRemoveDevice(irp)
            | Self::StopDevice(irp)
            | Self::CancelStopDevice(irp) => irp.device_and_irql(),
            Self::QueryRemoveDevice(irp) | Self::QueryStopDevice(irp) => irp.device_and_irql(),
            Self::InternalDeviceControl(irp) | Self::MustPass(irp) => irp.device_and_irql(),
            Self::Read { irp, .. }
            | Self::Write { irp, .. }
            | Self::FlushBuffers(irp)
            | Self::DeviceControl { irp, .. }
            | Self::Other(irp) => irp.device_and_irql(),
        }
    }

    /// Does what a filter does that has no part in the request: each is passed on in the way that is right for it. That is
    /// to skip and to call, but for those that are handled by whoever passes them: they succeed, and IRP_MN_REMOVE_DEVICE
    /// takes the device out of its stack.
    pub fn pass(self) -> Dispatched<'irp> {
        match self {
            Self::RemoveDevice(removal) => removal.call_detach_and_delete(),
            Self::SurpriseRemoval(irp)
            | Self::CancelRemoveDevice(irp)
            | Self::StopDevice(irp)
            | Self::CancelStopDevice(irp) => irp.succeed_and_call(),
            Self::QueryRemoveDevice(irp) | Self::QueryStopDevice(irp) => irp.skip_and_call(),
            Self::StartDevice(irp) => irp.skip_and_call(),
            Self::DeviceUsageNotification(irp) => irp.skip_and_call(),
            Self::QueryPnpDeviceState(irp) => irp.skip_and_call(),
            Self::PnpQuestion(irp) => irp.skip_and_call(),
            Self::InternalDeviceControl(irp) | Self::MustPass(irp) => irp.skip_and_call(),
            Self::Read { irp, .. }
            | Self::Write { irp, .. }
            | Self::FlushBuffers(irp)
            | Self::DeviceControl { irp, .. }
            | Self::Other(irp) => irp.skip_and_call(),
        }
    }
}

fn weaken<'a, D: Driver>((device, irql): (&'a Device<D>, &'a mut Passive)) -> (&'a Device<D>, &'a mut Dispatch) {
    (device, irql.as_dispatch())
}

/// A PnP request that tells a driver what is so and does not ask: it succeeds, here and in every driver below.
///
/// It can be neither failed nor kept, and no completion routine is registered for it, since that can be refused.
///
/// # Invariants
///
/// The IRP is an IRP_MN_SURPRISE_REMOVAL, CANCEL_REMOVE_DEVICE, STOP_DEVICE or CANCEL_STOP_DEVICE.
#[must_use = "an IRP has to be completed or sent down"]
pub struct MustSucceed<'irp, D: Driver>(Irp<'irp, D>);

impl<'irp, D: Driver> MustSucceed<'irp, D> {
    /// Sets STATUS_SUCCESS, as every driver does that has handled the request, and sends the IRP down.
    ///
    /// At IRP_MN_SURPRISE_REMOVAL the device's parts are drained before, see [`parts!`](crate::parts): nothing may wait for a
    /// device that is gone.
    pub fn succeed_and_call(self) -> Dispatched<'irp> {
        if Kind::of(self.0.major_function(), self.0.minor_function()) == Kind::SurpriseRemoval {
            // SAFETY: the PnP manager sends this request at PASSIVE_LEVEL, and the IRP's own token is not used meanwhile.
            let mut irql = unsafe { Passive::assume() };
            self.0.device().drain(&mut irql);
        }
        self.0.set_status(NtStatus::SUCCESS);
        self.0.skip_and_call()
    }
}

/// A request that a filter leaves to the drivers below: it is sent down as it came, whatever the filter thinks of it.
///
/// # Invariants
///
/// The IRP is one of these:
///
/// * IRP_MJ_POWER. To set the power state of a device may not fail, and what asks for it may not either where the filter
///   is not the one that decides.
/// * IRP_MJ_SYSTEM_CONTROL. It is meant for one driver of the stack, and completed by no other.
/// * IRP_MJ_CLEANUP and IRP_MJ_CLOSE. Nobody hears that they fail, and a driver below that does not get them keeps what
///   it has for the file.
/// * IRP_MJ_INTERNAL_DEVICE_CONTROL. Its parameters are an agreement between two drivers of the stack, and what it ended with
///   is said in a structure that only they know, not in IoStatus alone: a filter that completed it would say nothing there.
/// * A PnP request that a filter has no part in, or does not know. Its status is not for the filter to set.
#[must_use = "an IRP has to be completed or sent down"]
pub struct MustPass<'irp, D: Driver>(Irp<'irp, D>);

impl<'irp, D: Driver> MustPass<'irp, D> {
    /// The request's IRP_MJ_ code.
    #[must_use]
    pub fn major_function(&self) -> u8 {
        self.0.major_function()
    }

    /// The request's IRP_MN_ code, which means something only together with the major function.
    #[must_use]
    pub fn minor_function(&self) -> u8 {
        self.0.minor_function()
    }

    /// Where it is the IRP_MN_SET_POWER of the device, what it sets: for a driver that has something to do before the device
    /// sleeps. What wakes is powered only when the drivers below have done it, which this driver does not hear of.
    #[must_use]
    pub fn device_power(&self) -> Option<DevicePower> {
        if !kind::is_set_power(self.major_function(), self.minor_function()) {
            return None;
        }
        let location = self.0.stack_location();
        // SAFETY: our own stack location, whose parameters are those of a power request.
        if unsafe { io_stack_location::power_type(location).read() } != DevicePowerState {
            return None;
        }
        // SAFETY: as above, and of a device's state.
        let state = unsafe { io_stack_location::device_power(location).read() };
        Some(if state == PowerDeviceD0 {
            DevicePower::Working
        } else {
            DevicePower::Sleeping
        })
    }

    /// Sends the IRP down as it is: the lower driver gets our stack location, and we do not hear of it again.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        self.0.skip_and_call()
    }
}

/// The power state of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevicePower {
    /// D0.
    Working,
    /// D1, D2 or D3.
    Sleeping,
}

/// The PnP manager asks whether something may be done to the device: a driver refuses, or agrees and lets those below
/// refuse.
///
/// # Invariants
///
/// The IRP is an IRP_MN_QUERY_REMOVE_DEVICE or IRP_MN_QUERY_STOP_DEVICE.
#[must_use = "an IRP has to be completed or sent down"]
pub struct Query<'irp, D: Driver>(Irp<'irp, D>);

impl<'irp, D: Driver> Query<'irp, D> {
    /// Refuses: the IRP is completed with `error`, and nobody below sees it.
    pub fn refuse(self, error: NtError) -> Rejected<'irp, D> {
        self.0.reject(error)
    }

    /// Agrees, having made ready for it: sets STATUS_SUCCESS and sends the IRP down.
    pub fn succeed_and_call(self) -> Dispatched<'irp> {
        self.0.set_status(NtStatus::SUCCESS);
        self.0.skip_and_call()
    }

    /// Has no part in it: sends the IRP down as it is.
    pub fn skip_and_call(self) -> Dispatched<'irp> {
        self.0.skip_and_call()
    }
}

/// What every request gives, whatever may be done with it.
macro_rules! device_access {
    ($($request:ident)*) => {$(
        impl<D: Driver> $request<'_, D> {
            /// The device that the IRP was sent to.
            #[must_use]
            pub fn device(&self) -> &Device<D> {
                self.0.device()
            }

            /// The same, and what this thread may call: for a spin lock in the device's state.
            pub fn device_and_irql(&mut self) -> (&Device<D>, &mut Dispatch) {
                self.0.device_and_irql()
            }
        }
    )*};
}

device_access!(MustSucceed MustPass Query);
