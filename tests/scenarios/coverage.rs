//! A scenario that silently does nothing would be clean for every driver: each has to do, over some seeds, what it is for.

use super::run;

fn assert_counted(scenario: &str, counters: &[&str]) {
    let report = run(&irpscope_tests::offender_path(), None, scenario, 50);
    report.assert_clean();
    let missing: Vec<&&str> = counters
        .iter()
        .filter(|name| report.counters.get(**name).is_none_or(|count| *count == 0))
        .collect();
    assert!(
        missing.is_empty(),
        "{scenario} has none of {missing:?}: {:#?}",
        report.counters
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn lifecycle_makes_every_step_also_where_it_fails() {
    assert_counted(
        "lifecycle",
        &[
            "AddDevice",
            "AddDevice failed for lack of resources",
            "devices added again",
            "PnP START_DEVICE",
            "PnP START_DEVICE failed",
            "PnP QUERY_STOP_DEVICE",
            "PnP QUERY_STOP_DEVICE failed",
            "PnP STOP_DEVICE",
            "PnP CANCEL_STOP_DEVICE",
            "PnP QUERY_REMOVE_DEVICE",
            "PnP QUERY_REMOVE_DEVICE failed",
            "PnP CANCEL_REMOVE_DEVICE",
            "PnP SURPRISE_REMOVAL",
            "PnP REMOVE_DEVICE",
            "PnP QUERY_CAPABILITIES",
            "PnP QUERY_PNP_DEVICE_STATE",
            "PnP QUERY_DEVICE_RELATIONS (bus) failed",
            "PnP QUERY_DEVICE_RELATIONS (removal) failed",
            "PnP QUERY_DEVICE_RELATIONS (target)",
            "PnP QUERY_INTERFACE failed",
            "PnP FILTER_RESOURCE_REQUIREMENTS failed",
            "PnP with requests under way",
            "IoInvalidateDeviceState answered",
            "IoInvalidateDeviceRelations answered",
            "requests that waited for the disk",
            "system went to sleep",
            "power requests that waited for their turn",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn paging_has_files_of_every_type_refused_and_at_once() {
    assert_counted(
        "paging",
        &[
            "usage paging in",
            "usage paging in refused",
            "usage paging out",
            "usage hibernation in",
            "usage hibernation in refused",
            "usage dump in",
            "usage dump in refused",
            "usage boot in",
            "usage boot in refused",
            "usage unknown in refused",
            "usage notifications at once",
            "IoInvalidateDeviceState answered",
            "PnP QUERY_STOP_DEVICE failed",
            "PnP QUERY_REMOVE_DEVICE failed",
            "paging I/O failed for want of memory",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn power_sleeps_wakes_and_is_refused() {
    assert_counted(
        "power",
        &[
            "power queries",
            "power queries refused",
            "system went to sleep",
            "system went on",
            "system went on without having slept",
            "disk fell asleep",
            "disk woke",
            "requests that waited for the disk",
            "power requests at DISPATCH_LEVEL",
            "WAIT_WAKE",
            "WAIT_WAKE cancelled",
            "WAIT_WAKE woke the machine",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn cancel_cancels_before_below_and_from_a_dpc() {
    assert_counted(
        "cancel",
        &[
            "cancelled before they were sent",
            "cancelled by their sender",
            "cancelled by a DPC",
            "requests that the disk kept until cancelled",
            "ended with STATUS_CANCELLED",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn media_are_changed_verified_and_short() {
    assert_counted(
        "media",
        &[
            "media taken out",
            "media put in",
            "requests without a medium",
            "requests that have to verify the volume",
            "volumes verified",
            "short transfers",
            "transfers that were too long for the disk",
            "ended with STATUS_VERIFY_REQUIRED",
            "ended with STATUS_NO_MEDIA_IN_DEVICE",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn split_asks_for_too_much_and_is_interrupted() {
    assert_counted(
        "split",
        &[
            "transfers that were too long for the disk",
            "chained transfers that were too long for the disk",
            "short transfers",
            "cancelled before they were sent",
            "cancelled by a DPC",
            "requests that the disk kept until cancelled",
            "transient errors of the disk",
            "surprise removals with requests under way",
            "PnP STOP_DEVICE",
            "system went to sleep",
            "usage paging in",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn retry_fails_for_a_while_with_each_status_and_is_interrupted() {
    assert_counted(
        "retry",
        &[
            "transient errors of the disk",
            "ended with STATUS_IO_TIMEOUT",
            "ended with STATUS_DEVICE_BUSY",
            "ended with STATUS_DEVICE_NOT_READY",
            "ended with STATUS_IO_DEVICE_ERROR",
            "ended with STATUS_DEVICE_DATA_ERROR",
            "FLUSH_BUFFERS failed",
            "cancelled by a DPC",
            "surprise removals with requests under way",
            "PnP STOP_DEVICE",
            "system went to sleep",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn probe_has_a_disk_that_hangs_and_goes_and_sleeps() {
    assert_counted(
        "probe",
        &[
            "times that the disk hung",
            "requests that waited for the disk",
            "surprise removals with requests under way",
            "surprise removals of a hung disk",
            "PnP QUERY_STOP_DEVICE",
            "PnP CANCEL_REMOVE_DEVICE",
            "PnP STOP_DEVICE",
            "system went to sleep",
        ],
    );
}

#[test]
#[ignore = "needs the drivers that cargo xtask build --test-drivers makes"]
fn mixed_has_a_share_of_the_others() {
    assert_counted(
        "mixed",
        &[
            "PnP STOP_DEVICE",
            "PnP CANCEL_STOP_DEVICE",
            "PnP CANCEL_REMOVE_DEVICE",
            "PnP QUERY_PNP_DEVICE_STATE",
            "PnP SURPRISE_REMOVAL",
            "usage paging in",
            "usage paging out",
            "system went to sleep",
        ],
    );
}
