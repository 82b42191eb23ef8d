//! IRPs that this driver makes itself: allocated or built for one READ or WRITE, sent by a [`Flight`](crate::Flight), and freed.
//!
//! Nobody above waits for such an IRP, so it is never completed by this driver: it is sent, comes back, and is freed with all
//! that belongs to it. Each of that is one value, [`OwnIrp`]. It says nothing about where the IRP is meanwhile: see `flight`.
//!
//! There are two ways to make one, and they are not freed alike:
//!
//! * IoAllocateIrp gives an empty one. It may be used again, see [`Returned::reuse`].
//! * IoBuildAsynchronousFsdRequest gives one that is ready to be sent, with an MDL or a buffer of the I/O manager's, which the
//!   driver has to free. It may not be used again.
//!
//! What neither has is a stack location of this driver's: nothing marks it pending, and its completion routine is given
//! no device.

use core::{
    ffi::c_void,
    mem::{ManuallyDrop, MaybeUninit},
    ptr::{self, NonNull},
};

use wdk_sys::{
    DEVICE_OBJECT, DO_BUFFERED_IO, DO_DIRECT_IO, IO_STACK_LOCATION, IRP, IRP_DEALLOCATE_BUFFER, IRP_MJ_READ,
    IRP_MJ_WRITE, IRP_NOCACHE, IRP_PAGING_IO, LARGE_INTEGER, MDL, SL_OVERRIDE_VERIFY_VOLUME,
    ntddk::{
        ExFreePoolWithTag, IoAllocateIrp, IoBuildAsynchronousFsdRequest, IoFreeIrp, IoFreeMdl, IoGetIoPriorityHint,
        IoReuseIrp, IoSetIoPriorityHint, MmUnlockPages, ObfDereferenceObject, ObfReferenceObject,
    },
};

use crate::{
    device::Device,
    driver::Driver,
    irql::Passive,
    layout::{self, device_object, io_stack_location, large_integer},
    mdl::{PartialMdl, PoolBuffer},
    raw_irp,
    status::{NtError, NtStatus},
};

const FALSE: u8 = 0;

/// ExFreePool: whatever the tag of the block is.
const ANY_TAG: u32 = 0;

/// What an IRP of this driver's own asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// IRP_MJ_READ: the buffer is filled.
    Read,
    /// IRP_MJ_WRITE: the buffer is written.
    Write,
}

impl Transfer {
    const fn major_function(self) -> u32 {
        match self {
            Self::Read => IRP_MJ_READ,
            Self::Write => IRP_MJ_WRITE,
        }
    }
}

/// How an IRP was made, and with what memory.
pub trait Kind: sealed::Kind {}

impl<K: sealed::Kind> Kind for K {}

mod sealed {
    use super::{IRP, NonNull};

    pub trait Kind: Send + Sized + 'static {
        /// The IRP has come back: brings what was read to where its owner looks for it.
        ///
        /// # Safety
        ///
        /// `irp` is the IRP that this belongs to, and the caller's.
        unsafe fn returned(&mut self, _irp: NonNull<IRP>) {}

        /// Frees what the I/O manager gave the IRP.
        ///
        /// # Safety
        ///
        /// As for [`returned`](Self::returned), and the IRP is freed next.
        unsafe fn release(&mut self, _irp: NonNull<IRP>) {}
    }
}

/// An IRP from IoAllocateIrp, for memory of this driver's own.
pub struct Allocated {
    transfer: Transfer,
    buffer: PoolBuffer,
}

impl sealed::Kind for Allocated {
    unsafe fn release(&mut self, irp: NonNull<IRP>) {
        // SAFETY: a field of an IRP that is the caller's. The MDL is the buffer's.
        unsafe { layout::irp::mdl_address(irp.as_ptr()).write(ptr::null_mut()) };
    }
}

/// An IRP from IoBuildAsynchronousFsdRequest, for memory of this driver's own.
pub struct Built {
    transfer: Transfer,
    buffer: PoolBuffer,
    _thread: ThreadReference,
}

