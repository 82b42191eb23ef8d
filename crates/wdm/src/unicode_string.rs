//! Counted strings as the kernel takes them: a UNICODE_STRING, and what it points to.
//!
//! What it is not: text handling. What a driver names is ASCII that it knows when it is built.

use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::{self, NonNull},
};

use wdk_sys::UNICODE_STRING;

use crate::layout::unicode_string;

/// How many units a name has at most: more than any value or key that a driver reads is called by.
pub(crate) const UNITS_MAX: usize = 64;

/// A string that someone else keeps for a while.
///
/// # Invariants
///
/// The pointer is to a UNICODE_STRING that stays as it is for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct UnicodeStr<'a> {
    raw: NonNull<UNICODE_STRING>,
    keeper: PhantomData<&'a UNICODE_STRING>,
}

impl UnicodeStr<'_> {
    /// Takes over a string that the kernel passes.
    ///
    /// # Safety
    ///
    /// The invariant holds for it.
    pub(crate) unsafe fn from_raw(raw: NonNull<UNICODE_STRING>) -> Self {
        Self {
            raw,
            keeper: PhantomData,
        }
    }

    /// For a kernel function, which only reads it.
    pub(crate) fn as_raw(self) -> *mut UNICODE_STRING {
        self.raw.as_ptr()
    }
}

/// A short name with its units: on the stack, and nothing is allocated.
pub(crate) struct Name {
    units: [u16; UNITS_MAX],
    string: MaybeUninit<UNICODE_STRING>,
}

impl Name {
    /// The name in the kernel's encoding. What is longer than [`UNITS_MAX`] is cut off there, and names nothing.
    pub(crate) fn new(name: &str) -> Self {
        let mut units = [0; UNITS_MAX];
        for (unit, character) in units.iter_mut().zip(name.encode_utf16()) {
            *unit = character;
        }
        Self {
            units,
            string: MaybeUninit::zeroed(),
        }
    }

    /// How many units it has.
    fn length(&self) -> usize {
        self.units.iter().take_while(|unit| **unit != 0).count()
    }

    /// The string, which points into this value, and so keeps it where it is.
    pub(crate) fn as_unicode_str(&mut self) -> UnicodeStr<'_> {
        let bytes = self.length().wrapping_mul(size_of::<u16>());
        #[expect(clippy::cast_possible_truncation, reason = "no more than UNITS_MAX units")]
        let bytes = bytes as u16;
        let units = self.units.as_mut_ptr();
        let string = self.string.as_mut_ptr();
        // SAFETY: a field of our own string.
        unsafe { unicode_string::length(string).write(bytes) };
        // SAFETY: as above.
        unsafe { unicode_string::maximum_length(string).write(bytes) };
        // SAFETY: as above.
        unsafe { unicode_string::buffer(string).write(units) };
        let raw = NonNull::from(&mut self.string).cast();
        // SAFETY: it was written above, and the result borrows what it points to.
        unsafe { UnicodeStr::from_raw(raw) }
    }
}

/// Copies the units of ASCII text to `target`, as many as there is room for, and a zero behind them.
///
/// # Safety
///
/// `room` units can be written there, at any alignment.
pub(crate) unsafe fn write_text(text: &str, target: *mut u16, room: usize) {
    let units = text.encode_utf16().take(room.saturating_sub(1)).chain([0]);
    for (index, unit) in units.enumerate().take(room) {
        // SAFETY: `index` is less than `room`, so many units can be written.
        unsafe { ptr::write_unaligned(target.wrapping_add(index), unit) };
    }
}
