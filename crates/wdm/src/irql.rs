//! What a thread may call, as tokens that it must show: they cost nothing, and there is no way to make one in safe code.
//!
//! A token says two things: the IRQL is not above its own, and this thread holds no spin lock of ours. A
//! [`SpinLock`](crate::SpinLock) borrows the token mutably for as long as it is held, so whatever needs the token (a
//! call to another driver, the completion of an IRP) does not compile in between.

use core::marker::PhantomData;

/// Neither Send nor Sync: a token is true of one thread, and only until the routine that got it returns.
type OfThisThread = PhantomData<*mut ()>;

/// At DISPATCH_LEVEL or below, with no spin lock held: dispatch and completion routines run so.
///
/// # Invariants
///
/// True of the thread that has it. No value outlives the routine that it was made in: it cannot be sent to another
/// thread, nor be kept in a static or in the state of a device, which other threads see.
#[derive(Debug)]
pub struct Dispatch(OfThisThread);

impl Dispatch {
    /// States that it is so.
    ///
    /// # Safety
    ///
    /// The current routine was called at DISPATCH_LEVEL or below and holds no spin lock, and this thread has no other
    /// token while it has this one.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        Self(PhantomData)
    }
}

/// At PASSIVE_LEVEL, with no spin lock held.
///
/// # Invariants
///
/// As for [`Dispatch`], which it includes.
#[derive(Debug)]
pub struct Passive(Dispatch);

impl Passive {
    /// States that it is so.
    ///
    /// # Safety
    ///
    /// As for [`Dispatch::assume`], at PASSIVE_LEVEL.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        // SAFETY: the caller promises more.
        Self(unsafe { Dispatch::assume() })
    }

    /// The weaker token in place of this one.
    pub(crate) fn into_dispatch(self) -> Dispatch {
        self.0
    }

    /// The weaker token: what may be called at DISPATCH_LEVEL may be called here.
    pub const fn as_dispatch(&mut self) -> &mut Dispatch {
        &mut self.0
    }
}
