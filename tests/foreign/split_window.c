/* expect: clean. Splits each long transfer into parts in IRPs of its own, several of them below at once, and cancels them. */

#define FILTER_FIELDS int Unused;
#include "filter.h"
#include "parameter.h"

/* How many parts are below at once. */
#define WINDOW 4

/* How a part that is below comes back. */
#ifndef SET_ROUTINE
#define SET_ROUTINE(Part) IoSetCompletionRoutine((Part)->Irp, PartDone, Part, TRUE, TRUE, TRUE)
#endif

/* What is freed of a part, which is not below. */
#ifndef FREE_PART
#define FREE_PART(Part) do { IoFreeMdl((Part)->Mdl); IoFreeIrp((Part)->Irp); } while (0)
#endif

/* Whether a transfer is over of which nothing more is sent. */
#ifndef IS_OVER
#define IS_OVER(Split) ((Split)->Below == 0)
#endif

/* The parts that cancelling reaches. */
#ifndef REACHES
#define REACHES(Part) ((Part)->IsBelow)
#endif

/* Where the data of a part is in the buffer. */
#ifndef DATA_AT
#define DATA_AT(Part) ((Part)->Offset)
#endif

struct SPLIT;

typedef struct {
    struct SPLIT *Split;
    PIRP Irp;
    PMDL Mdl;
    ULONG Offset;
    ULONG Length;
    BOOLEAN IsBelow;
} PART;

typedef struct SPLIT {
    FILTER *Filter;
    PIRP Master;
    KSPIN_LOCK Lock;
    /* One for what is sent, one for the cancel routine. */
    LONG References;
    ULONG Length;
    /* Where the next part begins. */
    ULONG Next;
    ULONG Below;
    /* The first part in the order of the bytes that did not do all that it was to do: where it begins, and what it did. */
    ULONG StopOffset;
    ULONG StopBytes;
    NTSTATUS StopStatus;
    BOOLEAN IsCancelled;
    BOOLEAN IsSending;
    BOOLEAN IsOver;
    PART Parts[WINDOW];
} SPLIT;

static ULONG PartBytes = 2048;

static NTSTATUS NTAPI PartDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context);

static void Dereference(SPLIT *Split)
{
    PIRP master = Split->Master;
    FILTER *filter = Split->Filter;
    ULONG i;

    if (InterlockedDecrement(&Split->References) != 0)
        return;
    master->IoStatus.Status = Split->StopStatus;
    master->IoStatus.Information = Split->StopOffset + Split->StopBytes;
    for (i = 0; i < WINDOW; i++)
        if (Split->Parts[i].Irp != NULL)
            FREE_PART(&Split->Parts[i]);
    ExFreePoolWithTag(Split, TAG);
    IoCompleteRequest(master, IO_DISK_INCREMENT);
    IoReleaseRemoveLock(&filter->RemoveLock, master);
}

static void Prepare(PART *Part)
{
    SPLIT *split = Part->Split;
    PIRP master = split->Master;
    PIO_STACK_LOCATION from = IoGetCurrentIrpStackLocation(master), next;

    IoReuseIrp(Part->Irp, STATUS_SUCCESS);
    if (master->MdlAddress != NULL) {
        MmPrepareMdlForReuse(Part->Mdl);
        IoBuildPartialMdl(master->MdlAddress, Part->Mdl,
                          (PUCHAR)MmGetMdlVirtualAddress(master->MdlAddress) + DATA_AT(Part), Part->Length);
        Part->Irp->MdlAddress = Part->Mdl;
    } else {
        Part->Irp->AssociatedIrp.SystemBuffer = (PUCHAR)master->AssociatedIrp.SystemBuffer + DATA_AT(Part);
    }
    Part->Irp->Flags = master->Flags & (IRP_PAGING_IO | IRP_NOCACHE);
    Part->Irp->Tail.Overlay.Thread = master->Tail.Overlay.Thread;
    next = IoGetNextIrpStackLocation(Part->Irp);
    next->MajorFunction = from->MajorFunction;
    next->Flags = from->Flags;
    next->Parameters.Read = from->Parameters.Read;
    next->Parameters.Read.Length = Part->Length;
    next->Parameters.Read.ByteOffset.QuadPart += Part->Offset;
    SET_ROUTINE(Part);
}

/* A part that can be sent, or none. */
static PART *Take(SPLIT *Split)
{
    ULONG i, left = Split->Length - Split->Next;

    if (left == 0 || Split->IsCancelled || Split->StopOffset != Split->Length)
        return NULL;
    for (i = 0; i < WINDOW; i++) {
        PART *part = &Split->Parts[i];

        if (part->Irp == NULL || part->IsBelow)
            continue;
        part->Offset = Split->Next;
        part->Length = left < PartBytes ? left : PartBytes;
        part->IsBelow = TRUE;
        Split->Next += part->Length;
        Split->Below++;
        return part;
    }
    return NULL;
}

/* Sends what can be sent. What comes back meanwhile, also on this stack, is sent on by the loop and not by its routine.
 * Called with the lock held, which it releases: once it has, somebody else may be the last who knows of the transfer. */
