//! The image checksum: ImageHlp's `CheckSumMappedFile`, done again.
//!
//! It is the sum of the file's 16-bit little-endian words, the checksum field taken as zero, with
//! each carry added back in, plus the length of the file. It guards against accidents and not
//! against forgery; Windows demands it of boot-start drivers.

use super::check::{Check, Findings};
use super::image::Image;
use object::LittleEndian as LE;

/// Computes the checksum of a file whose checksum field stands at `field`.
pub(super) fn compute(bytes: &[u8], field: usize) -> u32 {
    let mut sum = 0_u32;
    for (index, word) in bytes.chunks(2).enumerate() {
        let byte = |position: usize| {
            let offset = 2 * index + position;
            let in_field = (field..field.saturating_add(4)).contains(&offset);
            match word.get(position) {
                Some(&byte) if !in_field => byte,
                _ => 0,
            }
        };
        sum += u32::from(u16::from_le_bytes([byte(0), byte(1)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The documented length is a DWORD: a file of 4 GiB is no image.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    sum.wrapping_add(length)
}

/// Compares the checksum in the header with that of the file.
pub(super) fn check(image: &Image<'_>, findings: &mut Findings) {
    let stated = image.optional_header().check_sum.get(LE);
    let computed = compute(image.bytes, image.checksum_offset());
    if stated == 0 {
        findings.add(Check::Checksum, "the header holds no checksum: link with /RELEASE");
    } else if stated != computed {
        findings.add(
            Check::Checksum,
            format!(
                "the header says {stated:#x} and the file sums up to {computed:#x}: the file was \
                 changed after it was linked or signed"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_worked_out_by_hand_come_out() {
        const NO_FIELD: usize = usize::MAX;
        assert_eq!(compute(&[], NO_FIELD), 0);
        // 0x0201 + 0x0403, plus 4 bytes.
        assert_eq!(compute(&[1, 2, 3, 4], NO_FIELD), 0x0604 + 4);
        // 0xffff + 0x0002 carries: 0x0001, plus 1 for the carry, plus 4 bytes.
        assert_eq!(compute(&[0xff, 0xff, 2, 0], NO_FIELD), 2 + 4);
        // The last odd byte is a word by itself.
        assert_eq!(compute(&[1, 2, 3], NO_FIELD), 0x0204 + 3);
    }

    #[test]
    fn the_field_counts_as_zero_even_at_an_odd_offset() {
        assert_eq!(compute(&[1, 0, 9, 9, 9, 9, 1, 0], 2), 2 + 8);
        assert_eq!(compute(&[1, 9, 9, 9, 9, 0, 1, 0], 1), 2 + 8);
    }
}
