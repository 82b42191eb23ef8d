//! What the disk sees of what a driver makes of the requests that it was sent: parts of them, in the request's own IRP or
//! in IRPs of the driver, resends, and requests that nobody above has sent.
//!
//! A part is a READ or WRITE of less than the request that its data is of. A resend is what had arrived before for the
//! same request: the same bytes of it, or the same flush. A probe is a READ that the driver had the I/O manager build
//! and whose data is no request's.

use std::{ops::Range, rc::Rc};

use super::{Disk, data};
use crate::kernel::{
    Machine,
    io::{
        call::{IRP_MJ_FLUSH_BUFFERS, IRP_MJ_READ, IRP_MJ_WRITE},
        irp::{IrpRecord, Origin},
        transfer::Asked,
    },
    layout::{device_object, io_stack_location, irp},
};

/// Under which names it is counted.
const OWN_IRPS: &str = "own IRPs that the disk got";
const PARTS: &str = "parts that the disk got";
const PARTS_IN_OWN_IRPS: &str = "parts that the disk got in own IRPs";
const PARTS_AT_ONCE: &str = "parts of a request at the disk, at most";
const RESENDS: &str = "resends that the disk got";
const PROBES: &str = "probes that the disk got";
pub(super) const TOO_LONG: &str = "transfers that were too long for the disk";

impl Disk {
    /// The request of an initiator that an IRP belongs to by its data, and which bytes of it it is for.
    pub(super) fn belongs_to(
        &self,
        machine: &Machine,
        record: &Rc<IrpRecord>,
        location: usize,
    ) -> Option<(Rc<IrpRecord>, Range<usize>)> {
        let bytes = io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF;
        if record.origin == Origin::Initiator {
            // Whatever memory a driver may have put under it.
            let asked = record.transfer.asked()?;
            let start = io_stack_location::ARGUMENT3.get(location).checked_sub(asked.offset)?;
            let range = start..start.checked_add(bytes)?;
            return (range.end <= asked.bytes).then(|| (Rc::clone(record), range));
        }
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        let start = data::of(record.address, device_object::FLAGS.get(device)).start()?;
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        machine.outstanding.borrow().values().find_map(|request| {
            let range = within(request.transfer.asked()?, major, start, bytes)?;
            Some((Rc::clone(request), range))
        })
    }

    /// Whether somebody is going to cancel a request, or the one that it belongs to.
    pub(super) fn is_to_be_cancelled(&self, machine: &Machine, record: &Rc<IrpRecord>) -> bool {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        if record.origin == Origin::Initiator {
            return record.transfer.is_to_be_cancelled();
        }
        self.habits.get().never_parts
            && is_transfer(location)
            && self
                .belongs_to(machine, record, location)
                .is_some_and(|(request, _)| request.transfer.is_to_be_cancelled())
    }

    /// An IRP has arrived.
    pub(super) fn note_arrival(&self, machine: &Machine, record: &Rc<IrpRecord>) {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let is_own = record.origin != Origin::Initiator;
        if is_own {
            machine.reporter.count(OWN_IRPS, 1);
        }
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        if major == IRP_MJ_FLUSH_BUFFERS && !is_own && record.transfer.arrives_again(&(0..0)) {
            machine.reporter.count(RESENDS, 1);
        }
        if !is_transfer(location) {
            return;
        }
        let Some((request, range)) = self.belongs_to(machine, record, location) else {
            if record.origin == Origin::Built && major == IRP_MJ_READ {
                machine.reporter.count(PROBES, 1);
            }
            return;
        };
        if request.transfer.arrives_again(&range) {
            machine.reporter.count(RESENDS, 1);
        }
        if is_part(&request, &range) {
            machine.reporter.count(PARTS, 1);
            if is_own {
                machine.reporter.count(PARTS_IN_OWN_IRPS, 1);
            }
            machine.reporter.count_max(PARTS_AT_ONCE, request.transfer.begin_part());
        }
    }

    /// An IRP is about to be completed.
    pub(super) fn note_leaving(&self, machine: &Machine, record: &Rc<IrpRecord>) {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        if !is_transfer(location) {
            return;
        }
        if let Some((request, range)) = self.belongs_to(machine, record, location)
            && is_part(&request, &range)
        {
            request.transfer.end_part();
        }
    }
}

fn is_transfer(location: usize) -> bool {
    matches!(
        io_stack_location::MAJOR_FUNCTION.get(location),
        IRP_MJ_READ | IRP_MJ_WRITE
    )
}

fn is_part(request: &IrpRecord, range: &Range<usize>) -> bool {
    request.transfer.asked().is_some_and(|asked| range.len() < asked.bytes)
}

/// Which bytes of a transfer these are, if they are in its data.
fn within(asked: Asked, major: u8, start: usize, bytes: usize) -> Option<Range<usize>> {
    let first = start.checked_sub(asked.buffer)?;
    let range = first..first.checked_add(bytes)?;
    (major == asked.major && range.end <= asked.bytes).then_some(range)
}
