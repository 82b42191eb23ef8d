//! The parts of a device: what the kernel knows by its address, and the library drains when the device goes.

use wdm::{Flight, Optional, Timer, WorkItem};

use crate::{
    filter::Filter,
    probe::{self, Probe},
};

wdm::parts! {
    /// What a device has beside its state.
    pub(crate) struct Parts for Filter {
        /// Wakes the watch over an idle device. A device that is not probed has none.
        probe_timer: Optional<Timer<Filter, probe::Wake>, probe::Probed>,
        /// Builds a probe and sends it. As above.
        probe_work: Optional<WorkItem<Filter, probe::Send>, probe::Probed>,
        /// The probe that the drivers below have.
        probe_flight: Flight<Filter, Probe>,
    }
}
