//! The run-time library: the strings that nearly every driver uses.

use super::{Export, export};
use crate::guest;

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
