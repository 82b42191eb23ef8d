//! MDLs: what describes the memory of a request, borrowed from it, and this driver's own.
//!
//! An MDL of a request is reached through the request, and only for as long as that is this driver's. One of the driver's own is
//! freed when it is dropped, and what was mapped through it is unmapped before.
//!
//! Not here: locking the pages of a user's buffer. Whoever made the request has done that.

use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
};

use wdk_sys::{
    _MEMORY_CACHING_TYPE::MmCached,
    _MM_PAGE_PRIORITY::NormalPagePriority,
    MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_PARTIAL_HAS_BEEN_MAPPED, MDL_SOURCE_IS_NONPAGED_POOL,
    ntddk::{
        IoAllocateMdl, IoBuildPartialMdl, IoFreeMdl, MmBuildMdlForNonPagedPool, MmMapLockedPagesSpecifyCache,
        MmUnmapLockedPages,
    },
};

use crate::{
    driver::Driver,
    held::Held,
    irp::Irp,
    layout,
    pool::{Array, Tag},
    status::NtError,
};

/// The KernelMode of KPROCESSOR_MODE: a mapping in the system's part of the address space.
const KERNEL_MODE: i8 = 0;
const FALSE: u8 = 0;

/// A mapping is never executed; without this bit, which the headers call MdlMappingNoExecute, it could be.
const NO_EXECUTE: i32 = 0x4000_0000;

/// An address whose buffer spans as many pages as one of its length can: it starts with the last byte of a page.
const LAST_BYTE_OF_A_PAGE: usize = 0xFFF;

/// An MDL whose pages are locked, or cannot be paged at all, borrowed from what it belongs to.
///
/// Of a chain, it is the first.
///
/// # Invariants
///
/// The MDL is there for `'a`, and its pages stay where they are as long.
#[derive(Clone, Copy, Debug)]
pub struct MdlRef<'a> {
    raw: NonNull<MDL>,
    owner: PhantomData<&'a ()>,
}

impl<'a> MdlRef<'a> {
    /// # Safety
    ///
    /// The invariants of this type hold for it.
    unsafe fn new(raw: NonNull<MDL>) -> Self {
        let owner = PhantomData;
        Self { raw, owner }
    }

    /// How many bytes it describes.
    #[must_use]
    pub fn length(self) -> u32 {
        // SAFETY: a field of an MDL that is there.
        unsafe { layout::mdl::byte_count(self.raw.as_ptr()).read() }
    }

    /// The MDL itself, for an IRP that what this is borrowed from goes with.
    pub(crate) fn as_raw(self) -> *mut MDL {
        self.raw.as_ptr()
    }

    /// The memory, as the kernel sees it: mapped now, where it is not yet. At DISPATCH_LEVEL or below.
    ///
    /// Of a request's MDL the mapping stays until the request ends, and is undone by whoever made it.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn map(self) -> Result<Mapped<'a>, NtError> {
        // SAFETY: a field of an MDL that is there. Whoever maps it at the same time stores the same.
        let flags = u32::from(unsafe { layout::mdl::flags(self.raw.as_ptr()).read() }.cast_unsigned());
        let address = if flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
            // SAFETY: as above; the flags say that it is set.
            unsafe { layout::mdl::mapped_system_va(self.raw.as_ptr()).read() }
        } else {
            // SAFETY: the pages are locked and not mapped, and where there is no room for a mapping, the call says so.
            unsafe {
                MmMapLockedPagesSpecifyCache(
                    self.raw.as_ptr(),
                    KERNEL_MODE,
                    MmCached,
                    ptr::null_mut(),
                    FALSE.into(),
                    NormalPagePriority | NO_EXECUTE,
                )
            }
        };
        Ok(Mapped {
            first: NonNull::new(address.cast()).ok_or(NtError::INSUFFICIENT_RESOURCES)?,
            length: self.length() as usize,
            owner: PhantomData,
        })
    }

    /// The address that the MDL says its first byte has, which need not be one of this process.
    fn virtual_address(self) -> *mut u8 {
        // SAFETY: a field of an MDL that is there.
        let start = unsafe { layout::mdl::start_va(self.raw.as_ptr()).read() };
        // SAFETY: as above.
        let offset = unsafe { layout::mdl::byte_offset(self.raw.as_ptr()).read() };
        start.cast::<u8>().wrapping_add(offset as usize)
    }
}

