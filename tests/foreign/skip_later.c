/* expect: clean. Marks a read pending, and skips its own stack location when a DPC sends the read on. */

#define FILTER_FIELDS LIST_ENTRY Queue; KSPIN_LOCK Lock; KDPC Dpc;
#include "filter.h"

static VOID NTAPI Send(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    FILTER *filter = Context;
    PLIST_ENTRY entry;

    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    while ((entry = ExInterlockedRemoveHeadList(&filter->Queue, &filter->Lock)) != NULL) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        IoSkipCurrentIrpStackLocation(irp);
        IoCallDriver(filter->Lower, irp);
        IoReleaseRemoveLock(&filter->RemoveLock, irp);
    }
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoMarkIrpPending(Irp);
    ExInterlockedInsertTailList(&filter->Queue, &Irp->Tail.Overlay.ListEntry, &filter->Lock);
    KeInsertQueueDpc(&filter->Dpc, NULL, NULL);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    InitializeListHead(&Filter->Queue);
    KeInitializeSpinLock(&Filter->Lock);
    KeInitializeDpc(&Filter->Dpc, Send, Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    (void)Filter;
    KeFlushQueuedDpcs();
}
