//! IRPs of the driver's own: IRP_MJ_SHUTDOWN has a block written, which is read again with the same IRP when that is back.

use wdm::{
    Device, Dispatch, Flight, Passive, Return, Work, WorkItem,
    mdl::PoolBuffer,
    own_irp::{Allocated, OwnIrp, Returned, Transfer},
    pool::Tag,
};

use crate::filter::Worker;

const TAG: Tag = Tag::new(*b"WrkO");

/// What is written, and where.
const LENGTH: u32 = 512;
const OFFSET: i64 = 0x1_2345_6000;
const CONTENT: u8 = 0xA5;

/// What a device has of it.
pub(crate) type OwnFlight = Flight<Worker, Block>;
pub(crate) type ReadAgain = WorkItem<Worker, Read>;

/// Writes the block. Nothing happens where there is no memory for it, or the one before is under way.
pub(crate) fn write(device: &Device<Worker>, irql: &mut Dispatch) {
    let Ok(mut buffer) = PoolBuffer::new(LENGTH, TAG) else {
        return;
    };
    buffer.fill(CONTENT);
    if let Ok(irp) = OwnIrp::allocate(device, Transfer::Write, OFFSET, buffer) {
        let _ = device.parts().own_flight.send(irp, Block::Written, irql);
    }
}

/// What is below.
pub(crate) enum Block {
    /// The block is written.
    Written,
    /// It is read again.
    Read,
}

impl Return<Worker> for Block {
    type Kind = Allocated;

    fn returned(self, irp: Returned<Allocated>, device: &Device<Worker>, irql: &mut Dispatch) {
        match self {
            Self::Written if irp.status().ok().is_ok() => {
                *device.state().written.lock(irql) = Some(irp);
                let _ = device.parts().read_again.queue(irql);
            }
            Self::Written => {}
            // Freed apart: the IRP, and what was read with it.
            Self::Read => drop(irp.into_buffer()),
        }
    }
}

/// What the work item does.
pub(crate) enum Read {}

impl Work<Worker> for Read {
    fn run(device: &Device<Worker>, irql: &mut Passive) {
        let irql = irql.as_dispatch();
        let Some(irp) = device.state().written.lock(irql).take() else {
            return;
        };
        if let Ok(irp) = irp.reuse(device, Transfer::Read, OFFSET) {
            let _ = device.parts().own_flight.send(irp, Block::Read, irql);
        }
    }
}
