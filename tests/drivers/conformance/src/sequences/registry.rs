//! Keys and values of the registry, by handles.

use core::ptr;

use super::strings::{Text, string};
use crate::{
    check::Check,
    kernel::{
        Handle, NtStatus, ObjectAttributes, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_NO_MORE_ENTRIES,
        STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, UnicodeString, ZwClose, ZwCreateKey, ZwDeleteKey,
        ZwDeleteValueKey, ZwEnumerateValueKey, ZwOpenKey, ZwQueryValueKey, ZwSetValueKey,
    },
    layers::Stack,
    objects::{Field, NULL},
};

const KEY_ALL_ACCESS: u32 = 0x000f_003f;
/// OBJ_CASE_INSENSITIVE and OBJ_KERNEL_HANDLE.
const ATTRIBUTES: u32 = 0x240;
/// REG_OPTION_VOLATILE: what a sequence leaves after all is gone with the next start.
const VOLATILE: u32 = 1;
const REG_CREATED_NEW_KEY: u32 = 1;
const REG_OPENED_EXISTING_KEY: u32 = 2;
pub(super) const REG_DWORD: u32 = 4;
/// KeyValuePartialInformation: the title's index, the type, the length, the data.
const PARTIAL: i32 = 2;
const TYPE: Field<u32> = Field::at(4);
const LENGTH: Field<u32> = Field::at(8);
const DATA: Field<u32> = Field::at(12);
/// Its bytes without data, and with a REG_DWORD.
const HEADER_BYTES: u32 = 12;
const ALL_BYTES: u32 = 16;

/// A key of the sequences' own, which is nobody's service.
pub(super) static KEY: Text<73> =
    string(b"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\ConformanceSequences");
pub(super) static VALUE: Text<6> = string(b"Value");
static OTHER_CASE: Text<6> = string(b"vALUE");
static MISSING: Text<8> = string(b"Missing");

/// What is in the value.
const NUMBER: u32 = 0x1234_5678;

fn attributes(name: &UnicodeString) -> ObjectAttributes {
    ObjectAttributes {
        length_bytes: u32::try_from(size_of::<ObjectAttributes>()).unwrap_or_default(),
        root: NULL,
        name: ptr::from_ref(name),
        attributes: ATTRIBUTES,
        security_descriptor: NULL,
        quality_of_service: NULL,
    }
}

fn create(disposition: &mut u32) -> (NtStatus, Handle) {
    let name = KEY.counted();
    let attributes = attributes(&name);
    let mut handle = NULL;
    let status = ZwCreateKey(
        &raw mut handle,
        KEY_ALL_ACCESS,
        &raw const attributes,
        0,
        ptr::null(),
        VOLATILE,
        disposition,
    );
    (status, handle)
}

fn open() -> (NtStatus, Handle) {
    let name = KEY.counted();
    let attributes = attributes(&name);
    let mut handle = NULL;
    let status = ZwOpenKey(&raw mut handle, KEY_ALL_ACCESS, &raw const attributes);
    (status, handle)
}

/// Makes the key, does something with it, and deletes it.
pub(super) fn with_key(check: &mut Check, work: impl FnOnce(&mut Check, Handle)) {
    let (status, key) = create(&mut 0);
    check.equal(c"ZwCreateKey", STATUS_SUCCESS, status);
    if status >= STATUS_SUCCESS {
        work(check, key);
        check.equal(c"ZwDeleteKey", STATUS_SUCCESS, ZwDeleteKey(key));
        ZwClose(key);
    }
}

fn set(check: &mut Check, key: Handle) {
    let (name, mut data) = (VALUE.counted(), NUMBER);
    let status = ZwSetValueKey(key, &raw const name, 0, REG_DWORD, (&raw mut data).cast(), 4);
    check.equal(c"ZwSetValueKey", STATUS_SUCCESS, status);
}

/// Asks for a value with room for this many bytes.
fn query(key: Handle, name: &UnicodeString, bytes: u32, answer: &mut [u32; 4], needed: &mut u32) -> NtStatus {
    ZwQueryValueKey(key, name, PARTIAL, answer.as_mut_ptr().cast(), bytes, needed)
}

pub(super) fn creating_a_key_tells_whether_it_was_there(check: &mut Check, _stack: Stack) {
    let mut disposition = 0;
    let (status, first) = create(&mut disposition);
    check.equal(c"ZwCreateKey", STATUS_SUCCESS, status);
    check.equal(c"disposition", REG_CREATED_NEW_KEY, disposition);
    if status < STATUS_SUCCESS {
        return;
    }
    let (status, second) = create(&mut disposition);
    check.equal(c"ZwCreateKey again", STATUS_SUCCESS, status);
    check.equal(c"disposition", REG_OPENED_EXISTING_KEY, disposition);
    if status >= STATUS_SUCCESS {
        ZwClose(second);
    }
    ZwDeleteKey(first);
    ZwClose(first);
}

