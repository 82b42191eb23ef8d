/* expect: clean. Holds reads with a cancel routine of its own, under the cancel spin lock. */

#define FILTER_FIELDS LIST_ENTRY Held; KSPIN_LOCK Lock; KTIMER Timer; KDPC Dpc;
#include "filter.h"

/* Whether a request that is taken out is not being cancelled. */
#ifndef IS_OURS
#define IS_OURS(Irp) (IoSetCancelRoutine(Irp, NULL) != NULL)
#endif

static VOID NTAPI Cancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    KIRQL irql;

    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&filter->Lock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&filter->Lock, irql);
    FilterComplete(Irp, STATUS_CANCELLED);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
}

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

/* The first read that is not being cancelled, taken out of the list. */
static PIRP Take(FILTER *filter)
{
    PLIST_ENTRY entry;
    PIRP taken = NULL;

    KeAcquireSpinLockAtDpcLevel(&filter->Lock);
    for (entry = filter->Held.Flink; entry != &filter->Held; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        if (IS_OURS(irp)) {
            RemoveEntryList(entry);
            taken = irp;
            break;
        }
    }
    KeReleaseSpinLockFromDpcLevel(&filter->Lock);
    return taken;
}

static VOID NTAPI Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    FILTER *filter = Context;
    PIRP irp;

    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    while ((irp = Take(filter)) != NULL) {
        IoCopyCurrentIrpStackLocationToNext(irp);
        IoSetCompletionRoutine(irp, Done, filter, TRUE, TRUE, TRUE);
        IoCallDriver(filter->Lower, irp);
    }
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    LARGE_INTEGER due;
    KIRQL irql;

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    KeAcquireSpinLock(&filter->Lock, &irql);
    IoMarkIrpPending(Irp);
    IoSetCancelRoutine(Irp, Cancel);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        KeReleaseSpinLock(&filter->Lock, irql);
        FilterComplete(Irp, STATUS_CANCELLED);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return STATUS_PENDING;
    }
    InsertTailList(&filter->Held, &Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&filter->Lock, irql);
    due.QuadPart = -5000;
    KeSetTimer(&filter->Timer, due, &filter->Dpc);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    InitializeListHead(&Filter->Held);
    KeInitializeSpinLock(&Filter->Lock);
    KeInitializeTimerEx(&Filter->Timer, NotificationTimer);
    KeInitializeDpc(&Filter->Dpc, Tick, Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    KeCancelTimer(&Filter->Timer);
    KeFlushQueuedDpcs();
}
