//! IoSetCompletionRoutineEx: a completion routine behind an allocation of the I/O manager's own.
//!
//! The I/O manager allocates a wrapper with the routine, its context and a reference to the caller's device object, and
//! writes a routine of its own into the next stack location. When that is called it gives the wrapper back and calls
//! the driver's routine. So the wrapper is freed by the call of the routine and by nothing else: an IRP that is never
//! sent, or comes back past the routine, leaks it.

use std::{cell::RefCell, rc::Rc};

use super::irp::{
    AddressMap, IrpRecord, Origin, Registration, SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS,
};
use crate::{
    kernel::{
        Machine,
        layout::{device_object, io_stack_location, irp},
        status::{NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS},
        trace::What,
    },
    pool::{Contents, Owner},
    rules,
};

/// The size of what the I/O manager allocates.
const WRAPPER_BYTES: usize = 0x20;

/// Shows which of the kernel's allocations these are.
const TAG: u32 = u32::from_le_bytes(*b"IoUs");

struct Wrapper {
    routine: usize,
    context: usize,
    irp: Rc<IrpRecord>,
}

/// The wrappers that have not been given back.
#[derive(Default)]
pub(crate) struct Wrappers(RefCell<AddressMap<Wrapper>>);

/// What a driver hands to the call.
pub(crate) struct Request {
    pub(crate) device: usize,
    pub(crate) irp: usize,
    pub(crate) routine: usize,
    pub(crate) context: usize,
    pub(crate) on_success: bool,
    pub(crate) on_error: bool,
    pub(crate) on_cancel: bool,
}

impl Machine {
    /// Whether this is the routine that the I/O manager writes into the stack location.
    pub(crate) fn is_wrapper_routine(&self, routine: usize) -> bool {
        routine == self.wrapper_routine()
    }

    /// IoSetCompletionRoutineEx.
    pub(crate) fn set_completion_routine_ex(&'static self, request: &Request) -> NtStatus {
        let record = self.irp_of_call(request.irp);
        let caller = self.caller_visit(&record);
        self.check_owner(&record, caller, true);
        if !self.devices.is_live(request.device) {
            self.violation_about(
                Some(&record),
                &rules::REGISTERED_WITH_OTHER_DEVICE,
                "IoSetCompletionRoutineEx with something that is no device object",
            );
        }
        if !self
            .devices
            .is_of_driver(request.device, device_object::DRIVER_OBJECT.get(request.device))
            || self.devices.native(request.device).is_some()
        {
            self.violation_about(
                Some(&record),
                &rules::REGISTERED_WITH_OTHER_DEVICE,
                "IoSetCompletionRoutineEx with a device object of another driver: only its own keeps the caller's image",
            );
        }
        if let Some(caller) = caller
            && record.visit(caller, |visit| visit.registered).is_some()
        {
            self.violation_about(
                Some(&record),
                &rules::WRAPPER_LOST,
                "IoSetCompletionRoutineEx twice before IoCallDriver: what was allocated first is never freed",
            );
        }
        let device_serial = self.devices.serial(request.device);
        let location = irp::CURRENT_LOCATION.get(request.irp).wrapping_sub(1);
        if location == 0 || location > record.stack_count {
            self.violation_about(
                Some(&record),
                &rules::OUT_OF_STACK_LOCATIONS,
                "IoSetCompletionRoutineEx with an IRP that has no next stack location",
            );
        }
        let wrapper = if self.fails("IoSetCompletionRoutineEx") {
            None
        } else {
            self.allocate(WRAPPER_BYTES, TAG, Owner::Kernel, 0, Contents::Zeroed)
        };
        let Some(wrapper) = wrapper else {
            if let Some(caller) = caller {
                record.visit(caller, |visit| visit.refused = true);
            }
            self.event(&record, What::RegistrationRefused { device: device_serial });
            return STATUS_INSUFFICIENT_RESOURCES;
        };
        crate::guest::write(wrapper, request.device);
        crate::guest::write(wrapper + 8, request.routine);
        crate::guest::write(wrapper + 16, request.context);
        self.wrappers.0.borrow_mut().insert(
            wrapper,
            Wrapper {
                routine: request.routine,
                context: request.context,
                irp: Rc::clone(&record),
            },
        );
        let next = record.stack_location(location);
        io_stack_location::COMPLETION_ROUTINE.set(next, self.wrapper_routine());
        io_stack_location::CONTEXT.set(next, wrapper);
        let mut control = 0;
        for (asked, bit) in [
            (request.on_success, SL_INVOKE_ON_SUCCESS),
            (request.on_error, SL_INVOKE_ON_ERROR),
            (request.on_cancel, SL_INVOKE_ON_CANCEL),
        ] {
            if asked {
                control |= bit;
            }
        }
        io_stack_location::CONTROL.set(next, control);
        if let Some(caller) = caller {
            record.visit(caller, |visit| {
                visit.registered = Some(Registration { wrapper, location });
                visit.refused = false;
            });
        }
        self.event(
            &record,
            What::Registered {
                device: device_serial,
                location,
            },
        );
        STATUS_SUCCESS
    }

    /// The driver's routine and context behind the I/O manager's, whose wrapper is given back. `None` where `routine` is
    /// a driver's own.
    pub(crate) fn take_wrapper(&self, routine: usize, context: usize) -> Option<(usize, usize)> {
        if !self.is_wrapper_routine(routine) {
            return None;
        }
        let wrapper = self.wrappers.0.borrow_mut().remove(&context);
        let Some(wrapper) = wrapper else {
            self.violation(
                &rules::WRAPPER_LOST,
                "a stack location has the I/O manager's own completion routine with a context that it did not make: \
                 copied by hand from another",
            );
        };
        if self.pool.borrow_mut().free(context, 0).is_err() {
            self.damaged("the wrapper of a completion routine was overwritten");
        }
        Some((wrapper.routine, wrapper.context))
    }

    /// The IRP of a wrapper that will never be given back, once no request is under way. An IRP of the driver's own may be on
    /// its way all the same, as long as it is there.
    pub(crate) fn lost_wrapper(&self) -> Option<Rc<IrpRecord>> {
        let wrappers = self.wrappers.0.borrow();
        wrappers
            .values()
            .map(|wrapper| &wrapper.irp)
            .filter(|irp| irp.origin == Origin::Initiator || irp.freed.get())
            .min_by_key(|irp| irp.serial)
            .cloned()
    }
}
