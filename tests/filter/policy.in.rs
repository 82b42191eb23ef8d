// What the filter does with each request: the policy table of `docs/irp-ownership.md`.
//
// Not a module: an invocation of the macro `policy!`, which whoever includes this file has defined first. One source thus
// serves two readers: the tests send every request of every row to the driver and see that it does what the row says, and
// `cargo xtask docs` writes the table.
//
// A request is of the first row that fits.

policy! {
    ways {
        Followed = "follow, Ex",
            "Takes a slot, copies the stack location, registers with IoSetCompletionRoutineEx, calls. A refused registration \
             completes the IRP with its status, and the IRP is not sent.";
        FollowedInfallibly = "follow, plain",
            "Takes a slot of the reserve, copies the stack location, registers with IoSetCompletionRoutine, which cannot fail, \
             calls.";
        Waited = "forward and wait",
            "IoForwardIrpSynchronously, then the filter's part, then completes the IRP with what the drivers below answered.";
        Passed = "skip, call",
            "Skips its own stack location and calls, with `IoStatus` as it came. It does not hear of the IRP again.";
        Succeeded = "succeed, skip, call",
            "Does its part, sets STATUS_SUCCESS, skips and calls.";
        Removed = "succeed, skip, call, remove",
            "As above; then waits for the remove lock, detaches and deletes the device, and returns what the drivers below \
             returned.";
        Refused = "refuse",
            "Completes the IRP with an error. The drivers below do not see it.";
        Answered = "answer",
            "Completes the IRP with success and its own answer. The drivers below do not see it.";
    }

    rows {
        "READ and WRITE that are paging I/O":
            Case { major: IRP_MJ_READ | IRP_MJ_WRITE, paging: true, .. } => FollowedInfallibly, Fails,
            "The memory manager waits for a page, and must not be told that memory ran out. So nothing is allocated, and no \
             other request can use up these slots. The bit is IRP_PAGING_IO (0x2), which means this for READ and WRITE only.";
        "READ, WRITE":
            Case { major: IRP_MJ_READ | IRP_MJ_WRITE, .. } => Followed, Fails,
            "What the filter is for. Such a request may fail for want of memory.";
        "FLUSH_BUFFERS where `FollowFlush` is 0, DEVICE_CONTROL where `FollowDeviceControl` is 0":
            Case { major: IRP_MJ_FLUSH_BUFFERS | IRP_MJ_DEVICE_CONTROL, situation: Situation::FollowsTransfersOnly, .. }
                => Passed, Fails,
            "So it was asked for.";
        "DEVICE_CONTROL that enables BypassIO (IOCTL_STORAGE_MANAGE_BYPASS_IO), where `BypassIo` is 1":
            Case { enables_bypass_io: true, situation: Situation::VetoesBypassIo, .. } => Answered, Fails,
            "Reads would go past the filter. The answer names the driver and the reason; as documented it is in the buffer, \
             and the status is success.";
        "FLUSH_BUFFERS, DEVICE_CONTROL":
            Case { major: IRP_MJ_FLUSH_BUFFERS | IRP_MJ_DEVICE_CONTROL, .. } => Followed, Fails,
            "As READ and WRITE.";
        "INTERNAL_DEVICE_CONTROL":
            Case { major: IRP_MJ_INTERNAL_DEVICE_CONTROL, .. } => Passed, Fails,
            "Counted. Its result is in a structure that two other drivers agreed on (an SRB has SrbStatus), so the filter \
             could not say there that a registration was refused.";
        "PNP START_DEVICE":
            Case { major: IRP_MJ_PNP, minor: 0x00, .. } => Waited, Fails,
            "What the medium is may be known only when the drivers below have started, and is taken over then. Nothing is \
             allocated for it: a boot disk is not lost over a filter.";
        "PNP DEVICE_USAGE_NOTIFICATION of a paging, hibernation, dump or boot file that comes, on a device that is not started":
            Case { major: IRP_MJ_PNP, minor: 0x16, usage: 1..=4, in_path: true, situation: Situation::NotStarted, .. }
                => Refused, Fails,
            "STATUS_DEVICE_NOT_READY: a device that may be about to be stopped takes no new file.";
        "PNP DEVICE_USAGE_NOTIFICATION of such a file":
            Case { major: IRP_MJ_PNP, minor: 0x16, usage: 1..=4, .. } => Waited, Fails,
            "Counted by type, one notification at a time. While the drivers below are asked, a file that comes counts already \
             and one that goes still does; where they refuse, nothing has changed. DO_POWER_PAGABLE goes from the bottom of \
             the stack up, and comes back from its top down.";
        "PNP DEVICE_USAGE_NOTIFICATION of any other type":
            Case { major: IRP_MJ_PNP, minor: 0x16, .. } => Passed, Fails,
            "A filter that refused what it does not know would refuse every type that is invented after it.";
        "PNP QUERY_REMOVE_DEVICE and QUERY_STOP_DEVICE while a paging, hibernation or dump file is on the device":
            Case { major: IRP_MJ_PNP, minor: 0x01 | 0x05, situation: Situation::HoldsFile, .. } => Refused, Fails,
            "STATUS_UNSUCCESSFUL: the system pages to it, or would write a dump or itself to it.";
        "PNP QUERY_REMOVE_DEVICE, QUERY_STOP_DEVICE":
            Case { major: IRP_MJ_PNP, minor: 0x01 | 0x05, .. } => Succeeded, Fails,
            "The filter agrees, and the drivers below may still refuse.";
        "PNP QUERY_PNP_DEVICE_STATE while a paging, hibernation, dump or boot file is on the device":
            Case { major: IRP_MJ_PNP, minor: 0x14, situation: Situation::HoldsFile, .. } => Waited, Fails,
            "PNP_DEVICE_NOT_DISABLEABLE is added to what the drivers below answer.";
        "PNP SURPRISE_REMOVAL, STOP_DEVICE, CANCEL_STOP_DEVICE, CANCEL_REMOVE_DEVICE":
            Case { major: IRP_MJ_PNP, minor: 0x03 | 0x04 | 0x06 | 0x17, .. } => Succeeded, Succeeds,
            "They say what is so and may not fail, so they depend on no allocation. SURPRISE_REMOVAL neither detaches nor \
             deletes: REMOVE_DEVICE is still to come.";
        "PNP REMOVE_DEVICE":
            Case { major: IRP_MJ_PNP, minor: 0x02, .. } => Removed, Succeeds,
            "It may not fail. The drivers below let go first, requests that are still in this driver end, and then the \
             device goes.";
        "PNP, every other minor function":
            Case { major: IRP_MJ_PNP, .. } => Passed, Fails,
            "The status of a request that a driver has no part in is not the driver's to set.";
        "POWER SET_POWER, CLEANUP, CLOSE":
            Case { major: IRP_MJ_POWER, minor: 0x02, .. } | Case { major: IRP_MJ_CLEANUP | IRP_MJ_CLOSE, .. }
                => Passed, Succeeds,
            "They may not fail. Of a device that is probed the filter sees on their way down whether it sleeps; else there is nothing to learn from them.";
        "POWER, every other minor function; SYSTEM_CONTROL":
            Case { major: IRP_MJ_POWER | IRP_MJ_SYSTEM_CONTROL, .. } => Passed, Fails,
            "The filter is not the power policy owner, and no WMI provider.";
        "every other major function, CREATE and SHUTDOWN among them":
            Case { .. } => Passed, Fails,
            "Nothing to learn.";
    }
}
