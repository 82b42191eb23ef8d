//! Damaged images: whatever the bytes are, the gate answers, and no damage passes.

use super::fixture::{Built, EXPECTED, Fixture, seal};
use crate::gate::{Check, inspect};

/// SplitMix64: the same damage in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[test]
fn a_cut_image_is_answered_and_never_passes() {
    let Built { image, map } = Fixture::good().build();
    let lengths = (0..0x400).chain((0x400..image.len()).step_by(7));
    for length in lengths {
        if let Ok(report) = inspect(&image[..length], &map, &EXPECTED) {
            assert!(!report.passed(), "cut to {length} bytes");
        }
    }
}

#[test]
fn every_changed_byte_is_caught_and_behind_the_dos_header_by_the_checksum() {
    let Built { mut image, map } = Fixture::good().build();
    // The DOS header says where the checksum field is.
    let dos_header_end = 0x40;
    let mut random = Random(1);
    let mut unreadable = 0;
    for offset in 0..image.len() {
        let change = 1 + random.below(255) as u8;
        image[offset] ^= change;
        let report = inspect(&image, &map, &EXPECTED);
        image[offset] ^= change;
        let Ok(report) = report else {
            unreadable += 1;
            continue;
        };
        let is_caught = report.findings.iter().any(|found| match offset {
            offset if offset < dos_header_end => true,
            _ => found.check == Check::Checksum || found.message.contains("PE32 and not PE32+"),
        });
        assert!(is_caught, "offset {offset:#x} changed by {change:#x}");
    }
    // Signatures, sizes and counts of headers.
    assert!(unreadable < 32, "{unreadable}");
}

#[test]
fn heavy_damage_is_answered() {
    const CASES: u64 = 4000;
    const EXTREMES: [u32; 6] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, u32::MAX];
    let good = Fixture::good().build();
    for seed in 0..CASES {
        let mut random = Random(seed);
        let mut image = good.image.clone();
        for _ in 0..1 + random.below(8) {
            // Half of the damage hits the headers, which everything else depends on.
            let limit = if random.below(2) == 0 { 0x400 } else { image.len() };
            let offset = random.below(limit);
            if random.below(2) == 0 {
                image[offset] = random.next() as u8;
            } else {
                let extreme = EXTREMES[random.below(EXTREMES.len())].to_le_bytes();
                let offset = offset & !3;
                image[offset..offset + 4].copy_from_slice(&extreme);
            }
        }
        image.truncate(image.len() - random.below(2) * random.below(image.len()));
        // Answering is the whole of it: a panic would fail the test, with the seed in its message.
        let answer = std::panic::catch_unwind(|| inspect(&image, &good.map, &EXPECTED).is_ok());
        assert!(answer.is_ok(), "seed {seed}");
    }
}

#[test]
fn what_is_no_image_gives_one_line() {
    let good = Fixture::good().build().image;
    let mut random = Random(3);
    let noise: Vec<u8> = (0..4096).map(|_| random.next() as u8).collect();
    let inputs: [&[u8]; 6] = [b"", b"MZ", b"\x7fELF", &good[..64], &good[1..], &noise];
    for input in inputs {
        let error = inspect(input, "", &EXPECTED).expect_err("it is no image").to_string();
        assert!(error.contains("not a readable PE image"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_damaged_map_is_answered() {
    let Built { image, map } = Fixture::good().build();
    let mut random = Random(4);
    for _ in 0..500 {
        let mut map: Vec<char> = map.chars().collect();
        for _ in 0..1 + random.below(20) {
            let offset = random.below(map.len());
            map[offset] = ['\u{10ffff}', '0', ':', ' ', '\n', 'f'][random.below(6)];
        }
        let map: String = map.into_iter().collect();
        let report = inspect(&image, &map, &EXPECTED).expect("the image is good");
        assert!(report.findings.iter().all(|found| found.check != Check::Checksum));
    }
}

#[test]
fn sealing_is_what_makes_an_image_pass_the_checksum() {
    let Built { mut image, map } = Fixture::good().build();
    let last = image.len() - 1;
    image[last] ^= 0xff;
    let checks = |image: &[u8]| {
        let report = inspect(image, &map, &EXPECTED).expect("the headers are good");
        report.findings.iter().any(|found| found.check == Check::Checksum)
    };
    assert!(checks(&image));
    seal(&mut image);
    assert!(!checks(&image));
}
