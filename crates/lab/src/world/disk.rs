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
//! A request that is pending can be cancelled. Data is copied when the request is completed, to and from the memory that
//! its MDLs describe, mapped or not. A request beyond the end of the medium fails. Where its [`Habits`] say so it also
//! transfers less than was asked for, refuses what is longer than its longest transfer, keeps requests until they are
//! cancelled, completes them in another order (`order`), fails them for a while (`transient`), and has a medium that is
//! changed (`media`).
//!
//! A disk that is stopped, asleep or hung keeps what comes until it is started, awake or well again, and one that is gone
//! fails everything. What it answers the PnP manager is in `pnp`, the power manager in `power`. What a driver has made of
//! the requests that it was sent, parts, resends and IRPs of its own, is counted in `seen`.

mod data;
mod media;
mod order;
mod pnp;
mod power;
mod seen;
mod transient;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use crate::kernel::{
    Machine,
    io::{
        call::{
            IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP, IRP_MJ_POWER,
            IRP_MJ_READ, IRP_MJ_SYSTEM_CONTROL, IRP_MJ_WRITE,
        },
        device::Native,
        irp::{IrpRecord, Owner, SL_PENDING_RETURNED},
    },
    layout::{device_object, io_stack_location, irp},
    random::Random,
    scheduler::{DISPATCH_LEVEL, Dpc},
    status::{
        NtStatus, STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_DEVICE_DATA_ERROR, STATUS_DEVICE_NOT_READY,
        STATUS_END_OF_FILE, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_IO_DEVICE_ERROR,
        STATUS_IO_TIMEOUT, STATUS_PENDING, STATUS_SUCCESS,
    },
    trace::What,
};

pub(crate) use self::{
    media::{DO_VERIFY_VOLUME, IOCTL_DISK_CHECK_VERIFY, SL_OVERRIDE_VERIFY_VOLUME},
    order::Order,
    transient::Transient,
};

/// The size of the medium of a usual disk.
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
    /// Transfers fewer bytes than were asked for, and says so.
    pub(crate) short_per_mille: u32,
    /// Keeps a request that is going to be cancelled until it is.
    pub(crate) never_per_mille: u32,
    /// And also a part of one, in an IRP of the driver's.
    pub(crate) never_parts: bool,
    /// Refuses what the PnP and the power manager ask and a disk may refuse.
    pub(crate) refuse_per_mille: u32,
    /// Answers the PnP manager later, at DISPATCH_LEVEL.
    pub(crate) pend_pnp_per_mille: u32,
    /// Refuses longer transfers.
    pub(crate) transfer_bytes_max: usize,
    /// Has a medium that can be taken out.
    pub(crate) removable: bool,
    /// The size of the medium.
    pub(crate) medium_bytes: usize,
    /// What is completed next of what is pending.
    pub(crate) order: Order,
    /// The errors that go away when a request is sent again.
    pub(crate) transient: Transient,
}

impl Default for Habits {
    /// A disk that does nothing unusual.
    fn default() -> Self {
        Self {
            at_once_per_mille: 250,
            error_per_mille: 0,
            latency_min_ns: 20_000,
            latency_span_ns: 400_000,
            short_per_mille: 0,
            never_per_mille: 0,
            never_parts: false,
            refuse_per_mille: 0,
            pend_pnp_per_mille: 0,
            transfer_bytes_max: usize::MAX,
            removable: false,
            medium_bytes: MEDIUM_BYTES,
            order: Order::Due,
            transient: Transient::Never,
        }
    }
}

/// The disk.
pub(crate) struct Disk {
    habits: Cell<Habits>,
    random: Random,
    medium: RefCell<Vec<u8>>,
    pending: RefCell<BTreeMap<u64, (Rc<IrpRecord>, usize)>>,
    /// The serial numbers of those that wait until the disk is started, awake or well.
    held: RefCell<Vec<u64>>,
    /// Those of the others that are pending and have a time, in the order in which they came.
    queued: order::Queue,
    is_hung: Cell<bool>,
    is_written: Cell<bool>,
    troubles: transient::Troubles,
    media: media::Media,
    life: pnp::Life,
    sleep: power::Sleep,
}

