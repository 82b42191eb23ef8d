//! The world that a script acts on: the machine with the driver in it, the devices below, and what can be done.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use super::{
    Address, Answer, Arrival, Call, Device, HeldLock, IoStatus, LowerDevice, Moment, PoolCounters, Request, Sent,
    disk::{self, ScriptedDisk, ScriptedDriver},
    sender::Senders,
};
use crate::{
    guest,
    kernel::{
        Machine,
        activation::Routine,
        entry::Frame,
        io::device::{Native, NewDevice},
        layout::{device_object, driver_extension, driver_object},
        observer::Observer,
        status::{self, NtStatus, nt_success},
    },
    pool::Owner,
    rules,
    supervise::Watchdog,
    world::stack::pnp,
};

/// The most calls that are kept until the script takes them.
const CALLS_MAX: usize = 100_000;

const SECTOR_BYTES: u16 = 512;

type Hook = Box<dyn FnMut(&World, Moment, &Call)>;

/// The machine with the driver in it, as a script sees it.
pub struct World {
    machine: &'static Machine,
    disk: Rc<ScriptedDisk>,
    native: Rc<dyn Native>,
    lower_driver: usize,
    senders: Senders,
    registry_path: usize,
    calls: RefCell<Vec<Call>>,
    recording: Cell<bool>,
    hook: RefCell<Option<Hook>>,
}

