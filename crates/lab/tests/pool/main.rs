//! The pool: what it promises to drivers, and what it can tell of their mistakes.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod accounts;
mod addresses;
mod contents;
mod faults;
mod frees;
mod limits;
mod model;

use lab::pool::{Contents, Mode, Owner, Pool, Tag};

const MODES: [Mode; 2] = [Mode::Special, Mode::Plain];
const PAGE_BYTES: usize = 4096;
const TAG: Tag = Tag::new(b"Irps");

/// Far fewer addresses than a pool has otherwise, and more than a test needs.
const ARENA_BYTES: usize = 1 << 30;

fn pool(mode: Mode) -> Pool {
    Pool::with_arena(mode, ARENA_BYTES).expect("the system has addresses")
}

/// A zeroed block of the driver's, allocated at call site 1.
fn block(pool: &mut Pool, bytes: usize) -> usize {
    pool.allocate(bytes, TAG, Owner::Driver, 1, Contents::Zeroed)
        .expect("the pool has room")
}

/// Writes as a driver does, rightly or wrongly.
fn write(address: usize, byte: u8) {
    let place = std::ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: the tests write to accessible bytes of an arena, to which no reference exists; or in
    // a child that is to fault here.
    unsafe { place.write_volatile(byte) };
}

/// Reads as a driver does, rightly or wrongly.
fn read(address: usize) -> u8 {
    let place = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: as for `write`, and the system or the pool has initialised every byte of an arena.
    unsafe { place.read_volatile() }
}
