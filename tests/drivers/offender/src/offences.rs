//! Every offence with the rule that it breaks, under the id that the lab gives the rule.

use crate::{
    kernel::{
        IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_PNP,
        IRP_MJ_READ, IRP_MJ_SHUTDOWN, IRP_MJ_SYSTEM_CONTROL, IRP_MJ_WRITE, IRP_MN_NO_POWER, IRP_MN_QUERY_CAPABILITIES,
        IRP_MN_QUERY_ID, IRP_MN_QUERY_PNP_DEVICE_STATE, IRP_MN_QUERY_REMOVE_DEVICE, IRP_MN_REMOVE_DEVICE,
        IRP_MN_SET_POWER, IRP_MN_START_DEVICE, IRP_MN_SURPRISE_REMOVAL,
    },
    switch::{
        Case,
        Place::{
            AddDevice, CancelRemove, DriverObject, Flush, Major, Own, Pnp, Power, Read, Refused, Remove, ReservedPnp,
            SetPower, Start, StartAndControl, Surprise, SystemControl, Unload, Usage, Write,
        },
    },
};

mod answering;
mod associated_irps;
mod building_irps;
mod cancelling;
mod completing;
mod data;
mod deadlocks;
mod device_objects;
mod driver_objects;
mod forgotten_events;
mod forwarding;
mod freeing_irps;
mod irql;
mod irql_functions;
mod irql_limits;
mod kept_irps;
mod lifecycle;
mod mdls;
mod not_understood;
mod own_irps;
mod paging;
mod partial_mdls;
mod pended;
mod pending;
mod pool_blocks;
mod queueing;
mod regions;
mod registering;
pub(crate) mod remove_locks;
mod removing;
mod sending_irps;
mod spin_locks;
mod start_io;
mod unloading;
mod wmi;
mod work_items;

/// Makes the cases. The rule stands beside the name for the reader: the driver itself has no use for it.
macro_rules! offences {
    ($($rule:literal $name:literal $place:ident($($told:expr),+);)*) => {
        pub(crate) const OFFENCES: &[Case] = &[$(Case { name: $name, place: $place($($told),+) }),*];
    };
}

