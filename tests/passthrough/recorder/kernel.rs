//! What the recorder knows: the objects of the simulated kernel, the calls, and what was wrong.
//!
//! One for each thread, so that tests which run at the same time do not mix. Not the entry points
//! that the driver calls; those are in `exports`.

use std::{cell::RefCell, rc::Rc};

use super::{
    layout::{device_object, driver_object, irp, stack_location},
    memory::{Address, Block},
};

pub(crate) type NtStatus = i32;

pub(crate) const STATUS_SUCCESS: NtStatus = 0;
pub(crate) const STATUS_PENDING: NtStatus = 0x103;
pub(crate) const STATUS_NO_SUCH_DEVICE: NtStatus = 0xC000_000E_u32 as i32;
pub(crate) const STATUS_DELETE_PENDING: NtStatus = 0xC000_0056_u32 as i32;
pub(crate) const STATUS_INSUFFICIENT_RESOURCES: NtStatus = 0xC000_009A_u32 as i32;
pub(crate) const STATUS_NOT_SUPPORTED: NtStatus = 0xC000_00BB_u32 as i32;

pub(crate) const DO_EXCLUSIVE: u32 = 0x8;
pub(crate) const DO_DEVICE_HAS_NAME: u32 = 0x40;
pub(crate) const DO_DEVICE_INITIALIZING: u32 = 0x80;

/// A call of the driver into the kernel, with the arguments that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    IoCreateDevice {
        driver: Address,
        extension_bytes: u32,
        name: Address,
        device_type: u32,
        characteristics: u32,
        exclusive: bool,
    },
    IoDeleteDevice {
        device: Address,
    },
    IoAttachDeviceToDeviceStackSafe {
        source: Address,
        target: Address,
    },
    IoDetachDevice {
        target: Address,
    },
    IoGetAttachedDeviceReference {
        device: Address,
    },
    ObfDereferenceObject {
        object: Address,
    },
    IoInitializeRemoveLockEx {
        lock: Address,
        size: u32,
    },
    IoAcquireRemoveLockEx {
        lock: Address,
        tag: Address,
        size: u32,
    },
    IoReleaseRemoveLockEx {
        lock: Address,
        tag: Address,
        size: u32,
    },
    IoReleaseRemoveLockAndWaitEx {
        lock: Address,
        tag: Address,
        size: u32,
    },
    IofCallDriver {
        device: Address,
        irp: Address,
    },
    IofCompleteRequest {
        irp: Address,
        status: NtStatus,
        information: usize,
        priority_boost: i8,
    },
}

/// A call, and the flags at that time of the device object that the driver created last.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) call: Call,
    pub(crate) newest_flags: Option<u32>,
}

/// What the lower driver does with an IRP.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// Completes it with this status, which it returns.
    Complete(NtStatus),
    /// Marks it pending, keeps it, and returns STATUS_PENDING.
    Pend,
    /// Marks it pending, completes it with this status at once, and returns STATUS_PENDING.
    PendAndComplete(NtStatus),
}

/// An IRP as the lower driver received it.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) device: Address,
    pub(crate) irp: Address,
    /// The IRP with all of its stack locations.
    pub(crate) contents: Vec<u8>,
    /// The remove locks that were held then, each with its tag.
    pub(crate) held: Vec<(Address, Address)>,
}

/// A device object, deleted or not, with its extension.
pub(crate) struct Device {
    pub(crate) object: Rc<Block>,
    /// What the object would be if nobody but the kernel had written to it.
    pub(crate) as_kernel_wrote: Vec<u8>,
    pub(crate) deleted: bool,
    pub(crate) references: i32,
    pub(crate) lock: Option<RemoveLock>,
    /// The device it is attached to.
    pub(crate) below: Option<Address>,
}

/// A remove lock, known by its address within a device extension.
pub(crate) struct RemoveLock {
    pub(crate) address: Address,
    pub(crate) tags: Vec<Address>,
    pub(crate) removed: bool,
}

/// An IRP, completed or not.
pub(crate) struct Irp {
    pub(crate) block: Rc<Block>,
    /// What it was when it was completed.
    pub(crate) completed: Option<Vec<u8>>,
}

/// What the next calls return.
pub(crate) struct Script {
    pub(crate) create_device: NtStatus,
    pub(crate) attach_device: NtStatus,
    pub(crate) acquire_remove_lock: NtStatus,
    pub(crate) lower: Answer,
}

