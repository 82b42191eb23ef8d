//! What is around the driver: the disk below it, those who send it requests, and the scenarios they play.

pub(crate) mod disk;
mod impatient;
pub(crate) mod initiator;
mod lowres;
pub(crate) mod scenario;
pub(crate) mod stack;
