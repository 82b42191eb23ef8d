//! The I/O manager.

pub(crate) mod allocate;
mod associated;
pub(crate) mod build;
pub(crate) mod call;
pub(crate) mod cancel;
pub(crate) mod complete;
pub(crate) mod completion_ex;
mod copied;
pub(crate) mod csq;
pub(crate) mod device;
mod forward;
pub(crate) mod invalidated;
mod invariant;
pub(crate) mod irp;
mod managed;
pub(crate) mod not_understood;
mod own;
mod queueing;
pub(crate) mod remove_lock;
mod remove_lock_use;
pub(crate) mod start_io;
pub(crate) mod transfer;
pub(crate) mod verify;