pub(super) fn a_key_that_is_not_there_cannot_be_opened(check: &mut Check, _stack: Stack) {
    check.equal(c"ZwOpenKey", STATUS_OBJECT_NAME_NOT_FOUND, open().0);
    with_key(check, |check, _| {
        let (status, key) = open();
        check.equal(c"ZwOpenKey of one that is", STATUS_SUCCESS, status);
        if status >= STATUS_SUCCESS {
            ZwClose(key);
        }
    });
    check.equal(
        c"ZwOpenKey of one that was deleted",
        STATUS_OBJECT_NAME_NOT_FOUND,
        open().0,
    );
}

pub(super) fn a_value_that_was_set_is_read_without_regard_to_case(check: &mut Check, _stack: Stack) {
    with_key(check, |check, key| {
        set(check, key);
        for name in [VALUE.counted(), OTHER_CASE.counted()] {
            let (mut answer, mut needed) = ([0; 4], 0);
            let status = query(key, &name, ALL_BYTES, &mut answer, &mut needed);
            let answer = answer.as_mut_ptr().cast();
            check.equal(c"ZwQueryValueKey", STATUS_SUCCESS, status);
            check.equal(c"result length", ALL_BYTES, needed);
            check.equal(c"type", REG_DWORD, TYPE.of(answer));
            check.equal(c"length", 4, LENGTH.of(answer));
            check.equal(c"data", NUMBER, DATA.of(answer));
        }
    });
}

pub(super) fn a_value_needs_room_for_its_header_and_for_its_data(check: &mut Check, _stack: Stack) {
    with_key(check, |check, key| {
        set(check, key);
        let name = VALUE.counted();
        for (bytes, status) in [
            (0, STATUS_BUFFER_TOO_SMALL),
            (HEADER_BYTES.wrapping_sub(1), STATUS_BUFFER_TOO_SMALL),
            (HEADER_BYTES, STATUS_BUFFER_OVERFLOW),
            (ALL_BYTES.wrapping_sub(1), STATUS_BUFFER_OVERFLOW),
            (ALL_BYTES, STATUS_SUCCESS),
        ] {
            let (mut answer, mut needed) = ([0; 4], 0);
            let found = query(key, &name, bytes, &mut answer, &mut needed);
            check.equal(c"ZwQueryValueKey", status, found);
            check.equal(c"result length", ALL_BYTES, needed);
        }
    });
}

pub(super) fn a_value_that_is_not_there_is_not_found(check: &mut Check, _stack: Stack) {
    with_key(check, |check, key| {
        let (mut answer, mut needed) = ([0; 4], 0);
        let status = query(key, &MISSING.counted(), ALL_BYTES, &mut answer, &mut needed);
        check.equal(c"ZwQueryValueKey", STATUS_OBJECT_NAME_NOT_FOUND, status);
    });
}

pub(super) fn a_value_that_was_deleted_is_not_found(check: &mut Check, _stack: Stack) {
    with_key(check, |check, key| {
        set(check, key);
        let name = VALUE.counted();
        check.equal(
            c"ZwDeleteValueKey",
            STATUS_SUCCESS,
            ZwDeleteValueKey(key, &raw const name),
        );
        let again = ZwDeleteValueKey(key, &raw const name);
        check.equal(c"ZwDeleteValueKey again", STATUS_OBJECT_NAME_NOT_FOUND, again);
        let (mut answer, mut needed) = ([0; 4], 0);
        let status = query(key, &name, ALL_BYTES, &mut answer, &mut needed);
        check.equal(c"ZwQueryValueKey", STATUS_OBJECT_NAME_NOT_FOUND, status);
    });
}

pub(super) fn enumerating_values_ends_after_the_last(check: &mut Check, _stack: Stack) {
    with_key(check, |check, key| {
        let (mut answer, mut needed) = ([0_u32; 4], 0);
        let bytes = u32::try_from(size_of_val(&answer)).unwrap_or_default();
        let mut enumerate = |index| {
            let answer = answer.as_mut_ptr().cast();
            ZwEnumerateValueKey(key, index, PARTIAL, answer, bytes, &raw mut needed)
        };
        check.equal(c"ZwEnumerateValueKey of none", STATUS_NO_MORE_ENTRIES, enumerate(0));
        set(check, key);
        check.equal(c"ZwEnumerateValueKey", STATUS_SUCCESS, enumerate(0));
        check.equal(
            c"ZwEnumerateValueKey after the last",
            STATUS_NO_MORE_ENTRIES,
            enumerate(1),
        );
    });
}
