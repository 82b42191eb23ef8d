//! Small scenarios, played step by step: what a test of a driver does where the exact order matters.
//!
//! [`Lab::play`](crate::Lab::play) loads the driver in a process of its own, calls its DriverEntry, and hands a [`World`]
//! to the script. The script makes disks, has the driver join them, sends requests, says what the disks do with them, and
//! sees what the driver did. All checks are on as in a seeded run: an offence ends the script, and so does a panic in
//! it. What the script returns comes back to the caller.
//!
//! ```no_run
//! use lab::{Lab, script::{Answer, LowerDevice, Request}, status};
//!
//! #[test]
//! fn a_read_that_pends_below_is_returned_as_pending() -> Result<(), lab::script::ScriptError> {
//!     Lab::open("target/package/mydriver.sys")?.play(|world| {
//!         let disk = world.new_device(LowerDevice::default());
//!         assert_eq!(world.add_device(disk), status::STATUS_SUCCESS);
//!         world.answer(Answer::Pend);
//!         let read = world.send(disk.top_of_stack(), Request::read(0, 4096));
//!         assert_eq!(read.returned(), Some(status::STATUS_PENDING));
//!         world.complete(&read, status::STATUS_SUCCESS);
//!         assert!(read.ended().is_some());
//!     })
//! }
//! ```
//!
//! # Who runs when
//!
//! Nothing is left to chance. A request is sent by a thread of its own, and everything runs until all of it is done or
//! waits; only then does the script go on. So a removal that waits for a request that the disk has pending is simply one
//! that has not returned yet. Virtual time stands still but for what calls take, until [`World::advance`].
//!
//! # What it is not
//!
//! The disks have no medium unless they are given one ([`World::set_medium`]), and requests no memory unless the script says so
//! ([`Request::mdl`]): no data is moved then. A script must not print, and it must not take
//! locks that another thread of the test process may hold: it runs in a process that was forked off.

mod call;
mod device;
mod disk;
mod lifecycle;
mod memory;
mod play;
mod points;
mod registry;
mod request;
mod sender;
mod sight;
mod world;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::{
    call::Call,
    device::{Device, LowerDevice},
    disk::{Answer, Arrival},
    lifecycle::{PnpMove, PnpStep, UsageType, orders},
    memory::Mdl,
    play::ScriptError,
    points::Point,
    registry::RegistryKey,
    request::{Request, Sent},
    world::World,
};
use crate::status::NtStatus;
pub use crate::{
    kernel::{error_log::LogEntry, observer::Moment},
    pool::Counters as PoolCounters,
};

/// An address in the simulated machine.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address(pub usize);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// What a request ends with: IO_STATUS_BLOCK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoStatus {
    /// The status.
    pub status: NtStatus,
    /// The information, for a transfer how many bytes were transferred.
    pub information: usize,
}

impl IoStatus {
    /// Both.
    pub const fn new(status: NtStatus, information: usize) -> Self {
        Self { status, information }
    }
}

impl From<NtStatus> for IoStatus {
    fn from(status: NtStatus) -> Self {
        Self::new(status, 0)
    }
}

/// A remove lock that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldLock {
    /// The device whose extension it is in.
    pub device: Device,
    /// What it was acquired for; most drivers use the IRP's address.
    pub tag: Address,
}
