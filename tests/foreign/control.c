/* expect: clean. No Plug and Play: a control device with a link, and control requests of every method. */

#include <ddk/ntddk.h>

#define CONTROL_BUFFERED CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define CONTROL_DIRECT CTL_CODE(FILE_DEVICE_UNKNOWN, 0x802, METHOD_OUT_DIRECT, FILE_ANY_ACCESS)
#define CONTROL_NEITHER CTL_CODE(FILE_DEVICE_UNKNOWN, 0x803, METHOD_NEITHER, FILE_ANY_ACCESS)

static const WCHAR DeviceName[] = L"\\Device\\ForeignControl";
static const WCHAR LinkName[] = L"\\DosDevices\\ForeignControl";
static volatile LONG Opens;

static NTSTATUS Finish(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

static NTSTATUS NTAPI Create(PDEVICE_OBJECT Device, PIRP Irp)
{
    (void)Device;
    InterlockedIncrement(&Opens);
    return Finish(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI Close(PDEVICE_OBJECT Device, PIRP Irp)
{
    (void)Device;
    InterlockedDecrement(&Opens);
    return Finish(Irp, STATUS_SUCCESS, 0);
}

/* Reads bring nothing: the device has no contents. */
static NTSTATUS NTAPI Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    (void)Device;
    return Finish(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI Control(PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG length = stack->Parameters.DeviceIoControl.OutputBufferLength;
    PVOID buffer = NULL;

    (void)Device;
    switch (stack->Parameters.DeviceIoControl.IoControlCode) {
    case CONTROL_BUFFERED:
        buffer = Irp->AssociatedIrp.SystemBuffer;
        break;
    case CONTROL_DIRECT:
        if (Irp->MdlAddress != NULL)
            buffer = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
        break;
    case CONTROL_NEITHER:
        buffer = Irp->UserBuffer;
        break;
    default:
        return Finish(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    if (buffer == NULL || length < sizeof(Opens))
        return Finish(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    RtlCopyMemory(buffer, (PVOID)&Opens, sizeof(Opens));
    return Finish(Irp, STATUS_SUCCESS, sizeof(Opens));
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING link;

    RtlInitUnicodeString(&link, LinkName);
    IoDeleteSymbolicLink(&link);
    IoDeleteDevice(Driver->DeviceObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    UNICODE_STRING name, link;
    PDEVICE_OBJECT device;
    NTSTATUS status;

    (void)RegistryPath;
    RtlInitUnicodeString(&name, DeviceName);
    RtlInitUnicodeString(&link, LinkName);
    status = IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, FILE_DEVICE_SECURE_OPEN, TRUE, &device);
    if (!NT_SUCCESS(status))
        return status;
    status = IoCreateSymbolicLink(&link, &name);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    Driver->MajorFunction[IRP_MJ_CREATE] = Create;
    Driver->MajorFunction[IRP_MJ_CLEANUP] = Read;
    Driver->MajorFunction[IRP_MJ_CLOSE] = Close;
    Driver->MajorFunction[IRP_MJ_READ] = Read;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Control;
    Driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
