//! What the lab knows of each IRP, beside what stands in it.
//!
//! An IRP's *visits* are the devices that it was sent to, in order: each IofCallDriver begins one. A visit ends when the
//! IRP has been completed past its stack location. Two visits share a stack location where the upper driver skipped
//! its own.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    rc::Rc,
};

use super::{call::IRP_MJ_POWER, invariant::Signature, own::Sender, transfer::Transfer};
use crate::{
    kernel::{
        Machine,
        layout::{IO_TYPE_IRP, io_stack_location, irp},
        power::WAIT_WAKE,
        status::{NtStatus, STATUS_NOT_SUPPORTED},
        trace::{Event, What},
    },
    rules::Rule,
};

/// The most events that are kept of one IRP: the first half of them and the latest.
const HISTORY_EVENTS: usize = 64;

/// How many freed IRPs are remembered, so that what a driver still does with one can be told.
const FREED_REMEMBERED: usize = 4096;

/// `SL_PENDING_RETURNED`.
pub(crate) const SL_PENDING_RETURNED: u8 = 0x01;
/// `SL_ERROR_RETURNED`.
pub(crate) const SL_ERROR_RETURNED: u8 = 0x02;
/// `SL_INVOKE_ON_CANCEL`.
pub(crate) const SL_INVOKE_ON_CANCEL: u8 = 0x20;
/// `SL_INVOKE_ON_SUCCESS`.
pub(crate) const SL_INVOKE_ON_SUCCESS: u8 = 0x40;
/// `SL_INVOKE_ON_ERROR`.
pub(crate) const SL_INVOKE_ON_ERROR: u8 = 0x80;
/// The three of them: the completion routine is called whatever happens.
pub(crate) const SL_INVOKE_ALWAYS: u8 = SL_INVOKE_ON_CANCEL | SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR;

/// Who may do something with an IRP now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Who allocated it: it has not been sent, or has come back.
    Sender,
    /// The driver of this visit.
    Visit(usize),
    /// The I/O manager, which is completing it.
    Completion,
    /// Nobody: it has been completed for good.
    Done,
}

/// Who allocated an IRP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An initiator of the lab.
    Initiator,
    /// The driver, with IoAllocateIrp: it frees the IRP.
    Driver,
    /// The driver, with IoInitializeIrp in memory of its own.
    Raw,
    /// The I/O manager for the driver, which frees it: IoBuildAsynchronousFsdRequest.
    Built,
    /// The I/O manager, which frees it, for the driver: IoBuildDeviceIoControlRequest and its like.
    Threaded,
    /// The I/O manager, which frees it, for the driver: IoMakeAssociatedIrp.
    Associated,
}

/// A registration with IoSetCompletionRoutineEx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registration {
    /// The address of what the I/O manager allocated for it.
    pub(crate) wrapper: usize,
    /// The stack location that it was written to.
    pub(crate) location: u8,
}

/// An IRP at one device.
pub(crate) struct Visit {
    pub(crate) device_serial: u32,
    /// The number of its stack location; the lowest device's is 1.
    pub(crate) location: u8,
    pub(crate) major: u8,
    pub(crate) minor: u8,
    /// Whether its driver is one of the lab's.
    pub(crate) native: bool,
    /// Marked pending by its driver.
    pub(crate) marked: bool,
    /// Sent on, and with which result where that call has returned.
    pub(crate) sent: bool,
    pub(crate) lower_returned: Option<NtStatus>,
    /// Sent on in the stack location that it had.
    pub(crate) skipped: bool,
    /// Completed by its driver, with this status.
    pub(crate) completed: Option<NtStatus>,
    /// Taken back by a completion routine that returned STATUS_MORE_PROCESSING_REQUIRED.
    pub(crate) kept: bool,
    /// A registration with Ex that has not been sent.
    pub(crate) registered: Option<Registration>,
    /// A registration with Ex was refused, and nothing has been done about it.
    pub(crate) refused: bool,
    /// Its dispatch routine was refused the remove lock last.
    pub(crate) lock_refused: bool,
    /// Its dispatch routine has returned.
    pub(crate) returned: Option<NtStatus>,
    /// The IRP has been completed past it.
    pub(crate) left: bool,
    /// The status that the IRP came with.
    pub(crate) status_on_arrival: NtStatus,
    /// The MDL that the IRP came with.
    pub(crate) list_on_arrival: usize,
    /// The information that it came with, here or back from below.
    pub(crate) information_on_arrival: usize,
    /// The status that the IRP came back with from below, for its completion routine.
    pub(crate) status_from_below: Option<NtStatus>,
    /// It was put into a list before it was marked pending, which is this rule's to tell.
    pub(crate) queued_unmarked: Option<&'static Rule>,
}

