/* expect: clean except in split. Splits each long direct read with one partial MDL that is used again for each part, part after part. */

#define FILTER_FIELDS int Unused;
#include "filter.h"

#define PART (4 * 512)

/* What releases the mapping of a part before the next. */
#ifndef PREPARE
#define PREPARE(Mdl) MmPrepareMdlForReuse(Mdl)
#endif

typedef struct {
    FILTER *Filter;
    PIRP Master;
    PIRP Irp;
    PMDL Mdl;
    ULONG Done;
    ULONG Length;
    ULONG Sum;
} SPLIT;

static NTSTATUS NTAPI PartRead(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context);

static ULONG PartLength(SPLIT *Split)
{
    ULONG left = Split->Length - Split->Done;

    return left < PART ? left : PART;
}

static void SendPart(SPLIT *Split)
{
    PIO_STACK_LOCATION master = IoGetCurrentIrpStackLocation(Split->Master), next;
    PUCHAR address = (PUCHAR)MmGetMdlVirtualAddress(Split->Master->MdlAddress) + Split->Done;

    IoBuildPartialMdl(Split->Master->MdlAddress, Split->Mdl, address, PartLength(Split));
    Split->Irp->MdlAddress = Split->Mdl;
    Split->Irp->Tail.Overlay.Thread = Split->Master->Tail.Overlay.Thread;
    next = IoGetNextIrpStackLocation(Split->Irp);
    next->MajorFunction = IRP_MJ_READ;
    next->Parameters.Read.Length = PartLength(Split);
    next->Parameters.Read.ByteOffset.QuadPart = master->Parameters.Read.ByteOffset.QuadPart + Split->Done;
    IoSetCompletionRoutine(Split->Irp, PartRead, Split, TRUE, TRUE, TRUE);
    IoCallDriver(Split->Filter->Lower, Split->Irp);
}

static void Finish(SPLIT *Split, NTSTATUS Status)
{
    FILTER *filter = Split->Filter;
    PIRP master = Split->Master;

    IoFreeMdl(Split->Mdl);
    IoFreeIrp(Split->Irp);
    master->IoStatus.Status = Status;
    master->IoStatus.Information = NT_SUCCESS(Status) ? Split->Done : 0;
    ExFreePoolWithTag(Split, TAG);
    IoCompleteRequest(master, IO_DISK_INCREMENT);
    IoReleaseRemoveLock(&filter->RemoveLock, master);
}

static NTSTATUS NTAPI PartRead(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    SPLIT *split = Context;
    NTSTATUS status = Irp->IoStatus.Status;
    BOOLEAN is_short = FALSE;
    PUCHAR data;

    (void)Device;
    if (NT_SUCCESS(status)) {
        data = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
        if (data != NULL)
            split->Sum += data[0];
        is_short = Irp->IoStatus.Information < PartLength(split);
        split->Done += (ULONG)Irp->IoStatus.Information;
    }
    if (!NT_SUCCESS(status) || is_short || split->Done == split->Length) {
        Finish(split, status);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    PREPARE(split->Mdl);
    IoReuseIrp(Irp, STATUS_SUCCESS);
    SendPart(split);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    ULONG length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    NTSTATUS status;
    SPLIT *split;

    if (Irp->MdlAddress == NULL || length <= PART)
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    split = ExAllocatePoolWithTag(NonPagedPool, sizeof(*split), TAG);
    if (split == NULL)
        goto fail;
    RtlZeroMemory(split, sizeof(*split));
    split->Filter = filter;
    split->Master = Irp;
    split->Length = length;
    split->Irp = IoAllocateIrp(filter->Lower->StackSize, FALSE);
    if (split->Irp == NULL)
        goto fail_split;
    /* Any part fits, wherever in its first page it begins. */
    split->Mdl = IoAllocateMdl(NULL, PART + PAGE_SIZE, FALSE, FALSE, NULL);
    if (split->Mdl == NULL) {
        IoFreeIrp(split->Irp);
        goto fail_split;
    }
    IoMarkIrpPending(Irp);
    SendPart(split);
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
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
