//! What the filter that ships does with devices and requests, step by step, in the lab.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod attach;
mod bypass_io;
mod configuration;
mod dispatch;
mod entry;
mod events;
mod fatal;
mod following;
mod interleaved;
mod layout;
mod lifecycle;
mod policy;
mod probe;
mod remove;
mod retry;
mod split;
mod statistics;
mod support;
