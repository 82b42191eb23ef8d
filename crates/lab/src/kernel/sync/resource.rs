//! ERESOURCEs: locks that many threads may share or one may have alone; and rundown protection.
//!
//! Who holds a resource is known here; its memory in the driver is only marked as initialised.

use std::{cell::RefCell, ops::Range};

use crate::{
    kernel::{Machine, io::irp::AddressMap, status::STATUS_SUCCESS},
    rules,
};

/// The size of an ERESOURCE.
const RESOURCE_BYTES: usize = 0x68;

/// Bit 0 of an EX_RUNDOWN_REF: no more is acquired. The rest is the count.
const RUN_DOWN: usize = 1;

#[derive(Default)]
struct Resource {
    exclusive: bool,
    /// Who holds it, once for each acquisition.
    holders: Vec<usize>,
}

/// Every resource that was initialised and has not been deleted.
#[derive(Default)]
pub(crate) struct Resources(RefCell<AddressMap<Resource>>);

impl Resources {
    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        !self.0.borrow().is_empty()
    }

    /// The first in this memory.
    pub(crate) fn first_in(&self, memory: &Range<usize>) -> Option<usize> {
        self.0
            .borrow()
            .keys()
            .copied()
            .filter(|resource| memory.contains(resource))
            .min()
    }
}

impl Machine {
    fn with_resource<R>(&self, resource: usize, call: &str, work: impl FnOnce(&mut Resource) -> R) -> R {
        let mut resources = self.resources.0.borrow_mut();
        if let Some(resource) = resources.get_mut(&resource) {
            return work(resource);
        }
        drop(resources);
        self.violation(
            &rules::DRIVER_FAULT,
            &format!("{call} with a resource that has not been initialised"),
        );
    }

    /// ExInitializeResourceLite.
    pub(crate) fn initialise_resource(&self, resource: usize) -> i32 {
        if self.resources.0.borrow().contains_key(&resource) {
            self.violation(
                &rules::RESOURCE_INITIALISED_TWICE,
                "ExInitializeResourceLite with a resource that has not been deleted",
            );
        }
        self.reinitialise_resource(resource)
    }

    /// ExReinitializeResourceLite.
    pub(crate) fn reinitialise_resource(&self, resource: usize) -> i32 {
        crate::guest::zero(resource, RESOURCE_BYTES);
        crate::guest::write(resource, resource);
        self.resources.0.borrow_mut().insert(resource, Resource::default());
        STATUS_SUCCESS
    }

    /// ExDeleteResourceLite.
    pub(crate) fn delete_resource(&self, resource: usize) {
        if !self.resources.0.borrow().contains_key(&resource) {
            self.violation(
                &rules::RESOURCE_DELETED_THAT_IS_NONE,
                "ExDeleteResourceLite with a resource that has not been initialised",
            );
        }
        let held = self.with_resource(resource, "ExDeleteResourceLite", |resource| {
            !resource.holders.is_empty()
        });
        if held {
            self.violation(&rules::BUG_CHECK, "ExDeleteResourceLite with a resource that is held");
        }
        self.resources.0.borrow_mut().remove(&resource);
    }

    /// ExAcquireResourceExclusiveLite and ExAcquireResourceSharedLite. False where it would have to wait and must not.
    pub(crate) fn acquire_resource(&'static self, resource: usize, exclusive: bool, wait: bool, call: &str) -> bool {
        let thread = self.processor_data.thread(self.current());
        let take = || {
            self.with_resource(resource, call, |resource| {
                let only_we = resource.holders.iter().all(|&holder| holder == thread);
                let granted = if exclusive {
                    resource.holders.is_empty() || (resource.exclusive && only_we)
                } else {
                    !resource.exclusive || only_we
                };
                if granted {
                    resource.exclusive = if resource.holders.is_empty() {
                        exclusive
                    } else {
                        resource.exclusive
                    };
                    resource.holders.push(thread);
                }
                granted
            })
        };
        if !wait {
            return take();
        }
        self.wait_for_condition(resource, take);
        true
    }

    /// ExReleaseResourceLite, for the running thread or another.
    pub(crate) fn release_resource(&self, resource: usize, thread: usize, call: &str) {
        let released = self.with_resource(resource, call, |resource| {
            let index = resource.holders.iter().position(|&holder| holder == thread)?;
            resource.holders.swap_remove(index);
            resource.exclusive &= !resource.holders.is_empty();
            Some(())
        });
        if released.is_none() {
            self.violation(
                &rules::RESOURCE_NOT_OWNED,
                &format!("{call} with a resource that the thread does not hold"),
            );
        }
        self.wake_waiters(resource);
    }

    /// ExConvertExclusiveToSharedLite.
    pub(crate) fn share_resource(&self, resource: usize) {
        self.with_resource(resource, "ExConvertExclusiveToSharedLite", |resource| {
            resource.exclusive = false;
        });
        self.wake_waiters(resource);
    }

    /// How often the running thread holds a resource; with `exclusive` only where it holds it alone.
    pub(crate) fn holds_resource(&self, resource: usize, exclusive: bool) -> usize {
        let thread = self.processor_data.thread(self.current());
        self.with_resource(resource, "ExIsResourceAcquired", |resource| {
            if exclusive && !resource.exclusive {
                return 0;
            }
            resource.holders.iter().filter(|&&holder| holder == thread).count()
        })
    }

    /// ExAcquireRundownProtection. False where it was run down.
    pub(crate) fn acquire_rundown(&self, reference: usize, count: usize) -> bool {
        let value = crate::guest::read::<usize>(reference);
        if value & RUN_DOWN != 0 {
            return false;
        }
        crate::guest::write(reference, value.wrapping_add(2 * count));
        true
    }

    /// ExReleaseRundownProtection.
    pub(crate) fn release_rundown(&self, reference: usize, count: usize) {
        let value = crate::guest::read::<usize>(reference);
        if value >> 1 < count {
            self.violation(
                &rules::DRIVER_FAULT,
                "ExReleaseRundownProtection more often than ExAcquireRundownProtection",
            );
        }
        crate::guest::write(reference, value - 2 * count);
        self.wake_waiters(reference);
    }

    /// ExWaitForRundownProtectionRelease.
    pub(crate) fn wait_for_rundown(&'static self, reference: usize) {
        self.wait_allowed("ExWaitForRundownProtectionRelease", true);
        let value = crate::guest::read::<usize>(reference);
        crate::guest::write(reference, value | RUN_DOWN);
        self.wait_for_condition(reference, || crate::guest::read::<usize>(reference) >> 1 == 0);
    }
}
