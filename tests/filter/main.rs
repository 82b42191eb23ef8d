//! What the filter that ships does with devices and requests, step by step, in the lab.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod attach;
mod dispatch;
mod entry;
mod following;
mod interleaved;
mod layout;
mod lifecycle;
mod remove;
mod statistics;
mod support;