static void Send(SPLIT *Split, KIRQL Irql)
{
    BOOLEAN is_over;
    PART *part;

    if (Split->IsSending) {
        KeReleaseSpinLock(&Split->Lock, Irql);
        return;
    }
    Split->IsSending = TRUE;
    while ((part = Take(Split)) != NULL) {
        KeReleaseSpinLock(&Split->Lock, Irql);
        Prepare(part);
        IoCallDriver(Split->Filter->Lower, part->Irp);
        KeAcquireSpinLock(&Split->Lock, &Irql);
        /* Whoever cancelled may have come before it was sent. */
        if (Split->IsCancelled && REACHES(part)) {
            KeReleaseSpinLock(&Split->Lock, Irql);
            IoCancelIrp(part->Irp);
            KeAcquireSpinLock(&Split->Lock, &Irql);
        }
    }
    Split->IsSending = FALSE;
    is_over = IS_OVER(Split) && !Split->IsOver &&
              (Split->Next == Split->Length || Split->IsCancelled || Split->StopOffset != Split->Length);
    if (is_over)
        Split->IsOver = TRUE;
    if (is_over && Split->Next < Split->Length && Split->StopOffset == Split->Length) {
        Split->StopOffset = Split->Next;
        Split->StopStatus = STATUS_CANCELLED;
    }
    KeReleaseSpinLock(&Split->Lock, Irql);
    if (!is_over)
        return;
    /* Where it is being cancelled, the cancel routine has its reference yet. */
    if (IoSetCancelRoutine(Split->Master, NULL) != NULL)
        Dereference(Split);
    Dereference(Split);
}

static NTSTATUS NTAPI PartDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    PART *part = Context;
    SPLIT *split = part->Split;
    NTSTATUS status = Irp->IoStatus.Status;
    ULONG done = NT_SUCCESS(status) ? (ULONG)Irp->IoStatus.Information : 0;
    KIRQL irql;

    (void)Device;
    KeAcquireSpinLock(&split->Lock, &irql);
    if (done < part->Length && part->Offset < split->StopOffset) {
        split->StopOffset = part->Offset;
        split->StopBytes = done;
        split->StopStatus = status;
    }
    part->IsBelow = FALSE;
    split->Below--;
    Send(split, irql);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static VOID NTAPI Cancel(PDEVICE_OBJECT Device, PIRP Irp)
{
    SPLIT *split = Irp->Tail.Overlay.DriverContext[0];
    BOOLEAN reached[WINDOW];
    KIRQL irql;
    ULONG i;

    (void)Device;
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&split->Lock, &irql);
    split->IsCancelled = TRUE;
    for (i = 0; i < WINDOW; i++)
        reached[i] = REACHES(&split->Parts[i]);
    KeReleaseSpinLock(&split->Lock, irql);
    /* The parts are there as long as this routine has its reference. */
    for (i = 0; i < WINDOW; i++)
        if (reached[i])
            IoCancelIrp(split->Parts[i].Irp);
    KeAcquireSpinLock(&split->Lock, &irql);
    Send(split, irql);
    Dereference(split);
}

/* Makes as many parts as there is memory for. */
static ULONG MakeParts(SPLIT *Split)
{
    ULONG i, made = 0;

    for (i = 0; i < WINDOW; i++) {
        PART *part = &Split->Parts[i];

        part->Split = Split;
        part->Irp = IoAllocateIrp(Split->Filter->Lower->StackSize, FALSE);
        if (part->Irp == NULL)
            continue;
        /* Any part fits, wherever in its first page it begins. */
        part->Mdl = IoAllocateMdl(NULL, PartBytes + PAGE_SIZE, FALSE, FALSE, NULL);
        if (part->Mdl == NULL) {
            IoFreeIrp(part->Irp);
            part->Irp = NULL;
            continue;
        }
        made++;
    }
    return made;
}

static NTSTATUS Transfer(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    ULONG length = IoGetCurrentIrpStackLocation(Irp)->Parameters.Read.Length;
    NTSTATUS status;
    SPLIT *split;
    KIRQL irql;

    if (length <= PartBytes || (Irp->MdlAddress != NULL ? Irp->MdlAddress->Next != NULL
                                                        : Irp->AssociatedIrp.SystemBuffer == NULL))
        return FilterPass(Device, Irp);
    status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);
    if (!NT_SUCCESS(status))
        return FilterComplete(Irp, status);
    split = ExAllocatePoolWithTag(NonPagedPool, sizeof(*split), TAG);
    if (split != NULL) {
        RtlZeroMemory(split, sizeof(*split));
        split->Filter = filter;
        split->Master = Irp;
        split->References = 2;
        split->Length = length;
        split->StopOffset = length;
        split->StopStatus = STATUS_SUCCESS;
        /* Whoever cancels it before this routine has come to its end leaves it alone. */
        split->IsSending = TRUE;
        KeInitializeSpinLock(&split->Lock);
    }
    if (split == NULL || MakeParts(split) == 0) {
        if (split != NULL)
            ExFreePoolWithTag(split, TAG);
        status = FilterComplete(Irp, STATUS_INSUFFICIENT_RESOURCES);
        IoReleaseRemoveLock(&filter->RemoveLock, Irp);
        return status;
    }
    IoMarkIrpPending(Irp);
    Irp->Tail.Overlay.DriverContext[0] = split;
    IoSetCancelRoutine(Irp, Cancel);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        split->IsCancelled = TRUE;
        split->References--;
    }
    KeAcquireSpinLock(&split->Lock, &irql);
    split->IsSending = FALSE;
    Send(split, irql);
    return STATUS_PENDING;
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
