//! What a script can see: the driver's calls, what arrived below, memory.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{Address, Arrival, Call, Device, HeldLock, Moment, PoolCounters, World, disk};
use crate::{
    guest,
    kernel::{
        Machine,
        entry::Frame,
        layout::{driver_extension, driver_object},
        observer::Observer,
    },
    pool::Owner,
};

/// The most calls that are kept until the script takes them.
const CALLS_MAX: usize = 100_000;

type Hook = Box<dyn FnMut(&World, Moment, &Call)>;

/// The driver's calls, and who is told of them.
pub(super) struct Calls {
    recorded: RefCell<Vec<Call>>,
    recording: Cell<bool>,
    hook: RefCell<Option<Hook>>,
    /// The calls that the hook was told of and that have not returned, each with the address of its frame. What they were
    /// called with is kept, since what that points to may be gone when they return.
    hooked: RefCell<Vec<(usize, Call)>>,
    /// Whether the hook is being told of a call, so that the driver is in the middle of a routine.
    pub(super) in_hook: Cell<bool>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            recorded: RefCell::default(),
            recording: Cell::new(true),
            hook: RefCell::default(),
            hooked: RefCell::default(),
            in_hook: Cell::default(),
        }
    }
}

/// Hands the driver's calls to the world.
struct Listener(&'static World);

impl Observer for Listener {
    fn call(&self, machine: &'static Machine, moment: Moment, function: &'static str, frame: Frame) {
        self.0.observe(machine, moment, function, frame);
    }
}

impl World {
    /// Begins to look on.
    pub(super) fn listen(&'static self) {
        self.machine.observers.set(Rc::new(Listener(self)));
    }

    /// Looks on while the driver calls the kernel: before anything is done for a call, and before it returns.
    ///
    /// What the hook does to the world happens right there, as on another processor: a request that it sends, completes
    /// or cancels overtakes the driver in the middle of its call. The calls that the driver makes for that are recorded,
    /// and the hook is not called for them.
    pub fn on_call(&self, hook: impl FnMut(&Self, Moment, &Call) + 'static) {
        *self.calls.hook.borrow_mut() = Some(Box::new(hook));
    }

    /// Keeps calls and arrivals for [`Self::take_calls`] and [`Self::take_arrivals`], as from the start, or does not.
    pub fn set_recording(&self, recording: bool) {
        self.calls.recording.set(recording);
        self.disk.recording.set(recording);
    }

    /// The driver's calls since this was last asked, in order.
    pub fn take_calls(&self) -> Vec<Call> {
        self.calls.recorded.take()
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

    /// Whether the driver holds a spin lock where it is now. What another processor does that needs the same lock cannot happen
    /// there: it would wait for the lock, and a hook would wait for ever.
    pub fn holds_spin_lock(&self) -> bool {
        !self.machine.current().spin_locks.borrow().is_empty()
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
        let calls = &self.calls;
        match moment {
            Moment::Called => {
                let is_hooked = calls.hook.borrow().is_some();
                if !is_hooked && !calls.recording.get() {
                    return;
                }
                let call = Call::read(function, frame);
                if calls.recording.get() {
                    calls.record(machine, call.clone());
                }
                if is_hooked {
                    calls.hooked.borrow_mut().push((frame.address(), call.clone()));
                    self.call_hook(moment, &call);
                }
            }
            Moment::Returned => {
                if let Some(call) = calls.take_hooked(frame) {
                    self.call_hook(moment, &call);
                }
            }
        }
    }

    fn call_hook(&self, moment: Moment, call: &Call) {
        // Not borrowed while it is called, and not to be found by what it causes.
        let Some(mut hook) = self.calls.hook.take() else {
            return;
        };
        self.calls.in_hook.set(true);
        hook(self, moment, call);
        self.calls.in_hook.set(false);
        self.calls.hook.borrow_mut().get_or_insert(hook);
    }
}

impl Calls {
    fn record(&self, machine: &'static Machine, call: Call) {
        let mut recorded = self.recorded.borrow_mut();
        if recorded.len() == CALLS_MAX {
            machine.cannot(&format!(
                "the driver made {CALLS_MAX} calls and the script takes none: World::set_recording turns that off"
            ));
        }
        recorded.push(call);
    }

    fn take_hooked(&self, frame: Frame) -> Option<Call> {
        let mut hooked = self.hooked.borrow_mut();
        let index = hooked.iter().rposition(|(address, _)| *address == frame.address())?;
        Some(hooked.remove(index).1)
    }
}
