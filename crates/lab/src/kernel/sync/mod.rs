//! What processors and threads wait for each other with: IRQL, spin locks, events, timers, DPCs.

pub(crate) mod deadlock;
pub(crate) mod dispatcher;
pub(crate) mod dpc;
mod lock_order;
pub(crate) mod mutex;
pub(crate) mod region;
pub(crate) mod resource;
pub(crate) mod spin_lock;
pub(crate) mod timer;
