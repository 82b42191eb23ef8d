//! What several of these tests need: the driver in the lab, and the usual requests.

use lab::{
    Lab,
    script::{Address, Arrival, Call, Device, IoStatus, Request, Sent, World},
    status::{NtStatus, STATUS_SUCCESS},
};

use crate::layout::{REMOVE_LOCK_BYTES, driver_object, irp, stack_location};

pub(crate) const IRP_MJ_READ: u8 = 0x03;
pub(crate) const IRP_MJ_WRITE: u8 = 0x04;
pub(crate) const IRP_MJ_FLUSH_BUFFERS: u8 = 0x09;
pub(crate) const IRP_MJ_DEVICE_CONTROL: u8 = 0x0E;
pub(crate) const IRP_MJ_CLOSE: u8 = 0x02;
pub(crate) const IRP_MJ_CLEANUP: u8 = 0x12;
pub(crate) const IRP_MJ_SYSTEM_CONTROL: u8 = 0x17;
pub(crate) const IRP_MJ_INTERNAL_DEVICE_CONTROL: u8 = 0x0F;
pub(crate) const IRP_MJ_POWER: u8 = 0x16;
pub(crate) const IRP_MN_SET_POWER: u8 = 0x02;
pub(crate) const IRP_MJ_PNP: u8 = 0x1B;
/// The minor functions of IRP_MJ_PNP that must succeed and do not end the device: CANCEL_REMOVE_DEVICE, STOP_DEVICE,
/// CANCEL_STOP_DEVICE and SURPRISE_REMOVAL.
const MUST_SUCCEED: [u8; 4] = [0x03, 0x04, 0x06, 0x17];

/// What the device below leaves in `IoStatus.Information`.
pub(crate) const INFORMATION: usize = 0x5150;

/// The driver in the lab.
pub(crate) fn driver() -> Lab<'static> {
    Lab::open(irpscope_tests::driver_path()).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a script with the driver.
#[track_caller]
pub(crate) fn play(script: impl FnOnce(&World)) {
    if let Err(error) = driver().play(script) {
        panic!("{error}");
    }
}

/// A status with [`INFORMATION`].
pub(crate) fn with_information(status: NtStatus) -> IoStatus {
    IoStatus::new(status, INFORMATION)
}

/// Every major function, with a minor function of 0, and READ and WRITE as paging I/O besides.
pub(crate) fn every_major() -> impl Iterator<Item = Request> {
    let majors = (0..driver_object::MAJOR_FUNCTIONS as u8).map(|major| Request::new(major, 0));
    let paging = [IRP_MJ_READ, IRP_MJ_WRITE].map(|major| Request::new(major, 0).paging());
    majors.chain(paging).map(Request::patterned)
}

/// Every PnP request that must succeed and does not end the device.
pub(crate) fn must_succeed() -> impl Iterator<Item = Request> {
    MUST_SUCCEED.into_iter().map(|minor| Request::new(IRP_MJ_PNP, minor))
}

/// Whether it is a PnP request that must succeed, IRP_MN_REMOVE_DEVICE among them.
pub(crate) fn is_to_succeed(request: &Request) -> bool {
    let mut all = must_succeed().chain([Request::remove_device()]);
    all.any(|other| (other.major, other.minor) == (request.major, request.minor))
}

/// Whether it is a query that the filter agrees to on its way down: QUERY_REMOVE_DEVICE or QUERY_STOP_DEVICE.
pub(crate) fn is_agreed_to(request: &Request) -> bool {
    request.major == IRP_MJ_PNP && matches!(request.minor, 0x01 | 0x05)
}

/// Whether nobody may fail it: a PnP request that must succeed, SET_POWER, CLEANUP or CLOSE.
pub(crate) fn may_not_fail(request: &Request) -> bool {
    let may_not = matches!(
        (request.major, request.minor),
        (IRP_MJ_POWER, IRP_MN_SET_POWER) | (IRP_MJ_CLEANUP | IRP_MJ_CLOSE, _)
    );
    may_not || is_to_succeed(request)
}

