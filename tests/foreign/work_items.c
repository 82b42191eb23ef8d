/* expect: clean. Sends flushes and control requests on from work items, at PASSIVE_LEVEL. */

#define FILTER_FIELDS volatile LONG Queued;
#include "filter.h"

typedef struct {
    PIO_WORKITEM Item;
    PIRP Irp;
} WORK;

static VOID NTAPI Work(PDEVICE_OBJECT Device, PVOID Context)
{
    FILTER *filter = Device->DeviceExtension;
    WORK *work = Context;
    PIRP irp = work->Irp;

    PAGED_CODE();
    IoFreeWorkItem(work->Item);
    ExFreePoolWithTag(work, TAG);
    if (!IoForwardIrpSynchronously(filter->Lower, irp))
        irp->IoStatus.Status = STATUS_UNSUCCESSFUL;
    IoCompleteRequest(irp, IO_DISK_INCREMENT);
    IoReleaseRemoveLock(&filter->RemoveLock, irp);
    InterlockedDecrement(&filter->Queued);
}

static NTSTATUS Defer(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    WORK *work;

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    work = ExAllocatePoolWithTag(NonPagedPool, sizeof(*work), TAG);
    if (work != NULL) {
        work->Item = IoAllocateWorkItem(Device);
        if (work->Item == NULL) {
            ExFreePoolWithTag(work, TAG);
            work = NULL;
        }
    }
    if (work == NULL) {
        status = FilterComplete(Irp, STATUS_INSUFFICIENT_RESOURCES);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return status;
    }
    work->Irp = Irp;
    IoMarkIrpPending(Irp);
    InterlockedIncrement(&filter->Queued);
    IoQueueWorkItem(work->Item, Work, DelayedWorkQueue, work);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = (PDRIVER_DISPATCH)Defer;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = (PDRIVER_DISPATCH)Defer;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
