//! Who looks on while the driver calls the kernel, and which of its calls have been planned to fail.
//!
//! Seeded runs use neither. Scripts do, see [`crate::script`].

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{Machine, entry::Frame, status::NtStatus};

/// When a call is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has been done for it yet.
    Called,
    /// It is about to return to the driver.
    Returned,
}

/// Looks at the calls of the driver.
pub(crate) trait Observer {
    /// The driver calls `function`, or is about to go on after it.
    fn call(&self, machine: &'static Machine, moment: Moment, function: &'static str, frame: Frame);
}

/// The observer, if there is one.
#[derive(Default)]
pub(crate) struct Observers(RefCell<Option<Rc<dyn Observer>>>);

impl Observers {
    /// Has `observer` told of every call.
    pub(crate) fn set(&self, observer: Rc<dyn Observer>) {
        *self.0.borrow_mut() = Some(observer);
    }

    /// Tells the observer. False where there is none.
    pub(super) fn tell(&self, machine: &'static Machine, moment: Moment, function: &'static str, frame: Frame) -> bool {
        // Not borrowed while it is told: what it does may be observed itself.
        let observer = self.0.borrow().clone();
        if let Some(observer) = &observer {
            observer.call(machine, moment, function, frame);
        }
        observer.is_some()
    }
}

/// Calls that will fail.
#[derive(Default)]
pub(crate) struct Planned {
    failures: RefCell<Vec<Failure>>,
    /// How many there are, so that a run without any loses no time.
    count: Cell<usize>,
    /// Functions of which every call fails.
    always: RefCell<Vec<String>>,
}

struct Failure {
    function: String,
    /// How many calls go before the one that fails.
    before: usize,
    status: Option<NtStatus>,
}

impl Planned {
    /// Has a call of `function` fail, with `status` where that is not the usual one, after `before` others that do not.
    pub(crate) fn add(&self, function: &str, before: usize, status: Option<NtStatus>) {
        self.failures.borrow_mut().push(Failure {
            function: function.to_owned(),
            before,
            status,
        });
        self.count.set(self.count.get() + 1);
    }

    /// Has every call of these functions fail from now on, and no others than were planned one by one.
    pub(crate) fn set_always(&self, functions: &[&str]) {
        let functions: Vec<_> = functions.iter().map(|&function| function.to_owned()).collect();
        let counted = self.count.get() - self.always.borrow().len();
        self.count.set(counted + functions.len());
        *self.always.borrow_mut() = functions;
    }

    /// Takes the failure that was planned for this call: the inner status is `None` where the usual one will do.
    pub(crate) fn take(&self, function: &str) -> Option<Option<NtStatus>> {
        if self.count.get() == 0 {
            return None;
        }
        if self.always.borrow().iter().any(|always| always == function) {
            return Some(None);
        }
        let mut failures = self.failures.borrow_mut();
        let index = failures.iter().position(|failure| failure.function == function)?;
        if let Some(before) = failures[index].before.checked_sub(1) {
            failures[index].before = before;
            return None;
        }
        self.count.set(self.count.get() - 1);
        Some(failures.remove(index).status)
    }

    /// Forgets what was planned one by one. Whether there was anything.
    pub(crate) fn forget(&self) -> bool {
        let forgotten = self.failures.take().len();
        self.count.set(self.count.get() - forgotten);
        forgotten != 0
    }

    /// The functions whose failures have not come.
    pub(crate) fn left(&self) -> Vec<String> {
        let failures = self.failures.borrow();
        failures.iter().map(|failure| failure.function.clone()).collect()
    }
}