/// Hands the driver's calls to the world.
struct Listener(&'static World);

impl Observer for Listener {
    fn call(&self, machine: &'static Machine, moment: Moment, function: &'static str, frame: Frame) {
        self.0.observe(machine, moment, function, frame);
    }
}

impl World {
    pub(super) fn new(machine: &'static Machine) -> &'static Self {
        let disk = Rc::new(ScriptedDisk::new());
        // As the machine itself, it lives as long as the process.
        let world: &'static Self = Box::leak(Box::new(Self {
            machine,
            native: Rc::new(ScriptedDriver(Rc::clone(&disk))),
            disk,
            lower_driver: machine.make_driver_object("\\Driver\\labdisk"),
            senders: Senders::default(),
            registry_path: machine.make_registry_path(),
            calls: RefCell::default(),
            recording: Cell::new(true),
            hook: RefCell::default(),
        }));
        machine.observers.set(Rc::new(Listener(world)));
        world
    }

    /// Makes a device that the driver can join: one of the lab's own driver, which does with requests what
    /// [`Self::answer`] says.
    pub fn new_device(&self, like: LowerDevice) -> Device {
        let new = NewDevice {
            driver: self.lower_driver,
            extension_bytes: 16,
            device_type: like.device_type,
            characteristics: like.characteristics,
            exclusive: false,
            named: false,
        };
        let address = self
            .machine
            .create_device(&new, Some(Rc::clone(&self.native)))
            .unwrap_or_else(|| self.machine.cannot("there is no memory for a device"));
        device_object::SECTOR_SIZE.set(address, SECTOR_BYTES);
        device_object::FLAGS.set(address, like.flags);
        self.device(address)
    }

    /// Puts `upper` on top of the stack of `lower`, as another driver's AddDevice would.
    pub fn attach(&self, upper: Device, lower: Device) {
        self.machine.attach_device(upper.address().0, lower.address().0);
    }

    fn device(&self, address: usize) -> Device {
        Device::at(self.machine, address).expect("the lab made it")
    }

    /// Calls DriverEntry, which [`Lab::play`](crate::Lab::play) has done already.
    pub fn driver_entry(&self) -> NtStatus {
        self.machine.driver_entry(self.registry_path)
    }

    /// Calls AddDevice for a stack, and checks that the device it attached is ready, or that a failure left nothing.
    pub fn add_device(&self, bottom: Device) -> NtStatus {
        let machine = self.machine;
        let Some(routine) = machine.add_device_routine() else {
            machine.cannot("the driver has no AddDevice routine");
        };
        let driver = machine.loaded().object;
        let below = bottom.top_of_stack();
        let before = (
            driver_object::DEVICE_OBJECT.get(driver),
            self.driver_pool().live_blocks(),
        );
        let result = machine.call_routine(Routine::AddDevice, routine, [driver, bottom.address().0, 0, 0]);
        let status = result as u32 as NtStatus;
        let top = bottom.top_of_stack();
        if nt_success(status) {
            if top != below {
                machine.check_inherited(top.address().0, below.address().0);
            }
        } else {
            let after = (
                driver_object::DEVICE_OBJECT.get(driver),
                self.driver_pool().live_blocks(),
            );
            if top != below {
                machine.violation(
                    &rules::REMOVED_NOT_DETACHED,
                    "AddDevice failed and left its device attached",
                );
            }
            if after.0 != before.0 {
                machine.violation(
                    &rules::REMOVED_NOT_DELETED,
                    "AddDevice failed and left its device object",
                );
            }
            if after.1 > before.1 {
                machine.violation(
                    &rules::POOL_LEAKED,
                    "AddDevice failed and left pool that it had allocated",
                );
            }
        }
        self.settle();
        status
    }

    /// Makes a device and has the driver join it: the device below and the driver's own.
    ///
    /// # Panics
    ///
    /// The driver does not join it.
    pub fn add_filter(&self) -> (Device, Device) {
        let lower = self.new_device(LowerDevice::default());
        let added = self.add_device(lower);
        assert!(nt_success(added), "AddDevice returned {}", status::name(added));
        let filter = lower.top_of_stack();
        assert_ne!(filter, lower, "AddDevice attached nothing");
        (lower, filter)
    }

    /// Sends a request, and lets everything run that can.
    pub fn send(&self, device: Device, request: Request) -> Sent {
        let machine = self.machine;
        let record = request.build(machine, device);
        let sent = Sent::new(&record, device);
        let returned = Rc::clone(&sent.returned);
        self.senders.start(machine, move |machine| {
            let context = machine.current();
            let irql = context.irql.replace(request.irql);
            let status = machine.send_from_initiator(&record, device.address().0);
            context.irql.set(irql);
            returned.set(Some(status));
        });
        self.settle();
        sent
    }

    /// Sends a request and lets time go on until it has ended. What never ends is an offence.
    pub fn carry_out(&self, device: Device, request: Request) -> IoStatus {
        let sent = self.send(device, request);
        self.finish(&sent)
    }

    /// Lets time go on until a request has ended. What never ends is an offence.
    pub fn finish(&self, sent: &Sent) -> IoStatus {
        self.machine.wait_for_irp(&sent.record);
        while sent.returned().is_none() {
            self.senders.wait_for_one(self.machine);
        }
        self.settle();
        IoStatus::new(sent.record.final_status.get(), sent.record.final_information.get())
    }

    /// Has the devices below do this with every request from now on, but for those with an [`Self::answer_next`].
    pub fn answer(&self, answer: Answer) {
        self.disk.set_usual(answer);
    }

    /// Has the devices below do this with the next request for which they have not been told yet.
    pub fn answer_next(&self, answer: Answer) {
        self.disk.add_next(answer);
    }

    /// Completes a request that is pending below, and lets everything run that can.
    ///
    /// # Panics
    ///
    /// It is not pending below.
    pub fn complete(&self, irp: impl Into<Address>, status: impl Into<IoStatus>) {
        let address = irp.into();
        let record = self.machine.irps.get(address.0);
        let completed = record.is_some_and(|record| self.disk.complete_pending(self.machine, &record, status.into()));
        assert!(completed, "there is no IRP at {address:?} that is pending below");
        self.settle();
    }

    /// Cancels a request as its sender, and lets everything run that can. False where nobody could cancel it.
    pub fn cancel(&self, sent: &Sent) -> bool {
        let cancelled = self.machine.cancel_irp(&sent.record);
        self.settle();
        cancelled
    }

    /// Removes the driver's device in the order in which the PnP manager does, and checks that it is gone.
    pub fn remove(&self, filter: Device) {
        self.remove_after(filter, pnp::QUERY_REMOVE_DEVICE);
    }

    /// As [`Self::remove`], where the device is gone before anybody could ask.
    pub fn surprise_remove(&self, filter: Device) {
        self.remove_after(filter, pnp::SURPRISE_REMOVAL);
    }

    fn remove_after(&self, filter: Device, first: u8) {
        let machine = self.machine;
        let below = machine.devices.below(filter.address().0);
        let major = crate::kernel::io::call::IRP_MJ_PNP;
        self.carry_out(filter, Request::new(major, first));
        let removed = self.carry_out(filter, Request::remove_device());
        if !nt_success(removed.status) {
            let message = format!("REMOVE_DEVICE ended with {}", status::name(removed.status));
            machine.violation(&rules::REMOVE_FAILED, &message);
        }
        if below != 0 && device_object::ATTACHED_DEVICE.get(below) == filter.address().0 {
            machine.violation(
                &rules::REMOVED_NOT_DETACHED,
                "the device is still attached after REMOVE_DEVICE",
            );
        }
        if filter.exists() {
            machine.violation(
                &rules::REMOVED_NOT_DELETED,
                "the device object is still there after REMOVE_DEVICE",
            );
        }
    }

    /// Unloads the driver, and checks that nothing of it is left.
    pub fn unload(&self) {
        self.machine.unload();
        self.settle();
    }

    /// Lets time go by, and everything happen that becomes due.
    pub fn advance(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.machine.sleep_until(self.machine.clock.now_ns().saturating_add(ns));
        self.settle();
    }

    /// Virtual time since the machine was started.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.machine.clock.now_ns())
    }

    /// Has the next call of a kernel function fail, in the way that is usual for it.
    ///
    /// A script that ends before the call has come fails.
    pub fn fail_next(&self, function: &str) {
        self.machine.planned.add(function, 0, None);
    }

    /// As [`Self::fail_next`], with a status.
    pub fn fail_next_with(&self, function: &str, status: NtStatus) {
        self.machine.planned.add(function, 0, Some(status));
    }

    /// As [`Self::fail_next`], for the call after `before` others, which do not fail.
    pub fn fail_after(&self, before: usize, function: &str) {
        self.machine.planned.add(function, before, None);
    }

    /// Looks on while the driver calls the kernel: before anything is done for a call, and before it returns. Nothing is
    /// sent or completed from there; the calls that looking on makes are not looked at.
    pub fn on_call(&self, hook: impl FnMut(&Self, Moment, &Call) + 'static) {
        *self.hook.borrow_mut() = Some(Box::new(hook));
    }

    /// Keeps calls and arrivals for [`Self::take_calls`] and [`Self::take_arrivals`], as from the start, or does not.
    pub fn set_recording(&self, recording: bool) {
        self.recording.set(recording);
        self.disk.recording.set(recording);
    }

    /// The driver's calls since this was last asked, in order.
    pub fn take_calls(&self) -> Vec<Call> {
        self.calls.take()
    }

    /// What arrived at the devices below since this was last asked, in order.
    pub fn take_arrivals(&self) -> Vec<Arrival> {
        self.disk.take_arrivals()
    }

    /// How many requests arrived below since the script began.
    pub fn arrived(&self) -> u64 {
        self.disk.arrived()
    }

    /// Every remove lock that is held.
    pub fn held_locks(&self) -> Vec<HeldLock> {
        disk::held_locks(self.machine)
    }

    /// What the driver has allocated and freed.
    pub fn driver_pool(&self) -> PoolCounters {
        *self.machine.pool.borrow().counters(Owner::Driver)
    }

    /// The device that the driver created last and has not deleted.
    pub fn newest_device(&self) -> Option<Device> {
        Device::at(
            self.machine,
            driver_object::DEVICE_OBJECT.get(self.machine.loaded().object),
        )
    }

    /// Where the driver object is.
    pub fn driver(&self) -> Address {
        Address(self.machine.loaded().object)
    }

    /// The driver object.
    pub fn driver_bytes(&self) -> Vec<u8> {
        self.bytes(self.driver().0, driver_object::BYTES)
    }

    /// The extension of the driver object.
    pub fn driver_extension_bytes(&self) -> Vec<u8> {
        let extension = driver_object::DRIVER_EXTENSION.get(self.driver().0);
        self.bytes(extension, driver_extension::BYTES)
    }

    /// The UNICODE_STRING that DriverEntry gets, with its text after it.
    pub fn registry_path_bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes(self.registry_path, 16);
        let length = usize::from(guest::read::<u16>(self.registry_path));
        bytes.extend(self.bytes(guest::read(self.registry_path + 8), length));
        bytes
    }

    /// Whether there is code of the driver at `address`.
    pub fn is_driver_code(&self, address: Address) -> bool {
        let driver = self.machine.loaded();
        let section = driver.image.relative(address.0);
        let section = section.and_then(|address| driver.image.section_at(address));
        section.is_some_and(|section| section.protection().execute)
    }

    /// The functions and variables that the driver imports and the lab does not have.
    pub fn unknown_imports(&self) -> Vec<String> {
        let driver = self.machine.loaded();
        let unknown = driver.image.imports().iter().filter(|import| !import.resolved);
        unknown.map(|import| import.name.clone()).collect()
    }

    /// Reads what is at `address`. False where there is nothing that could be read.
    pub fn read(&self, address: Address, bytes: &mut [u8]) -> bool {
        let readable = guest::contains(address.0, bytes.len());
        if readable {
            guest::read_bytes(address.0, bytes);
        }
        readable
    }

    fn bytes(&self, address: usize, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        guest::read_bytes(address, &mut bytes);
        bytes
    }

    fn observe(&self, machine: &'static Machine, moment: Moment, function: &'static str, frame: Frame) {
        let has_hook = self.hook.borrow().is_some();
        let recorded = self.recording.get() && moment == Moment::Called;
        if !has_hook && !recorded {
            return;
        }
        let call = Call::read(function, frame);
        let hook = self.hook.take();
        if let Some(mut hook) = hook {
            hook(self, moment, &call);
            let mut now = self.hook.borrow_mut();
            if now.is_none() {
                *now = Some(hook);
            }
        }
        if recorded {
            let mut calls = self.calls.borrow_mut();
            if calls.len() == CALLS_MAX {
                machine.cannot(&format!(
                    "the driver made {CALLS_MAX} calls and the script takes none: World::set_recording turns that off"
                ));
            }
            calls.push(call);
        }
    }

    /// Lets everything run that can, and checks what must hold then.
    fn settle(&self) {
        Watchdog::pet();
        self.machine.wait_until_quiet();
        if self.senders.are_idle() {
            self.machine.check_locks_quiet();
            if self.machine.outstanding.borrow().is_empty() {
                self.machine.check_quiet();
            }
        }
        Watchdog::pet();
    }

    /// What must hold when the script is over.
    pub(super) fn end(&self) {
        self.settle();
        let left = self.machine.planned.left();
        if !left.is_empty() {
            self.machine.cannot(&format!(
                "the script wants {} to fail, which was not called since, or cannot be made to",
                left.join(" and ")
            ));
        }
    }
}