/// One simulated kernel.
pub(crate) struct Kernel {
    pub(crate) events: Vec<Event>,
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) violations: Vec<String>,
    pub(crate) script: Script,
    pub(crate) drivers: Vec<Rc<Block>>,
    pub(crate) devices: Vec<Device>,
    pub(crate) irps: Vec<Irp>,
    /// The device object that the driver created last.
    pub(crate) newest: Option<Address>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            arrivals: Vec::new(),
            violations: Vec::new(),
            script: Script {
                create_device: STATUS_SUCCESS,
                attach_device: STATUS_SUCCESS,
                acquire_remove_lock: STATUS_SUCCESS,
                lower: Answer::Complete(STATUS_SUCCESS),
            },
            drivers: Vec::new(),
            devices: Vec::new(),
            irps: Vec::new(),
            newest: None,
        }
    }
}

thread_local! {
    static KERNEL: RefCell<Kernel> = RefCell::default();
}

/// Works on this thread's kernel. Never call the driver from within.
pub(crate) fn with<R>(work: impl FnOnce(&mut Kernel) -> R) -> R {
    KERNEL.with_borrow_mut(work)
}

impl Kernel {
    /// Notes a call, as the first thing that each entry point does.
    pub(crate) fn record(&mut self, call: Call) {
        let newest_flags = self
            .newest
            .and_then(|newest| self.live_device(newest))
            .map(|device| device.object.u32(device_object::FLAGS));
        self.events.push(Event { call, newest_flags });
    }

    /// Notes that the driver did what it must not.
    pub(crate) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// The live device object at `address`; where there is none, that is a violation.
    pub(crate) fn device(&mut self, address: Address, who: &str) -> Option<&mut Device> {
        if self.live_device(address).is_none() {
            self.violation(format!("{who}: {address:?} is no device object"));
        }
        self.live_device_mut(address)
    }

    /// The live device object at `address`.
    pub(crate) fn live_device(&self, address: Address) -> Option<&Device> {
        self.devices.iter().find(|device| device.is_live_at(address))
    }

