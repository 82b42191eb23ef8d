/* expect: 0xC9/0x23A. Sends a flush with each read, from a spin lock's IRQL. */

#define FILTER_FIELDS PVOID Kept; KSPIN_LOCK Lock;
#include "filter.h"

static NTSTATUS NTAPI Flushed(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)Device;
    (void)Context;
    IoFreeIrp(Irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    PIRP flush = IoAllocateIrp(filter->Lower->StackSize, FALSE);
    KIRQL irql;

    if (flush != NULL) {
        IoGetNextIrpStackLocation(flush)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
        IoSetCompletionRoutine(flush, Flushed, NULL, TRUE, TRUE, TRUE);
        KeRaiseIrql(DISPATCH_LEVEL, &irql);
        IoCallDriver(filter->Lower, flush);
        KeLowerIrql(irql);
    }
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
