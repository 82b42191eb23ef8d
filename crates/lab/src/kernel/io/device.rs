//! Device objects and the stacks that they form.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

use super::{
    irp::{AddressMap, IrpRecord},
    start_io::StartIo,
};
use crate::{
    guest,
    kernel::{
        Machine,
        activation::Routine,
        layout::{IO_TYPE_DEVICE, device_object, driver_object},
        status::{NtStatus, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS},
    },
    pool::{Contents, Owner},
    rules,
};

const TAG: u32 = u32::from_le_bytes(*b"Devi");

const IRP_MJ_PNP: u8 = 0x1b;

/// DO_BUFFERED_IO.
pub(crate) const DO_BUFFERED_IO: u32 = 0x4;
/// DO_DIRECT_IO.
pub(crate) const DO_DIRECT_IO: u32 = 0x10;
/// DO_DEVICE_INITIALIZING.
pub(crate) const DO_DEVICE_INITIALIZING: u32 = 0x80;
/// DO_POWER_INRUSH.
pub(crate) const DO_POWER_INRUSH: u32 = 0x4000;
/// DO_POWER_PAGABLE.
pub(crate) const DO_POWER_PAGABLE: u32 = 0x2000;
const DO_DEVICE_HAS_NAME: u32 = 0x40;
const DO_EXCLUSIVE: u32 = 0x8;

