//! The three device objects that requests go through, and what each of them can be told to do with one.
//!
//! All are this driver's, so one dispatch routine serves them, and each has in its extension what it is to do. A sequence
//! tells them before it sends something; they complete requests with success unless they are told otherwise.

use core::ptr;

use crate::{
    journal,
    kernel::{
        DO_DEVICE_INITIALIZING, Device, Dpc, Driver, FALSE, FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN,
        IoAttachDeviceToDeviceStackSafe, IoCreateDevice, IoDeleteDevice, IoDetachDevice, IoForwardIrpSynchronously,
        IoSetCompletionRoutineEx, IofCallDriver, IofCompleteRequest, Irp, KeInitializeDpc, KeInitializeTimerEx,
        KeSetTimer, NO_INCREMENT, NOTIFICATION, NtStatus, Object, STATUS_CONTINUE_COMPLETION, STATUS_DEVICE_NOT_READY,
        STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, STATUS_SUCCESS, Waitable,
    },
    objects::{
        Field, NULL, copy_location_to_next, current_location, device_object, extension, irp, location, mark_pending,
        set_completion_routine, skip_location,
    },
};

/// What a layer does with an IRP that is sent to it: its dispatch routine.
pub(crate) type Behaviour = fn(Device, Irp) -> NtStatus;

/// What is in the extension of a layer's device.
pub(crate) mod layer {
    use super::{Behaviour, Field};
    use crate::kernel::{Device, Dpc, Irp, Location, NtStatus, Waitable};

    /// Which it is, from the bottom.
    pub(crate) const NUMBER: Field<u8> = Field::at(0x00);
    /// Whether its completion routine keeps the IRP.
    pub(crate) const KEEPS: Field<bool> = Field::at(0x01);
    /// When its completion routine is to be called, as in a stack location's control.
    pub(crate) const INVOKE: Field<u8> = Field::at(0x02);
    /// What the next-lower driver returned.
    pub(crate) const RETURNED: Field<NtStatus> = Field::at(0x04);
    pub(crate) const LOWER: Field<Device> = Field::at(0x08);
    pub(crate) const BEHAVIOUR: Field<Behaviour> = Field::at(0x10);
    /// What it completes IRPs with.
    pub(crate) const STATUS: Field<NtStatus> = Field::at(0x18);
    pub(crate) const INFORMATION: Field<usize> = Field::at(0x20);
    /// The IRP that it has pending or has kept.
    pub(crate) const HELD: Field<Irp> = Field::at(0x28);
    /// How many IRPs have come to it, and how the last did.
    pub(crate) const ARRIVALS: Field<u32> = Field::at(0x30);
    pub(crate) const CURRENT_LOCATION: Field<i8> = Field::at(0x34);
    pub(crate) const MAJOR_FUNCTION: Field<u8> = Field::at(0x35);
    pub(crate) const MINOR_FUNCTION: Field<u8> = Field::at(0x36);
    pub(crate) const CONTROL: Field<u8> = Field::at(0x37);
    pub(crate) const LOCATION: Field<Location> = Field::at(0x38);
    pub(crate) const LOCATION_DEVICE: Field<Device> = Field::at(0x40);
    pub(crate) const PARAMETERS: Field<[u64; 4]> = Field::at(0x48);
    /// What ends an IRP by and by.
    pub(crate) const TIMER: Field<Waitable> = Field::at(0x70);
    pub(crate) const DPC: Field<Dpc> = Field::at(0xb0);
    pub(crate) const BYTES: u32 = 0xf0;
}

/// When a timer ends an IRP, in units of 100 ns from when it was sent.
const BY_AND_BY: i64 = -10_000;

/// The devices.
#[derive(Clone, Copy)]
pub(crate) struct Stack {
    pub(crate) driver: Driver,
    pub(crate) bottom: Device,
    pub(crate) middle: Device,
    pub(crate) top: Device,
}

