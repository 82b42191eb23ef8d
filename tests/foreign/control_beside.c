/* expect: clean. A control device with a link beside the filter: the first filter device makes it, the last one's removal deletes it. */

#define FILTER_FIELDS volatile LONG64 Bytes;
#include "filter.h"

#define IOCTL_TOTAL CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_READ_ACCESS)

static KMUTEX Lock;
static ULONG Filters;
static PDEVICE_OBJECT Control;
static volatile LONG64 Total;
static UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\Device\\BesideControl");
static UNICODE_STRING Link = RTL_CONSTANT_STRING(L"\\DosDevices\\BesideControl");

/* Every dispatch routine asks this first: the control device has no extension. */
static BOOLEAN IsControl(PDEVICE_OBJECT Device)
{
    return Device == Control;
}

static NTSTATUS Answer(PIRP Irp)
{
    PIO_STACK_LOCATION own = IoGetCurrentIrpStackLocation(Irp);
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    ULONG_PTR information = 0;

    switch (own->MajorFunction) {
    case IRP_MJ_CREATE:
    case IRP_MJ_CLEANUP:
    case IRP_MJ_CLOSE:
        status = STATUS_SUCCESS;
        break;
    case IRP_MJ_DEVICE_CONTROL:
        if (own->Parameters.DeviceIoControl.IoControlCode != IOCTL_TOTAL)
            break;
        if (own->Parameters.DeviceIoControl.OutputBufferLength < sizeof(LONG64)) {
            status = STATUS_BUFFER_TOO_SMALL;
            break;
        }
        *(LONG64 *)Irp->AssociatedIrp.SystemBuffer = Total;
        information = sizeof(LONG64);
        status = STATUS_SUCCESS;
        break;
    }
    Irp->IoStatus.Status = status;
    Irp->IoStatus.Information = information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS Any(PDEVICE_OBJECT Device, PIRP Irp)
{
    return IsControl(Device) ? Answer(Irp) : FilterPass(Device, Irp);
}

static NTSTATUS Power(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (!IsControl(Device))
        return FilterPower(Device, Irp);
    PoStartNextPowerIrp(Irp);
    return FilterComplete(Irp, STATUS_INVALID_DEVICE_REQUEST);
}

static NTSTATUS Pnp(PDEVICE_OBJECT Device, PIRP Irp)
{
    return IsControl(Device) ? Answer(Irp) : FilterPnp(Device, Irp);
}

static NTSTATUS NTAPI Done(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    InterlockedExchangeAdd64(&filter->Bytes, (LONG64)Irp->IoStatus.Information);
    InterlockedExchangeAdd64(&Total, (LONG64)Irp->IoStatus.Information);
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS ReadWrite(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status;

    if (IsControl(Device))
        return Answer(Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Done, filter, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

static NTSTATUS MakeControl(PDRIVER_OBJECT Driver)
{
    PDEVICE_OBJECT device;
    NTSTATUS status;

    status = IoCreateDevice(Driver, 0, &Name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    device->Flags |= DO_BUFFERED_IO;
    status = IoCreateSymbolicLink(&Link, &Name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    Control = device;
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    ULONG i;

    KeInitializeMutex(&Lock, 0);
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Driver->MajorFunction[i] = (PDRIVER_DISPATCH)Any;
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)ReadWrite;
    Driver->MajorFunction[IRP_MJ_PNP] = (PDRIVER_DISPATCH)Pnp;
    Driver->MajorFunction[IRP_MJ_POWER] = (PDRIVER_DISPATCH)Power;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    NTSTATUS status = STATUS_SUCCESS;

    KeWaitForMutexObject(&Lock, Executive, KernelMode, FALSE, NULL);
    if (Filters == 0)
        status = MakeControl(Filter->Self->DriverObject);
    if (NT_SUCCESS(status))
        Filters++;
    KeReleaseMutex(&Lock, FALSE);
    return status;
}

static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }

static void FilterRemoved(FILTER *Filter)
{
    (void)Filter;
    KeWaitForMutexObject(&Lock, Executive, KernelMode, FALSE, NULL);
    if (--Filters == 0) {
        PDEVICE_OBJECT device = Control;

        IoDeleteSymbolicLink(&Link);
        Control = NULL;
        IoDeleteDevice(device);
    }
    KeReleaseMutex(&Lock, FALSE);
}
