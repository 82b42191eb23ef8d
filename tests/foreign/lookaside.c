/* expect: clean. A record of each request from a lookaside list, old or new, kept in a history of the last ones that a control request empties. */

#define FILTER_FIELDS NPAGED_LOOKASIDE_LIST Records; LOOKASIDE_LIST_EX Notes; LIST_ENTRY History; KSPIN_LOCK Lock; ULONG Kept;
#include "filter.h"

/* What becomes of the list. */
#ifndef DELETE_RECORDS
#define DELETE_RECORDS(Filter) ExDeleteNPagedLookasideList(&(Filter)->Records)
#endif

#define MOST_KEPT 32

typedef struct {
    LIST_ENTRY Link;
    FILTER *Filter;
    LARGE_INTEGER Began;
    LARGE_INTEGER Ended;
    NTSTATUS Status;
} RECORD;

typedef struct {
    ULONG Count;
    UCHAR Text[60];
} NOTE;

static void Keep(FILTER *Filter, RECORD *Record)
{
    RECORD *oldest = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&Filter->Lock, &irql);
    InsertTailList(&Filter->History, &Record->Link);
    if (Filter->Kept == MOST_KEPT)
        oldest = CONTAINING_RECORD(RemoveHeadList(&Filter->History), RECORD, Link);
    else
        Filter->Kept++;
    KeReleaseSpinLock(&Filter->Lock, irql);
    if (oldest != NULL)
        ExFreeToNPagedLookasideList(&Filter->Records, oldest);
}

static void Forget(FILTER *Filter)
{
    LIST_ENTRY old;
    KIRQL irql;

    InitializeListHead(&old);
    KeAcquireSpinLock(&Filter->Lock, &irql);
    while (!IsListEmpty(&Filter->History))
        InsertTailList(&old, RemoveHeadList(&Filter->History));
    Filter->Kept = 0;
    KeReleaseSpinLock(&Filter->Lock, irql);
    while (!IsListEmpty(&old))
        ExFreeToNPagedLookasideList(&Filter->Records, CONTAINING_RECORD(RemoveHeadList(&old), RECORD, Link));
}

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    RECORD *record = Context;
    FILTER *filter = record->Filter;

    (void)Device;
    KeQuerySystemTime(&record->Ended);
    record->Status = Irp->IoStatus.Status;
    Keep(filter, record);
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS ReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    RECORD *record;

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    record = ExAllocateFromNPagedLookasideList(&filter->Records);
    if (record == NULL) {
        /* Without a record it is passed on all the same. */
        IoSkipCurrentIrpStackLocation(Irp);
        status = IoCallDriver(filter->Lower, Irp);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return status;
    }
    record->Filter = filter;
    KeQuerySystemTime(&record->Began);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, record, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

static NTSTATUS Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Device);
    NOTE *note;

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    note = ExAllocateFromLookasideListEx(&filter->Notes);
    if (note != NULL) {
        note->Count = filter->Kept;
        RtlFillMemory(note->Text, sizeof(note->Text), ' ');
        ExFreeToLookasideListEx(&filter->Notes, note);
    }
    Forget(filter);
    status = FilterPass(Device, Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Device);
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = (PDRIVER_DISPATCH)Control;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    NTSTATUS status = ExInitializeLookasideListEx(&Filter->Notes, NULL, NULL, NonPagedPoolNx, 0, sizeof(NOTE), TAG, 0);

    if (!NT_SUCCESS(status))
        return status;
    ExInitializeNPagedLookasideList(&Filter->Records, NULL, NULL, 0, sizeof(RECORD), TAG, 0);
    InitializeListHead(&Filter->History);
    KeInitializeSpinLock(&Filter->Lock);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    Forget(Filter);
    DELETE_RECORDS(Filter);
    ExDeleteLookasideListEx(&Filter->Notes);
}