impl sealed::Kind for Built {
    unsafe fn returned(&mut self, irp: NonNull<IRP>) {
        // SAFETY: a field of an IRP that is the caller's.
        let system_buffer = unsafe { layout::irp::system_buffer(irp.as_ptr()).read() };
        // SAFETY: as above.
        if self.transfer == Transfer::Write || unsafe { raw_irp::status(irp) }.ok().is_err() {
            return;
        }
        let Some(source) = NonNull::new(system_buffer.cast::<u8>()) else {
            // Direct I/O: it was read to where it belongs.
            return;
        };
        // SAFETY: as above.
        let count = unsafe { raw_irp::information(irp) };
        let target = &mut *self.buffer;
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(target.len());
        // SAFETY: the I/O manager allocated the buffer as long as the request is, and the target is a block of its own.
        unsafe { ptr::copy_nonoverlapping(source.as_ptr(), target.as_mut_ptr(), count) };
    }

    unsafe fn release(&mut self, irp: NonNull<IRP>) {
        // SAFETY: a field of an IRP that is the caller's.
        let mut mdl = unsafe { layout::irp::mdl_address(irp.as_ptr()).replace(ptr::null_mut()) };
        while !mdl.is_null() {
            // SAFETY: an MDL of the IRP, which is freed below.
            let next = unsafe { layout::mdl::next(mdl).read() };
            // SAFETY: the I/O manager locked the pages when it built the IRP, and nobody uses the MDL any more.
            unsafe { MmUnlockPages(mdl) };
            // SAFETY: as above. It was left to this driver with the IRP.
            unsafe { IoFreeMdl(mdl) };
            mdl = next;
        }
        // SAFETY: a field of an IRP that is the caller's.
        let flags = unsafe { layout::irp::flags(irp.as_ptr()).read() };
        // SAFETY: as above.
        let block = unsafe { layout::irp::system_buffer(irp.as_ptr()).replace(ptr::null_mut()) };
        if flags & IRP_DEALLOCATE_BUFFER != 0 && !block.is_null() {
            // SAFETY: the flag says that the I/O manager allocated it for the IRP, and it was left to this driver with it.
            unsafe { ExFreePoolWithTag(block, ANY_TAG) };
        }
    }
}

/// An IRP from IoAllocateIrp for a part of another request, with the memory of that request.
pub(crate) struct Part {
    /// For a device that does direct I/O. A part of a request whose memory is a system buffer needs none.
    partial: Option<PartialMdl>,
}

impl sealed::Kind for Part {
    unsafe fn release(&mut self, irp: NonNull<IRP>) {
        // SAFETY: a field of an IRP that is the caller's.
        unsafe { layout::irp::mdl_address(irp.as_ptr()).write(ptr::null_mut()) };
        // Before the IRP, as everything that belongs to one.
        self.partial = None;
    }
}

/// A reference to the thread object that an IRP names, so that drivers below find it as long as they have the IRP.
struct ThreadReference(NonNull<c_void>);

// SAFETY: a reference to an object belongs to no thread.
unsafe impl Send for ThreadReference {}

impl ThreadReference {
    /// # Safety
    ///
    /// `thread` is a thread object that is there.
    unsafe fn new(thread: NonNull<c_void>) -> Self {
        // SAFETY: as the caller promises.
        unsafe { ObfReferenceObject(thread.as_ptr()) };
        Self(thread)
    }
}

impl Drop for ThreadReference {
    fn drop(&mut self) {
        // SAFETY: gives back the reference that was taken with the value.
        unsafe { ObfDereferenceObject(self.0.as_ptr()) };
    }
}

/// An IRP of this driver's own, with all that belongs to it. Dropping it frees all of it.
///
/// # States
///
/// 1. *Ready*: a value of this type exists. It can be sent, by a [`Flight`](crate::Flight), or dropped.
/// 2. *Below*: it is in the flight that has sent it.
/// 3. *Returned*: it is a [`Returned`], and can be looked at. One that was allocated can be made ready again.
///
/// # Invariants
///
/// The IRP was made as `K` says, with as many stack locations as the stack from `lower` down has, and is freed by this value
/// alone. Its next stack location, but for the completion routine, and its memory are what the request takes; the memory is
/// there as long as this value is.
#[must_use = "an IRP that is dropped is freed and asks for nothing"]
pub struct OwnIrp<K: Kind> {
    raw: NonNull<IRP>,
    /// The device below the one that it was made for. It is compared, and never read through.
    lower: NonNull<DEVICE_OBJECT>,
    kind: ManuallyDrop<K>,
}

// SAFETY: an IRP of a driver's own is in no thread's list, and belongs to none.
unsafe impl<K: Kind> Send for OwnIrp<K> {}

