//! The lower disk: two devices of the lab's own with memory for a medium.
//!
//! # How it behaves
//!
//! Every request is completed at DISPATCH_LEVEL, as real storage stacks do. For each, the seed chooses:
//!
//! - to complete it at once, within its dispatch routine;
//! - to mark it pending and complete it from a DPC on some processor after some time, so in another order than it
//!   arrived, and now and then before its dispatch routine has returned;
//! - to fail it, with one of a few statuses that disks give.
//!
//! A request that is pending can be cancelled. Data is copied when the request is completed. A request beyond the end
//! of the medium fails. What real disks do besides (short transfers, limits of a transfer's length) is not here.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            call::{
                IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_POWER,
                IRP_MJ_READ, IRP_MJ_SYSTEM_CONTROL, IRP_MJ_WRITE,
            },
            device::{DO_BUFFERED_IO, DO_DIRECT_IO, Native},
            irp::{IrpRecord, Owner, SL_PENDING_RETURNED},
        },
        layout::{device_object, io_stack_location, irp, mdl},
        random::Random,
        scheduler::{DISPATCH_LEVEL, Dpc},
        status::{
            NtStatus, STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_DEVICE_DATA_ERROR, STATUS_DEVICE_NOT_READY,
            STATUS_END_OF_FILE, STATUS_INVALID_DEVICE_REQUEST, STATUS_IO_DEVICE_ERROR, STATUS_IO_TIMEOUT,
            STATUS_PENDING, STATUS_SUCCESS,
        },
        trace::What,
    },
};

/// The size of the medium.
pub(crate) const MEDIUM_BYTES: usize = 4 * 1024 * 1024;
/// The size of a sector.
pub(crate) const SECTOR_BYTES: usize = 512;

/// What a disk that fails a request says.
const ERRORS: [NtStatus; 5] = [
    STATUS_IO_DEVICE_ERROR,
    STATUS_DEVICE_DATA_ERROR,
    STATUS_IO_TIMEOUT,
    STATUS_DEVICE_BUSY,
    STATUS_DEVICE_NOT_READY,
];

/// How often it does what, in 1000 requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) at_once_per_mille: u32,
    pub(crate) error_per_mille: u32,
    pub(crate) latency_min_ns: u64,
    pub(crate) latency_span_ns: u64,
}

/// The disk.
pub(crate) struct Disk {
    habits: Habits,
    random: Random,
    medium: RefCell<Vec<u8>>,
    pending: RefCell<BTreeMap<u64, (Rc<IrpRecord>, usize)>>,
}

impl Disk {
    pub(crate) fn new(seed: u64, habits: Habits) -> Self {
        Self {
            habits,
            random: Random::new(seed, "disk"),
            medium: RefCell::new(vec![0; MEDIUM_BYTES]),
            pending: RefCell::default(),
        }
    }

    /// Cancels a request that is pending here. False where it is not.
    pub(crate) fn cancel(&self, machine: &'static Machine, record: &Rc<IrpRecord>) -> bool {
        let Some((_, visit)) = self.pending.borrow_mut().remove(&record.serial) else {
            return false;
        };
        self.complete(machine, record, visit, STATUS_CANCELLED, 0);
        true
    }

    fn pend(&self, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize, disk: Rc<Self>) -> NtStatus {
        let device = record.visit(visit, |visit| visit.device_serial);
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let control = io_stack_location::CONTROL.get(location);
        io_stack_location::CONTROL.set(location, control | SL_PENDING_RETURNED);
        machine.event(record, What::MarkedPending { device });
        let latency = self.habits.latency_min_ns + self.random.below(self.habits.latency_span_ns + 1);
        let until_ns = machine.clock.now_ns() + latency;
        machine.event(record, What::Pended { device, until_ns });
        let serial = record.serial;
        self.pending.borrow_mut().insert(serial, (Rc::clone(record), visit));
        machine.clock.at(
            until_ns,
            Box::new(move |machine| {
                let processor = machine.some_processor();
                machine.queue_dpc(
                    processor,
                    Dpc::Native(Box::new(move |machine| disk.serve_pending(machine, serial))),
                );
            }),
        );
        machine.schedule_point();
        STATUS_PENDING
    }

    fn serve_pending(&self, machine: &'static Machine, serial: u64) {
        let pending = self.pending.borrow_mut().remove(&serial);
        if let Some((record, visit)) = pending {
            let (status, information) = self.carry_out(&record);
            self.complete(machine, &record, visit, status, information);
        }
    }

