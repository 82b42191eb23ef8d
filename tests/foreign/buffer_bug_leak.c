/* expect: 0xC4/0x62. Allocates at START what it never frees. */

#define FILTER_FIELDS PVOID Kept; KSPIN_LOCK Lock;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static NTSTATUS FilterStarted(FILTER *Filter)
{
    Filter->Kept = ExAllocatePoolWithTag(NonPagedPool, 256, TAG);
    return Filter->Kept ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static void FilterRemoved(FILTER *Filter) { (void)Filter; }
