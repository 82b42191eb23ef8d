//! The driver below: it does with each request what the script says, and keeps what arrived.
//!
//! Requests for PnP and power are completed at the IRQL they came at, all others at DISPATCH_LEVEL, as storage does.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use super::{Address, Device, HeldLock, IoStatus, Mdl, memory::Medium};
use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            call::{IRP_MJ_PNP, IRP_MJ_POWER},
            device::Native,
            irp::{IrpRecord, SL_PENDING_RETURNED},
        },
        layout::{io_stack_location, irp},
        scheduler::{DISPATCH_LEVEL, Dpc},
        status::{NtStatus, STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS},
        trace::What,
    },
};

/// What the driver below does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Completes it with this within its dispatch routine, and returns the status.
    Complete(IoStatus),
    /// Completes a READ or WRITE with STATUS_SUCCESS and all of its bytes, within its dispatch routine.
    Transfer,
    /// As [`Answer::PendAndComplete`], with STATUS_SUCCESS and all of its bytes.
    PendAndTransfer,
    /// Marks it pending, keeps it, and returns STATUS_PENDING. The script completes or cancels it, or never does.
    Pend,
    /// Marks it pending, completes it at once, and returns STATUS_PENDING when it is gone already.
    PendAndComplete(IoStatus),
    /// Marks it pending, keeps it, returns STATUS_PENDING, and completes it when this time has gone by.
    CompleteAfter(Duration, IoStatus),
}

impl Answer {
    /// [`Answer::Complete`].
    pub fn complete(status: impl Into<IoStatus>) -> Self {
        Self::Complete(status.into())
    }

    /// [`Answer::PendAndComplete`].
    pub fn pend_and_complete(status: impl Into<IoStatus>) -> Self {
        Self::PendAndComplete(status.into())
    }

    /// [`Answer::CompleteAfter`].
    pub fn complete_after(time: Duration, status: impl Into<IoStatus>) -> Self {
        Self::CompleteAfter(time, status.into())
    }
}

/// An IRP as it arrived at the driver below.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The device that it was sent to.
    pub device: Device,
    /// Where the IRP is.
    pub irp: Address,
    /// The IRP with all of its stack locations.
    pub contents: Vec<u8>,
    /// The remove locks that were held then.
    pub held: Vec<HeldLock>,
    /// The IRQL that it was sent at.
    pub irql: u8,
    /// Its MDL, as it was then.
    pub mdl: Option<Mdl>,
}

/// The most arrivals that are kept until the script takes them.
const ARRIVALS_MAX: usize = 100_000;

/// An IRP that is pending at a device of the script's.
struct Pending {
    record: Rc<IrpRecord>,
    visit: usize,
}

/// The driver of the devices below.
pub(super) struct ScriptedDisk {
    usual: Cell<Answer>,
    next: RefCell<VecDeque<Answer>>,
    /// By the IRPs' serial numbers.
    pending: RefCell<BTreeMap<u64, Pending>>,
    pub(super) recording: Cell<bool>,
    arrivals: RefCell<Vec<Arrival>>,
    arrived: Cell<u64>,
    pub(super) medium: Medium,
}

impl ScriptedDisk {
    pub(super) fn new() -> Self {
        Self {
            usual: Cell::new(Answer::complete(STATUS_SUCCESS)),
            next: RefCell::default(),
            pending: RefCell::default(),
            recording: Cell::new(true),
            arrivals: RefCell::default(),
            arrived: Cell::new(0),
            medium: Medium::default(),
        }
    }

    pub(super) fn set_usual(&self, answer: Answer) {
        self.usual.set(answer);
    }

    pub(super) fn add_next(&self, answer: Answer) {
        self.next.borrow_mut().push_back(answer);
    }

    pub(super) fn forget_next(&self) {
        self.next.borrow_mut().clear();
    }

    pub(super) fn take_arrivals(&self) -> Vec<Arrival> {
        self.arrivals.take()
    }

    pub(super) fn arrived(&self) -> u64 {
        self.arrived.get()
    }

    /// Has a pending request completed by a DPC, and gives what will tell whether that has run. `None` where the request
    /// is not pending here.
    pub(super) fn complete_pending(
        self: &Rc<Self>,
        machine: &'static Machine,
        record: &IrpRecord,
        status: IoStatus,
    ) -> Option<Rc<Cell<bool>>> {
        let serial = record.serial;
        if !self.pending.borrow().contains_key(&serial) {
            return None;
        }
        let has_run = Rc::new(Cell::new(false));
        let (disk, running) = (Rc::clone(self), Rc::clone(&has_run));
        let work = move |machine| {
            running.set(true);
            disk.end(machine, serial, status);
        };
        machine.queue_dpc(machine.some_processor(), Dpc::Native(Box::new(work)));
        Some(has_run)
    }

    pub(super) fn is_pending(&self, record: &IrpRecord) -> bool {
        self.pending.borrow().contains_key(&record.serial)
    }