/// What is called when an IRP of an initiator has been completed for good.
pub(crate) type Done = Box<dyn FnOnce(&'static Machine, &Rc<IrpRecord>)>;

/// An IRP.
pub(crate) struct IrpRecord {
    pub(crate) serial: u64,
    pub(crate) address: usize,
    pub(crate) stack_count: u8,
    pub(crate) origin: Origin,
    pub(crate) owner: Cell<Owner>,
    pub(crate) freed: Cell<bool>,
    pub(crate) visits: RefCell<Vec<Visit>>,
    /// How often it was sent.
    pub(crate) sends: Cell<u64>,
    pub(crate) final_status: Cell<NtStatus>,
    pub(crate) final_information: Cell<usize>,
    /// PendingReturned, when it was completed for good.
    pub(crate) final_pending: Cell<bool>,
    /// What it transfers, where an initiator sent it.
    pub(crate) transfer: Transfer,
    /// The MDL that it was sent with.
    pub(crate) list_sent: Cell<usize>,
    /// What its sender's IoCallDriver returned, once it has.
    pub(crate) sent_returned: Cell<Option<NtStatus>>,
    pub(crate) done: RefCell<Option<Done>>,
    /// Who sent it last, where that was a routine of the driver with an IRP of its own.
    pub(crate) sent_by: Cell<Option<Sender>>,
    /// When a completion routine kept it last, or it failed without an event set, by the count of the driver's steps; or 0.
    pub(crate) back_at: Cell<u64>,
    /// Its data as it was when it was sent, where nobody may change it.
    pub(crate) invariant: Cell<Option<Signature>>,
    history: RefCell<Vec<Event>>,
}

impl IrpRecord {
    /// The name of the major function that a visit was for.
    pub(crate) fn major_name(&self, visit: usize) -> String {
        let visits = self.visits.borrow();
        visits
            .get(visit)
            .map_or_else(String::new, |visit| major_name(visit.major))
    }

    /// Whether it is a power IRP, other than one that waits to wake the machine, that a driver which is not the lab's has.
    pub(crate) fn is_power_held_by_driver(&self) -> bool {
        let Owner::Visit(index) = self.owner.get() else {
            return false;
        };
        self.visit(index, |visit| {
            visit.major == IRP_MJ_POWER && visit.minor != WAIT_WAKE && !visit.native
        })
    }

    /// Whether a driver has it that it was sent to.
    fn is_below(&self) -> bool {
        !self.freed.get() && matches!(self.owner.get(), Owner::Visit(_))
    }

    /// Works on a visit.
    pub(crate) fn visit<R>(&self, index: usize, work: impl FnOnce(&mut Visit) -> R) -> R {
        work(&mut self.visits.borrow_mut()[index])
    }

    /// Begins a visit, and forgets those after that of `caller` which are over: a driver may send an IRP down for ever.
    pub(crate) fn begin_visit(&self, caller: Option<usize>, visit: Visit) -> usize {
        let mut visits = self.visits.borrow_mut();
        let kept = caller.map_or(0, |caller| caller + 1);
        while visits.len() > kept && visits.last().is_some_and(|last| last.left && last.returned.is_some()) {
            visits.pop();
        }
        visits.push(visit);
        self.sends.set(self.sends.get() + 1);
        visits.len() - 1
    }

    /// Ends all visits, since its sender uses it again. A device that completed it elsewhere may not have returned yet from
    /// the call that sent it there: what that call notes about its visit must find it, so it stays.
    pub(crate) fn end_visits(&self) {
        let mut visits = self.visits.borrow_mut();
        while visits.last().is_some_and(|last| last.returned.is_some()) {
            visits.pop();
        }
        for visit in visits.iter_mut() {
            visit.left = true;
        }
    }

    /// What happened to it, one line an event.
    pub(crate) fn history(&self) -> Vec<String> {
        self.history.borrow().iter().map(ToString::to_string).collect()
    }

    fn remember(&self, event: Event) {
        let mut history = self.history.borrow_mut();
        if history.len() == HISTORY_EVENTS {
            history.remove(HISTORY_EVENTS / 2);
        }
        history.push(event);
    }

    /// Whether a cancel routine was set when the IRP had been cancelled, so that nobody calls it. Cancelling takes the
    /// routine out, and who sets one looks at Cancel then.
    pub(crate) fn was_cancelled_unseen(&self) -> bool {
        !self.freed.get() && irp::CANCEL.get(self.address) != 0 && irp::CANCEL_ROUTINE.get(self.address) != 0
    }

    /// The address of the stack location with this number.
    pub(crate) fn stack_location(&self, number: u8) -> usize {
        let before = usize::from(number).wrapping_sub(1);
        (self.address + irp::BYTES).wrapping_add(before.wrapping_mul(io_stack_location::BYTES))
    }
}

/// The name of a major function.
pub(crate) fn major_name(major: u8) -> String {
    const NAMES: [&str; 28] = [
        "CREATE",
        "CREATE_NAMED_PIPE",
        "CLOSE",
        "READ",
        "WRITE",
        "QUERY_INFORMATION",
        "SET_INFORMATION",
        "QUERY_EA",
        "SET_EA",
        "FLUSH_BUFFERS",
        "QUERY_VOLUME_INFORMATION",
        "SET_VOLUME_INFORMATION",
        "DIRECTORY_CONTROL",
        "FILE_SYSTEM_CONTROL",
        "DEVICE_CONTROL",
        "INTERNAL_DEVICE_CONTROL",
        "SHUTDOWN",
        "LOCK_CONTROL",
        "CLEANUP",
        "CREATE_MAILSLOT",
        "QUERY_SECURITY",
        "SET_SECURITY",
        "POWER",
        "SYSTEM_CONTROL",
        "DEVICE_CHANGE",
        "QUERY_QUOTA",
        "SET_QUOTA",
        "PNP",
    ];
    NAMES
        .get(usize::from(major))
        .map_or_else(|| format!("major {major:#04x}"), |name| format!("IRP_MJ_{name}"))
}

/// Addresses are their own hash but for the bits that they all share.
#[derive(Default)]
pub(crate) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}

