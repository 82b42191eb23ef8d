//! Whatever the file contains, loading it ends in an image or in one line, never in a crash.

use std::{collections::BTreeSet, ffi::c_void, ptr::NonNull};

use lab::image::Image;

use crate::specimen::{at, field, offset_of, put32, specimen};

const CASES: u64 = 20_000;

/// SplitMix64: the same cases on every machine and with every release of every crate.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The specimen with one to four changes, most of them where a loader looks.
fn mutant(case: u64) -> Vec<u8> {
    let mut random = Random(case);
    let mut file = specimen();
    let targets = [
        field::SIGNATURE..field::HEADERS_END,
        field::SIZE_OF_IMAGE..field::SECTION_TABLE,
        field::SECTION_TABLE..field::HEADERS_END,
        offset_of(at::IMPORT_DESCRIPTORS)..offset_of(at::EXPORTS_END - 1),
        offset_of(at::RELOCATIONS)..offset_of(at::RELOCATIONS) + 12,
        0..file.len() - 4,
    ];
    for _ in 0..=random.below(4) {
        let target = targets[random.below(targets.len())].clone();
        let offset = (target.start + random.below(target.len())).min(file.len() - 4);
        match random.below(4) {
            // Any byte.
            0 => file[offset] = random.next() as u8,
            // One bit.
            1 => file[offset] ^= 1 << random.below(8),
            // A value at some edge, in a field of 32 bits.
            2 => {
                let edges = [
                    0,
                    1,
                    0xFFF,
                    0x1000,
                    0x5FFF,
                    0x6000,
                    0x7FFF_FFFF,
                    0x8000_0000,
                    u32::MAX - 7,
                    u32::MAX,
                ];
                put32(&mut file, offset & !3, edges[random.below(edges.len())]);
            }
            // An address in or near the image.
            _ => put32(&mut file, offset & !3, random.below(0x6100) as u32),
        }
    }
    if random.below(8) == 0 {
        file.truncate(random.below(file.len()));
    }
    file
}

#[test]
fn loading_a_damaged_file_never_crashes() {
    let mut loaded = 0;
    let mut refusals = BTreeSet::new();
    for case in 0..CASES {
        let mut resolver = |_: &str, name: &str| name.len().is_multiple_of(2).then_some(NonNull::<c_void>::dangling());
        match Image::load("mutant.sys", &mutant(case), &mut resolver) {
            Ok(image) => {
                loaded += 1;
                for section in image.sections() {
                    let addresses = section.addresses();
                    assert!(addresses.end as usize <= image.size(), "case {case}: {section:?}");
                    let protection = section.protection();
                    assert!(!(protection.write && protection.execute), "case {case}: {section:?}");
                }
                let entry = image.relative(image.entry_point().addr().get());
                assert!(entry.is_some(), "case {case}: the entry point is outside the image");
            }
            Err(error) => {
                let message = error.to_string();
                assert_eq!(message.lines().count(), 1, "case {case}: {message}");
                // Without its figures, a message stands for its kind.
                refusals.insert(message.replace(|c: char| c.is_ascii_hexdigit(), ""));
            }
        }
    }
    // The cases are worth something only where they reach both ends and many checks.
    assert!(loaded > CASES / 10, "only {loaded} of {CASES} loaded");
    assert!(refusals.len() > 30, "only {} kinds of refusal", refusals.len());
}