impl<K: Kind> OwnIrp<K> {
    /// The IRP.
    pub(crate) fn raw(&self) -> NonNull<IRP> {
        self.raw
    }

    /// Whether it has just the stack locations that the devices below this one need.
    pub(crate) fn is_for<D: Driver>(&self, device: &Device<D>) -> bool {
        self.lower == device.lower()
    }

    /// The IRP has come back.
    ///
    /// # Safety
    ///
    /// It was sent, and its completion routine keeps it.
    pub(crate) unsafe fn into_returned(mut self) -> Returned<K> {
        // SAFETY: the IRP is this value's.
        unsafe { sealed::Kind::returned(&mut *self.kind, self.raw) };
        Returned(self)
    }

    /// Frees the IRP and gives back what it was made with, which has been released.
    fn free(self) -> K {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, and not dropped.
        unsafe { this.free_irp() };
        // SAFETY: as above.
        unsafe { ManuallyDrop::take(&mut this.kind) }
    }

    /// # Safety
    ///
    /// Done once, and last.
    unsafe fn free_irp(&mut self) {
        // SAFETY: the IRP is this value's, and is freed below.
        unsafe { self.kind.release(self.raw) };
        // SAFETY: as above. What it points to is not freed with it, and is not read.
        unsafe { IoFreeIrp(self.raw.as_ptr()) };
    }
}

impl<K: Kind> Drop for OwnIrp<K> {
    fn drop(&mut self) {
        // SAFETY: the value is being dropped.
        unsafe { self.free_irp() };
        // SAFETY: as above.
        unsafe { ManuallyDrop::drop(&mut self.kind) };
    }
}

/// Allocates an IRP for the device below `device`.
fn allocate<D: Driver>(device: &Device<D>) -> Result<NonNull<IRP>, NtError> {
    let lower = device.lower();
    // SAFETY: the device that ours is attached to is there as long as ours can be reached. What its stack needs does not
    // change while it is in use.
    let stack_size = unsafe { device_object::stack_size(lower.as_ptr()).read() };
    // Of a driver that is not the first to be asked, nobody's quota is charged.
    // SAFETY: any number of stack locations is allowed.
    let irp = unsafe { IoAllocateIrp(stack_size, FALSE) };
    NonNull::new(irp).ok_or(NtError::INSUFFICIENT_RESOURCES)
}

/// Sets up the next stack location for a READ or WRITE.
///
/// # Safety
///
/// The IRP is the caller's, has a next stack location, and has not been sent since it was allocated or reused.
unsafe fn set_transfer(irp: NonNull<IRP>, major_function: u8, flags: u8, key: u32, offset: i64, length: u32) {
    // SAFETY: as the caller promises.
    let next = unsafe { raw_irp::next_stack_location(irp) };
    // SAFETY: a field of a stack location that is there, and that nobody reads before the IRP is sent.
    unsafe { io_stack_location::major_function(next).write(major_function) };
    // SAFETY: as above.
    unsafe { io_stack_location::flags(next).write(flags) };
    // SAFETY: as above. The parameters of a WRITE are in the same places.
    unsafe { io_stack_location::read_length(next).write(length) };
    // SAFETY: as above.
    unsafe { io_stack_location::read_key(next).write(key) };
    // SAFETY: as above.
    unsafe { io_stack_location::read_byte_offset(next).write(offset) };
}

/// How the device that an IRP goes to wants its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Buffering {
    /// DO_BUFFERED_IO: in SystemBuffer.
    Buffered,
    /// DO_DIRECT_IO: as an MDL.
    Direct,
    /// Neither: in UserBuffer.
    Neither,
}

impl Buffering {
    /// How the device below `device` does it.
    pub(crate) fn below<D: Driver>(device: &Device<D>) -> Self {
        // SAFETY: the device that ours is attached to is there as long as ours can be reached.
        let flags = unsafe { device_object::flags(device.lower().as_ptr()).read() };
        if flags & DO_BUFFERED_IO != 0 {
            Self::Buffered
        } else if flags & DO_DIRECT_IO != 0 {
            Self::Direct
        } else {
            Self::Neither
        }
    }
}

