//! What an MDL and its parts owe each other, and a request and its MDL.
//!
//! A partial MDL names the pages of another, its source, and holds them by nothing: it is over when the source's pages are
//! unlocked, which for the MDL of a request is when the request has been completed. It may lie about then, to be built
//! again or freed, but nothing may be transferred by it, and no mapping of its own may be left.

use std::rc::Rc;

use super::{Machine, PARTIAL, PARTIAL_HAS_BEEN_MAPPED, start_of};
use crate::{
    guest,
    kernel::{
        io::{
            call::{IRP_MJ_READ, IRP_MJ_WRITE},
            irp::IrpRecord,
        },
        layout::{io_stack_location, irp, mdl},
    },
    rules,
};

/// What is known of a partial MDL.
#[derive(Clone, Copy)]
pub(super) struct Part {
    source: usize,
    /// The pages of the source have been unlocked.
    is_over: bool,
}

impl Machine {
    /// A partial MDL has been built.
    pub(super) fn note_part(&self, source: usize, target: usize) {
        let is_over = self.is_part_over(source);
        self.mdls.parts.borrow_mut().insert(target, Part { source, is_over });
    }

    /// Whether this is a partial MDL whose source has gone.
    fn is_part_over(&self, list: usize) -> bool {
        let parts = self.mdls.parts.borrow();
        parts.get(&list).is_some_and(|part| part.is_over) && mdl::MDL_FLAGS.get(list) & PARTIAL != 0
    }

    /// The pages of an MDL are unlocked, and with them those of its parts.
    pub(super) fn end_parts(&self, source: usize) {
        if self.mdls.parts.borrow().is_empty() {
            return;
        }
        let mut ended = vec![source];
        while let Some(source) = ended.pop() {
            let mut parts = self.mdls.parts.borrow_mut();
            for (list, part) in parts
                .iter_mut()
                .filter(|(_, part)| part.source == source && !part.is_over)
            {
                part.is_over = true;
                ended.push(*list);
            }
        }
        self.check_no_part_mapped();
    }

    /// No partial MDL that is over has a mapping of its own.
    fn check_no_part_mapped(&self) {
        let is_mapped = |list: &usize| {
            guest::contains(*list, mdl::BYTES)
                && mdl::MDL_FLAGS.get(*list) & (PARTIAL | PARTIAL_HAS_BEEN_MAPPED) == PARTIAL | PARTIAL_HAS_BEEN_MAPPED
        };
        let over: Vec<usize> = {
            let parts = self.mdls.parts.borrow();
            parts
                .iter()
                .filter(|(_, part)| part.is_over)
                .map(|(list, _)| *list)
                .collect()
        };
        if over.iter().any(is_mapped) {
            self.violation(
                &rules::PARTIAL_MDL_OUTLIVES,
                "a partial MDL has a mapping of its own, and the MDL that it is a part of has been unlocked: \
                 MmPrepareMdlForReuse or IoFreeMdl releases it before",
            );
        }
    }

    /// The pages of a partial MDL are there.
    pub(super) fn check_part_is_not_over(&self, list: usize, call: &str) {
        if self.is_part_over(list) {
            self.violation(
                &rules::PARTIAL_MDL_OUTLIVES,
                &format!("{call} with a partial MDL, and the MDL that it is a part of has been unlocked"),
            );
        }
    }

    /// What an IRP takes down describes memory that is there, and enough of it.
    pub(crate) fn check_mdl_sent(&self, address: usize, bytes: usize) {
        let first = irp::MDL_ADDRESS.get(address);
        if first == 0 {
            return;
        }
        self.check_has_pages(first);
        self.check_part_is_not_over(first, "IoCallDriver");
        // MDL.Next is its first field.
        let chain = guest::follow(first, |list| if list == 0 { 0 } else { guest::read(list) });
        let described: usize = chain
            .take_while(|list| *list != 0)
            .map(|list| mdl::BYTE_COUNT.get(list) as usize)
            .sum();
        if described < bytes {
            self.violation(
                &rules::MDL_TOO_SHORT,
                &format!("IoCallDriver with a transfer of {bytes} bytes, of which its MDL describes {described}"),
            );
        }
    }

    /// A driver completes a request, or lets its completion go on, with the MDL that the request came with.
    pub(crate) fn check_list_restored(&self, record: &Rc<IrpRecord>, came_with: usize) {
        // One that the driver gave it where there was none is the I/O manager's now.
        if came_with != 0 && irp::MDL_ADDRESS.get(record.address) != came_with {
            self.violation_about(
                Some(record),
                &rules::MDL_NOT_RESTORED,
                "an IRP goes back up with another MDL than it came with, which whoever sent it unlocks and frees",
            );
        }
    }

    /// A request of an initiator is back: its pages are unlocked, and nobody transfers from and to them any more.
    pub(crate) fn end_parts_of(&self, record: &Rc<IrpRecord>) {
        if let Some(part) = self.part_below(record) {
            self.violation_about(
                Some(record),
                &rules::REQUEST_BEFORE_PARTS,
                &format!(
                    "the request has been completed, and irp {} of the driver's, which is for a part of its data, is \
                     still below",
                    part.serial
                ),
            );
        }
        let list = record.list_sent.get();
        if list != 0 {
            self.end_parts(list);
        }
    }

    /// An IRP of the driver's that is below and is for data of this request.
    fn part_below(&self, record: &IrpRecord) -> Option<Rc<IrpRecord>> {
        let asked = record.transfer.asked()?;
        let data = asked.buffer..asked.buffer + asked.bytes;
        self.irps.own_below().into_iter().find(|own| {
            let location = irp::CURRENT_STACK_LOCATION.get(own.address);
            let is_transfer = matches!(
                io_stack_location::MAJOR_FUNCTION.get(location),
                IRP_MJ_READ | IRP_MJ_WRITE
            );
            let list = irp::MDL_ADDRESS.get(own.address);
            let start = if list == 0 {
                irp::SYSTEM_BUFFER.get(own.address)
            } else {
                start_of(list)
            };
            is_transfer && data.contains(&start)
        })
    }
}