    /// Completes a request at DISPATCH_LEVEL.
    fn complete(
        &self,
        machine: &'static Machine,
        record: &Rc<IrpRecord>,
        visit: usize,
        status: NtStatus,
        information: usize,
    ) {
        irp::STATUS.set(record.address, status);
        irp::INFORMATION.set(record.address, information);
        let context = machine.current();
        let irql = context.irql.get();
        context.irql.set(irql.max(DISPATCH_LEVEL));
        machine.complete(record, Some(visit));
        machine.current().irql.set(irql);
    }

    /// Does what is asked for; returns the status and the information.
    fn carry_out(&self, record: &IrpRecord) -> (NtStatus, usize) {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        if !matches!(major, IRP_MJ_READ | IRP_MJ_WRITE | IRP_MJ_FLUSH_BUFFERS) {
            return (STATUS_SUCCESS, 0);
        }
        if self.random.chance(self.habits.error_per_mille) {
            return (ERRORS[self.random.index(ERRORS.len())], 0);
        }
        if major == IRP_MJ_FLUSH_BUFFERS {
            return (STATUS_SUCCESS, 0);
        }
        let bytes = io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF;
        let offset = io_stack_location::ARGUMENT3.get(location);
        if offset.checked_add(bytes).is_none_or(|end| end > MEDIUM_BYTES) {
            return (STATUS_END_OF_FILE, 0);
        }
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        let Some(buffer) = buffer_of(record.address, device_object::FLAGS.get(device)) else {
            return (STATUS_INVALID_DEVICE_REQUEST, 0);
        };
        let mut medium = self.medium.borrow_mut();
        let part = &mut medium[offset..offset + bytes];
        if major == IRP_MJ_READ {
            guest::write_bytes(buffer, part);
        } else {
            guest::read_bytes(buffer, part);
        }
        record.transferred.set(true);
        (STATUS_SUCCESS, bytes)
    }
}

/// Where the data of a request is.
fn buffer_of(address: usize, device_flags: u32) -> Option<usize> {
    if device_flags & DO_DIRECT_IO != 0 {
        let list = irp::MDL_ADDRESS.get(address);
        return (list != 0).then(|| mdl::MAPPED_SYSTEM_VA.get(list));
    }
    if device_flags & DO_BUFFERED_IO != 0 {
        let buffer = irp::SYSTEM_BUFFER.get(address);
        return (buffer != 0).then_some(buffer);
    }
    None
}

/// The disk as the driver of its device objects.
pub(crate) struct DiskDriver(pub(crate) Rc<Disk>);

impl Native for DiskDriver {
    fn cancel(&self, machine: &'static Machine, record: &Rc<IrpRecord>) -> bool {
        self.0.cancel(machine, record)
    }

    fn dispatch(&self, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) -> NtStatus {
        let disk = &self.0;
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        match major {
            IRP_MJ_READ
            | IRP_MJ_WRITE
            | IRP_MJ_FLUSH_BUFFERS
            | IRP_MJ_DEVICE_CONTROL
            | IRP_MJ_INTERNAL_DEVICE_CONTROL => {
                if !disk.random.chance(disk.habits.at_once_per_mille) {
                    return disk.pend(machine, record, visit, Rc::clone(disk));
                }
                let (status, information) = disk.carry_out(record);
                disk.complete(machine, record, visit, status, information);
                status
            }
            IRP_MJ_PNP | IRP_MJ_POWER | IRP_MJ_SYSTEM_CONTROL => {
                // The bottom of the stack: what it knows succeeds, and the rest keeps the status that it has.
                let minor = io_stack_location::MINOR_FUNCTION.get(location);
                let status = if major == IRP_MJ_POWER || (major == IRP_MJ_PNP && (minor <= 6 || minor == 0x17)) {
                    STATUS_SUCCESS
                } else {
                    irp::STATUS.get(record.address)
                };
                irp::STATUS.set(record.address, status);
                machine.complete(record, Some(visit));
                status
            }
            _ => {
                let status = if major == 0 || major == 2 || major == 0x12 {
                    STATUS_SUCCESS
                } else {
                    STATUS_INVALID_DEVICE_REQUEST
                };
                irp::STATUS.set(record.address, status);
                irp::INFORMATION.set(record.address, 0);
                machine.complete(record, Some(visit));
                status
            }
        }
    }
}

impl Machine {
    /// Cancels an IRP at a device of the lab's that has it pending.
    pub(crate) fn cancel_at_native(&'static self, record: &Rc<IrpRecord>) -> bool {
        let Owner::Visit(visit) = record.owner.get() else {
            return false;
        };
        // Another driver may have the IRP between two of its stack locations.
        if !record.visit(visit, |visit| visit.native) {
            return false;
        }
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let native = self.devices.native(io_stack_location::DEVICE_OBJECT.get(location));
        native.is_some_and(|native| native.cancel(self, record))
    }
}
