//! Invariant MDLs: the data of a request that nobody may change.
//!
//! The buffer of a WRITE stays as it is for the life of the IRP. That of a READ stays as it is until the request leaves
//! the driver for the one below: what is written there afterwards may be what was read. A request's data is signed when
//! it is sent and compared where the driver sends it on, and completes it, and when it is back.
//!
//! Requests of initiators with an MDL are looked at. Where the driver reads into the buffer of another request by an IRP
//! of its own, that is the disk's writing and not the driver's.

use std::{ops::Range, rc::Rc};

use super::{
    call::{IRP_MJ_READ, IRP_MJ_WRITE},
    irp::{IrpRecord, Origin},
};
use crate::{
    guest,
    kernel::{
        Machine,
        layout::{io_stack_location, irp, mdl},
        mdl::start_of,
    },
    rules,
};

/// What a request's data was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    major: u8,
    list: usize,
    start: usize,
    bytes: usize,
    sum: u64,
}

impl Signature {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.bytes
    }
}

/// Where the data of an IRP in this stack location is, if an MDL says so.
fn data_of(record: &IrpRecord, location: usize) -> Option<(usize, Range<usize>)> {
    let list = irp::MDL_ADDRESS.get(record.address);
    if list == 0 {
        return None;
    }
    let bytes = io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF;
    let bytes = bytes.min(mdl::BYTE_COUNT.get(list) as usize);
    let start = start_of(list);
    (bytes != 0 && guest::contains(start, bytes)).then(|| (list, start..start + bytes))
}

impl Machine {
    /// An initiator sends a request.
    pub(super) fn sign(&self, record: &IrpRecord) {
        let location = record.stack_location(record.stack_count);
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        if record.origin != Origin::Initiator || !matches!(major, IRP_MJ_READ | IRP_MJ_WRITE) {
            return;
        }
        record
            .invariant
            .set(data_of(record, location).map(|(list, range)| Signature {
                major,
                list,
                start: range.start,
                bytes: range.len(),
                sum: guest::checksum(range.start, range.len()),
            }));
    }

    /// The driver sends a request on.
    pub(super) fn check_invariant_on_the_way_down(&self, record: &Rc<IrpRecord>) {
        self.check_invariant(record, &[IRP_MJ_READ, IRP_MJ_WRITE]);
        let signature = record.invariant.get();
        if signature.is_some_and(|signature| signature.major == IRP_MJ_READ) {
            record.invariant.set(None);
        }
    }

    /// The driver completes a request, or it is back.
    pub(super) fn check_invariant_on_the_way_up(&self, record: &Rc<IrpRecord>) {
        self.check_invariant(record, &[IRP_MJ_WRITE]);
    }

    fn check_invariant(&self, record: &Rc<IrpRecord>, majors: &[u8]) {
        let Some(signature) = record.invariant.get() else {
            return;
        };
        // A driver may have put an MDL of its own in its place.
        let carried = irp::MDL_ADDRESS.get(record.address) == signature.list;
        if !carried
            || !majors.contains(&signature.major)
            || guest::checksum(signature.start, signature.bytes) == signature.sum
        {
            return;
        }
        if signature.major == IRP_MJ_WRITE {
            self.violation_about(
                Some(record),
                &rules::WRITE_DATA_CHANGED,
                "the data of an IRP_MJ_WRITE is not what it was when the request was sent",
            );
        }
        self.violation_about(
            Some(record),
            &rules::READ_BUFFER_CHANGED,
            "the buffer of an IRP_MJ_READ was written to on its way down",
        );
    }

    /// A device of the lab's has completed an IRP of the driver's, and may have read into another request's buffer.
    pub(super) fn forget_invariants_read_into(&self, record: &IrpRecord, location: usize) {
        if record.origin == Origin::Initiator || io_stack_location::MAJOR_FUNCTION.get(location) != IRP_MJ_READ {
            return;
        }
        let Some((_, read)) = data_of(record, location) else {
            return;
        };
        for other in self.outstanding.borrow().values() {
            let overlaps = other.invariant.get().is_some_and(|signature| {
                let range = signature.range();
                signature.major == IRP_MJ_READ && range.start < read.end && read.start < range.end
            });
            if overlaps {
                other.invariant.set(None);
            }
        }
    }
}
