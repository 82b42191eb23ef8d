// What a driver image built here may import: the allow-list, and what is held true of each row.
//
// Not a module: an invocation of the macro `kernel_imports!`, which whoever includes this file has
// defined first. One source thus serves two readers. `crates/wdm` asserts at compile time that
// wdk-sys's binding of a function has these sizes; xtask compares each row with Microsoft's
// metadata and refuses an image that imports anything else.
//
// A row is `Name(size of each parameter) -> size of the return value;` in bytes, without the arrow
// where nothing is returned. `also` names another image that exports the function. The sizes are
// those of x64 and arm64 alike: pointer and SIZE_T 8, ULONG and NTSTATUS 4, BOOLEAN and CCHAR 1.
// Rows are sorted within their block.
//
// A row stands here because `crates/wdm` calls it today. Left out on purpose:
// - __chkstk: only a frame of more than a page calls it, and such a frame has no place in a driver
//   whose kernel stack it shares with every other driver of the device stack.
kernel_imports! {
    "ntoskrnl.exe" {
        ExAllocatePool2(8, 8, 4) -> 8;
        ExFreePoolWithTag(8, 4);
        IoAcquireRemoveLockEx(8, 8, 8, 4, 4) -> 4;
        IoAllocateErrorLogEntry(8, 1) -> 8;
        IoAllocateIrp(1, 1) -> 8;
        IoAllocateMdl(8, 4, 1, 1, 8) -> 8;
        IoAllocateWorkItem(8) -> 8;
        IoAttachDeviceToDeviceStackSafe(8, 8, 8) -> 4;
        IoBuildAsynchronousFsdRequest(4, 8, 8, 4, 8, 8) -> 8;
        IoBuildPartialMdl(8, 8, 8, 4);
        IoCancelIrp(8) -> 1;
        IoCreateDevice(8, 4, 8, 4, 4, 1, 8) -> 4;
        IoCsqInitializeEx(8, 8, 8, 8, 8, 8, 8) -> 4;
        IoCsqInsertIrpEx(8, 8, 8, 8) -> 4;
        IoCsqRemoveNextIrp(8, 8) -> 8;
        IoDeleteDevice(8);
        IoDetachDevice(8);
        IoForwardIrpSynchronously(8, 8) -> 1;
        IoFreeIrp(8);
        IoFreeMdl(8);
        IoFreeWorkItem(8);
        IoGetAttachedDeviceReference(8) -> 8;
        IoGetIoPriorityHint(8) -> 4;
        IoInitializeRemoveLockEx(8, 4, 4, 4, 4);
        IoInvalidateDeviceState(8);
        IoOpenDeviceRegistryKey(8, 4, 4, 8) -> 4;
        IoQueueWorkItem(8, 8, 4, 8);
        IoReleaseRemoveLockAndWaitEx(8, 8, 4);
        IoReleaseRemoveLockEx(8, 8, 4);
        IoReuseIrp(8, 4);
        IoSetCompletionRoutineEx(8, 8, 8, 8, 1, 1, 1) -> 4;
        IoSetIoPriorityHint(8, 4) -> 4;
        IoWriteErrorLogEntry(8);
        IofCallDriver(8, 8) -> 4;
        IofCompleteRequest(8, 1);
        KeBugCheckEx(4, 8, 8, 8, 8);
        KeCancelTimer(8) -> 1;
        KeClearEvent(8);
        KeFlushQueuedDpcs();
        KeGetCurrentProcessorNumberEx(8) -> 4;
        KeInitializeDpc(8, 8, 8);
        KeInitializeEvent(8, 4, 1);
        KeInitializeTimer(8);
        KeQueryMaximumProcessorCountEx(2) -> 4;
        KeQueryUnbiasedInterruptTime() -> 8;
        KeReadStateEvent(8) -> 4;
        KeSetEvent(8, 4, 1) -> 4;
        KeSetTimer(8, 8, 8) -> 1;
        KeWaitForSingleObject(8, 4, 1, 1, 8) -> 4;
        MmBuildMdlForNonPagedPool(8);
        MmMapLockedPagesSpecifyCache(8, 1, 4, 8, 4, 4) -> 8;
        MmUnlockPages(8);
        MmUnmapLockedPages(8, 8);
        ObfDereferenceObject(8) -> 8;
        ObfReferenceObject(8) -> 8;
    }

    "HAL.dll" {
        // Which of the two a link names is up to its import libraries.
        KeQueryPerformanceCounter(8) -> 8, also "ntoskrnl.exe";
    }

    // Exported there for user mode; a driver has the kernel's own of the name.
    "ntdll.dll" {
        ZwClose(8) -> 4, also "ntoskrnl.exe";
        ZwOpenKey(8, 4, 8) -> 4, also "ntoskrnl.exe";
        ZwQueryValueKey(8, 8, 4, 8, 4, 8) -> 4, also "ntoskrnl.exe";
    }

    // Not in the metadata, each with the reason why it is allowed all the same.
    unlisted "ntoskrnl.exe" {
        KeAcquireSpinLockRaiseToDpc(8) -> 1, "documented, and exported on every 64-bit Windows";
        KeReleaseSpinLock(8, 1), "documented, and exported on every 64-bit Windows";
        memcmp(8, 8, 8) -> 4, "C runtime export of the kernel: the compiler calls it to compare slices";
        memcpy(8, 8, 8) -> 8, "C runtime export of the kernel: the compiler calls it to copy values";
        memmove(8, 8, 8) -> 8, "C runtime export of the kernel: the compiler calls it where a copy may overlap";
        memset(8, 4, 8) -> 8, "C runtime export of the kernel: the compiler calls it to fill memory";
    }
}
