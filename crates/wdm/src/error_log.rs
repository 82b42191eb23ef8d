//! Events in the System log: what a driver tells whoever looks after the machine.
//!
//! An event is written or it is not; where there is no memory for it, nobody hears of it, and nothing else changes. What
//! it is not: tracing. Each event is kept for good and shown to people, so a driver writes few of them.

use core::ffi::c_void;

use wdk_sys::{
    IO_ERROR_LOG_PACKET,
    ntddk::{IoAllocateErrorLogEntry, IoWriteErrorLogEntry},
};

use crate::{irql::Dispatch, layout::io_error_log_packet, status::NtStatus, unicode_string};

/// How many numbers an event carries at most.
pub const NUMBERS_MAX: usize = 4;
/// How many characters the text of an event has at most.
pub const TEXT_MAX: usize = 31;

const DUMP_DATA: usize = 0x28;
const NUMBERS_BYTES: usize = NUMBERS_MAX.wrapping_mul(size_of::<u32>());
const TEXT: usize = DUMP_DATA.wrapping_add(NUMBERS_BYTES);
/// With the zero that ends the text.
const TEXT_UNITS: usize = TEXT_MAX.wrapping_add(1);
/// Every entry is as long as the longest: what the I/O manager takes is a byte, and 240 at most.
const BYTES: usize = TEXT.wrapping_add(TEXT_UNITS.wrapping_mul(size_of::<u16>()));
const _: () = assert!(BYTES <= wdk_sys::ERROR_LOG_LIMIT_SIZE as usize && BYTES > size_of::<IO_ERROR_LOG_PACKET>());

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Which message it is, of those in the image's message table.
    pub code: u32,
    /// Where in the driver it comes from: a number for whoever reads its source.
    pub source: u32,
    /// The status that it is about.
    pub status: NtStatus,
    /// What else there is to know, shown as raw data.
    pub numbers: [u32; NUMBERS_MAX],
    /// What stands for %2 in the message: ASCII, of at most [`TEXT_MAX`] characters. %1 is the device or the driver.
    pub text: &'a str,
}

/// Writes an event about `object`.
///
/// # Safety
///
/// `object` is a device object or the driver object, which is there.
pub(crate) unsafe fn write(object: *mut c_void, event: &Event<'_>, _irql: &mut Dispatch) {
    #[expect(clippy::cast_possible_truncation, reason = "asserted to be at most 240")]
    const SIZE: u8 = BYTES as u8;
    #[expect(clippy::cast_possible_truncation, reason = "less than the size")]
    const OFFSETS: [u16; 2] = [NUMBERS_BYTES as u16, TEXT as u16];
    // SAFETY: the token is proof of the IRQL, and the object is there, as the caller promises.
    let entry = unsafe { IoAllocateErrorLogEntry(object, SIZE) };
    if entry.is_null() {
        return;
    }
    // SAFETY: the entry has so many bytes.
    unsafe { entry.cast::<u8>().write_bytes(0, BYTES) };
    let packet = entry.cast::<IO_ERROR_LOG_PACKET>();
    let [dump_data_size, string_offset] = OFFSETS;
    // SAFETY: a field of the entry, which is longer than its head and ours until it is written.
    unsafe { io_error_log_packet::dump_data_size(packet).write(dump_data_size) };
    // SAFETY: as above.
    unsafe { io_error_log_packet::number_of_strings(packet).write(1) };
    // SAFETY: as above.
    unsafe { io_error_log_packet::string_offset(packet).write(string_offset) };
    // SAFETY: as above.
    unsafe { io_error_log_packet::error_code(packet).write(event.code.cast_signed()) };
    // SAFETY: as above.
    unsafe { io_error_log_packet::unique_error_value(packet).write(event.source) };
    // SAFETY: as above.
    unsafe { io_error_log_packet::final_status(packet).write(event.status.to_raw()) };
    let numbers = io_error_log_packet::dump_data(packet).cast::<[u32; NUMBERS_MAX]>();
    // SAFETY: the entry has room for so many numbers there, and they are aligned.
    unsafe { numbers.write(event.numbers) };
    let text = entry.wrapping_byte_add(TEXT).cast();
    // SAFETY: the entry has room for so many units behind the numbers.
    unsafe { unicode_string::write_text(event.text, text, TEXT_UNITS) };
    // SAFETY: the entry was allocated above, is filled in, and is given up here. The token is proof of the IRQL.
    unsafe { IoWriteErrorLogEntry(entry) };
}
