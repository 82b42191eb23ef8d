//! The driver that ships lets every request pass: shown by running it against a recording kernel.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod attach;
mod dispatch;
mod entry;
mod recorder;
mod remove;
