/* expect: 0xCE. Tells its thread to end when the device is removed, and does not wait until it has. */

#define FILTER_FIELDS ULONG Unused;
#include "filter.h"

static KEVENT Stop;
static HANDLE Thread;

static VOID NTAPI Serve(PVOID Context)
{
    LARGE_INTEGER pause;

    (void)Context;
    pause.QuadPart = -50000000;
    while (KeReadStateEvent(&Stop) == 0)
        KeDelayExecutionThread(KernelMode, FALSE, &pause);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void FilterSetUp(PDRIVER_OBJECT Driver) { (void)Driver; }

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static NTSTATUS FilterStarted(FILTER *Filter)
{
    NTSTATUS status;

    (void)Filter;
    KeInitializeEvent(&Stop, NotificationEvent, FALSE);
    status = PsCreateSystemThread(&Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Serve, NULL);
    if (NT_SUCCESS(status))
        ZwClose(Thread);
    return status;
}

static void FilterRemoved(FILTER *Filter)
{
    (void)Filter;
    KeSetEvent(&Stop, IO_NO_INCREMENT, FALSE);
}
