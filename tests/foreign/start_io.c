/* expect: clean. No Plug and Play: a device that serves one request at a time in StartIo, and completes it in its DPC. */

#include <ddk/ntddk.h>

static const WCHAR DeviceName[] = L"\\Device\\ForeignStartIo";
static KTIMER Timer;
static KDPC TimerDpc;

static VOID NTAPI Interrupt(PKDPC Dpc, PVOID Context, PVOID Argument1, PVOID Argument2)
{
    PDEVICE_OBJECT device = Context;

    (void)Dpc;
    (void)Argument1;
    (void)Argument2;
    IoRequestDpc(device, device->CurrentIrp, NULL);
}

static VOID NTAPI Complete(PKDPC Dpc, PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)Dpc;
    (void)Context;
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoStartNextPacket(Device, FALSE);
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
}

static VOID NTAPI StartIo(PDEVICE_OBJECT Device, PIRP Irp)
{
    LARGE_INTEGER due;

    if (Device->CurrentIrp != Irp || KeGetCurrentIrql() != DISPATCH_LEVEL)
        KeBugCheckEx(0xE3, (ULONG_PTR)Irp, (ULONG_PTR)Device->CurrentIrp, KeGetCurrentIrql(), 0);
    due.QuadPart = -1;
    KeSetTimer(&Timer, due, &TimerDpc);
}

static NTSTATUS NTAPI Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    IoMarkIrpPending(Irp);
    IoStartPacket(Device, Irp, NULL, NULL);
    return STATUS_PENDING;
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    KeCancelTimer(&Timer);
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
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&TimerDpc, Interrupt, device);
    IoInitializeDpcRequest(device, Complete);
    Driver->DriverStartIo = StartIo;
    Driver->MajorFunction[IRP_MJ_READ] = Read;
    Driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
