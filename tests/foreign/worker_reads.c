/* expect: clean. A worker reads a sector ahead behind each read, with an IRP that its completion routine frees. */

#define FILTER_FIELDS PIO_WORKITEM Item; volatile LONG Busy; volatile LONG Under; KEVENT Idle; PVOID Buffer;
#include "filter.h"

#define SECTOR 512

#ifndef FREE_IRP
#define FREE_IRP(Irp) IoFreeIrp(Irp)
#endif

static void Release(FILTER *Filter)
{
    if (InterlockedDecrement(&Filter->Under) == 0)
        KeSetEvent(&Filter->Idle, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS NTAPI SectorRead(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;
    PMDL mdl, next;

    (void)Device;
    for (mdl = Irp->MdlAddress; mdl != NULL; mdl = next) {
        next = mdl->Next;
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    }
    if (Irp->Flags & IRP_DEALLOCATE_BUFFER)
        ExFreePool(Irp->AssociatedIrp.SystemBuffer);
    FREE_IRP(Irp);
    InterlockedExchange(&filter->Busy, 0);
    Release(filter);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID NTAPI ReadSector(PDEVICE_OBJECT Device, PVOID Context)
{
    FILTER *filter = Context;
    LARGE_INTEGER offset;
    PIRP irp;

    (void)Device;
    offset.QuadPart = 0;
    irp = IoBuildAsynchronousFsdRequest(IRP_MJ_READ, filter->Lower, filter->Buffer, SECTOR, &offset, NULL);
    if (irp == NULL) {
        InterlockedExchange(&filter->Busy, 0);
        Release(filter);
        return;
    }
    IoSetCompletionRoutine(irp, SectorRead, filter, TRUE, TRUE, TRUE);
    IoCallDriver(filter->Lower, irp);
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    if (InterlockedCompareExchange(&filter->Busy, 1, 0) == 0) {
        InterlockedIncrement(&filter->Under);
        IoQueueWorkItem(filter->Item, ReadSector, DelayedWorkQueue, filter);
    }
    IoSkipCurrentIrpStackLocation(Irp);
    status = IoCallDriver(filter->Lower, Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    KeInitializeEvent(&Filter->Idle, NotificationEvent, FALSE);
    Filter->Under = 1;
    Filter->Buffer = ExAllocatePoolWithTag(NonPagedPool, SECTOR, TAG);
    if (Filter->Buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    Filter->Item = IoAllocateWorkItem(Filter->Self);
    if (Filter->Item == NULL) {
        ExFreePoolWithTag(Filter->Buffer, TAG);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    Release(Filter);
    KeWaitForSingleObject(&Filter->Idle, Executive, KernelMode, FALSE, NULL);
    IoFreeWorkItem(Filter->Item);
    ExFreePoolWithTag(Filter->Buffer, TAG);
}
