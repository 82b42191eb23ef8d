/* expect: LAB/IrpLost. Waits with each read for an event that nobody sets, until the last time that there is. */

#define FILTER_FIELDS KEVENT Never;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    LARGE_INTEGER end;

    end.QuadPart = MAXLONGLONG;
    KeInitializeEvent(&filter->Never, NotificationEvent, FALSE);
    if (KeGetCurrentIrql() < DISPATCH_LEVEL)
        KeWaitForSingleObject(&filter->Never, Executive, KernelMode, FALSE, &end);
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
