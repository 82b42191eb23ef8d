/* expect: 0xC4/0x40009. Returns with its spin lock held where it refuses a read. */

#define FILTER_FIELDS PVOID Kept; KSPIN_LOCK Lock;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;

    KIRQL irql;

    KeAcquireSpinLock(&filter->Lock, &irql);
    filter->Kept = Irp;
    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length > 1024)
        return FilterPass(Device, Irp);
    KeReleaseSpinLock(&filter->Lock, irql);
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