    fn live_device_mut(&mut self, address: Address) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.is_live_at(address))
    }

    /// The IRP at `address` that has not been completed; where there is none, that is a violation.
    pub(crate) fn irp(&mut self, address: Address, who: &str) -> Option<&mut Irp> {
        let is_it = |irp: &Irp| irp.completed.is_none() && irp.block.address() == address;
        if !self.irps.iter().any(is_it) {
            self.violation(format!("{who}: {address:?} is no IRP that is under way"));
        }
        self.irps.iter_mut().find(|irp| is_it(irp))
    }

    /// The driver object at `address`.
    pub(crate) fn driver(&self, address: Address) -> Option<Rc<Block>> {
        self.drivers.iter().find(|driver| driver.address() == address).cloned()
    }

    /// Makes a device object as IoCreateDevice does.
    pub(crate) fn create_device(
        &mut self,
        driver: &Block,
        extension_bytes: u32,
        device_type: u32,
        characteristics: u32,
        flags: u32,
    ) -> Address {
        let bytes = device_object::BYTES + extension_bytes as usize;
        let object = Rc::new(Block::new(bytes));
        let address = object.address();
        object.write(device_object::TYPE, &device_object::IO_TYPE_DEVICE.to_le_bytes());
        object.write(device_object::SIZE, &(bytes as u16).to_le_bytes());
        object.set_pointer(device_object::DRIVER_OBJECT, driver.address());
        object.set_pointer(device_object::NEXT_DEVICE, driver.pointer(driver_object::DEVICE_OBJECT));
        object.write(device_object::FLAGS, &(flags | DO_DEVICE_INITIALIZING).to_le_bytes());
        object.write(device_object::CHARACTERISTICS, &characteristics.to_le_bytes());
        let extension = Address(address.0 + device_object::BYTES);
        object.set_pointer(device_object::DEVICE_EXTENSION, extension);
        object.write(device_object::DEVICE_TYPE, &device_type.to_le_bytes());
        object.write(device_object::STACK_SIZE, &[1]);
        driver.set_pointer(driver_object::DEVICE_OBJECT, address);
        self.devices.push(Device {
            as_kernel_wrote: object.snapshot(),
            object,
            deleted: false,
            references: 0,
            lock: None,
            below: None,
        });
        address
    }

    /// The topmost device of the stack that `device` is in.
    pub(crate) fn top_of_stack(&self, device: Address) -> Address {
        let above = self
            .live_device(device)
            .map(|device| device.object.pointer(device_object::ATTACHED_DEVICE));
        match above {
            Some(above) if above != Address::default() => self.top_of_stack(above),
            _ => device,
        }
    }

    /// Puts `source` on top of the stack of `target` and returns the device that is now below it.
    pub(crate) fn attach(&mut self, source: Address, target: Address) -> Option<Address> {
        let top = self.top_of_stack(target);
        self.live_device(source)?;
        let below = self.live_device_mut(top)?;
        below.write(device_object::ATTACHED_DEVICE, &source.0.to_le_bytes());
        let below = Rc::clone(&below.object);
        let device = self.live_device_mut(source)?;
        device.write(device_object::STACK_SIZE, &[below.u8(device_object::STACK_SIZE) + 1]);
        let alignment: [u8; 4] = below.read(device_object::ALIGNMENT_REQUIREMENT);
        device.write(device_object::ALIGNMENT_REQUIREMENT, &alignment);
        let sector_bytes: [u8; 2] = below.read(device_object::SECTOR_SIZE);
        device.write(device_object::SECTOR_SIZE, &sector_bytes);
        device.below = Some(top);
        Some(top)
    }

    /// The remove lock at `lock`; where there is none of that size, that is a violation.
    pub(crate) fn remove_lock(&mut self, lock: Address, size: u32, who: &str) -> Option<&mut RemoveLock> {
        let is_it = |held: &RemoveLock| held.address == lock;
        if size != super::layout::REMOVE_LOCK_BYTES {
            self.violation(format!("{who}: a remove lock is 0x20 bytes, not {size:#x}"));
        }
        if !self.live_locks().any(is_it) {
            self.violation(format!("{who}: {lock:?} is no initialised remove lock"));
        }
        let live = self.devices.iter_mut().filter(|device| !device.deleted);
        live.filter_map(|device| device.lock.as_mut()).find(|held| is_it(held))
    }

    fn live_locks(&self) -> impl Iterator<Item = &RemoveLock> {
        let live = self.devices.iter().filter(|device| !device.deleted);
        live.filter_map(|device| device.lock.as_ref())
    }

    /// Every remove lock that is held, with its tag.
    pub(crate) fn held_locks(&self) -> Vec<(Address, Address)> {
        self.live_locks()
            .flat_map(|lock| lock.tags.iter().map(|&tag| (lock.address, tag)))
            .collect()
    }

    /// Ends an IRP: its stack locations are left one by one, and then it is nobody's.
    pub(crate) fn complete(&mut self, address: Address, who: &str) {
        let Some(request) = self.irp(address, who) else {
            return;
        };
        let block = Rc::clone(&request.block);
        let stack_count = block.u8(irp::STACK_COUNT);
        for location in block.u8(irp::CURRENT_LOCATION)..=stack_count {
            let current = stack_location_offset(location);
            let control = block.u8(current + stack_location::CONTROL);
            let pending = control & stack_location::SL_PENDING_RETURNED;
            block.write(irp::PENDING_RETURNED, &[pending]);
            block.write(irp::CURRENT_LOCATION, &[location + 1]);
            if pending != 0 && location < stack_count {
                let above = stack_location_offset(location + 1) + stack_location::CONTROL;
                block.write(above, &[block.u8(above) | pending]);
            }
        }
        request.completed = Some(block.snapshot());
        block.kill();
    }

    /// Everything that must hold whenever the driver has returned.
    pub(crate) fn check(&mut self) {
        let mut found = Vec::new();
        for device in &self.devices {
            let address = device.object.address();
            if !device.object.guards_intact() {
                found.push(format!("wrote past the end of device object {address:?}"));
            }
            if device.deleted && !device.object.still_dead() {
                found.push(format!("wrote to the deleted device object {address:?}"));
            }
            if device.references != 0 {
                let references = device.references;
                found.push(format!("device object {address:?} has {references} references left"));
            }
        }
        for irp in &self.irps {
            let address = irp.block.address();
            if !irp.block.guards_intact() {
                found.push(format!("wrote past the end of IRP {address:?}"));
            }
            if irp.completed.is_some() && !irp.block.still_dead() {
                found.push(format!("wrote to the completed IRP {address:?}"));
            }
        }
        for driver in &self.drivers {
            if !driver.guards_intact() {
                found.push(format!("wrote past the end of driver object {:?}", driver.address()));
            }
        }
        for (lock, tag) in self.held_locks() {
            found.push(format!("returned with remove lock {lock:?} held for {tag:?}"));
        }
        self.violations.append(&mut found);
    }
}

impl Device {
    /// Writes a field as the kernel, which may.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.object.write(offset, bytes);
        self.as_kernel_wrote[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn is_live_at(&self, address: Address) -> bool {
        !self.deleted && self.object.address() == address
    }

    /// Whether `bytes` bytes from `address` on are in the device's extension.
    pub(crate) fn extension_covers(&self, address: Address, bytes: u32) -> bool {
        let start = self.object.address().0 + device_object::BYTES;
        let end = self.object.address().0 + self.object.len();
        start <= address.0 && address.0 + bytes as usize <= end
    }
}

/// Where a stack location is in an IRP; the lowest driver's is number 1.
pub(crate) fn stack_location_offset(location: u8) -> usize {
    irp::BYTES + (usize::from(location) - 1) * stack_location::BYTES
}
