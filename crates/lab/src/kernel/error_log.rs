//! The System log: what drivers write with IoWriteErrorLogEntry, kept for whoever looks.
//!
//! An entry is read as far as it is long; what its head says beyond that is not followed. The event viewer and its message
//! tables are not here: an entry has the number of its message.

use std::{cell::RefCell, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{layout::io_error_log_packet as packet, status::NtStatus};
use crate::guest;

/// The most entries that are kept of a run.
const ENTRIES_MAX: usize = 10_000;

/// An entry of the System log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// IO_ERROR_LOG_PACKET.ErrorCode: which message it is.
    pub code: u32,
    /// UniqueErrorValue: where in the driver it comes from.
    pub source: u32,
    /// FinalStatus.
    pub status: NtStatus,
    /// DumpData.
    pub numbers: Vec<u32>,
    /// The insertion strings, from %2 on.
    pub texts: Vec<String>,
}

/// The entries that have been written, and those that are being filled in.
#[derive(Default)]
pub(crate) struct ErrorLog {
    written: RefCell<Vec<LogEntry>>,
    /// How long each entry is that was allocated and has been neither written nor freed.
    open: RefCell<BTreeMap<usize, usize>>,
}

impl ErrorLog {
    /// An entry of so many bytes was allocated.
    pub(crate) fn opened(&self, entry: usize, bytes: usize) {
        self.open.borrow_mut().insert(entry, bytes);
    }

    /// An entry is given up without being written.
    pub(crate) fn dropped(&self, entry: usize) {
        self.open.borrow_mut().remove(&entry);
    }

    /// An entry is written. Nothing is kept of what never was one.
    pub(crate) fn write(&self, entry: usize) {
        let Some(bytes) = self.open.borrow_mut().remove(&entry) else {
            return;
        };
        let mut written = self.written.borrow_mut();
        if bytes >= packet::BYTES && written.len() < ENTRIES_MAX {
            written.push(read(entry, bytes));
        }
    }

    /// What has been written since this was last asked.
    pub(crate) fn take(&self) -> Vec<LogEntry> {
        self.written.take()
    }
}

/// Reads an entry of so many bytes.
fn read(entry: usize, bytes: usize) -> LogEntry {
    let data_at = packet::DUMP_DATA.address(0);
    let numbers = usize::from(packet::DUMP_DATA_SIZE.get(entry)).min(bytes - data_at) / 4;
    let mut text_at = usize::from(packet::STRING_OFFSET.get(entry));
    let texts = (0..packet::NUMBER_OF_STRINGS.get(entry)).map_while(|_| {
        let mut units = Vec::new();
        loop {
            if text_at + 2 > bytes {
                return None;
            }
            let unit = guest::read::<u16>(entry + text_at);
            text_at += 2;
            if unit == 0 {
                return Some(String::from_utf16_lossy(&units));
            }
            units.push(unit);
        }
    });
    LogEntry {
        code: packet::ERROR_CODE.get(entry),
        source: packet::UNIQUE_ERROR_VALUE.get(entry),
        status: packet::FINAL_STATUS.get(entry),
        texts: texts.collect(),
        numbers: (0..numbers)
            .map(|index| guest::read(entry + data_at + 4 * index))
            .collect(),
    }
}
