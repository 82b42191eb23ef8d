//! DriverEntry and DriverUnload.

use lab::{
    script::{Address, Call},
    status::STATUS_SUCCESS,
};

use crate::{
    layout::{driver_extension, driver_object},
    support::{driver, play, pointer},
};

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_import_is_one_that_the_lab_knows() {
    play(|world| assert_eq!(world.unknown_imports(), [""; 0]));
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn driver_entry_fills_in_the_driver_object_and_reads_the_registry_and_does_nothing_else() {
    let played = driver().play_from_load(|world| {
        let mut expected = world.driver_bytes();
        let mut expected_extension = world.driver_extension_bytes();
        let registry_path = world.registry_path_bytes();

        assert_eq!(world.driver_entry(), STATUS_SUCCESS);

        for call in world.take_calls() {
            let reads = ["ZwOpenKey", "ZwQueryValueKey", "ZwClose"];
            assert!(
                matches!(call, Call::Other { function } if reads.contains(&function)),
                "{call:?}"
            );
        }
        let may_write = driver_object::DRIVER_UNLOAD..driver_object::BYTES;
        expected[may_write.clone()].copy_from_slice(&world.driver_bytes()[may_write]);
        assert_eq!(world.driver_bytes(), expected);
        let may_write = driver_extension::ADD_DEVICE..driver_extension::ADD_DEVICE + 8;
        expected_extension[may_write.clone()].copy_from_slice(&world.driver_extension_bytes()[may_write]);
        assert_eq!(world.driver_extension_bytes(), expected_extension);
        assert_eq!(world.registry_path_bytes(), registry_path);
    });
    played.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_routine_is_code_of_the_driver() {
    play(|world| {
        let driver = world.driver_bytes();
        let mut routines = vec![
            (
                "AddDevice".to_owned(),
                pointer(&world.driver_extension_bytes(), driver_extension::ADD_DEVICE),
            ),
            (
                "DriverUnload".to_owned(),
                pointer(&driver, driver_object::DRIVER_UNLOAD),
            ),
        ];
        for major in 0..driver_object::MAJOR_FUNCTIONS {
            let routine = pointer(&driver, driver_object::MAJOR_FUNCTION + 8 * major);
            routines.push((format!("major function {major:#x}"), routine));
        }
        for (name, address) in routines {
            assert!(
                world.is_driver_code(address),
                "{name} is {address:?}, which is no code of the driver"
            );
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn unload_without_devices_leaves_nothing() {
    play(|world| {
        world.take_calls();
        world.unload();
        assert_eq!(world.take_calls(), []);
        assert_eq!(
            pointer(&world.driver_bytes(), driver_object::DEVICE_OBJECT),
            Address::default()
        );
        assert_eq!(world.driver_pool().allocations, 0);
    });
}
