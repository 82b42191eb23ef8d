//! Special files on a device: every sequence of a few notifications, against counts that a list of files gives; and the ends
//! of the counts.
#![cfg(not(loom))]

use policy::usage::{SpecialFile, Usage};

/// How long the sequences are: 16 notifications are possible at each step.
const STEPS: u32 = 4;

/// A notification: the file, whether it comes, and whether those below agree.
fn notification(number: u32) -> (SpecialFile, bool, bool) {
    let file = SpecialFile::ALL[number as usize % 4];
    (file, number & 4 != 0, number & 8 != 0)
}

/// What the device is known to hold, as a list: the plainest account that there is.
#[derive(Default, Clone)]
struct Files(Vec<SpecialFile>);

impl Files {
    fn put(&mut self, file: SpecialFile, in_path: bool) {
        if in_path {
            self.0.push(file);
        } else if let Some(index) = self.0.iter().position(|other| *other == file) {
            self.0.remove(index);
        }
    }

    fn holds_files(&self) -> bool {
        self.0.iter().any(|file| *file != SpecialFile::Boot)
    }
}

#[test]
fn every_short_sequence_leaves_what_agreed_notifications_put_there() {
    for sequence in 0..16_u32.pow(STEPS) {
        let (mut usage, mut files) = (Usage::default(), Files::default());
        // The bit of a device that was pagable without any file.
        let mut pagable = true;
        for step in 0..STEPS {
            let (file, in_path, agreed) = notification(sequence >> (4 * step) & 0xF);
            let before = files.clone();
            let change = usage.notified(file, in_path);
            let context = format!("sequence {sequence:#x}, step {step}");

            let meanwhile = change.meanwhile();
            if in_path && file != SpecialFile::Boot {
                assert!(meanwhile.holds_files(), "{context}: a file that comes is not there yet");
            }
            if before.holds_files() {
                assert!(meanwhile.holds_files(), "{context}: a file that goes is gone already");
            }
            if change.set_pagable_first() {
                assert!(!in_path && before.holds_files(), "{context}");
                pagable = true;
            }

            let ended = change.ended(agreed);
            if ended.clear_pagable {
                pagable = false;
            }
            if agreed {
                files.put(file, in_path);
            }
            usage = ended.usage;
            for file in SpecialFile::ALL {
                let count = files.0.iter().filter(|other| **other == file).count();
                assert_eq!(usize::from(usage.count(file)), count, "{context}: {file:?}");
            }
            assert_eq!(usage.holds_files(), files.holds_files(), "{context}");
            assert_eq!(usage.is_needed(), !files.0.is_empty(), "{context}");
            assert_eq!(pagable, !files.holds_files(), "{context}: DO_POWER_PAGABLE");
            assert_eq!(
                ended.invalidate_state,
                before.0.is_empty() != files.0.is_empty(),
                "{context}"
            );
            assert_eq!(Usage::from_bits(usage.to_bits()), usage, "{context}");
        }
    }
}

#[test]
fn each_kind_has_a_part_of_the_word_of_its_own() {
    let mut words: Vec<u64> = SpecialFile::ALL
        .into_iter()
        .map(|file| Usage::default().notified(file, true).ended(true).usage.to_bits())
        .collect();
    words.sort_unstable();
    assert_eq!(words, [1, 1 << 16, 1 << 32, 1 << 48]);
    assert_eq!(Usage::from_bits(0), Usage::default());
}

#[test]
fn a_count_at_its_maximum_stays_there() {
    let full = Usage::from_bits(u64::MAX);
    for file in SpecialFile::ALL {
        for in_path in [false, true] {
            let ended = full.notified(file, in_path).ended(true);
            assert_eq!(ended.usage, full, "{file:?}, {in_path}");
            assert!(!ended.invalidate_state);
        }
        let nearly = Usage::from_bits(u64::MAX - (1 << (16 * file as u32)));
        assert_eq!(nearly.count(file), u16::MAX - 1);
        assert_eq!(nearly.notified(file, true).ended(true).usage, full);
    }
}
