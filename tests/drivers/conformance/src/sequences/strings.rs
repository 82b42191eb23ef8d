//! Counted strings of the run-time library.

use core::ptr;

use crate::{
    check::Check,
    kernel::{
        AnsiString, FALSE, RtlAnsiStringToUnicodeString, RtlAppendUnicodeStringToString, RtlCompareMemory,
        RtlCompareUnicodeString, RtlCopyUnicodeString, RtlEqualUnicodeString, RtlFreeUnicodeString,
        RtlInitUnicodeString, RtlIntegerToUnicodeString, RtlPrefixUnicodeString, RtlUnicodeStringToInteger,
        STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS, TRUE, UnicodeString,
    },
    layers::Stack,
};

/// A text in UTF-16, with its end.
pub(super) struct Text<const UNITS: usize>([u16; UNITS]);

impl<const UNITS: usize> Text<UNITS> {
    /// The text with its length.
    pub(super) fn counted(&'static self) -> UnicodeString {
        let mut counted = EMPTY;
        RtlInitUnicodeString(&raw mut counted, self.0.as_ptr());
        counted
    }

    /// The text as it ends by itself.
    pub(super) fn as_ptr(&'static self) -> *const u16 {
        self.0.as_ptr()
    }
}

/// Makes a text of ASCII characters, one fewer than it has units.
pub(super) const fn string<const UNITS: usize>(ascii: &[u8]) -> Text<UNITS> {
    let mut units = [0; UNITS];
    let mut rest = ascii;
    let mut place = units.as_mut_slice();
    while let ([byte, more @ ..], [unit, places @ ..]) = (rest, place) {
        *unit = *byte as u16;
        rest = more;
        place = places;
    }
    assert!(ascii.len() < UNITS, "there is no room for the text's end");
    Text(units)
}

/// No string.
const EMPTY: UnicodeString = UnicodeString {
    length_bytes: 0,
    maximum_length_bytes: 0,
    buffer: ptr::null_mut(),
};

static LOWER: Text<6> = string(b"abcde");
static UPPER: Text<6> = string(b"ABCDE");
static SHORT: Text<4> = string(b"abc");
static LATER: Text<6> = string(b"abcdf");

/// An empty string with room for this many units.
fn room_of(units: &mut [u16]) -> UnicodeString {
    UnicodeString {
        length_bytes: 0,
        maximum_length_bytes: u16::try_from(size_of_val(units)).unwrap_or_default(),
        buffer: units.as_mut_ptr(),
    }
}

fn equal(left: &UnicodeString, right: &UnicodeString) -> bool {
    RtlEqualUnicodeString(left, right, FALSE) != 0
}

pub(super) fn a_string_is_as_long_as_its_text(check: &mut Check, _stack: Stack) {
    let text = LOWER.counted();
    check.equal(c"Length", 10, text.length_bytes);
    check.equal(c"MaximumLength", 12, text.maximum_length_bytes);
    check.equal(c"Buffer", LOWER.as_ptr().addr(), text.buffer.addr());
    let mut none = text;
    RtlInitUnicodeString(&raw mut none, ptr::null());
    check.equal(c"Length of none", 0, none.length_bytes);
    check.equal(c"MaximumLength of none", 0, none.maximum_length_bytes);
    check.holds(c"Buffer of none", none.buffer.is_null());
}

pub(super) fn copying_a_string_stops_where_the_room_ends(check: &mut Check, _stack: Stack) {
    let (source, short) = (LOWER.counted(), SHORT.counted());
    let mut units = [0; 8];
    let mut target = room_of(&mut units);
    RtlCopyUnicodeString(&raw mut target, &raw const source);
    check.holds(c"copy", equal(&target, &source));
    target.maximum_length_bytes = 6;
    RtlCopyUnicodeString(&raw mut target, &raw const source);
    check.holds(c"truncated copy", equal(&target, &short));
    RtlCopyUnicodeString(&raw mut target, ptr::null());
    check.equal(c"Length of a copy of nothing", 0, target.length_bytes);
}

pub(super) fn appending_needs_room_for_all(check: &mut Check, _stack: Stack) {
    let (first, second) = (SHORT.counted(), LOWER.counted());
    let mut units = [0; 8];
    let mut target = room_of(&mut units);
    for (status, length) in [(STATUS_SUCCESS, 6), (STATUS_SUCCESS, 12), (STATUS_BUFFER_TOO_SMALL, 12)] {
        let found = RtlAppendUnicodeStringToString(&raw mut target, &raw const first);
        check.equal(c"RtlAppendUnicodeStringToString", status, found);
        check.equal(c"Length", length, target.length_bytes);
    }
    check.holds(
        c"begins with what was appended first",
        RtlPrefixUnicodeString(&raw const first, &raw const target, FALSE) != 0,
    );
    check.holds(c"is no other text", !equal(&target, &second));
}