impl Stack {
    /// Makes the devices and attaches them to each other. `None` where that is not possible.
    pub(crate) fn make(driver: Driver) -> Option<Self> {
        let bottom = make_device(driver, layer::BYTES)?;
        let Some(middle) = make_above(driver, bottom) else {
            IoDeleteDevice(bottom);
            return None;
        };
        let Some(top) = make_above(driver, middle) else {
            take_down(middle);
            IoDeleteDevice(bottom);
            return None;
        };
        for (device, number) in [(bottom, 0), (middle, 1), (top, 2)] {
            layer::NUMBER.set(extension(device), number);
        }
        Some(Self {
            driver,
            bottom,
            middle,
            top,
        })
    }

    /// Takes back what the last sequence has told the layers, and what they have seen.
    pub(crate) fn reset(self) {
        journal::clear();
        for device in [self.bottom, self.middle, self.top] {
            let own = extension(device);
            layer::KEEPS.set(own, false);
            layer::INVOKE.set(own, location::INVOKE_ALWAYS);
            layer::BEHAVIOUR.set(own, complete);
            layer::STATUS.set(own, STATUS_SUCCESS);
            layer::INFORMATION.set(own, 0);
            layer::HELD.set(own, NULL);
            layer::ARRIVALS.set(own, 0);
        }
    }

    /// Tells the two upper layers to send requests on with a completion routine, and the lowest what to do.
    pub(crate) fn tell(self, bottom: Behaviour) {
        layer::BEHAVIOUR.set(extension(self.bottom), bottom);
        layer::BEHAVIOUR.set(extension(self.middle), follow);
        layer::BEHAVIOUR.set(extension(self.top), follow);
    }

    pub(crate) fn take_down(self) {
        take_down(self.top);
        take_down(self.middle);
        IoDeleteDevice(self.bottom);
    }
}

/// Makes a device object without a name. `None` where there is no memory.
pub(crate) fn make_device(driver: Driver, extension_bytes: u32) -> Option<Device> {
    let mut device = NULL;
    let status = IoCreateDevice(
        driver,
        extension_bytes,
        ptr::null(),
        FILE_DEVICE_UNKNOWN,
        FILE_DEVICE_SECURE_OPEN,
        FALSE,
        &raw mut device,
    );
    (status >= STATUS_SUCCESS).then_some(device)
}

/// Makes a layer above a device, ready for requests.
fn make_above(driver: Driver, below: Device) -> Option<Device> {
    let device = make_device(driver, layer::BYTES)?;
    let mut lower = NULL;
    if IoAttachDeviceToDeviceStackSafe(device, below, &raw mut lower) < STATUS_SUCCESS {
        IoDeleteDevice(device);
        return None;
    }
    layer::LOWER.set(extension(device), lower);
    for ready in [below, device] {
        let flags = device_object::FLAGS.of(ready);
        device_object::FLAGS.set(ready, flags & !DO_DEVICE_INITIALIZING);
    }
    Some(device)
}

fn take_down(device: Device) {
    IoDetachDevice(layer::LOWER.of(extension(device)));
    IoDeleteDevice(device);
}

/// The dispatch routine of every major function. Nobody but the sequences sends anything: the devices have no names.
pub(crate) extern "system" fn dispatch(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    let here = current_location(request);
    layer::ARRIVALS.set(own, layer::ARRIVALS.of(own).wrapping_add(1));
    layer::CURRENT_LOCATION.set(own, irp::CURRENT_LOCATION.of(request));
    layer::MAJOR_FUNCTION.set(own, location::MAJOR_FUNCTION.of(here));
    layer::MINOR_FUNCTION.set(own, location::MINOR_FUNCTION.of(here));
    layer::CONTROL.set(own, location::CONTROL.of(here));
    layer::LOCATION.set(own, here);
    layer::LOCATION_DEVICE.set(own, location::DEVICE.of(here));
    layer::PARAMETERS.set(own, location::PARAMETERS.of(here));
    layer::BEHAVIOUR.of(own)(device, request)
}

/// Completes the IRP with what the layer was told.
pub(crate) fn complete(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    let status = layer::STATUS.of(own);
    irp::STATUS.set(request, status);
    irp::INFORMATION.set(request, layer::INFORMATION.of(own));
    IofCompleteRequest(request, NO_INCREMENT);
    status
}

/// Holds the IRP until [`end_held`].
pub(crate) fn pend(device: Device, request: Irp) -> NtStatus {
    mark_pending(request);
    layer::HELD.set(extension(device), request);
    STATUS_PENDING
}

