//! What a script can do: to the driver, to the devices below, to requests and to time. What it can see is in `sight`.

use std::{rc::Rc, time::Duration};

use super::{
    Address, Answer, Device, IoStatus, LowerDevice, Request, Sent,
    disk::{ScriptedDisk, ScriptedDriver},
    sender::Senders,
    sight::Calls,
};
use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            call::IRP_MJ_PNP,
            device::{Native, NewDevice},
            irp::IrpRecord,
        },
        layout::device_object,
        status::{self, NtStatus, nt_success},
    },
    supervise::Watchdog,
    world::pnp::PnpStep,
};

const SECTOR_BYTES: u16 = 512;

/// The machine with the driver in it, as a script sees it.
pub struct World {
    pub(super) machine: &'static Machine,
    pub(super) disk: Rc<ScriptedDisk>,
    native: Rc<dyn Native>,
    lower_driver: usize,
    senders: Senders,
    pub(super) registry_path: usize,
    pub(super) calls: Calls,
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
            calls: Calls::default(),
        }));
        world.listen();
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
            name: String::new(),
        };
        let address = self
            .machine
            .create_device(&new, Some(Rc::clone(&self.native)))
            .unwrap_or_else(|| self.machine.cannot("there is no memory for a device"));
        device_object::SECTOR_SIZE.set(address, SECTOR_BYTES);
        device_object::FLAGS.set(address, like.flags);
        device_object::STACK_SIZE.set(address, like.stack_size);
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
        let status = machine.call_add_device(routine, bottom.address().0);
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

    /// Makes a buffer for requests, in the kernel's memory. It stays until the script is over.
    pub fn new_buffer(&self, bytes: &[u8]) -> Address {
        let address = self.machine.kernel_block(bytes.len());
        guest::write_bytes(address, bytes);
        Address(address)
    }

    /// Writes to memory of the simulated machine, as the hardware, another driver or a fault might.
    ///
    /// # Panics
    ///
    /// There is nothing at the address that could be written.
    pub fn write(&self, address: Address, bytes: &[u8]) {
        assert!(
            guest::contains(address.0, bytes.len()),
            "there is no memory at {address:?}"
        );
        guest::write_bytes(address.0, bytes);
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

    /// Completes a request that is pending below, by a DPC, and lets everything run that can.
    ///
    /// # Panics
    ///
    /// It is not pending below; or every processor is at DISPATCH_LEVEL, which a hook may have caused.
    #[track_caller]
    pub fn complete(&self, sent: &Sent, status: impl Into<IoStatus>) {
        self.complete_record(&sent.record, status.into());
    }

    /// As [`Self::complete`], for an IRP that the script knows by its address only.
    ///
    /// # Panics
    ///
    /// As for [`Self::complete`].
    #[track_caller]
    pub fn complete_at(&self, irp: Address, status: impl Into<IoStatus>) {
        let record = self.machine.irps.get(irp.0);
        let record = record.unwrap_or_else(|| panic!("there is no IRP at {irp:?}"));
        self.complete_record(&record, status.into());
    }

    /// Whether an IRP is pending below.
    pub fn is_pending_at(&self, irp: Address) -> bool {
        let record = self.machine.irps.get(irp.0);
        record.is_some_and(|record| self.disk.is_pending(&record))
    }

    #[track_caller]
    fn complete_record(&self, record: &IrpRecord, status: IoStatus) {
        let completion = self.disk.complete_pending(self.machine, record, status);
        let completion = completion.unwrap_or_else(|| panic!("irp {} is not pending below", record.serial));
        self.settle();
        assert!(
            completion.get(),
            "irp {} could not be completed: every processor is at DISPATCH_LEVEL",
            record.serial
        );
    }

    /// Cancels a request as its sender, and lets everything run that can. False where nobody could cancel it.
    pub fn cancel(&self, sent: &Sent) -> bool {
        let cancelled = self.machine.cancel_irp(&sent.record);
        self.settle();
        cancelled
    }

    /// As [`Self::cancel`], for an IRP that the script knows by its address only.
    pub fn cancel_at(&self, irp: Address) -> bool {
        let record = self.machine.irps.get(irp.0);
        let cancelled = record.is_some_and(|record| self.machine.cancel_irp(&record));
        self.settle();
        cancelled
    }

    /// Removes the driver's device in the order in which the PnP manager does, and checks that it is gone.
    ///
    /// # Panics
    ///
    /// It is attached to nothing.
    pub fn remove(&self, filter: Device) {
        self.remove_after(filter, PnpStep::QueryRemove.minor());
    }

    /// As [`Self::remove`], where the device is gone before anybody could ask.
    pub fn surprise_remove(&self, filter: Device) {
        self.remove_after(filter, PnpStep::SurpriseRemoval.minor());
    }

    fn remove_after(&self, filter: Device, first: u8) {
        let machine = self.machine;
        let address = filter.address().0;
        let below = machine.devices.below(address);
        assert_ne!(below, 0, "{filter:?} is attached to nothing");
        self.carry_out(filter, Request::new(IRP_MJ_PNP, first));
        let removed = self.carry_out(filter, Request::remove_device());
        machine.check_removed(removed.status, Some(address), below);
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

    /// As [`Self::fail_after`], with a status.
    pub fn fail_after_with(&self, before: usize, function: &str, status: NtStatus) {
        self.machine.planned.add(function, before, Some(status));
    }

    /// Has every call of these kernel functions fail from now on, in the ways that are usual for them; with none, no more.
    pub fn fail_always(&self, functions: &[&str]) {
        self.machine.planned.set_always(functions);
    }

    /// Forgets the failures that are planned one by one and have not come. Whether there were any.
    pub fn forget_failures(&self) -> bool {
        self.machine.planned.forget()
    }

    /// Lets everything run that can, and checks what must hold then.
    fn settle(&self) {
        Watchdog::pet();
        self.machine.wait_until_quiet();
        // A timer's routine is in nobody's way to be idle.
        if self.senders.are_idle() && !self.calls.in_hook.get() {
            self.machine.check_locks_quiet();
            // A request of the driver's own may be below for as long as the script wants.
            let is_quiet = self.machine.outstanding.borrow().is_empty() && self.machine.irps.own_below().is_empty();
            if is_quiet {
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
