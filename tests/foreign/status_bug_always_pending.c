/* expect: 0xC9/0x23D. Returns STATUS_PENDING for reads that it has not marked, whatever the lower driver returned. */

#define FILTER_FIELDS PVOID Kept; KSPIN_LOCK Lock;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;

    IoSkipCurrentIrpStackLocation(Irp);
    IoCallDriver(filter->Lower, Irp);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
