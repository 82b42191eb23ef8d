//! What is around the driver: the disk below it, those who send it requests, the PnP and the power manager, and the scenarios
//! that they play.

pub(crate) mod disk;
mod impatient;
pub(crate) mod initiator;
mod lowres;
mod mirror;
pub(crate) mod pnp;
pub(crate) mod power;
pub(crate) mod scenario;
pub(crate) mod stack;
pub(crate) mod usage;
