//! What a device has that the kernel knows by its address.

use wdm::{Queue, Timer, WorkItem};

use crate::{filter::Filter, retry, split};

wdm::parts! {
    /// What a device has beside its state.
    pub(crate) struct Parts for Filter {
        /// READs and WRITEs that are to be sent again, in the order in which they are due.
        transfers: Queue<Filter, retry::Waiting>,
        /// Those that are carried out by parts, likewise.
        divided: Queue<Filter, split::Due>,
        /// FLUSH_BUFFERS, likewise.
        flushes: Queue<Filter, retry::Waiting>,
        /// Set for the first of the three.
        timer: Timer<Filter, retry::SendDue>,
        /// Sends the FLUSH_BUFFERS that are due.
        flusher: WorkItem<Filter, retry::SendFlushes>,
        /// Requests that wait for what the device has in reserve for carrying out one by parts.
        waiting: Queue<Filter, split::Waiting>,
    }
}
