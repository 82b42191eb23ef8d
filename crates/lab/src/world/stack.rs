//! The device stack that the driver joins: made, started, removed, with what must hold at each step.

use std::rc::Rc;

use super::{
    disk::{Disk, DiskDriver, Habits, SECTOR_BYTES},
    pnp::{Parameters, PnpStep},
    usage::Usage,
};
use crate::{
    guest,
    kernel::{
        Machine,
        activation::Routine,
        io::{
            call::{IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL},
            device::{DO_BUFFERED_IO, DO_DEVICE_INITIALIZING, DO_DIRECT_IO, DO_POWER_PAGABLE, Native, NewDevice},
            irp::major_name,
        },
        layout::{device_object, driver_object},
        status::{self, NtStatus, STATUS_PENDING, nt_success},
    },
    pool::Owner,
    rules,
};

const FILE_DEVICE_DISK: u32 = 7;
const FILE_REMOVABLE_MEDIA: u32 = 0x1;

/// The devices of a disk, and the driver on top of them.
#[derive(Clone)]
pub(crate) struct DeviceStack {
    /// The physical device object.
    pub(crate) bottom: usize,
    /// The disk's own device object.
    pub(crate) disk: usize,
    /// What requests are sent to.
    pub(crate) top: usize,
    /// The device of the driver, where it made one.
    pub(crate) filter: Option<usize>,
    /// The lab's disk, where it is one.
    pub(crate) lower: Option<Rc<Disk>>,
    /// The special files on it.
    pub(crate) usage: Rc<Usage>,
}

/// What a disk is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DiskKind {
    /// What its choices are drawn by.
    pub(crate) name: &'static str,
    pub(crate) habits: Habits,
    /// DO_BUFFERED_IO and not DO_DIRECT_IO.
    pub(crate) buffered: bool,
    /// DO_POWER_PAGABLE, DO_POWER_INRUSH or neither.
    pub(crate) power_flags: u32,
}

impl DiskKind {
    /// A disk as most are.
    pub(crate) fn usual(habits: Habits, buffered: bool) -> Self {
        Self {
            name: "disk",
            habits,
            buffered,
            power_flags: DO_POWER_PAGABLE,
        }
    }
}

impl Machine {
    /// Makes the disk's two devices.
    pub(crate) fn make_disk(&'static self, kind: DiskKind) -> DeviceStack {
        let driver = self.make_driver_object("\\Driver\\labdisk");
        let disk = Rc::new(Disk::new(self.config.seed, kind.name, kind.habits));
        let bottom = self.make_disk_device(driver, kind, &disk);
        let mut stack = DeviceStack {
            bottom,
            disk: bottom,
            top: bottom,
            filter: None,
            lower: None,
            usage: Rc::default(),
        };
        self.attach_disk(&mut stack, driver, kind, disk);
        stack
    }

    /// Makes the disk's own device on a physical device that is there: what happens when a disk is enabled again.
    pub(crate) fn make_disk_again(&'static self, stack: &mut DeviceStack, kind: DiskKind) {
        let driver = device_object::DRIVER_OBJECT.get(stack.bottom);
        let disk = Rc::new(Disk::new(self.config.seed, kind.name, kind.habits));
        self.attach_disk(stack, driver, kind, disk);
    }

    fn attach_disk(&'static self, stack: &mut DeviceStack, driver: usize, kind: DiskKind, disk: Rc<Disk>) {
        let device = self.make_disk_device(driver, kind, &disk);
        self.attach_device(device, stack.bottom);
        stack.disk = device;
        stack.top = device;
        stack.filter = None;
        stack.lower = Some(disk);
        stack.usage = Rc::default();
    }

    fn make_disk_device(&'static self, driver: usize, kind: DiskKind, disk: &Rc<Disk>) -> usize {
        let native: Rc<dyn Native> = Rc::new(DiskDriver(Rc::clone(disk)));
        let new = NewDevice {
            driver,
            extension_bytes: 16,
            device_type: FILE_DEVICE_DISK,
            characteristics: 0x100 | if kind.habits.removable { FILE_REMOVABLE_MEDIA } else { 0 },
            exclusive: false,
            name: String::new(),
        };
        let device = self.create_device(&new, Some(native));
        let device = device.unwrap_or_else(|| self.cannot("there is no memory for a disk"));
        device_object::SECTOR_SIZE.set(device, u16::try_from(SECTOR_BYTES).unwrap_or_default());
        let buffering = if kind.buffered { DO_BUFFERED_IO } else { DO_DIRECT_IO };
        device_object::FLAGS.set(device, kind.power_flags | buffering);
        device
    }

    /// Takes away a stack that the driver did not join.
    pub(crate) fn discard_stack(&'static self, stack: &DeviceStack) {
        self.detach_device(stack.bottom);
        self.delete_device(stack.disk);
        self.delete_device(stack.bottom);
    }

