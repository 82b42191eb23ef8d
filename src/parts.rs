//! The parts of a device: what the kernel knows by its address, and the library drains when the device goes.

use wdm::{Flight, Optional, Timer, WorkItem};

use crate::{
    filter::Filter,
    probe::{self, Probe},
};

wdm::parts! {
    /// What a device has beside its state.
    pub(crate) struct Parts for Filter {
        /// Wakes the watch over an idle device.
        probe_timer: Timer<Filter, probe::Wake>,
        /// Builds a probe and sends it. Of a device that is not probed there is none.
        probe_work: Optional<WorkItem<Filter, probe::Send>, probe::Probed>,
        /// The probe that the drivers below have.
        probe_flight: Flight<Filter, Probe>,
    }
}
