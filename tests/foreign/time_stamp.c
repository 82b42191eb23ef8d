/* expect: clean. Waits for the time stamp counter, and does with floating point what only it may know of. */

#define FILTER_FIELDS PVOID Kept;
#include "filter.h"

static ULONG64 Stamp(void)
{
    ULONG low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (ULONG64)high << 32 | low;
}

static ULONG Processor(void)
{
    ULONG low, high, processor;

    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(processor));
    return processor;
}

/* As code does that wants to know of each inexact result; and a register that the kernel has to keep. */
static void Count(void)
{
    const ULONG every_exception = 0, none = 0x1F80;
    ULONG64 kept = 0x123456789;

    __asm__ volatile("ldmxcsr %0" : : "m"(every_exception));
    __asm__ volatile("movq %0, %%xmm6" : : "r"(kept) : "xmm6");
    KeStallExecutionProcessor(1);
    __asm__ volatile("movq %%xmm6, %0" : "=r"(kept) : : "xmm6");
    __asm__ volatile("ldmxcsr %0" : : "m"(none));
    if (kept != 0x123456789)
        KeBugCheck(0xBAD);
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    ULONG64 end = Stamp() + 1000 + Stamp() % 7;

    while (Stamp() < end)
        ;
    if (Processor() >= 2)
        KeBugCheck(0xBAD);
    /* What is read decides what is called, so a run shows it. */
    DbgPrint("time stamp %I64u\n", end);
    if (end % 2 == 0)
        Count();
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
