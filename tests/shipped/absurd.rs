//! What no sane driver sends, above what no sane driver is: every one of it passes unchanged or is refused with the status
//! that is documented, and none is lost.

use lab::{
    script::{Answer, IoStatus, LowerDevice, Request, World},
    status::{NtStatus, STATUS_SUCCESS},
};
use policy::Operation;

use crate::{IRP_MJ_PNP, figures, play};

const IRP_MJ_READ: u8 = 0x03;
const IRP_MJ_WRITE: u8 = 0x04;
const IRP_MJ_POWER: u8 = 0x16;
const MAJORS: u8 = 0x1C;

/// Of the minor functions of PnP those that nobody has defined; of others, whatever there may be.
const MINORS: [u8; 4] = [0x20, 0x3F, 0x7F, 0xFE];

/// DO_BUFFERED_IO, DO_DIRECT_IO, and neither.
const FLAGS: [u32; 3] = [0x4, 0x10, 0];

/// Nothing, less than a sector, and more than there is.
const LENGTHS: [u32; 3] = [0, 1, u32::MAX];

/// Nobody has defined it: a severity, a facility and a code of one's own.
const STRANGE: NtStatus = 0xE123_4567_u32.cast_signed();

fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for major in 0..MAJORS {
        for minor in MINORS {
            requests.push(Request::new(major, minor));
        }
        if !matches!(major, IRP_MJ_PNP | IRP_MJ_POWER) {
            requests.push(Request::new(major, 0xFF));
        }
    }
    for major in [IRP_MJ_READ, IRP_MJ_WRITE] {
        for length in LENGTHS {
            let request = Request {
                parameters: [length as usize, usize::MAX, usize::MAX, usize::MAX],
                ..Request::new(major, 0)
            };
            requests.extend([request, request.paging(), request.paging().at_dispatch()]);
        }
    }
    requests
}

/// Sends all of them, and expects each to end as the lower driver says.
fn assert_passes(world: &World, lower: LowerDevice, in_last_location: bool) {
    let bottom = world.new_device(lower);
    assert_eq!(world.add_device(bottom), STATUS_SUCCESS);
    let filter = bottom.top_of_stack();
    assert_ne!(filter, bottom);
    let mut followed = 0;
    for request in requests() {
        for end in [IoStatus::new(STATUS_SUCCESS, 7), IoStatus::new(STRANGE, usize::MAX)] {
            // CLEANUP and CLOSE may not fail.
            let end = if matches!(request.major, 0x02 | 0x12) {
                STATUS_SUCCESS.into()
            } else {
                end
            };
            let request = if in_last_location {
                request.in_last_location()
            } else {
                request
            };
            world.answer_next(Answer::complete(end));
            let arrived = world.arrived();
            let sent = world.send(filter, request);
            assert_eq!(world.arrived(), arrived + 1, "{request:?}");
            assert_eq!(sent.returned(), Some(end.status), "{request:?}");
            assert_eq!(sent.ended(), Some(end), "{request:?}");
            followed += u64::from(matches!(request.major, 0x03 | 0x04 | 0x09 | 0x0E));
        }
    }
    let snapshot = figures::of_device(world, filter);
    let counters = &snapshot.counters;
    let all = Operation::ALL.map(|operation| counters.operation(operation));
    let sent: u64 = all.map(|counted| counted.sent).iter().sum();
    let passed = counters.untracked + counters.reserve_empty;
    assert_eq!(sent + passed, followed, "{lower:?}");
    assert_eq!(
        passed == followed,
        in_last_location || lower.stack_size == 0,
        "{lower:?}"
    );
    assert_eq!((snapshot.in_flight, counters.held_dropped), (0, 0));
    world.surprise_remove(filter);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn requests_that_nobody_has_defined_pass_above_devices_of_every_kind() {
    for flags in FLAGS {
        for stack_size in [0, 1, 2, 126] {
            for in_last_location in [false, true] {
                play(|world| {
                    world.set_recording(false);
                    let lower = LowerDevice {
                        flags,
                        stack_size,
                        ..LowerDevice::default()
                    };
                    assert_passes(world, lower, in_last_location);
                    world.unload();
                    assert_eq!(world.driver_pool().live_blocks(), 0);
                });
            }
        }
    }
}
