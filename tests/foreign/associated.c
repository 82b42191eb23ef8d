/* expect: clean except in split. Sends each direct read down in two associated IRPs, which the I/O manager frees before it completes the read. */

#define FILTER_FIELDS int Unused;
#include "filter.h"

#define SECTOR 512

static NTSTATUS NTAPI PartRead(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    PIRP master = Context;

    (void)Device;
    if (!NT_SUCCESS(Irp->IoStatus.Status)) {
        master->IoStatus.Status = Irp->IoStatus.Status;
        master->IoStatus.Information = 0;
    } else if (NT_SUCCESS(master->IoStatus.Status)) {
        /* The first part is a sector, which is never short. */
        master->IoStatus.Information -= MmGetMdlByteCount(Irp->MdlAddress) - Irp->IoStatus.Information;
    }
    return STATUS_SUCCESS;
}

static PIRP MakePart(FILTER *Filter, PIRP Master, ULONG Offset, ULONG Length)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Master), next;
    PUCHAR address = (PUCHAR)MmGetMdlVirtualAddress(Master->MdlAddress) + Offset;
    PIRP irp = IoMakeAssociatedIrp(Master, Filter->Lower->StackSize);
    PMDL mdl;

    if (irp == NULL)
        return NULL;
    mdl = IoAllocateMdl(address, Length, FALSE, FALSE, irp);
    if (mdl == NULL) {
        IoFreeIrp(irp);
        return NULL;
    }
    IoBuildPartialMdl(Master->MdlAddress, mdl, address, Length);
    next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_READ;
    next->Parameters.Read.Length = Length;
    next->Parameters.Read.ByteOffset.QuadPart = stack->Parameters.Read.ByteOffset.QuadPart + Offset;
    IoSetCompletionRoutine(irp, PartRead, Master, TRUE, TRUE, TRUE);
    return irp;
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    ULONG length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    PIRP first, second;
    NTSTATUS status;

    if (Irp->MdlAddress == NULL || length < 2 * SECTOR)
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    first = MakePart(filter, Irp, 0, SECTOR);
    second = first == NULL ? NULL : MakePart(filter, Irp, SECTOR, length - SECTOR);
    if (second == NULL) {
        if (first != NULL) {
            IoFreeMdl(first->MdlAddress);
            IoFreeIrp(first);
        }
        status = FilterComplete(Irp, STATUS_INSUFFICIENT_RESOURCES);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return status;
    }
    Irp->AssociatedIrp.IrpCount = 2;
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = length;
    IoMarkIrpPending(Irp);
    IoCallDriver(filter->Lower, first);
    IoCallDriver(filter->Lower, second);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_PENDING;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
