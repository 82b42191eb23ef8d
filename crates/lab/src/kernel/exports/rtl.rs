//! The run-time library: strings, and the formatting of messages.

use super::{Export, export};
use crate::guest;

/// The longest text that a message's string argument is shown with.
const STRING_MAX: usize = 512;

pub(super) const EXPORTS: &[Export] = &[
    export("RtlInitUnicodeString", |call| {
        let (target, source) = (call.pointer(0), call.pointer(1));
        let mut bytes = 0_u16;
        while source != 0 && bytes < u16::MAX - 3 && guest::read::<u16>(source + usize::from(bytes)) != 0 {
            bytes += 2;
        }
        let maximum = if source == 0 { 0 } else { bytes + 2 };
        guest::write(target, bytes);
        guest::write(target + 2, maximum);
        guest::write(target + 8, source);
        0
    }),
    export("RtlCopyUnicodeString", |call| {
        let (target, source) = (call.pointer(0), call.pointer(1));
        let available = if source == 0 { 0 } else { guest::read::<u16>(source) };
        let bytes = available.min(guest::read::<u16>(target + 2));
        for offset in 0..usize::from(bytes) {
            let byte = guest::read::<u8>(guest::read::<usize>(source + 8) + offset);
            guest::write(guest::read::<usize>(target + 8) + offset, byte);
        }
        guest::write(target, bytes);
        0
    }),
    export("RtlCompareUnicodeString", |call| compare(call).cast_unsigned() as usize),
    export("RtlEqualUnicodeString", |call| usize::from(compare(call) == 0)),
];

fn compare(call: &super::Call) -> i32 {
    let fold = |text: String| {
        if call.boolean(2) { text.to_uppercase() } else { text }
    };
    let left = fold(guest::unicode_string(call.pointer(0)));
    let right = fold(guest::unicode_string(call.pointer(1)));
    match left.cmp(&right) {
        std::cmp::Ordering::Less => -1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 1,
    }
}

/// Formats a message as DbgPrint does, with what `argument` gives for each conversion.
pub(super) fn format(address: usize, argument: impl Fn(usize) -> usize) -> String {
    let pattern = guest::c_string(address, STRING_MAX);
    let mut text = String::new();
    let mut next = 0;
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let mut length = String::new();
        while let Some(&flag) = rest.peek() {
            if flag.is_ascii_digit() || "+- #.*lhwI".contains(flag) {
                length.push(flag);
                rest.next();
            } else {
                break;
            }
        }
        let Some(conversion) = rest.next() else {
            break;
        };
        if conversion == '%' {
            text.push('%');
            continue;
        }
        let value = argument(next);
        next += 1;
        let wide = length.contains('w') || length.contains('l') && "sSZ".contains(conversion);
        let long = length.contains('I') || length.contains("ll");
        text += &convert(conversion, value, wide, long);
    }
    text
}

fn convert(conversion: char, value: usize, wide: bool, long: bool) -> String {
    let narrow = value as u32;
    match conversion {
        'd' | 'i' if long => value.cast_signed().to_string(),
        'd' | 'i' => narrow.cast_signed().to_string(),
        'u' if long => value.to_string(),
        'u' => narrow.to_string(),
        'x' if long => format!("{value:x}"),
        'x' => format!("{narrow:x}"),
        'X' if long => format!("{value:X}"),
        'X' => format!("{narrow:X}"),
        'p' => format!("{value:016X}"),
        'c' | 'C' => char::from_u32(narrow).unwrap_or('?').to_string(),
        's' if wide => wide_string(value),
        'S' => wide_string(value),
        's' => guest::c_string(value, STRING_MAX),
        'Z' if wide => guest::unicode_string(value),
        other => format!("%{other}"),
    }
}

fn wide_string(address: usize) -> String {
    let units: Vec<u16> = (0..STRING_MAX)
        .map(|index| address + 2 * index)
        .take_while(|&at| guest::contains(at, 2))
        .map(guest::read::<u16>)
        .take_while(|&unit| unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}
