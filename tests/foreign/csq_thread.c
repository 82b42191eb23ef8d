/* expect: clean. Reads wait in a cancel-safe queue for a system thread, which sends them on. */

#define FILTER_FIELDS IO_CSQ Queue; LIST_ENTRY List; KSPIN_LOCK Lock; KSEMAPHORE Waiting; PETHREAD Thread; \
    volatile LONG Stopping;
#include "filter.h"

static VOID NTAPI Insert(PIO_CSQ Csq, PIRP Irp)
{
    FILTER *filter = CONTAINING_RECORD(Csq, FILTER, Queue);
    InsertTailList(&filter->List, &Irp->Tail.Overlay.ListEntry);
}

static VOID NTAPI Remove(PIO_CSQ Csq, PIRP Irp)
{
    (void)Csq;
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
}

static PIRP NTAPI PeekNext(PIO_CSQ Csq, PIRP Irp, PVOID Context)
{
    FILTER *filter = CONTAINING_RECORD(Csq, FILTER, Queue);
    PLIST_ENTRY next = Irp ? Irp->Tail.Overlay.ListEntry.Flink : filter->List.Flink;

    (void)Context;
    return next == &filter->List ? NULL : CONTAINING_RECORD(next, IRP, Tail.Overlay.ListEntry);
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

static VOID NTAPI Serve(PVOID Context)
{
    FILTER *filter = Context;
    PIRP irp;

    for (;;) {
        KeWaitForSingleObject(&filter->Waiting, Executive, KernelMode, FALSE, NULL);
        if (filter->Stopping)
            break;
        irp = IoCsqRemoveNextIrp(&filter->Queue, NULL);
        if (irp == NULL)
            continue;
        IoCopyCurrentIrpStackLocationToNext(irp);
        IoSetCompletionRoutine(irp, Done, filter, TRUE, TRUE, TRUE);
        IoCallDriver(filter->Lower, irp);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoCsqInsertIrp(&filter->Queue, Irp, NULL);
    KeReleaseSemaphore(&filter->Waiting, IO_NO_INCREMENT, 1, FALSE);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    HANDLE handle;
    NTSTATUS status;

    InitializeListHead(&Filter->List);
    KeInitializeSpinLock(&Filter->Lock);
    KeInitializeSemaphore(&Filter->Waiting, 0, MAXLONG);
    IoCsqInitialize(&Filter->Queue, Insert, Remove, PeekNext, Acquire, Release, Cancelled);
    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Serve, Filter);
    if (!NT_SUCCESS(status))
        return status;
    status = ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, (PVOID *)&Filter->Thread, NULL);
    ZwClose(handle);
    return status;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    Filter->Stopping = 1;
    KeReleaseSemaphore(&Filter->Waiting, IO_NO_INCREMENT, 1, FALSE);
    KeWaitForSingleObject(Filter->Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Filter->Thread);
}