    /// Calls AddDevice for the disk. `false` where AddDevice failed.
    pub(crate) fn add_device(&'static self, stack: &mut DeviceStack, may_fail: bool) -> bool {
        let Some(routine) = self.add_device_routine() else {
            return true;
        };
        let status = self.add_impatiently(stack.bottom, || self.call_add_device(routine, stack.bottom));
        if !nt_success(status) {
            if !may_fail && !self.sites.any_failed() {
                self.cannot(&format!(
                    "AddDevice returned {} ({:#010x})",
                    status::name(status),
                    status.cast_unsigned()
                ));
            }
            return false;
        }
        let top = self.top_of_stack(stack.bottom);
        if top != stack.disk {
            stack.filter = Some(top);
            stack.top = top;
        }
        true
    }

    /// Calls AddDevice, and checks that the device that it attached is ready, or that a failure left nothing.
    pub(crate) fn call_add_device(&self, routine: usize, bottom: usize) -> NtStatus {
        let driver = self.loaded().object;
        let below = self.top_of_stack(bottom);
        let newest = driver_object::DEVICE_OBJECT.get(driver);
        let blocks = self.pool.borrow().counters(Owner::Driver).live_blocks();
        let result = self.call_routine(Routine::AddDevice, routine, [driver, bottom, 0, 0]);
        let status = result as u32 as NtStatus;
        let top = self.top_of_stack(bottom);
        if nt_success(status) {
            if top != below {
                self.check_major_functions(driver);
                self.check_inherited(top, below);
            }
            return status;
        }
        if top != below {
            self.violation(
                &rules::REMOVED_NOT_DETACHED,
                "AddDevice failed and left its device attached",
            );
        }
        if driver_object::DEVICE_OBJECT.get(driver) != newest {
            self.violation(
                &rules::REMOVED_NOT_DELETED,
                "AddDevice failed and left its device object",
            );
        }
        if self.pool.borrow().counters(Owner::Driver).live_blocks() > blocks {
            self.violation(
                &rules::POOL_LEAKED,
                "AddDevice failed and left pool that it had allocated",
            );
        }
        status
    }

    /// A driver in a stack has a dispatch routine for what it has to pass on, whatever it is there for.
    fn check_major_functions(&self, driver: usize) {
        for major in [IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL, IRP_MJ_PNP] {
            let slot = driver_object::MAJOR_FUNCTION.address(driver) + 8 * usize::from(major);
            if guest::read::<usize>(slot) == self.invalid_request_routine() {
                self.violation(
                    &rules::NO_DISPATCH_ROUTINE,
                    &format!(
                        "a driver with AddDevice has no dispatch routine for {}",
                        major_name(major)
                    ),
                );
            }
        }
    }

    /// What a filter takes over from the device below it.
    fn check_inherited(&self, filter: usize, below: usize) {
        let [ours, theirs] = [filter, below].map(|device| device_object::FLAGS.get(device));
        if ours & DO_DEVICE_INITIALIZING != 0 {
            self.violation(
                &rules::STILL_INITIALIZING,
                "AddDevice returned with DO_DEVICE_INITIALIZING set in its device",
            );
        }
        let buffering = DO_BUFFERED_IO | DO_DIRECT_IO;
        if ours & buffering == buffering {
            self.violation(
                &rules::BUFFERED_AND_DIRECT,
                "the filter has both DO_BUFFERED_IO and DO_DIRECT_IO, of which a device has one at most",
            );
        }
        if ours & buffering != theirs & buffering {
            self.violation(
                &rules::IO_FLAGS_NOT_INHERITED,
                &format!(
                    "the device below has flags {:#x} of DO_BUFFERED_IO and DO_DIRECT_IO, the filter {:#x}",
                    theirs & buffering,
                    ours & buffering
                ),
            );
        }
        if theirs & DO_POWER_PAGABLE != 0 && ours & DO_POWER_PAGABLE == 0 {
            self.violation(
                &rules::POWER_PAGABLE_NOT_INHERITED,
                "the device below has DO_POWER_PAGABLE, the filter has not",
            );
        }
        let [ours, theirs] = [filter, below].map(|device| device_object::DEVICE_TYPE.get(device));
        if ours != theirs {
            self.violation(
                &rules::DEVICE_TYPE_NOT_INHERITED,
                &format!("the device below is of type {theirs:#x}, the filter of type {ours:#x}"),
            );
        }
    }

    /// Sends a PnP request and waits for it.
    pub(crate) fn send_pnp(&'static self, stack: &DeviceStack, minor: u8) -> NtStatus {
        self.send_and_wait(stack.top, IRP_MJ_PNP, minor)
    }

    /// Sends WMI's request for all data of the physical device, which has none, and waits for it.
    pub(crate) fn send_system_control(&'static self, stack: &DeviceStack) -> NtStatus {
        let parameters = Parameters::new([stack.bottom, 0, 0, 0]);
        self.send_with(stack.top, IRP_MJ_SYSTEM_CONTROL, 0, &parameters).status
    }

    /// Sends a request without parameters and waits for it.
    pub(crate) fn send_and_wait(&'static self, device: usize, major: u8, minor: u8) -> NtStatus {
        self.send_with(device, major, minor, &Parameters::new([0; 4])).status
    }

