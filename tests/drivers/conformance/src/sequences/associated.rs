//! Associated IRPs.

use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

use super::completing::expect_order;
use crate::{
    check::Check,
    journal::{self, SENDER, seen},
    kernel::{
        Device, IoFreeIrp, IoMakeAssociatedIrp, IofCallDriver, IofCompleteRequest, Irp, NO_INCREMENT, NtStatus,
        STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS, TRUE,
    },
    layers::{Stack, layer},
    objects::{device_object, extension, irp, mark_pending},
    requests::{allocate, describe, send},
};

/// IRP_ASSOCIATED_IRP.
const ASSOCIATED: u32 = 0x8;
/// How many are made.
const PARTS: i32 = 3;

/// What was seen of the parts.
static COUNTS: [AtomicI32; 3] = [const { AtomicI32::new(0) }; 3];
static LINKED: AtomicI32 = AtomicI32::new(0);

/// Sends parts down, with the last of which the I/O manager completes the IRP.
fn split(device: Device, master: Irp) -> NtStatus {
    let lower = layer::LOWER.of(extension(device));
    let mut parts = [crate::objects::NULL; 3];
    for part in &mut parts {
        *part = IoMakeAssociatedIrp(master, device_object::STACK_SIZE.of(lower));
    }
    if parts.iter().any(|part| part.is_null()) {
        for part in parts.into_iter().filter(|part| !part.is_null()) {
            IoFreeIrp(part);
        }
        irp::STATUS.set(master, STATUS_INSUFFICIENT_RESOURCES);
        IofCompleteRequest(master, NO_INCREMENT);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    mark_pending(master);
    irp::IRP_COUNT.set(master, PARTS);
    irp::STATUS.set(master, STATUS_SUCCESS);
    irp::INFORMATION.set(master, 7);
    for (part, count) in parts.into_iter().zip(&COUNTS) {
        let linked = irp::MASTER_IRP.of(part) == master && irp::FLAGS.of(part) & ASSOCIATED != 0;
        LINKED.fetch_add(i32::from(linked), Relaxed);
        // How many the master waits for, before each of them is sent.
        count.store(irp::IRP_COUNT.of(master), Relaxed);
        describe(part);
        IofCallDriver(lower, part);
    }
    STATUS_PENDING
}

/// Sends one request that the middle splits. It is back, and freed.
fn send_split(check: &mut Check, stack: Stack) -> Option<NtStatus> {
    LINKED.store(0, Relaxed);
    journal::clear();
    layer::BEHAVIOUR.set(extension(stack.middle), split);
    let request = allocate(check, stack.middle)?;
    let returned = send(stack.middle, request);
    IoFreeIrp(request);
    Some(returned)
}

pub(super) fn an_associated_irp_leads_to_its_master(check: &mut Check, stack: Stack) {
    send_split(check, stack);
    check.equal(
        c"IRPs with MasterIrp and IRP_ASSOCIATED_IRP",
        PARTS,
        LINKED.load(Relaxed),
    );
    check.equal(
        c"IRPs of the bottom",
        PARTS.cast_unsigned(),
        layer::ARRIVALS.of(extension(stack.bottom)),
    );
}

pub(super) fn each_associated_irp_that_is_completed_counts_down(check: &mut Check, stack: Stack) {
    send_split(check, stack);
    for (count, expected) in COUNTS.iter().zip([3, 2, 1]) {
        check.equal(c"IrpCount", expected, count.load(Relaxed));
    }
}

pub(super) fn the_master_is_completed_with_the_last_associated_irp(check: &mut Check, stack: Stack) {
    let returned = send_split(check, stack);
    check.equal(c"result of IoCallDriver", STATUS_PENDING, returned.unwrap_or_default());
    expect_order(check, &[SENDER]);
    check.equal(c"status", STATUS_SUCCESS, seen(0).status);
    check.equal(c"information", 7, seen(0).information);
    check.equal(c"PendingReturned", TRUE, seen(0).pending_returned);
}
