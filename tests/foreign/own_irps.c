/* expect: clean except in split. Sends IRPs of its own at START, built in every way there is, and splits each direct read in two. */

#define FILTER_FIELDS int Unused;
#include "filter.h"

#define SECTOR 512
#define IOCTL_EXAMPLE CTL_CODE(FILE_DEVICE_DISK, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

static NTSTATUS NTAPI SignalAndKeep(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)Device;
    (void)Irp;
    KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void SendAndWait(PDEVICE_OBJECT Lower, PIRP Irp)
{
    KEVENT event;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    IoSetCompletionRoutine(Irp, SignalAndKeep, &event, TRUE, TRUE, TRUE);
    IoCallDriver(Lower, Irp);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
}

static void FlushByAllocatedIrp(FILTER *Filter)
{
    PIRP irp = IoAllocateIrp(Filter->Lower->StackSize, FALSE);

    if (irp == NULL)
        return;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    SendAndWait(Filter->Lower, irp);
    IoReuseIrp(irp, STATUS_SUCCESS);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    SendAndWait(Filter->Lower, irp);
    IoFreeIrp(irp);
}

/* What is done with the pages of an IRP that the I/O manager built, before their MDL is freed. */
#ifndef UNLOCK
#define UNLOCK(Mdl) MmUnlockPages(Mdl)
#endif

static void FreeAsynchronous(PIRP Irp)
{
    PMDL mdl, next;

    for (mdl = Irp->MdlAddress; mdl != NULL; mdl = next) {
        next = mdl->Next;
        UNLOCK(mdl);
        IoFreeMdl(mdl);
    }
    if (Irp->Flags & IRP_DEALLOCATE_BUFFER)
        ExFreePool(Irp->AssociatedIrp.SystemBuffer);
    IoFreeIrp(Irp);
}

static void ReadAsynchronously(FILTER *Filter, void *Buffer)
{
    LARGE_INTEGER offset;
    IO_STATUS_BLOCK iosb;
    PIRP irp;

    offset.QuadPart = 0;
    irp = IoBuildAsynchronousFsdRequest(IRP_MJ_READ, Filter->Lower, Buffer, SECTOR, &offset, &iosb);
    if (irp == NULL)
        return;
    SendAndWait(Filter->Lower, irp);
    FreeAsynchronous(irp);
}

static void ReadSynchronously(FILTER *Filter, void *Buffer)
{
    LARGE_INTEGER offset;
    IO_STATUS_BLOCK iosb;
    KEVENT event;
    NTSTATUS status;
    PIRP irp;

    offset.QuadPart = SECTOR;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildSynchronousFsdRequest(IRP_MJ_READ, Filter->Lower, Buffer, SECTOR, &offset, &event, &iosb);
    if (irp == NULL)
        return;
    status = IoCallDriver(Filter->Lower, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        status = iosb.Status;
    }
    if (NT_SUCCESS(status) && iosb.Information != SECTOR)
        KeBugCheckEx(0xE1, 1, status, iosb.Information, 0);
}

static void Control(FILTER *Filter)
{
    ULONG in = 1, out = 0;
    IO_STATUS_BLOCK iosb;
    KEVENT event;
    PIRP irp;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(IOCTL_EXAMPLE, Filter->Lower, &in, sizeof(in), &out, sizeof(out), FALSE, &event,
                                        &iosb);
    if (irp == NULL)
        return;
    if (IoCallDriver(Filter->Lower, irp) == STATUS_PENDING)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    void *buffer = ExAllocatePoolWithTag(NonPagedPool, SECTOR, TAG);

    if (buffer == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    FlushByAllocatedIrp(Filter);
    ReadAsynchronously(Filter, buffer);
    ReadSynchronously(Filter, buffer);
    Control(Filter);
    ExFreePoolWithTag(buffer, TAG);
    return STATUS_SUCCESS;
}

/* A read that is split: two IRPs over partial MDLs, the last of which completes it. */
typedef struct {
    FILTER *Filter;
    PIRP Master;
    volatile LONG Left;
    volatile LONG Status;
    /* What was transferred of each half, in the order of the bytes. */
    ULONG Done[2];
} SPLIT;

static NTSTATUS NTAPI PartDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    SPLIT *split = Context;
    PIRP master = split->Master;
    FILTER *filter = split->Filter;

    (void)Device;
    if (NT_SUCCESS(Irp->IoStatus.Status))
        split->Done[MmGetMdlVirtualAddress(Irp->MdlAddress) != MmGetMdlVirtualAddress(master->MdlAddress)] =
            (ULONG)Irp->IoStatus.Information;
    else
        split->Status = Irp->IoStatus.Status;
    IoFreeMdl(Irp->MdlAddress);
    IoFreeIrp(Irp);
    if (InterlockedDecrement(&split->Left) == 0) {
        master->IoStatus.Status = split->Status;
        /* What is short ends the transfer. */
        master->IoStatus.Information =
            NT_SUCCESS(split->Status) ? split->Done[0] + (split->Done[0] == SECTOR ? split->Done[1] : 0) : 0;
        ExFreePoolWithTag(split, TAG);
        IoCompleteRequest(master, IO_DISK_INCREMENT);
        IoReleaseRemoveLock(&filter->RemoveLock, master);
    }
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static PIRP MakePart(FILTER *Filter, SPLIT *Split, ULONG Offset, ULONG Length)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Split->Master), next;
    PUCHAR address = (PUCHAR)MmGetMdlVirtualAddress(Split->Master->MdlAddress) + Offset;
    PIRP irp = IoAllocateIrp(Filter->Lower->StackSize, FALSE);

    if (irp == NULL)
        return NULL;
    irp->MdlAddress = IoAllocateMdl(address, Length, FALSE, FALSE, NULL);
    if (irp->MdlAddress == NULL) {
        IoFreeIrp(irp);
        return NULL;
    }
    IoBuildPartialMdl(Split->Master->MdlAddress, irp->MdlAddress, address, Length);
    irp->Tail.Overlay.Thread = Split->Master->Tail.Overlay.Thread;
    next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_READ;
    next->Parameters.Read.Length = Length;
    next->Parameters.Read.ByteOffset.QuadPart = stack->Parameters.Read.ByteOffset.QuadPart + Offset;
    IoSetCompletionRoutine(irp, PartDone, Split, TRUE, TRUE, TRUE);
    return irp;
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    ULONG length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    NTSTATUS status;
    SPLIT *split;
    PIRP first, second;

    if (Irp->MdlAddress == NULL || length < 2 * SECTOR)
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    split = ExAllocatePoolWithTag(NonPagedPool, sizeof(*split), TAG);
    if (split == NULL)
        goto fail;
    split->Filter = filter;
    split->Master = Irp;
    split->Left = 2;
    split->Status = STATUS_SUCCESS;
    RtlZeroMemory(split->Done, sizeof(split->Done));
    first = MakePart(filter, split, 0, SECTOR);
    if (first == NULL)
        goto fail_split;
    second = MakePart(filter, split, SECTOR, length - SECTOR);
    if (second == NULL) {
        IoFreeMdl(first->MdlAddress);
        IoFreeIrp(first);
        goto fail_split;
    }
    IoMarkIrpPending(Irp);
    IoCallDriver(filter->Lower, first);
    IoCallDriver(filter->Lower, second);
    return STATUS_PENDING;

fail_split:
    ExFreePoolWithTag(split, TAG);
fail:
    status = FilterComplete(Irp, STATUS_INSUFFICIENT_RESOURCES);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
