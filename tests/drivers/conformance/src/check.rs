//! What a sequence expects and finds, and how that is told: each difference and each sequence by DbgPrint, and each
//! sequence in the key `Conformance` of the driver's service, where a value is the number of differences.

use core::ffi::{CStr, c_char};

use crate::{
    kernel::{DbgPrint, NtStatus, Object, RtlCreateRegistryKey, RtlWriteRegistryValue, STATUS_SUCCESS, UnicodeString},
    layers::Stack,
    sequences::Sequence,
};

/// RTL_REGISTRY_ABSOLUTE.
const ABSOLUTE: u32 = 0;
const REG_DWORD: u32 = 4;

/// The longest path and the longest name that are written, in UTF-16 units with their end.
const PATH_UNITS: usize = 256;
const NAME_UNITS: usize = 96;

/// What can be compared.
pub(crate) trait Value: Copy + PartialEq {
    /// How it is shown.
    fn bits(self) -> u64;
}

macro_rules! values {
    ($($signed:ty as $unsigned:ty),*) => {$(
        impl Value for $signed {
            fn bits(self) -> u64 {
                u64::from(self.cast_unsigned())
            }
        }

        impl Value for $unsigned {
            fn bits(self) -> u64 {
                u64::from(self)
            }
        }
    )*};
}

values!(i8 as u8, i16 as u16, i32 as u32, i64 as u64);

impl Value for bool {
    fn bits(self) -> u64 {
        u64::from(self)
    }
}

impl Value for usize {
    fn bits(self) -> u64 {
        self as u64
    }
}

impl Value for Object {
    fn bits(self) -> u64 {
        self.addr() as u64
    }
}

/// What one sequence has found.
pub(crate) struct Check {
    name: &'static CStr,
    differences: u32,
}

impl Check {
    /// The documentation prescribes `expected` for `what`.
    pub(crate) fn equal<T: Value>(&mut self, what: &'static CStr, expected: T, found: T) {
        if expected != found {
            self.differences = self.differences.saturating_add(1);
            print_difference(self.name, what, expected.bits(), found.bits());
        }
    }

    /// The documentation prescribes that `what` holds.
    pub(crate) fn holds(&mut self, what: &'static CStr, found: bool) {
        self.equal(what, true, found);
    }

    /// What the sequence needs could not be had: it has no result.
    pub(crate) fn missing(&mut self, what: &'static CStr) {
        self.holds(what, false);
    }

    /// Hands out what is needed, where it is there.
    pub(crate) fn have(&mut self, what: &'static CStr, object: Object) -> Option<Object> {
        if object.is_null() {
            self.missing(what);
        }
        (!object.is_null()).then_some(object)
    }
}

/// What all sequences have found.
pub(crate) struct Outcome {
    key: [u16; PATH_UNITS],
    sequences: u32,
    failed: u32,
}

impl Outcome {
    /// Makes the key in which the results are kept, below that of the driver's service.
    pub(crate) fn begin(registry_path: &UnicodeString) -> Self {
        const FOLDER: &[u8] = b"\\Conformance";
        let mut key = [0; PATH_UNITS];
        let units = usize::from(registry_path.length_bytes).wrapping_div(2);
        let mut source = registry_path.buffer.cast_const();
        // What does not fit is left out: the results are told by DbgPrint then.
        let room = PATH_UNITS.saturating_sub(FOLDER.len()).saturating_sub(1);
        let (path, rest) = key.split_at_mut(units.min(room));
        for unit in path {
            // SAFETY: the string has `units` units.
            *unit = unsafe { source.read() };
            source = source.wrapping_add(1);
        }
        for (unit, &byte) in rest.iter_mut().zip(FOLDER) {
            *unit = u16::from(byte);
        }
        RtlCreateRegistryKey(ABSOLUTE, key.as_ptr());
        Self {
            key,
            sequences: 0,
            failed: 0,
        }
    }

    /// Runs a sequence, and tells what it has found.
    pub(crate) fn run(&mut self, sequence: &Sequence, stack: Stack) {
        let mut check = Check {
            name: sequence.name,
            differences: 0,
        };
        (sequence.run)(&mut check, stack);
        self.sequences = self.sequences.saturating_add(1);
        if check.differences == 0 {
            print(c"conformance: %s: ok\n", sequence.name, 0);
        } else {
            self.failed = self.failed.saturating_add(1);
            print(
                c"conformance: %s: FAILED, %u differences\n",
                sequence.name,
                check.differences,
            );
        }
        self.keep(sequence.name, check.differences);
    }

    /// Tells how many there were.
    pub(crate) fn end(&self) {
        self.keep(c"Sequences", self.sequences);
        self.keep(c"Failed", self.failed);
        print_counts(self.sequences, self.failed);
    }

    /// Writes a REG_DWORD.
    fn keep(&self, name: &CStr, mut value: u32) -> NtStatus {
        let mut wide = [0_u16; NAME_UNITS];
        for (unit, &byte) in wide.iter_mut().zip(name.to_bytes()).take(NAME_UNITS.saturating_sub(1)) {
            *unit = u16::from(byte);
        }
        let data = (&raw mut value).cast();
        let status = RtlWriteRegistryValue(ABSOLUTE, self.key.as_ptr(), wide.as_ptr(), REG_DWORD, data, 4);
        if status != STATUS_SUCCESS {
            print(
                c"conformance: %s: its result cannot be written, 0x%x\n",
                name,
                status.cast_unsigned(),
            );
        }
        status
    }
}

fn print(format: &'static CStr, name: &CStr, number: u32) {
    // SAFETY: each format has `%s`, and after it nothing or an integer of 32 bits.
    unsafe { DbgPrint(format.as_ptr(), name.as_ptr(), number) };
}

fn print_counts(sequences: u32, failed: u32) {
    let format: *const c_char = c"conformance: %u sequences, %u failed\n".as_ptr();
    // SAFETY: the format has two integers of 32 bits.
    unsafe { DbgPrint(format, sequences, failed) };
}

fn print_difference(name: &CStr, what: &CStr, expected: u64, found: u64) {
    let format: *const c_char = c"conformance: %s: %s: expected 0x%I64x, found 0x%I64x\n".as_ptr();
    // SAFETY: the format has two strings and two integers of 64 bits.
    unsafe { DbgPrint(format, name.as_ptr(), what.as_ptr(), expected, found) };
}
