//! Safe WDM over `wdk-sys`: what a driver may do with an IRP and with its device objects, in types.
//!
//! A library for any WDM filter: nothing of irpscope is in it. A driver implements [`Driver`], calls
//! [`driver_entry`] from its `DriverEntry`, and needs no `unsafe` of its own beyond that.
//!
//! * [`AddDevice`] makes a filter device object and attaches it, in one step that leaves nothing behind where it
//!   fails.
//! * [`Irp`] is an IRP in dispatch, with the remove lock inside it. Each way to dispose of it takes it by value and
//!   gives the [`Dispatched`] that dispatch must return, so an IRP is disposed of once, and the status that goes
//!   back to the I/O manager is the one that belongs to what was done.
//! * [`Request`] is what dispatch is given: an [`Irp`] or, for those that a filter may not fail, a type that cannot.
//! * [`Observe`] follows an IRP to its end and looks at it; [`Hold`] takes it over when it comes back, to complete it, to
//!   keep it or to send it again. Registering a completion routine and calling the lower driver are one step. What is
//!   kept for the IRP meanwhile stands in a slot of a [`Slab`], which is allocated when the device is added.
//! * [`Answered`] is a PnP request that was sent down and waited for, and now is this driver's to complete.
//! * [`Held`] is an IRP that this driver has pending: one that came back, or that dispatch has [parked](Irp::park).
//! * [`Passive`] and [`Dispatch`] say what a thread may call. A [`SpinLock`] that is held keeps them, so no IRP is
//!   completed or sent under it.
//! * A [`Queue`] keeps them so that they can be cancelled meanwhile; a [`Timer`], a [`WorkItem`] and an [`Event`] do something
//!   later, elsewhere, or when something has happened. They are the device's [`parts`](parts!), which this library makes in
//!   their place and drains when the device goes.
//! * [`own_irp`] has IRPs that a driver makes itself; a [`Flight`], another part of a device, sends them, cancels them and gets
//!   them back.
//! * [`SplitMemory`] carries out a READ or WRITE by parts, which a driver's [`Split`] decides about; a [`SplitReserve`] does so where
//!   there is no memory.
//! * [`mdl`] has the memory that a request is for, and parts of it.
//! * [`pool`], [`processor`] and [`time`] are what a driver counts and keeps its counts with.
//! * [`registry`] reads a driver's settings, and [`error_log`] tells whoever looks after the machine what came of them.
//! * [`bug_check`] is the end, for what can only be a system that is damaged.
//!
//! It is not a framework: it queues nothing by itself, follows no power policy and keeps no state that the driver cannot see.
//!
//! Off Windows targets this crate is empty, so that the workspace builds with nothing but Rust.
#![cfg_attr(windows, no_std)]
#![cfg(windows)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod add_device;
pub mod bug_check;
mod csq;
mod custody;
mod device;
mod device_control;
mod dpc;
mod driver;
mod driver_entry;
pub mod error_log;
mod event;
mod extension;
mod flight;
mod forward;
mod held;
mod hold;
mod imports;
mod irp;
mod irql;
mod kind;
mod layout;
mod list;
pub mod mdl;
mod observe;
mod optional;
pub mod own_irp;
#[doc(hidden)]
pub mod parts;
mod pnp;
pub mod pool;
pub mod processor;
mod raw_irp;
pub mod registry;
mod remove_device;
mod remove_lock;
mod rendezvous;
mod request;
mod slab;
mod slots;
mod spin_lock;
mod split;
mod status;
mod sync;
pub mod time;
mod timer;
mod unicode_string;
mod usage_turn;
mod work_item;

pub use add_device::AddDevice;
pub use bug_check::Invariant;
pub use csq::{Queue, Queued};
pub use device::Device;
pub use device_control::Buffered;
pub use driver::{Driver, driver_entry};
pub use driver_entry::DriverEntry;
pub use event::{Event, EventKind, Notification, Synchronization};
pub use flight::{Flight, NotSent, Return};
pub use forward::Answered;
pub use held::{HasStatus, Held, Settled};
pub use hold::{Hold, Next};
pub use irp::{Dispatched, Irp, Outcome, Rejected};
pub use irql::{Dispatch, Passive};
pub use observe::{Observe, View, WithSlot};
pub use optional::{Optional, Wanted};
pub use parts::Parts;
pub use pnp::{DeviceUsage, DeviceUsageNotification, PnpDeviceState, PnpQuestion, QueryPnpDeviceState, StartDevice};
pub use remove_device::RemoveDevice;
pub use remove_lock::KeptDevice;
pub use request::{DevicePower, MustPass, MustSucceed, Query, Request};
pub use slab::{Slab, Slot, Stashed};
pub use spin_lock::{SpinLock, SpinLockGuard};
pub use split::{Piece, SPLIT_WINDOW_MAX, Split, SplitMemory, SplitReserve, TransferMemory, TransferShape, Way};
pub use status::{NtError, NtStatus};
pub use timer::{Expire, Timer};
pub use work_item::{Work, WorkItem};

/// The kernel's own types, for the signature of `DriverEntry`.
pub mod raw {
    pub use wdk_sys::{DRIVER_OBJECT, NTSTATUS, UNICODE_STRING};
}