/// A map from addresses. Its order is nobody's business: who iterates it looks for the least or the greatest.
pub(crate) type AddressMap<T> = HashMap<usize, T, BuildHasherDefault<AddressHasher>>;

/// Every IRP of the machine, and those that were freed as long as their address has not been used again.
#[derive(Default)]
pub(crate) struct Irps {
    records: RefCell<AddressMap<Rc<IrpRecord>>>,
    serial: Cell<u64>,
    freed: RefCell<VecDeque<usize>>,
    /// Those that were built for a thread and are not freed.
    threaded: RefCell<Vec<Rc<IrpRecord>>>,
    /// IRPs of the driver's that it has sent, and that may be back.
    own_sent: RefCell<Vec<Rc<IrpRecord>>>,
}

impl Irps {
    /// The IRP at `address`, freed or not.
    pub(crate) fn get(&self, address: usize) -> Option<Rc<IrpRecord>> {
        self.records.borrow().get(&address).cloned()
    }

    /// Those that a condition holds for.
    pub(crate) fn all_that(&self, condition: impl Fn(&IrpRecord) -> bool) -> Vec<Rc<IrpRecord>> {
        let records = self.records.borrow();
        let mut found: Vec<_> = records.values().filter(|record| condition(record)).cloned().collect();
        found.sort_by_key(|record| record.serial);
        found
    }

    /// The IRP built for a thread that has this event and has not been freed.
    pub(crate) fn threaded_with(&self, event: usize) -> Option<Rc<IrpRecord>> {
        let threaded = self.threaded.borrow();
        let found = threaded
            .iter()
            .find(|record| irp::USER_EVENT.get(record.address) == event);
        found.cloned()
    }

