//! A stand-in for the kernel that records what the driver asks of it.
//!
//! Just enough of the I/O manager to show that a pass-through filter does what it should: each
//! function answers as the test says, and every call is kept in order. It has one thread, no IRQL
//! and no completion routines. What a driver must never do, whatever a test is about, is noted as a
//! violation, and a [`Machine`] fails its test at the first.

mod exports;
mod kernel;
pub(crate) mod layout;
mod machine;
mod memory;

pub(crate) use self::{
    exports::LOWER_INFORMATION,
    kernel::{
        Answer, Arrival, Call, DO_DEVICE_INITIALIZING, NtStatus, STATUS_DELETE_PENDING, STATUS_INSUFFICIENT_RESOURCES,
        STATUS_NO_SUCH_DEVICE, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
    },
    machine::{LowerDevice, Machine, Request, Sent},
    memory::Address,
};
