//! READs for which the lower driver was not ready: they wait for the next request, the shortest first.

use core::sync::atomic::Ordering;

use wdm::{Device, Dispatch, Held, Queued, Slot, Stashed, pool::Array};

use crate::filter::{Busy, Holder, TAG, next_round};

/// What is kept with such a READ, beside its context.
pub(crate) struct Later {
    /// Those that come back while others are sent again are for the next round.
    round: u32,
    length: u32,
}

impl Queued<Holder> for Later {
    type Slot = Stashed<Holder, Busy>;

    fn goes_before(&self, waiting: &Self) -> bool {
        (self.round, self.length) < (waiting.round, waiting.length)
    }

    fn released(self, irp: Held<Holder, Self::Slot>, irql: &mut Dispatch) {
        let (irp, _) = irp.take_back();
        irp.complete(irql);
    }
}

/// Lets a READ wait. One of no bytes is forgotten, with its context.
pub(crate) fn wait(irp: Held<Holder, Slot<Holder, Busy>>, mut context: Busy, irql: &mut Dispatch) {
    let Ok(device) = irp.keep_device() else {
        return irp.complete(irql);
    };
    let later = Later {
        round: device.state().round.load(Ordering::Relaxed),
        length: context.length,
    };
    context.memory = Array::zeroed(1, TAG).ok();
    let irp = irp.stash(context);
    if later.length == 0 {
        // What a driver does that loses one.
        drop(irp);
        return;
    }
    if let Err((irp, later)) = device.parts().later.insert(irp, later, irql) {
        later.released(irp, irql);
    }
}

/// Sends those again that wait.
pub(crate) fn send_all(device: &Device<Holder>, irql: &mut Dispatch) {
    let round = next_round(device.state());
    let queue = &device.parts().later;
    while let Some((irp, _)) = queue.take_first_if(|later| later.round < round, irql) {
        let paging = irp.is_paging_io();
        let (irp, context) = irp.take_back();
        if paging {
            irp.send_again_infallibly(context, irql);
        } else {
            irp.send_again(context, irql);
        }
    }
}
