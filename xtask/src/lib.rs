//! The project's entry points: what `cargo xtask` can do.
//!
//! Each command ends in exit code 0, or in one line on standard error that says what to do and a non-zero exit code.

pub mod build;
pub mod compile_fail;
mod conformance;
pub mod docs;
pub mod gate;
pub mod imports;
pub mod in_lab;
pub mod inf;
pub mod lints;
pub mod package;
mod policy_table;
pub mod process;
mod quotes;
pub mod reproduce;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod rules;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod run;
pub mod sources;
pub mod target;
pub mod test;
pub mod workspace;