/// Completes the IRP as one that pends.
pub(crate) fn pend_and_complete(device: Device, request: Irp) -> NtStatus {
    mark_pending(request);
    complete(device, request);
    STATUS_PENDING
}

/// Has a timer's DPC complete the IRP.
pub(crate) fn pend_for_a_while(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    let (timer, dpc) = (layer::TIMER.place(own), layer::DPC.place(own));
    pend(device, request);
    KeInitializeTimerEx(timer.cast(), NOTIFICATION);
    KeInitializeDpc(dpc.cast(), end_in_dpc, device);
    KeSetTimer(timer.cast(), BY_AND_BY, dpc.cast());
    STATUS_PENDING
}

extern "system" fn end_in_dpc(_dpc: Object, device: Object, _first: Object, _second: Object) {
    end_held(device);
}

/// Completes the IRP that a layer holds, as it was told.
pub(crate) fn end_held(device: Device) {
    let own = extension(device);
    let request = layer::HELD.of(own);
    if !request.is_null() {
        layer::HELD.set(own, NULL);
        complete(device, request);
    }
}

/// Sends the IRP on in the layer's own stack location.
pub(crate) fn skip(device: Device, request: Irp) -> NtStatus {
    skip_location(request);
    IofCallDriver(layer::LOWER.of(extension(device)), request)
}

/// Sends the IRP on with a completion routine, and where that keeps it, as one that pends.
pub(crate) fn follow(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    copy_location_to_next(request);
    set_completion_routine(request, came_back, own, layer::INVOKE.of(own));
    send_on(device, request)
}

/// The same with a completion routine that is registered with IoSetCompletionRoutineEx.
pub(crate) fn follow_registered(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    let invoke = layer::INVOKE.of(own);
    let when = |bit| u8::from(invoke & bit != 0);
    copy_location_to_next(request);
    let status = IoSetCompletionRoutineEx(
        device,
        request,
        came_back,
        own,
        when(location::INVOKE_ON_SUCCESS),
        when(location::INVOKE_ON_ERROR),
        when(location::INVOKE_ON_CANCEL),
    );
    if status < STATUS_SUCCESS {
        layer::STATUS.set(own, status);
        return complete(device, request);
    }
    send_on(device, request)
}

fn send_on(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    let keeps = layer::KEEPS.of(own);
    if keeps {
        mark_pending(request);
    }
    let status = IofCallDriver(layer::LOWER.of(own), request);
    layer::RETURNED.set(own, status);
    if keeps { STATUS_PENDING } else { status }
}

/// Sends the IRP down twice: its completion routine keeps it each time, and those below complete it at once.
pub(crate) fn send_twice(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    layer::KEEPS.set(own, true);
    let mut status = STATUS_DEVICE_NOT_READY;
    for _ in 0..2 {
        copy_location_to_next(request);
        set_completion_routine(request, came_back, own, location::INVOKE_ALWAYS);
        status = IofCallDriver(layer::LOWER.of(own), request);
    }
    IofCompleteRequest(request, NO_INCREMENT);
    status
}

/// Waits until those below have completed the IRP, and completes it as they did.
pub(crate) fn forward(device: Device, request: Irp) -> NtStatus {
    let own = extension(device);
    let forwarded = IoForwardIrpSynchronously(layer::LOWER.of(own), request);
    // What the call gave, for the sequence to look at.
    layer::RETURNED.set(own, i32::from(forwarded));
    if forwarded == FALSE {
        return complete(device, request);
    }
    let status = irp::STATUS.of(request);
    IofCompleteRequest(request, NO_INCREMENT);
    status
}

/// The completion routine of every layer.
extern "system" fn came_back(device: Device, request: Irp, own: Object) -> NtStatus {
    journal::note(layer::NUMBER.of(own), device, request, own);
    if layer::KEEPS.of(own) {
        layer::HELD.set(own, request);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    if irp::PENDING_RETURNED.of(request) != FALSE {
        mark_pending(request);
    }
    STATUS_CONTINUE_COMPLETION
}

const _: () = assert!(size_of::<Waitable>() == 0x40 && size_of::<Dpc>() == 0x40);