impl Disk {
    /// The disk called `name`: two with different names make different choices with the same seed.
    pub(crate) fn new(seed: u64, name: &str, habits: Habits) -> Self {
        Self {
            habits: Cell::new(habits),
            random: Random::new(seed, name),
            medium: RefCell::new(vec![0; habits.medium_bytes]),
            pending: RefCell::default(),
            held: RefCell::default(),
            queued: order::Queue::default(),
            is_hung: Cell::new(false),
            is_written: Cell::new(false),
            troubles: transient::Troubles::new(seed, name),
            media: media::Media::default(),
            life: pnp::Life::default(),
            sleep: power::Sleep::default(),
        }
    }

    /// Whether nothing has been transferred yet, so that every byte of the medium is zero.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_written.get()
    }

    /// The size of its medium.
    pub(crate) fn medium_bytes(&self) -> usize {
        self.habits.get().medium_bytes
    }

    /// Answers nothing for so long, and then everything that has come.
    pub(crate) fn hang(self: &Rc<Self>, machine: &'static Machine, for_ns: u64) {
        machine.reporter.count("times that the disk hung", 1);
        self.is_hung.set(true);
        let disk = Rc::clone(self);
        let recover = move |machine| {
            disk.is_hung.set(false);
            disk.release_held(machine);
        };
        machine.clock.at(machine.clock.now_ns() + for_ns, Box::new(recover));
    }

    /// Whether it answers nothing now.
    pub(crate) fn is_hung(&self) -> bool {
        self.is_hung.get()
    }

    fn keeps_everything(&self) -> bool {
        self.life.is_stopped() || self.sleep.is_asleep() || self.is_hung.get()
    }

    /// Cancels a request that is pending here. False where it is not.
    pub(crate) fn cancel(&self, machine: &'static Machine, record: &Rc<IrpRecord>) -> bool {
        let kept = self.pending.borrow_mut().remove(&record.serial);
        let Some((_, visit)) = kept else {
            return self.cancel_waking(machine, record);
        };
        self.complete(machine, record, visit, STATUS_CANCELLED, 0);
        true
    }

    /// Serves a request for data, or the like.
    fn serve(self: &Rc<Self>, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) -> NtStatus {
        let habits = self.habits.get();
        if let Some(status) = self.life.refusal() {
            self.complete(machine, record, visit, status, 0);
            return status;
        }
        if self.keeps_everything() {
            machine.reporter.count("requests that waited for the disk", 1);
            self.keep(machine, record, visit);
            self.held.borrow_mut().push(record.serial);
            return self.cancelled_before(machine, record);
        }
        if self.is_to_be_cancelled(machine, record) && self.random.chance(habits.never_per_mille) {
            machine.reporter.count("requests that the disk kept until cancelled", 1);
            self.keep(machine, record, visit);
            return self.cancelled_before(machine, record);
        }
        if !self.random.chance(habits.at_once_per_mille) {
            self.keep(machine, record, visit);
            self.serve_later(machine, record, visit);
            machine.schedule_point();
            return STATUS_PENDING;
        }
        let (status, information) = self.carry_out(machine, record);
        self.complete(machine, record, visit, status, information);
        status
    }

    /// Marks a request pending and keeps it.
    fn keep(&self, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) {
        let device = record.visit(visit, |visit| visit.device_serial);
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let control = io_stack_location::CONTROL.get(location);
        io_stack_location::CONTROL.set(location, control | SL_PENDING_RETURNED);
        machine.event(record, What::MarkedPending { device });
        self.pending
            .borrow_mut()
            .insert(record.serial, (Rc::clone(record), visit));
    }

    /// Who keeps a request without an end in sight looks whether it has been cancelled on its way.
    fn cancelled_before(&self, machine: &'static Machine, record: &Rc<IrpRecord>) -> NtStatus {
        if irp::CANCEL.get(record.address) != 0 {
            self.cancel(machine, record);
        }
        machine.schedule_point();
        STATUS_PENDING
    }

    /// Has a request that is kept served after some time.
    fn serve_later(self: &Rc<Self>, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) {
        let device = record.visit(visit, |visit| visit.device_serial);
        let habits = self.habits.get();
        let latency = habits.latency_min_ns + self.random.below(habits.latency_span_ns + 1);
        let until_ns = machine.clock.now_ns() + latency;
        machine.event(record, What::Pended { device, until_ns });
        self.queued.add(record.serial);
        let (disk, serial) = (Rc::clone(self), record.serial);
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
    }

    /// Serves what had to wait until the disk was started, awake or well.
    fn release_held(self: &Rc<Self>, machine: &'static Machine) {
        if self.keeps_everything() {
            return;
        }
        for serial in self.held.take() {
            let kept = self.pending.borrow().get(&serial).cloned();
            if let Some((record, visit)) = kept {
                self.serve_later(machine, &record, visit);
            }
        }
    }

    /// Fails everything that is kept here.
    fn fail_all(&self, machine: &'static Machine, status: NtStatus) {
        self.held.take();
        loop {
            let first = self.pending.borrow_mut().pop_first();
            let Some((_, (record, visit))) = first else {
                return;
            };
            self.complete(machine, &record, visit, status, 0);
        }
    }

    /// It is time for this request, or for another in its place.
    fn serve_pending(&self, machine: &'static Machine, serial: u64) {
        let is_pending = |serial: &u64| self.pending.borrow().contains_key(serial);
        let Some(serial) = self
            .queued
            .take(self.habits.get().order, serial, is_pending, &self.random)
        else {
            return;
        };
        if self.is_hung.get() {
            self.held.borrow_mut().push(serial);
            return;
        }
        let pending = self.pending.borrow_mut().remove(&serial);
        if let Some((record, visit)) = pending {
            let (status, information) = self.carry_out(machine, &record);
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
        self.note_leaving(machine, record);
        irp::STATUS.set(record.address, status);
        irp::INFORMATION.set(record.address, information);
        let context = machine.current();
        let irql = context.irql.get();
        context.irql.set(irql.max(DISPATCH_LEVEL));
        machine.complete(record, Some(visit));
        machine.current().irql.set(irql);
    }

    /// Does what is asked for; returns the status and the information.
    fn carry_out(&self, machine: &'static Machine, record: &Rc<IrpRecord>) -> (NtStatus, usize) {
        let habits = self.habits.get();
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        if habits.removable
            && let Some(status) = self.check_media(machine, record, location)
        {
            return (status, 0);
        }
        if !matches!(major, IRP_MJ_READ | IRP_MJ_WRITE | IRP_MJ_FLUSH_BUFFERS) {
            return (STATUS_SUCCESS, 0);
        }
        if let Some(status) = self.transient_error(machine, record, location) {
            return (status, 0);
        }
        if self.random.chance(habits.error_per_mille) {
            return (ERRORS[self.random.index(ERRORS.len())], 0);
        }
        if major == IRP_MJ_FLUSH_BUFFERS {
            return (STATUS_SUCCESS, 0);
        }
        let mut bytes = io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF;
        let offset = io_stack_location::ARGUMENT3.get(location);
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        let data = data::of(record.address, device_object::FLAGS.get(device));
        if bytes > habits.transfer_bytes_max {
            // Nobody can be asked to split what is in several MDLs.
            let chained = if data.is_chained() { "chained " } else { "" };
            machine.reporter.count(&format!("{chained}{}", seen::TOO_LONG), 1);
            return (STATUS_INVALID_PARAMETER, 0);
        }
        if offset.checked_add(bytes).is_none_or(|end| end > habits.medium_bytes) {
            return (STATUS_END_OF_FILE, 0);
        }
        if !data.is_there() {
            return (STATUS_INVALID_DEVICE_REQUEST, 0);
        }
        if bytes > SECTOR_BYTES && self.random.chance(habits.short_per_mille) {
            machine.reporter.count("short transfers", 1);
            bytes = SECTOR_BYTES * (1 + self.random.index(bytes / SECTOR_BYTES - 1));
        }
        let belongs = self.belongs_to(machine, record, location);
        let mut medium = self.medium.borrow_mut();
        let part = &mut medium[offset..offset + bytes];
        bytes = if major == IRP_MJ_READ {
            data.write(part)
        } else {
            data.read(part)
        };
        if let Some((request, range)) = belongs {
            request.transfer.add(range.start..range.start + bytes);
        }
        if major == IRP_MJ_WRITE {
            self.is_written.set(true);
        }
        (STATUS_SUCCESS, bytes)
    }
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
                disk.note_arrival(machine, record);
                disk.serve(machine, record, visit)
            }
            IRP_MJ_PNP => disk.pnp(machine, record, visit),
            IRP_MJ_POWER => disk.power(machine, record, visit),
            IRP_MJ_SYSTEM_CONTROL => {
                // The bottom of the stack: nobody here provides anything, so the request keeps the status that it has.
                let status = irp::STATUS.get(record.address);
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
