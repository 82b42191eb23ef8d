//! The power manager's part: PoRequestPowerIrp, and when and at which IRQL a power request is sent to a stack.
//!
//! A request goes to the top of the stack that the device is in: at PASSIVE_LEVEL where the topmost device has
//! DO_POWER_PAGABLE, else at PASSIVE_LEVEL or DISPATCH_LEVEL. Of the devices with DO_POWER_INRUSH one at a time is given its
//! full power.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use super::{
    Machine,
    io::{
        call::IRP_MJ_POWER,
        device::{DO_POWER_INRUSH, DO_POWER_PAGABLE},
        irp::{INITIAL_STATUS, IrpRecord, Origin},
    },
    layout::{device_object, io_stack_location, irp},
    random::Random,
    scheduler::{DISPATCH_LEVEL, Dpc},
};

/// IRP_MN_WAIT_WAKE.
pub(crate) const WAIT_WAKE: u8 = 0;
/// IRP_MN_POWER_SEQUENCE.
pub(crate) const POWER_SEQUENCE: u8 = 1;
/// IRP_MN_SET_POWER.
pub(crate) const SET_POWER: u8 = 2;
/// IRP_MN_QUERY_POWER.
pub(crate) const QUERY_POWER: u8 = 3;

/// PowerSystemWorking.
pub(crate) const POWER_SYSTEM_WORKING: usize = 1;
/// DevicePowerState of POWER_STATE_TYPE.
pub(crate) const DEVICE_POWER_STATE: usize = 1;
/// PowerDeviceD0.
pub(crate) const POWER_DEVICE_D0: usize = 1;
/// PowerDeviceD3.
pub(crate) const POWER_DEVICE_D3: usize = 4;

/// In how many of 1000 cases a request is sent at DISPATCH_LEVEL, where it may be.
const AT_DISPATCH_PER_MILLE: u32 = 500;

/// What is called when a power request is over.
pub(crate) type PowerDone = Box<dyn FnOnce(&'static Machine, &Rc<IrpRecord>)>;

/// Power requests that wait for another.
pub(crate) struct Power {
    random: Random,
    inrush: Cell<bool>,
    waiting: RefCell<VecDeque<(Rc<IrpRecord>, usize)>>,
}

impl Power {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, "power"),
            inrush: Cell::new(false),
            waiting: RefCell::default(),
        }
    }
}

impl Machine {
    /// Sends a power request for a device to its stack. `None` where there is no memory for one.
    pub(crate) fn request_power_irp(
        &'static self,
        device: usize,
        minor: u8,
        state: usize,
        done: PowerDone,
    ) -> Option<Rc<IrpRecord>> {
        let top = self.top_of_stack(device);
        let irp = self.allocate_irp(device_object::STACK_SIZE.get(top), Origin::Initiator)?;
        irp::STATUS.set(irp.address, INITIAL_STATUS);
        let location = irp.stack_location(irp.stack_count);
        io_stack_location::MAJOR_FUNCTION.set(location, IRP_MJ_POWER);
        io_stack_location::MINOR_FUNCTION.set(location, minor);
        if minor == WAIT_WAKE {
            // Parameters.WaitWake.PowerState.
            io_stack_location::ARGUMENT1.set(location, state);
        } else {
            io_stack_location::ARGUMENT2.set(location, DEVICE_POWER_STATE);
            io_stack_location::ARGUMENT3.set(location, state);
        }
        let flags = device_object::FLAGS.get(top);
        let draws = flags & DO_POWER_INRUSH != 0 && minor == SET_POWER && state == POWER_DEVICE_D0;
        // The stack stays, whoever leaves it meanwhile.
        self.reference_device(top);
        *irp.done.borrow_mut() = Some(Box::new(move |machine, record| {
            machine.dereference_device(top);
            if draws {
                machine.next_inrush();
            }
            done(machine, record);
        }));
        if draws && self.power.inrush.replace(true) {
            self.reporter.count("power requests that waited for their turn", 1);
            self.power.waiting.borrow_mut().push_back((Rc::clone(&irp), top));
            return Some(irp);
        }
        self.send_power_irp(&irp, top);
        Some(irp)
    }

    fn next_inrush(&'static self) {
        let next = self.power.waiting.borrow_mut().pop_front();
        match next {
            Some((irp, top)) => self.send_power_irp(&irp, top),
            None => self.power.inrush.set(false),
        }
    }

    fn send_power_irp(&'static self, irp: &Rc<IrpRecord>, top: usize) {
        let irp = Rc::clone(irp);
        let is_pagable = device_object::FLAGS.get(top) & DO_POWER_PAGABLE != 0;
        let at_dispatch = self.config.scripted || self.power.random.chance(AT_DISPATCH_PER_MILLE);
        if is_pagable || !at_dispatch {
            // A thread of its own: the system's workers may all be waiting for requests that this one will set free.
            self.spawn("power manager", move |machine| {
                machine.send_from_initiator(&irp, top);
            });
            return;
        }
        self.reporter.count("power requests at DISPATCH_LEVEL", 1);
        let send = move |machine: &'static Self| {
            debug_assert_eq!(machine.irql(), DISPATCH_LEVEL);
            machine.send_from_initiator(&irp, top);
        };
        self.queue_dpc(self.some_processor(), Dpc::Native(Box::new(send)));
    }
}
