//! Scenarios over the driver that ships: seeded ones on machines of every size, and scripts in which something comes between
//! at every point. After each, what the filter counted is what was sent, and nothing of it is left.
//!
//! One request at a time, and what exactly the filter does with it, is in `tests/filter`; that the lab's scenarios do what
//! they are for is in `tests/scenarios`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod absurd;
mod below;
mod configured;
mod figures;
mod hardened;
mod points;
mod seeded;
mod special_files;
mod storms;

use lab::{Lab, script::World};

const IRP_MJ_FLUSH_BUFFERS: u8 = 0x09;
const IRP_MJ_DEVICE_CONTROL: u8 = 0x0E;
const IRP_MJ_PNP: u8 = 0x1B;

fn driver() -> Lab<'static> {
    Lab::open(irpscope_tests::driver_path()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn play(script: impl FnOnce(&World)) {
    if let Err(error) = driver().play(script) {
        panic!("{error}");
    }
}

/// Numbers that only look like chance, so that a test that fails once fails always.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
