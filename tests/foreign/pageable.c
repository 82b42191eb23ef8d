/* expect: clean. INIT and PAGE sections, one locked while the device is started because its routines run at DISPATCH_LEVEL, and parameters by RtlQueryRegistryValues. */

#define FILTER_FIELDS PVOID Locked; volatile LONG Seen; ULONG Limit;
#include "filter.h"

static ULONG Limit = 8;
static PVOID Section;
static volatile LONG Locks;
static FAST_MUTEX Lock;

__attribute__((section("PAGEio"), noinline))
static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    InterlockedIncrement(&filter->Seen);
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

__attribute__((section("PAGEio"), noinline))
static NTSTATUS ReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, filter, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

__attribute__((section("PAGE"), noinline))
static NTSTATUS Create(PDEVICE_OBJECT Device, PIRP Irp)
{
    PAGED_CODE();
    return FilterPass(Device, Irp);
}

__attribute__((section("INIT"), noinline))
static void ReadParameters(PUNICODE_STRING Path)
{
    RTL_QUERY_REGISTRY_TABLE table[2];
    ULONG usual = 16;
    PWSTR path;

    /* The path need not end in a zero. */
    path = ExAllocatePoolWithTag(PagedPool, Path->Length + sizeof(WCHAR), TAG);
    if (path == NULL)
        return;
    RtlCopyMemory(path, Path->Buffer, Path->Length);
    path[Path->Length / sizeof(WCHAR)] = 0;
    RtlZeroMemory(table, sizeof(table));
    table[0].Flags = RTL_QUERY_REGISTRY_DIRECT;
    table[0].Name = L"Limit";
    table[0].EntryContext = &Limit;
    table[0].DefaultType = REG_DWORD;
    table[0].DefaultData = &usual;
    table[0].DefaultLength = sizeof(usual);
    if (!NT_SUCCESS(RtlQueryRegistryValues(RTL_REGISTRY_ABSOLUTE, path, table, NULL, NULL)))
        Limit = usual;
    ExFreePoolWithTag(path, TAG);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    ExInitializeFastMutex(&Lock);
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_CREATE] = (PDRIVER_DISPATCH)Create;
    {
        static UNICODE_STRING path = RTL_CONSTANT_STRING(L"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\pageable");

        ReadParameters(&path);
    }
}

/* The lock of the section is counted by the system, and by device here: each has one. */
static NTSTATUS FilterAdded(FILTER *Filter)
{
    ExAcquireFastMutex(&Lock);
    if (Section == NULL)
        Section = MmLockPagableCodeSection(ReadWrite);
    else
        MmLockPagableSectionByHandle(Section);
    Locks++;
    ExReleaseFastMutex(&Lock);
    Filter->Locked = Section;
    Filter->Limit = Limit;
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    MmUnlockPagableImageSection(Filter->Locked);
}
