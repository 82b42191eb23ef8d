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

    /// ZwClose.
    pub(crate) fn close_handle(&self, handle: usize) -> NtStatus {
        match self.handles.open.borrow_mut().remove(&handle) {
            Some(_) => STATUS_SUCCESS,
            None => STATUS_INVALID_HANDLE,
        }
    }
}