    /// Completes a request, unless it has been completed since.
    fn end(&self, machine: &'static Machine, serial: u64, status: IoStatus) -> bool {
        let pending = self.pending.borrow_mut().remove(&serial);
        let Some(Pending { record, visit }) = pending else {
            return false;
        };
        self.complete(machine, &record, visit, status);
        true
    }

    /// Completes a request, and moves its data.
    fn complete(&self, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize, status: IoStatus) {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let IoStatus {
            status: code,
            information,
        } = status;
        self.medium.transfer(machine, record, location, code, information);
        complete(machine, record, visit, status);
    }

    fn note(&self, machine: &'static Machine, record: &IrpRecord) {
        self.arrived.set(self.arrived.get() + 1);
        if !self.recording.get() {
            return;
        }
        let mut arrivals = self.arrivals.borrow_mut();
        if arrivals.len() == ARRIVALS_MAX {
            machine.cannot(&format!(
                "the script lets {ARRIVALS_MAX} requests arrive and takes none: World::set_recording turns that off"
            ));
        }
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        let Some(device) = Device::at(machine, device) else {
            return;
        };
        arrivals.push(Arrival {
            device,
            irp: Address(record.address),
            contents: contents(record),
            held: held_locks(machine),
            irql: machine.irql(),
            mdl: Mdl::at(irp::MDL_ADDRESS.get(record.address)),
        });
    }

    fn pend(&self, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let control = io_stack_location::CONTROL.get(location);
        io_stack_location::CONTROL.set(location, control | SL_PENDING_RETURNED);
        let device = record.visit(visit, |visit| visit.device_serial);
        machine.event(record, What::MarkedPending { device });
        let pending = Pending {
            record: Rc::clone(record),
            visit,
        };
        self.pending.borrow_mut().insert(record.serial, pending);
    }
}

/// The whole IRP.
pub(super) fn contents(record: &IrpRecord) -> Vec<u8> {
    let mut bytes = vec![0; Machine::irp_bytes(record.stack_count)];
    guest::read_bytes(record.address, &mut bytes);
    bytes
}

/// Every remove lock that is held.
pub(super) fn held_locks(machine: &'static Machine) -> Vec<HeldLock> {
    let held = machine.held_remove_locks().into_iter();
    held.filter_map(|(lock, tag)| {
        let block = machine.pool.borrow().block_at(lock)?;
        Some(HeldLock {
            device: Device::at(machine, block.address)?,
            tag: Address(tag),
        })
    })
    .collect()
}

/// What a READ or WRITE ends with that is carried out in full.
fn all_of(record: &IrpRecord) -> IoStatus {
    let location = irp::CURRENT_STACK_LOCATION.get(record.address);
    IoStatus::new(STATUS_SUCCESS, io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF)
}

fn complete(machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize, status: IoStatus) {
    irp::STATUS.set(record.address, status.status);
    irp::INFORMATION.set(record.address, status.information);
    let major = record.visit(visit, |visit| visit.major);
    let context = machine.current();
    let irql = context.irql.get();
    if !matches!(major, IRP_MJ_PNP | IRP_MJ_POWER) {
        context.irql.set(irql.max(DISPATCH_LEVEL));
    }
    machine.complete(record, Some(visit));
    context.irql.set(irql);
}

/// The disk as the driver of its device objects.
pub(super) struct ScriptedDriver(pub(super) Rc<ScriptedDisk>);

impl Native for ScriptedDriver {
    fn dispatch(&self, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) -> NtStatus {
        let disk = &self.0;
        disk.note(machine, record);
        let next = disk.next.borrow_mut().pop_front();
        match next.unwrap_or(disk.usual.get()) {
            Answer::Complete(status) => {
                disk.complete(machine, record, visit, status);
                return status.status;
            }
            Answer::Transfer => {
                let status = all_of(record);
                disk.complete(machine, record, visit, status);
                return status.status;
            }
            Answer::PendAndTransfer => {
                let status = all_of(record);
                disk.pend(machine, record, visit);
                disk.end(machine, record.serial, status);
            }
            Answer::Pend => disk.pend(machine, record, visit),
            Answer::PendAndComplete(status) => {
                disk.pend(machine, record, visit);
                disk.end(machine, record.serial, status);
            }
            Answer::CompleteAfter(time, status) => {
                disk.pend(machine, record, visit);
                let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                let (disk, record) = (Rc::clone(disk), Rc::clone(record));
                machine.clock.at(
                    machine.clock.now_ns().saturating_add(ns),
                    Box::new(move |machine| {
                        disk.complete_pending(machine, &record, status);
                    }),
                );
            }
        }
        STATUS_PENDING
    }

    fn cancel(&self, machine: &'static Machine, record: &Rc<IrpRecord>) -> bool {
        self.0.end(machine, record.serial, STATUS_CANCELLED.into())
    }
}
