//! The run-time library's functions for the registry.

use core::ptr;

use super::{
    registry::{KEY, REG_DWORD, VALUE, with_key},
    strings::{Text, string},
};
use crate::{
    check::Check,
    kernel::{
        NtStatus, QueryTable, RtlCheckRegistryKey, RtlCreateRegistryKey, RtlDeleteRegistryValue,
        RtlQueryRegistryValues, RtlWriteRegistryValue, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH,
        STATUS_SUCCESS,
    },
    layers::Stack,
    objects::NULL,
};

/// RTL_REGISTRY_ABSOLUTE and RTL_REGISTRY_SERVICES.
const ABSOLUTE: u32 = 0;
const SERVICES: u32 = 1;

/// RTL_QUERY_REGISTRY_REQUIRED, _DIRECT and _TYPECHECK.
const REQUIRED: u32 = 0x04;
const DIRECT: u32 = 0x20;
const TYPE_CHECK: u32 = 0x100;

const REG_SZ: u32 = 1;
/// Where the type that is expected stands in that of the default.
const EXPECTED_SHIFT: u32 = 24;

/// The last part of the key's path.
static NAME: Text<21> = string(b"ConformanceSequences");

fn write(check: &mut Check, kind: u32, data: u32) {
    let mut data = data;
    let status = RtlWriteRegistryValue(ABSOLUTE, KEY.as_ptr(), VALUE.as_ptr(), kind, (&raw mut data).cast(), 4);
    check.equal(c"RtlWriteRegistryValue", STATUS_SUCCESS, status);
}

/// Asks for the value, to be stored into a number that was `before`, with this default.
fn query(flags: u32, default: Option<u32>, before: u32) -> (NtStatus, u32) {
    let mut number = before;
    let mut default_data = default.unwrap_or_default();
    let expected = REG_DWORD << EXPECTED_SHIFT;
    let entry = QueryTable {
        routine: NULL,
        flags: flags | DIRECT | TYPE_CHECK,
        name: VALUE.as_ptr(),
        entry_context: (&raw mut number).cast(),
        default_type: expected | if default.is_some() { REG_DWORD } else { 0 },
        default_data: (&raw mut default_data).cast(),
        default_length: 4,
    };
    let end = QueryTable {
        flags: 0,
        name: ptr::null(),
        entry_context: NULL,
        default_type: 0,
        default_data: NULL,
        default_length: 0,
        ..entry
    };
    let mut table = [entry, end];
    let status = RtlQueryRegistryValues(ABSOLUTE, KEY.as_ptr(), table.as_mut_ptr(), NULL, NULL);
    (status, number)
}

pub(super) fn a_key_is_checked_for(check: &mut Check, _stack: Stack) {
    let missing = RtlCheckRegistryKey(ABSOLUTE, KEY.as_ptr());
    check.equal(c"RtlCheckRegistryKey", STATUS_OBJECT_NAME_NOT_FOUND, missing);
    with_key(check, |check, _| {
        for (relative_to, path) in [(ABSOLUTE, KEY.as_ptr()), (SERVICES, NAME.as_ptr())] {
            check.equal(
                c"RtlCheckRegistryKey",
                STATUS_SUCCESS,
                RtlCheckRegistryKey(relative_to, path),
            );
            check.equal(
                c"RtlCreateRegistryKey",
                STATUS_SUCCESS,
                RtlCreateRegistryKey(relative_to, path),
            );
        }
    });
}

pub(super) fn a_value_is_stored_directly(check: &mut Check, _stack: Stack) {
    with_key(check, |check, _| {
        write(check, REG_DWORD, 0x55aa);
        let (status, number) = query(REQUIRED, None, 1);
        check.equal(c"RtlQueryRegistryValues", STATUS_SUCCESS, status);
        check.equal(c"number", 0x55aa, number);
    });
}

pub(super) fn a_value_that_is_not_there_has_its_default(check: &mut Check, _stack: Stack) {
    with_key(check, |check, _| {
        let (status, number) = query(0, Some(77), 1);
        check.equal(c"RtlQueryRegistryValues", STATUS_SUCCESS, status);
        check.equal(c"number", 77, number);
    });
}

pub(super) fn a_value_without_a_default_leaves_what_was_there(check: &mut Check, _stack: Stack) {
    with_key(check, |check, _| {
        let (status, number) = query(0, None, 5);
        check.equal(c"RtlQueryRegistryValues", STATUS_SUCCESS, status);
        check.equal(c"number", 5, number);
    });
}

pub(super) fn a_value_that_is_required_has_to_be_there(check: &mut Check, _stack: Stack) {
    with_key(check, |check, _| {
        let (status, number) = query(REQUIRED, Some(77), 5);
        check.equal(c"RtlQueryRegistryValues", STATUS_OBJECT_NAME_NOT_FOUND, status);
        check.equal(c"number", 5, number);
    });
}

pub(super) fn a_value_of_another_type_is_refused(check: &mut Check, _stack: Stack) {
    with_key(check, |check, _| {
        write(check, REG_SZ, 0x31);
        let (status, number) = query(REQUIRED, None, 5);
        check.equal(c"RtlQueryRegistryValues", STATUS_OBJECT_TYPE_MISMATCH, status);
        check.equal(c"number", 5, number);
    });
}

pub(super) fn a_value_is_deleted_by_its_path(check: &mut Check, _stack: Stack) {
    with_key(check, |check, _| {
        write(check, REG_DWORD, 1);
        let delete = || RtlDeleteRegistryValue(ABSOLUTE, KEY.as_ptr(), VALUE.as_ptr());
        check.equal(c"RtlDeleteRegistryValue", STATUS_SUCCESS, delete());
        check.equal(c"RtlDeleteRegistryValue again", STATUS_OBJECT_NAME_NOT_FOUND, delete());
    });
}
