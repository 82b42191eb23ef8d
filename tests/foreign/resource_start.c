/* expect: clean. Guards its state with a resource, taken exclusive for start and stop and shared for requests at PASSIVE_LEVEL, in critical regions. */

#define FILTER_FIELDS ERESOURCE State; BOOLEAN Running; ULONG Starts; FAST_MUTEX Names; KGUARDED_MUTEX Owners; ULONG Opened; \
    ULONG Asked;
#include "filter.h"

/* What REMOVE_DEVICE undoes. */
#ifndef DELETE_STATE
#define DELETE_STATE(Filter) ExDeleteResourceLite(&(Filter)->State)
#endif

/* What follows a Plug and Play request. */
#ifndef AFTER_PNP
#define AFTER_PNP(Filter, Minor) (void)0
#endif

/* What a control request gives back that failed or pends. */
#ifndef GIVE_BACK
#define GIVE_BACK(Filter) (ExReleaseResourceLite(&(Filter)->State), KeLeaveCriticalRegion())
#endif

static void SetRunning(FILTER *Filter, BOOLEAN Running)
{
    PAGED_CODE();
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Filter->State, TRUE);
    Filter->Running = Running;
    if (Running)
        Filter->Starts++;
    ExReleaseResourceLite(&Filter->State);
    KeLeaveCriticalRegion();
}

static NTSTATUS Pnp(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    UCHAR minor = IoGetCurrentIrpStackLocation(Irp)->MinorFunction;
    NTSTATUS status;

    if (minor == IRP_MN_STOP_DEVICE || minor == IRP_MN_SURPRISE_REMOVAL)
        SetRunning(filter, FALSE);
    status = FilterPnp(Device, Irp);
    AFTER_PNP(filter, minor);
    return status;
}

static NTSTATUS Create(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;

    ExAcquireFastMutex(&filter->Names);
    filter->Opened++;
    ExReleaseFastMutex(&filter->Names);
    KeAcquireGuardedMutex(&filter->Owners);
    filter->Asked++;
    KeReleaseGuardedMutex(&filter->Owners);
    return FilterPass(Device, Irp);
}

static NTSTATUS Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status;

    if (KeGetCurrentIrql() > APC_LEVEL)
        return FilterPass(Device, Irp);
    KeEnterCriticalRegion();
    if (!ExAcquireResourceSharedLite(&filter->State, FALSE)) {
        KeLeaveCriticalRegion();
        return FilterPass(Device, Irp);
    }
    if (filter->Running && ExTryToAcquireFastMutex(&filter->Names)) {
        filter->Asked += filter->Opened;
        ExReleaseFastMutex(&filter->Names);
    }
    status = FilterPass(Device, Irp);
    if (status != STATUS_SUCCESS) {
        GIVE_BACK(filter);
        return status;
    }
    ExReleaseResourceLite(&filter->State);
    KeLeaveCriticalRegion();
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_PNP] = (PDRIVER_DISPATCH)Pnp;
    Driver->MajorFunction[IRP_MJ_CREATE] = (PDRIVER_DISPATCH)Create;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = (PDRIVER_DISPATCH)Control;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    ExInitializeFastMutex(&Filter->Names);
    KeInitializeGuardedMutex(&Filter->Owners);
    return ExInitializeResourceLite(&Filter->State);
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    SetRunning(Filter, TRUE);
    return STATUS_SUCCESS;
}

static void FilterRemoved(FILTER *Filter)
{
    DELETE_STATE(Filter);
}