impl<D: Driver> Irp<'_, D> {
    /// The MDL of the request's memory. A request whose memory is described in another way has none.
    #[must_use]
    pub fn mdl(&self) -> Option<MdlRef<'_>> {
        // SAFETY: a field of an IRP that we own.
        let mdl = unsafe { layout::irp::mdl_address(self.raw.as_ptr()).read() };
        // SAFETY: whoever made the request locked the pages, and keeps the MDL until the IRP is completed.
        NonNull::new(mdl).map(|mdl| unsafe { MdlRef::new(mdl) })
    }
}

impl<D: Driver, S> Held<D, S> {
    /// The MDL of the request's memory. A request whose memory is described in another way has none.
    #[must_use]
    pub fn mdl(&self) -> Option<MdlRef<'_>> {
        // SAFETY: a field of an IRP that is held.
        let mdl = unsafe { layout::irp::mdl_address(self.raw().as_ptr()).read() };
        // SAFETY: as for an IRP in dispatch.
        NonNull::new(mdl).map(|mdl| unsafe { MdlRef::new(mdl) })
    }
}

/// Memory that an MDL describes, at addresses of the kernel.
///
/// It may be a user's as well, who changes it at any time. So there is no reference to it: it is copied. And it is only read:
/// the pages of a WRITE are locked for no more than that.
///
/// # Invariants
///
/// From `first` on, `length` bytes are mapped for `'a`.
#[derive(Clone, Copy, Debug)]
pub struct Mapped<'a> {
    first: NonNull<u8>,
    length: usize,
    owner: PhantomData<&'a ()>,
}

impl Mapped<'_> {
    /// How many bytes there are.
    #[must_use]
    pub const fn length(self) -> usize {
        self.length
    }

    /// Copies the bytes from `offset` on to `target`. Returns false, and copies nothing, where there are not so many.
    #[must_use]
    pub fn copy_to(self, offset: usize, target: &mut [u8]) -> bool {
        let fits = offset.checked_add(target.len()).is_some_and(|end| end <= self.length);
        if fits {
            // SAFETY: the offset is within the mapping, as checked above.
            let source = unsafe { self.first.add(offset) };
            // SAFETY: as above; the target is borrowed mutably, so it is none of the mapped memory.
            unsafe { ptr::copy_nonoverlapping(source.as_ptr(), target.as_mut_ptr(), target.len()) };
        }
        fits
    }
}

/// An MDL of this driver's own, without memory of its own.
///
/// # Invariants
///
/// It was allocated by IoAllocateMdl and is freed by this value alone.
struct OwnMdl(NonNull<MDL>);

// SAFETY: an MDL belongs to no thread.
unsafe impl Send for OwnMdl {}
// SAFETY: through a shared reference it is only read.
unsafe impl Sync for OwnMdl {}

impl OwnMdl {
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    fn allocate(address: *mut u8, length: u32) -> Result<Self, NtError> {
        // SAFETY: of the address only its place in a page counts. The MDL belongs to no IRP, and its quota to nobody.
        let mdl = unsafe { IoAllocateMdl(address.cast(), length, FALSE, FALSE, ptr::null_mut()) };
        NonNull::new(mdl).map(Self).ok_or(NtError::INSUFFICIENT_RESOURCES)
    }
}

impl Drop for OwnMdl {
    fn drop(&mut self) {
        // SAFETY: it is this value's to free (invariant), and nothing is mapped through it.
        unsafe { IoFreeMdl(self.0.as_ptr()) };
    }
}

/// A block of the nonpaged pool and the MDL that describes it: memory for requests of this driver's own.
pub struct PoolBuffer {
    // Dropped before the memory that it describes.
    mdl: OwnMdl,
    bytes: Array<u8>,
}

impl PoolBuffer {
    /// Allocates `length` bytes, which are zero.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(length: u32, tag: Tag) -> Result<Self, NtError> {
        let mut bytes = Array::zeroed(length as usize, tag)?;
        let mdl = OwnMdl::allocate(bytes.as_mut_ptr(), length)?;
        // SAFETY: the MDL was allocated for this block, which is nonpaged pool.
        unsafe { MmBuildMdlForNonPagedPool(mdl.0.as_ptr()) };
        Ok(Self { mdl, bytes })
    }

    /// The MDL of the memory.
    #[must_use]
    pub fn mdl(&self) -> MdlRef<'_> {
        // SAFETY: both are this value's, which is borrowed.
        unsafe { MdlRef::new(self.mdl.0) }
    }
}

