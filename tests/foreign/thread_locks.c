/* expect: clean. A system thread with a lookaside list, a fast mutex, a resource, a mutex and rundown protection. */

#define FILTER_FIELDS NPAGED_LOOKASIDE_LIST Notes; LIST_ENTRY List; FAST_MUTEX Mutex; ERESOURCE Resource; \
    KMUTEX Kernel; KEVENT Wake; KEVENT Stop; HANDLE Thread; ULONG Seen; EX_RUNDOWN_REF Rundown;
#include "filter.h"

typedef struct {
    LIST_ENTRY Entry;
    UCHAR Minor;
} NOTE;

static VOID NTAPI Serve(PVOID Context)
{
    FILTER *filter = Context;
    PVOID objects[2];
    PLIST_ENTRY entry;

    objects[0] = &filter->Stop;
    objects[1] = &filter->Wake;
    while (KeWaitForMultipleObjects(2, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL) != STATUS_WAIT_0) {
        ExAcquireFastMutex(&filter->Mutex);
        while (!IsListEmpty(&filter->List)) {
            entry = RemoveHeadList(&filter->List);
            ExFreeToNPagedLookasideList(&filter->Notes, CONTAINING_RECORD(entry, NOTE, Entry));
        }
        ExReleaseFastMutex(&filter->Mutex);
        KeEnterCriticalRegion();
        ExAcquireResourceExclusiveLite(&filter->Resource, TRUE);
        filter->Seen++;
        ExReleaseResourceLite(&filter->Resource);
        KeLeaveCriticalRegion();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS Note(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NOTE *note = NULL;
    ULONG seen;

    if (KeGetCurrentIrql() == PASSIVE_LEVEL && ExAcquireRundownProtection(&filter->Rundown)) {
        note = ExAllocateFromNPagedLookasideList(&filter->Notes);
        if (note != NULL) {
            note->Minor = IoGetCurrentIrpStackLocation(Irp)->MinorFunction;
            ExAcquireFastMutex(&filter->Mutex);
            InsertTailList(&filter->List, &note->Entry);
            ExReleaseFastMutex(&filter->Mutex);
            KeSetEvent(&filter->Wake, IO_NO_INCREMENT, FALSE);
        }
        KeEnterCriticalRegion();
        ExAcquireResourceSharedLite(&filter->Resource, TRUE);
        seen = filter->Seen;
        ExReleaseResourceLite(&filter->Resource);
        KeLeaveCriticalRegion();
        KeWaitForSingleObject(&filter->Kernel, Executive, KernelMode, FALSE, NULL);
        if (seen > 1000000)
            DbgPrint("thread_locks: %lu\n", seen);
        KeReleaseMutex(&filter->Kernel, FALSE);
        ExReleaseRundownProtection(&filter->Rundown);
    }
    return FilterPass(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Note;
    Driver->MajorFunction[IRP_MJ_FLUSH_BUFFERS] = (PDRIVER_DISPATCH)Note;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    NTSTATUS status;

    InitializeListHead(&Filter->List);
    ExInitializeFastMutex(&Filter->Mutex);
    KeInitializeMutex(&Filter->Kernel, 0);
    ExInitializeRundownProtection(&Filter->Rundown);
    KeInitializeEvent(&Filter->Wake, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Filter->Stop, NotificationEvent, FALSE);
    ExInitializeResourceLite(&Filter->Resource);
    ExInitializeNPagedLookasideList(&Filter->Notes, NULL, NULL, 0, sizeof(NOTE), TAG, 0);
    status = PsCreateSystemThread(&Filter->Thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Serve, Filter);
    if (!NT_SUCCESS(status)) {
        ExDeleteNPagedLookasideList(&Filter->Notes);
        ExDeleteResourceLite(&Filter->Resource);
    }
    return status;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    PVOID thread;

    ExWaitForRundownProtectionRelease(&Filter->Rundown);
    KeSetEvent(&Filter->Stop, IO_NO_INCREMENT, FALSE);
    if (NT_SUCCESS(ObReferenceObjectByHandle(Filter->Thread, SYNCHRONIZE, NULL, KernelMode, &thread, NULL))) {
        KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(thread);
    }
    ZwClose(Filter->Thread);
    while (!IsListEmpty(&Filter->List))
        ExFreeToNPagedLookasideList(&Filter->Notes, CONTAINING_RECORD(RemoveHeadList(&Filter->List), NOTE, Entry));
    ExDeleteNPagedLookasideList(&Filter->Notes);
    ExDeleteResourceLite(&Filter->Resource);
}
