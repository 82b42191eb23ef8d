/* expect: clean. A performance filter: figures for each processor, a global list of its devices, and a worker thread that adds them up. */

typedef struct {
    unsigned long long Requests;
    unsigned long long Bytes;
    unsigned long long Ticks;
    unsigned long long Padding[5];
} FIGURES;

#define FILTER_FIELDS LIST_ENTRY Link; FIGURES *Figures; ULONG Processors; FIGURES Sum; ULONG InFlight;
#include "filter.h"

/* What takes a device out of the list. */
#ifndef UNLINK
#define UNLINK(Filter) RemoveEntryList(&(Filter)->Link)
#endif

static LIST_ENTRY Devices;
static FAST_MUTEX DevicesLock;
static KEVENT Stop;
static PKTHREAD Thread;

static void AddUp(FILTER *Filter)
{
    FIGURES sum = { 0 };
    ULONG i;

    for (i = 0; i < Filter->Processors; i++) {
        sum.Requests += Filter->Figures[i].Requests;
        sum.Bytes += Filter->Figures[i].Bytes;
        sum.Ticks += Filter->Figures[i].Ticks;
    }
    Filter->Sum = sum;
}

static VOID NTAPI Collect(PVOID Context)
{
    LARGE_INTEGER period;
    PLIST_ENTRY entry;

    (void)Context;
    period.QuadPart = -10 * 1000 * 10;
    while (KeWaitForSingleObject(&Stop, Executive, KernelMode, FALSE, &period) == STATUS_TIMEOUT) {
        ExAcquireFastMutex(&DevicesLock);
        for (entry = Devices.Flink; entry != &Devices; entry = entry->Flink)
            AddUp(CONTAINING_RECORD(entry, FILTER, Link));
        ExReleaseFastMutex(&DevicesLock);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Device->DeviceExtension;
    PIO_STACK_LOCATION own = IoGetCurrentIrpStackLocation(Irp);
    LARGE_INTEGER now = KeQueryPerformanceCounter(NULL);
    FIGURES *figures;
    KIRQL irql;

    (void)Context;
    /* The start was left where only this driver looks, in its own stack location. */
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    figures = &filter->Figures[KeGetCurrentProcessorNumber() % filter->Processors];
    figures->Requests++;
    figures->Bytes += Irp->IoStatus.Information;
    figures->Ticks += (ULONG64)now.QuadPart - (ULONG64)own->Parameters.Read.ByteOffset.QuadPart;
    KeLowerIrql(irql);
    InterlockedDecrement((volatile LONG *)&filter->InFlight);
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_SUCCESS;
}

static NTSTATUS ReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    PIO_STACK_LOCATION own = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    InterlockedIncrement((volatile LONG *)&filter->InFlight);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    own->Parameters.Read.ByteOffset = KeQueryPerformanceCounter(NULL);
    IoSetCompletionRoutine(Irp, Done, NULL, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    (void)Driver;
    KeSetEvent(&Stop, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(Thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(Thread);
}

static BOOLEAN StartThread(void)
{
    HANDLE handle;
    NTSTATUS status;

    status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Collect, NULL);
    if (!NT_SUCCESS(status))
        return FALSE;
    ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, (PVOID *)&Thread, NULL);
    ZwClose(handle);
    return TRUE;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    InitializeListHead(&Devices);
    ExInitializeFastMutex(&DevicesLock);
    KeInitializeEvent(&Stop, NotificationEvent, FALSE);
    if (StartThread())
        Driver->DriverUnload = Unload;
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)ReadWrite;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    Filter->Processors = KeQueryActiveProcessorCount(NULL);
    Filter->Figures = ExAllocatePoolWithTag(NonPagedPool, Filter->Processors * sizeof(FIGURES), TAG);
    if (Filter->Figures == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(Filter->Figures, Filter->Processors * sizeof(FIGURES));
    ExAcquireFastMutex(&DevicesLock);
    InsertTailList(&Devices, &Filter->Link);
    ExReleaseFastMutex(&DevicesLock);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    ExAcquireFastMutex(&DevicesLock);
    UNLINK(Filter);
    ExReleaseFastMutex(&DevicesLock);
    ExFreePoolWithTag(Filter->Figures, TAG);
}