impl OwnIrp<Allocated> {
    /// Allocates an IRP for a READ or WRITE of the whole of `buffer`, at `offset` of the device below `device`.
    ///
    /// It names no thread, and overrides the verification of a volume: what it finds is for this driver alone.
    ///
    /// # Errors
    ///
    /// The buffer, where there is no memory for the IRP.
    pub fn allocate<D: Driver>(
        device: &Device<D>,
        transfer: Transfer,
        offset: i64,
        buffer: PoolBuffer,
    ) -> Result<Self, PoolBuffer> {
        let Ok(raw) = allocate(device) else {
            return Err(buffer);
        };
        let mut this = Self {
            raw,
            lower: device.lower(),
            kind: ManuallyDrop::new(Allocated { transfer, buffer }),
        };
        // SAFETY: allocated above.
        unsafe { this.set_up(Buffering::below(device), transfer, offset) };
        Ok(this)
    }

    /// # Safety
    ///
    /// The IRP has not been sent since it was allocated or reused.
    unsafe fn set_up(&mut self, buffering: Buffering, transfer: Transfer, offset: i64) {
        self.kind.transfer = transfer;
        let buffer = &mut self.kind.buffer;
        let length = buffer.mdl().length();
        let irp = self.raw.as_ptr();
        match buffering {
            // SAFETY: a field of an IRP that is ours. The buffer goes with the IRP.
            Buffering::Buffered => unsafe { layout::irp::system_buffer(irp).write(buffer.as_mut_ptr().cast()) },
            // SAFETY: as above.
            Buffering::Direct => unsafe { layout::irp::mdl_address(irp).write(buffer.mdl().as_raw()) },
            // SAFETY: as above.
            Buffering::Neither => unsafe { layout::irp::user_buffer(irp).write(buffer.as_mut_ptr().cast()) },
        }
        // SAFETY: as the caller promises; it has a stack location for each device below.
        unsafe {
            set_transfer(
                self.raw,
                transfer.major_function() as u8,
                SL_OVERRIDE_VERIFY_VOLUME as u8,
                0,
                offset,
                length,
            );
        };
    }
}

impl OwnIrp<Built> {
    /// Has the I/O manager build an IRP for a READ or WRITE of the whole of `buffer`, at `offset` of the device below `device`.
    ///
    /// The IRP names this thread, which stays referenced as long as the IRP is there; and it overrides the verification of a
    /// volume: what it finds is for this driver alone.
    ///
    /// # Errors
    ///
    /// The buffer, where there is no memory for the IRP and what it takes.
    pub fn build<D: Driver>(
        device: &Device<D>,
        transfer: Transfer,
        offset: i64,
        mut buffer: PoolBuffer,
        _irql: &mut Passive,
    ) -> Result<Self, PoolBuffer> {
        let lower = device.lower();
        let length = buffer.mdl().length();
        let mut offset = offset_argument(offset);
        // SAFETY: the token says that the IRQL is PASSIVE_LEVEL. The device that ours is attached to is there, and the buffer is
        // as long as that and goes with the IRP. Nobody wants a status block.
        let irp = unsafe {
            IoBuildAsynchronousFsdRequest(
                transfer.major_function(),
                lower.as_ptr(),
                buffer.as_mut_ptr().cast(),
                length,
                &raw mut offset,
                ptr::null_mut(),
            )
        };
        let Some(raw) = NonNull::new(irp) else {
            return Err(buffer);
        };
        // SAFETY: a field of an IRP that is ours.
        let thread = unsafe { layout::irp::thread(irp).read() };
        // SAFETY: the I/O manager names the thread that runs.
        let thread = unsafe { NonNull::new_unchecked(thread.cast()) };
        // SAFETY: as above.
        let thread = unsafe { ThreadReference::new(thread) };
        // SAFETY: the I/O manager built it with a stack location for each device below.
        let flags = io_stack_location::flags(unsafe { raw_irp::next_stack_location(raw) });
        // SAFETY: a field of a stack location that is there, and that nobody else reads before the IRP is sent.
        let built_with = unsafe { flags.read() };
        // SAFETY: as above.
        unsafe { flags.write(built_with | SL_OVERRIDE_VERIFY_VOLUME as u8) };
        Ok(Self {
            raw,
            lower,
            kind: ManuallyDrop::new(Built {
                transfer,
                buffer,
                _thread: thread,
            }),
        })
    }
}

