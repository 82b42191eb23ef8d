//! Offences in AddDevice: what a filter device does not take over from the device that it is attached to.

use crate::add_device::{DO_BUFFERED_IO, DO_DIRECT_IO, DO_POWER_PAGABLE, Plan};

/// Does not take over how the device may be powered. No offence where the lower device has not the flag.
pub(super) fn without_power_pagable(plan: &mut Plan) {
    plan.inherited_flags &= !DO_POWER_PAGABLE;
}

/// Leaves the device as one that is still being made, so that nobody can open it or attach to it.
pub(super) fn still_initialising(plan: &mut Plan) {
    plan.is_initialised = false;
}

/// Does not take over how buffers come with a request.
pub(super) fn without_io_flags(plan: &mut Plan) {
    plan.inherited_flags &= !(DO_BUFFERED_IO | DO_DIRECT_IO);
}

/// Is of no known type, on a device that is of one.
pub(super) fn without_type(plan: &mut Plan) {
    plan.inherits_type = false;
}
