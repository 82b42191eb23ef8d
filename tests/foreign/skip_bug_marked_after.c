/* expect: 0xC1 in mixed. Marks a write pending when it has skipped its stack location: the mark lands in the one above, which nobody has. */

#define FILTER_FIELDS IO_CSQ Queue; LIST_ENTRY List; KSPIN_LOCK Lock; KTIMER Timer; KDPC Dpc; ULONG Held;
#include "filter.h"

static NTSTATUS NTAPI Insert(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    FILTER *filter = CONTAINING_RECORD(Csq, FILTER, Queue);

    (void)Context;
    if (filter->Held >= 2)
        return STATUS_DEVICE_BUSY;
    filter->Held++;
    InsertTailList(&filter->List, &Irp->Tail.Overlay.ListEntry);
    return STATUS_SUCCESS;
}

static VOID NTAPI Remove(PIO_CSQ Csq, PIRP Irp)
{
    CONTAINING_RECORD(Csq, FILTER, Queue)->Held--;
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

/* PeekContext is a file object whose requests are asked for, or none for any. */
static PIRP NTAPI PeekNext(PIO_CSQ Csq, PIRP Irp, PVOID PeekContext)
{
    FILTER *filter = CONTAINING_RECORD(Csq, FILTER, Queue);
    PLIST_ENTRY entry = Irp == NULL ? filter->List.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    for (; entry != &filter->List; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        if (PeekContext == NULL || IoGetCurrentIrpStackLocation(irp)->FileObject == PeekContext)
            return irp;
    }
    return NULL;
}

static VOID NTAPI Acquire(PIO_CSQ Csq, PKIRQL Irql)
{
    KeAcquireSpinLock(&CONTAINING_RECORD(Csq, FILTER, Queue)->Lock, Irql);
}

static VOID NTAPI Release(PIO_CSQ Csq, KIRQL Irql)
{
    KeReleaseSpinLock(&CONTAINING_RECORD(Csq, FILTER, Queue)->Lock, Irql);
}

static VOID NTAPI Cancelled(PIO_CSQ Csq, PIRP Irp)
{
    FILTER *filter = CONTAINING_RECORD(Csq, FILTER, Queue);

    Irp->IoStatus.Status = STATUS_CANCELLED;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    IoReleaseRemoveLock(&filter->RemoveLock, filter);
}

static void Drain(FILTER *Filter)
{
    PIRP irp;

    while ((irp = IoCsqRemoveNextIrp(&Filter->Queue, NULL)) != NULL) {
        IoSkipCurrentIrpStackLocation(irp);
        IoCallDriver(Filter->Lower, irp);
        IoReleaseRemoveLock(&Filter->RemoveLock, Filter);
    }
}

static VOID NTAPI Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    Drain(Context);
}

static NTSTATUS Write(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, filter);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    if (Irp->Flags & IRP_PAGING_IO) {
        IoSkipCurrentIrpStackLocation(Irp);
        status = IoCallDriver(filter->Lower, Irp);
        IoReleaseRemoveLock(&filter->RemoveLock, filter);
        return status;
    }
    status = IoCsqInsertIrpEx(&filter->Queue, Irp, NULL, NULL);
    if (NT_SUCCESS(status))
        return STATUS_PENDING;
    IoSkipCurrentIrpStackLocation(Irp);
    IoMarkIrpPending(Irp);
    IoCallDriver(filter->Lower, Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, filter);
    return STATUS_PENDING;
}

static NTSTATUS Cleanup(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    PIRP irp;

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    while (file != NULL && (irp = IoCsqRemoveNextIrp(&filter->Queue, file)) != NULL) {
        FilterComplete(irp, STATUS_CANCELLED);
        IoReleaseRemoveLock(&filter->RemoveLock, filter);
    }
    IoSkipCurrentIrpStackLocation(Irp);
    status = IoCallDriver(filter->Lower, Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)Write;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = (PDRIVER_DISPATCH)Cleanup;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    InitializeListHead(&Filter->List);
    KeInitializeSpinLock(&Filter->Lock);
    KeInitializeTimer(&Filter->Timer);
    KeInitializeDpc(&Filter->Dpc, Tick, Filter);
    return IoCsqInitializeEx(&Filter->Queue, Insert, Remove, PeekNext, Acquire, Release, Cancelled);
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    LARGE_INTEGER due;

    due.QuadPart = -10 * 1000;
    KeSetTimerEx(&Filter->Timer, due, 1, &Filter->Dpc);
    return STATUS_SUCCESS;
}

static void FilterRemoved(FILTER *Filter)
{
    KeCancelTimer(&Filter->Timer);
    KeFlushQueuedDpcs();
}
