//! IRPs that a dispatch routine puts into a list of its driver's: they are marked pending before another can take them out.
//!
//! The functions that insert under a lock which they take themselves are seen when they are called. Inserting by hand is
//! inlined into drivers: it is seen by the IRP's links, when the spin lock that it was done under is released.
//!
//! That the IRP is not marked then is noted only, since a dispatch routine may wait until it has the IRP back, and complete
//! it unmarked. It is an offence where the routine marks the IRP after all. Where it never does, and returns STATUS_PENDING,
//! the rule about that tells it. What other routines queue is not looked at: it was marked when dispatch returned, or else
//! was told then.

use std::rc::Rc;

use super::irp::{IrpRecord, Owner, SL_PENDING_RETURNED};
use crate::{
    guest,
    kernel::{
        Machine,
        activation::Routine,
        layout::{io_stack_location, irp},
    },
    pool::Classified,
    rules::{self, Rule},
};

const LINKS_BYTES: usize = 16;

impl Machine {
    /// The driver puts `entry` into a list with a function that takes the list's lock.
    pub(crate) fn note_interlocked_insert(&self, entry: usize) {
        if let Some((record, visit)) = self.irp_in_dispatch()
            && (record.address..record.address + irp::BYTES).contains(&entry)
        {
            self.note_queued(&record, visit, &rules::QUEUED_INTERLOCKED_UNMARKED);
        }
    }

    /// The driver releases a spin lock, under which it may have put an IRP into a list.
    pub(crate) fn note_queued_under_lock(&self) {
        if let Some((record, visit)) = self.irp_in_dispatch()
            && self.is_linked(irp::LIST_ENTRY.address(record.address))
        {
            self.note_queued(&record, visit, &rules::QUEUED_UNMARKED);
        }
    }

    /// The IRP that the running routine is the dispatch routine for, where it has it.
    fn irp_in_dispatch(&self) -> Option<(Rc<IrpRecord>, usize)> {
        let activations = self.current().activations.borrow();
        let Routine::Dispatch { irp, visit } = &activations.last()?.routine else {
            return None;
        };
        let has_it = !irp.freed.get() && irp.owner.get() == Owner::Visit(*visit);
        has_it.then(|| (Rc::clone(irp), *visit))
    }

    fn note_queued(&self, record: &IrpRecord, visit: usize, rule: &'static Rule) {
        let location = record.stack_location(record.visit(visit, |visit| visit.location));
        let is_marked = io_stack_location::CONTROL.get(location) & SL_PENDING_RETURNED != 0;
        record.visit(visit, |visit| visit.queued_unmarked = (!is_marked).then_some(rule));
    }

    /// Whether there are neighbours that link back to an entry. One that was taken out may still name those that it had.
    fn is_linked(&self, entry: usize) -> bool {
        let (next, before) = (guest::read::<usize>(entry), guest::read::<usize>(entry + 8));
        next != entry
            && self.can_be_links(next)
            && self.can_be_links(before)
            && guest::read::<usize>(next + 8) == entry
            && guest::read::<usize>(before) == entry
    }

    fn can_be_links(&self, address: usize) -> bool {
        let is_there = || {
            matches!(
                self.pool.borrow().classify(address),
                Classified::Outside | Classified::Live { .. }
            )
        };
        guest::contains(address, LINKS_BYTES) && is_there()
    }

    /// A dispatch routine that marked its IRP pending returns.
    pub(super) fn check_marked_when_queued(&self, record: &Rc<IrpRecord>, visit: usize) {
        if let Some(rule) = record.visit(visit, |visit| visit.queued_unmarked) {
            self.violation_about(
                Some(record),
                rule,
                &format!(
                    "the dispatch routine for {} marked the IRP pending after it had put it into a list, from which it \
                     could have been taken and completed by then",
                    record.major_name(visit)
                ),
            );
        }
    }
}
