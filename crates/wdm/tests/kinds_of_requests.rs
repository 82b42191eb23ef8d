//! How requests are told apart, tested on the host: the types that follow from it are for Windows only.
//!
//! That a request which may not fail cannot be failed is true of its type. That it has this type is what is tested here.

// A copy of the module, since the library has none off Windows, and keeps it to itself on it.
#[path = "../src/kind.rs"]
mod kind;

use kind::{Kind, may_not_fail};

const PNP: u8 = 0x1b;

/// Each kind that the PnP requests with these minor functions have.
const PNP_KINDS: [(u8, Kind); 14] = [
    (0x00, Kind::StartDevice),
    (0x01, Kind::QueryRemoveDevice),
    (0x02, Kind::RemoveDevice),
    (0x03, Kind::CancelRemoveDevice),
    (0x04, Kind::StopDevice),
    (0x05, Kind::QueryStopDevice),
    (0x06, Kind::CancelStopDevice),
    (0x07, Kind::PnpQuestion), // QUERY_DEVICE_RELATIONS
    (0x08, Kind::PnpQuestion), // QUERY_INTERFACE
    (0x09, Kind::PnpQuestion), // QUERY_CAPABILITIES
    (0x0d, Kind::PnpQuestion), // FILTER_RESOURCE_REQUIREMENTS
    (0x14, Kind::QueryPnpDeviceState),
    (0x16, Kind::DeviceUsageNotification),
    (0x17, Kind::SurpriseRemoval),
];

/// The kind of a request that is not IRP_MJ_PNP.
fn kind_of_major(major: u8) -> Kind {
    match major {
        0x03 => Kind::Read,
        0x04 => Kind::Write,
        0x09 => Kind::FlushBuffers,
        0x0e => Kind::DeviceControl,
        0x0f => Kind::InternalDeviceControl,
        // CLOSE, CLEANUP, POWER, SYSTEM_CONTROL.
        0x02 | 0x12 | 0x16 | 0x17 => Kind::MustPass,
        _ => Kind::Other,
    }
}

#[test]
fn a_pnp_request_that_a_filter_has_no_part_in_or_does_not_know_must_pass() {
    for minor in 0..=u8::MAX {
        let known = PNP_KINDS.iter().find(|(known, _)| *known == minor);
        let expected = known.map_or(Kind::MustPass, |(_, kind)| *kind);
        assert_eq!(Kind::of(PNP, minor), expected, "minor function {minor:#x}");
    }
}

#[test]
fn outside_of_pnp_a_minor_function_changes_nothing() {
    // SET_POWER, among others, has the number of IRP_MN_REMOVE_DEVICE.
    for major in (0..=u8::MAX).filter(|&major| major != PNP) {
        for minor in 0..=u8::MAX {
            assert_eq!(
                Kind::of(major, minor),
                kind_of_major(major),
                "major function {major:#x}, minor function {minor:#x}"
            );
        }
    }
}

#[test]
fn what_says_what_is_so_and_does_not_ask_may_not_fail_and_nothing_else() {
    for major in 0..=u8::MAX {
        for minor in 0..=u8::MAX {
            let expected = match (major, minor) {
                // CLOSE and CLEANUP.
                (0x02 | 0x12, _) => true,
                // SET_POWER, and neither WAIT_WAKE nor QUERY_POWER.
                (0x16, 0x02) => true,
                // REMOVE_DEVICE, CANCEL_REMOVE_DEVICE, STOP_DEVICE, CANCEL_STOP_DEVICE, SURPRISE_REMOVAL.
                (PNP, 0x02 | 0x03 | 0x04 | 0x06 | 0x17) => true,
                _ => false,
            };
            assert_eq!(
                may_not_fail(major, minor),
                expected,
                "major function {major:#x}, minor function {minor:#x}"
            );
        }
    }
}
