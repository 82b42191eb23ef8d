//! The settings: each one's effect, which key outweighs which, and that nothing a registry can hold does any harm.

use lab::{
    Lab,
    script::{Answer, Call, Device, LogEntry, LowerDevice, RegistryKey, Request, World},
    status::{
        NtStatus, STATUS_ACCESS_DENIED, STATUS_INFO_LENGTH_MISMATCH, STATUS_INSUFFICIENT_RESOURCES,
        STATUS_INVALID_PARAMETER, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
    },
};
use policy::configuration::{Keys, Setting};

use crate::{statistics::head_of_statistics, statistics::statistics, support::driver};

use RegistryKey::{Hardware, Parameters, Service};

const REG_SZ: u32 = 1;
const REG_BINARY: u32 = 3;
const REG_DWORD: u32 = 4;
const REG_QWORD: u32 = 11;

/// The messages, as src/messages.in.rs numbers them.
const SETTING_IGNORED: u32 = 0xA004_0001;
const KEY_UNREADABLE: u32 = 0xA004_0002;
const NOT_FOLLOWED: u32 = 0xA004_0003;

/// Plays a script with the driver in the lab, whose DriverEntry the script calls.
#[track_caller]
fn play_with(lab: &Lab<'_>, script: impl FnOnce(&World)) {
    if let Err(error) = lab.play_from_load(script) {
        panic!("{error}");
    }
}

/// As [`play_with`], with what the script does to the registry before the driver is loaded.
#[track_caller]
fn configured(set: impl FnOnce(&World), script: impl FnOnce(&World)) {
    play_with(&driver(), |world| {
        set(world);
        load(world);
        script(world);
    });
}

#[track_caller]
fn load(world: &World) {
    assert_eq!(world.driver_entry(), STATUS_SUCCESS);
}

/// Removes a device and unloads the driver, with which the lab sees that no handle, no memory and no device is left.
fn end(world: &World, filter: Device) {
    world.remove(filter);
    world.unload();
}

/// The names of the settings that events say were ignored.
fn ignored(entries: &[LogEntry]) -> Vec<&str> {
    let of_settings = entries.iter().filter(|entry| entry.code == SETTING_IGNORED);
    of_settings.map(|entry| entry.texts[0].as_str()).collect()
}

/// How many of so many requests, all of them below at once, the driver follows.
fn followed(world: &World, filter: Device, request: Request, count: usize) -> u64 {
    let sent = |world: &World| statistics(world, filter).in_flight;
    let before = sent(world);
    let mut requests = Vec::new();
    for _ in 0..count {
        world.answer_next(Answer::Pend);
        requests.push(world.send(filter, request));
    }
    let followed = sent(world) - before;
    for request in requests {
        world.complete(&request, STATUS_SUCCESS);
    }
    followed
}

/// The settings that may stand in a key.
fn settings_of(key: RegistryKey) -> impl Iterator<Item = Setting> {
    let all = Setting::ALL.iter().copied();
    all.filter(move |setting| key == Parameters || setting.definition().keys == Keys::ServiceAndDevice)
}

/// A value that no setting takes: what it is, its type, its bytes, how many more it claims to have, and the status that
/// an event about it has.
struct Bad {
    what: &'static str,
    kind: u32,
    data: Vec<u8>,
    missing: u32,
    status: NtStatus,
}

