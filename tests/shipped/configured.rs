//! Settings that say what is followed: what is not passes unchanged and uncounted, and everything else as before.

use lab::{
    script::{Answer, IoStatus, Request},
    status::STATUS_SUCCESS,
};

use crate::{IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, driver, figures};

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_not_to_be_followed_passes_and_is_not_counted() {
    for (setting, expected) in [
        (None, [1, 1, 1, 1]),
        (Some("FollowFlush"), [1, 1, 0, 1]),
        (Some("FollowDeviceControl"), [1, 1, 1, 0]),
    ] {
        let driver = setting
            .into_iter()
            .fold(driver(), |driver, name| driver.parameter(name, 0));
        let played = driver.play(|world| {
            let (lower, filter) = world.add_filter();
            let requests = [
                Request::read(0, 512),
                Request::write(0, 512),
                Request::new(IRP_MJ_FLUSH_BUFFERS, 0),
                Request::new(IRP_MJ_DEVICE_CONTROL, 0),
            ];
            for (request, followed) in requests.into_iter().zip(expected) {
                let end = IoStatus::new(STATUS_SUCCESS, 3);
                world.answer_next(Answer::complete(end));
                let sent = world.send(filter, request);
                assert_eq!(sent.ended(), Some(end), "{setting:?}");
                let passed = world.take_arrivals()[0].contents == sent.passed_to(lower);
                assert_eq!(passed, followed == 0, "{setting:?}");
            }
            let counters = figures::of_device(world, filter).counters;
            let all = [
                &counters.read,
                &counters.write,
                &counters.flush_buffers,
                &counters.device_control,
            ];
            assert_eq!(all.map(|counted| counted.sent), expected, "{setting:?}");
            assert_eq!((counters.untracked, counters.reserve_empty), (0, 0));
            world.remove(filter);
            world.unload();
        });
        played.unwrap_or_else(|error| panic!("{error}"));
    }
}
