//! DriverEntry and DriverUnload.

use crate::recorder::{
    Address, Machine, STATUS_SUCCESS,
    layout::{driver_extension, driver_object},
};

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_import_is_one_that_the_recorder_knows() {
    let machine = Machine::with_driver_loaded();
    let unknown: Vec<_> = machine
        .image()
        .imports()
        .iter()
        .filter(|import| !import.resolved)
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn driver_entry_fills_in_the_driver_object_and_does_nothing_else() {
    let mut machine = Machine::with_driver_loaded();
    let mut expected = machine.driver().snapshot();
    let mut expected_extension = machine.driver_extension().snapshot();
    let registry_path = machine.registry_path().snapshot();

    assert_eq!(machine.driver_entry(), STATUS_SUCCESS);

    assert_eq!(machine.take_calls(), []);
    let may_write = driver_object::DRIVER_UNLOAD..driver_object::BYTES;
    expected[may_write.clone()].copy_from_slice(&machine.driver().snapshot()[may_write]);
    assert_eq!(machine.driver().snapshot(), expected);
    let may_write = driver_extension::ADD_DEVICE..driver_extension::ADD_DEVICE + 8;
    expected_extension[may_write.clone()].copy_from_slice(&machine.driver_extension().snapshot()[may_write]);
    assert_eq!(machine.driver_extension().snapshot(), expected_extension);
    assert_eq!(machine.registry_path().snapshot(), registry_path);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_routine_is_code_of_the_driver() {
    let machine = Machine::new();
    let mut routines = vec![
        (
            "AddDevice".to_owned(),
            machine.driver_extension().pointer(driver_extension::ADD_DEVICE),
        ),
        (
            "DriverUnload".to_owned(),
            machine.driver().pointer(driver_object::DRIVER_UNLOAD),
        ),
    ];
    for major in 0..driver_object::MAJOR_FUNCTIONS {
        let slot = driver_object::MAJOR_FUNCTION + 8 * major;
        routines.push((format!("major function {major:#x}"), machine.driver().pointer(slot)));
    }
    for (name, Address(address)) in routines {
        let section = machine
            .image()
            .relative(address)
            .and_then(|address| machine.image().section_at(address));
        assert!(
            section.is_some_and(|section| section.protection().execute),
            "{name} is {address:#x}, which is no code of the driver"
        );
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn unload_without_devices_leaves_nothing() {
    let mut machine = Machine::new();
    machine.unload();
    assert_eq!(machine.take_calls(), []);
    assert_eq!(
        machine.driver().pointer(driver_object::DEVICE_OBJECT),
        Address::default()
    );
}
