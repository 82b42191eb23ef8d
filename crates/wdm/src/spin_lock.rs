//! A spin lock around what it protects.
//!
//! What it is not: recursive, or fair. A second acquisition by its own holder would spin for ever; it does not compile,
//! because the first still borrows the thread's token.

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use wdk_sys::{
    KIRQL, KSPIN_LOCK,
    ntddk::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock},
};

use crate::irql::Dispatch;

/// A KSPIN_LOCK and what it protects.
///
/// # Invariants
///
/// `value` is touched only by the holder of `lock`.
#[derive(Debug)]
pub struct SpinLock<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at the value at a time, which may then be used on that thread.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A lock that nobody holds, around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            // What KeInitializeSpinLock stores. The kernel keeps nothing else of a spin lock, so it may be moved while
            // nobody holds it.
            lock: UnsafeCell::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits for the lock and raises the IRQL to DISPATCH_LEVEL, both until the guard is dropped.
    pub fn lock<'a>(&'a self, irql: &'a mut Dispatch) -> SpinLockGuard<'a, T> {
        let _ = irql;
        // SAFETY: the lock is initialised and stays where it is while it is borrowed. The token says that the IRQL is
        // not above DISPATCH_LEVEL, and that this thread does not hold the lock.
        let previous = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        SpinLockGuard {
            lock: self,
            previous,
            thread: PhantomData,
        }
    }
}

/// A spin lock that is held, and the way to what it protects.
///
/// Not Send: the IRQL is the thread's.
///
/// # Invariants
///
/// This thread holds the lock, and `previous` is the IRQL that it had before.
#[must_use = "the lock is released at once"]
#[derive(Debug)]
pub struct SpinLockGuard<'a, T> {
    lock: &'a SpinLock<T>,
    previous: KIRQL,
    thread: PhantomData<*mut ()>,
}

impl<T> Deref for SpinLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held (invariant).
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinLockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held (invariant), and the guard is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinLockGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this thread holds the lock since `previous` was its IRQL (invariant).
        unsafe { KeReleaseSpinLock(self.lock.lock.get(), self.previous) };
    }
}
