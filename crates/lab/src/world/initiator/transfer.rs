//! The transfers that initiators ask for: how long they are, how their data is described, and what must have come of them.

use super::{Place, Request};
use crate::{
    guest,
    kernel::{
        Machine,
        io::{
            call::{IRP_MJ_READ, IRP_MJ_WRITE},
            device::DO_DIRECT_IO,
            irp::IrpRecord,
            transfer::Asked,
        },
        layout::{device_object, io_stack_location, irp},
        random::Random,
    },
    rules,
    world::{disk::SECTOR_BYTES, mirror},
};

/// The longest transfer of a usual workload, and the memory that each of its requests has.
const SHORT_BYTES_MAX: usize = 8 * 1024;
const SHORT_PLACE_BYTES: usize = 64 * 1024;

/// How long transfers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// A few sectors, from the beginning of the request's part of the medium on.
    Short,
    /// From one sector to the most, short ones as often as long ones, anywhere in the request's part of the medium. Some
    /// are as long as this edge, or its multiples, or differ by a sector. Each has an MDL of its own.
    Spread { bytes_max: usize, edge_bytes: usize },
}

impl Sizes {
    /// The memory, and the part of the medium, that each request has.
    pub(super) fn place_bytes(self) -> usize {
        match self {
            Self::Short => SHORT_PLACE_BYTES,
            Self::Spread { bytes_max, .. } => bytes_max,
        }
    }

    /// Where in its place a transfer begins, and how long it is.
    pub(super) fn choose(self, random: &Random) -> (usize, usize) {
        match self {
            Self::Short => {
                let sectors = random.below((SHORT_BYTES_MAX / SECTOR_BYTES) as u64) + 1;
                (0, SECTOR_BYTES * usize::try_from(sectors).unwrap_or(1))
            }
            Self::Spread { bytes_max, edge_bytes } => {
                let sectors_max = bytes_max / SECTOR_BYTES;
                let sectors = if random.chance(300) {
                    let edge = edge_bytes / SECTOR_BYTES * (1 + random.index(bytes_max / edge_bytes));
                    (edge + random.index(3)).saturating_sub(1)
                } else {
                    1 + random.index(1 << random.index(sectors_max.ilog2() as usize + 1))
                };
                let bytes = SECTOR_BYTES * sectors.clamp(1, sectors_max);
                let room = (bytes_max - bytes) / SECTOR_BYTES;
                let at = if random.chance(250) { 0 } else { random.index(room + 1) };
                (SECTOR_BYTES * at, bytes)
            }
        }
    }

    /// Whether each transfer has MDLs of its own, and not that of its place, which may describe more than is transferred.
    fn has_own_lists(self) -> bool {
        matches!(self, Self::Spread { .. })
    }

    /// Whether a transfer is described by more than one MDL, as no file system does but some drivers do.
    pub(super) fn chains(self, random: &Random) -> bool {
        self.has_own_lists() && random.chance(30)
    }
}

impl Machine {
    /// An MDL of memory that stays where it is.
    pub(super) fn lock_buffer(&self, buffer: usize, bytes: usize) -> usize {
        let bytes = u32::try_from(bytes).unwrap_or_default();
        let list = self
            .allocate_mdl(buffer, bytes)
            .unwrap_or_else(|| self.cannot("there is no memory for an MDL"));
        self.lock_mdl(list);
        list
    }

    /// Writes the parameters of a READ or WRITE, and the data of the latter. Gives the MDLs that were made for it alone.
    pub(super) fn describe_transfer(
        &self,
        device: usize,
        place: &Place,
        record: &IrpRecord,
        (at, bytes): (usize, usize),
        major: u8,
        is_chained: bool,
    ) -> Vec<usize> {
        let location = record.stack_location(record.stack_count);
        let (buffer, offset) = (place.buffer + at, place.medium + at);
        io_stack_location::ARGUMENT1.set(location, bytes);
        io_stack_location::ARGUMENT3.set(location, offset);
        record.transfer.ask(Asked {
            major,
            buffer,
            bytes,
            offset,
        });
        let mut lists = Vec::new();
        if device_object::FLAGS.get(device) & DO_DIRECT_IO == 0 {
            irp::SYSTEM_BUFFER.set(record.address, buffer);
        } else if !place.sizes.has_own_lists() {
            irp::MDL_ADDRESS.set(record.address, place.mdl);
        } else {
            let first = if is_chained {
                (bytes / SECTOR_BYTES / 2 * SECTOR_BYTES).max(SECTOR_BYTES).min(bytes)
            } else {
                bytes
            };
            lists.push(self.lock_buffer(buffer, first));
            if first < bytes {
                lists.push(self.lock_buffer(buffer + first, bytes - first));
                // MDL.Next is its first field.
                guest::write(lists[0], lists[1]);
            }
            irp::MDL_ADDRESS.set(record.address, lists[0]);
        }
        irp::USER_BUFFER.set(record.address, buffer);
        let stamp = if major == IRP_MJ_WRITE {
            record.serial
        } else {
            !record.serial
        };
        mirror::stamp(at / SECTOR_BYTES, buffer, bytes, stamp);
        lists
    }

    /// What must have come of a transfer that succeeded.
    pub(super) fn check_data(&self, place: &Place, request: &Request) {
        let transfer = &request.irp.transfer;
        if !transfer.has_begun() {
            // The driver served it by itself, so what is on the medium is not known any more.
            if request.major == IRP_MJ_WRITE {
                place.mirror.forget();
            }
            return;
        }
        let information = request.irp.final_information.get();
        let done = transfer.done_from_start();
        // Of several attempts it is the last that tells, and none tells more than there was.
        if information > done || (information != done && !transfer.is_repeated()) {
            self.violation_about(
                Some(&request.irp),
                &rules::DATA_CHANGED,
                &format!(
                    "a transfer of {} bytes, of which the disk transferred {done} from the first one on, succeeded with an \
                     information of {information}",
                    request.bytes
                ),
            );
        }
        let first = request.at / SECTOR_BYTES;
        match request.major {
            IRP_MJ_WRITE => place.mirror.wrote(request.stamp, first, request.bytes, information),
            IRP_MJ_READ => {
                if let Err(difference) = place.mirror.compare(first, place.buffer + request.at, information) {
                    let mirror::Difference {
                        sector,
                        found,
                        expected,
                    } = difference;
                    self.violation_about(
                        Some(&request.irp),
                        &rules::DATA_CHANGED,
                        &format!(
                            "a READ of {} bytes brought {found:#x} in its sector {sector}, where {expected:#x} had been \
                             written",
                            request.bytes
                        ),
                    );
                }
            }
            _ => {}
        }
    }

    /// What must have come of a transfer that failed: nothing, or what it says.
    pub(super) fn check_failed(&self, place: &Place, request: &Request, other_medium: bool) {
        if !matches!(request.major, IRP_MJ_READ | IRP_MJ_WRITE) {
            return;
        }
        let information = request.irp.final_information.get();
        let done = request.irp.transfer.done_from_start();
        if information > done {
            self.violation_about(
                Some(&request.irp),
                &rules::DATA_CHANGED,
                &format!(
                    "a transfer of {} bytes, of which the disk transferred {done} from the first one on, failed with an \
                     information of {information}",
                    request.bytes
                ),
            );
        }
        if request.major == IRP_MJ_WRITE {
            let first = request.at / SECTOR_BYTES;
            // What it wrote may be on the medium that was there before.
            let written = if other_medium { 0 } else { information };
            place.mirror.wrote(request.stamp, first, request.bytes, written);
        }
    }
}
