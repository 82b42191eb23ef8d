/* expect: clean. Holds each read in a list, and sends them on from the DPC of a timer. */

#define FILTER_FIELDS LIST_ENTRY Queue; KSPIN_LOCK Lock; KTIMER Timer; KDPC Dpc;
#include "filter.h"

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static VOID NTAPI Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    FILTER *filter = Context;
    PLIST_ENTRY entry;

    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    for (;;) {
        PIRP irp = NULL;

        KeAcquireSpinLockAtDpcLevel(&filter->Lock);
        if (!IsListEmpty(&filter->Queue)) {
            entry = RemoveHeadList(&filter->Queue);
            irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);
        }
        KeReleaseSpinLockFromDpcLevel(&filter->Lock);
        if (irp == NULL)
            break;
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
    IoMarkIrpPending(Irp);
    KeAcquireSpinLock(&filter->Lock, &irql);
    InsertTailList(&filter->Queue, &Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&filter->Lock, irql);
    due.QuadPart = -1000;
    KeSetTimer(&filter->Timer, due, &filter->Dpc);
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
    KeInitializeTimer(&Filter->Timer);
    KeInitializeDpc(&Filter->Dpc, Tick, Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    KeCancelTimer(&Filter->Timer);
    KeFlushQueuedDpcs();
}