fn offset_argument(offset: i64) -> LARGE_INTEGER {
    let mut argument = MaybeUninit::<LARGE_INTEGER>::zeroed();
    // SAFETY: of the union, the whole is written.
    unsafe { large_integer::quad_part(argument.as_mut_ptr()).write(offset) };
    // SAFETY: as above.
    unsafe { argument.assume_init() }
}

/// An IRP of this driver's own that has come back. Dropping it frees it.
pub struct Returned<K: Kind>(OwnIrp<K>);

impl<K: Kind> Returned<K> {
    /// What the drivers below completed it with.
    #[must_use]
    pub fn status(&self) -> NtStatus {
        // SAFETY: the IRP is ours.
        unsafe { raw_irp::status(self.0.raw) }
    }

    /// How many bytes were transferred, which means something only with a success status.
    #[must_use]
    pub fn information(&self) -> u64 {
        // SAFETY: the IRP is ours.
        unsafe { raw_irp::information(self.0.raw) }
    }
}

impl Returned<Allocated> {
    /// The memory that was read or written.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.0.kind.buffer
    }

    /// Frees the IRP and keeps the memory.
    #[must_use]
    pub fn into_buffer(self) -> PoolBuffer {
        self.0.free().buffer
    }

    /// IoReuseIrp: makes the same IRP ready for another READ or WRITE of the device below `device`.
    ///
    /// # Errors
    ///
    /// The IRP itself, where it was made for another device.
    pub fn reuse<D: Driver>(
        self,
        device: &Device<D>,
        transfer: Transfer,
        offset: i64,
    ) -> Result<OwnIrp<Allocated>, Self> {
        let Self(mut irp) = self;
        if !irp.is_for(device) {
            return Err(Self(irp));
        }
        // SAFETY: the IRP is ours, and IoAllocateIrp's.
        unsafe { IoReuseIrp(irp.raw.as_ptr(), NtStatus::SUCCESS.to_raw()) };
        // SAFETY: reused above.
        unsafe { irp.set_up(Buffering::below(device), transfer, offset) };
        Ok(irp)
    }
}

impl Returned<Built> {
    /// The memory that was read or written.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.0.kind.buffer
    }

    /// Frees the IRP and keeps the memory.
    #[must_use]
    pub fn into_buffer(self) -> PoolBuffer {
        self.0.free().buffer
    }
}

/// Where the memory is of a request that is sent in parts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whole {
    /// For a device that does direct I/O: this MDL, which is not the first of a chain.
    Direct(NonNull<MDL>),
    /// For a device that does buffered I/O: the system buffer.
    Buffered(NonNull<u8>),
}

#[expect(dead_code, reason = "for whoever splits requests")]
impl Whole {
    /// Finds it, where the request can be sent in parts: its memory is as the device below wants it, and is one piece.
    ///
    /// # Safety
    ///
    /// `original` is a READ or WRITE that this driver owns.
    pub(crate) unsafe fn of(original: NonNull<IRP>, buffering: Buffering) -> Option<Self> {
        match buffering {
            Buffering::Direct => {
                // SAFETY: a field of an IRP that is the caller's.
                let mdl = NonNull::new(unsafe { layout::irp::mdl_address(original.as_ptr()).read() })?;
                // SAFETY: an MDL of that IRP.
                let next = unsafe { layout::mdl::next(mdl.as_ptr()).read() };
                next.is_null().then_some(Self::Direct(mdl))
            }
            Buffering::Buffered => {
                // SAFETY: a field of an IRP that is the caller's.
                let buffer = unsafe { layout::irp::system_buffer(original.as_ptr()).read() };
                NonNull::new(buffer.cast()).map(Self::Buffered)
            }
            Buffering::Neither => None,
        }
    }
}

#[expect(dead_code, reason = "for whoever splits requests")]
impl OwnIrp<Part> {
    /// Allocates an IRP for parts of up to `length_max` bytes of requests for the device below `device`. It is not ready before
    /// [`set_part`](Self::set_part).
    ///
    /// # Errors
    ///
    /// STATUS_INSUFFICIENT_RESOURCES.
    pub(crate) fn allocate_part<D: Driver>(device: &Device<D>, whole: Whole, length_max: u32) -> Result<Self, NtError> {
        let partial = match whole {
            Whole::Direct(_) => Some(PartialMdl::new(length_max)?),
            Whole::Buffered(_) => None,
        };
        let raw = allocate(device)?;
        Ok(Self {
            raw,
            lower: device.lower(),
            kind: ManuallyDrop::new(Part { partial }),
        })
    }

