/* expect: clean. Completion routines give finished writes to a work item, one that is in the extension and is queued again while there is work. */

#define FILTER_FIELDS PIO_WORKITEM Item; LIST_ENTRY Finished; KSPIN_LOCK Lock; BOOLEAN Queued; ULONG64 Bytes;
#include "filter.h"

/* What REMOVE_DEVICE does about the work item. */
#ifndef FREE_ITEM
#define FREE_ITEM(Filter) IoFreeWorkItem((Filter)->Item)
#endif

/* What the work item does where it has completed a request. */
#ifndef END
#define END(Irp) (void)0
#endif

static VOID NTAPI Work(PDEVICE_OBJECT Device, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    for (;;) {
        PIRP irp;
        KIRQL irql;

        KeAcquireSpinLock(&filter->Lock, &irql);
        if (IsListEmpty(&filter->Finished)) {
            filter->Queued = FALSE;
            KeReleaseSpinLock(&filter->Lock, irql);
            break;
        }
        irp = CONTAINING_RECORD(RemoveHeadList(&filter->Finished), IRP, Tail.Overlay.ListEntry);
        filter->Bytes += irp->IoStatus.Information;
        KeReleaseSpinLock(&filter->Lock, irql);
        IoCompleteRequest(irp, IO_DISK_INCREMENT);
        END(irp);
        IoReleaseRemoveLock(&filter->RemoveLock, irp);
    }
    /* The one that was taken for the work item itself. */
    IoReleaseRemoveLock(&filter->RemoveLock, filter->Item);
}

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;
    BOOLEAN queue = FALSE;
    KIRQL irql;

    (void)Device;
    KeAcquireSpinLock(&filter->Lock, &irql);
    InsertTailList(&filter->Finished, &Irp->Tail.Overlay.ListEntry);
    if (!filter->Queued && NT_SUCCESS(IoAcquireRemoveLock(&filter->RemoveLock, filter->Item))) {
        filter->Queued = TRUE;
        queue = TRUE;
    } else if (!filter->Queued) {
        /* The device goes: nobody but this routine is left to complete it. */
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        KeReleaseSpinLock(&filter->Lock, irql);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return STATUS_CONTINUE_COMPLETION;
    }
    KeReleaseSpinLock(&filter->Lock, irql);
    if (queue)
        IoQueueWorkItem(filter->Item, Work, DelayedWorkQueue, filter);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Write(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status;

    if (Irp->Flags & (IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO))
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoMarkIrpPending(Irp);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, filter, TRUE, TRUE, TRUE);
    IoCallDriver(filter->Lower, Irp);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)Write;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    InitializeListHead(&Filter->Finished);
    KeInitializeSpinLock(&Filter->Lock);
    Filter->Item = IoAllocateWorkItem(Filter->Self);
    return Filter->Item != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    FREE_ITEM(Filter);
}