/// Whether the filter waits in dispatch until it is back: START_DEVICE, and no usage that it knows.
pub(crate) fn is_waited_for(request: &Request) -> bool {
    (request.major, request.minor) == (IRP_MJ_PNP, 0x00)
}

/// Whether the filter follows it, and does not just let it pass.
pub(crate) fn is_followed(request: &Request) -> bool {
    let is_counted = matches!(
        request.major,
        IRP_MJ_READ | IRP_MJ_WRITE | IRP_MJ_FLUSH_BUFFERS | IRP_MJ_DEVICE_CONTROL
    );
    is_counted || is_waited_for(request)
}

/// The one IRP that arrived below since this was last asked.
#[track_caller]
pub(crate) fn arrival(world: &World) -> Arrival {
    let arrivals = world.take_arrivals();
    assert_eq!(arrivals.len(), 1, "{} requests arrived below", arrivals.len());
    arrivals.into_iter().next().expect("there is one")
}

/// The calls in order, but for those that are not listed by name: time, processors, pool.
pub(crate) fn named(calls: Vec<Call>) -> Vec<Call> {
    let is_named = |call: &Call| !matches!(call, Call::Other { .. } | Call::ExAllocatePool2 { .. });
    calls.into_iter().filter(is_named).collect()
}

/// The calls for a request that only passes.
pub(crate) fn passing(sent: &Sent, lock: Address, lower: Device) -> [Call; 3] {
    let (irp, size) = (sent.irp(), REMOVE_LOCK_BYTES);
    [
        Call::IoAcquireRemoveLockEx { lock, tag: irp, size },
        Call::IofCallDriver {
            device: lower.address(),
            irp,
        },
        Call::IoReleaseRemoveLockEx { lock, tag: irp, size },
    ]
}

/// The IRP as it has to arrive at `lower`: as it was sent, but for the next stack location where the filter uses one.
///
/// There, the routine and its context are whoever registered them, and taken from what arrived.
pub(crate) fn expected_below(sent: &Sent, request: &Request, lower: Device, arrived: &[u8]) -> Vec<u8> {
    if !is_followed(request) {
        let mut expected = sent.passed_to(lower);
        if is_agreed_to(request) {
            put(&mut expected, irp::IO_STATUS_STATUS, &STATUS_SUCCESS.to_le_bytes());
        }
        return expected;
    }
    let mut expected = sent.contents().to_vec();
    let own = sent.location();
    let next = own - stack_location::BYTES;
    expected[irp::CURRENT_LOCATION] -= 1;
    put(
        &mut expected,
        irp::CURRENT_STACK_LOCATION,
        &(sent.irp().0 + next).to_le_bytes(),
    );
    expected.copy_within(own..own + stack_location::COMPLETION_ROUTINE, next);
    expected[next + stack_location::CONTROL] = stack_location::SL_INVOKE_ALL;
    put(
        &mut expected,
        next + stack_location::DEVICE_OBJECT,
        &lower.address().0.to_le_bytes(),
    );
    let registered = next + stack_location::COMPLETION_ROUTINE..next + stack_location::BYTES;
    expected[registered.clone()].copy_from_slice(&arrived[registered]);
    expected
}

/// Writes bytes at an offset.
pub(crate) fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

/// The pointer at an offset.
pub(crate) fn pointer(bytes: &[u8], offset: usize) -> Address {
    let pointer = bytes[offset..offset + 8].try_into();
    Address(usize::from_le_bytes(pointer.expect("eight bytes")))
}

/// The status at an offset.
pub(crate) fn status_at(bytes: &[u8], offset: usize) -> NtStatus {
    let status = bytes[offset..offset + 4].try_into();
    NtStatus::from_le_bytes(status.expect("four bytes"))
}
