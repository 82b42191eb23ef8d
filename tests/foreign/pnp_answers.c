/* expect: clean. Edits what Plug and Play asks: capabilities and the device's state on the way up, usage by the documented steps, an interface for programs. */

#define FILTER_FIELDS UNICODE_STRING Interface; BOOLEAN HasInterface; KEVENT Paths; volatile LONG Paging, Dump, Hibernation; \
    BOOLEAN NoDisable; ULONG Asked;
#include "filter.h"

/* What becomes of the name of the interface. */
#ifndef FREE_NAME
#define FREE_NAME(Name) RtlFreeUnicodeString(Name)
#endif

static const GUID Guid = { 0x1c9dd2a5, 0x5f0b, 0x4d1e, { 0x9a, 0x11, 0x30, 0x62, 0x7e, 0x44, 0x0c, 0x51 } };

static NTSTATUS NTAPI AskedDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;
    PIO_STACK_LOCATION own = IoGetCurrentIrpStackLocation(Irp);

    (void)Device;
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    if (own->MinorFunction == IRP_MN_QUERY_CAPABILITIES) {
        if (NT_SUCCESS(Irp->IoStatus.Status))
            own->Parameters.DeviceCapabilities.Capabilities->SurpriseRemovalOK = TRUE;
    } else if (filter->Paging || filter->Dump || filter->Hibernation) {
        if (NT_SUCCESS(Irp->IoStatus.Status))
            Irp->IoStatus.Information |= PNP_DEVICE_NOT_DISABLEABLE;
    }
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static volatile LONG *Path(FILTER *Filter, DEVICE_USAGE_NOTIFICATION_TYPE Type)
{
    switch (Type) {
    case DeviceUsageTypePaging:
        return &Filter->Paging;
    case DeviceUsageTypeDumpFile:
        return &Filter->Dump;
    case DeviceUsageTypeHibernation:
        return &Filter->Hibernation;
    default:
        return NULL;
    }
}

static NTSTATUS NTAPI Back(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)Device;
    (void)Irp;
    KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Down(FILTER *Filter, PIRP Irp)
{
    KEVENT back;

    KeInitializeEvent(&back, SynchronizationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Back, &back, TRUE, TRUE, TRUE);
    IoCallDriver(Filter->Lower, Irp);
    KeWaitForSingleObject(&back, Executive, KernelMode, FALSE, NULL);
    return Irp->IoStatus.Status;
}

/* DO_POWER_PAGABLE goes before the lower drivers know of a first paging file, and comes back after the last has gone. */
static NTSTATUS Usage(FILTER *Filter, PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION own = IoGetCurrentIrpStackLocation(Irp);
    DEVICE_USAGE_NOTIFICATION_TYPE type = own->Parameters.UsageNotification.Type;
    BOOLEAN in = own->Parameters.UsageNotification.InPath, set = FALSE;
    volatile LONG *count = Path(Filter, type);
    NTSTATUS status;

    if (type != DeviceUsageTypePaging) {
        status = Down(Filter, Irp);
        if (NT_SUCCESS(status) && count != NULL) {
            IoAdjustPagingPathCount(count, in);
            IoInvalidateDeviceState(Filter->Physical);
        }
        return status;
    }
    KeWaitForSingleObject(&Filter->Paths, Executive, KernelMode, FALSE, NULL);
    if (!in && Filter->Paging == 1 && !(Device->Flags & DO_POWER_INRUSH)) {
        Device->Flags |= DO_POWER_PAGABLE;
        set = TRUE;
    }
    status = Down(Filter, Irp);
    if (NT_SUCCESS(status)) {
        IoAdjustPagingPathCount(count, in);
        if (in && Filter->Paging == 1)
            Device->Flags &= ~DO_POWER_PAGABLE;
    } else if (set) {
        Device->Flags &= ~DO_POWER_PAGABLE;
    }
    KeSetEvent(&Filter->Paths, IO_NO_INCREMENT, FALSE);
    IoInvalidateDeviceState(Filter->Physical);
    return status;
}

static void SetInterface(FILTER *Filter, BOOLEAN On)
{
    if (Filter->HasInterface)
        IoSetDeviceInterfaceState(&Filter->Interface, On);
}

static NTSTATUS Pnp(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    UCHAR minor = IoGetCurrentIrpStackLocation(Irp)->MinorFunction;
    NTSTATUS status;

    switch (minor) {
    case IRP_MN_QUERY_CAPABILITIES:
    case IRP_MN_QUERY_PNP_DEVICE_STATE:
        status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
        if (!NT_SUCCESS(status))
            return FilterComplete(Irp, status);
        filter->Asked++;
        IoCopyCurrentIrpStackLocationToNext(Irp);
        IoSetCompletionRoutine(Irp, AskedDone, filter, TRUE, TRUE, TRUE);
        return IoCallDriver(filter->Lower, Irp);
    case IRP_MN_DEVICE_USAGE_NOTIFICATION:
        status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
        if (!NT_SUCCESS(status))
            return FilterComplete(Irp, status);
        status = Usage(filter, Device, Irp);
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return status;
    case IRP_MN_SURPRISE_REMOVAL:
    case IRP_MN_STOP_DEVICE:
        SetInterface(filter, FALSE);
        break;
    case IRP_MN_REMOVE_DEVICE:
        SetInterface(filter, FALSE);
        break;
    }
    return FilterPnp(Device, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_PNP] = (PDRIVER_DISPATCH)Pnp;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    KeInitializeEvent(&Filter->Paths, SynchronizationEvent, TRUE);
    /* Programs do without the interface where it cannot be had. */
    Filter->HasInterface = NT_SUCCESS(IoRegisterDeviceInterface(Filter->Physical, &Guid, NULL, &Filter->Interface));
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    SetInterface(Filter, TRUE);
    return STATUS_SUCCESS;
}

static void FilterRemoved(FILTER *Filter)
{
    if (Filter->HasInterface)
        FREE_NAME(&Filter->Interface);
}