/// A driver of the lab's own.
pub(crate) trait Native {
    /// Serves an IRP that was sent to one of its devices.
    fn dispatch(&self, machine: &'static Machine, irp: &Rc<IrpRecord>, visit: usize) -> NtStatus;

    /// Cancels an IRP that one of its devices has pending. False where none has.
    fn cancel(&self, machine: &'static Machine, irp: &Rc<IrpRecord>) -> bool;
}

/// What the lab knows of a device object.
struct Device {
    serial: u32,
    driver: usize,
    native: Option<Rc<dyn Native>>,
    /// The device that it is attached to.
    below: Cell<usize>,
    /// What it is called in the object manager's name space, if anything.
    name: String,
    deleted: Cell<bool>,
    references: Cell<i32>,
    start_io: Cell<StartIo>,
}

/// Every device object, deleted or not.
#[derive(Default)]
pub(crate) struct Devices {
    records: RefCell<AddressMap<Device>>,
    serial: Cell<u32>,
    names: RefCell<BTreeSet<String>>,
}

impl Devices {
    fn with<R>(&self, device: usize, work: impl FnOnce(&Device) -> R) -> Option<R> {
        self.records.borrow().get(&device).map(work)
    }

    /// Whether there is a device object at `device`.
    pub(crate) fn is_live(&self, device: usize) -> bool {
        self.with(device, |record| !record.deleted.get()) == Some(true)
    }

    /// Its serial number; 0 where there never was a device.
    pub(crate) fn serial(&self, device: usize) -> u32 {
        self.with(device, |record| record.serial).unwrap_or_default()
    }

    /// The lab's driver behind it, if it is one of the lab's.
    pub(crate) fn native(&self, device: usize) -> Option<Rc<dyn Native>> {
        self.with(device, |record| record.native.clone()).flatten()
    }

    /// Whether it was created by this driver.
    pub(crate) fn is_of_driver(&self, device: usize, driver: usize) -> bool {
        self.with(device, |record| record.driver == driver) == Some(true)
    }

    /// The oldest device that there are references to, with their number.
    pub(crate) fn first_referenced(&self) -> Option<(u32, i32)> {
        let records = self.records.borrow();
        let referenced = records.values().filter(|record| record.references.get() > 0);
        referenced.map(|record| (record.serial, record.references.get())).min()
    }

    /// How its StartIo routine is called.
    pub(super) fn start_io(&self, device: usize) -> StartIo {
        self.with(device, |record| record.start_io.get()).unwrap_or_default()
    }

    pub(super) fn set_start_io(&self, device: usize, start_io: StartIo) {
        self.with(device, |record| record.start_io.set(start_io));
    }

    /// The device that it is attached to, or 0.
    pub(crate) fn below(&self, device: usize) -> usize {
        self.with(device, |record| record.below.get()).unwrap_or_default()
    }
}

/// What IoCreateDevice is asked for.
pub(crate) struct NewDevice {
    pub(crate) driver: usize,
    pub(crate) extension_bytes: usize,
    pub(crate) device_type: u32,
    pub(crate) characteristics: u32,
    pub(crate) exclusive: bool,
    pub(crate) name: String,
}

impl Machine {
    /// IoCreateDevice. `None` where there is no memory.
    pub(crate) fn create_device(&self, new: &NewDevice, native: Option<Rc<dyn Native>>) -> Option<usize> {
        let bytes = device_object::BYTES + new.extension_bytes;
        let address = self.allocate(bytes, TAG, Owner::Kernel, 0, Contents::Zeroed)?;
        device_object::TYPE.set(address, IO_TYPE_DEVICE);
        device_object::SIZE.set(address, u16::try_from(bytes).unwrap_or(u16::MAX));
        device_object::DRIVER_OBJECT.set(address, new.driver);
        device_object::NEXT_DEVICE.set(address, driver_object::DEVICE_OBJECT.get(new.driver));
        let mut flags = DO_DEVICE_INITIALIZING;
        if new.exclusive {
            flags |= DO_EXCLUSIVE;
        }
        if !new.name.is_empty() {
            flags |= DO_DEVICE_HAS_NAME;
        }
        device_object::FLAGS.set(address, flags);
        device_object::CHARACTERISTICS.set(address, new.characteristics);
        let extension = if new.extension_bytes == 0 {
            0
        } else {
            address + device_object::BYTES
        };
        device_object::DEVICE_EXTENSION.set(address, extension);
        device_object::DEVICE_TYPE.set(address, new.device_type);
        device_object::STACK_SIZE.set(address, 1);
        self.initialise_device_queue(device_object::DEVICE_QUEUE.address(address));
        driver_object::DEVICE_OBJECT.set(new.driver, address);
        let serial = self.devices.serial.get() + 1;
        self.devices.serial.set(serial);
        self.devices.records.borrow_mut().insert(
            address,
            Device {
                serial,
                driver: new.driver,
                native,
                below: Cell::new(0),
                name: new.name.clone(),
                deleted: Cell::new(false),
                references: Cell::new(0),
                start_io: Cell::default(),
            },
        );
        Some(address)
    }

    /// The device object that a call names; anything else ends the run.
    fn device_of_call(&self, device: usize, call: &str) {
        if !self.devices.is_live(device) {
            self.violation(
                &rules::CALL_TO_NO_DEVICE,
                &format!("{call} with something that is no device object"),
            );
        }
    }

    /// The topmost device of the stack that `device` is in.
    pub(crate) fn top_of_stack(&self, device: usize) -> usize {
        let mut top = device;
        loop {
            match device_object::ATTACHED_DEVICE.get(top) {
                0 => return top,
                above if self.devices.is_live(above) => top = above,
                _ => return top,
            }
        }
    }

    /// IoAttachDeviceToDeviceStackSafe; returns the device that `source` is attached to now.
    pub(crate) fn attach_device(&self, source: usize, target: usize) -> usize {
        self.device_of_call(source, "IoAttachDeviceToDeviceStack");
        self.device_of_call(target, "IoAttachDeviceToDeviceStack");
        self.check_same_stack(target);
        let top = self.top_of_stack(target);
        device_object::ATTACHED_DEVICE.set(top, source);
        let stack_size = device_object::STACK_SIZE.get(top);
        device_object::STACK_SIZE.set(source, stack_size.saturating_add(1));
        let alignment = device_object::ALIGNMENT_REQUIREMENT.get(top);
        device_object::ALIGNMENT_REQUIREMENT.set(source, alignment);
        device_object::SECTOR_SIZE.set(source, device_object::SECTOR_SIZE.get(top));
        self.devices.with(source, |record| record.below.set(top));
        top
    }

    /// AddDevice attaches to the stack that it was called for.
    fn check_same_stack(&self, target: usize) {
        let activations = self.current().activations.borrow();
        let physical_device = activations
            .last()
            .filter(|activation| matches!(activation.routine, Routine::AddDevice))
            .map(|activation| activation.arguments[1]);
        drop(activations);
        let Some(physical_device) = physical_device else {
            return;
        };
        if self.top_of_stack(target) != self.top_of_stack(physical_device) {
            self.violation(
                &rules::ATTACHED_ELSEWHERE,
                "AddDevice attaches to another stack than that of the device that it was called for",
            );
        }
    }

    /// A device is deleted when the drivers below have had its IRP_MN_REMOVE_DEVICE.
    fn check_removal_was_sent(&self, device: usize) {
        let activations = self.current().activations.borrow();
        let dispatch = activations.last().map(|activation| activation.routine.clone());
        drop(activations);
        let Some(Routine::Dispatch { irp, visit }) = dispatch else {
            return;
        };
        let serial = self.devices.serial(device);
        let is_early = irp.visit(visit, |visit| {
            visit.device_serial == serial
                && visit.major == IRP_MJ_PNP
                && visit.location > 1
                && !visit.sent
                && visit.completed.is_none()
        });
        if is_early {
            self.violation_about(
                Some(&irp),
                &rules::DELETED_BEFORE_REMOVAL,
                "IoDeleteDevice before IRP_MN_REMOVE_DEVICE was sent to the drivers below",
            );
        }
    }

    /// IoDetachDevice: what is attached to `target` leaves it.
    pub(crate) fn detach_device(&self, target: usize) {
        self.device_of_call(target, "IoDetachDevice");
        let above = device_object::ATTACHED_DEVICE.get(target);
        if above == 0 {
            self.violation(
                &rules::DETACHED_TWICE,
                "IoDetachDevice with a device object that nothing is attached to",
            );
        }
        device_object::ATTACHED_DEVICE.set(target, 0);
        self.devices.with(above, |record| record.below.set(0));
    }

    /// IoDeleteDevice.
    pub(crate) fn delete_device(&self, device: usize) {
        if self.devices.with(device, |record| record.deleted.get()) == Some(true) {
            self.violation(
                &rules::DELETED_TWICE,
                "IoDeleteDevice with a device object that was deleted",
            );
        }
        self.device_of_call(device, "IoDeleteDevice");
        if self.devices.below(device) != 0 {
            self.violation(
                &rules::DELETED_WHILE_ATTACHED,
                "IoDeleteDevice with a device object that is attached to another: IoDetachDevice comes first",
            );
        }
        self.check_removal_was_sent(device);
        self.check_lock_waited_for(device);
        self.check_not_registered(device);
        // The name is free at once, however long references keep the object.
        self.devices.with(device, |record| {
            record.deleted.set(true);
            self.release_name(&record.name);
        });
        self.forget_remove_locks(device);
        let driver = device_object::DRIVER_OBJECT.get(device);
        let next = device_object::NEXT_DEVICE.get(device);
        self.unlink_device(driver, device, next);
        if self.devices.with(device, |record| record.references.get()) == Some(0) {
            self.free_device(device);
        }
    }

    fn unlink_device(&self, driver: usize, device: usize, next: usize) {
        let first = driver_object::DEVICE_OBJECT.address(driver);
        let link_of_next = |link| device_object::NEXT_DEVICE.address(guest::read(link));
        let to_it_or_end = |&link: &usize| [0, device].contains(&guest::read(link));
        if let Some(link) = guest::follow(first, link_of_next).find(to_it_or_end)
            && guest::read::<usize>(link) == device
        {
            guest::write(link, next);
        }
    }

    fn free_device(&self, device: usize) {
        self.check_nothing_active_in(device);
        self.free_kernel_block(device);
    }

    /// Takes a reference to a device object. False where it is none.
    pub(crate) fn reference_device(&self, device: usize) -> bool {
        self.devices
            .with(device, |record| record.references.set(record.references.get() + 1))
            .is_some()
    }

    /// ObReferenceObject: the driver takes a reference to an object that is there.
    ///
    /// Objects that are no device objects are not counted.
    pub(crate) fn reference_checked(&self, object: usize) {
        let is_gone = |record: &Device| record.deleted.get() && record.references.get() <= 0;
        if self.devices.with(object, is_gone) == Some(true) {
            self.violation(
                &rules::REFERENCED_WHEN_GONE,
                "ObReferenceObject with a device object that was deleted, and that nobody has a reference to",
            );
        }
        self.reference_device(object);
        self.reference_thread(object);
    }

    /// ObDereferenceObject: gives a reference back that the driver has.
    ///
    /// Objects that are neither device objects nor threads are not counted.
    pub(crate) fn dereference_checked(&self, object: usize) {
        if !self.dereference_thread(object) {
            self.violation(
                &rules::DEREFERENCED_TOO_OFTEN,
                "ObDereferenceObject with a thread that the driver has no reference to",
            );
        }
        if self.devices.with(object, |record| record.references.get() <= 0) == Some(true) {
            self.violation(
                &rules::DEREFERENCED_TOO_OFTEN,
                "ObDereferenceObject with a device object that nobody has a reference to",
            );
        }
        self.dereference_device(object);
    }

    /// Gives a reference back. False where it is no device object.
    pub(crate) fn dereference_device(&self, device: usize) -> bool {
        let left = self.devices.with(device, |record| {
            record.references.set(record.references.get() - 1);
            (record.references.get(), record.deleted.get())
        });
        if left == Some((0, true)) {
            self.free_device(device);
        }
        left.is_some()
    }

    /// Takes a name in the object manager's name space. False where it is taken.
    pub(crate) fn claim_name(&self, name: &str) -> bool {
        self.devices.names.borrow_mut().insert(name.to_lowercase())
    }

    /// Gives a name back. False where nothing has it.
    pub(crate) fn release_name(&self, name: &str) -> bool {
        self.devices.names.borrow_mut().remove(&name.to_lowercase())
    }

    /// IoCreateSymbolicLink.
    pub(crate) fn create_symbolic_link(&self, name: usize) -> NtStatus {
        if self.claim_name(&guest::unicode_string(name)) {
            STATUS_SUCCESS
        } else {
            STATUS_OBJECT_NAME_COLLISION
        }
    }

    /// IoDeleteSymbolicLink.
    pub(crate) fn delete_symbolic_link(&self, name: usize) -> NtStatus {
        if self.release_name(&guest::unicode_string(name)) {
            STATUS_SUCCESS
        } else {
            STATUS_OBJECT_NAME_NOT_FOUND
        }
    }
}
