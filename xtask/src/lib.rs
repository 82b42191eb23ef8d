//! The project's entry points: what `cargo xtask` can do.
//!
//! Each command ends in exit code 0, or in one line on standard error that says what to do and a non-zero exit code.

pub mod build;
pub mod imports;
pub mod lints;
pub mod process;
pub mod workspace;
