//! What the disk answers the power manager: it decides its device's power itself, as a disk's function driver does.
//!
//! A system request is kept until the device request has ended that the disk asks for in its turn, with PoRequestPowerIrp's
//! means, so that the filter sees both. On the way up the disk may complete the system request first, as most do to wake
//! sooner. Asleep it keeps what it is sent.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::Disk;
use crate::kernel::{
    Machine,
    io::{
        device::DO_POWER_PAGABLE,
        irp::{IrpRecord, SL_PENDING_RETURNED},
    },
    layout::{device_object, io_stack_location, irp},
    power::{
        DEVICE_POWER_STATE, POWER_DEVICE_D0, POWER_DEVICE_D3, POWER_SEQUENCE, POWER_SYSTEM_WORKING, QUERY_POWER,
        SET_POWER, WAIT_WAKE,
    },
    scheduler::Dpc,
    status::{NtStatus, STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_PENDING, STATUS_SUCCESS, STATUS_UNSUCCESSFUL},
    trace::What,
};

/// How long the medium takes to spin up at most.
const SPIN_UP_NS: u64 = 200_000;

/// How awake the disk is.
#[derive(Default)]
pub(super) struct Sleep {
    is_asleep: Cell<bool>,
    /// Device requests that the disk asked for and that have not ended.
    requested: Cell<u32>,
    waits_to_wake: RefCell<Option<(Rc<IrpRecord>, usize)>>,
    /// The flags of the disk's devices before any file needed them, by their addresses.
    pagable: RefCell<Vec<(usize, bool)>>,
}

impl Sleep {
    pub(super) fn is_asleep(&self) -> bool {
        self.is_asleep.get()
    }

    /// Whether this device had DO_POWER_PAGABLE when this was first asked.
    pub(super) fn was_pagable(&self, device: usize) -> bool {
        let mut pagable = self.pagable.borrow_mut();
        if let Some((_, was)) = pagable.iter().find(|(known, _)| *known == device) {
            return *was;
        }
        let is = device_object::FLAGS.get(device) & DO_POWER_PAGABLE != 0;
        pagable.push((device, is));
        is
    }
}

fn mark_pending(machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) {
    let location = irp::CURRENT_STACK_LOCATION.get(record.address);
    let control = io_stack_location::CONTROL.get(location);
    io_stack_location::CONTROL.set(location, control | SL_PENDING_RETURNED);
    let device = record.visit(visit, |visit| visit.device_serial);
    machine.event(record, What::MarkedPending { device });
}

fn end(machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize, status: NtStatus) -> NtStatus {
    irp::STATUS.set(record.address, status);
    machine.complete(record, Some(visit));
    status
}

impl Disk {
    /// Whether a device request of its own is under way.
    pub(crate) fn is_changing_power(&self) -> bool {
        self.sleep.requested.get() > 0
    }

    /// Whether somebody waits for it to wake the machine.
    pub(crate) fn waits_to_wake(&self) -> bool {
        self.sleep.waits_to_wake.borrow().is_some()
    }

    /// The disk wakes the machine, where somebody waits for that.
    pub(crate) fn wake_machine(&self, machine: &'static Machine) {
        let waiting = self.sleep.waits_to_wake.take();
        if let Some((record, visit)) = waiting {
            end(machine, &record, visit, STATUS_SUCCESS);
        }
    }

    /// Nobody is woken any more.
    pub(super) fn give_up_waking(&self, machine: &'static Machine) {
        let waiting = self.sleep.waits_to_wake.take();
        if let Some((record, visit)) = waiting {
            end(machine, &record, visit, STATUS_CANCELLED);
        }
    }

    /// Cancels the request that waits to wake. False where it is another.
    pub(super) fn cancel_waking(&self, machine: &'static Machine, record: &Rc<IrpRecord>) -> bool {
        let is_it = matches!(&*self.sleep.waits_to_wake.borrow(), Some((waiting, _)) if Rc::ptr_eq(waiting, record));
        if is_it {
            self.give_up_waking(machine);
        }
        is_it
    }

