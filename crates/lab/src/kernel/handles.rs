//! Handles: what a driver opened by name or made, until it closes them.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use super::{
    Machine,
    status::{NtStatus, STATUS_INVALID_HANDLE, STATUS_SUCCESS},
};

/// Handles of the kernel have the upper half set.
const FIRST: usize = 0xFFFF_FFFF_8000_0000;

/// `ZwCurrentThread()`.
const CURRENT_THREAD: usize = usize::MAX - 1;

/// What a handle stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A thread, by its object.
    Thread(usize),
    /// A key of the registry, by its path.
    Key(String),
}

/// The handles that are open.
#[derive(Default)]
pub(crate) struct Handles {
    open: RefCell<BTreeMap<usize, Target>>,
    serial: Cell<usize>,
    /// How many references to threads the driver has, by their objects.
    threads: RefCell<BTreeMap<usize, u32>>,
}

impl Machine {
    /// Makes a handle.
    pub(crate) fn open_handle(&self, target: Target) -> usize {
        let serial = self.handles.serial.get() + 1;
        self.handles.serial.set(serial);
        let handle = FIRST + 4 * serial;
        self.handles.open.borrow_mut().insert(handle, target);
        handle
    }

    /// What a handle stands for, if it is open.
    pub(crate) fn target_of(&self, handle: usize) -> Option<Target> {
        if handle == CURRENT_THREAD {
            return Some(Target::Thread(self.processor_data.thread(self.current())));
        }
        self.handles.open.borrow().get(&handle).cloned()
    }

    /// The path of a key that is open.
    pub(crate) fn first_open_key(&self) -> Option<String> {
        self.handles.open.borrow().values().find_map(|target| match target {
            Target::Key(path) => Some(path.clone()),
            Target::Thread(_) => None,
        })
    }

    /// The driver takes a reference to an object, which is counted where it is a thread.
    pub(crate) fn reference_thread(&self, object: usize) {
        if self.processor_data.is_thread(object) {
            *self.handles.threads.borrow_mut().entry(object).or_default() += 1;
        }
    }

    /// The driver gives a reference back. False where it has none to this thread.
    pub(crate) fn dereference_thread(&self, object: usize) -> bool {
        if !self.processor_data.is_thread(object) {
            return true;
        }
        let mut threads = self.handles.threads.borrow_mut();
        let Some(left) = threads.get(&object).and_then(|references| references.checked_sub(1)) else {
            return false;
        };
        if left == 0 {
            threads.remove(&object);
        } else {
            threads.insert(object, left);
        }
        true
    }

    /// How many references to threads the driver has.
    pub(crate) fn thread_references(&self) -> u32 {
        self.handles.threads.borrow().values().sum()
    }

    /// ZwClose.
    pub(crate) fn close_handle(&self, handle: usize) -> NtStatus {
        match self.handles.open.borrow_mut().remove(&handle) {
            Some(_) => STATUS_SUCCESS,
            None => STATUS_INVALID_HANDLE,
        }
    }
}
