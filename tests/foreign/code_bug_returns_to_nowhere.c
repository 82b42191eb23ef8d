/* expect: 0x1E. Returns with a stack pointer that is beyond the stack. */

#define FILTER_FIELDS PVOID Kept;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (KeGetCurrentIrql() < DISPATCH_LEVEL)
        __asm__ volatile("pushq $16\n\tret $0x7000");
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
