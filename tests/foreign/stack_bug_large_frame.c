/* expect: 0x7F/0x08. Has a frame that reaches over the page below the kernel stack. */

#define FILTER_FIELDS PVOID Kept;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    __asm__ volatile("subq $0xA000, %%rsp\n\tmovb $1, (%%rsp)\n\taddq $0xA000, %%rsp" : : : "memory", "cc");
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
