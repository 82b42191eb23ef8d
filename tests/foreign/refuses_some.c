/* expect: clean. Takes only the first device that it is offered, and refuses the others in AddDevice; watches its device with the I/O system's timer. */

#define FILTER_FIELDS volatile LONG Countdown; volatile LONG Late; volatile LONG Under;
#include "filter.h"

static volatile LONG Taken;

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    if (InterlockedDecrement(&filter->Under) == 0)
        filter->Countdown = -1;
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    InterlockedIncrement(&filter->Under);
    InterlockedCompareExchange(&filter->Countdown, 3, -1);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, filter, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

static VOID NTAPI EachSecond(PDEVICE_OBJECT Device, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    if (filter->Countdown > 0 && InterlockedDecrement(&filter->Countdown) == 0)
        InterlockedIncrement(&filter->Late);
}

static NTSTATUS NTAPI TakeFirst(PDRIVER_OBJECT Driver, PDEVICE_OBJECT Physical)
{
    NTSTATUS status;

    if (InterlockedCompareExchange(&Taken, 1, 0) != 0)
        return STATUS_NOT_SUPPORTED;
    status = FilterAddDevice(Driver, Physical);
    if (!NT_SUCCESS(status))
        Taken = 0;
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->DriverExtension->AddDevice = TakeFirst;
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    Filter->Countdown = -1;
    return IoInitializeTimer(Filter->Self, EachSecond, Filter);
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    IoStartTimer(Filter->Self);
    return STATUS_SUCCESS;
}

static void FilterRemoved(FILTER *Filter)
{
    IoStopTimer(Filter->Self);
    Taken = 0;
}
