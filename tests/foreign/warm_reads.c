/* expect: clean. Reads the first sector of each direct read by an IRP of its own into the same buffer, and then sends the read on. */

#define FILTER_FIELDS int Unused;
#include "filter.h"

#define SECTOR 512

static NTSTATUS NTAPI Followed(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_SUCCESS;
}

static NTSTATUS NTAPI SectorRead(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    PIRP master = Context;
    FILTER *filter = IoGetCurrentIrpStackLocation(master)->DeviceObject->DeviceExtension;

    (void)Device;
    IoFreeMdl(Irp->MdlAddress);
    IoFreeIrp(Irp);
    IoCopyCurrentIrpStackLocationToNext(master);
    IoSetCompletionRoutine(master, Followed, filter, TRUE, TRUE, TRUE);
    IoCallDriver(filter->Lower, master);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp), next;
    NTSTATUS status;
    PIRP irp;

    if (Irp->MdlAddress == NULL)
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    irp = IoAllocateIrp(filter->Lower->StackSize, FALSE);
    if (irp == NULL)
        goto fail;
    irp->MdlAddress = IoAllocateMdl(MmGetMdlVirtualAddress(Irp->MdlAddress), SECTOR, FALSE, FALSE, NULL);
    if (irp->MdlAddress == NULL) {
        IoFreeIrp(irp);
        goto fail;
    }
    IoBuildPartialMdl(Irp->MdlAddress, irp->MdlAddress, MmGetMdlVirtualAddress(Irp->MdlAddress), SECTOR);
    irp->Tail.Overlay.Thread = Irp->Tail.Overlay.Thread;
    next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_READ;
    next->Parameters.Read.Length = SECTOR;
    next->Parameters.Read.ByteOffset = stack->Parameters.Read.ByteOffset;
    IoSetCompletionRoutine(irp, SectorRead, Irp, TRUE, TRUE, TRUE);
    IoMarkIrpPending(Irp);
    IoCallDriver(filter->Lower, irp);
    return STATUS_PENDING;

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
