//! What happens at every point of a request: a cancellation, a surprise removal.

use std::path::{Path, PathBuf};

use lab::{
    Lab,
    script::{Answer, Request, World},
    status::STATUS_SUCCESS,
};

fn at_every_point(driver: &Path, answer: Answer, interruption: fn(&World)) -> usize {
    let lab = Lab::open(driver).unwrap_or_else(|error| panic!("{error}"));
    let played = lab.play_at_every_point(|world, point| {
        let (_, filter) = world.add_filter();
        world.answer_next(answer);
        point.interrupt(world, interruption);
        let read = world.send(filter, Request::read(0, 4096));
        if read.ended().is_none() {
            world.complete(&read, STATUS_SUCCESS);
        }
        point.end(world);
        assert!(read.ended().is_some());
        world.remove(filter);
        world.unload();
    });
    played.unwrap_or_else(|error| panic!("{error}")).len()
}

fn cancel_all(world: &World) {
    for irp in world.under_way() {
        world.cancel_at(irp);
    }
}

fn drivers() -> [PathBuf; 2] {
    [irpscope_tests::driver_path(), irpscope_tests::offender_path()]
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn a_read_that_pends_below_is_cancelled_at_every_point() {
    for driver in drivers() {
        // The remove lock, the registration, the call down and the release, each before and after it: more than the count run.
        assert!(
            at_every_point(&driver, Answer::Pend, cancel_all) > 8,
            "{}",
            driver.display()
        );
    }
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn a_read_that_is_completed_at_once_is_cancelled_at_every_point() {
    for driver in drivers() {
        assert!(at_every_point(&driver, Answer::complete(STATUS_SUCCESS), cancel_all) > 8);
    }
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn what_goes_wrong_at_a_point_is_told_with_the_point() {
    let lab = Lab::open(irpscope_tests::offender_path()).unwrap_or_else(|error| panic!("{error}"));
    let failed = lab.play_at_every_point(|world, point| {
        let (_, filter) = world.add_filter();
        point.interrupt(world, |_| panic!("here"));
        world.send(filter, Request::read(0, 512));
    });
    let message = failed.unwrap_err().to_string();
    assert!(
        message.starts_with("at point 0, before IoAcquireRemoveLockEx"),
        "{message}"
    );
}
