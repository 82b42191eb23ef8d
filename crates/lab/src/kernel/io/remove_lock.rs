//! Remove locks: IoInitializeRemoveLockEx and its like.
//!
//! What a driver holds is known here by the lock's address; nothing of it is kept in the driver's memory but a mark.

use std::{cell::RefCell, rc::Rc};

use super::irp::{AddressMap, IrpRecord};
use crate::{
    kernel::{
        Machine,
        layout::{REMOVE_LOCK_BYTES, device_object},
        scheduler::Context,
        status::{NtStatus, STATUS_DELETE_PENDING, STATUS_SUCCESS},
    },
    rules,
};

#[derive(Default)]
struct RemoveLock {
    /// The tags that it is held with, in the order of the acquisitions.
    tags: Vec<usize>,
    /// A dispatch routine has acquired it for its IRP.
    is_for_requests: bool,
    removed: bool,
    waiter: Option<&'static Context>,
}

/// What a driver does with one of its remove locks, seen from a request.
pub(super) struct LockUse {
    /// It has been acquired in dispatch, with an IRP's address as the tag.
    pub(super) is_for_requests: bool,
    /// It has been waited for.
    pub(super) is_removed: bool,
    pub(super) may_be_held_for_irp: bool,
}

/// Every remove lock that was initialised and whose device has not been deleted.
#[derive(Default)]
pub(crate) struct RemoveLocks(RefCell<AddressMap<RemoveLock>>);

impl Machine {
    /// Checks the size that marks a free build's lock.
    fn remove_lock_size(&self, size: u32, call: &str) {
        if size != REMOVE_LOCK_BYTES {
            self.violation(
                &rules::REMOVE_LOCK_INITIALISED_TWICE,
                &format!("{call} with a lock size of {size:#x}, expected {REMOVE_LOCK_BYTES:#x}"),
            );
        }
    }

    /// IoInitializeRemoveLockEx.
    pub(crate) fn initialise_remove_lock(&self, lock: usize, size: u32) {
        self.remove_lock_size(size, "IoInitializeRemoveLock");
        crate::guest::zero(lock, REMOVE_LOCK_BYTES as usize);
        let twice = self
            .remove_locks
            .0
            .borrow_mut()
            .insert(lock, RemoveLock::default())
            .is_some();
        if twice {
            self.violation(
                &rules::REMOVE_LOCK_INITIALISED_TWICE,
                "IoInitializeRemoveLock with a lock that has been initialised",
            );
        }
    }

    fn with_lock<R>(&self, lock: usize, call: &str, work: impl FnOnce(&mut RemoveLock) -> R) -> R {
        let mut locks = self.remove_locks.0.borrow_mut();
        if let Some(lock) = locks.get_mut(&lock) {
            return work(lock);
        }
        drop(locks);
        self.violation(
            &rules::REMOVE_LOCK_LEAKED,
            &format!("{call} with a lock that has not been initialised"),
        );
    }

    /// IoAcquireRemoveLockEx.
    pub(crate) fn acquire_remove_lock(&self, lock: usize, tag: usize) -> NtStatus {
        let request = self.dispatched();
        let is_for_request = request.as_ref().is_some_and(|(irp, _)| irp.address == tag);
        let status = self.with_lock(lock, "IoAcquireRemoveLock", |lock| {
            if lock.removed {
                return STATUS_DELETE_PENDING;
            }
            lock.tags.push(tag);
            lock.is_for_requests |= is_for_request;
            STATUS_SUCCESS
        });
        self.note_acquisition(status);
        status
    }

    /// An acquisition has succeeded, or was refused, for the request that is being dispatched.
    pub(crate) fn note_acquisition(&self, status: NtStatus) {
        if let Some((irp, visit)) = self.dispatched() {
            irp.visit(visit, |visit| visit.lock_refused = status != STATUS_SUCCESS);
        }
    }

    /// The locks in the extension of a device, as they are.
    pub(super) fn uses_of_remove_locks(&self, device: usize, irp: &IrpRecord) -> Vec<LockUse> {
        let locks = self.remove_locks.0.borrow();
        let end = device + usize::from(device_object::SIZE.get(device));
        let own = locks.iter().filter(|(address, _)| (device..end).contains(*address));
        own.map(|(_, lock)| LockUse {
            is_for_requests: lock.is_for_requests,
            is_removed: lock.removed,
            // A tag that is no IRP may be anything's; another IRP's is that one's.
            may_be_held_for_irp: lock
                .tags
                .iter()
                .any(|&tag| tag == irp.address || self.irps.get(tag).is_none()),
        })
        .collect()
    }

