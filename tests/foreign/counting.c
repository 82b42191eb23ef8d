/* expect: clean. Counts reads and writes in a completion routine of IoSetCompletionRoutine. */

#define FILTER_FIELDS volatile LONG Completed; volatile LONG Failed; volatile LONG64 Bytes;
#include "filter.h"

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    InterlockedIncrement(&filter->Completed);
    if (NT_SUCCESS(Irp->IoStatus.Status))
        InterlockedExchangeAdd64(&filter->Bytes, (LONG64)Irp->IoStatus.Information);
    else
        InterlockedIncrement(&filter->Failed);
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS ReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, filter, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)ReadWrite;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "counting: %ld requests, %ld failed, %I64d bytes\n",
               Filter->Completed, Filter->Failed, Filter->Bytes);
}
