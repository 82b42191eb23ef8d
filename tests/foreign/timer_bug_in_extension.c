/* expect: 0xC4/0x15. Deletes its device with a timer in the extension that ticks on. */

#define FILTER_FIELDS KTIMER Timer; KDPC Dpc; ULONG Ticks;
#include "filter.h"

static VOID NTAPI Tick(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    FILTER *filter = Context;

    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    filter->Ticks++;
}

static void FilterSetUp(PDRIVER_OBJECT Driver) { (void)Driver; }

static NTSTATUS FilterAdded(FILTER *Filter)
{
    KeInitializeTimer(&Filter->Timer);
    KeInitializeDpc(&Filter->Dpc, Tick, Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    LARGE_INTEGER due;

    due.QuadPart = -10000;
    KeSetTimerEx(&Filter->Timer, due, 1, &Filter->Dpc);
    return STATUS_SUCCESS;
}

static void FilterRemoved(FILTER *Filter) { (void)Filter; }
