sequences! {
    completing {
        routines_of_two_layers_last_registered_first "P" "F";
        routines_of_three_layers_last_registered_first "P" "F";
        a_layer_that_skips_has_no_routine_called "P" "F";
        each_routine_gets_its_own_device "P" "F";
        each_routine_gets_its_own_context "P" "F";
        a_sender_without_a_location_gets_no_device "P" "F";
        a_sender_with_a_location_gets_the_device_that_it_put_there "P" "F";
        each_routine_sees_what_the_lowest_driver_completed_with "P" "F";
        call_driver_returns_what_the_dispatch_routine_returned "P" "F";
        more_processing_required_stops_completion "P" "F";
        completing_again_goes_on_above_who_kept "P" "F";
        what_was_kept_twice_is_kept_twice "P" "F";
        what_was_kept_can_be_sent_down_again "P" "F";
        a_request_that_pends_is_completed_later "P" "F";
        the_context_of_the_sender_is_passed "P" "F";
    }
    invoking {
        success_invokes_on_success "P" "F";
        an_informational_status_invokes_on_success "P" "F";
        a_warning_invokes_on_error "P" "F";
        an_error_invokes_on_error "P" "F";
        the_status_alone_is_no_cancellation "P" "F";
        cancellation_with_an_error_invokes_on_either "P" "F";
        cancellation_with_success_invokes_on_either "P" "F";
        a_registered_routine_is_invoked_by_the_same_flags "P" "F";
    }
    pending {
        what_is_completed_at_once_is_pending_nowhere "P" "F";
        what_pends_is_pending_in_each_routine "P" "F";
        what_is_marked_and_completed_at_once_is_pending_too "P" "F";
        the_io_manager_marks_for_a_routine_that_is_not_called "P" "F";
        a_layer_that_skips_lets_the_mark_pass "P" "F";
        the_mark_is_in_the_location_of_who_pends_alone "P" "F";
        completing_again_is_pending_where_the_keeper_marked "P" "F";
    }
    locations {
        each_call_moves_to_the_next_location "P" "F";
        call_driver_stores_the_device_in_its_location "P" "F";
        who_skips_shares_its_location "P" "F";
        what_the_sender_asks_for_arrives_through_copies "P" "F";
        call_driver_leaves_the_control_that_was_set "P" "F";
        a_routine_is_called_in_its_own_location "P" "F";
        the_location_below_a_routine_is_cleared "P" "F";
        an_irp_that_is_back_stands_above_its_locations "P" "F";
        an_irp_that_pends_stays_in_the_location_of_who_has_it "P" "F";
    }
    registering {
        a_registered_routine_gets_its_device_and_context "P" "F";
        registering_writes_when_to_invoke "P" "F";
        both_kinds_of_routines_are_called_in_order "P" "F";
        a_registered_routine_can_keep_the_irp "P" "F";
    }
    forwarding {
        forwarding_gives_back_what_is_completed_at_once "P" "F";
        forwarding_gives_back_what_fails "P" "F";
        forwarding_waits_for_what_pends "P" "F";
        without_a_location_nothing_is_forwarded "P" "F";
    }
    irps {
        an_allocated_irp_is_initialised "P" "F";
        an_irp_in_memory_of_the_driver_is_initialised_and_can_be_sent "P" "F";
        a_reused_irp_is_initialised_and_has_the_status_that_was_given "P" "F";
        a_reused_irp_can_be_sent_again "P" "F";
        a_reused_irp_is_not_cancelled_any_more "P" "F";
    }
    building {
        a_built_read_of_a_buffered_device_has_a_system_buffer "P" "F";
        a_built_write_of_a_buffered_device_has_the_data_copied "P" "F";
        a_built_read_of_a_direct_device_has_a_locked_mdl "P" "F";
        a_built_read_of_another_device_has_the_buffer_itself "P" "F";
        a_built_flush_has_no_buffer "P" "F";
        a_synchronous_read_of_a_buffered_device_is_copied_back "P" "F";
        a_synchronous_read_of_a_direct_device_sets_its_event "P" "F";
        a_synchronous_read_that_pends_sets_its_event_when_it_is_done "P" "F";
    }
    control {
        a_control_request_has_its_code_and_lengths "P" "F";
        an_internal_control_request_has_another_major_function "P" "F";
        buffered_control_copies_the_input_into_a_system_buffer "P" "F";
        buffered_control_copies_the_output_back_as_far_as_the_information_goes "P" "F";
        in_direct_control_has_an_mdl_for_the_second_buffer "P" "F";
        out_direct_control_has_an_mdl_for_the_second_buffer "P" "F";
        neither_control_has_the_buffers_themselves "P" "F";
        a_control_request_that_succeeds_sets_its_event_and_writes_its_block "P" "F";
        a_control_request_that_fails_later_sets_its_event_too "P" "F";
    }
    cancelling {
        an_irp_without_a_cancel_routine_is_only_marked "P" "F";
        an_irp_that_was_not_sent_is_marked_too "P" "F";
        the_cancel_routine_is_called_once "P" "F";
        the_cancel_routine_is_called_under_the_cancel_spin_lock "P" "F";
        the_cancel_irql_is_that_of_who_cancels "P" "F";
        the_cancel_routine_finds_itself_taken_out_and_the_irp_marked "P" "F";
        the_cancel_routine_gets_the_device_of_the_current_location "P" "F";
        a_routine_that_was_taken_back_is_not_called "P" "F";
        a_routine_that_is_set_too_late_can_be_taken_back "P" "F";
        an_irp_that_is_being_cancelled_has_no_routine_to_take_back "P" "F";
        the_cancel_spin_lock_raises_to_dispatch_level "P" "F";
        an_irp_can_succeed_although_it_is_cancelled "P" "F";
    }
    queues {
        an_irp_in_a_queue_is_pending_and_can_be_cancelled "P" "F";
        irps_are_removed_in_the_order_of_the_peek_callback "P" "F";
        an_irp_is_removed_by_its_context_once "P" "F";
        a_cancelled_irp_is_removed_and_handed_to_the_callback "P" "F";
        an_irp_without_a_context_is_cancelled_too "P" "F";
        an_irp_that_was_cancelled_before_does_not_stay_in_the_queue "P" "F";
        the_peek_context_is_passed_to_the_callback "P" "F";
        the_queue_is_locked_around_its_callbacks "P" "F";
        a_queue_that_can_refuse_gets_the_insert_context "P" "F";
        an_irp_that_is_refused_is_not_pending "P" "F";
    }
    mdls {
        an_allocated_mdl_describes_its_buffer "P" "F";
        the_size_of_an_mdl_counts_the_pages_that_are_touched "P" "F";
        an_mdl_built_for_nonpaged_pool_has_the_address_of_its_buffer "P" "F";
        a_partial_mdl_has_the_part_of_the_mapping "P" "F";
        a_partial_mdl_of_no_length_goes_to_the_end "P" "F";
        a_partial_mdl_with_a_mapping_of_its_own_is_prepared_for_reuse "P" "F";
        an_mdl_of_an_irp_becomes_its_first "P" "F";
        a_secondary_mdl_of_an_irp_is_the_last_of_its_chain "P" "F";
        locking_and_unlocking_pages_is_told_by_the_mdl "P" "F";
        locked_pages_are_mapped_once_and_unmapped_with_them "P" "F";
    }
    associated {
        an_associated_irp_leads_to_its_master "P" "F";
        each_associated_irp_that_is_completed_counts_down "P" "F";
        the_master_is_completed_with_the_last_associated_irp "P" "F";
    }
    remove_locks {
        a_remove_lock_is_acquired_as_often_as_it_takes "P" "F";
        a_removed_lock_is_not_acquired_any_more "P" "F";
        removal_waits_for_each_acquisition "P" "F";
    }
    deferred {
        a_dpc_that_is_queued_is_not_queued_again "P" "F";
        a_dpc_that_has_run_can_be_queued_again "P" "F";
        a_dpc_that_is_removed_does_not_run "P" "F";
        a_dpc_runs_at_dispatch_level_with_its_arguments "P" "F";
        setting_and_cancelling_a_timer_tell_whether_it_was_set "P" "F";
        a_timer_that_is_due_is_signalled_and_queues_its_dpc_once "P" "F";
        a_timer_that_is_set_again_is_due_at_the_new_time "P" "F";
        a_notification_timer_stays_signalled_until_it_is_set "P" "F";
        a_synchronization_timer_ends_one_wait "P" "F";
        a_periodic_timer_is_due_until_it_is_cancelled "P" "F";
    }
    work {
        a_work_item_runs_once_at_passive_level "P" "F";
        a_work_item_gets_its_device_and_context "P" "F";
        an_extended_work_item_gets_itself_too "P" "F";
        a_system_thread_runs_at_passive_level_and_is_signalled_at_its_end "P" "F";
    }
    waiting {
        setting_and_resetting_an_event_tell_its_state_before "P" "F";
        a_notification_event_stays_signalled "P" "F";
        a_synchronization_event_is_reset_by_the_wait "P" "F";
        a_synchronization_event_lets_one_thread_through "P" "F";
        a_notification_event_lets_all_threads_through "P" "F";
        a_wait_for_any_tells_which "P" "F";
        a_wait_for_all_takes_none_until_it_has_all "P" "F";
        a_semaphore_counts "P" "F";
        a_wait_ends_at_its_timeout_and_not_before "P" "F";
        a_delay_lasts_as_long_as_was_asked_for "P" "F";
    }
    mutexes {
        a_mutex_is_owned_until_it_is_released_as_often_as_acquired "P" "F";
        a_mutex_that_is_owned_is_not_had_by_another_thread "P" "F";
        a_fast_mutex_raises_to_apc_level "P" "F";
        trying_for_a_fast_mutex_tells_whether_it_was_free "P" "F";
    }
    irql {
        raising_tells_the_irql_before "P" "F";
        a_spin_lock_raises_to_dispatch_level "P" "F";
        a_spin_lock_at_dispatch_level_leaves_the_irql "P" "F";
        spin_locks_in_each_other_restore_each_irql "P" "F";
        a_queued_spin_lock_keeps_the_irql_in_its_handle "P" "F";
        a_critical_region_disables_normal_apcs "P" "F";
    }
    devices {
        a_new_device_is_initialised "P" "F";
        a_device_without_an_extension_has_none "P" "F";
        a_new_device_is_the_first_of_its_driver_until_it_is_deleted "P" "F";
        each_device_of_a_stack_has_a_location_more_than_the_one_below "P" "F";
        attaching_goes_to_the_top_of_the_stack "P" "F";
        the_older_call_returns_the_device_below "P" "F";
        detaching_takes_the_device_off_the_stack "P" "F";
        attaching_takes_over_the_alignment "P" "F";
        the_attached_device_is_the_topmost "P" "F";
        a_name_belongs_to_one_device_until_it_is_deleted "P" "F";
        a_symbolic_link_is_there_until_it_is_deleted "P" "F";
    }
    registry {
        creating_a_key_tells_whether_it_was_there "P" "F";
        a_key_that_is_not_there_cannot_be_opened "P" "F";
        a_value_that_was_set_is_read_without_regard_to_case "P" "F";
        a_value_needs_room_for_its_header_and_for_its_data "P" "F";
        a_value_that_is_not_there_is_not_found "P" "F";
        a_value_that_was_deleted_is_not_found "P" "F";
        enumerating_values_ends_after_the_last "P" "F";
    }
    queries {
        a_key_is_checked_for "P" "F";
        a_value_is_stored_directly "P" "F";
        a_value_that_is_not_there_has_its_default "P" "F";
        a_value_without_a_default_leaves_what_was_there "P" "F";
        a_value_that_is_required_has_to_be_there "P" "F";
        a_value_of_another_type_is_refused "P" "F";
        a_value_is_deleted_by_its_path "P" "F";
    }
    strings {
        a_string_is_as_long_as_its_text "P" "F";
        copying_a_string_stops_where_the_room_ends "P" "F";
        appending_needs_room_for_all "P" "F";
        comparing_respects_case_unless_told_otherwise "P" "F";
        a_string_has_its_beginnings_for_prefixes "P" "F";
        a_number_is_read_in_its_base "P" "F";
        a_number_is_written_where_there_is_room "P" "F";
        a_string_is_made_of_bytes_in_memory_that_is_freed "P" "F";
        comparing_memory_tells_how_much_is_the_same "P" "F";
    }
    lists {
        an_interlocked_list_tells_what_was_first_or_last "P" "F";
        a_sequenced_list_gives_back_the_last_first "P" "F";
        flushing_a_sequenced_list_gives_back_all "P" "F";
        pool_is_zeroed_and_aligned "P" "F";
    }
}
