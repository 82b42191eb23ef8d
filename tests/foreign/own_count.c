/* expect: clean. No remove lock: a count of its own and an event, a state of its own, requests held while the device is stopped; START with a completion routine by hand. */

#include <ddk/ntddk.h>

/* How long a request that was sent down is waited for. */
#ifndef PATIENCE
#define PATIENCE NULL
#endif

/* What tells the I/O manager of a request that is held. */
#ifndef MARK_HELD
#define MARK_HELD(Irp) IoMarkIrpPending(Irp)
#endif

typedef enum { NotStarted, Started, Holding, Removed } STATE;

typedef struct {
    PDEVICE_OBJECT Self;
    PDEVICE_OBJECT Below;
    volatile LONG Uses;
    KEVENT Unused;
    STATE State;
    STATE Before;
    LIST_ENTRY Held;
    KSPIN_LOCK Lock;
} EXTENSION;

static void Use(EXTENSION *Extension)
{
    InterlockedIncrement(&Extension->Uses);
}

static void Unuse(EXTENSION *Extension)
{
    if (InterlockedDecrement(&Extension->Uses) == 0)
        KeSetEvent(&Extension->Unused, IO_NO_INCREMENT, FALSE);
}

static void SetState(EXTENSION *Extension, STATE State)
{
    KIRQL irql;

    KeAcquireSpinLock(&Extension->Lock, &irql);
    Extension->Before = Extension->State;
    Extension->State = State;
    KeReleaseSpinLock(&Extension->Lock, irql);
}

static NTSTATUS Finish(PIRP Irp, NTSTATUS Status)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

/* What was held while the device could not serve it. */
static void Resume(EXTENSION *Extension, STATE State)
{
    for (;;) {
        PIRP irp = NULL;
        STATE state;
        KIRQL irql;

        KeAcquireSpinLock(&Extension->Lock, &irql);
        Extension->State = State;
        state = State;
        while (irp == NULL && !IsListEmpty(&Extension->Held)) {
            irp = CONTAINING_RECORD(RemoveHeadList(&Extension->Held), IRP, Tail.Overlay.ListEntry);
            if (IoSetCancelRoutine(irp, NULL) == NULL) {
                /* Its cancel routine waits for the lock, and finds an entry that is in no list. */
                InitializeListHead(&irp->Tail.Overlay.ListEntry);
                irp = NULL;
            }
        }
        KeReleaseSpinLock(&Extension->Lock, irql);
        if (irp == NULL)
            return;
        if (state == Started) {
            IoSkipCurrentIrpStackLocation(irp);
            IoCallDriver(Extension->Below, irp);
        } else {
            Finish(irp, STATUS_DELETE_PENDING);
        }
        Unuse(Extension);
    }
}

static VOID NTAPI CancelHeld(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *extension = Device->DeviceExtension;
    KIRQL irql = Irp->CancelIrql;

    IoReleaseCancelSpinLock(irql);
    KeAcquireSpinLock(&extension->Lock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&extension->Lock, irql);
    Finish(Irp, STATUS_CANCELLED);
    Unuse(extension);
}

static NTSTATUS NTAPI Io(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *extension = Device->DeviceExtension;
    NTSTATUS status;
    KIRQL irql;

    Use(extension);
    KeAcquireSpinLock(&extension->Lock, &irql);
    if (extension->State == Removed) {
        KeReleaseSpinLock(&extension->Lock, irql);
        status = Finish(Irp, STATUS_DELETE_PENDING);
        Unuse(extension);
        return status;
    }
    if (extension->State == Holding && !(Irp->Flags & IRP_PAGING_IO)) {
        IoSetCancelRoutine(Irp, CancelHeld);
        if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
            KeReleaseSpinLock(&extension->Lock, irql);
            status = Finish(Irp, STATUS_CANCELLED);
            Unuse(extension);
            return status;
        }
        MARK_HELD(Irp);
        InsertTailList(&extension->Held, &Irp->Tail.Overlay.ListEntry);
        KeReleaseSpinLock(&extension->Lock, irql);
        return STATUS_PENDING;
    }
    KeReleaseSpinLock(&extension->Lock, irql);
    IoSkipCurrentIrpStackLocation(Irp);
    status = IoCallDriver(extension->Below, Irp);
    Unuse(extension);
    return status;
}

static NTSTATUS NTAPI Pass(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *extension = Device->DeviceExtension;
    NTSTATUS status;

    Use(extension);
    IoSkipCurrentIrpStackLocation(Irp);
    status = IoCallDriver(extension->Below, Irp);
    Unuse(extension);
    return status;
}

