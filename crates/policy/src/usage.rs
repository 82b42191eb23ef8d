//! Which special files are on a device, and what a notification of one comes to: counts and decisions.
//!
//! A notification goes down the stack before it is known whether the drivers below agree, so each is a [`Change`] with two
//! ends. It does not know an IRP or a device, and it serialises nothing: who applies one change must have applied the one
//! before it.

/// What a device is used for that the system cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecialFile {
    /// A paging file.
    Paging,
    /// The hibernation file.
    Hibernation,
    /// The file that a crash dump is written to.
    Dump,
    /// No file: the system is booted from the device.
    Boot,
}

impl SpecialFile {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Paging, Self::Hibernation, Self::Dump, Self::Boot];
}

/// How many special files of each kind are on a device.
///
/// A count that has reached its maximum stays there: it is not known any more how many there are, and a device that is taken
/// for one in use too long is better than the other way round. A count below zero there is not: the removal of a file that
/// was never announced changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    paging: u16,
    hibernation: u16,
    dump: u16,
    boot: u16,
}

impl Usage {
    /// The counts in one word, so that they can be kept in an atomic one and are read together.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        let [a, b] = self.paging.to_le_bytes();
        let [c, d] = self.hibernation.to_le_bytes();
        let [e, f] = self.dump.to_le_bytes();
        let [g, h] = self.boot.to_le_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// The counts that [`to_bits`](Self::to_bits) made the word of. Zero is a device without any.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
        Self {
            paging: u16::from_le_bytes([a, b]),
            hibernation: u16::from_le_bytes([c, d]),
            dump: u16::from_le_bytes([e, f]),
            boot: u16::from_le_bytes([g, h]),
        }
    }

    /// How many there are of one kind.
    #[must_use]
    pub const fn count(self, file: SpecialFile) -> u16 {
        match file {
            SpecialFile::Paging => self.paging,
            SpecialFile::Hibernation => self.hibernation,
            SpecialFile::Dump => self.dump,
            SpecialFile::Boot => self.boot,
        }
    }

    const fn count_mut(&mut self, file: SpecialFile) -> &mut u16 {
        match file {
            SpecialFile::Paging => &mut self.paging,
            SpecialFile::Hibernation => &mut self.hibernation,
            SpecialFile::Dump => &mut self.dump,
            SpecialFile::Boot => &mut self.boot,
        }
    }

    /// Whether a paging, hibernation or dump file is there: the device may then be neither stopped nor removed, and its
    /// power requests may come at DISPATCH_LEVEL.
    #[must_use]
    pub const fn holds_files(self) -> bool {
        self.paging != 0 || self.hibernation != 0 || self.dump != 0
    }

    /// Whether the system needs the device to run or to start: it is not to be disabled.
    #[must_use]
    pub const fn is_needed(self) -> bool {
        self.holds_files() || self.boot != 0
    }

    /// What it comes to where a file is put on the device (`in_path`), or has gone from it.
    pub const fn notified(self, file: SpecialFile, in_path: bool) -> Change {
        let mut after = self;
        let count = after.count_mut(file);
        *count = match (in_path, *count) {
            (_, u16::MAX) => u16::MAX,
            (true, count) => count.saturating_add(1),
            (false, count) => count.saturating_sub(1),
        };
        Change {
            before: self,
            after,
            in_path,
        }
    }
}

/// A notification that is on its way through the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it has an end, good or bad"]
pub struct Change {
    before: Usage,
    after: Usage,
    in_path: bool,
}

/// What is to be done now that the drivers below have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// What is on the device.
    pub usage: Usage,
    /// Power requests may come at DISPATCH_LEVEL from now on, or still: DO_POWER_PAGABLE is to be clear.
    pub clear_pagable: bool,
    /// The device may be disabled and could not before, or the other way round: the PnP manager has to ask again.
    pub invalidate_state: bool,
}

impl Change {
    /// What counts while the drivers below are asked: a file that comes is there already, and one that goes still is. So a
    /// device is not let go between the question and its answer.
    #[must_use]
    pub const fn meanwhile(self) -> Usage {
        if self.in_path { self.after } else { self.before }
    }

    /// Whether the last file goes, so that DO_POWER_PAGABLE is to be set before the drivers below do: the bit goes up from
    /// the top of a stack and down from its bottom, so that no device has it above one that has not.
    #[must_use]
    pub const fn set_pagable_first(self) -> bool {
        self.before.holds_files() && !self.after.holds_files()
    }

    /// The drivers below have agreed, or one of them has not: then nothing has changed.
    #[must_use]
    pub const fn ended(self, succeeded: bool) -> Ended {
        if succeeded {
            Ended {
                usage: self.after,
                clear_pagable: self.in_path && self.after.holds_files(),
                invalidate_state: self.before.is_needed() != self.after.is_needed(),
            }
        } else {
            Ended {
                usage: self.before,
                clear_pagable: self.set_pagable_first(),
                invalidate_state: false,
            }
        }
    }
}
