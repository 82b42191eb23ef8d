//! The INF of the driver package: made of `driver.inx` ([`stamp()`]) and held to rules ([`check()`]).
//!
//! It does what Microsoft's stampinf does, and so much of what InfVerif does as its public
//! documentation says. It is not InfVerif, which exists only on Windows and has the last word.

mod check;
mod check_install;
mod check_service;
mod check_version;
mod driver_ver;
mod hardware_id;
mod package;
mod parse;
mod rules;
mod stamp;

#[cfg(test)]
mod broken;

pub use check::{Finding, check};
pub use driver_ver::{package_version, release_date};
pub use hardware_id::HardwareId;
pub use jiff::civil::Date;
pub use parse::{Entry, Inf, Section};
pub use rules::rules_markdown;
pub use stamp::{Match, Stamp, stamp};