offences! {
    // Completion routines and their registration.
    "0xC4/0x4100F" "forward-after-refused-registration" Read(registering::forward_after_refusal);
    "SDV/IoSetCompletionRoutineExCheck" "registration-lost" Read(registering::lose);
    "SDV/IoSetCompletionRoutineExCheckDeviceObject" "register-with-lower-device" Read(registering::with_lower_device);
    "SDV/CompletionRoutineRegistered" "register-and-complete" Read(registering::and_complete);
    "0xC9/0x21C" "copy-without-routine" Read(registering::copy_without_routine);
    "SDV/IoSetCompletionRoutineNonPnpDriver" "register-plainly-without-pnp" DriverObject(driver_objects::without_pnp);

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
    "0xC9/0x01" "free-no-irp" Start(freeing_irps::of_no_type);
    "0xC9/0x02" "free-threaded-irp" Start(freeing_irps::threaded);
    "SDV/IoAllocateFree" "free-arrived-irp" Read(freeing_irps::arrived);
    "0xC4/0x105" "free-irp-as-pool" Start(freeing_irps::as_pool);
    "SDV/IoAllocateComplete" "complete-own-irp" Start(freeing_irps::by_completing);
    "SDV/IoBuildFsdComplete" "complete-built-irp" Start(freeing_irps::built_by_completing);
    "0xC9/0x20C" "free-threaded-irp-in-flight" StartAndControl(kept_irps::free);
    "0xC9/0x310" "reuse-irp-in-flight" StartAndControl(kept_irps::reuse);
    "SDV/IoBuildDeviceIoControlSetEvent" "set-event-of-irp" StartAndControl(kept_irps::set_event);
    "SDV/IoBuildDeviceControlWaitTimeout" "wait-for-what-failed" StartAndControl(kept_irps::wait_for_what_failed);
    "0xC9/0x312" "information-beyond-output" StartAndControl(kept_irps::complete_with_too_much);
    "0xC9/0x08" "build-transfer-of-no-memory" Start(building_irps::transfer_of_no_memory);
    "0xC9/0x09" "build-control-of-no-memory" Start(building_irps::control_of_no_memory);
    "0xC9/0x0C" "status-block-on-unwound-stack" Start(building_irps::status_block_unwound);
    "0xC9/0x0D" "event-on-unwound-stack" Start(building_irps::event_unwound);
    "0xC9/0x307" "send-with-signalled-event" Start(building_irps::signalled_event);
    "0xC9/0x20D" "initialise-charged-irp" Start(building_irps::initialise_charged);
    "0xC9/0x238" "initialise-allocated-irp" Start(building_irps::initialise_allocated);
    "0xC9/0x311" "initialise-associated-irp" Read(associated_irps::initialise);
    "LAB/AssociatedIrpCount" "forget-associated-count" Read(associated_irps::forget_count);
    "SDV/IoReuseIrp" "reuse-built-irp" Start(building_irps::reuse_built);
    "SDV/IoReuseIrp2" "reuse-arrived-irp" Read(building_irps::reuse_arrived);
    "0xC9/0x20E" "send-pnp-with-status" Start(sending_irps::pnp_with_status);
    "0xC9/0x20F" "send-power-with-status" Start(sending_irps::power_with_status);
    "0xC9/0x210" "send-system-control-with-status" Start(sending_irps::system_control_with_status);
    "0xC9/0x237" "send-for-system" Start(sending_irps::for_system);
    "0xC9/0x302" "send-threaded-at-apc" Start(sending_irps::threaded_at_apc);
    "SDV/IoAllocateForward" "send-own-without-routine" Start(sending_irps::without_routine);
    "SDV/IoBuildFsdForward" "send-built-without-routine" Start(sending_irps::built_without_routine);
    "SDV/SignalEventInCompletion" "forward-and-forget-event" Start(forgotten_events::of_forwarded);
    "SDV/IoAllocateIrpSignalEventInCompletion" "send-own-and-forget-event" Start(forgotten_events::of_own);
    "SDV/IoBuildFsdIrpSignalEventInCompletion" "send-built-and-forget-event" Start(forgotten_events::of_built);

    // Completing an IRP.
    "0xC9/0x06" "complete-with-pending" Read(completing::with_pending);
    "0xC9/0x0E" "complete-above-dispatch" Read(completing::above_dispatch);
    "0xC9/0x209" "complete-while-pending-below" Read(completing::while_pending_below);
    "0xC9/0x224" "return-other-status" Read(completing::return_other_status);
    "0xC9/0x21B" "complete-with-garbage" Read(completing::with_garbage);
    "0xC9/0x225" "return-minus-one" Read(completing::return_minus_one);
    "0xC9/0x226" "drop-irp" Read(completing::not_at_all);
    "0xC9/0x224" "return-other-status-than-lower" Start(completing::return_other_status_than_lower);
    "SDV/DebugBreakUsage" "break-point" Read(completing::break_point);
    "0x44" "complete-twice" Read(completing::twice);
    "SDV/CompleteRequestStatusCheck" "succeed-what-failed-below" Read(completing::succeed_what_failed_below);

    // STATUS_PENDING.
    "0xC9/0x228" "pending-not-propagated" Read(pending::not_propagated);
    "0xC9/0x23D" "pending-not-marked" Read(pending::not_marked);
    "0xC9/0x23E" "marked-not-pending" Read(pending::marked_only);

    "SDV/MarkingQueuedIrps" "mark-after-queueing" Read(queueing::mark_after);
    "SDV/MarkingInterlockedQueuedIrps" "mark-after-interlocked-queueing" Read(queueing::mark_after_interlocked);
    "SDV/StartIoRecursion" "start-next-in-start-io" Start(start_io::start_next);
    "0xC9/0x23E" "mark-start-not-pending" Start(pending::marked_start);
    "0xC9/0x23D" "complete-and-return-pending" Read(pending::completed_and_pending);

    "LAB/IrpLost" "park-for-ever" Read(pending::parked);

    // The data of a request.
    "LAB/DataChanged" "change-data" Read(data::change);
    "0xC4/0x1010" "change-data-of-write" Write(data::change_on_the_way_down);
    "0xC4/0x1011" "change-buffer-of-read" Read(data::change_on_the_way_down);

    // Memory descriptor lists.
    "0xC4/0x70" "lock-pages-above-dispatch" Start(mdls::lock_above_dispatch);
    "0xC4/0x76" "map-pages-above-dispatch" Start(mdls::map_above_dispatch);
    "0xC4/0x78" "unlock-pages-above-dispatch" Start(mdls::unlock_above_dispatch);
    "0xC4/0x79" "unmap-pages-above-dispatch" Start(mdls::unmap_above_dispatch);
    "0xC4/0x7C" "unlock-unlocked-mdl" Start(mdls::unlock_unlocked);
    "0xC4/0x7D" "unlock-nonpaged-mdl" Start(mdls::unlock_nonpaged);
    "0xC4/0x7F" "build-mdl-of-paged-pool" Start(mdls::build_of_paged_pool);
    "0xC4/0x81" "map-by-old-function" Start(mdls::map_by_old_function);
    "0xC4/0x82" "map-or-bug-check" Start(mdls::map_or_bug_check);
    "0xC4/0xB0" "lock-built-mdl" Start(mdls::lock_built);
    "0xC4/0xB2" "map-mdl-twice" Start(mdls::map_twice);
    "0xC4/0xB3" "map-unlocked-mdl" Start(mdls::map_unlocked);
    "0xC4/0xB6" "unmap-unmapped-mdl" Start(mdls::unmap_unmapped);
    "0xC4/0xB8" "free-mapped-mdl" Start(mdls::free_mapped);
    "0xCB" "leave-pages-locked" Start(mdls::leave_locked);
    "LAB/MdlOfOther" "free-arrived-mdl" Read(mdls::free_arrived);
    "LAB/MdlWithoutPages" "send-mdl-without-pages" Start(mdls::send_without_pages);
    "0xC4/0xB4" "unlock-partial-mdl" Start(partial_mdls::unlock);
    "0xC4/0xB5" "unmap-partial-mdl" Start(partial_mdls::unmap);
    "0x40" "build-partial-into-small-mdl" Start(partial_mdls::build_into_small);
    "LAB/PartialMdlRange" "build-partial-beyond-source" Start(partial_mdls::build_beyond_source);
    "LAB/PartialMdlMapped" "reuse-mapped-partial" Start(partial_mdls::reuse_mapped);
    "LAB/PartialMdlOutlives" "send-partial-of-unlocked" Start(partial_mdls::send_part_of_unlocked);
    "LAB/MdlNotRestored" "leave-own-mdl-in-irp" Read(partial_mdls::leave_in_irp);
    "LAB/MdlTooShort" "send-more-than-mdl" Start(mdls::send_more);
    "LAB/PartsBelow" "complete-before-part" Read(own_irps::complete_before_part);

    // Cancel routines.
    "0xC9/0x07" "complete-with-cancel-routine" Read(cancelling::complete);
    "0xC9/0x203" "forward-with-cancel-routine" Read(cancelling::forward);
    "0xC9/0x229" "set-cancel-routine-below" Flush(cancelling::set_below);
    "SDV/IrpCancelField" "set-cancel-routine-too-late" Read(cancelling::set_too_late);
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

    "0xC4/0x20003" "insert-in-device-queue-at-passive" Start(irql_functions::insert_in_device_queue);
    "0xC4/0x20006" "probe-at-dispatch" Start(irql_functions::probe);
    "0xC4/0x2000D" "delete-symbolic-link-at-dispatch" Start(irql_functions::delete_symbolic_link);
    "0xC4/0x2000E" "ask-for-version-of-wdm-at-dispatch" Start(irql_functions::ask_for_version_of_wdm);
    "0xC4/0x2000F" "delay-at-dispatch" Start(irql_functions::delay);
    "0xC4/0x20010" "enter-guarded-region-at-dispatch" Start(irql_functions::enter_guarded_region);
    "0xC4/0x11A" "enter-critical-region-at-dispatch" Start(irql_functions::enter_critical_region);
    "0xC4/0x11B" "leave-critical-region-at-dispatch" Start(irql_functions::leave_critical_region);
    "0xC4/0x20011" "clear-event-above-dispatch" Start(irql_functions::clear_event);
    "0xC4/0x20016" "set-event-above-dispatch" Start(irql_functions::set_event);
    "0xC4/0x20016" "set-event-before-a-wait-at-dispatch" Start(irql_functions::set_event_before_a_wait);
    "0xC4/0x20019" "allocate-noncached-at-dispatch" Start(irql_functions::allocate_noncached);
    "0xC4/0x2001A" "free-contiguous-above-dispatch" Start(irql_functions::free_contiguous);
    "0xC4/0x2001B" "reference-by-handle-at-dispatch" Start(irql_functions::reference_by_handle);
    "0xC4/0x2001C" "ask-for-version-at-dispatch" Start(irql_functions::ask_for_version);
    "0xC4/0x2001E" "delete-registry-value-at-dispatch" Start(irql_functions::delete_registry_value);
    "0xC4/0x20022" "ask-for-device-to-verify-above-dispatch" Start(irql_functions::ask_for_device_to_verify);
    "0xC4/0x20023" "create-registry-key-at-dispatch" Start(irql_functions::create_registry_key);
    "0xC4/0x40" "acquire-spin-lock-at-dpc-level-at-passive" Start(irql_functions::acquire_spin_lock_at_dpc_level);
    "0xC4/0x41" "release-spin-lock-from-dpc-level-at-passive" Start(irql_functions::release_spin_lock_from_dpc_level);
    "0xC4/0x42" "acquire-spin-lock-above-dispatch" Start(irql_functions::acquire_spin_lock);
    "0xC4/0x11" "free-paged-at-dispatch" Start(irql_limits::free_paged);
    "0xC4/0x11" "free-untagged-paged-at-dispatch" Start(irql_limits::free_untagged_paged);
    "0xC4/0x12" "free-nonpaged-above-dispatch" Start(irql_limits::free_nonpaged);
    "0xC4/0x20004" "allocate-nonpaged-above-dispatch" Start(irql_limits::allocate_nonpaged);
    "0xC4/0x3B" "wait-above-dispatch" Read(irql::wait_above_dispatch);
    "0xC4/0x3B" "wait-for-a-time-at-dispatch" Read(irql::wait_for_a_time_at_dispatch);
    "0xC4/0x3B" "wait-for-many-at-dispatch" Read(irql::wait_for_many_at_dispatch);
    "0xC4/0x3B" "wait-for-mutex-at-dispatch" Start(irql::wait_for_mutex_at_dispatch);
    "0xC4/0x123" "wait-in-user-mode-for-stack" Read(irql::wait_in_user_mode);
    "0xC4/0x2001D" "lower-irql-to-another" Start(irql::lower_to_another);

    // Critical and guarded regions, and the locks that want one.
    "0xC4/0x40003" "stay-in-critical-region-at-unload" Unload(regions::stay_in_critical_at_unload);
    "0xC4/0x3E" "leave-critical-region-twice" Start(regions::leave_critical_twice);
    "0xC4/0xC5" "stay-in-critical-region" Start(regions::stay_in_critical);
    "0xC4/0xFB" "completion-routine-stays-in-critical-region" Start(regions::stay_in_critical_at_completion);
    "0xC4/0x4000E" "stay-in-guarded-region" Start(regions::stay_in_guarded);
    "0xC4/0x37" "acquire-resource-outside-critical-region" Read(regions::acquire_resource);
    "0xC4/0x38" "release-resource-outside-critical-region" Read(regions::release_resource);
    "0xC4/0x39" "acquire-fast-mutex-unsafely" Read(regions::acquire_unsafely);
    "0xC4/0x3A" "release-fast-mutex-unsafely" Read(regions::release_unsafely);
    "0xC4/0x34" "release-fast-mutex-at-dispatch" Read(regions::release_at_dispatch);
    "0xC4/0xD0" "initialise-resource-twice" Read(regions::initialise_resource_twice);
    "0xC4/0xD1" "delete-resource-twice" Read(regions::delete_resource_twice);
    "0xE3" "release-resource-twice" Read(regions::release_resource_twice);

    // Spin locks.
    "0xC4/0x40009" "spin-lock-held-at-return-at-dpc-level" Read(spin_locks::hold_at_return_at_dpc_level);
    "0xC4/0x1007" "release-spin-lock-twice" Start(spin_locks::release_twice);
    "0xC4/0x40009" "queued-spin-lock-held-at-return" Read(spin_locks::hold_queued_at_return);
    "0xC4/0x1007" "release-queued-spin-lock-twice" Start(spin_locks::release_queued_twice);
    "0xC4/0x32" "release-queued-spin-lock-at-passive" Read(spin_locks::release_queued_at_passive);
    "0xC4/0x40009" "cancel-spin-lock-held-at-return" Read(spin_locks::hold_cancel_at_return);
    "0xC4/0x1007" "release-cancel-spin-lock-twice" Read(spin_locks::release_cancel_twice);
    "0xC4/0x32" "release-spin-lock-at-passive" Read(spin_locks::release_at_passive);
    "0xC4/0x40009" "spin-lock-held-at-return" Read(spin_locks::hold_at_return);
    "SDV/SpinLockSafe" "complete-under-spin-lock" Read(spin_locks::complete_under);

    // Deadlock detection.
    "0xC4/0x1000" "acquire-spin-lock-again" Start(deadlocks::acquire_again);
    "0xC4/0x1001" "acquire-in-other-order" Start(deadlocks::acquire_in_other_order);
    "0xC4/0x1002" "acquire-uninitialised-mutex" Start(deadlocks::acquire_uninitialised);
    "0xC4/0x1003" "release-out-of-order" Start(deadlocks::release_out_of_order);
    "0xC4/0x1004" "release-mutex-of-another" Start(deadlocks::release_of_another);
    "0xC4/0x1005" "initialise-held-mutex" Start(deadlocks::initialise_held);
    "0xC4/0x1007" "release-unheld-mutex" Start(deadlocks::release_unheld);
    "0xC4/0x1008" "acquire-spin-lock-as-queued" Start(deadlocks::acquire_as_queued);
    "0xC4/0x1009" "release-fast-mutex-as-unsafe" Start(deadlocks::release_unsafely);
    "0xC4/0x100A" "end-thread-with-mutex" Start(deadlocks::end_thread_holding);
    "0xC4/0x100B" "free-held-mutex" Start(deadlocks::free_held);

    // Pool.
    "0xC4/0x00" "allocate-nothing" Read(pool_blocks::allocate_nothing);
    "SDV/UnSafeAllocatePool" "allocate-with-old-function" Read(pool_blocks::allocate_with_old_function);
    "SDV/SafeStrings" "copy-string-without-bound" Read(pool_blocks::copy_string);
    "0xC4/0x62" "leak-pool" Read(pool_blocks::leak);
    "0xC4/0x10" "free-inside-block" Read(pool_blocks::free_inside);
    "0xC2/0x07" "free-twice" Read(pool_blocks::free_twice);
    "0xC1" "overwrite-slack" Read(pool_blocks::overwrite_slack);
    "0xD5" "use-after-free" Read(pool_blocks::use_after_free);
    "0xD6" "pool-overrun" Read(pool_blocks::overrun);

    // What may be paged out.
    "0xA" "signal-paged-event-at-dispatch" Start(paging::signal_event);
    "0xD1" "read-paged-pool-at-dispatch" Start(paging::read_pool);
    "0xD1" "call-paged-code-at-dispatch" Start(paging::call_paged);
    "0xD1" "page-all-at-dispatch" Start(paging::page_all);
    "0x50" "call-discarded-init" Start(paging::call_init);
    "0xC9/0x227" "completion-routine-in-page-section" Read(paging::follow_in_page_section);

    // The remove lock.
    "0xC4/0xD5" "release-other-tag" Read(remove_locks::release_other_tag);
    "0xC4/0xD6" "wait-with-other-tag" Remove(remove_locks::wait_with_other_tag);
    "0xC4/0xD7" "initialise-remove-lock-twice" Start(remove_locks::initialise_twice);
    "SDV/RemoveLock" "leak-remove-lock" Read(remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-create" Major(IRP_MJ_CREATE, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-close" Major(IRP_MJ_CLOSE, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-cleanup" Major(IRP_MJ_CLEANUP, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-write" Major(IRP_MJ_WRITE, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-control" Major(IRP_MJ_DEVICE_CONTROL, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-internal" Own(IRP_MJ_INTERNAL_DEVICE_CONTROL, 0, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-shutdown" Own(IRP_MJ_SHUTDOWN, 0, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-system-control" Major(IRP_MJ_SYSTEM_CONTROL, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-power" Power(IRP_MN_SET_POWER, remove_locks::leak);
    "SDV/RemoveLock" "leak-remove-lock-of-pnp" Pnp(IRP_MN_QUERY_CAPABILITIES, remove_locks::leak);
    "SDV/RemoveLockForward" "forward-pnp-unlocked" Pnp(IRP_MN_QUERY_CAPABILITIES, remove_locks::forward_unlocked);
    "SDV/RemoveLockForward" "forward-read-unlocked" Major(IRP_MJ_READ, remove_locks::forward_unlocked);
    "SDV/RemoveLockForward" "forward-write-unlocked" Major(IRP_MJ_WRITE, remove_locks::forward_unlocked);
    "SDV/RemoveLockForward" "forward-control-unlocked" Major(IRP_MJ_DEVICE_CONTROL, remove_locks::forward_unlocked);
    "SDV/RemoveLockForward" "forward-internal-unlocked" Own(IRP_MJ_INTERNAL_DEVICE_CONTROL, 0, remove_locks::forward_unlocked);
    "SDV/RemoveLockForward" "forward-query-remove-unlocked" Pnp(IRP_MN_QUERY_REMOVE_DEVICE, remove_locks::forward_unlocked);
    "SDV/RemoveLockForward" "forward-surprise-unlocked" Pnp(IRP_MN_SURPRISE_REMOVAL, remove_locks::forward_surprise_unlocked);
    "SDV/RemoveLockForward" "forward-removal-unlocked" Pnp(IRP_MN_REMOVE_DEVICE, remove_locks::forward_removal_unlocked);
    "SDV/RemoveLockForward2" "forward-pnp-after-refusal" Refused(IRP_MJ_PNP, IRP_MN_QUERY_PNP_DEVICE_STATE, remove_locks::forward_refused);
    "SDV/RemoveLockForward2" "forward-read-after-refusal" Refused(IRP_MJ_READ, 0, remove_locks::forward_refused);
    "SDV/RemoveLockForward2" "forward-write-after-refusal" Refused(IRP_MJ_WRITE, 0, remove_locks::forward_refused);
    "SDV/RemoveLockForward2" "forward-control-after-refusal" Refused(IRP_MJ_DEVICE_CONTROL, 0, remove_locks::forward_refused);
    "SDV/RemoveLockForward2" "forward-internal-after-refusal" Refused(IRP_MJ_INTERNAL_DEVICE_CONTROL, 0, remove_locks::forward_refused);
    "SDV/RemoveLockMnRemove" "remove-without-waiting" Remove(remove_locks::remove_without_waiting);
    "SDV/RemoveLockMnRemove" "remove-after-release" Remove(remove_locks::remove_after_release);
    "SDV/IoReleaseRemoveLockAndWaitOutsideRemoveDevice" "wait-in-surprise-removal" Surprise(remove_locks::wait_by_surprise);

    // Making a device.
    "0xC9/0x23F" "power-pagable-not-copied" AddDevice(device_objects::without_power_pagable);
    "0xC9/0x243" "initializing-not-cleared" AddDevice(device_objects::still_initialising);
    "0xC9/0x244" "io-flags-not-copied" AddDevice(device_objects::without_io_flags);
    "0xC9/0x245" "buffered-and-direct" AddDevice(device_objects::both_io_flags);
    "0xC9/0x246" "device-type-not-copied" AddDevice(device_objects::without_type);
    "0xC9/0x21F" "leave-out-power" DriverObject(driver_objects::without_power);
    "0xC9/0x0A" "initialise-device-timer-twice" Start(device_objects::initialise_timer_twice);

    "SDV/PnpSameDeviceObject" "attach-to-another-stack" AddDevice(device_objects::attached_elsewhere);

    // Removing it.
    "SDV/DeleteDevice" "delete-before-removal-is-sent" Remove(removing::delete_before_sending);
    "0xC9/0x201" "delete-without-detach" Remove(removing::delete_attached);
    "0xC9/0x202" "detach-twice" Remove(removing::detach_twice);
    "0xC9/0x21D" "remove-without-detach" Remove(removing::leave_attached);
    "0xC9/0x21E" "remove-without-delete" Remove(removing::leave_undeleted);
    "0xC9/0x240" "delete-twice" Remove(removing::delete_twice);
    "0xC9/0x306" "fail-remove" Remove(removing::fail);

    // Other things that happen to a device.
    "0xC4/0x43006" "fail-cancel-remove" CancelRemove(lifecycle::fail_cancel_remove);
    "0xC9/0x241" "remove-by-surprise" Surprise(lifecycle::detach_by_surprise);
    "0xC9/0x242" "delete-by-surprise" Surprise(lifecycle::delete_by_surprise);
    "SDV/PowerDownFail" "fail-power-down" SetPower(lifecycle::fail_power_down);
    "SDV/PowerUpFail" "fail-power-up" SetPower(lifecycle::fail_power_up);
    "LAB/PowerPagable" "lose-power-pagable" Usage(lifecycle::lose_power_pagable);

    // What is not for this driver.
    "0xC9/0x213" "change-status-of-unknown-pnp" ReservedPnp(not_understood::change_status);
    "0xC9/0x214" "change-information-of-unknown-pnp" ReservedPnp(not_understood::change_information);
    "0xC9/0x220" "complete-system-control" SystemControl(not_understood::complete);
    "0xC9/0x22D" "complete-unknown-pnp" ReservedPnp(not_understood::complete);

    // How requests of the PnP manager are sent on and answered.
    "0xC9/0x211" "skip-device" Pnp(IRP_MN_QUERY_CAPABILITIES, answering::skip_device);
    "0xC9/0x212" "forward-without-copying" Pnp(IRP_MN_QUERY_CAPABILITIES, answering::without_copying);
    "0xC9/0x215" "forward-failed-pnp" Pnp(IRP_MN_QUERY_CAPABILITIES, answering::forward_failed);
    "0xC9/0x216" "turn-pnp-into-not-supported" Pnp(IRP_MN_QUERY_CAPABILITIES, answering::take_answer_back);
    "0xC9/0x216" "remove-as-not-supported" Remove(removing::say_not_supported);
    "0xC9/0x218" "answer-for-bus-driver" Own(IRP_MJ_PNP, IRP_MN_QUERY_ID, answering::succeed);
    "0xC9/0x22E" "complete-successful-pnp" Pnp(IRP_MN_QUERY_CAPABILITIES, answering::succeed);
    "0xC9/0x22F" "complete-untouched-pnp" Pnp(IRP_MN_QUERY_CAPABILITIES, answering::say_not_supported);
    "0xC9/0x22F" "query-remove-as-not-supported" Pnp(IRP_MN_QUERY_REMOVE_DEVICE, answering::say_not_supported);
    "0xC9/0x22F" "surprise-as-not-supported" Pnp(IRP_MN_SURPRISE_REMOVAL, answering::say_surprise_not_supported);
    "0xC9/0x233" "ask-capabilities-without-version" Start(sending_irps::without_version);
    "0xC9/0x234" "ask-capabilities-without-size" Start(sending_irps::without_size);
    "0xC9/0x235" "ask-capabilities-without-address" Start(sending_irps::without_address);
    "0xC9/0x236" "ask-capabilities-without-number" Start(sending_irps::without_number);
    "0xC9/0x23D" "start-pending-not-marked" Pnp(IRP_MN_START_DEVICE, pended::not_marked);

    // How those of the power manager are.
    "0xC9/0x219" "forward-failed-power" Power(IRP_MN_SET_POWER, answering::forward_failed);
    "0xC9/0x21A" "turn-power-into-not-supported" Power(IRP_MN_SET_POWER, answering::take_answer_back_later);
    "0xC9/0x230" "complete-unknown-power" Power(IRP_MN_NO_POWER, not_understood::complete);
    "0xC9/0x231" "complete-successful-power" Power(IRP_MN_SET_POWER, answering::succeed);
    "0xC9/0x232" "complete-untouched-power" Power(IRP_MN_SET_POWER, answering::say_not_supported);
    "0xC9/0x23B" "change-status-of-unknown-power" Power(IRP_MN_NO_POWER, not_understood::change_status);
    "0xC9/0x23D" "power-up-pending-not-marked" Power(IRP_MN_SET_POWER, pended::power_up);
    "0xC9/0x23D" "power-down-pending-not-marked" Power(IRP_MN_SET_POWER, pended::power_down);
    "0xC9/0x23D" "device-power-pending-not-marked" Power(IRP_MN_SET_POWER, pended::device_power);
    "0x9F" "park-power" Power(IRP_MN_SET_POWER, pending::parked);
    "0xC4/0x4100B" "request-power-irp-with-address" Start(answering::request_with_address);
    "SDV/PowerDownAllocate" "allocate-for-sleep" Power(IRP_MN_SET_POWER, answering::allocate);
    "SDV/PowerIrpDDIs" "open-key-in-power" Power(IRP_MN_SET_POWER, answering::open_key);

    // What is registered with WMI.
    "0xC4/0xDA" "unload-with-wmi-callback" Unload(wmi::leave_callback);
    "0xC4/0xDB" "delete-registered-device" Remove(wmi::delete_registered);

    // What is left behind.
    "0xC4/0x15" "free-with-timer" Start(pool_blocks::free_with_timer);
    "0xC4/0x17" "free-with-resource" Start(pool_blocks::free_with_resource);
    "0xC7" "unload-with-timer" Unload(unloading::with_timer);
    "0xE4" "queue-work-item-twice" Start(work_items::queue_twice);
    "0xCE" "unload-with-work-item" Unload(unloading::with_work_item);
    "LAB/LookasideLeft" "unload-with-lookaside" Unload(unloading::with_lookaside);
    "0xC4/0x3F" "reference-deleted-device" Start(device_objects::reference_deleted);
    "0x18" "give-reference-back-twice" Start(device_objects::give_back_twice);
    "SDV/ZwRegistryOpen" "leave-opened-key-open" Start(irql_limits::leave_opened_key);
    "SDV/ZwRegistryOpen" "leave-created-key-open" Start(irql_limits::leave_created_key);
    "SDV/DanglingDeviceObjectReference" "leave-device-reference" Start(device_objects::leave_reference);
    "LAB/ThreadReferenceLeft" "leave-thread-reference" Start(device_objects::leave_thread_reference);
}
