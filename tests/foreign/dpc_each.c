/* expect: clean. Completes what a write came back with in a DPC of the processor that sent it, with nested in-stack queued locks in a fixed order. */

#define FILTER_FIELDS struct LANE *Lanes; ULONG Count; KSPIN_LOCK Outer; KSPIN_LOCK Inner; ULONG64 Sequence; ULONG Depth;
#include "filter.h"

/* What the DPC looks at besides. */
#ifndef PEEK
#define PEEK(Filter) (void)(Filter)
#endif

typedef struct LANE {
    KDPC Dpc;
    LIST_ENTRY Finished;
    KSPIN_LOCK Lock;
} LANE;

static void Count(FILTER *Filter, LONG By)
{
    KLOCK_QUEUE_HANDLE outer, inner;

    KeAcquireInStackQueuedSpinLock(&Filter->Outer, &outer);
    Filter->Sequence++;
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&Filter->Inner, &inner);
    Filter->Depth += By;
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&inner);
    KeReleaseInStackQueuedSpinLock(&outer);
}

static VOID NTAPI Finish(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    FILTER *filter = Context;
    LANE *lane = CONTAINING_RECORD(Dpc, LANE, Dpc);
    PLIST_ENTRY entry;

    (void)Argument1;
    (void)Argument2;
    while ((entry = ExInterlockedRemoveHeadList(&lane->Finished, &lane->Lock)) != NULL) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        Count(filter, -1);
        PEEK(filter);
        IoCompleteRequest(irp, IO_DISK_INCREMENT);
        IoReleaseRemoveLock(&filter->RemoveLock, irp);
    }
}

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    LANE *lane = Context;

    (void)Device;
    ExInterlockedInsertTailList(&lane->Finished, &Irp->Tail.Overlay.ListEntry, &lane->Lock);
    KeInsertQueueDpc(&lane->Dpc, NULL, NULL);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Write(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    LANE *lane;

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    lane = &filter->Lanes[KeGetCurrentProcessorNumberEx(NULL) % filter->Count];
    Count(filter, 1);
    IoMarkIrpPending(Irp);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, lane, TRUE, TRUE, TRUE);
    IoCallDriver(filter->Lower, Irp);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)Write;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    ULONG i;

    KeInitializeSpinLock(&Filter->Outer);
    KeInitializeSpinLock(&Filter->Inner);
    Filter->Count = KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS);
    Filter->Lanes = ExAllocatePoolWithTag(NonPagedPool, Filter->Count * sizeof(LANE), TAG);
    if (Filter->Lanes == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (i = 0; i < Filter->Count; i++) {
        LANE *lane = &Filter->Lanes[i];

        InitializeListHead(&lane->Finished);
        KeInitializeSpinLock(&lane->Lock);
        KeInitializeDpc(&lane->Dpc, Finish, Filter);
        KeSetImportanceDpc(&lane->Dpc, HighImportance);
        if (i < 64)
            KeSetTargetProcessorDpc(&lane->Dpc, (CCHAR)i);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    KeFlushQueuedDpcs();
    ExFreePoolWithTag(Filter->Lanes, TAG);
}