    /// IoReleaseRemoveLockEx.
    pub(crate) fn release_remove_lock(&self, lock: usize, tag: usize) {
        let released = self.with_lock(lock, "IoReleaseRemoveLock", |lock| {
            let index = lock.tags.iter().position(|&held| held == tag)?;
            lock.tags.remove(index);
            Some(if lock.tags.is_empty() { lock.waiter.take() } else { None })
        });
        match released {
            Some(Some(waiter)) => self.wake(waiter),
            Some(None) => {}
            None => self.violation(
                &rules::REMOVE_LOCK_OTHER_TAG,
                "IoReleaseRemoveLock with a tag that the lock is not held with",
            ),
        }
    }

    /// IoReleaseRemoveLockAndWaitEx.
    pub(crate) fn release_remove_lock_and_wait(&self, lock: usize, tag: usize) {
        self.wait_allowed("IoReleaseRemoveLockAndWait", true);
        self.check_waits_in_removal();
        let released = self.with_lock(lock, "IoReleaseRemoveLockAndWait", |lock| {
            lock.removed = true;
            let index = lock.tags.iter().position(|&held| held == tag);
            if let Some(index) = index {
                lock.tags.remove(index);
            }
            index.is_some()
        });
        if !released {
            self.violation(
                &rules::REMOVE_LOCK_WAIT_OTHER_TAG,
                "IoReleaseRemoveLockAndWait with a tag that the lock is not held with",
            );
        }
        loop {
            let context = self.current();
            let held = self.with_lock(lock, "IoReleaseRemoveLockAndWait", |lock| {
                if lock.tags.is_empty() {
                    return false;
                }
                lock.waiter = Some(context);
                true
            });
            if !held {
                return;
            }
            self.block();
        }
    }

    /// A remove lock that is waited for and held with tags that nobody will release any more.
    pub(crate) fn remove_lock_waited_for(&self) -> Option<Vec<usize>> {
        let locks = self.remove_locks.0.borrow();
        locks
            .values()
            .find(|lock| lock.waiter.is_some() && !lock.tags.is_empty())
            .map(|lock| lock.tags.clone())
    }

    /// Whether a driver holds a remove lock of this device for the IRP at `tag` although it has been completed.
    pub(crate) fn remove_locks_held(&self) -> Vec<usize> {
        let locks = self.remove_locks.0.borrow();
        let mut tags: Vec<usize> = locks.values().flat_map(|lock| lock.tags.iter().copied()).collect();
        tags.sort_unstable();
        tags
    }

    /// Every acquisition that has not been released: the lock and the tag.
    pub(crate) fn held_remove_locks(&self) -> Vec<(usize, usize)> {
        let locks = self.remove_locks.0.borrow();
        let mut held: Vec<_> = locks
            .iter()
            .flat_map(|(&lock, state)| state.tags.iter().map(move |&tag| (lock, tag)))
            .collect();
        held.sort_unstable();
        held
    }

    /// The remove lock that was initialised in the extension of a device, if one was.
    pub(crate) fn remove_lock_of(&self, device: usize) -> Option<usize> {
        let end = device + usize::from(device_object::SIZE.get(device));
        let locks = self.remove_locks.0.borrow();
        locks.keys().copied().filter(|lock| (device..end).contains(lock)).min()
    }

    /// The locks in the extension of a device that is deleted are gone with it.
    pub(crate) fn forget_remove_locks(&self, device: usize) {
        let start = device;
        let end = device + usize::from(device_object::SIZE.get(device));
        self.remove_locks
            .0
            .borrow_mut()
            .retain(|&lock, _| !(start..end).contains(&lock));
    }

    /// The IRP that a tag is, where it is one: most drivers use the IRP's address.
    pub(crate) fn irp_of_tag(&self, tag: usize) -> Option<Rc<IrpRecord>> {
        self.irps.get(tag)
    }
}
