//! The buffers of a DEVICE_CONTROL that a filter answers itself.
//!
//! Only METHOD_BUFFERED: the I/O manager has copied what the caller sent into one buffer in nonpaged pool, and copies back
//! from there what is answered. Whatever else a code stands for is left to the drivers that know it.

use core::slice;

use crate::{
    driver::Driver,
    irp::{Dispatched, Irp, Rejected},
    layout::{self, io_stack_location},
    raw_irp,
    status::{NtError, NtStatus},
};

/// IRP_MJ_DEVICE_CONTROL, which the bindings have as 32 bits.
const IRP_MJ_DEVICE_CONTROL: u8 = 0x0E;
const _: () = assert!(wdk_sys::IRP_MJ_DEVICE_CONTROL == IRP_MJ_DEVICE_CONTROL as u32);

/// How the two lowest bits of a code say that the buffers are passed.
const METHOD_MASK: u32 = 3;
const METHOD_BUFFERED: u32 = 0;

/// An IRP_MJ_DEVICE_CONTROL with the code that its driver looks for, and with its buffer.
///
/// # Invariants
///
/// The IRP is an IRP_MJ_DEVICE_CONTROL of a code with METHOD_BUFFERED, and `buffer`, where it is not null, is its
/// system buffer.
#[must_use = "an IRP has to be completed or sent down"]
pub struct Buffered<'irp, D: Driver> {
    irp: Irp<'irp, D>,
    buffer: *mut u8,
    input_length: usize,
    output_length: usize,
}

impl<'irp, D: Driver> Irp<'irp, D> {
    /// Takes out a DEVICE_CONTROL of this code, to be answered here.
    ///
    /// # Errors
    ///
    /// It is another request, which is given back; and so is one of a code that is not METHOD_BUFFERED.
    pub fn into_buffered(self, io_control_code: u32) -> Result<Buffered<'irp, D>, Self> {
        if self.major_function() != IRP_MJ_DEVICE_CONTROL || io_control_code & METHOD_MASK != METHOD_BUFFERED {
            return Err(self);
        }
        let location = self.stack_location();
        // SAFETY: our own stack location, whose parameters are those of a DEVICE_CONTROL.
        if unsafe { io_stack_location::io_control_code(location).read() } != io_control_code {
            return Err(self);
        }
        // SAFETY: as above.
        let input_length = unsafe { io_stack_location::input_buffer_length(location).read() };
        // SAFETY: as above.
        let output_length = unsafe { io_stack_location::output_buffer_length(location).read() };
        // SAFETY: a field of an IRP that we own, which METHOD_BUFFERED gives its meaning.
        let buffer = unsafe { layout::irp::system_buffer(self.raw.as_ptr()).read() }.cast();
        const { assert!(usize::BITS >= u32::BITS) };
        let [input_length, output_length] = [input_length, output_length].map(|length| length as usize);
        Ok(Buffered {
            irp: self,
            buffer,
            input_length,
            output_length,
        })
    }
}

impl<'irp, D: Driver> Buffered<'irp, D> {
    /// What the caller sent.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        if self.buffer.is_null() {
            return &[];
        }
        // SAFETY: the I/O manager made the buffer as long as the longer of the two lengths, and nobody else writes to
        // it while we own the IRP.
        unsafe { slice::from_raw_parts(self.buffer, self.input_length) }
    }

    /// How much the caller has room for.
    #[must_use]
    pub fn output_length(&self) -> usize {
        if self.buffer.is_null() { 0 } else { self.output_length }
    }

    /// Completes the IRP with STATUS_SUCCESS and this answer: nobody below sees it.
    ///
    /// # Errors
    ///
    /// STATUS_BUFFER_TOO_SMALL where there is no room for the answer.
    pub fn succeed(self, output: &[u8]) -> Result<Dispatched<'irp>, Rejected<'irp, D>> {
        if output.len() > self.output_length() {
            return Err(self.irp.reject(NtError::BUFFER_TOO_SMALL));
        }
        if !self.buffer.is_null() {
            // SAFETY: the buffer is at least as long as the room that the caller has, and is none of ours.
            unsafe { self.buffer.copy_from_nonoverlapping(output.as_ptr(), output.len()) };
        }
        let Irp { raw, device, .. } = self.irp;
        // SAFETY: we own the IRP.
        unsafe { raw_irp::set_io_status(raw, NtStatus::SUCCESS, output.len() as u64) };
        // SAFETY: as above, and we give it up with this call.
        unsafe { raw_irp::complete(raw) };
        // The lock is released after it.
        drop(device);
        Ok(Dispatched::new(NtStatus::SUCCESS))
    }

    /// The request again, as it came, to be passed on.
    pub fn into_irp(self) -> Irp<'irp, D> {
        self.irp
    }

    /// Gives the IRP back, to be completed with `error`.
    pub fn reject(self, error: NtError) -> Rejected<'irp, D> {
        self.irp.reject(error)
    }

    /// The device that the IRP was sent to.
    #[must_use]
    pub fn device(&self) -> &crate::Device<D> {
        self.irp.device()
    }
}
