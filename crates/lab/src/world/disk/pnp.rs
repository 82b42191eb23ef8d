//! What the disk answers the PnP manager: as the function driver of a disk and the bus driver below it would together.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::Disk;
use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            device::DO_POWER_PAGABLE,
            irp::{IrpRecord, SL_PENDING_RETURNED},
        },
        layout::{device_object, io_stack_location, irp},
        scheduler::Dpc,
        status::{
            NtStatus, STATUS_DEVICE_DOES_NOT_EXIST, STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE,
            STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
        },
        trace::What,
    },
    world::{
        pnp::{BUS_RELATIONS, PNP_DEVICE_NOT_DISABLEABLE, TARGET_DEVICE_RELATION, USAGE_NOTIFICATION},
        usage::{USAGE_TYPES, UsageType},
    },
};

const START: u8 = 0x00;
const QUERY_REMOVE: u8 = 0x01;
const REMOVE: u8 = 0x02;
const CANCEL_REMOVE: u8 = 0x03;
const STOP: u8 = 0x04;
const QUERY_STOP: u8 = 0x05;
const CANCEL_STOP: u8 = 0x06;
const QUERY_DEVICE_RELATIONS: u8 = 0x07;
const QUERY_CAPABILITIES: u8 = 0x09;
const QUERY_PNP_DEVICE_STATE: u8 = 0x14;
const SURPRISE_REMOVAL: u8 = 0x17;

/// Where the disk is in its life.
#[derive(Default)]
pub(super) struct Life {
    is_stopped: Cell<bool>,
    /// The status of everything that is asked of a disk that is gone.
    gone: Cell<Option<NtStatus>>,
    /// How many special files of each type are on it.
    special_files: [Cell<u32>; USAGE_TYPES],
    /// The next answers that have been decided beforehand.
    refusals: RefCell<Vec<u8>>,
}

impl Life {
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.get()
    }

    /// What a disk that is gone fails requests with.
    pub(super) fn refusal(&self) -> Option<NtStatus> {
        self.gone.get()
    }

    fn has_special_files(&self) -> bool {
        self.special_files.iter().any(|files| files.get() > 0)
    }

    fn takes_refusal(&self, minor: u8) -> bool {
        let mut refusals = self.refusals.borrow_mut();
        let planned = refusals.iter().position(|refused| *refused == minor);
        planned.map(|index| refusals.remove(index)).is_some()
    }
}

impl Disk {
    /// Has the disk fail the next request with this minor function.
    pub(crate) fn refuse_next(&self, minor: u8) {
        self.life.refusals.borrow_mut().push(minor);
    }

    /// Forgets what it was to refuse.
    pub(crate) fn refuse_no_more(&self) {
        self.life.refusals.borrow_mut().clear();
    }

    /// The disk is no longer there: everything that it has fails, and whatever comes.
    pub(crate) fn go_away(&self, machine: &'static Machine) {
        let status = if self.random.chance(500) {
            STATUS_DEVICE_DOES_NOT_EXIST
        } else {
            STATUS_NO_SUCH_DEVICE
        };
        self.life.gone.set(Some(status));
        self.fail_all(machine, status);
    }

    pub(super) fn pnp(self: &Rc<Self>, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize) -> NtStatus {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let minor = io_stack_location::MINOR_FUNCTION.get(location);
        let takes_time = matches!(minor, START | USAGE_NOTIFICATION | QUERY_PNP_DEVICE_STATE | QUERY_STOP);
        if takes_time && self.random.chance(self.habits.get().pend_pnp_per_mille) {
            self.answer_later(machine, record, visit, minor);
            return crate::status::STATUS_PENDING;
        }
        self.answer(machine, record, visit, minor)
    }

