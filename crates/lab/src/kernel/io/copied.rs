//! What a driver may not take along where it copies its stack location to the next by hand.
//!
//! Not here: copying as IoCopyCurrentIrpStackLocationToNext does, which takes along none of it.

use std::rc::Rc;

use super::irp::{IrpRecord, SL_ERROR_RETURNED, SL_INVOKE_ALWAYS, SL_PENDING_RETURNED};
use crate::{
    kernel::{Machine, layout::io_stack_location},
    rules,
};

impl Machine {
    /// A copy of a stack location takes along nothing of what is the upper driver's: its completion routine and Control.
    ///
    /// A routine of the caller's own image is the caller's, also where an upper device of its has the same one.
    pub(super) fn check_copied(&self, record: &Rc<IrpRecord>, current: usize, next: usize) {
        let control = io_stack_location::CONTROL.get(next);
        let routine = io_stack_location::COMPLETION_ROUTINE.get(next);
        let is_the_uppers = routine == io_stack_location::COMPLETION_ROUTINE.get(current)
            && io_stack_location::CONTEXT.get(next) == io_stack_location::CONTEXT.get(current)
            && self.loaded().image.relative(routine).is_none();
        if routine != 0 && control & SL_INVOKE_ALWAYS != 0 && is_the_uppers {
            self.violation_about(
                Some(record),
                &rules::COPIED_UPPER_ROUTINE,
                "IoCallDriver with a stack location in which the completion routine is the upper driver's, which would \
                 be called twice",
            );
        }
        if control & (SL_PENDING_RETURNED | SL_ERROR_RETURNED) != 0 {
            self.violation_about(
                Some(record),
                &rules::CONTROL_NOT_CLEARED,
                &format!("IoCallDriver with a copied stack location whose Control is {control:#04x}"),
            );
        }
    }
}
