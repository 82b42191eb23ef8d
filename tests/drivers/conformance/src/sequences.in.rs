// What conformance.sys asks the kernel: each sequence with the page of Microsoft's documentation that prescribes its
// result, and what that says, in our words.
//
// Not a module: an invocation of the macro `sequences!`, which whoever includes this file has defined first. One source
// thus serves three readers: the driver runs what is named here, the test of the lab expects exactly that, and the
// documentation lists it.
sequences! {
    completing {
        routines_of_two_layers_last_registered_first "IoSetCompletionRoutine"
            "Completion routines are called from the lowest layer up: who registered last is called first.";
        routines_of_three_layers_last_registered_first "IoSetCompletionRoutine"
            "The same through three layers: each driver's routine, one after the other.";
        a_layer_that_skips_has_no_routine_called "IoSkipCurrentIrpStackLocation"
            "A driver that lets the next one have its stack location has no completion routine.";
        each_routine_gets_its_own_device "IO_COMPLETION_ROUTINE"
            "A completion routine gets the device object of the driver that registered it.";
        each_routine_gets_its_own_context "IO_COMPLETION_ROUTINE"
            "A completion routine gets the context that it was registered with.";
        a_sender_without_a_location_gets_no_device "IoAllocateIrp"
            "Where who allocated an IRP has no stack location in it, its completion routine gets a null device object.";
        a_sender_with_a_location_gets_the_device_that_it_put_there "IoSetNextIrpStackLocation"
            "A sender that wants its device object passed takes a stack location of its own and stores the device there.";
        each_routine_sees_what_the_lowest_driver_completed_with "IoCompleteRequest"
            "Status and information stay, on the way up, as the driver that completed the IRP has set them.";
        call_driver_returns_what_the_dispatch_routine_returned "IoCallDriver"
            "IoCallDriver returns what the dispatch routine of the called driver returned.";
        more_processing_required_stops_completion "IO_COMPLETION_ROUTINE"
            "After STATUS_MORE_PROCESSING_REQUIRED no routine above is called.";
        completing_again_goes_on_above_who_kept "IoCompleteRequest"
            "When the IRP is completed once more, completion goes on with the routine of the next-higher driver.";
        what_was_kept_twice_is_kept_twice "IO_COMPLETION_ROUTINE"
            "Each routine can stop completion for itself.";
        what_was_kept_can_be_sent_down_again "IO_COMPLETION_ROUTINE"
            "A driver that kept an IRP can set up the next stack location again and send it once more.";
        a_request_that_pends_is_completed_later "IoMarkIrpPending"
            "An IRP that was marked pending comes back when its driver completes it, and not before.";
        the_context_of_the_sender_is_passed "IoSetCompletionRoutine"
            "The context is passed to the routine of who sends an IRP of its own as well.";
    }
    invoking {
        success_invokes_on_success "IoSetCompletionRoutine"
            "A success invokes the routine where InvokeOnSuccess was set, whatever else was.";
        an_informational_status_invokes_on_success "IoSetCompletionRoutine"
            "What is a success is told by NT_SUCCESS, to which an informational status is one.";
        a_warning_invokes_on_error "IoSetCompletionRoutine"
            "A warning is no success to NT_SUCCESS, so InvokeOnError decides.";
        an_error_invokes_on_error "IoSetCompletionRoutine"
            "An error invokes the routine where InvokeOnError was set.";
        the_status_alone_is_no_cancellation "IoSetCompletionRoutine"
            "InvokeOnCancel is for IRPs that somebody has cancelled: STATUS_CANCELLED by itself is an error.";
        cancellation_with_an_error_invokes_on_either "IoSetCompletionRoutine"
            "A cancelled IRP that fails invokes the routine where InvokeOnError or InvokeOnCancel was set.";
        cancellation_with_success_invokes_on_either "IoSetCompletionRoutine"
            "A cancelled IRP that succeeds invokes the routine where InvokeOnSuccess or InvokeOnCancel was set.";
        a_registered_routine_is_invoked_by_the_same_flags "IoSetCompletionRoutineEx"
            "The flags mean the same for a routine that is registered with IoSetCompletionRoutineEx.";
    }
    pending {
        what_is_completed_at_once_is_pending_nowhere "IoMarkIrpPending"
            "PendingReturned is FALSE where nobody has marked the IRP.";
        what_pends_is_pending_in_each_routine "IoMarkIrpPending"
            "Where each layer passes the mark on, PendingReturned is TRUE in every routine.";
        what_is_marked_and_completed_at_once_is_pending_too "IoMarkIrpPending"
            "An IRP that was marked is a pending one, even if it is completed before the dispatch routine returns.";
        the_io_manager_marks_for_a_routine_that_is_not_called "IO_COMPLETION_ROUTINE"
            "Where a layer's routine is not called, the I/O manager passes the mark on to its stack location.";
        a_layer_that_skips_lets_the_mark_pass "IoSkipCurrentIrpStackLocation"
            "A layer that skips its stack location has nothing to pass on: the layer above sees the mark.";
        the_mark_is_in_the_location_of_who_pends_alone "IoMarkIrpPending"
            "IoMarkIrpPending marks the current stack location, and IoCallDriver no other.";
        completing_again_is_pending_where_the_keeper_marked "IoMarkIrpPending"
            "A driver that keeps an IRP and returns STATUS_PENDING has marked it: who is above sees PendingReturned.";
    }
    locations {
        each_call_moves_to_the_next_location "IoCallDriver"
            "IoCallDriver makes the next-lower stack location the current one, down to number 1.";
        call_driver_stores_the_device_in_its_location "IoCallDriver"
            "The current stack location has the device object that the IRP was sent to.";
        who_skips_shares_its_location "IoSkipCurrentIrpStackLocation"
            "After the skip the lower driver gets the very stack location that the caller got.";
        what_the_sender_asks_for_arrives_through_copies "IoCopyCurrentIrpStackLocationToNext"
            "Functions and parameters are the same in each location that was copied.";
        call_driver_leaves_the_control_that_was_set "IoSetCompletionRoutine"
            "The lower location's Control has the flags of the routine that was set there.";
        a_routine_is_called_in_its_own_location "IO_COMPLETION_ROUTINE"
            "In a completion routine the current stack location is that of its own driver.";
        the_location_below_a_routine_is_cleared "IoCompleteRequest"
            "What a lower driver was asked for is gone from its location when the routine above it is called.";
        an_irp_that_is_back_stands_above_its_locations "IoAllocateIrp"
            "At its sender, who has no location, an IRP stands where it did before it was sent.";
        an_irp_that_pends_stays_in_the_location_of_who_has_it "IoMarkIrpPending"
            "As long as a driver has an IRP pending, that driver's location is the current one.";
    }
    registering {
        a_registered_routine_gets_its_device_and_context "IoSetCompletionRoutineEx"
            "The routine is called with the driver's device object, the IRP and the context.";
        registering_writes_when_to_invoke "IoSetCompletionRoutineEx"
            "The next stack location gets the flags that were asked for.";
        both_kinds_of_routines_are_called_in_order "IoSetCompletionRoutineEx"
            "Routines of both functions take part in the same order.";
        a_registered_routine_can_keep_the_irp "IoSetCompletionRoutineEx"
            "Such a routine can return STATUS_MORE_PROCESSING_REQUIRED like any other.";
        a_registered_routine_takes_back_an_irp_of_the_drivers_own "IoSetCompletionRoutineEx"
            "It is called with its context also where the driver has no stack location in the IRP.";
    }
    forwarding {
        forwarding_gives_back_what_is_completed_at_once "IoForwardIrpSynchronously"
            "The call returns TRUE when those below have completed the IRP, which the caller then has.";
        forwarding_gives_back_what_fails "IoForwardIrpSynchronously"
            "It returns TRUE for a failed IRP too: the IRP's status tells the failure.";
        forwarding_waits_for_what_pends "IoForwardIrpSynchronously"
            "Where those below have the IRP pending, the call waits.";
        without_a_location_nothing_is_forwarded "IoForwardIrpSynchronously"
            "Without a stack location for the next driver it returns FALSE, and sends nothing.";
    }
    irps {
        an_allocated_irp_is_initialised "IoAllocateIrp"
            "The IRP has as many stack locations as were asked for, stands above them, and is otherwise empty.";
        an_irp_in_memory_of_the_driver_is_initialised_and_can_be_sent "IoInitializeIrp"
            "IoInitializeIrp makes memory of IoSizeOfIrp bytes into the same.";
        a_reused_irp_is_initialised_and_has_the_status_that_was_given "IoReuseIrp"
            "IoReuseIrp initialises the IRP again and sets the status that it is passed.";
        a_reused_irp_can_be_sent_again "IoReuseIrp"
            "It can then be sent as often as that is done.";
        a_reused_irp_is_not_cancelled_any_more "IoReuseIrp"
            "A cancellation of its earlier life is forgotten.";
        a_priority_hint_that_was_set_is_the_one_that_is_got "IoGetIoPriorityHint"
            "IoGetIoPriorityHint gives the hint that IoSetIoPriorityHint has set.";
    }
    building {
        a_built_read_of_a_buffered_device_has_a_system_buffer "IoBuildAsynchronousFsdRequest"
            "For a device with DO_BUFFERED_IO the IRP has a system buffer and no MDL, with length and offset.";
        a_built_write_of_a_buffered_device_has_the_data_copied "IoBuildAsynchronousFsdRequest"
            "For a write the data are in the system buffer.";
        a_built_read_of_a_direct_device_has_a_locked_mdl "IoBuildAsynchronousFsdRequest"
            "For a device with DO_DIRECT_IO the IRP has an MDL of the buffer, whose pages are locked.";
        a_built_read_of_another_device_has_the_buffer_itself "IoBuildAsynchronousFsdRequest"
            "For a device with neither flag the IRP has the caller's buffer.";
        a_built_irp_names_the_thread_that_built_it "IoBuildAsynchronousFsdRequest"
            "Tail.Overlay.Thread is the thread of the caller.";
        a_built_flush_has_no_buffer "IoBuildAsynchronousFsdRequest"
            "For a flush there are no buffers, and as many stack locations as the device asks for.";
        a_synchronous_read_of_a_buffered_device_is_copied_back "IoBuildSynchronousFsdRequest"
            "When the read is completed the data are in the caller's buffer, the status block is written, the event set.";
        a_synchronous_read_of_a_direct_device_sets_its_event "IoBuildSynchronousFsdRequest"
            "With direct I/O status block and event are the same.";
        a_synchronous_read_that_pends_sets_its_event_when_it_is_done "IoBuildSynchronousFsdRequest"
            "After STATUS_PENDING the caller waits for the event, and finds the status block written.";
    }
    control {
        a_control_request_has_its_code_and_lengths "IoBuildDeviceIoControlRequest"
            "The next stack location has IRP_MJ_DEVICE_CONTROL, the code and the lengths of both buffers.";
        an_internal_control_request_has_another_major_function "IoBuildDeviceIoControlRequest"
            "With InternalDeviceIoControl TRUE it has IRP_MJ_INTERNAL_DEVICE_CONTROL.";
        buffered_control_copies_the_input_into_a_system_buffer "IoBuildDeviceIoControlRequest"
            "With METHOD_BUFFERED the input is in a system buffer.";
        buffered_control_copies_the_output_back_as_far_as_the_information_goes "IoBuildDeviceIoControlRequest"
            "With METHOD_BUFFERED as many bytes of output are copied back as Information says.";
        in_direct_control_has_an_mdl_for_the_second_buffer "IoBuildDeviceIoControlRequest"
            "With METHOD_IN_DIRECT the input is buffered, and the second buffer is described by a locked MDL.";
        out_direct_control_has_an_mdl_for_the_second_buffer "IoBuildDeviceIoControlRequest"
            "With METHOD_OUT_DIRECT as well.";
        neither_control_has_the_buffers_themselves "IoBuildDeviceIoControlRequest"
            "With METHOD_NEITHER the addresses are passed as they are, and nothing is allocated.";
        a_control_request_that_succeeds_sets_its_event_and_writes_its_block "IoBuildDeviceIoControlRequest"
            "When the IRP is completed the I/O manager writes the status block and sets the event.";
        a_control_request_that_fails_later_sets_its_event_too "IoBuildDeviceIoControlRequest"
            "After STATUS_PENDING it does so for a failure too.";
    }
    cancelling {
        an_irp_without_a_cancel_routine_is_only_marked "IoCancelIrp"
            "Without a cancel routine Cancel is set, the call returns FALSE, and the IRP stays where it is.";
        an_irp_that_was_not_sent_is_marked_too "IoCancelIrp"
            "Cancel is set whoever has the IRP.";
        the_cancel_routine_is_called_once "IoCancelIrp"
            "Where there is a cancel routine it is called, and the call returns TRUE.";
        the_cancel_routine_is_called_under_the_cancel_spin_lock "DRIVER_CANCEL"
            "The cancel routine runs at DISPATCH_LEVEL with the cancel spin lock, and CancelIrql is for its release.";
        the_cancel_irql_is_that_of_who_cancels "DRIVER_CANCEL"
            "CancelIrql is the IRQL at which IoCancelIrp was called.";
        the_cancel_routine_finds_itself_taken_out_and_the_irp_marked "IoCancelIrp"
            "Before the cancel routine is called it has been taken out of the IRP, and Cancel has been set.";
        the_cancel_routine_gets_the_device_of_the_current_location "IoCancelIrp"
            "The cancel routine gets the device object of the current stack location.";
        a_routine_that_was_taken_back_is_not_called "IoSetCancelRoutine"
            "A driver that gets its routine back from IoSetCancelRoutine has the IRP: the routine will not be called.";
        a_routine_that_is_set_too_late_can_be_taken_back "IoSetCancelRoutine"
            "A routine that is set after the cancellation is not called, and a driver that sees Cancel takes it back.";
        an_irp_that_is_being_cancelled_has_no_routine_to_take_back "IoSetCancelRoutine"
            "Null from IoSetCancelRoutine tells that the routine was called.";
        the_cancel_spin_lock_raises_to_dispatch_level "IoAcquireCancelSpinLock"
            "The lock raises to DISPATCH_LEVEL and gives the IRQL before; its release restores that.";
        an_irp_can_succeed_although_it_is_cancelled "IoCancelIrp"
            "A driver may complete a cancelled IRP with success; Cancel stays set.";
    }
    queues {
        an_irp_in_a_queue_is_pending_and_can_be_cancelled "IoCsqInsertIrp"
            "The insertion marks the IRP pending and sets a cancel routine.";
        irps_are_removed_in_the_order_of_the_peek_callback "IoCsqRemoveNextIrp"
            "The IRP that CsqPeekNextIrp names is removed and has no cancel routine any more; null where there is none.";
        an_irp_is_removed_by_its_context_once "IoCsqRemoveIrp"
            "The IRP of a context is removed, and null is returned once it has been.";
        a_cancelled_irp_is_removed_and_handed_to_the_callback "IoCsqInitialize"
            "The queue's cancel routine removes the IRP and calls CsqCompleteCanceledIrp.";
        an_irp_without_a_context_is_cancelled_too "IoCsqInsertIrp"
            "The context is optional.";
        an_irp_that_was_cancelled_before_does_not_stay_in_the_queue "IoCsqInsertIrp"
            "An IRP that was cancelled before its insertion is handed to CsqCompleteCanceledIrp.";
        the_peek_context_is_passed_to_the_callback "IoCsqRemoveNextIrp"
            "PeekContext is passed to CsqPeekNextIrp.";
        the_queue_is_locked_around_its_callbacks "IoCsqInitialize"
            "CsqInsertIrp, CsqRemoveIrp and CsqPeekNextIrp are called with the lock of CsqAcquireLock.";
        a_queue_that_can_refuse_gets_the_insert_context "IoCsqInsertIrpEx"
            "InsertContext is passed to CsqInsertIrpEx.";
        an_irp_that_is_refused_is_not_pending "IoCsqInsertIrpEx"
            "The failure of CsqInsertIrpEx is returned, and the IRP is neither in the queue nor pending.";
    }
    mdls {
        an_allocated_mdl_describes_its_buffer "IoAllocateMdl"
            "The MDL has the page, the offset and the length of the buffer, and no pages yet.";
        the_size_of_an_mdl_counts_the_pages_that_are_touched "MmSizeOfMdl"
            "The size is that of MDL and of a number for each page that the buffer touches.";
        an_mdl_built_for_nonpaged_pool_has_the_address_of_its_buffer "MmBuildMdlForNonPagedPool"
            "Its system address is the address of the pool.";
        a_partial_mdl_has_the_part_of_the_mapping "IoBuildPartialMdl"
            "The part of a source that has a system address has that address and the offset.";
        a_partial_mdl_of_no_length_goes_to_the_end "IoBuildPartialMdl"
            "Length 0 means from the address to the end of the source.";
        a_partial_mdl_with_a_mapping_of_its_own_is_prepared_for_reuse "MmPrepareMdlForReuse"
            "The part of a source without a mapping can be mapped, and MmPrepareMdlForReuse unmaps it.";
        an_mdl_of_an_irp_becomes_its_first "IoAllocateMdl"
            "With SecondaryBuffer FALSE the IRP's MdlAddress is set.";
        a_secondary_mdl_of_an_irp_is_the_last_of_its_chain "IoAllocateMdl"
            "With SecondaryBuffer TRUE the MDL is put at the end of the IRP's chain.";
        locking_and_unlocking_pages_is_told_by_the_mdl "MmProbeAndLockPages"
            "The MDL tells that its pages are locked until MmUnlockPages.";
        locked_pages_are_mapped_once_and_unmapped_with_them "MmMapLockedPagesSpecifyCache"
            "The mapping is of the same memory at the same offset, and MmUnlockPages takes it away.";
    }
    associated {
        an_associated_irp_leads_to_its_master "IoMakeAssociatedIrp"
            "An associated IRP has its master in AssociatedIrp.MasterIrp.";
        each_associated_irp_that_is_completed_counts_down "IoMakeAssociatedIrp"
            "The completion of an associated IRP counts the master's IrpCount down.";
        the_master_is_completed_with_the_last_associated_irp "IoMakeAssociatedIrp"
            "With the last one the I/O manager completes the master, as its driver left it.";
    }
    remove_locks {
        a_remove_lock_is_acquired_as_often_as_it_takes "IoAcquireRemoveLock"
            "A remove lock can be acquired many times, also with one tag, until its device is removed.";
        a_removed_lock_is_not_acquired_any_more "IoAcquireRemoveLock"
            "After IoReleaseRemoveLockAndWait it returns STATUS_DELETE_PENDING.";
        removal_waits_for_each_acquisition "IoReleaseRemoveLockAndWait"
            "The call returns when all acquisitions have been released.";
    }
    deferred {
        a_dpc_that_is_queued_is_not_queued_again "KeInsertQueueDpc"
            "The call returns FALSE where the DPC is in a queue; it runs once, and not above its IRQL.";
        a_dpc_that_has_run_can_be_queued_again "KeInsertQueueDpc"
            "It returns TRUE again when the DPC has run.";
        a_dpc_that_is_removed_does_not_run "KeRemoveQueueDpc"
            "The call tells whether the DPC was in a queue, and takes it out.";
        a_dpc_runs_at_dispatch_level_with_its_arguments "KDEFERRED_ROUTINE"
            "The routine gets the DPC, its context and both arguments, at DISPATCH_LEVEL.";
        setting_and_cancelling_a_timer_tell_whether_it_was_set "KeSetTimer"
            "KeSetTimer and KeCancelTimer return TRUE where the timer was set.";
        a_timer_that_is_due_is_signalled_and_queues_its_dpc_once "KeSetTimer"
            "When its time has come a timer is signalled, its DPC is queued, and it is not set any more.";
        a_timer_that_is_set_again_is_due_at_the_new_time "KeSetTimer"
            "Setting a timer that is set cancels its earlier time.";
        a_notification_timer_stays_signalled_until_it_is_set "KeInitializeTimerEx"
            "A notification timer ends each wait until it is set again.";
        a_synchronization_timer_ends_one_wait "KeInitializeTimerEx"
            "A synchronization timer ends one wait.";
        a_periodic_timer_is_due_until_it_is_cancelled "KeSetTimerEx"
            "A timer with a period is set again each time, until it is cancelled.";
    }
    work {
        a_work_item_runs_once_at_passive_level "IoQueueWorkItem"
            "A system thread calls the routine once, at PASSIVE_LEVEL.";
        a_work_item_gets_its_device_and_context "IO_WORKITEM_ROUTINE"
            "The routine gets the device object of IoAllocateWorkItem and the context.";
        an_extended_work_item_gets_itself_too "IO_WORKITEM_ROUTINE_EX"
            "The routine of IoQueueWorkItemEx gets the work item besides.";
        a_system_thread_runs_at_passive_level_and_is_signalled_at_its_end "PsCreateSystemThread"
            "The routine gets its context at PASSIVE_LEVEL, and who waits for the thread goes on when it has ended.";
    }
    waiting {
        setting_and_resetting_an_event_tell_its_state_before "KeSetEvent"
            "KeSetEvent and KeResetEvent return the state before; KeReadStateEvent that of now.";
        a_notification_event_stays_signalled "KeInitializeEvent"
            "A notification event ends each wait until it is reset.";
        a_synchronization_event_is_reset_by_the_wait "KeInitializeEvent"
            "A synchronization event is reset by the wait that it ends.";
        a_synchronization_event_lets_one_thread_through "KeInitializeEvent"
            "Of several threads that wait for a synchronization event one goes on.";
        a_notification_event_lets_all_threads_through "KeInitializeEvent"
            "Of several threads that wait for a notification event all go on.";
        a_wait_for_any_tells_which "KeWaitForMultipleObjects"
            "With WaitAny the status is the number of the object, and only that one's signal is taken.";
        a_wait_for_all_takes_none_until_it_has_all "KeWaitForMultipleObjects"
            "With WaitAll no signal is taken until all objects are signalled.";
        a_semaphore_counts "KeReleaseSemaphore"
            "A release adds up to the limit and returns the count before; each wait takes one.";
        a_wait_ends_at_its_timeout_and_not_before "KeWaitForSingleObject"
            "STATUS_TIMEOUT is returned when the interval is over.";
        a_delay_lasts_as_long_as_was_asked_for "KeDelayExecutionThread"
            "The thread goes on when the interval is over, with STATUS_SUCCESS.";
    }
    mutexes {
        a_mutex_is_owned_until_it_is_released_as_often_as_acquired "KeReleaseMutex"
            "A mutex can be acquired again by its owner; a release returns 0 where it makes the mutex free.";
        a_mutex_that_is_owned_is_not_had_by_another_thread "KeInitializeMutex"
            "Another thread waits until the owner has released it.";
        a_fast_mutex_raises_to_apc_level "ExAcquireFastMutex"
            "The owner of a fast mutex runs at APC_LEVEL; the release restores the IRQL.";
        trying_for_a_fast_mutex_tells_whether_it_was_free "ExTryToAcquireFastMutex"
            "The call returns FALSE, and leaves the IRQL, where another thread has the mutex.";
    }
    irql {
        raising_tells_the_irql_before "KeRaiseIrql"
            "KeRaiseIrql gives the IRQL before, to which KeLowerIrql returns.";
        a_spin_lock_raises_to_dispatch_level "KeAcquireSpinLock"
            "The owner of a spin lock runs at DISPATCH_LEVEL; the release restores the IRQL that was given.";
        a_spin_lock_at_dispatch_level_leaves_the_irql "KeAcquireSpinLockAtDpcLevel"
            "KeAcquireSpinLockAtDpcLevel and KeReleaseSpinLockFromDpcLevel leave the IRQL as it is.";
        spin_locks_in_each_other_restore_each_irql "KeReleaseSpinLock"
            "The release of an inner lock goes back to DISPATCH_LEVEL.";
        a_queued_spin_lock_keeps_the_irql_in_its_handle "KeAcquireInStackQueuedSpinLock"
            "The release goes back to the IRQL at which the lock was acquired.";
        a_critical_region_disables_normal_apcs "KeAreApcsDisabled"
            "KeAreApcsDisabled returns TRUE in a critical region, and critical regions nest.";
    }
    devices {
        a_new_device_is_initialised "IoCreateDevice"
            "A new device has what was asked for, one stack location, DO_DEVICE_INITIALIZING and an extension of zeros.";
        a_device_without_an_extension_has_none "IoCreateDevice"
            "Without an extension asked for there is none.";
        a_new_device_is_the_first_of_its_driver_until_it_is_deleted "IoCreateDevice"
            "The driver object leads to its newest device, and each device to the next; IoDeleteDevice takes it out.";
        each_device_of_a_stack_has_a_location_more_than_the_one_below "IoAttachDeviceToDeviceStackSafe"
            "The attached device's StackSize is one more than that of the device below.";
        attaching_goes_to_the_top_of_the_stack "IoAttachDeviceToDeviceStackSafe"
            "A device is attached to the topmost of the stack, which the call stores.";
        the_older_call_returns_the_device_below "IoAttachDeviceToDeviceStack"
            "The older call returns that device.";
        detaching_takes_the_device_off_the_stack "IoDetachDevice"
            "After IoDetachDevice the device below is the topmost again.";
        attaching_takes_over_the_alignment "IoAttachDeviceToDeviceStack"
            "The attached device has the AlignmentRequirement of the device below.";
        the_attached_device_is_the_topmost "IoGetAttachedDeviceReference"
            "The call returns the topmost device of the stack, whichever of it is passed.";
        a_name_belongs_to_one_device_until_it_is_deleted "IoCreateDevice"
            "A name that is taken gives STATUS_OBJECT_NAME_COLLISION, and is free when its device is deleted.";
        a_symbolic_link_is_there_until_it_is_deleted "IoCreateSymbolicLink"
            "The same holds for a symbolic link; one that is not there is STATUS_OBJECT_NAME_NOT_FOUND.";
    }
    registry {
        creating_a_key_tells_whether_it_was_there "ZwCreateKey"
            "The disposition is REG_CREATED_NEW_KEY, or REG_OPENED_EXISTING_KEY for one that was there.";
        a_key_that_is_not_there_cannot_be_opened "ZwOpenKey"
            "A key that is not there, or was deleted, is STATUS_OBJECT_NAME_NOT_FOUND.";
        a_value_that_was_set_is_read_without_regard_to_case "ZwQueryValueKey"
            "A value is read with its type and length; upper and lower case are the same in its name.";
        a_value_needs_room_for_its_header_and_for_its_data "ZwQueryValueKey"
            "No room for the fixed part is STATUS_BUFFER_TOO_SMALL, none for all data STATUS_BUFFER_OVERFLOW; both tell how much it takes.";
        a_value_that_is_not_there_is_not_found "ZwQueryValueKey"
            "A value that is not there is STATUS_OBJECT_NAME_NOT_FOUND.";
        a_value_that_was_deleted_is_not_found "ZwDeleteValueKey"
            "A value that was deleted is not there.";
        enumerating_values_ends_after_the_last "ZwEnumerateValueKey"
            "After the last value comes STATUS_NO_MORE_ENTRIES.";
    }
    queries {
        a_key_is_checked_for "RtlCheckRegistryKey"
            "The call tells whether there is a key, by its whole path or by that below the services.";
        a_value_is_stored_directly "RtlQueryRegistryValues"
            "With RTL_QUERY_REGISTRY_DIRECT a REG_DWORD is stored where EntryContext points.";
        a_value_that_is_not_there_has_its_default "RtlQueryRegistryValues"
            "Where there is no value the default is stored.";
        a_value_without_a_default_leaves_what_was_there "RtlQueryRegistryValues"
            "With REG_NONE for the default's type nothing is stored.";
        a_value_that_is_required_has_to_be_there "RtlQueryRegistryValues"
            "With RTL_QUERY_REGISTRY_REQUIRED a value that is not there is STATUS_OBJECT_NAME_NOT_FOUND, and there is no default.";
        a_value_of_another_type_is_refused "RtlQueryRegistryValues"
            "With RTL_QUERY_REGISTRY_TYPECHECK another type is STATUS_OBJECT_TYPE_MISMATCH.";
        a_value_is_deleted_by_its_path "RtlDeleteRegistryValue"
            "A value is deleted once.";
    }
    strings {
        a_string_is_as_long_as_its_text "RtlInitUnicodeString"
            "Length is that of the text in bytes, MaximumLength has its end too, and both are 0 for no text.";
        copying_a_string_stops_where_the_room_ends "RtlCopyUnicodeString"
            "As much is copied as there is room for; of no source the length is 0.";
        appending_needs_room_for_all "RtlAppendUnicodeStringToString"
            "Without room for all of it nothing is appended: STATUS_BUFFER_TOO_SMALL.";
        comparing_respects_case_unless_told_otherwise "RtlCompareUnicodeString"
            "The sign of the result is the order of the texts, with or without regard to case.";
        a_string_has_its_beginnings_for_prefixes "RtlPrefixUnicodeString"
            "A text is a prefix of each that begins with it, and of itself.";
        a_number_is_read_in_its_base "RtlUnicodeStringToInteger"
            "The base is the one that is passed, or for 0 that of the prefix; a sign is read, and what is no digit ends the number.";
        a_number_is_written_where_there_is_room "RtlIntegerToUnicodeString"
            "The number is written in its base, 0 meaning 10; without room it is STATUS_BUFFER_OVERFLOW.";
        a_string_is_made_of_bytes_in_memory_that_is_freed "RtlAnsiStringToUnicodeString"
            "With AllocateDestinationString memory is allocated; without it a buffer that is too small is STATUS_BUFFER_OVERFLOW.";
        comparing_memory_tells_how_much_is_the_same "RtlCompareMemory"
            "The result is how many bytes are the same, from the first on.";
    }
    lists {
        an_interlocked_list_tells_what_was_first_or_last "ExInterlockedInsertHeadList"
            "The insertions return the entry that was first or last, null for an empty list; entries come out in order.";
        a_sequenced_list_gives_back_the_last_first "ExInterlockedPushEntrySList"
            "A push returns the entry that was first; what was pushed last is popped first; the depth counts them.";
        flushing_a_sequenced_list_gives_back_all "ExInterlockedFlushSList"
            "The flush returns the first entry, which leads to the others, and empties the list.";
        pool_is_zeroed_and_aligned "ExAllocatePool2"
            "Pool is zeroed, and aligned to 16 bytes, or to a page from a page's size on.";
    }
}
