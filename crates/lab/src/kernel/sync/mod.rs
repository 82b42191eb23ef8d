//! What processors and threads wait for each other with: IRQL, spin locks, events, timers, DPCs.

pub(crate) mod dispatcher;
pub(crate) mod dpc;
pub(crate) mod mutex;
pub(crate) mod region;
pub(crate) mod resource;
pub(crate) mod spin_lock;
pub(crate) mod timer;
