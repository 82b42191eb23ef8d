//! What a device has that the kernel knows by its address.

use wdm::Queue;

use crate::{filter::Filter, split::Waiting};

wdm::parts! {
    /// What a device has beside its state.
    pub(crate) struct Parts for Filter {
        /// Requests that wait for what the device has in reserve for carrying out one by parts.
        waiting: Queue<Filter, Waiting>,
    }
}