/// Everything that a registry can hold for a setting and that is no good.
fn bad_values(setting: Setting) -> Vec<Bad> {
    let definition = setting.definition();
    let bad = |what, kind, data: &[u8], missing, status| Bad {
        what,
        kind,
        data: data.to_vec(),
        missing,
        status,
    };
    let mut values = vec![
        bad("a text", REG_SZ, b"1\0\0\0", 0, STATUS_OBJECT_TYPE_MISMATCH),
        bad("a text of no bytes", REG_SZ, b"", 0, STATUS_OBJECT_TYPE_MISMATCH),
        bad(
            "four bytes of no type",
            REG_BINARY,
            &[1, 0, 0, 0],
            0,
            STATUS_OBJECT_TYPE_MISMATCH,
        ),
        bad(
            "a number of 64 bits",
            REG_QWORD,
            &[0; 8],
            0,
            STATUS_OBJECT_TYPE_MISMATCH,
        ),
        bad(
            "a type that there is not",
            u32::MAX,
            &[1, 0, 0, 0],
            0,
            STATUS_OBJECT_TYPE_MISMATCH,
        ),
        bad("no bytes", REG_DWORD, b"", 0, STATUS_INFO_LENGTH_MISMATCH),
        bad("three bytes", REG_DWORD, &[1, 0, 0], 0, STATUS_INFO_LENGTH_MISMATCH),
        bad(
            "eight bytes",
            REG_DWORD,
            &[1, 0, 0, 0, 0, 0, 0, 0],
            0,
            STATUS_INFO_LENGTH_MISMATCH,
        ),
        bad(
            "a megabyte",
            REG_DWORD,
            &vec![1; 1 << 20],
            0,
            STATUS_INFO_LENGTH_MISMATCH,
        ),
        bad(
            "4 GiB but one",
            REG_DWORD,
            &[1, 0, 0, 0],
            u32::MAX - 4,
            STATUS_INFO_LENGTH_MISMATCH,
        ),
        bad("2 GiB", REG_DWORD, b"", 1 << 31, STATUS_INFO_LENGTH_MISMATCH),
        bad(
            "a text of 4 GiB but one",
            REG_SZ,
            b"1",
            u32::MAX - 1,
            STATUS_OBJECT_TYPE_MISMATCH,
        ),
    ];
    let mut numbers = vec![("-1", u32::MAX), ("the most negative number", 1 << 31)];
    numbers.push(("one more than it may be", definition.maximum + 1));
    if definition.minimum > 0 {
        numbers.push(("0", 0));
        numbers.push(("one less than it may be", definition.minimum - 1));
    }
    if definition.step > 1 {
        numbers.push(("half a step", definition.step / 2));
        numbers.push(("no multiple", definition.step + 1));
    }
    for (what, number) in numbers {
        let data = number.to_le_bytes();
        values.push(bad(what, REG_DWORD, &data, 0, STATUS_INVALID_PARAMETER));
    }
    values
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_machine_that_says_nothing_goes_by_the_defaults_and_nothing_is_logged() {
    configured(
        |_| {},
        |world| {
            let (_, filter) = world.add_filter();
            assert_eq!(followed(world, filter, Request::read(0, 512), 1_030), 1_024);
            assert_eq!(followed(world, filter, Request::read(0, 512).paging(), 520), 512);
            assert_eq!(world.take_log_entries(), []);
            end(world, filter);
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn keys_that_are_not_there_are_nothing_to_tell() {
    for missing in [&[Parameters][..], &[Service], &[Hardware], &[Service, Hardware]] {
        configured(
            |world| missing.iter().for_each(|key| world.delete_key(*key)),
            |world| {
                let (_, filter) = world.add_filter();
                assert_eq!(world.take_log_entries(), [], "{missing:?}");
                end(world, filter);
            },
        );
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_disk_that_is_not_to_be_joined_is_left_alone() {
    for key in [Parameters, Hardware] {
        configured(
            |world| world.set_dword(key, "Attach", 0),
            |world| {
                let lower = world.new_device(LowerDevice::default());
                assert_eq!(world.add_device(lower), STATUS_SUCCESS);
                assert_eq!(lower.top_of_stack(), lower, "{key:?}");
                assert_eq!(world.newest_device(), None, "{key:?}");
                assert_eq!(world.take_log_entries(), []);
                world.unload();
            },
        );
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_devices_key_outweighs_the_services() {
    configured(
        |world| {
            world.set_dword(Parameters, "Attach", 0);
            world.set_dword(Hardware, "Attach", 1);
            world.set_dword(Parameters, "Slots", 2_048);
            world.set_dword(Hardware, "Slots", 300);
        },
        |world| {
            let (_, filter) = world.add_filter();
            // Rounded up to three times 128.
            assert_eq!(followed(world, filter, Request::read(0, 512), 400), 384);
            end(world, filter);
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_is_read_when_it_is_added_and_the_service_when_the_driver_is_loaded() {
    configured(
        |_| {},
        |world| {
            world.set_dword(Parameters, "Attach", 0);
            let (_, filter) = world.add_filter();
            world.remove(filter);
            world.set_dword(Hardware, "Attach", 0);
            let lower = world.new_device(LowerDevice::default());
            assert_eq!(world.add_device(lower), STATUS_SUCCESS);
            assert_eq!(lower.top_of_stack(), lower);
            world.unload();
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn as_many_requests_are_followed_as_there_are_slots_for() {
    for key in [Parameters, Hardware] {
        configured(
            |world| {
                world.set_dword(key, "Slots", 128);
                world.set_dword(key, "ReserveSlots", 256);
            },
            |world| {
                let (_, filter) = world.add_filter();
                // 128 for each of the lab's two processors.
                assert_eq!(followed(world, filter, Request::read(0, 512), 300), 256, "{key:?}");
                assert_eq!(statistics(world, filter).counters.untracked, 44, "{key:?}");
                assert_eq!(
                    followed(world, filter, Request::write(0, 512).paging(), 300),
                    256,
                    "{key:?}"
                );
                assert_eq!(statistics(world, filter).counters.reserve_empty, 44, "{key:?}");
                end(world, filter);
            },
        );
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_name_is_found_in_any_case_as_windows_finds_it() {
    configured(
        |world| world.set_dword(Parameters, "ATTACH", 0),
        |world| {
            let lower = world.new_device(LowerDevice::default());
            assert_eq!(world.add_device(lower), STATUS_SUCCESS);
            assert_eq!(lower.top_of_stack(), lower);
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_labs_own_parameters_reach_the_driver() {
    play_with(&driver().parameter("Attach", 0), |world| {
        load(world);
        let lower = world.new_device(LowerDevice::default());
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        assert_eq!(lower.top_of_stack(), lower);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_bad_value_is_ignored_and_told_once_and_the_default_holds() {
    for key in [Parameters, Hardware] {
        for setting in settings_of(key) {
            let definition = setting.definition();
            for bad in bad_values(setting) {
                let place = format!("{}, {}, in {key:?}", definition.name, bad.what);
                configured(
                    |world| world.set_damaged_value(key, definition.name, bad.kind, &bad.data, bad.missing),
                    |world| {
                        let (_, filter) = world.add_filter();
                        let (_, other) = world.add_filter();
                        let entries = world.take_log_entries();
                        assert_eq!(entries.len(), 1, "{place}: {entries:?}");
                        assert_eq!(entries[0].code, SETTING_IGNORED, "{place}");
                        assert_eq!(entries[0].status, bad.status, "{place}");
                        assert_eq!(entries[0].texts, [definition.name], "{place}");
                        let limits = [definition.minimum, definition.maximum];
                        assert_eq!(entries[0].numbers[1..3], limits, "{place}");
                        assert_eq!(entries[0].numbers[3], u32::from(key == Hardware), "{place}");
                        assert_eq!(followed(world, filter, Request::read(0, 512), 1), 1, "{place}");
                        world.remove(other);
                        end(world, filter);
                    },
                );
            }
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn what_is_no_good_on_the_device_leaves_what_the_service_says() {
    configured(
        |world| {
            world.set_dword(Parameters, "Slots", 128);
            world.set_dword(Hardware, "Slots", 1);
        },
        |world| {
            let (_, filter) = world.add_filter();
            assert_eq!(ignored(&world.take_log_entries()), ["Slots"]);
            assert_eq!(followed(world, filter, Request::read(0, 512), 300), 256);
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn each_setting_that_is_no_good_is_told_of() {
    configured(
        |world| {
            for &setting in Setting::ALL {
                world.set_value(Parameters, setting.definition().name, REG_SZ, b"x");
                world.set_value(Hardware, setting.definition().name, REG_SZ, b"x");
            }
        },
        |world| {
            let names = |key| {
                settings_of(key)
                    .map(|setting| setting.definition().name)
                    .collect::<Vec<_>>()
            };
            assert_eq!(ignored(&world.take_log_entries()), names(Parameters));
            world.add_filter();
            assert_eq!(ignored(&world.take_log_entries()), names(Hardware));
            world.add_filter();
            assert_eq!(world.take_log_entries(), []);
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_driver_that_is_to_be_silent_is() {
    configured(
        |world| {
            world.set_dword(Parameters, "LogEvents", 0);
            world.set_dword(Parameters, "Slots", 1);
            world.set_dword(Hardware, "Slots", 1);
        },
        |world| {
            world.fail_next("ExAllocatePool2");
            world.add_filter();
            let calls = world.take_calls();
            assert!(
                !calls
                    .iter()
                    .any(|call| format!("{call:?}").contains("IoAllocateErrorLogEntry")),
                "{calls:?}"
            );
            assert_eq!(world.take_log_entries(), []);
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_key_that_may_not_be_read_is_told_of_and_does_no_harm() {
    let cases = [
        // The service's key, and the one in it.
        ("ZwOpenKey", 0, "Parameters"),
        ("ZwOpenKey", 1, "Parameters"),
        ("IoOpenDeviceRegistryKey", 0, "device's hardware"),
    ];
    for (function, before, name) in cases {
        for status in [STATUS_ACCESS_DENIED, STATUS_INSUFFICIENT_RESOURCES] {
            configured(
                |world| {
                    world.set_dword(Parameters, "Slots", 1);
                    world.fail_after_with(before, function, status);
                },
                |world| {
                    let (_, filter) = world.add_filter();
                    let entries = world.take_log_entries();
                    let told = entries.iter().filter(|entry| entry.code == KEY_UNREADABLE);
                    let told: Vec<_> = told.map(|entry| (entry.status, entry.texts[0].as_str())).collect();
                    assert_eq!(told, [(status, name)], "{function} {before}");
                    end(world, filter);
                },
            );
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_value_that_cannot_be_read_is_ignored_wherever_it_stands() {
    for (key, before) in [(Parameters, 0), (Hardware, Setting::ALL.len())] {
        for (index, setting) in settings_of(key).enumerate() {
            configured(
                |world| world.fail_after(before + index, "ZwQueryValueKey"),
                |world| {
                    let (_, filter) = world.add_filter();
                    let entries = world.take_log_entries();
                    assert_eq!(ignored(&entries), [setting.definition().name], "{key:?}");
                    assert_eq!(entries[0].status, STATUS_INSUFFICIENT_RESOURCES);
                    end(world, filter);
                },
            );
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn an_event_that_there_is_no_memory_for_is_not_written_and_nothing_else_changes() {
    configured(
        |world| {
            world.set_dword(Parameters, "Slots", 1);
            world.set_dword(Parameters, "BypassIo", 9);
            world.fail_next("IoAllocateErrorLogEntry");
        },
        |world| {
            let (_, filter) = world.add_filter();
            assert_eq!(ignored(&world.take_log_entries()), ["BypassIo"]);
            assert_eq!(followed(world, filter, Request::read(0, 512), 1_030), 1_024);
            end(world, filter);
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn that_there_is_no_memory_to_follow_is_told_once() {
    configured(
        |_| {},
        |world| {
            for expected in [1, 0] {
                world.fail_next("ExAllocatePool2");
                let (_, filter) = world.add_filter();
                assert_eq!(head_of_statistics(filter), None);
                let entries = world.take_log_entries();
                let told = entries.iter().filter(|entry| entry.code == NOT_FOLLOWED);
                assert_eq!(told.count(), expected);
            }
        },
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn every_key_is_closed_that_was_opened() {
    configured(
        |_| {},
        |world| {
            let (_, filter) = world.add_filter();
            let calls: Vec<_> = world.take_calls().into_iter().filter_map(|call| name(&call)).collect();
            let count = |function: &str| calls.iter().filter(|name| *name == function).count();
            assert_eq!(count("ZwOpenKey"), 2);
            assert_eq!(count("IoOpenDeviceRegistryKey"), 1);
            assert_eq!(count("ZwClose"), 3);
            end(world, filter);
        },
    );
}

/// The name of a function that the lab tells by its name alone.
fn name(call: &Call) -> Option<String> {
    match call {
        Call::Other { function, .. } => Some((*function).to_owned()),
        _ => None,
    }
}
