//! What a READ or WRITE is like, as far as it matters for dividing it.

use core::ptr::NonNull;

use wdk_sys::{IRP, IRP_PAGING_IO};

use crate::{
    device::Device,
    driver::Driver,
    held::Held,
    irp::Irp,
    kind::Kind,
    layout::{self, io_stack_location},
    own_irp::{Buffering, Whole},
    raw_irp,
};

/// A READ or WRITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferShape {
    /// Where it begins on the device.
    pub offset: i64,
    /// How many bytes it is for.
    pub length: u32,
    /// Where they are.
    pub memory: TransferMemory,
}

/// Where the bytes of a READ or WRITE are, for the device below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferMemory {
    /// In what one MDL describes.
    Mdl {
        /// How many bytes that is.
        bytes: u32,
    },
    /// In what several MDLs describe.
    ChainedMdls,
    /// In the I/O manager's buffer.
    SystemBuffer,
    /// Nowhere that the device below is told: it does neither direct nor buffered I/O, or there is none.
    Unknown,
}

impl TransferShape {
    /// `None` where it is no READ or WRITE, or has no stack location for the lower driver.
    ///
    /// # Safety
    ///
    /// This driver owns the IRP, whose current stack location is that of `device`.
    unsafe fn of<D: Driver>(irp: NonNull<IRP>, device: &Device<D>) -> Option<Self> {
        // SAFETY: as the caller promises.
        if !unsafe { raw_irp::has_next_stack_location(irp) } {
            return None;
        }
        // SAFETY: as above.
        let location = unsafe { raw_irp::current_stack_location(irp) };
        // SAFETY: our own stack location.
        let major_function = unsafe { io_stack_location::major_function(location).read() };
        if !matches!(Kind::of(major_function, 0), Kind::Read | Kind::Write) {
            return None;
        }
        // SAFETY: as above; a READ says in the same places what a WRITE says.
        let length = unsafe { io_stack_location::read_length(location).read() };
        // SAFETY: as above.
        let offset = unsafe { io_stack_location::read_byte_offset(location).read() };
        // SAFETY: a field of an IRP that we own.
        let has_mdl = !unsafe { layout::irp::mdl_address(irp.as_ptr()).read() }.is_null();
        let buffering = Buffering::below(device);
        // SAFETY: the IRP is a READ or WRITE that we own.
        let memory = match unsafe { Whole::of(irp, buffering) } {
            Some(Whole::Direct(mdl)) => TransferMemory::Mdl {
                // SAFETY: the MDL of an IRP that we own.
                bytes: unsafe { layout::mdl::byte_count(mdl.as_ptr()).read() },
            },
            Some(Whole::Buffered(_)) => TransferMemory::SystemBuffer,
            None if buffering == Buffering::Direct && has_mdl => TransferMemory::ChainedMdls,
            None => TransferMemory::Unknown,
        };
        Some(Self { offset, length, memory })
    }
}

impl<D: Driver> Irp<'_, D> {
    /// What the READ or WRITE is like. `None` where it is another request, or has no stack location for the lower driver.
    #[must_use]
    pub fn transfer(&self) -> Option<TransferShape> {
        // SAFETY: we own the IRP, and our stack location is the current one.
        unsafe { TransferShape::of(self.raw, self.device()) }
    }
}

impl<D: Driver, S> Held<D, S> {
    /// What the READ or WRITE is like. `None` where it is another request, or has no stack location for the lower driver.
    #[must_use]
    pub fn transfer(&self) -> Option<TransferShape> {
        // SAFETY: the IRP is held.
        unsafe { TransferShape::of(self.raw(), self.device()) }
    }
}

/// What is known of an IRP that can be divided.
///
/// # Invariants
///
/// The IRP is a READ or WRITE of so many bytes, which are in `whole`, and has a stack location for the lower driver.
#[derive(Clone, Copy)]
pub(super) struct Divisible {
    pub(super) whole: Whole,
    pub(super) length: u32,
    /// Whether it may not fail for want of memory.
    pub(super) is_paging: bool,
}

impl Divisible {
    pub(super) fn new<D: Driver>(irp: &Held<D>) -> Option<Self> {
        let raw = irp.raw();
        let shape = irp.transfer()?;
        // SAFETY: the IRP is held, and a READ or WRITE.
        let whole = unsafe { Whole::of(raw, Buffering::below(irp.device())) }?;
        // The bits of a READ or WRITE.
        // SAFETY: a field of an IRP that is held.
        let flags = unsafe { layout::irp::flags(raw.as_ptr()).read() };
        Some(Self {
            whole,
            length: shape.length,
            is_paging: flags & IRP_PAGING_IO != 0,
        })
    }
}