static NTSTATUS NTAPI Power(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *extension = Device->DeviceExtension;

    PoStartNextPowerIrp(Irp);
    if (extension->State == Removed)
        return Finish(Irp, STATUS_DELETE_PENDING);
    IoSkipCurrentIrpStackLocation(Irp);
    return PoCallDriver(extension->Below, Irp);
}

static NTSTATUS NTAPI Wake(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)Device;
    if (Irp->PendingReturned)
        KeSetEvent(Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Sends the request down and has it back when this returns. */
static NTSTATUS SendAndWait(EXTENSION *Extension, PIRP Irp)
{
    KEVENT event;
    NTSTATUS status;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, Wake, &event, TRUE, TRUE, TRUE);
    status = IoCallDriver(Extension->Below, Irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, PATIENCE);
        status = Irp->IoStatus.Status;
    }
    return status;
}

static NTSTATUS NTAPI Pnp(PDEVICE_OBJECT Device, PIRP Irp)
{
    EXTENSION *extension = Device->DeviceExtension;
    UCHAR minor = IoGetCurrentIrpStackLocation(Irp)->MinorFunction;
    NTSTATUS status;

    Use(extension);
    switch (minor) {
    case IRP_MN_START_DEVICE:
    case IRP_MN_CANCEL_STOP_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
        status = SendAndWait(extension, Irp);
        if (NT_SUCCESS(status))
            Resume(extension, minor == IRP_MN_START_DEVICE ? Started : extension->Before);
        Irp->IoStatus.Status = status;
        IoCompleteRequest(Irp, IO_NO_INCREMENT);
        Unuse(extension);
        return status;
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_QUERY_REMOVE_DEVICE:
        if (extension->State == Started)
            SetState(extension, Holding);
        Irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    case IRP_MN_STOP_DEVICE:
        Irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    case IRP_MN_SURPRISE_REMOVAL:
        Resume(extension, Removed);
        Irp->IoStatus.Status = STATUS_SUCCESS;
        break;
    case IRP_MN_REMOVE_DEVICE:
        Resume(extension, Removed);
        Unuse(extension);
        Unuse(extension);
        KeWaitForSingleObject(&extension->Unused, Executive, KernelMode, FALSE, NULL);
        Irp->IoStatus.Status = STATUS_SUCCESS;
        IoSkipCurrentIrpStackLocation(Irp);
        status = IoCallDriver(extension->Below, Irp);
        IoDetachDevice(extension->Below);
        IoDeleteDevice(Device);
        return status;
    }
    IoSkipCurrentIrpStackLocation(Irp);
    status = IoCallDriver(extension->Below, Irp);
    Unuse(extension);
    return status;
}

static NTSTATUS NTAPI AddDevice(PDRIVER_OBJECT Driver, PDEVICE_OBJECT Physical)
{
    EXTENSION *extension;
    PDEVICE_OBJECT device;
    NTSTATUS status;

    status = IoCreateDevice(Driver, sizeof(EXTENSION), NULL, FILE_DEVICE_DISK, FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    extension = device->DeviceExtension;
    extension->Self = device;
    /* One for the device itself, which REMOVE_DEVICE gives back. */
    extension->Uses = 1;
    extension->State = NotStarted;
    extension->Before = NotStarted;
    InitializeListHead(&extension->Held);
    KeInitializeSpinLock(&extension->Lock);
    KeInitializeEvent(&extension->Unused, NotificationEvent, FALSE);
    status = IoAttachDeviceToDeviceStackSafe(device, Physical, &extension->Below);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    device->Flags |= extension->Below->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO | DO_POWER_PAGABLE);
    device->DeviceType = extension->Below->DeviceType;
    device->Characteristics = extension->Below->Characteristics;
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static VOID NTAPI Unload(PDRIVER_OBJECT Driver)
{
    (void)Driver;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT Driver, PUNICODE_STRING RegistryPath)
{
    ULONG i;

    (void)RegistryPath;
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        Driver->MajorFunction[i] = Pass;
    Driver->MajorFunction[IRP_MJ_READ] = Io;
    Driver->MajorFunction[IRP_MJ_WRITE] = Io;
    Driver->MajorFunction[IRP_MJ_PNP] = Pnp;
    Driver->MajorFunction[IRP_MJ_POWER] = Power;
    Driver->DriverExtension->AddDevice = AddDevice;
    Driver->DriverUnload = Unload;
    return STATUS_SUCCESS;
}
