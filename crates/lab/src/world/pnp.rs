//! The PnP manager: sends a device's stack what belongs to each step, and checks what must hold after it.
//!
//! Which steps are legal when is in `model`; scenarios and scripts choose among them. What a driver asks for with
//! IoInvalidateDeviceState and IoInvalidateDeviceRelations is asked at the manager's next step.

mod model;
mod walk;

use std::rc::Rc;

pub use self::model::{PnpMove, PnpStep, orders};
pub(crate) use self::{model::QUESTIONS, walk::Walk};
use super::stack::DeviceStack;
use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            call::IRP_MJ_PNP,
            irp::{INITIAL_STATUS, IrpRecord, Origin},
        },
        layout::{device_object, io_stack_location, irp},
        status::{self, NtStatus, nt_success},
    },
    rules,
};

/// IRP_MN_DEVICE_USAGE_NOTIFICATION.
pub(crate) const USAGE_NOTIFICATION: u8 = 0x16;
/// PNP_DEVICE_NOT_DISABLEABLE.
pub(crate) const PNP_DEVICE_NOT_DISABLEABLE: usize = 0x20;
/// TargetDeviceRelation of DEVICE_RELATION_TYPE.
pub(crate) const TARGET_DEVICE_RELATION: usize = 4;
/// BusRelations.
pub(crate) const BUS_RELATIONS: usize = 0;
const REMOVAL_RELATIONS: usize = 3;

/// The most devices that a driver may have related to its own: what names more is no list.
const RELATIONS_MAX: u32 = 64;

/// A request that has come back.
pub(crate) struct Answered {
    pub(crate) status: NtStatus,
    pub(crate) information: usize,
    pub(crate) irp: Rc<IrpRecord>,
}

/// The parameters of a request, and the memory that belongs to it.
pub(crate) struct Parameters {
    pub(crate) words: [usize; 4],
    blocks: Vec<usize>,
}

impl Parameters {
    pub(crate) fn new(words: [usize; 4]) -> Self {
        Self {
            words,
            blocks: Vec::new(),
        }
    }

    /// Gives the memory back.
    pub(crate) fn free(self, machine: &Machine) {
        for block in self.blocks {
            machine.free_kernel_block(block);
        }
    }
}

impl Machine {
    /// What a step's request has for parameters.
    pub(crate) fn parameters_of(&self, step: PnpStep) -> Parameters {
        match step {
            PnpStep::BusRelations => Parameters::new([BUS_RELATIONS, 0, 0, 0]),
            PnpStep::RemovalRelations => Parameters::new([REMOVAL_RELATIONS, 0, 0, 0]),
            PnpStep::TargetRelation => Parameters::new([TARGET_DEVICE_RELATION, 0, 0, 0]),
            PnpStep::Capabilities => {
                // DEVICE_CAPABILITIES: its size, its version, and Address and UINumber, which are unknown as -1.
                let block = self.kernel_block(0x40);
                guest::write(block, 0x40_u16);
                guest::write(block + 2, 1_u16);
                guest::write(block + 8, u64::MAX);
                Parameters {
                    words: [block, 0, 0, 0],
                    blocks: vec![block],
                }
            }
            PnpStep::Interface => {
                // A GUID that no driver has an interface for, and an INTERFACE to be filled in.
                let guid = self.kernel_block(16);
                guest::write(guid, 0x1AB0_1AB0_1AB0_1AB0_u64);
                let interface = self.kernel_block(0x20);
                Parameters {
                    words: [guid, 0x0001_0020, interface, 0],
                    blocks: vec![guid, interface],
                }
            }
            _ => Parameters::new([0; 4]),
        }
    }

