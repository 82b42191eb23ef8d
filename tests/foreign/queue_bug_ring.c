/* expect: LAB/Stuck. Inserts an entry into a device queue that it has made a ring of. */

#define FILTER_FIELDS KDEVICE_QUEUE Queue; KDEVICE_QUEUE_ENTRY First, Second;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    KeInitializeDeviceQueue(&filter->Queue);
    KeInsertByKeyDeviceQueue(&filter->Queue, &filter->First, 1);
    KeInsertByKeyDeviceQueue(&filter->Queue, &filter->First, 1);
    filter->First.DeviceListEntry.Flink = &filter->First.DeviceListEntry;
    KeInsertByKeyDeviceQueue(&filter->Queue, &filter->Second, 2);
    KeLowerIrql(irql);
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
