//! What routines of this driver have seen, in the order in which they were called: what sequences look at afterwards.
//!
//! One sequence runs at a time, and only one routine of it, but on whatever processor and at whatever IRQL: so all of it is
//! atomic, and nothing has to be locked.

use core::{
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, AtomicUsize, Ordering::Relaxed},
};

use crate::{
    kernel::{Device, Irp, Location, NtStatus, Object},
    objects::{current_location, irp, location, next_location},
};

/// How many calls are kept; no sequence has as many.
const ENTRIES: usize = 16;

/// A call of a routine.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// Which layer's it is, from the bottom, or [`SENDER`].
    pub(crate) layer: u8,
    /// The device object that it was passed.
    pub(crate) device: Device,
    /// The context that it was passed.
    pub(crate) context: Object,
    /// What the IRP said.
    pub(crate) status: NtStatus,
    pub(crate) information: usize,
    pub(crate) pending_returned: u8,
    pub(crate) current_location: u8,
    pub(crate) location: Location,
    /// Of the location below: its control, and whether anything is left of what the driver there was asked for.
    pub(crate) control_below: u8,
    pub(crate) is_clear_below: bool,
}

/// The number of who sends the IRP from above all layers.
pub(crate) const SENDER: u8 = 0xff;

struct Entry {
    layer: AtomicU8,
    device: AtomicPtr<core::ffi::c_void>,
    context: AtomicPtr<core::ffi::c_void>,
    status: AtomicI32,
    information: AtomicUsize,
    pending_returned: AtomicU8,
    current_location: AtomicU8,
    location: AtomicPtr<core::ffi::c_void>,
    control_below: AtomicU8,
    is_clear_below: AtomicU8,
}

impl Entry {
    const fn empty() -> Self {
        Self {
            layer: AtomicU8::new(0),
            device: AtomicPtr::new(ptr::null_mut()),
            context: AtomicPtr::new(ptr::null_mut()),
            status: AtomicI32::new(0),
            information: AtomicUsize::new(0),
            pending_returned: AtomicU8::new(0),
            current_location: AtomicU8::new(0),
            location: AtomicPtr::new(ptr::null_mut()),
            control_below: AtomicU8::new(0),
            is_clear_below: AtomicU8::new(0),
        }
    }
}

static CALLS: [Entry; ENTRIES] = [const { Entry::empty() }; ENTRIES];
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Forgets all calls.
pub(crate) fn clear() {
    COUNT.store(0, Relaxed);
}

/// How many calls there were.
pub(crate) fn count() -> usize {
    COUNT.load(Relaxed)
}

/// Notes that a routine was called for an IRP.
pub(crate) fn note(layer: u8, device: Device, request: Irp, context: Object) {
    let Some(entry) = CALLS.get(COUNT.fetch_add(1, Relaxed)) else {
        return;
    };
    let below = next_location(request);
    let is_clear = location::MINOR_FUNCTION.of(below) == 0
        && location::PARAMETERS.of(below) == [0; 4]
        && location::FILE_OBJECT.of(below).is_null();
    entry.layer.store(layer, Relaxed);
    entry.device.store(device, Relaxed);
    entry.context.store(context, Relaxed);
    entry.status.store(irp::STATUS.of(request), Relaxed);
    entry.information.store(irp::INFORMATION.of(request), Relaxed);
    entry.pending_returned.store(irp::PENDING_RETURNED.of(request), Relaxed);
    let number = irp::CURRENT_LOCATION.of(request).cast_unsigned();
    entry.current_location.store(number, Relaxed);
    entry.location.store(current_location(request), Relaxed);
    entry.control_below.store(location::CONTROL.of(below), Relaxed);
    entry.is_clear_below.store(u8::from(is_clear), Relaxed);
}

/// The call with this number, from 0; where there was none, one that nothing is expected to be like.
pub(crate) fn seen(number: usize) -> Seen {
    let entry = CALLS.get(number).filter(|_| number < count()).unwrap_or(&NONE);
    Seen {
        layer: entry.layer.load(Relaxed),
        device: entry.device.load(Relaxed),
        context: entry.context.load(Relaxed),
        status: entry.status.load(Relaxed),
        information: entry.information.load(Relaxed),
        pending_returned: entry.pending_returned.load(Relaxed),
        current_location: entry.current_location.load(Relaxed),
        location: entry.location.load(Relaxed),
        control_below: entry.control_below.load(Relaxed),
        is_clear_below: entry.is_clear_below.load(Relaxed) != 0,
    }
}

/// What stands for a call that did not happen.
static NONE: Entry = Entry {
    layer: AtomicU8::new(0xee),
    status: AtomicI32::new(i32::MIN),
    pending_returned: AtomicU8::new(0xee),
    current_location: AtomicU8::new(0xee),
    control_below: AtomicU8::new(0xee),
    ..Entry::empty()
};
