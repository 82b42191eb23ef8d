//! The memory that the driver sees, read and written by the lab.
//!
//! Everything that belongs to the simulated machine stands in a few address ranges that are registered here: the pool,
//! the images, the kernel stacks. The lab touches it through [`read`] and [`write`] only, which refuse any other
//! address, so a bad pointer from a driver cannot reach the lab's own memory. A page of a range may be inaccessible
//! all the same; touching it is a fault that is reported like one of the driver's, which passed the pointer.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The most ranges that a machine has: pool, stacks, traps, and the images.
const RANGES_MAX: usize = 1100;

struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
}

static RANGES: [Slot; RANGES_MAX] = [const {
    Slot {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
    }
}; RANGES_MAX];

/// Values that are valid whatever their bytes are.
///
/// # Safety
///
/// Every bit pattern is a value of the type, and it has no padding.
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty)*) => {$(
        // SAFETY: an integer.
        unsafe impl Plain for $type {}
    )*};
}

plain!(u8 i8 u16 u32 i32 u64 i64 usize);

/// Makes `range` part of the simulated machine's memory.
///
/// # Safety
///
/// The range is mapped for the rest of the process, if not always accessible, and no Rust reference is ever made to a
/// byte of it.
pub(crate) unsafe fn register(range: Range<usize>) {
    let slot = RANGES
        .iter()
        .find(|slot| slot.end.load(Ordering::Relaxed) == 0)
        .expect("a machine has fewer ranges than the table has slots");
    slot.start.store(range.start, Ordering::Relaxed);
    slot.end.store(range.end, Ordering::Relaxed);
}

/// Whether `bytes` bytes from `address` on are the simulated machine's.
pub(crate) fn contains(address: usize, bytes: usize) -> bool {
    let Some(end) = address.checked_add(bytes) else {
        return false;
    };
    // Ranges are never taken out, so the first slot that is empty ends them.
    RANGES
        .iter()
        .take_while(|slot| slot.end.load(Ordering::Relaxed) != 0)
        .any(|slot| slot.start.load(Ordering::Relaxed) <= address && end <= slot.end.load(Ordering::Relaxed))
}

/// Reads what the driver sees at `address`.
pub(crate) fn read<T: Plain>(address: usize) -> T {
    if !contains(address, size_of::<T>()) {
        crate::kernel::bad_pointer(address);
    }
    let pointer = std::ptr::with_exposed_provenance::<T>(address);
    // SAFETY: the address is in a registered range, to which no Rust reference exists, and any bytes are a `T`. Where
    // the page is inaccessible the fault handler ends the run.
    unsafe { pointer.read_unaligned() }
}

/// Writes what the driver sees at `address`.
pub(crate) fn write<T: Plain>(address: usize, value: T) {
    if !contains(address, size_of::<T>()) {
        crate::kernel::bad_pointer(address);
    }
    let pointer = std::ptr::with_exposed_provenance_mut::<T>(address);
    // SAFETY: as in `read`; and nobody holds a Rust reference that the write could surprise.
    unsafe { pointer.write_unaligned(value) };
}

/// Copies `bytes` from a Rust slice to the simulated machine.
pub(crate) fn write_bytes(address: usize, bytes: &[u8]) {
    if !contains(address, bytes.len()) {
        crate::kernel::bad_pointer(address);
    }
    let pointer = std::ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: the target is in a registered range, to which no Rust reference exists, so the two do not overlap.
    unsafe { pointer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

/// Copies `bytes.len()` bytes from the simulated machine.
pub(crate) fn read_bytes(address: usize, bytes: &mut [u8]) {
    if !contains(address, bytes.len()) {
        crate::kernel::bad_pointer(address);
    }
    let pointer = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the source is in a registered range, to which no Rust reference exists, so the two do not overlap.
    unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(pointer, bytes.len()) };
}

/// A number that tells whether `bytes` bytes from `address` on are still the same.
pub(crate) fn checksum(address: usize, bytes: usize) -> u64 {
    const PART_BYTES: usize = 512;
    const LANES: usize = 4;
    // Several sums side by side, which do not wait for each other.
    let mut sums = [1_u64, 2, 3, 4];
    let mut part = [0; PART_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let length = PART_BYTES.min(bytes - offset);
        part[length..].fill(0);
        read_bytes(address + offset, &mut part[..length]);
        for words in part.chunks_exact(8 * LANES) {
            for (sum, word) in sums.iter_mut().zip(words.chunks_exact(8)) {
                let word = word.try_into().map_or(0, u64::from_le_bytes);
                *sum = (*sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
            }
        }
        offset += length;
    }
    sums.into_iter().fold(0, |sum, lane| {
        (sum ^ lane).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
    })
}

/// Sets `bytes` bytes of the simulated machine to zero.
pub(crate) fn zero(address: usize, bytes: usize) {
    if !contains(address, bytes) {
        crate::kernel::bad_pointer(address);
    }
    let pointer = std::ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: the target is in a registered range, to which no Rust reference exists.
    unsafe { pointer.write_bytes(0, bytes) };
}

/// No list that a driver has a use for is longer.
const LIST_LENGTH_MAX: usize = 1 << 20;

/// The addresses that a list in the driver's memory leads through: `first` and what `next` makes of each. It has no end
/// of its own; where a driver has made a ring of the list and nobody stops, the run ends.
pub(crate) fn follow(first: usize, next: impl Fn(usize) -> usize) -> impl Iterator<Item = usize> {
    let steps = std::iter::successors(Some(first), move |&at| Some(next(at)));
    steps.enumerate().map(|(number, at)| {
        if number > LIST_LENGTH_MAX {
            crate::kernel::endless_list(at);
        }
        at
    })
}

/// A string of at most `limit` bytes that ends with a zero byte, or what there is of it.
pub(crate) fn c_string(address: usize, limit: usize) -> String {
    let bytes: Vec<u8> = (0..limit)
        .map(|offset| address + offset)
        .take_while(|&at| contains(at, 1))
        .map(read::<u8>)
        .take_while(|&byte| byte != 0)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text of a UNICODE_STRING, or nothing where the address is null.
pub(crate) fn unicode_string(address: usize) -> String {
    if address == 0 {
        return String::new();
    }
    let bytes = usize::from(read::<u16>(address)) & !1;
    let buffer = read::<usize>(address + 8);
    let units: Vec<u16> = (0..bytes)
        .step_by(2)
        .map(|offset| read::<u16>(buffer + offset))
        .collect();
    String::from_utf16_lossy(&units)
}
