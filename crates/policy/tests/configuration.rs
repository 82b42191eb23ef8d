//! The settings: whatever is found in a registry, what a device goes by is within the limits.
#![cfg(not(loom))]

use core::num::NonZeroU32;
use std::collections::BTreeSet;

use policy::configuration::{Configuration, Definition, Found, Ignored, Key, Keys, Setting, Shared};
use proptest::prelude::*;

fn found() -> impl Strategy<Value = Found> {
    prop_oneof![
        Just(Found::Nothing),
        any::<u32>().prop_map(Found::Dword),
        (0..200_000_u32).prop_map(Found::Dword),
        any::<u32>().prop_map(Found::WrongType),
        any::<u32>().prop_map(Found::WrongSize),
        any::<i32>().prop_map(Found::Unreadable),
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    proptest::sample::select(Setting::ALL)
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![Just(Key::Service), Just(Key::Device)]
}

fn may_be(definition: &Definition, value: u32) -> bool {
    (definition.minimum..=definition.maximum).contains(&value) && value.is_multiple_of(definition.step)
}

fn is_within_limits(configuration: &Configuration) -> bool {
    Setting::ALL
        .iter()
        .all(|setting| may_be(setting.definition(), configuration.get(*setting)))
}

proptest! {
    #[test]
    fn whatever_is_found_every_value_stays_within_its_limits(steps in proptest::collection::vec((setting(), key(), found()), 0..40)) {
        let mut configuration = Configuration::DEFAULT;
        for (setting, key, found) in steps {
            let before = configuration;
            let taken = configuration.take(setting, key, found);
            prop_assert!(is_within_limits(&configuration));
            if taken.is_err() {
                prop_assert_eq!(configuration, before, "a value that is ignored changes nothing");
            }
            for other in Setting::ALL.iter().filter(|other| **other != setting) {
                prop_assert_eq!(configuration.get(*other), before.get(*other), "{:?} was changed with {:?}", other, setting);
            }
        }
    }

    #[test]
    fn a_dword_within_the_limits_is_taken_and_any_other_is_not(
        setting in setting(), value in prop_oneof![any::<u32>(), 0..20_000_u32, (0..300_u32).prop_map(|n| n * 4_096)],
    ) {
        let definition = setting.definition();
        let mut configuration = Configuration::DEFAULT;
        let taken = configuration.take(setting, Key::Service, Found::Dword(value));
        if may_be(definition, value) {
            prop_assert_eq!(taken, Ok(()));
            prop_assert_eq!(configuration.get(setting), value);
        } else {
            prop_assert_eq!(taken, Err(Ignored::OutOfRange(value)));
            prop_assert_eq!(configuration.get(setting), definition.default);
        }
    }

    #[test]
    fn there_are_slots_for_what_was_asked_for_and_for_every_processor(
        slots in 128..=65_536_u32, reserve in 128..=65_536_u32, processors in 1..=2_048_usize, per_shard in 1..=256_u32,
    ) {
        let mut configuration = Configuration::DEFAULT;
        configuration.take(Setting::Slots, Key::Device, Found::Dword(slots)).unwrap();
        configuration.take(Setting::ReserveSlots, Key::Device, Found::Dword(reserve)).unwrap();
        let shard = NonZeroU32::new(per_shard).unwrap();
        let (slab, spare) = (configuration.slab_shards(processors, shard), configuration.reserve_shards(processors, shard));
        prop_assert!(slab >= processors && slab * per_shard as usize >= slots as usize);
        prop_assert!(spare >= processors / 4 && spare * per_shard as usize >= reserve as usize);
        // And not a shard more than one of the two asks for.
        prop_assert!(slab == processors || (slab - 1) * (per_shard as usize) < slots as usize);
        prop_assert!(spare == processors / 4 || (spare - 1) * (per_shard as usize) < reserve as usize);
    }
}

#[test]
fn the_limits_themselves_are_taken_and_what_is_next_to_them_is_not() {
    for &setting in Setting::ALL {
        let definition = setting.definition();
        let take = |value| {
            let mut configuration = Configuration::DEFAULT;
            configuration.take(setting, Key::Service, Found::Dword(value))
        };
        assert_eq!(take(definition.minimum), Ok(()), "{setting:?}");
        assert_eq!(take(definition.maximum), Ok(()), "{setting:?}");
        for outside in [
            definition.minimum.checked_sub(1),
            definition.maximum.checked_add(1),
            (definition.step > 1).then_some(definition.step + 1),
            (definition.step > 1).then_some(definition.step - 1),
            Some(u32::MAX),
        ]
        .into_iter()
        .flatten()
        {
            assert_eq!(take(outside), Err(Ignored::OutOfRange(outside)), "{setting:?}");
        }
    }
}

#[test]
fn the_device_outweighs_the_service_and_the_service_the_default() {
    let mut configuration = Configuration::DEFAULT;
    let slots = |configuration: &Configuration| configuration.get(Setting::Slots);
    assert_eq!(slots(&configuration), 1_024);
    configuration
        .take(Setting::Slots, Key::Service, Found::Dword(4_096))
        .unwrap();
    assert_eq!(slots(&configuration), 4_096);
    let ignored = configuration.take(Setting::Slots, Key::Device, Found::Dword(1));
    assert_eq!(ignored, Err(Ignored::OutOfRange(1)));
    assert_eq!(
        slots(&configuration),
        4_096,
        "what is no good on the device leaves what the service says"
    );
    configuration
        .take(Setting::Slots, Key::Device, Found::Dword(256))
        .unwrap();
    assert_eq!(slots(&configuration), 256);
}

#[test]
fn what_the_service_says_is_kept_for_the_devices_that_come_later() {
    let shared = Shared::new();
    assert_eq!(shared.load(), Configuration::DEFAULT);
    let mut configuration = Configuration::DEFAULT;
    for &setting in Setting::ALL {
        let Definition {
            minimum,
            maximum,
            default,
            ..
        } = *setting.definition();
        let other = if default == maximum { minimum } else { maximum };
        configuration.take(setting, Key::Service, Found::Dword(other)).unwrap();
        assert_ne!(configuration.get(setting), default);
    }
    shared.store(&configuration);
    assert_eq!(shared.load(), configuration);
}

#[test]
fn what_is_the_services_alone_is_neither_taken_nor_judged_in_a_devices_key() {
    let mut configuration = Configuration::DEFAULT;
    assert_eq!(Setting::LogEvents.definition().keys, Keys::Service);
    for found in [Found::Dword(0), Found::Dword(7), Found::WrongType(1)] {
        assert_eq!(configuration.take(Setting::LogEvents, Key::Device, found), Ok(()));
    }
    assert_eq!(configuration, Configuration::DEFAULT);
}

#[test]
fn the_table_names_each_setting_once_in_ascii_and_says_what_it_means() {
    let mut names = BTreeSet::new();
    for (index, setting) in Setting::ALL.iter().enumerate() {
        let definition = setting.definition();
        assert_eq!(setting.index(), index);
        assert!(
            names.insert(definition.name.to_lowercase()),
            "{} is there twice",
            definition.name
        );
        // Windows' own value in the same key.
        assert_ne!(definition.name, "StorageSupportedFeatures");
        assert!(definition.name.len() <= 31 && definition.name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(
            definition.meaning.ends_with('.') && !definition.meaning.contains("  "),
            "{:?}",
            definition.meaning
        );
    }
    assert!(
        names.len() <= 16,
        "the events that a driver writes once have 16 bits for each key"
    );
}

#[test]
fn by_default_nothing_is_sent_again_divided_or_probed() {
    let configuration = Configuration::DEFAULT;
    assert_eq!(configuration.retry_attempts(), 0);
    assert_eq!(configuration.max_transfer_bytes(), None);
    assert_eq!(configuration.probe_period_ms(), None);
}