pub(super) fn comparing_respects_case_unless_told_otherwise(check: &mut Check, _stack: Stack) {
    let (lower, upper, short, later) = (LOWER.counted(), UPPER.counted(), SHORT.counted(), LATER.counted());
    let compare = |left, right, ignore| RtlCompareUnicodeString(left, right, ignore).signum();
    check.equal(
        c"equal to itself",
        0,
        compare(&raw const lower, &raw const lower, FALSE),
    );
    check.equal(
        c"less than a later one",
        -1,
        compare(&raw const lower, &raw const later, FALSE),
    );
    check.equal(
        c"greater than its beginning",
        1,
        compare(&raw const lower, &raw const short, FALSE),
    );
    check.equal(
        c"lower case after upper case",
        1,
        compare(&raw const lower, &raw const upper, FALSE),
    );
    check.equal(c"without case", 0, compare(&raw const lower, &raw const upper, TRUE));
    check.equal(
        c"RtlEqualUnicodeString",
        0,
        RtlEqualUnicodeString(&raw const lower, &raw const upper, FALSE),
    );
    check.equal(
        c"without case",
        1,
        RtlEqualUnicodeString(&raw const lower, &raw const upper, TRUE),
    );
}

pub(super) fn a_string_has_its_beginnings_for_prefixes(check: &mut Check, _stack: Stack) {
    let (lower, upper, short) = (LOWER.counted(), UPPER.counted(), SHORT.counted());
    let prefix = |prefix, text, ignore| RtlPrefixUnicodeString(prefix, text, ignore);
    check.equal(c"its beginning", 1, prefix(&raw const short, &raw const lower, FALSE));
    check.equal(c"itself", 1, prefix(&raw const lower, &raw const lower, FALSE));
    check.equal(c"what is longer", 0, prefix(&raw const lower, &raw const short, FALSE));
    check.equal(c"other case", 0, prefix(&raw const short, &raw const upper, FALSE));
    check.equal(c"without case", 1, prefix(&raw const short, &raw const upper, TRUE));
}

static DECIMAL: Text<4> = string(b"123");
static NEGATIVE: Text<4> = string(b"-12");
static HEXADECIMAL: Text<6> = string(b"0x1fZ");
static OCTAL: Text<5> = string(b"0o17");
static BINARY: Text<6> = string(b"0b101");
static DIGITS: Text<3> = string(b"1f");

pub(super) fn a_number_is_read_in_its_base(check: &mut Check, _stack: Stack) {
    for (text, base, expected) in [
        (DECIMAL.counted(), 0, 123),
        (DECIMAL.counted(), 8, 0o123),
        (NEGATIVE.counted(), 10, 12_u32.wrapping_neg()),
        (HEXADECIMAL.counted(), 0, 0x1f),
        (OCTAL.counted(), 0, 0o17),
        (BINARY.counted(), 0, 0b101),
        (DIGITS.counted(), 16, 0x1f),
        (DIGITS.counted(), 10, 1),
    ] {
        let mut value = 0;
        let status = RtlUnicodeStringToInteger(&raw const text, base, &raw mut value);
        check.equal(c"RtlUnicodeStringToInteger", STATUS_SUCCESS, status);
        check.equal(c"value", expected, value);
    }
}

static HUNDRED: Text<4> = string(b"100");
static SIXTY_FOUR: Text<3> = string(b"64");

pub(super) fn a_number_is_written_where_there_is_room(check: &mut Check, _stack: Stack) {
    let mut units = [0; 4];
    let mut target = room_of(&mut units);
    for (base, expected) in [
        (10, HUNDRED.counted()),
        (16, SIXTY_FOUR.counted()),
        (0, HUNDRED.counted()),
    ] {
        let status = RtlIntegerToUnicodeString(100, base, &raw mut target);
        check.equal(c"RtlIntegerToUnicodeString", STATUS_SUCCESS, status);
        check.holds(c"text", equal(&target, &expected));
    }
    target.maximum_length_bytes = 4;
    let status = RtlIntegerToUnicodeString(100, 10, &raw mut target);
    check.equal(c"without room", STATUS_BUFFER_OVERFLOW, status);
}

pub(super) fn a_string_is_made_of_bytes_in_memory_that_is_freed(check: &mut Check, _stack: Stack) {
    let expected = LOWER.counted();
    let source = AnsiString {
        length_bytes: 5,
        maximum_length_bytes: 6,
        buffer: c"abcde".as_ptr().cast_mut().cast(),
    };
    let mut target = EMPTY;
    let status = RtlAnsiStringToUnicodeString(&raw mut target, &raw const source, TRUE);
    check.equal(c"RtlAnsiStringToUnicodeString", STATUS_SUCCESS, status);
    if status >= STATUS_SUCCESS {
        check.holds(c"text", equal(&target, &expected));
        RtlFreeUnicodeString(&raw mut target);
    }
    let mut units = [0; 3];
    let mut small = room_of(&mut units);
    let status = RtlAnsiStringToUnicodeString(&raw mut small, &raw const source, FALSE);
    check.equal(c"without room", STATUS_BUFFER_OVERFLOW, status);
}

pub(super) fn comparing_memory_tells_how_much_is_the_same(check: &mut Check, _stack: Stack) {
    let mut left = [1_u8, 2, 3, 4];
    let mut right = [1_u8, 2, 9, 4];
    let same = RtlCompareMemory((&raw mut left).cast(), (&raw mut right).cast(), 4);
    check.equal(c"bytes up to the first that differs", 2, same);
    let same = RtlCompareMemory((&raw mut left).cast(), (&raw mut left).cast(), 4);
    check.equal(c"bytes of the same memory", 4, same);
}
