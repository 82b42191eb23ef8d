/* expect: clean. Splits each long transfer in the IRP that it came in, part after part, with an MDL of its own in it meanwhile. */

#define FILTER_FIELDS int Unused;
#include "filter.h"
#include "parameter.h"

/* Gives the IRP back what it came with, before it goes on up. */
#ifndef RESTORE
#define RESTORE(Split) ((Split)->Irp->MdlAddress = (Split)->Whole)
#endif

/* What a part has for an MDL. */
#ifndef LENGTH_OF_MDL
#define LENGTH_OF_MDL(Part) (Part)
#endif

typedef struct {
    FILTER *Filter;
    PIRP Irp;
    /* What the IRP came with. */
    PMDL Whole;
    PVOID SystemBuffer;
    PMDL Mdl;
    ULONG Length;
    ULONG Part;
    ULONG Done;
    NTSTATUS Status;
    /* Whether the part that is sent has come back, or its sender has gone on to other things: who is second goes on. */
    LONG Met;
} SPLIT;

static ULONG PartBytes = 2048;

static NTSTATUS NTAPI PartDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context);

static void Prepare(SPLIT *Split)
{
    PIRP irp = Split->Irp;
    PIO_STACK_LOCATION next;
    ULONG left = Split->Length - Split->Done;

    Split->Part = left < PartBytes ? left : PartBytes;
    IoCopyCurrentIrpStackLocationToNext(irp);
    next = IoGetNextIrpStackLocation(irp);
    next->Parameters.Read.Length = Split->Part;
    next->Parameters.Read.ByteOffset.QuadPart += Split->Done;
    if (Split->Whole != NULL) {
        MmPrepareMdlForReuse(Split->Mdl);
        IoBuildPartialMdl(Split->Whole, Split->Mdl, (PUCHAR)MmGetMdlVirtualAddress(Split->Whole) + Split->Done,
                          LENGTH_OF_MDL(Split->Part));
        irp->MdlAddress = Split->Mdl;
    } else {
        irp->AssociatedIrp.SystemBuffer = (PUCHAR)Split->SystemBuffer + Split->Done;
    }
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoSetCompletionRoutine(irp, PartDone, Split, TRUE, TRUE, TRUE);
    Split->Met = 0;
}

static void Finish(SPLIT *Split)
{
    FILTER *filter = Split->Filter;
    PIRP irp = Split->Irp;

    RESTORE(Split);
    irp->AssociatedIrp.SystemBuffer = Split->SystemBuffer;
    irp->IoStatus.Status = Split->Status;
    irp->IoStatus.Information = Split->Done;
    IoFreeMdl(Split->Mdl);
    ExFreePoolWithTag(Split, TAG);
    IoCompleteRequest(irp, IO_DISK_INCREMENT);
    IoReleaseRemoveLock(&filter->RemoveLock, irp);
}

/* Takes a part's result. Whether there is another. */
static BOOLEAN Continues(SPLIT *Split)
{
    ULONG done;

    Split->Status = Split->Irp->IoStatus.Status;
    done = NT_SUCCESS(Split->Status) ? (ULONG)Split->Irp->IoStatus.Information : 0;
    Split->Done += done;
    if (!NT_SUCCESS(Split->Status) || done < Split->Part || Split->Done == Split->Length)
        return FALSE;
    if (Split->Irp->Cancel) {
        Split->Status = STATUS_CANCELLED;
        return FALSE;
    }
    return TRUE;
}

/* Sends part after part, as long as they come back at once: no deeper on the stack for any number of them. */
static void Send(SPLIT *Split)
{
    do {
        Prepare(Split);
        IoCallDriver(Split->Filter->Lower, Split->Irp);
        if (InterlockedExchange(&Split->Met, 1) == 0)
            return;
    } while (Continues(Split));
    Finish(Split);
}

static NTSTATUS NTAPI PartDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    SPLIT *split = Context;

    (void)Device;
    (void)Irp;
    if (InterlockedExchange(&split->Met, 1) == 0)
        return STATUS_MORE_PROCESSING_REQUIRED;
    if (Continues(split))
        Send(split);
    else
        Finish(split);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Transfer(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    ULONG length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    NTSTATUS status;
    SPLIT *split;

    if (length <= PartBytes || (Irp->MdlAddress != NULL ? Irp->MdlAddress->Next != NULL
                                                        : Irp->AssociatedIrp.SystemBuffer == NULL))
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    split = ExAllocatePoolWithTag(NonPagedPool, sizeof(*split), TAG);
    if (split == NULL)
        goto fail;
    RtlZeroMemory(split, sizeof(*split));
    split->Filter = filter;
    split->Irp = Irp;
    split->Whole = Irp->MdlAddress;
    split->SystemBuffer = Irp->AssociatedIrp.SystemBuffer;
    split->Length = length;
    split->Mdl = IoAllocateMdl(NULL, PartBytes + PAGE_SIZE, FALSE, FALSE, NULL);
    if (split->Mdl == NULL) {
        ExFreePoolWithTag(split, TAG);
        goto fail;
    }
    IoMarkIrpPending(Irp);
    Send(split);
    return STATUS_PENDING;

fail:
    status = FilterComplete(Irp, STATUS_INSUFFICIENT_RESOURCES);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    PartBytes = Parameter(L"MaxTransferBytes", PartBytes);
    Driver->MajorFunction[IRP_MJ_READ] = (PDRIVER_DISPATCH)Transfer;
    Driver->MajorFunction[IRP_MJ_WRITE] = (PDRIVER_DISPATCH)Transfer;
}

static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static NTSTATUS FilterStarted(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
