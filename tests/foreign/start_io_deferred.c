/* expect: clean. No Plug and Play: a device whose StartIo completes a request and asks for the next, deferred. */

#include <ddk/ntddk.h>

static const WCHAR DeviceName[] = L"\\Device\\ForeignStartIoDeferred";
static LONG Inside;

static VOID NTAPI StartIo(PDEVICE_OBJECT Device, PIRP Irp)
{
    if (InterlockedIncrement(&Inside) != 1 || Device->CurrentIrp != Irp || Irp->CancelRoutine != NULL)
        KeBugCheckEx(0xE3, (ULONG_PTR)Irp, (ULONG_PTR)Device->CurrentIrp, Inside, 0);
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    /* Windows calls this routine for the next request when it has returned, and not from here. */
    IoStartNextPacket(Device, FALSE);
    InterlockedDecrement(&Inside);
}

static NTSTATUS NTAPI Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    IoMarkIrpPending(Irp);
    IoStartPacket(Device, Irp, NULL, NULL);
    return STATUS_PENDING;
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING name;
    PDEVICE_OBJECT device;
    NTSTATUS status;

    (void)RegistryPath;
    RtlInitUnicodeString(&name, DeviceName);
    status = IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    device->Flags |= DO_BUFFERED_IO;
    IoSetStartIoAttributes(device, TRUE, TRUE);
    Driver->DriverStartIo = StartIo;
    Driver->MajorFunction[IRP_MJ_READ] = Read;
    Driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