    /// Sends a request and waits for it.
    pub(crate) fn send_with(&'static self, device: usize, major: u8, minor: u8, parameters: &Parameters) -> Answered {
        let irp = self.allocate_irp(device_object::STACK_SIZE.get(device), Origin::Initiator);
        let irp = irp.unwrap_or_else(|| self.cannot("there is no memory for an IRP"));
        irp::STATUS.set(irp.address, INITIAL_STATUS);
        let location = irp.stack_location(irp.stack_count);
        io_stack_location::MAJOR_FUNCTION.set(location, major);
        io_stack_location::MINOR_FUNCTION.set(location, minor);
        let first = io_stack_location::ARGUMENT1.address(location);
        for (index, word) in parameters.words.into_iter().enumerate() {
            guest::write(first + 8 * index, word);
        }
        let status = self.send_and_wait_irp(&irp, device);
        Answered {
            status,
            information: irp.final_information.get(),
            irp,
        }
    }

    /// Makes a step with a device.
    pub(crate) fn pnp_step(&'static self, stack: &DeviceStack, step: PnpStep) -> NtStatus {
        let parameters = self.parameters_of(step);
        let answered = self.send_with(stack.top, IRP_MJ_PNP, step.minor(), &parameters);
        let status = answered.status;
        parameters.free(self);
        let end = if nt_success(status) || !step.may_fail() {
            ""
        } else {
            " failed"
        };
        self.reporter.count(&format!("PnP {}{end}", step.name()), 1);
        self.judge_step(step, &answered, stack.filter);
        status
    }

    /// What must hold after a step.
    pub(crate) fn judge_step(&self, step: PnpStep, answered: &Answered, filter: Option<usize>) {
        let status = answered.status;
        match step {
            // What has to hold after REMOVE is for whoever removes.
            PnpStep::Remove => return,
            PnpStep::TargetRelation | PnpStep::BusRelations | PnpStep::RemovalRelations => {
                self.take_relations_back(status, answered.information);
            }
            _ => {}
        }
        if !step.may_fail() && !nt_success(status) {
            self.violation_about(
                Some(&answered.irp),
                &rules::PNP_NOTICE_FAILED,
                &format!("{} ended with {}", step.name(), status::name(status)),
            );
        }
        let Some(filter) = filter else { return };
        if step != PnpStep::SurpriseRemoval {
            return;
        }
        if !self.devices.is_live(filter) {
            self.violation_about(
                Some(&answered.irp),
                &rules::DELETED_BY_SURPRISE,
                "after SURPRISE_REMOVAL the device is deleted, which is for REMOVE_DEVICE",
            );
        }
        if self.devices.below(filter) == 0 {
            self.violation_about(
                Some(&answered.irp),
                &rules::DETACHED_BY_SURPRISE,
                "after SURPRISE_REMOVAL the device is detached, which is for REMOVE_DEVICE",
            );
        }
    }

    /// DEVICE_RELATIONS are the PnP manager's once the request is back: it gives the references and the memory back.
    fn take_relations_back(&self, status: NtStatus, list: usize) {
        if !nt_success(status) || list == 0 {
            return;
        }
        let count = guest::read::<u32>(list);
        if count > RELATIONS_MAX {
            self.bad_pointer(list);
        }
        for index in 0..count as usize {
            self.dereference_device(guest::read(list + 8 + 8 * index));
        }
        self.free_kernel_block(list);
    }

    /// Asks what the drivers of this stack wanted to be asked.
    pub(crate) fn answer_invalidations(&'static self, stack: &DeviceStack) {
        if self.invalidated.take_state(stack.bottom) {
            self.reporter.count("IoInvalidateDeviceState answered", 1);
            self.pnp_step(stack, PnpStep::DeviceState);
        }
        if let Some(kind) = self.invalidated.take_relations(stack.bottom) {
            self.reporter.count("IoInvalidateDeviceRelations answered", 1);
            let step = match kind {
                BUS_RELATIONS => PnpStep::BusRelations,
                REMOVAL_RELATIONS => PnpStep::RemovalRelations,
                _ => return,
            };
            self.pnp_step(stack, step);
        }
    }
}
