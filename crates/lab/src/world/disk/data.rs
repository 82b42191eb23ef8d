//! The data of a request that has arrived at the disk: in what its MDLs describe, one after the other, or in its system
//! buffer.
//!
//! The disk goes by the pages, as a controller does: whether anybody has mapped them makes no difference.

use crate::{
    guest,
    kernel::{
        io::device::{DO_BUFFERED_IO, DO_DIRECT_IO},
        layout::{irp, mdl},
        mdl::start_of,
    },
};

/// Where the data of a request is: ranges of memory, in the order of the medium.
pub(super) struct Data {
    ranges: Vec<(usize, usize)>,
}

/// The data of an IRP for a device with these flags.
pub(super) fn of(address: usize, device_flags: u32) -> Data {
    let mut ranges = Vec::new();
    if device_flags & DO_DIRECT_IO != 0 {
        let first = irp::MDL_ADDRESS.get(address);
        // MDL.Next is its first field.
        let chain = guest::follow(first, |list| if list == 0 { 0 } else { guest::read(list) });
        let lists = chain.take_while(|list| *list != 0);
        ranges.extend(lists.map(|list| (start_of(list), mdl::BYTE_COUNT.get(list) as usize)));
    } else if device_flags & DO_BUFFERED_IO != 0 {
        let buffer = irp::SYSTEM_BUFFER.get(address);
        // How long it is nobody has written down.
        ranges.extend((buffer != 0).then_some((buffer, usize::MAX)));
    }
    Data { ranges }
}

impl Data {
    pub(super) fn is_there(&self) -> bool {
        !self.ranges.is_empty()
    }

    /// Whether it is in more than one MDL.
    pub(super) fn is_chained(&self) -> bool {
        self.ranges.len() > 1
    }

    /// Where it begins.
    pub(super) fn start(&self) -> Option<usize> {
        self.ranges.first().map(|(start, _)| *start)
    }

    /// Writes to it what a READ brings. Gives how many bytes there was room for.
    pub(super) fn write(&self, mut from: &[u8]) -> usize {
        let whole = from.len();
        for (start, bytes) in &self.ranges {
            let (now, rest) = from.split_at((*bytes).min(from.len()));
            guest::write_bytes(*start, now);
            from = rest;
        }
        whole - from.len()
    }

    /// Reads from it what a WRITE takes to the medium. Gives how many bytes there were.
    pub(super) fn read(&self, to: &mut [u8]) -> usize {
        let mut done = 0_usize;
        for (start, bytes) in &self.ranges {
            let end = done.max(done.saturating_add(*bytes).min(to.len()));
            guest::read_bytes(*start, &mut to[done..end]);
            done = end;
        }
        done
    }
}
