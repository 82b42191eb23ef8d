/* expect: clean. Every routine with IoSetCompletionRoutineEx, a remove lock for Plug and Play alone and rundown protection for the rest. */

#define FILTER_FIELDS EX_RUNDOWN_REF Uses; volatile LONG64 Reads, Writes, Refused;
#include "filter.h"

/* What gives back the protection of a request that is over. */
#ifndef RELEASE
#define RELEASE(Filter, Irp) ExReleaseRundownProtection(&(Filter)->Uses)
#endif

/* Whether a request goes on whose completion routine was refused. */
#ifndef ON_REFUSAL
#define ON_REFUSAL 0
#endif

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    if (IoGetCurrentIrpStackLocation(Irp)->MajorFunction == IRP_MJ_READ)
        InterlockedIncrement64(&filter->Reads);
    else
        InterlockedIncrement64(&filter->Writes);
    RELEASE(filter, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS ReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status;

    if (!ExAcquireRundownProtection(&filter->Uses))
        return FilterComplete(Irp, STATUS_DELETE_PENDING);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    status = IoSetCompletionRoutineEx(Device, Irp, Done, filter, TRUE, TRUE, TRUE);
    if (!NT_SUCCESS(status) && !ON_REFUSAL) {
        InterlockedIncrement64(&filter->Refused);
        status = FilterComplete(Irp, status);
        ExReleaseRundownProtection(&filter->Uses);
        return status;
    }
    return IoCallDriver(filter->Lower, Irp);
}

static NTSTATUS Other(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status;

    if (!ExAcquireRundownProtection(&filter->Uses))
        return FilterComplete(Irp, STATUS_DELETE_PENDING);
    IoSkipCurrentIrpStackLocation(Irp);
    status = IoCallDriver(filter->Lower, Irp);
    ExReleaseRundownProtection(&filter->Uses);
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    ULONG i;

    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        if (i != IRP_MJ_PNP && i != IRP_MJ_POWER)
            Driver->MajorFunction[i] = (PDRIVER_DISPATCH)Other;
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)ReadWrite;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    ExInitializeRundownProtection(&Filter->Uses);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    ExWaitForRundownProtectionRelease(&Filter->Uses);
    ExRundownCompleted(&Filter->Uses);
}