    pub(super) fn power(self: &Rc<Self>, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) -> NtStatus {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let minor = io_stack_location::MINOR_FUNCTION.get(location);
        let is_device = io_stack_location::ARGUMENT2.get(location) & 0xFFFF_FFFF == DEVICE_POWER_STATE;
        let state = io_stack_location::ARGUMENT3.get(location) & 0xFFFF_FFFF;
        match minor {
            WAIT_WAKE if self.waits_to_wake() => end(machine, record, visit, STATUS_DEVICE_BUSY),
            WAIT_WAKE => {
                mark_pending(machine, record, visit);
                *self.sleep.waits_to_wake.borrow_mut() = Some((Rc::clone(record), visit));
                STATUS_PENDING
            }
            QUERY_POWER if self.random.chance(self.habits.get().refuse_per_mille) => {
                end(machine, record, visit, STATUS_UNSUCCESSFUL)
            }
            SET_POWER if self.life.refusal().is_none() && state != 0 => {
                if is_device {
                    self.set_device_power(machine, record, visit, state)
                } else {
                    self.set_system_power(machine, record, visit, state)
                }
            }
            POWER_SEQUENCE | SET_POWER | QUERY_POWER => end(machine, record, visit, STATUS_SUCCESS),
            _ => end(machine, record, visit, irp::STATUS.get(record.address)),
        }
    }

    /// A system state: the disk asks for the device state that belongs to it.
    fn set_system_power(
        self: &Rc<Self>,
        machine: &'static Machine,
        record: &Rc<IrpRecord>,
        visit: usize,
        state: usize,
    ) -> NtStatus {
        let wakes = state == POWER_SYSTEM_WORKING;
        if wakes && !self.is_asleep_or_falls_asleep() {
            return end(machine, record, visit, STATUS_SUCCESS);
        }
        let device = io_stack_location::DEVICE_OBJECT.get(irp::CURRENT_STACK_LOCATION.get(record.address));
        let device_state = if wakes { POWER_DEVICE_D0 } else { POWER_DEVICE_D3 };
        let at_once = wakes && self.random.chance(500);
        if !at_once {
            mark_pending(machine, record, visit);
        }
        let kept = (!at_once).then(|| Rc::clone(record));
        self.request_power(machine, device, device_state, move |machine| {
            if let Some(record) = kept {
                end(machine, &record, visit, STATUS_SUCCESS);
            }
        });
        if at_once {
            return end(machine, record, visit, STATUS_SUCCESS);
        }
        machine.schedule_point();
        STATUS_PENDING
    }

    /// The disk decides to change its power by itself.
    pub(crate) fn change_power(self: &Rc<Self>, machine: &'static Machine, device: usize, state: usize) {
        self.request_power(machine, device, state, |_| {});
    }

    fn request_power(
        self: &Rc<Self>,
        machine: &'static Machine,
        device: usize,
        state: usize,
        then: impl FnOnce(&'static Machine) + 'static,
    ) {
        self.sleep.requested.set(self.sleep.requested.get() + 1);
        let disk = Rc::clone(self);
        let done = move |machine: &'static Machine, _: &Rc<IrpRecord>| {
            disk.sleep.requested.set(disk.sleep.requested.get() - 1);
            then(machine);
        };
        if machine
            .request_power_irp(device, SET_POWER, state, Box::new(done))
            .is_none()
        {
            machine.cannot("there is no memory for a power request");
        }
    }

    fn is_asleep_or_falls_asleep(&self) -> bool {
        self.sleep.is_asleep.get() || self.sleep.requested.get() > 0
    }

    /// A device state, which the disk asked for.
    fn set_device_power(
        self: &Rc<Self>,
        machine: &'static Machine,
        record: &Rc<IrpRecord>,
        visit: usize,
        state: usize,
    ) -> NtStatus {
        if state != POWER_DEVICE_D0 {
            machine.reporter.count("disk fell asleep", 1);
            self.sleep.is_asleep.set(true);
            return end(machine, record, visit, STATUS_SUCCESS);
        }
        machine.reporter.count("disk woke", 1);
        if self.random.chance(500) {
            self.sleep.is_asleep.set(false);
            self.release_held(machine);
            return end(machine, record, visit, STATUS_SUCCESS);
        }
        mark_pending(machine, record, visit);
        let until_ns = machine.clock.now_ns() + self.random.below(SPIN_UP_NS);
        let (disk, record) = (Rc::clone(self), Rc::clone(record));
        let work = move |machine: &'static Machine| {
            disk.sleep.is_asleep.set(false);
            disk.release_held(machine);
            end(machine, &record, visit, STATUS_SUCCESS);
        };
        machine.clock.at(
            until_ns,
            Box::new(move |machine| machine.queue_dpc(machine.some_processor(), Dpc::Native(Box::new(work)))),
        );
        machine.schedule_point();
        STATUS_PENDING
    }
}
