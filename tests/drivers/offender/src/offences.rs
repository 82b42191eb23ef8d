//! Every offence with the rule that it breaks, under the id that the lab gives the rule.

use crate::switch::{
    Case,
    Place::{
        AddDevice, CancelRemove, Flush, Read, Remove, ReservedPnp, SetPower, Start, Surprise, SystemControl, Unload, Usage,
    },
};

mod cancelling;
mod completing;
mod data;
mod device_objects;
mod forwarding;
mod irql;
mod irql_limits;
mod lifecycle;
mod not_understood;
mod own_irps;
mod pending;
mod pool_blocks;
mod registering;
mod remove_locks;
mod removing;
mod spin_locks;
mod unloading;

/// Makes the cases. The rule stands beside the name for the reader: the driver itself has no use for it.
macro_rules! offences {
    ($($rule:literal $name:literal $place:ident($routine:path);)*) => {
        pub(crate) const OFFENCES: &[Case] = &[$(Case { name: $name, place: $place($routine) }),*];
    };
}

offences! {
    // Completion routines and their registration.
    "0xC4/0x4100F" "forward-after-refused-registration" Read(registering::forward_after_refusal);
    "SDV/IoSetCompletionRoutineExCheck" "registration-lost" Read(registering::lose);
    "SDV/IoSetCompletionRoutineExCheckDeviceObject" "register-with-lower-device" Read(registering::with_lower_device);
    "SDV/CompletionRoutineRegistered" "register-and-complete" Read(registering::and_complete);
    "0xC9/0x21C" "copy-without-routine" Read(registering::copy_without_routine);

    // Passing an IRP on.
    "0xC9/0x04" "forward-to-no-device" Read(forwarding::to_no_device);
    "0xC9/0x204" "forward-to-null" Read(forwarding::to_null);
    "0xC9/0x10" "forward-above-dispatch" Read(forwarding::above_dispatch);
    "0xC9/0x23A" "forward-flush-at-dispatch" Flush(forwarding::flush_at_dispatch);
    "0xC9/0x205" "forward-twice" Read(forwarding::twice);
    "0xC9/0x206" "forward-with-stale-control" Read(forwarding::with_stale_control);
    "0xC9/0x207" "copy-upper-routine" Read(forwarding::with_the_uppers_routine);

    // IRPs of the driver's own.
    "0xC9/0x03" "forward-no-irp" Read(own_irps::of_no_type);
    "0xC9/0x208" "out-of-stack-locations" Read(own_irps::out_of_stack_locations);
    "0xC9/0x20A" "free-irp-in-flight" Read(own_irps::free_in_flight);

    // Completing an IRP.
    "0xC9/0x06" "complete-with-pending" Read(completing::with_pending);
    "0xC9/0x0E" "complete-above-dispatch" Read(completing::above_dispatch);
    "0xC9/0x209" "complete-while-pending-below" Read(completing::while_pending_below);
    "0xC9/0x224" "return-other-status" Read(completing::return_other_status);
    "0xC9/0x226" "drop-irp" Read(completing::not_at_all);
    "0x44" "complete-twice" Read(completing::twice);
    "SDV/CompleteRequestStatusCheck" "succeed-what-failed-below" Read(completing::succeed_what_failed_below);

    // STATUS_PENDING.
    "0xC9/0x228" "pending-not-propagated" Read(pending::not_propagated);
    "0xC9/0x23D" "pending-not-marked" Read(pending::not_marked);
    "0xC9/0x23E" "marked-not-pending" Read(pending::marked_only);

    "LAB/IrpLost" "park-for-ever" Read(pending::parked);

    // The data of a request.
    "LAB/DataChanged" "change-data" Read(data::change);

    // Cancel routines.
    "0xC9/0x07" "complete-with-cancel-routine" Read(cancelling::complete);
    "0xC9/0x203" "forward-with-cancel-routine" Read(cancelling::forward);
    "0xC9/0x23C" "cancel-routine-left-by-completion-routine" Read(cancelling::leave_behind);

    // IRQL.
    "0xC4/0x2001D" "return-at-other-irql" Read(irql::return_at_other);
    "0xC4/0xFA" "completion-routine-changes-irql" Read(irql::change_in_completion_routine);
    "0xC4/0x30" "raise-irql-downwards" Read(irql::raise_downwards);
    "0xC4/0x31" "lower-irql-upwards" Read(irql::lower_upwards);
    "0xC4/0x3B" "wait-at-dispatch" Read(irql::wait_at_dispatch);
    "0xD1" "null-at-dispatch" Read(irql::read_null);

    // What may not be called at any IRQL.
    "0xC4/0x2001F" "open-key-at-dispatch" Start(irql_limits::open_key);
    "0xC4/0x2000A" "create-device-at-dispatch" Start(irql_limits::create_device);
    "0xC4/0x2000C" "detach-at-dispatch" Remove(irql_limits::detach);
    "0xC4/0x20009" "delete-at-dispatch" Remove(irql_limits::delete);
    "0xC4/0x20004" "allocate-paged-at-dispatch" Start(irql_limits::allocate_paged);
    "0xC4/0x20007" "acquire-resource-at-dispatch" Start(irql_limits::acquire_resource);
    "0xC4/0x20005" "acquire-fast-mutex-at-dispatch" Start(irql_limits::acquire_fast_mutex);

    // Spin locks.
    "0xC4/0x32" "release-spin-lock-at-passive" Read(spin_locks::release_at_passive);
    "0xC4/0x40009" "spin-lock-held-at-return" Read(spin_locks::hold_at_return);
    "SDV/SpinLockSafe" "complete-under-spin-lock" Read(spin_locks::complete_under);

    // Pool.
    "0xC4/0x62" "leak-pool" Read(pool_blocks::leak);
    "0xC4/0x10" "free-inside-block" Read(pool_blocks::free_inside);
    "0xC2/0x07" "free-twice" Read(pool_blocks::free_twice);
    "0xC1" "overwrite-slack" Read(pool_blocks::overwrite_slack);
    "0xD5" "use-after-free" Read(pool_blocks::use_after_free);
    "0xD6" "pool-overrun" Read(pool_blocks::overrun);

    // The remove lock.
    "0xC4/0xD5" "release-other-tag" Read(remove_locks::release_other_tag);
    "0xC4/0xD6" "wait-with-other-tag" Remove(remove_locks::wait_with_other_tag);
    "0xC4/0xD7" "initialise-remove-lock-twice" Start(remove_locks::initialise_twice);
    "SDV/RemoveLock" "leak-remove-lock" Read(remove_locks::leak);

    // Making a device.
    "0xC9/0x23F" "power-pagable-not-copied" AddDevice(device_objects::without_power_pagable);
    "0xC9/0x243" "initializing-not-cleared" AddDevice(device_objects::still_initialising);
    "0xC9/0x244" "io-flags-not-copied" AddDevice(device_objects::without_io_flags);
    "0xC9/0x246" "device-type-not-copied" AddDevice(device_objects::without_type);

    // Removing it.
    "0xC9/0x201" "delete-without-detach" Remove(removing::delete_attached);
    "0xC9/0x202" "detach-twice" Remove(removing::detach_twice);
    "0xC9/0x21D" "remove-without-detach" Remove(removing::leave_attached);
    "0xC9/0x21E" "remove-without-delete" Remove(removing::leave_undeleted);
    "0xC9/0x240" "delete-twice" Remove(removing::delete_twice);
    "0xC9/0x306" "fail-remove" Remove(removing::fail);

    // Other things that happen to a device.
    "0xC4/0x43006" "fail-cancel-remove" CancelRemove(lifecycle::fail_cancel_remove);
    "SDV/PnpSurpriseRemove" "remove-by-surprise" Surprise(lifecycle::detach_by_surprise);
    "SDV/PowerDownFail" "fail-power-down" SetPower(lifecycle::fail_power_down);
    "SDV/PowerUpFail" "fail-power-up" SetPower(lifecycle::fail_power_up);
    "LAB/PowerPagable" "lose-power-pagable" Usage(lifecycle::lose_power_pagable);

    // What is not for this driver.
    "0xC9/0x213" "change-status-of-unknown-pnp" ReservedPnp(not_understood::change_status);
    "0xC9/0x220" "complete-system-control" SystemControl(not_understood::complete);
    "0xC9/0x22D" "complete-unknown-pnp" ReservedPnp(not_understood::complete);

    // What is left behind.
    "0xC4/0x15" "free-with-timer" Start(pool_blocks::free_with_timer);
    "0xC4/0x17" "free-with-resource" Start(pool_blocks::free_with_resource);
    "0xC7" "unload-with-timer" Unload(unloading::with_timer);
    "0xCE" "unload-with-work-item" Unload(unloading::with_work_item);
    "SDV/DanglingDeviceObjectReference" "leave-device-reference" Start(device_objects::leave_reference);
}
