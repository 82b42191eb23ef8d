/* What most of these filter drivers share: attaching, Plug and Play, power, removal.
 *
 * A driver defines FILTER_FIELDS, includes this file, and provides the functions that are declared here. */

#ifndef FILTER_H
#define FILTER_H

#include <ddk/ntddk.h>

#define TAG 'ngrF'

typedef struct FILTER {
    PDEVICE_OBJECT Self;
    PDEVICE_OBJECT Lower;
    PDEVICE_OBJECT Physical;
    IO_REMOVE_LOCK RemoveLock;
    FILTER_FIELDS
} FILTER;

/* The path of the service's key, during DriverEntry. */
static PUNICODE_STRING FilterServicePath;

/* Sets the major functions that the driver has for itself. */
static void FilterSetUp(PDRIVER_OBJECT Driver);
/* The device has been attached. A failure detaches it again. */
static NTSTATUS FilterAdded(FILTER *Filter);
/* The lower drivers have started the device. */
static NTSTATUS FilterStarted(FILTER *Filter);
/* REMOVE_DEVICE: nothing that was sent to the device is still here. */
static void FilterRemoved(FILTER *Filter);

static DRIVER_UNLOAD FilterUnload;
static DRIVER_ADD_DEVICE FilterAddDevice;

static NTSTATUS FilterComplete(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS FilterPass(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoSkipCurrentIrpStackLocation(Irp);
    status = IoCallDriver(filter->Lower, Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static NTSTATUS FilterPower(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    PoStartNextPowerIrp(Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoSkipCurrentIrpStackLocation(Irp);
    status = PoCallDriver(filter->Lower, Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static NTSTATUS FilterStart(FILTER *Filter, PIRP Irp)
{
    NTSTATUS status = STATUS_UNSUCCESSFUL;

    if (IoForwardIrpSynchronously(Filter->Lower, Irp))
        status = Irp->IoStatus.Status;
    if (NT_SUCCESS(status))
        status = FilterStarted(Filter);
    Irp->IoStatus.Status = status;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS FilterPnp(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    switch (IoGetCurrentIrpStackLocation(Irp)->MinorFunction) {
    case IRP_MN_START_DEVICE:
        status = FilterStart(filter, Irp);
        break;
    case IRP_MN_REMOVE_DEVICE:
        IoReleaseRemoveLockAndWait(&filter->RemoveLock, Irp);
        FilterRemoved(filter);
        Irp->IoStatus.Status = STATUS_SUCCESS;
        IoSkipCurrentIrpStackLocation(Irp);
        status = IoCallDriver(filter->Lower, Irp);
        IoDetachDevice(filter->Lower);
        IoDeleteDevice(Device);
        return status;
    case IRP_MN_SURPRISE_REMOVAL:
    case IRP_MN_QUERY_REMOVE_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_CANCEL_STOP_DEVICE:
    case IRP_MN_STOP_DEVICE:
        Irp->IoStatus.Status = STATUS_SUCCESS;
        /* fall through */
    default:
        IoSkipCurrentIrpStackLocation(Irp);
        status = IoCallDriver(filter->Lower, Irp);
        break;
    }
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static NTSTATUS NTAPI FilterAddDevice(PDRIVER_OBJECT Driver, PDEVICE_OBJECT Physical)
{
    PDEVICE_OBJECT device;
    FILTER *filter;
    NTSTATUS status;

    status = IoCreateDevice(Driver, sizeof(FILTER), NULL, FILE_DEVICE_DISK, FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    filter = device->DeviceExtension;
    RtlZeroMemory(filter, sizeof(*filter));
    filter->Self = device;
    filter->Physical = Physical;
    IoInitializeRemoveLock(&filter->RemoveLock, TAG, 0, 0);
    filter->Lower = IoAttachDeviceToDeviceStack(device, Physical);
    if (filter->Lower == NULL) {
        IoDeleteDevice(device);
        return STATUS_NO_SUCH_DEVICE;
    }
    device->DeviceType = filter->Lower->DeviceType;
    device->Characteristics = filter->Lower->Characteristics;
    device->Flags |= filter->Lower->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO | DO_POWER_PAGABLE | DO_POWER_INRUSH);
    status = FilterAdded(filter);
    if (!NT_SUCCESS(status)) {
        IoDetachDevice(filter->Lower);
        IoDeleteDevice(device);
        return status;
    }
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static VOID NTAPI FilterUnload(PDRIVER_OBJECT Driver)
{
    (void)Driver;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    int i;

    FilterServicePath = RegistryPath;
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Driver->MajorFunction[i] = (PDRIVER_DISPATCH)FilterPass;
    Driver->MajorFunction[IRP_MJ_PNP] = (PDRIVER_DISPATCH)FilterPnp;
    Driver->MajorFunction[IRP_MJ_POWER] = (PDRIVER_DISPATCH)FilterPower;
    Driver->DriverExtension->AddDevice = FilterAddDevice;
    Driver->DriverUnload = FilterUnload;
    FilterSetUp(Driver);
    FilterServicePath = NULL;
    return STATUS_SUCCESS;
}

#endif
