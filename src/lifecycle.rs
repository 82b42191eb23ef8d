//! What a device goes through: started and stopped, holding special files or not, and what the filter answers for that.
//!
//! The requests that tell it are PnP's, and come at PASSIVE_LEVEL one after the other, but for usage notifications, which `wdm`
//! serves in turn. What a notification comes to is decided in `policy`.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use policy::{
    probe::Event,
    usage::{Ended, SpecialFile, Usage},
};
use wdm::{
    Device, DeviceUsage, DeviceUsageNotification, Dispatch, Dispatched, MustSucceed, NtError, Outcome, PnpDeviceState,
    Query, QueryPnpDeviceState, RemoveDevice, StartDevice,
};

use crate::{filter::Filter, probe, retry};

/// Where a device is in its life.
///
/// All of it is read by requests that change nothing, at the same time.
#[derive(Default)]
pub(crate) struct Lifecycle {
    started: AtomicBool,
    going: AtomicBool,
    /// It was started and then stopped. Not the opposite of `started`, which is not so either before the first start.
    stopped: AtomicBool,
    /// A [`Usage`]. Written in the turn of a usage notification alone.
    usage: AtomicU64,
}

impl Lifecycle {
    /// What special files are on the device.
    pub(crate) fn usage(&self) -> Usage {
        Usage::from_bits(self.usage.load(Ordering::Acquire))
    }

    fn set_usage(&self, usage: Usage) {
        self.usage.store(usage.to_bits(), Ordering::Release);
    }

    /// Whether IRP_MN_REMOVE_DEVICE has come, so that the drivers below are not to be sent anything that is not on its way.
    pub(crate) fn is_going(&self) -> bool {
        self.going.load(Ordering::Acquire)
    }

    /// Whether the device has been stopped, and not been started since.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn started(&self) {
        self.started.store(true, Ordering::Release);
        self.stopped.store(false, Ordering::Release);
    }

    /// The device takes no new special file from now on, and nothing is sent to it again, until it is started.
    fn stopped(&self) {
        self.started.store(false, Ordering::Release);
        self.stopped.store(true, Ordering::Release);
    }
}

/// IRP_MN_START_DEVICE: the drivers below first. The filter has nothing of its own that could fail.
///
/// Where it cannot wait for them, it lets them start all the same: a disk is not lost over a filter.
pub(crate) fn start(irp: StartDevice<'_, Filter>) -> Dispatched<'_> {
    match irp.forward_and_wait() {
        Ok(mut answered) => {
            if answered.status().ok().is_ok() {
                let (device, irql) = answered.device_and_irql();
                started(device, irql);
            }
            answered.complete()
        }
        Err(mut irp) => {
            let (device, irql) = irp.device_and_irql();
            started(device, irql);
            irp.skip_and_call()
        }
    }
}

fn started(device: &Device<Filter>, irql: &mut Dispatch) {
    device.state().lifecycle.started();
    retry::resume(device, irql);
    probe::happened(device, Event::Started, irql);
}

/// IRP_MN_STOP_DEVICE and IRP_MN_SURPRISE_REMOVAL. After the latter the device is neither detached nor deleted:
/// IRP_MN_REMOVE_DEVICE is still to come.
pub(crate) fn stop(mut irp: MustSucceed<'_, Filter>, event: Event) -> Dispatched<'_> {
    let (device, irql) = irp.device_and_irql();
    device.state().lifecycle.stopped();
    probe::happened(device, event, irql);
    irp.succeed_and_call()
}

/// IRP_MN_CANCEL_STOP_DEVICE and IRP_MN_CANCEL_REMOVE_DEVICE: what was asked for does not come.
pub(crate) fn resume(mut irp: MustSucceed<'_, Filter>, event: Event) -> Dispatched<'_> {
    let (device, irql) = irp.device_and_irql();
    probe::happened(device, event, irql);
    irp.succeed_and_call()
}

/// IRP_MN_REMOVE_DEVICE: what is below, and fails from now on, is not sent there again; no part of what is under way is, and no
/// probe.
pub(crate) fn remove(mut removal: RemoveDevice<'_, Filter>) -> Dispatched<'_> {
    let (device, irql) = removal.device_and_irql();
    let lifecycle = &device.state().lifecycle;
    lifecycle.going.store(true, Ordering::Release);
    lifecycle.stopped();
    probe::happened(device, Event::Removed, irql.as_dispatch());
    removal.call_detach_and_delete()
}

/// IRP_MN_QUERY_STOP_DEVICE and IRP_MN_QUERY_REMOVE_DEVICE: not while the system pages to the device, or would write a dump or
/// itself to it.
pub(crate) fn query(mut irp: Query<'_, Filter>, event: Event) -> Outcome<'_, Filter> {
    if irp.device().state().lifecycle.usage().holds_files() {
        return Err(irp.refuse(NtError::UNSUCCESSFUL));
    }
    let (device, irql) = irp.device_and_irql();
    probe::happened(device, event, irql);
    Ok(irp.succeed_and_call())
}

/// IRP_MN_QUERY_PNP_DEVICE_STATE: what the system needs is not to be disabled.
pub(crate) fn query_state(irp: QueryPnpDeviceState<'_, Filter>) -> Dispatched<'_> {
    if irp.device().state().lifecycle.usage().is_needed() {
        irp.answer_with(PnpDeviceState::NOT_DISABLEABLE)
    } else {
        irp.skip_and_call()
    }
}

/// IRP_MN_DEVICE_USAGE_NOTIFICATION. What is followed and passed is not paged in any case, and takes memory that was allocated
/// when the device was added; so every file is welcome on a device that has been started.
pub(crate) fn usage_notification(irp: DeviceUsageNotification<'_, Filter>) -> Outcome<'_, Filter> {
    let file = match irp.usage() {
        DeviceUsage::Paging => SpecialFile::Paging,
        DeviceUsage::Hibernation => SpecialFile::Hibernation,
        DeviceUsage::Dump => SpecialFile::Dump,
        DeviceUsage::Boot => SpecialFile::Boot,
        DeviceUsage::Other(_) => return Ok(irp.skip_and_call()),
    };
    let in_path = irp.is_in_path();
    irp.serve_alone(
        |device| {
            let lifecycle = &device.state().lifecycle;
            if in_path && !lifecycle.started.load(Ordering::Acquire) {
                return Err(NtError::DEVICE_NOT_READY);
            }
            let change = lifecycle.usage().notified(file, in_path);
            lifecycle.set_usage(change.meanwhile());
            if change.set_pagable_first() {
                device.restore_power_pagable();
            }
            Ok(change)
        },
        |device, change, status| {
            let Ended {
                usage,
                clear_pagable,
                invalidate_state,
            } = change.ended(status.ok().is_ok());
            if clear_pagable {
                device.clear_power_pagable();
            }
            device.state().lifecycle.set_usage(usage);
            if invalidate_state {
                device.invalidate_state();
            }
        },
    )
}
