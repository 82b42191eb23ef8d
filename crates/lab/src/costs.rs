//! What it costs to take a transfer apart and to send a request again, in simulated time: the same on every machine, however
//! busy that is.
//!
//! Not here: what the driver's own instructions take, which the lab has no time for, and what a real disk does.

use std::{path::Path, time::Duration};

use crate::{
    lab::Lab,
    script::{Answer, Device, IoStatus, LowerDevice, Request, ScriptError, World},
    status::{STATUS_IO_TIMEOUT, STATUS_SUCCESS},
};

/// How long the disk takes for each request, of whatever length.
pub const LATENCY: Duration = Duration::from_millis(1);
/// The longest transfer of the disk.
pub const PART_BYTES: u32 = 64 * 1024;
/// What is transferred.
pub const TRANSFER_BYTES: u32 = 4 * 1024 * 1024;

const DO_BUFFERED_IO: u32 = 0x4;

/// The answer of a disk that carries out this many bytes.
fn transferred(bytes: u32) -> Answer {
    Answer::complete_after(LATENCY, IoStatus::new(STATUS_SUCCESS, bytes as usize))
}

/// The driver's device above a disk with buffered I/O, which it is told to be irpscope's way.
fn add(world: &World) -> Device {
    let lower = world.new_device(LowerDevice {
        flags: DO_BUFFERED_IO,
        ..LowerDevice::default()
    });
    assert_eq!(world.add_device(lower), STATUS_SUCCESS);
    lower.top_of_stack()
}

/// How long a READ takes from when it is sent until it has ended, as it has to.
fn time_of(world: &World, filter: Device, bytes: u32) -> Duration {
    let request = Request {
        system_buffer: world.new_buffer(&vec![0; bytes as usize]),
        ..Request::read(0, bytes)
    };
    let began = world.now();
    let ended = world.carry_out(filter, request);
    let took = world.now() - began;
    assert_eq!(
        ended,
        IoStatus::new(STATUS_SUCCESS, bytes as usize),
        "the driver did not carry the READ out"
    );
    took
}

/// How long a READ of [`TRANSFER_BYTES`] takes above a disk that takes [`PART_BYTES`] at once, with up to so many parts below.
///
/// # Errors
///
/// The driver does not divide transfers, as the parameters `MaxTransferBytes` and `SplitWindow` tell it; or it breaks a rule.
pub fn of_a_divided_read(driver: &Path, window: u32) -> Result<Duration, ScriptError> {
    let lab = Lab::open(driver)?
        .parameter("MaxTransferBytes", PART_BYTES)
        .parameter("SplitWindow", window);
    lab.play(|world| {
        let filter = add(world);
        world.answer(transferred(PART_BYTES));
        let took = time_of(world, filter, TRANSFER_BYTES);
        assert_eq!(world.arrived(), u64::from(TRANSFER_BYTES / PART_BYTES));
        took
    })
}

/// How long a READ takes that fails so often and succeeds then, with this wait before it is sent again for the first time.
///
/// # Errors
///
/// The driver does not send it again, as the parameters `RetryAttempts` and `RetryBackoffMs` tell it; or it breaks a rule.
pub fn of_a_recovered_read(driver: &Path, failures: u32, backoff_ms: u32) -> Result<Duration, ScriptError> {
    let lab = Lab::open(driver)?
        .parameter("RetryAttempts", failures)
        .parameter("RetryBackoffMs", backoff_ms);
    lab.play(|world| {
        let filter = add(world);
        for _ in 0..failures {
            world.answer_next(Answer::complete_after(LATENCY, STATUS_IO_TIMEOUT));
        }
        world.answer(transferred(4096));
        let took = time_of(world, filter, 4096);
        assert_eq!(world.arrived(), u64::from(failures) + 1);
        took
    })
}