    /// Removes the device, as the PnP manager does, and checks that the driver has let it go.
    pub(crate) fn remove_device(&'static self, stack: &mut DeviceStack, surprise: bool) {
        if surprise {
            self.phase("SURPRISE_REMOVAL");
            self.pnp_step(stack, PnpStep::SurpriseRemoval);
        } else {
            self.phase("QUERY_REMOVE_DEVICE");
            let asked = self.pnp_step(stack, PnpStep::QueryRemove);
            if !nt_success(asked) {
                // It stays, until somebody pulls it out.
                self.pnp_step(stack, PnpStep::CancelRemove);
                self.pnp_step(stack, PnpStep::SurpriseRemoval);
            }
        }
        self.check_quiet();
        self.remove_at_once(stack);
    }

    /// Removes the device without having asked or told it first.
    pub(crate) fn remove_at_once(&'static self, stack: &mut DeviceStack) {
        self.phase("REMOVE_DEVICE");
        self.remove_driver(stack);
        self.delete_device(stack.bottom);
    }

    /// Sends REMOVE_DEVICE, checks that the driver has let the device go, and takes the disk away from its physical device.
    pub(crate) fn remove_driver(&'static self, stack: &mut DeviceStack) {
        let status = self.pnp_step(stack, PnpStep::Remove);
        self.check_removed(status, stack.filter.take(), stack.disk);
        stack.top = stack.disk;
        self.detach_device(stack.bottom);
        self.delete_device(stack.disk);
    }

    /// What must hold after IRP_MN_REMOVE_DEVICE, which ended with `status`: the driver has let `below` go.
    pub(crate) fn check_removed(&self, status: NtStatus, filter: Option<usize>, below: usize) {
        if !nt_success(status) {
            self.violation(
                &rules::REMOVE_FAILED,
                &format!("REMOVE_DEVICE ended with {}", status::name(status)),
            );
        }
        let Some(filter) = filter else {
            return;
        };
        if device_object::ATTACHED_DEVICE.get(below) != 0 {
            self.violation(
                &rules::REMOVED_NOT_DETACHED,
                "the device is still attached after REMOVE_DEVICE",
            );
        }
        if self.devices.is_live(filter) {
            self.violation(
                &rules::REMOVED_NOT_DELETED,
                "the device object is still there after REMOVE_DEVICE",
            );
        }
    }

    /// No code of the driver runs: no remove lock may be held for an IRP that is gone.
    pub(crate) fn check_locks_quiet(&self) {
        for tag in self.remove_locks_held() {
            if let Some(irp) = self.irp_of_tag(tag)
                && (irp.owner.get() == crate::kernel::io::irp::Owner::Done || irp.freed.get())
            {
                self.violation_about(
                    Some(&irp),
                    &rules::REMOVE_LOCK_LEAKED,
                    "a remove lock is still held for an IRP that has been completed",
                );
            }
        }
    }

    /// No request is under way: nothing may be held for one.
    pub(crate) fn check_quiet(&'static self) {
        // A driver may still be on its way out of the routine that completed the last request.
        self.settle();
        // First, because a completion routine that does not run cannot release a lock either.
        if let Some(irp) = self.lost_wrapper() {
            self.violation_about(
                Some(&irp),
                &rules::WRAPPER_LOST,
                "what IoSetCompletionRoutineEx allocated for an IRP was not freed by the time that it was completed",
            );
        }
        self.check_locks_quiet();
    }

    /// Unloads the driver, if it can be, and checks that nothing of it is left.
    pub(crate) fn unload(&'static self) {
        let Some(routine) = self.unload_routine() else {
            self.reporter.count("no DriverUnload", 1);
            return;
        };
        self.wait_for_work_items();
        self.phase("DriverUnload");
        let driver = self.loaded();
        self.call_routine(Routine::Unload, routine, [driver.object, 0, 0, 0]);
        self.check_nothing_runs_on();
        if driver_object::DEVICE_OBJECT.get(driver.object) != 0 {
            self.violation(
                &rules::REMOVED_NOT_DELETED,
                "the driver was unloaded and has a device object left",
            );
        }
        self.check_references_returned();
        self.check_no_callback_registered();
        let pool = self.pool.borrow();
        let left: Vec<_> = pool.live(Owner::Driver).collect();
        if let Some(first) = left.first() {
            let at = driver.symbols.locate_call(first.allocated_at).to_string();
            let message = format!(
                "the driver was unloaded and left {} pool blocks of {} bytes; the first, '{}', {} bytes, was allocated \
                 at {at}",
                left.len(),
                left.iter().map(|block| block.bytes).sum::<usize>(),
                first.tag,
                first.bytes,
            );
            drop(pool);
            self.violation(&rules::POOL_LEAKED, &message);
        }
    }

    /// Sends an IRP and waits until it is back; returns its status.
    pub(crate) fn send_and_wait_irp(
        &'static self,
        irp: &Rc<crate::kernel::io::irp::IrpRecord>,
        device: usize,
    ) -> NtStatus {
        let returned = self.send_from_initiator(irp, device);
        if returned == STATUS_PENDING {
            self.wait_for_irp(irp);
        }
        irp.final_status.get()
    }
}
