//! What stands behind each device object: the device extension.
//!
//! Only addresses are computed here. What may be done at them depends on where in its life the device is, and is argued
//! where it is done.

use core::{mem::offset_of, ptr::NonNull};

use wdk_sys::DEVICE_OBJECT;

use crate::{driver::Driver, layout::device_object, remove_lock::RemoveLock, usage_turn::UsageTurn};

/// What the kernel aligns a device extension to.
const ALIGNMENT: usize = 16;

/// The extension of a device object of `D`.
///
/// # Invariants
///
/// From before the device is attached until its removal has waited for the remove lock, all fields are initialised, but for
/// `lower` and `inherited_flags`, which are from the attachment on; and none is moved.
#[repr(C)]
pub(crate) struct Extension<D: Driver> {
    remove_lock: RemoveLock,
    usage_turn: UsageTurn,
    /// The device that was on top of the stack when this one was attached. Written by the attachment alone.
    lower: *mut DEVICE_OBJECT,
    parts: D::Parts,
    /// The device of the bus driver, at the bottom of the stack. It outlives every device that is attached to it.
    physical_device: NonNull<DEVICE_OBJECT>,
    /// The flags that were taken over from the device below when this one was attached.
    inherited_flags: u32,
    state: D::State,
}

impl<D: Driver> Extension<D> {
    /// The extension's size, as IoCreateDevice takes it.
    pub(crate) const SIZE: u32 = {
        assert!(
            align_of::<Self>() <= ALIGNMENT,
            "the kernel aligns a device extension to 16 bytes and no further"
        );
        assert!(
            size_of::<Self>() < u16::MAX as usize,
            "a device object's size is 16 bits"
        );
        #[expect(clippy::cast_possible_truncation, reason = "asserted on the line above")]
        {
            size_of::<Self>() as u32
        }
    };

    /// The extension of a device object that this library created for `D`.
    pub(crate) fn of(object: NonNull<DEVICE_OBJECT>) -> *mut Self {
        // SAFETY: the object is a live device object. The field is set when it is created and never changed.
        unsafe { device_object::extension(object.as_ptr()).read() }.cast()
    }

    pub(crate) const fn remove_lock(this: *mut Self) -> *mut RemoveLock {
        this.wrapping_byte_add(offset_of!(Self, remove_lock)).cast()
    }

    pub(crate) const fn usage_turn(this: *mut Self) -> *mut UsageTurn {
        this.wrapping_byte_add(offset_of!(Self, usage_turn)).cast()
    }

    pub(crate) const fn physical_device(this: *mut Self) -> *mut NonNull<DEVICE_OBJECT> {
        this.wrapping_byte_add(offset_of!(Self, physical_device)).cast()
    }

    pub(crate) const fn inherited_flags(this: *mut Self) -> *mut u32 {
        this.wrapping_byte_add(offset_of!(Self, inherited_flags)).cast()
    }

    pub(crate) const fn lower(this: *mut Self) -> *mut *mut DEVICE_OBJECT {
        this.wrapping_byte_add(offset_of!(Self, lower)).cast()
    }

    pub(crate) const fn parts(this: *mut Self) -> *mut D::Parts {
        this.wrapping_byte_add(offset_of!(Self, parts)).cast()
    }

    pub(crate) const fn state(this: *mut Self) -> *mut D::State {
        this.wrapping_byte_add(offset_of!(Self, state)).cast()
    }
}