    /// Notes that the driver sends an IRP of its own.
    pub(super) fn note_own_sent(&self, record: &Rc<IrpRecord>) {
        let mut own = self.own_sent.borrow_mut();
        own.retain(|other| other.is_below() && !Rc::ptr_eq(other, record));
        own.push(Rc::clone(record));
    }

    /// The IRPs of the driver's that drivers below it have.
    pub(crate) fn own_below(&self) -> Vec<Rc<IrpRecord>> {
        let own = self.own_sent.borrow();
        own.iter().filter(|record| record.is_below()).cloned().collect()
    }

    /// Notes that an IRP has been freed, and forgets those that were freed long ago.
    pub(crate) fn note_freed(&self, record: &IrpRecord) {
        record.freed.set(true);
        if record.origin == Origin::Threaded {
            self.threaded.borrow_mut().retain(|other| other.serial != record.serial);
        }
        let mut freed = self.freed.borrow_mut();
        freed.push_back(record.address);
        if freed.len() > FREED_REMEMBERED {
            let oldest = freed.pop_front();
            let mut records = self.records.borrow_mut();
            if let Some(address) = oldest
                && records.get(&address).is_some_and(|record| record.freed.get())
            {
                records.remove(&address);
            }
        }
    }

    /// How many IRPs there have been.
    pub(crate) fn count(&self) -> u64 {
        self.serial.get()
    }
}

impl Machine {
    /// The bytes that an IRP with this many stack locations takes.
    pub(crate) fn irp_bytes(stack_count: u8) -> usize {
        irp::BYTES + usize::from(stack_count) * io_stack_location::BYTES
    }

    /// Makes an IRP of the pool block at `address`.
    pub(crate) fn register_irp(&self, address: usize, stack_count: u8, origin: Origin) -> Rc<IrpRecord> {
        let serial = self.irps.serial.get() + 1;
        self.irps.serial.set(serial);
        initialise(address, stack_count);
        let record = Rc::new(IrpRecord {
            serial,
            address,
            stack_count,
            origin,
            owner: Cell::new(Owner::Sender),
            freed: Cell::new(false),
            visits: RefCell::default(),
            sends: Cell::new(0),
            final_status: Cell::new(0),
            final_information: Cell::new(0),
            final_pending: Cell::new(false),
            transfer: Transfer::default(),
            list_sent: Cell::new(0),
            sent_returned: Cell::new(None),
            done: RefCell::default(),
            sent_by: Cell::new(None),
            back_at: Cell::new(0),
            invariant: Cell::new(None),
            history: RefCell::default(),
        });
        self.irps.records.borrow_mut().insert(address, Rc::clone(&record));
        if origin == Origin::Threaded {
            self.irps.threaded.borrow_mut().push(Rc::clone(&record));
        }
        self.event(
            &record,
            What::Allocated {
                stack_locations: stack_count,
            },
        );
        record
    }

    /// Notes that something happened to an IRP.
    pub(crate) fn event(&self, record: &IrpRecord, what: What) {
        let event = self.trace(record.serial, what);
        record.remember(event);
        self.note_progress();
    }
}

/// Writes an IRP as IoAllocateIrp leaves it.
pub(crate) fn initialise(address: usize, stack_count: u8) {
    let bytes = Machine::irp_bytes(stack_count);
    crate::guest::zero(address, bytes);
    irp::TYPE.set(address, IO_TYPE_IRP);
    irp::SIZE.set(address, u16::try_from(bytes).unwrap_or(u16::MAX));
    irp::STACK_COUNT.set(address, stack_count);
    irp::CURRENT_LOCATION.set(address, stack_count.wrapping_add(1));
    irp::CURRENT_STACK_LOCATION.set(address, address + bytes);
    let list = irp::THREAD_LIST_ENTRY.address(address);
    crate::guest::write(list, list);
    crate::guest::write(list + 8, list);
}

/// The status that PnP, power and WMI requests begin with.
pub(crate) const INITIAL_STATUS: NtStatus = STATUS_NOT_SUPPORTED;
