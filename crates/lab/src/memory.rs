//! Whole pages that this process owns: staged writable, then sealed, unmapped on drop.
//!
//! Not the meaning of what is in them. The two types keep Rust's view sound: while pages are a
//! [`Staging`] they are a plain byte slice; once they are a [`Mapping`] foreign code may use them,
//! and no reference to their bytes can be had.

use std::{io, num::NonZero, ops::Range, ptr::NonNull};

/// The smallest unit that a protection applies to.
pub(crate) const PAGE_BYTES: usize = 4096;

/// What code may do with a range of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// Loads are allowed.
    pub read: bool,
    /// Stores are allowed.
    pub write: bool,
    /// Instructions may be fetched.
    pub execute: bool,
}

impl Protection {
    /// Loads only.
    pub const READ: Self = Self {
        read: true,
        write: false,
        execute: false,
    };
    /// Loads and stores.
    pub const READ_WRITE: Self = Self {
        read: true,
        write: true,
        execute: false,
    };
    /// Loads and instruction fetches.
    pub const READ_EXECUTE: Self = Self {
        read: true,
        write: false,
        execute: true,
    };

    fn bits(self) -> libc::c_int {
        let mut bits = libc::PROT_NONE;
        if self.read {
            bits |= libc::PROT_READ;
        }
        if self.write {
            bits |= libc::PROT_WRITE;
        }
        if self.execute {
            bits |= libc::PROT_EXEC;
        }
        bits
    }
}

/// Fresh zeroed pages, readable and writable, that nobody else knows of.
pub(crate) struct Staging(Pages);

impl Staging {
    /// Maps at least `bytes` bytes, in whole pages, wherever the system likes.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        Self::map(None, bytes)
    }

    /// As [`Self::new`], but from `address` on where that is free.
    ///
    /// [`Self::base`] tells whether it was. Nothing that is mapped there is ever replaced.
    pub(crate) fn preferably_at(address: usize, bytes: usize) -> io::Result<Self> {
        match Self::map(NonZero::new(address), bytes) {
            Ok(staging) if staging.base().addr().get() == address => Ok(staging),
            // Taken, or no address that the system would map at; or the system is one that takes
            // the address for a hint.
            Ok(_) | Err(_) => Self::new(bytes),
        }
    }

    fn map(address: Option<NonZero<usize>>, bytes: usize) -> io::Result<Self> {
        let bytes = bytes
            .checked_next_multiple_of(PAGE_BYTES)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let fixed = address.map_or(0, |_| libc::MAP_FIXED_NOREPLACE);
        // SAFETY: a new private anonymous mapping, at an address of the system's choice or at one
        // where nothing is mapped, changes no memory that exists.
        let base = unsafe {
            libc::mmap(
                std::ptr::without_provenance_mut(address.map_or(0, NonZero::get)),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | fixed,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self(Pages { base, bytes }))
    }

    /// The address that the pages have, and keep when they are sealed.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.0.base
    }

    /// Everything that has been staged.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the pages are mapped readable and writable, initialised by the system with
        // zeros, owned by `self`, and their address has not been given to other code before
        // sealing, which consumes `self`; so the exclusive borrow of `self` is one of the bytes.
        unsafe { std::slice::from_raw_parts_mut(self.0.base.as_ptr(), self.0.bytes) }
    }

    /// Makes everything inaccessible but `regions`, each of which gets its own protection.
    ///
    /// A region begins on a page boundary; its last page is covered in whole.
    pub(crate) fn seal(self, regions: impl IntoIterator<Item = (Range<usize>, Protection)>) -> io::Result<Mapping> {
        self.0.protect(0..self.0.bytes, libc::PROT_NONE)?;
        for (range, protection) in regions {
            self.0.protect(range, protection.bits())?;
        }
        Ok(Mapping(self.0))
    }
}

/// Changes what may be done with whole pages of the simulated machine's memory. False where the system does not let it.
///
/// # Panics
///
/// Where the range is not of whole pages, which is a fault of the caller's.
pub(crate) fn protect(range: &Range<usize>, protection: Protection) -> bool {
    assert!(
        range.start.is_multiple_of(PAGE_BYTES) && range.end.is_multiple_of(PAGE_BYTES),
        "a protection is one of whole pages"
    );
    let first = std::ptr::with_exposed_provenance_mut(range.start);
    // SAFETY: the range is of blocks and sections that the caller knows of, to which no Rust reference exists while the
    // driver may use them; only their accessibility changes.
    unsafe { libc::mprotect(first, range.len(), protection.bits()) == 0 }
}

/// Sealed pages: their bytes are for the code they were made for, not for Rust references.
pub(crate) struct Mapping(Pages);

impl Mapping {
    /// The address of the first page.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.0.base
    }

    /// How many bytes are mapped: a multiple of the page size.
    pub(crate) fn len(&self) -> usize {
        self.0.bytes
    }
}

struct Pages {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: pages belong to the process, not to the thread that mapped them, and a `Pages` gives
// access to their bytes only through an exclusive borrow of a `Staging`.
unsafe impl Send for Pages {}
// SAFETY: as above; a shared `Pages` gives out nothing but the address and the length.
unsafe impl Sync for Pages {}

impl Pages {
    fn protect(&self, range: Range<usize>, bits: libc::c_int) -> io::Result<()> {
        if range.start > range.end || range.end > self.bytes {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let first = self.base.as_ptr().wrapping_add(range.start);
        // SAFETY: the range was just checked to lie within the pages that `self` owns. Only their
        // accessibility changes, and no Rust reference to them exists: `protect` is called only by
        // `Staging::seal`, which owns the staging.
        let status = unsafe { libc::mprotect(first.cast(), range.len(), bits) };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: `self` owns exactly this mapping and no borrow of it can outlive `self`. What
        // code may still do with raw addresses in it is the subject of the unsafe functions that
        // let such code run.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