    /// Makes it ready for `length` bytes of `original` from its `offset`th on, as the current stack location of that
    /// request says. Done again when it is back, it is reused (IoReuseIrp).
    ///
    /// Returns false where there are no such bytes, or more than it was allocated for; it is not ready then.
    ///
    /// # Safety
    ///
    /// `original` is a READ or WRITE that this driver owns, and `whole` its memory. Both stay as they are until this value is
    /// made ready for another part, or dropped.
    #[must_use = "it is not ready where this says so"]
    pub(crate) unsafe fn set_part(&mut self, original: NonNull<IRP>, whole: Whole, offset: u32, length: u32) -> bool {
        // SAFETY: the IRP is ours, and IoAllocateIrp's. A fresh one is as it is after this.
        unsafe { IoReuseIrp(self.raw.as_ptr(), NtStatus::SUCCESS.to_raw()) };
        // SAFETY: as the caller promises.
        let asked: *mut IO_STACK_LOCATION = unsafe { raw_irp::current_stack_location(original) };
        // SAFETY: our own stack location in a request that is ours, whose parameters are those of a READ or WRITE.
        let asked_length = unsafe { io_stack_location::read_length(asked).read() };
        let end = offset.checked_add(length);
        if length == 0 || end.is_none_or(|end| end > asked_length) {
            return false;
        }
        let irp = self.raw.as_ptr();
        match (whole, &mut self.kind.partial) {
            (Whole::Direct(mdl), Some(partial)) => {
                // SAFETY: the MDL of a request that stays as it is for as long as the part is described.
                let Some(part) = (unsafe { partial.describe_raw(mdl, offset, length) }) else {
                    return false;
                };
                // SAFETY: a field of an IRP that is ours.
                unsafe { layout::irp::mdl_address(irp).write(part.as_ptr()) };
            }
            (Whole::Buffered(buffer), _) => {
                let part = buffer.as_ptr().wrapping_add(offset as usize);
                // SAFETY: as above.
                unsafe { layout::irp::system_buffer(irp).write(part.cast()) };
            }
            (Whole::Direct(_), None) => return false,
        }
        // SAFETY: our own stack location in a request that is ours.
        let major_function = unsafe { io_stack_location::major_function(asked).read() };
        // SAFETY: as above.
        let flags = unsafe { io_stack_location::flags(asked).read() };
        // SAFETY: as above.
        let key = unsafe { io_stack_location::read_key(asked).read() };
        // SAFETY: as above.
        let start = unsafe { io_stack_location::read_byte_offset(asked).read() };
        let start = start.wrapping_add(i64::from(offset));
        // SAFETY: the IRP is ours, and was reused above.
        unsafe { set_transfer(self.raw, major_function, flags, key, start, length) };
        // SAFETY: both IRPs are ours.
        unsafe { inherit(self.raw, original) };
        true
    }
}

/// Takes over what drivers below go by, beside the stack location: who asked, how urgent it is, and which way it came.
///
/// # Safety
///
/// Both IRPs are the caller's; `part` comes from IoAllocateIrp, and is freed or reused before `original` is completed.
unsafe fn inherit(part: NonNull<IRP>, original: NonNull<IRP>) {
    // It is there until the original is completed.
    // SAFETY: a field of an IRP that is the caller's.
    let thread = unsafe { layout::irp::thread(original.as_ptr()).read() };
    // SAFETY: as above.
    unsafe { layout::irp::thread(part.as_ptr()).write(thread) };
    // Not IRP_SYNCHRONOUS_PAGING_IO, which is for the I/O manager's completion; nor those by which it frees what it gave.
    // SAFETY: as above.
    let flags = unsafe { layout::irp::flags(original.as_ptr()).read() } & (IRP_PAGING_IO | IRP_NOCACHE);
    // SAFETY: as above.
    unsafe { layout::irp::flags(part.as_ptr()).write(flags) };
    // After the flags, in which the hint may be kept. It is a hint: where it cannot be set, the part has none.
    // SAFETY: as above.
    let hint = unsafe { IoGetIoPriorityHint(original.as_ptr()) };
    // SAFETY: as above.
    let _ = unsafe { IoSetIoPriorityHint(part.as_ptr(), hint) };
}
