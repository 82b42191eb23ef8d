/* expect: 0x1E. Enters the kernel with each read, as programs do: on Linux, number 39 only asks for the process. */

#define FILTER_FIELDS PVOID Kept;
#include "filter.h"

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    ULONG_PTR number = 39;

    __asm__ volatile("syscall" : "+a"(number) : : "rcx", "r11", "memory");
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
