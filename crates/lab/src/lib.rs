//! Runs a WDM driver image, exactly as built, in a simulated NT kernel in a user-mode process, and applies Driver
//! Verifier's and Static Driver Verifier's rules to it.
//!
//! The lab is an oracle for drivers: it must share no code with any driver it runs, nor with a
//! library a driver is built on.
//!
//! - [`image`] maps a `.sys` as a kernel would: relocated, bound, each section under its own
//!   protection;
//! - [`stack`] calls the image's functions on a stack of the kernel's size;
//! - [`unwind`] tells which of them have called each other;
//! - [`symbols`] gives their addresses names.
//! - [`pool`] is the memory that the simulated kernel allocates for itself and for the driver;
//! - [`costs`] measures what a driver takes for it in simulated time;
//! - [`script`] plays small scenarios step by step, for tests that need an exact order;
//! - [`supervise`] runs dangerous work in a child process, with a verdict in every case.
//!
//! The image's machine code runs as it is, so all of it exists on x86-64 Linux only; for any other target
//! the crate is empty.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

pub mod cli;
pub mod costs;
mod guest;
pub mod image;
mod kernel;
mod lab;
mod memory;
pub mod pool;
pub mod report;
pub mod rules;
pub mod script;
pub mod stack;
pub mod supervise;
pub mod symbols;
pub mod unwind;
mod world;

pub use kernel::{functions, sites::FailSite, status};
pub use lab::{Lab, LabError, Verifier};
pub use world::scenario::{DeviceMemory, SCENARIOS, Scenario};