impl Deref for PoolBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for PoolBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// An MDL for parts of other MDLs, one after the other, which allocates nothing when it is used.
///
/// # States
///
/// 1. *Empty*: it describes nothing.
/// 2. *In use*: there is a [`PartOfMdl`], which borrows it and what it is a part of.
pub struct PartialMdl {
    mdl: OwnMdl,
    length_max: u32,
}

impl PartialMdl {
    /// Allocates one for parts of up to `length_max` bytes, wherever in a page they start.
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub fn new(length_max: u32) -> Result<Self, NtError> {
        let mdl = OwnMdl::allocate(ptr::without_provenance_mut(LAST_BYTE_OF_A_PAGE), length_max)?;
        Ok(Self { mdl, length_max })
    }

    /// Describes `length` bytes of `source` from `offset` on. `None` where there are none, not so many, or more than this MDL
    /// was made for.
    pub fn describe<'a>(&'a mut self, source: MdlRef<'a>, offset: u32, length: u32) -> Option<PartOfMdl<'a>> {
        // SAFETY: the source is borrowed for as long as the part is described.
        unsafe { self.describe_raw(source.raw, offset, length) }?;
        Some(PartOfMdl { mdl: self })
    }

    /// The same, for whoever keeps account of the source. What was described before is not any more.
    ///
    /// # Safety
    ///
    /// `source` is an MDL whose pages stay locked until another part is described, or this value is [emptied](Self::empty) or
    /// dropped.
    pub(crate) unsafe fn describe_raw(
        &mut self,
        source: NonNull<MDL>,
        offset: u32,
        length: u32,
    ) -> Option<NonNull<MDL>> {
        // SAFETY: as the caller promises.
        let source = unsafe { MdlRef::new(source) };
        let end = offset.checked_add(length)?;
        if length == 0 || length > self.length_max || end > source.length() {
            return None;
        }
        self.empty();
        let address = source.virtual_address().wrapping_add(offset as usize);
        // SAFETY: the part is within the source, whose pages are locked, and the target has room for as many pages as any part
        // of this length has. Nothing is mapped through it.
        unsafe { IoBuildPartialMdl(source.raw.as_ptr(), self.mdl.0.as_ptr(), address.cast(), length) };
        Some(self.mdl.0)
    }

    /// MmPrepareMdlForReuse: undoes what was mapped through the MDL. It is a macro of the kernel's headers.
    pub(crate) fn empty(&mut self) {
        let mdl = self.mdl.0.as_ptr();
        // SAFETY: a field of an MDL that is this value's.
        let flags = u32::from(unsafe { layout::mdl::flags(mdl).read() }.cast_unsigned());
        if flags & MDL_PARTIAL_HAS_BEEN_MAPPED != 0 {
            // SAFETY: as above.
            let address = unsafe { layout::mdl::mapped_system_va(mdl).read() };
            // SAFETY: the flag says that this mapping is the MDL's own, and nobody uses it any more.
            unsafe { MmUnmapLockedPages(address, mdl) };
        }
    }
}

impl Drop for PartialMdl {
    fn drop(&mut self) {
        // Done before, unless a `PartOfMdl` was forgotten.
        self.empty();
    }
}

/// A part of a buffer. Dropping it makes the [`PartialMdl`] ready for the next one.
#[must_use = "the part is described only as long as this is there"]
pub struct PartOfMdl<'a> {
    mdl: &'a mut PartialMdl,
}

impl PartOfMdl<'_> {
    /// The MDL of the part.
    #[must_use]
    pub fn mdl(&self) -> MdlRef<'_> {
        // SAFETY: the source is borrowed for as long as this value is there, and so its pages stay locked.
        unsafe { MdlRef::new(self.mdl.mdl.0) }
    }
}

impl Drop for PartOfMdl<'_> {
    fn drop(&mut self) {
        self.mdl.empty();
    }
}