    fn answer_later(self: &Rc<Self>, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize, minor: u8) {
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        let control = io_stack_location::CONTROL.get(location);
        io_stack_location::CONTROL.set(location, control | SL_PENDING_RETURNED);
        let device = record.visit(visit, |visit| visit.device_serial);
        machine.event(record, What::MarkedPending { device });
        let until_ns = machine.clock.now_ns() + self.random.below(100_000);
        machine.event(record, What::Pended { device, until_ns });
        let (disk, record) = (Rc::clone(self), Rc::clone(record));
        let work = move |machine: &'static Machine| {
            disk.answer(machine, &record, visit, minor);
        };
        machine.clock.at(
            until_ns,
            Box::new(move |machine| machine.queue_dpc(machine.some_processor(), Dpc::Native(Box::new(work)))),
        );
        machine.schedule_point();
    }

    /// Does what is asked and completes the request.
    fn answer(self: &Rc<Self>, machine: &'static Machine, record: &Rc<IrpRecord>, visit: usize, minor: u8) -> NtStatus {
        let status = self.decide(machine, record, minor);
        let status = status.unwrap_or_else(|| irp::STATUS.get(record.address));
        irp::STATUS.set(record.address, status);
        machine.complete(record, Some(visit));
        status
    }

    fn refuses(&self, minor: u8) -> bool {
        self.life.takes_refusal(minor) || self.random.chance(self.habits.get().refuse_per_mille)
    }

    /// The status that the request is completed with; `None` where it keeps the one that it has.
    fn decide(self: &Rc<Self>, machine: &'static Machine, record: &Rc<IrpRecord>, minor: u8) -> Option<NtStatus> {
        let life = &self.life;
        let location = irp::CURRENT_STACK_LOCATION.get(record.address);
        match minor {
            START if life.takes_refusal(minor) => return Some(STATUS_INSUFFICIENT_RESOURCES),
            START => {
                life.is_stopped.set(false);
                self.release_held(machine);
                // It has just seen what partitions there are.
                machine
                    .invalidated
                    .relations(physical_of(machine, location), BUS_RELATIONS);
            }
            QUERY_REMOVE | QUERY_STOP if life.has_special_files() || self.refuses(minor) => {
                return Some(STATUS_UNSUCCESSFUL);
            }
            STOP => life.is_stopped.set(true),
            SURPRISE_REMOVAL => self.go_away(machine),
            REMOVE => {
                self.give_up_waking(machine);
                self.fail_all(machine, STATUS_NO_SUCH_DEVICE);
            }
            QUERY_REMOVE | QUERY_STOP | CANCEL_REMOVE | CANCEL_STOP => {}
            QUERY_DEVICE_RELATIONS => return relations(machine, record, location),
            QUERY_CAPABILITIES => {}
            QUERY_PNP_DEVICE_STATE => {
                let flags = if life.has_special_files() {
                    PNP_DEVICE_NOT_DISABLEABLE
                } else {
                    0
                };
                let before = irp::INFORMATION.get(record.address);
                irp::INFORMATION.set(record.address, before | flags);
            }
            USAGE_NOTIFICATION => return self.note_usage(machine, location),
            _ => return None,
        }
        Some(STATUS_SUCCESS)
    }

    /// IRP_MN_DEVICE_USAGE_NOTIFICATION: a type that it does not know is not its business.
    fn note_usage(&self, machine: &'static Machine, location: usize) -> Option<NtStatus> {
        let in_path = io_stack_location::ARGUMENT1.get(location) & 0xFF != 0;
        let usage = UsageType::of_number(io_stack_location::ARGUMENT2.get(location))?;
        let files = self.life.special_files.get(usage.number())?;
        if in_path && self.refuses(USAGE_NOTIFICATION) {
            return Some(STATUS_UNSUCCESSFUL);
        }
        files.set(if in_path {
            files.get() + 1
        } else {
            files.get().saturating_sub(1)
        });
        // Whether it can be disabled depends on it.
        machine.invalidated.state(physical_of(machine, location));
        let device = io_stack_location::DEVICE_OBJECT.get(location);
        if self.sleep.was_pagable(device) {
            let needed_for_paging = UsageType::PAGED_FOR
                .iter()
                .any(|usage| self.life.special_files[usage.number()].get() > 0);
            let flags = device_object::FLAGS.get(device);
            device_object::FLAGS.set(
                device,
                if needed_for_paging {
                    flags & !DO_POWER_PAGABLE
                } else {
                    flags | DO_POWER_PAGABLE
                },
            );
        }
        Some(STATUS_SUCCESS)
    }
}

/// The physical device below the one that a request was sent to.
fn physical_of(machine: &Machine, location: usize) -> usize {
    let device = io_stack_location::DEVICE_OBJECT.get(location);
    match machine.devices.below(device) {
        0 => device,
        below => below,
    }
}

/// IRP_MN_QUERY_DEVICE_RELATIONS: a disk has no children, and its target is itself.
fn relations(machine: &'static Machine, record: &Rc<IrpRecord>, location: usize) -> Option<NtStatus> {
    if io_stack_location::ARGUMENT1.get(location) & 0xFFFF_FFFF != TARGET_DEVICE_RELATION {
        return None;
    }
    let physical = physical_of(machine, location);
    // DEVICE_RELATIONS with one object, which the bus driver references and the PnP manager gives back.
    let list = machine.kernel_block(16);
    guest::write(list, 1_u32);
    guest::write(list + 8, physical);
    machine.reference_device(physical);
    irp::INFORMATION.set(record.address, list);
    Some(STATUS_SUCCESS)
}
