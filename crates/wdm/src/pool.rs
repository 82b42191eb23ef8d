//! Memory of the nonpaged pool: tagged, never executable, and had or not had.
//!
//! An allocation that fails is a value that the caller deals with; nothing here allocates behind anyone's back.

use core::{
    mem::{ManuallyDrop, MaybeUninit},
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    slice,
};

use wdk_sys::{
    POOL_FLAG_NON_PAGED,
    ntddk::{ExAllocatePool2, ExFreePoolWithTag},
};
use zerocopy::FromZeros;

use crate::status::NtError;

/// What the pool aligns a small block to. One of a page or more is aligned to a page.
const ALIGNMENT: usize = 16;

/// The four characters by which the debugger and the verifier name the owner of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u32);

impl Tag {
    /// A tag, in the order in which a debugger shows it.
    ///
    /// # Panics
    ///
    /// At compile time, where the kernel takes no such tag: each character is printable ASCII.
    #[must_use]
    pub const fn new(characters: [u8; 4]) -> Self {
        let [a, b, c, d] = characters;
        assert!(
            is_printable(a) && is_printable(b) && is_printable(c) && is_printable(d),
            "a pool tag is four characters of printable ASCII"
        );
        Self(u32::from_le_bytes(characters))
    }
}

const fn is_printable(character: u8) -> bool {
    character == b' ' || character.is_ascii_graphic()
}

/// A fixed number of values in a pool block of their own, which never move. Dropping it frees the block.
///
/// # Invariants
///
/// `block` was allocated with `tag` and is freed by this value alone; from `first` on, which is aligned and within it,
/// it holds `length` initialised values.
pub struct Array<T> {
    block: NonNull<u8>,
    first: NonNull<T>,
    length: usize,
    tag: Tag,
}

// SAFETY: it owns its values as a Vec does.
unsafe impl<T: Send> Send for Array<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Array<T> {}

impl<T> Array<T> {
    /// Allocates `length` values of zeroed memory.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn zeroed(length: usize, tag: Tag) -> Result<Self, NtError>
    where
        T: FromZeros,
    {
        let array = Array::allocate(length, tag)?;
        // SAFETY: the pool zeroes what it allocates, and zeros are values of `T`.
        Ok(unsafe { array.assume_init() })
    }

    /// Allocates `length` values and makes each of them from its index.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES. `make` has not been called then.
    pub fn from_fn(length: usize, tag: Tag, mut make: impl FnMut(usize) -> T) -> Result<Self, NtError> {
        let mut array = Array::allocate(length, tag)?;
        for (index, value) in array.iter_mut().enumerate() {
            value.write(make(index));
        }
        // SAFETY: each was written above.
        Ok(unsafe { array.assume_init() })
    }
}

impl<T> Array<MaybeUninit<T>> {
    fn allocate(length: usize, tag: Tag) -> Result<Self, NtError> {
        let padding = const { align_of::<T>().saturating_sub(ALIGNMENT) };
        let bytes = size_of::<T>()
            .checked_mul(length)
            .and_then(|bytes| bytes.checked_add(padding))
            .ok_or(NtError::INSUFFICIENT_RESOURCES)?;
        // A block of no bytes is none; a byte is.
        let bytes = bytes.max(1) as u64;
        // SAFETY: allowed up to DISPATCH_LEVEL, where everything of this library runs, and the tag is a valid one.
        let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, tag.0) };
        let block = NonNull::new(block.cast::<u8>()).ok_or(NtError::INSUFFICIENT_RESOURCES)?;
        let gap = block.align_offset(align_of::<T>()).min(padding);
        // SAFETY: the gap is no more than the padding, which was allocated as well.
        let first = unsafe { block.add(gap) }.cast();
        Ok(Self {
            block,
            first,
            length,
            tag,
        })
    }

    /// The same values, as initialised ones.
    ///
    /// # Safety
    ///
    /// They are.
    unsafe fn assume_init(self) -> Array<T> {
        let this = ManuallyDrop::new(self);
        Array {
            block: this.block,
            first: this.first.cast(),
            length: this.length,
            tag: this.tag,
        }
    }
}

impl<T> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many initialised values are there (invariant), and they are borrowed as `self` is.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.length) }
    }
}

impl<T> Drop for Array<T> {
    fn drop(&mut self) {
        // SAFETY: the values are initialised (invariant) and are dropped once.
        unsafe { ptr::drop_in_place(&raw mut **self) };
        // SAFETY: the block was allocated with this tag (invariant) and is not used again.
        unsafe { ExFreePoolWithTag(self.block.as_ptr().cast(), self.tag.0) };
    }
}
