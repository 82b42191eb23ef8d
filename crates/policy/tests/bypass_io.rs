//! The answer to IOCTL_STORAGE_MANAGE_BYPASS_IO, byte by byte as ntddstor.h has it.
#![cfg(not(loom))]

use policy::{
    bypass_io::{Answer, INPUT_BYTES, Malformed, OUTPUT_BYTES, Reason, answer, veto},
    configuration::{Configuration, Found, Key, Setting},
};
use proptest::prelude::*;

const ENABLE: u32 = 1;
const DISABLE: u32 = 2;
const QUERY: u32 = 3;

fn vetoing() -> Configuration {
    let mut configuration = Configuration::DEFAULT;
    configuration
        .take(Setting::BypassIo, Key::Device, Found::Dword(1))
        .unwrap();
    configuration
}

fn input(version: u32, size: u32, operation: u32) -> Vec<u8> {
    let words = [version, size, operation, 0, 0, 0];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn good(operation: u32) -> Vec<u8> {
    input(INPUT_BYTES as u32, INPUT_BYTES as u32, operation)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The text whose length in units stands at an offset.
fn text(bytes: &[u8], at: usize) -> String {
    let length = usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let units: Vec<u16> = bytes[at + 2..]
        .chunks(2)
        .take(length)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .collect();
    String::from_utf16(&units).unwrap()
}

#[test]
fn a_veto_says_who_and_why_where_the_header_has_it() {
    for operation in [ENABLE, QUERY] {
        let Answer::Veto(veto) = answer(&vetoing(), &good(operation), OUTPUT_BYTES) else {
            panic!("not vetoed");
        };
        let bytes = veto.output();
        assert_eq!(
            [0, 4, 8, 12, 16, 20].map(|at| word(&bytes, at)),
            [352, 352, operation, 0, 0, 0]
        );
        assert_eq!(word(&bytes, 24), 0xC000_00BB);
        assert_eq!(text(&bytes, 28), "irpscope.sys");
        assert_eq!(text(&bytes, 94), Reason::Configured.text());
        assert!(
            bytes[96 + 2 * Reason::Configured.text().len()..]
                .iter()
                .all(|&byte| byte == 0)
        );
    }
}

#[test]
fn a_reason_fits_and_is_ascii() {
    for text in [Reason::Configured, Reason::Hardened].map(Reason::text) {
        assert!(text.len() <= 128 && text.is_ascii());
    }
}

#[test]
fn reads_go_past_the_filter_only_where_none_is_divided_or_sent_again() {
    assert_eq!(veto(&Configuration::DEFAULT), None);
    for (setting, value, reason) in [
        (Setting::MaxTransferBytes, 4_096, Some(Reason::Hardened)),
        (Setting::RetryAttempts, 1, Some(Reason::Hardened)),
        (Setting::ProbePeriodMs, 100, None),
        (Setting::BypassIo, 1, Some(Reason::Configured)),
    ] {
        let mut configuration = Configuration::DEFAULT;
        configuration.take(setting, Key::Device, Found::Dword(value)).unwrap();
        assert_eq!(veto(&configuration), reason, "{setting:?}");
    }
}

#[test]
fn what_ends_bypass_io_is_never_failed() {
    for room in [0, OUTPUT_BYTES] {
        assert_eq!(answer(&vetoing(), &good(DISABLE), room), Answer::Pass);
    }
}

#[test]
fn short_buffers_get_the_documented_statuses() {
    let configuration = vetoing();
    for length in 0..INPUT_BYTES {
        let answer = answer(&configuration, &good(ENABLE)[..length], OUTPUT_BYTES);
        assert_eq!(answer, Answer::Malformed(Malformed::InputTooShort), "{length}");
    }
    for room in 0..OUTPUT_BYTES {
        let answer = answer(&configuration, &good(QUERY), room);
        assert_eq!(answer, Answer::Malformed(Malformed::OutputTooShort), "{room}");
    }
    for (version, size) in [(0, 24), (23, 24), (24, 0), (24, 23)] {
        let answer = answer(&configuration, &input(version, size, ENABLE), OUTPUT_BYTES);
        assert_eq!(answer, Answer::Malformed(Malformed::Inconsistent), "{version} {size}");
    }
}

#[test]
fn a_later_and_longer_request_is_vetoed_too() {
    let mut longer = input(40, 40, ENABLE);
    longer.extend([0xFF; 16]);
    assert!(matches!(answer(&vetoing(), &longer, 4_096), Answer::Veto(_)));
}

proptest! {
    #[test]
    fn nothing_is_vetoed_or_failed_where_it_is_allowed(input in proptest::collection::vec(any::<u8>(), 0..64), room in 0..1_000_usize) {
        prop_assert_eq!(answer(&Configuration::DEFAULT, &input, room), Answer::Pass);
    }

    #[test]
    fn an_operation_that_is_not_known_is_for_those_below(operation: u32, room in 0..1_000_usize) {
        prop_assume!(operation != ENABLE && operation != QUERY);
        prop_assert_eq!(answer(&vetoing(), &good(operation), room), Answer::Pass);
    }
}
