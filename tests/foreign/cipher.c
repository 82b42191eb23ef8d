/* expect: clean. Enciphers: writes go down from a buffer of its own with an MDL of its own, direct reads are deciphered in place on the way up. */

#define FILTER_FIELDS volatile LONG Swapped;
#include "filter.h"

/* What becomes of the MDL of a write that is over. */
#ifndef FREE_MDL
#define FREE_MDL(Mdl) IoFreeMdl(Mdl)
#endif

/* What is undone at once where there is no MDL; the rest follows. */
#ifndef UNDO
#define UNDO(Data) (void)(Data)
#endif

#define KEY 0

typedef struct {
    FILTER *Filter;
    PMDL OldMdl;
    PVOID OldSystemBuffer;
    PMDL Mdl;
    PUCHAR Data;
    ULONG Length;
} SWAP;

static PVOID Address(PIRP Irp)
{
    if (Irp->MdlAddress != NULL)
        return MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority);
    return Irp->AssociatedIrp.SystemBuffer;
}

static NTSTATUS NTAPI ReadDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    if (NT_SUCCESS(Irp->IoStatus.Status) && Irp->IoStatus.Information != 0) {
        PUCHAR data = Address(Irp);
        ULONG_PTR i;

        if (data == NULL) {
            Irp->IoStatus.Status = STATUS_INSUFFICIENT_RESOURCES;
            Irp->IoStatus.Information = 0;
        } else {
            for (i = 0; i < Irp->IoStatus.Information; i += 64)
                data[i] ^= KEY;
        }
    }
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS Read(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, ReadDone, filter, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

static NTSTATUS NTAPI WriteDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    SWAP *swap = Context;
    FILTER *filter = swap->Filter;

    (void)Device;
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    Irp->MdlAddress = swap->OldMdl;
    Irp->AssociatedIrp.SystemBuffer = swap->OldSystemBuffer;
    FREE_MDL(swap->Mdl);
    ExFreePoolWithTag(swap->Data, TAG);
    ExFreePoolWithTag(swap, TAG);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static SWAP *Swap(FILTER *Filter, PIRP Irp, ULONG Length)
{
    PUCHAR from = Address(Irp);
    SWAP *swap;
    ULONG i;

    if (from == NULL)
        return NULL;
    swap = ExAllocatePoolWithTag(NonPagedPool, sizeof(*swap), TAG);
    if (swap == NULL)
        return NULL;
    swap->Filter = Filter;
    swap->Length = Length;
    swap->OldMdl = Irp->MdlAddress;
    swap->OldSystemBuffer = Irp->AssociatedIrp.SystemBuffer;
    swap->Data = ExAllocatePoolWithTag(NonPagedPool, Length, TAG);
    if (swap->Data == NULL)
        goto fail;
    swap->Mdl = IoAllocateMdl(swap->Data, Length, FALSE, FALSE, NULL);
    if (swap->Mdl == NULL)
        goto fail_data;
    MmBuildMdlForNonPagedPool(swap->Mdl);
    for (i = 0; i < Length; i++)
        swap->Data[i] = from[i] ^ KEY;
    return swap;

fail_data:
    UNDO(swap->Data);
    ExFreePoolWithTag(swap->Data, TAG);
fail:
    ExFreePoolWithTag(swap, TAG);
    return NULL;
}

static NTSTATUS Write(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    ULONG length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Write.Length;
    NTSTATUS status;
    SWAP *swap;

    if (length == 0)
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    swap = Swap(filter, Irp, length);
    if (swap == NULL) {
        status = FilterComplete(Irp, STATUS_INSUFFICIENT_RESOURCES);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return status;
    }
    InterlockedIncrement(&filter->Swapped);
    if (Device->Flags & DO_DIRECT_IO)
        Irp->MdlAddress = swap->Mdl;
    else
        Irp->AssociatedIrp.SystemBuffer = swap->Data;
    IoCopyCurrentIrpStackLocationToNext(Irp);
    IoSetCompletionRoutine(Irp, WriteDone, swap, TRUE, TRUE, TRUE);
    return IoCallDriver(filter->Lower, Irp);
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Read;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)Write;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
