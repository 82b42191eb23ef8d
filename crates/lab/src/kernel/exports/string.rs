//! Strings: counted strings of the run-time library, and the C library's functions that the kernel has.

use super::{
    Call, Export, export,
    format::{format, wide_string},
};
use crate::{
    guest,
    kernel::{
        Machine,
        status::{
            NtStatus, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
            STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
        },
    },
    pool::{Contents, Owner},
};

const STRING_TAG: u32 = u32::from_le_bytes(*b"Strg");
/// No string of a driver is longer than this.
const LENGTH_MAX: usize = 1 << 20;
/// The longest UNICODE_STRING.
const COUNTED_MAX: usize = 0xFFFE;

pub(super) const EXPORTS: &[Export] = &[
    export("RtlInitAnsiString", init_ansi),
    export("RtlInitString", init_ansi),
    export("RtlAnsiStringToUnicodeString", |call| {
        let units: Vec<u16> = ansi(call.pointer(1)).into_iter().map(u16::from).collect();
        status(store_wide(call, call.pointer(0), &units, call.boolean(2)))
    }),
    export("RtlUnicodeStringToAnsiString", |call| {
        let bytes: Vec<u8> = wide(call.pointer(1)).into_iter().map(narrowed).collect();
        status(store_ansi(call, call.pointer(0), &bytes, call.boolean(2)))
    }),
    export("RtlUpcaseUnicodeString", |call| {
        let units: Vec<u16> = wide(call.pointer(1)).into_iter().map(upper).collect();
        status(store_wide(call, call.pointer(0), &units, call.boolean(2)))
    }),
    export("RtlFreeUnicodeString", free_string),
    export("RtlFreeAnsiString", free_string),
    export("RtlAppendUnicodeStringToString", |call| {
        status(append(call.pointer(0), &wide(call.pointer(1))))
    }),
    export("RtlAppendUnicodeToString", |call| {
        let source = call.pointer(1);
        let units = if source == 0 { Vec::new() } else { units_at(source) };
        status(append(call.pointer(0), &units))
    }),
    export("RtlPrefixUnicodeString", |call| {
        let [prefix, text] = [call.pointer(0), call.pointer(1)].map(|address| folded(address, call.boolean(2)));
        usize::from(text.starts_with(&prefix))
    }),
    export("RtlIntegerToUnicodeString", |call| {
        let (value, base) = (call.u32(0), call.u32(1));
        let text = match base {
            0 | 10 => value.to_string(),
            2 => format!("{value:b}"),
            8 => format!("{value:o}"),
            16 => format!("{value:X}"),
            _ => return status(STATUS_INVALID_PARAMETER),
        };
        status(store_wide(
            call,
            call.pointer(2),
            &text.encode_utf16().collect::<Vec<u16>>(),
            false,
        ))
    }),
    export("RtlUnicodeStringToInteger", to_integer),
    export("RtlUpcaseUnicodeChar", |call| usize::from(upper(call.u32(0) as u16))),
    export("RtlDowncaseUnicodeChar", |call| {
        usize::from(char::from_u32(u32::from(call.u32(0) as u16)).map_or(call.u32(0) as u16, lower))
    }),
    export("RtlHashUnicodeString", |call| {
        let hash = folded(call.pointer(0), call.boolean(1))
            .into_iter()
            .fold(0_u32, |hash, unit| {
                hash.wrapping_mul(65599).wrapping_add(u32::from(unit))
            });
        guest::write(call.pointer(3), hash);
        status(STATUS_SUCCESS)
    }),
    export("wcslen", |call| units_at(call.pointer(0)).len()),
    export("strcmp", |call| {
        order(bytes_at(call.pointer(0)).cmp(&bytes_at(call.pointer(1))))
    }),
    export("strncmp", |call| {
        let [left, right] = [0, 1].map(|index| first(bytes_at(call.pointer(index)), call.pointer(2)));
        order(left.cmp(&right))
    }),
    export("_stricmp", |call| {
        let [left, right] = [0, 1].map(|index| bytes_at(call.pointer(index)).to_ascii_lowercase());
        order(left.cmp(&right))
    }),
    export("_strnicmp", |call| {
        let [left, right] =
            [0, 1].map(|index| first(bytes_at(call.pointer(index)), call.pointer(2)).to_ascii_lowercase());
        order(left.cmp(&right))
    }),
    export("wcscmp", |call| {
        order(units_at(call.pointer(0)).cmp(&units_at(call.pointer(1))))
    }),
    export("wcsncmp", |call| {
        let [left, right] = [0, 1].map(|index| first(units_at(call.pointer(index)), call.pointer(2)));
        order(left.cmp(&right))
    }),
    export("_wcsicmp", |call| order(upper_at(call, 0).cmp(&upper_at(call, 1)))),
    export("_wcsnicmp", |call| {
        let [left, right] = [0, 1].map(|index| first(upper_at(call, index), call.pointer(2)));
        order(left.cmp(&right))
    }),
    export("strcpy", |call| {
        put_bytes(call.pointer(0), &bytes_at(call.pointer(1)), true);
        call.pointer(0)
    }),
    export("strncpy", |call| {
        let (target, count) = (call.pointer(0), call.pointer(2));
        let bytes = first(bytes_at(call.pointer(1)), count);
        put_bytes(target, &bytes, false);
        guest::zero(target.wrapping_add(bytes.len()), count - bytes.len());
        target
    }),
    export("strcat", |call| {
        let end = call.pointer(0).wrapping_add(bytes_at(call.pointer(0)).len());
        put_bytes(end, &bytes_at(call.pointer(1)), true);
        call.pointer(0)
    }),
    export("wcscpy", |call| {
        put_units(call.pointer(0), &units_at(call.pointer(1)), true);
        call.pointer(0)
    }),
    export("wcsncpy", |call| {
        let (target, count) = (call.pointer(0), call.pointer(2));
        let units = first(units_at(call.pointer(1)), count);
        put_units(target, &units, false);
        let rest = (count - units.len()).saturating_mul(2);
        guest::zero(target.wrapping_add(2 * units.len()), rest);
        target
    }),
    export("wcscat", |call| {
        let end = call.pointer(0).wrapping_add(2 * units_at(call.pointer(0)).len());
        put_units(end, &units_at(call.pointer(1)), true);
        call.pointer(0)
    }),
    export("strchr", |call| {
        let mut bytes = bytes_at(call.pointer(0));
        bytes.push(0);
        found(call.pointer(0), 1, bytes.iter().position(|&byte| byte == call.u8(1)))
    }),
    export("strrchr", |call| {
        let mut bytes = bytes_at(call.pointer(0));
        bytes.push(0);
        found(call.pointer(0), 1, bytes.iter().rposition(|&byte| byte == call.u8(1)))
    }),
    export("strstr", |call| {
        let (text, part) = (bytes_at(call.pointer(0)), bytes_at(call.pointer(1)));
        let at = (0..=text.len()).find(|&at| text[at..].starts_with(&part));
        found(call.pointer(0), 1, at)
    }),
    export("wcschr", |call| {
        let mut units = units_at(call.pointer(0));
        units.push(0);
        found(
            call.pointer(0),
            2,
            units.iter().position(|&unit| unit == call.u32(1) as u16),
        )
    }),
    export("wcsrchr", |call| {
        let mut units = units_at(call.pointer(0));
        units.push(0);
        found(
            call.pointer(0),
            2,
            units.iter().rposition(|&unit| unit == call.u32(1) as u16),
        )
    }),
    export("wcsstr", |call| {
        let (text, part) = (units_at(call.pointer(0)), units_at(call.pointer(1)));
        let at = (0..=text.len()).find(|&at| text[at..].starts_with(&part));
        found(call.pointer(0), 2, at)
    }),
    export("toupper", |call| usize::from(call.u8(0).to_ascii_uppercase())),
    export("tolower", |call| usize::from(call.u8(0).to_ascii_lowercase())),
    export("towupper", |call| usize::from(upper(call.u32(0) as u16))),
    export("sprintf", |call| {
        let text = print(call, 1, |index| call.pointer(2 + index));
        put_bytes(call.pointer(0), text.as_bytes(), true);
        text.len()
    }),
    export("vsprintf", |call| {
        let text = print(call, 1, listed(call.pointer(2)));
        put_bytes(call.pointer(0), text.as_bytes(), true);
        text.len()
    }),
    export("_snprintf", |call| {
        put_limited(call, &print(call, 2, |index| call.pointer(3 + index)))
    }),
    export("_vsnprintf", |call| {
        put_limited(call, &print(call, 2, listed(call.pointer(3))))
    }),
    export("_snwprintf", |call| {
        put_limited_wide(call, &print_wide(call, 2, |index| call.pointer(3 + index)))
    }),
    export("_vsnwprintf", |call| {
        put_limited_wide(call, &print_wide(call, 2, listed(call.pointer(3))))
    }),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

fn order(order: std::cmp::Ordering) -> usize {
    (order as i32).cast_unsigned() as usize
}

fn found(start: usize, unit_bytes: usize, index: Option<usize>) -> usize {
    index.map_or(0, |index| start + unit_bytes * index)
}

fn first<T>(mut items: Vec<T>, count: usize) -> Vec<T> {
    items.truncate(count);
    items
}

/// A string of bytes in the driver's memory, without its end. A fault on the way is the driver's.
fn bytes_at(address: usize) -> Vec<u8> {
    (0..LENGTH_MAX)
        .map(|offset| guest::read::<u8>(address.wrapping_add(offset)))
        .take_while(|&byte| byte != 0)
        .collect()
}

/// A string of 16-bit units, without its end.
fn units_at(address: usize) -> Vec<u16> {
    (0..LENGTH_MAX)
        .map(|index| guest::read::<u16>(address.wrapping_add(2 * index)))
        .take_while(|&unit| unit != 0)
        .collect()
}

fn upper_at(call: &Call, index: usize) -> Vec<u16> {
    units_at(call.pointer(index)).into_iter().map(upper).collect()
}

fn put_bytes(address: usize, bytes: &[u8], with_end: bool) {
    guest::write_bytes(address, bytes);
    if with_end {
        guest::write(address.wrapping_add(bytes.len()), 0_u8);
    }
}

fn put_units(address: usize, units: &[u16], with_end: bool) {
    for (index, &unit) in units.iter().enumerate() {
        guest::write(address.wrapping_add(2 * index), unit);
    }
    if with_end {
        guest::write(address.wrapping_add(2 * units.len()), 0_u16);
    }
}

fn upper(unit: u16) -> u16 {
    let folded = char::from_u32(u32::from(unit)).map(|character| character.to_uppercase().collect::<Vec<_>>());
    match folded.as_deref() {
        Some(&[one]) => u16::try_from(u32::from(one)).unwrap_or(unit),
        _ => unit,
    }
}

fn lower(character: char) -> u16 {
    let folded: Vec<char> = character.to_lowercase().collect();
    let one = if let [one] = folded[..] { one } else { character };
    u16::try_from(u32::from(one)).unwrap_or_default()
}

fn narrowed(unit: u16) -> u8 {
    u8::try_from(unit).unwrap_or(b'?')
}

/// The units of a UNICODE_STRING.
fn wide(address: usize) -> Vec<u16> {
    let buffer = guest::read::<usize>(address.wrapping_add(8));
    (0..usize::from(guest::read::<u16>(address)) / 2)
        .map(|index| guest::read::<u16>(buffer.wrapping_add(2 * index)))
        .collect()
}

fn folded(address: usize, ignore_case: bool) -> Vec<u16> {
    let units: Vec<u16> = wide(address);
    if ignore_case {
        units.into_iter().map(upper).collect()
    } else {
        units
    }
}

/// The bytes of an ANSI_STRING.
fn ansi(address: usize) -> Vec<u8> {
    let buffer = guest::read::<usize>(address.wrapping_add(8));
    (0..usize::from(guest::read::<u16>(address)))
        .map(|offset| guest::read::<u8>(buffer.wrapping_add(offset)))
        .collect()
}

fn init_ansi(call: &Call) -> usize {
    let (target, source) = (call.pointer(0), call.pointer(1));
    let length = if source == 0 {
        0
    } else {
        bytes_at(source).len().min(0xFFFE)
    };
    let length = u16::try_from(length).unwrap_or_default();
    guest::write(target, length);
    guest::write(target.wrapping_add(2), if source == 0 { 0 } else { length + 1 });
    guest::write(target.wrapping_add(8), source);
    0
}

/// Memory for a string that the driver frees with RtlFreeUnicodeString or RtlFreeAnsiString.
fn string_block(call: &Call, bytes: usize) -> Option<usize> {
    if call.machine.fails("RtlAllocateString") {
        return None;
    }
    let mut pool = call.machine.pool.borrow_mut();
    pool.allocate(bytes, STRING_TAG, Owner::Driver, call.site(), Contents::Zeroed)
        .ok()
}

fn store_wide(call: &Call, target: usize, units: &[u16], allocate: bool) -> NtStatus {
    let bytes = 2 * units.len();
    if bytes > COUNTED_MAX {
        return STATUS_INVALID_PARAMETER;
    }
    if allocate {
        let Some(block) = string_block(call, bytes + 2) else {
            return STATUS_INSUFFICIENT_RESOURCES;
        };
        guest::write(target.wrapping_add(2), u16::try_from(bytes + 2).unwrap_or(u16::MAX));
        guest::write(target.wrapping_add(8), block);
    }
    let room = usize::from(guest::read::<u16>(target.wrapping_add(2)));
    if bytes > room {
        return STATUS_BUFFER_OVERFLOW;
    }
    put_units(guest::read::<usize>(target.wrapping_add(8)), units, bytes + 2 <= room);
    guest::write(target, u16::try_from(bytes).unwrap_or_default());
    STATUS_SUCCESS
}

fn store_ansi(call: &Call, target: usize, bytes: &[u8], allocate: bool) -> NtStatus {
    if allocate {
        let Some(block) = string_block(call, bytes.len() + 1) else {
            return STATUS_INSUFFICIENT_RESOURCES;
        };
        guest::write(
            target.wrapping_add(2),
            u16::try_from(bytes.len() + 1).unwrap_or(u16::MAX),
        );
        guest::write(target.wrapping_add(8), block);
    }
    let room = usize::from(guest::read::<u16>(target.wrapping_add(2)));
    if bytes.len() > room {
        return STATUS_BUFFER_OVERFLOW;
    }
    put_bytes(guest::read::<usize>(target.wrapping_add(8)), bytes, bytes.len() < room);
    guest::write(target, u16::try_from(bytes.len()).unwrap_or_default());
    STATUS_SUCCESS
}

fn free_string(call: &Call) -> usize {
    let string = call.pointer(0);
    let buffer = guest::read::<usize>(string.wrapping_add(8));
    if buffer != 0 {
        call.machine.free_pool(buffer, call.site());
        guest::zero(string, 16);
    }
    0
}

fn append(target: usize, units: &[u16]) -> NtStatus {
    let length = usize::from(guest::read::<u16>(target));
    let room = usize::from(guest::read::<u16>(target.wrapping_add(2)));
    let total = length + 2 * units.len();
    if total > room {
        return STATUS_BUFFER_TOO_SMALL;
    }
    put_units(
        guest::read::<usize>(target.wrapping_add(8)) + length,
        units,
        total + 2 <= room,
    );
    guest::write(target, u16::try_from(total).unwrap_or_default());
    STATUS_SUCCESS
}

/// RtlUnicodeStringToInteger: blanks, a sign, and with base 0 a prefix that tells the base.
fn to_integer(call: &Call) -> usize {
    let text = String::from_utf16_lossy(&wide(call.pointer(0)));
    let text = text.trim_start();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (base, digits) = match call.u32(1) {
        0 => ["0x", "0o", "0b"]
            .iter()
            .zip([16, 8, 2])
            .find_map(|(prefix, base)| Some((base, text.strip_prefix(prefix)?)))
            .unwrap_or((10, text)),
        base @ (2 | 8 | 10 | 16) => (base, text),
        _ => return status(STATUS_INVALID_PARAMETER),
    };
    let value = digits
        .chars()
        .map_while(|digit| digit.to_digit(base))
        .fold(0_u32, |value, digit| value.wrapping_mul(base).wrapping_add(digit));
    guest::write(call.pointer(2), if negative { value.wrapping_neg() } else { value });
    status(STATUS_SUCCESS)
}

/// The arguments that a va_list leads to.
fn listed(list: usize) -> impl Fn(usize) -> usize {
    move |index| guest::read::<usize>(list.wrapping_add(8 * index))
}

fn print(call: &Call, pattern: usize, argument: impl Fn(usize) -> usize) -> String {
    let pattern = String::from_utf8_lossy(&bytes_at(call.pointer(pattern))).into_owned();
    format(&pattern, false, argument)
}

fn print_wide(call: &Call, pattern: usize, argument: impl Fn(usize) -> usize) -> Vec<u16> {
    let pattern = wide_string(call.pointer(pattern), LENGTH_MAX);
    format(&pattern, true, argument).encode_utf16().collect()
}

/// What does not fit is cut off, and told by -1; the end is written where there is room for it.
fn put_limited(call: &Call, text: &str) -> usize {
    let room = call.pointer(1);
    let bytes = text.as_bytes();
    put_bytes(call.pointer(0), &bytes[..bytes.len().min(room)], bytes.len() < room);
    told(bytes.len(), room)
}

fn put_limited_wide(call: &Call, units: &[u16]) -> usize {
    let room = call.pointer(1);
    put_units(call.pointer(0), &units[..units.len().min(room)], units.len() < room);
    told(units.len(), room)
}

fn told(length: usize, room: usize) -> usize {
    if length > room { u32::MAX as usize } else { length }
}

impl Machine {
    /// DbgPrint: the text is counted and, where the run keeps a log, shown. The result is STATUS_SUCCESS.
    pub(super) fn debug_print(&self, call: &Call, format_index: usize) -> usize {
        self.show(&print(call, format_index, |index| {
            call.pointer(format_index + 1 + index)
        }))
    }

    /// vDbgPrintEx: as [`Self::debug_print`], with a va_list.
    pub(super) fn debug_print_list(&self, call: &Call, format_index: usize) -> usize {
        self.show(&print(call, format_index, listed(call.pointer(format_index + 1))))
    }

    fn show(&self, text: &str) -> usize {
        self.reporter.count("DbgPrint", 1);
        self.print(text.trim_end());
        0
    }
}
