/* expect: 0xC4/0x62. Frees its work item too seldom: where the read was small. */

#define FILTER_FIELDS PVOID Kept; KSPIN_LOCK Lock;
#include "filter.h"

static VOID NTAPI Work(PDEVICE_OBJECT Device, PVOID Context)
{
    (void)Device;
    if (Context != NULL)
        IoFreeWorkItem(Context);
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_WORKITEM item = IoAllocateWorkItem(Device);
    BOOLEAN small = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length < 4096;

    if (item != NULL)
        IoQueueWorkItem(item, Work, DelayedWorkQueue, small ? NULL : item);
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
