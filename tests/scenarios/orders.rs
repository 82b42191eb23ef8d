//! Every legal order of PnP requests, up to a length.

use std::path::Path;

use lab::{
    Lab,
    script::{PnpStep, UsageType, orders},
    status::{STATUS_NOT_SUPPORTED, STATUS_SUCCESS},
};

/// How many steps an order has before it goes the shortest way to REMOVE.
const STEPS: usize = 5;

fn assert_survives(driver: &Path) {
    let lab = Lab::open(driver).unwrap_or_else(|error| panic!("{error}"));
    let played = lab.play(|world| {
        world.set_recording(false);
        let orders = orders(STEPS);
        for order in &orders {
            let (_, filter) = world.add_filter();
            world.pnp_walk(filter, order);
            assert!(!filter.exists(), "{order:?}");
        }
        world.unload();
        orders.len()
    });
    let count = played.unwrap_or_else(|error| panic!("{error}"));
    assert!(count > 1000, "{count}");
}

#[test]
#[ignore = "needs the driver that cargo xtask build makes"]
fn the_filter_survives_every_legal_order() {
    assert_survives(&irpscope_tests::driver_path());
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn the_offender_that_does_nothing_wrong_survives_every_legal_order() {
    assert_survives(&irpscope_tests::offender_path());
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn an_order_with_a_step_that_the_driver_fails_and_may_not_is_caught() {
    let lab = Lab::open(irpscope_tests::offender_path()).unwrap_or_else(|error| panic!("{error}"));
    let failed = lab
        .service("offender-fail-cancel-remove")
        .play(|world| {
            let (_, filter) = world.add_filter();
            world.pnp_step(filter, PnpStep::CancelRemove)
        })
        .unwrap_err()
        .to_string();
    assert!(failed.contains("0xC4/0x43006"), "{failed}");
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn a_script_tells_of_special_files() {
    let lab = Lab::open(irpscope_tests::offender_path()).unwrap_or_else(|error| panic!("{error}"));
    let played = lab.play(|world| {
        let (_, filter) = world.add_filter();
        let told = world.usage(filter, UsageType::Paging, true);
        let arrivals = world.take_arrivals();
        assert_eq!(arrivals.len(), 1);
        world.answer_next(lab::script::Answer::complete(STATUS_NOT_SUPPORTED));
        (told, world.usage(filter, UsageType::Unknown, true))
    });
    let statuses = played.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(statuses, (STATUS_SUCCESS, STATUS_NOT_SUPPORTED));
}
