//! What `wdm` offers for keeping requests, step by step, in the lab: holder.sys holds READs and parks WRITEs.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod held;
mod later;
mod parked;

use lab::{
    Lab, Verifier,
    script::{Device, HeldLock, Sent, World},
};

/// The driver in the lab.
fn driver() -> Lab<'static> {
    Lab::open(irpscope_tests::holder_path()).unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a script with the driver.
#[track_caller]
fn play(script: impl FnOnce(&World)) {
    if let Err(error) = driver().play(script) {
        panic!("{error}");
    }
}

/// As [`play`], with the pool that is faster, for scripts that do something very often.
#[track_caller]
fn play_with_plain_pool(script: impl FnOnce(&World)) {
    let verifier = Verifier {
        special_pool: false,
        ..Verifier::default()
    };
    if let Err(error) = driver().verifier(verifier).play(script) {
        panic!("{error}");
    }
}

/// The lock that is held for a request.
fn lock_of(filter: Device, sent: &Sent) -> HeldLock {
    HeldLock {
        device: filter,
        tag: sent.irp(),
    }
}
