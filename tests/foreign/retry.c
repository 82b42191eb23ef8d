/* expect: clean. Sends reads and writes that failed for a while again, after a wait in a cancel-safe queue, up to three times. */

#define FILTER_FIELDS IO_CSQ Queue; LIST_ENTRY List; KSPIN_LOCK Lock; KTIMER Timer; KDPC Dpc;
#include "filter.h"

#define ATTEMPTS 3
#define PERIOD_MS 2

/* Whether a request is sent again. */
#ifndef IS_SENT_AGAIN
#define IS_SENT_AGAIN(Retry, Irp) (IsTransient((Irp)->IoStatus.Status) && (Retry)->Sent <= ATTEMPTS && !(Irp)->Cancel)
#endif

/* What is done before it is sent again. */
#ifndef REGISTER_ANEW
#define REGISTER_ANEW(Retry) IoSetCompletionRoutine((Retry)->Irp, Done, Retry, TRUE, TRUE, TRUE)
#endif

/* How it waits. */
#ifndef WAIT
#define WAIT(Retry) IoCsqInsertIrp(&(Retry)->Filter->Queue, (Retry)->Irp, NULL)
#endif

typedef struct {
    FILTER *Filter;
    PIRP Irp;
    ULONG Sent;
} RETRY;

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context);

static inline BOOLEAN IsTransient(NTSTATUS Status)
{
    return Status == STATUS_IO_TIMEOUT || Status == STATUS_DEVICE_BUSY || Status == STATUS_DEVICE_NOT_READY ||
           Status == STATUS_IO_DEVICE_ERROR;
}

static void End(RETRY *Retry)
{
    FILTER *filter = Retry->Filter;
    PIRP irp = Retry->Irp;

    ExFreePoolWithTag(Retry, TAG);
    IoCompleteRequest(irp, IO_DISK_INCREMENT);
    IoReleaseRemoveLock(&filter->RemoveLock, irp);
}

static void SendAgain(RETRY *Retry)
{
    PIRP irp = Retry->Irp;

    Retry->Sent++;
    IoCopyCurrentIrpStackLocationToNext(irp);
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    REGISTER_ANEW(Retry);
    IoCallDriver(Retry->Filter->Lower, irp);
}

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    RETRY *retry = Context;

    (void)Device;
    if (IS_SENT_AGAIN(retry, Irp)) {
        Irp->Tail.Overlay.DriverContext[0] = retry;
        WAIT(retry);
    } else {
        End(retry);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Transfer(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    RETRY *retry = ExAllocatePoolWithTag(NonPagedPool, sizeof(*retry), TAG);
    NTSTATUS status;

    if (retry == NULL)
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(retry, TAG);
        return FilterComplete(Irp, status);
    }
    retry->Filter = filter;
    retry->Irp = Irp;
    retry->Sent = 1;
    IoMarkIrpPending(Irp);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, retry, TRUE, TRUE, TRUE);
    IoCallDriver(filter->Lower, Irp);
    return STATUS_PENDING;
}

static VOID NTAPI Insert(PIO_CSQ Csq, PIRP Irp)
{
    InsertTailList(&CONTAINING_RECORD(Csq, FILTER, Queue)->List, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI Remove(PIO_CSQ Csq, PIRP Irp)
{
    (void)Csq;
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP NTAPI PeekNext(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    FILTER *filter = CONTAINING_RECORD(Csq, FILTER, Queue);
    PLIST_ENTRY entry = Irp == NULL ? filter->List.Flink : Irp->Tail.Overlay.ListEntry.Flink;

    (void)Context;
    return entry == &filter->List ? NULL : CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);
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
    (void)Csq;
    Irp->IoStatus.Status = STATUS_CANCELLED;
    Irp->IoStatus.Information = 0;
    End(Irp->Tail.Overlay.DriverContext[0]);
}

static VOID NTAPI Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    FILTER *filter = Context;
    PIRP irp;

    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    while ((irp = IoCsqRemoveNextIrp(&filter->Queue, NULL)) != NULL)
        SendAgain(irp->Tail.Overlay.DriverContext[0]);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Transfer;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)Transfer;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    LARGE_INTEGER due;

    InitializeListHead(&Filter->List);
    KeInitializeSpinLock(&Filter->Lock);
    IoCsqInitialize(&Filter->Queue, Insert, Remove, PeekNext, Acquire, Release, Cancelled);
    KeInitializeTimerEx(&Filter->Timer, NotificationTimer);
    KeInitializeDpc(&Filter->Dpc, Tick, Filter);
    due.QuadPart = -10000LL * PERIOD_MS;
    KeSetTimerEx(&Filter->Timer, due, PERIOD_MS, &Filter->Dpc);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    KeCancelTimer(&Filter->Timer);
    KeFlushQueuedDpcs();
}
