//! What a device has that the kernel knows by its address, and the library drains when the device goes.

use wdm::{Flight, Optional, Queue, Timer, WorkItem};

use crate::{
    filter::Filter,
    probe::{self, Probe},
    retry, split,
};

wdm::parts! {
    /// What a device has beside its state.
    pub(crate) struct Parts for Filter {
        /// READs and WRITEs that are to be sent again, in the order in which they are due.
        transfers: Queue<Filter, retry::Waiting>,
        /// Those that are carried out by parts, likewise.
        divided: Queue<Filter, split::Due>,
        /// FLUSH_BUFFERS, likewise.
        flushes: Queue<Filter, retry::Waiting>,
        /// Set for the first of the three. A device of which nothing is sent again has none.
        timer: Optional<Timer<Filter, retry::SendDue>, retry::Retried>,
        /// Sends the FLUSH_BUFFERS that are due. As above.
        flusher: Optional<WorkItem<Filter, retry::SendFlushes>, retry::Retried>,
        /// Requests that wait for what the device has in reserve for carrying out one by parts.
        waiting: Queue<Filter, split::Waiting>,
        /// Wakes the watch over an idle device. A device that is not probed has none.
        probe_timer: Optional<Timer<Filter, probe::Wake>, probe::Probed>,
        /// Builds a probe and sends it. As above.
        probe_work: Optional<WorkItem<Filter, probe::Send>, probe::Probed>,
        /// The probe that the drivers below have.
        probe_flight: Flight<Filter, Probe>,
    }
}
