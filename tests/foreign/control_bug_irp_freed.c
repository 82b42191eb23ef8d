/* expect: 0xC9/0x02. Asks the device below by device control when it starts, and frees the IRPs. */

#define FILTER_FIELDS ULONG Answers;
#include "filter.h"

#define IOCTL_BUFFERED CTL_CODE(FILE_DEVICE_DISK, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOCTL_DIRECT CTL_CODE(FILE_DEVICE_DISK, 0x802, METHOD_OUT_DIRECT, FILE_ANY_ACCESS)
#define IOCTL_NEITHER CTL_CODE(FILE_DEVICE_DISK, 0x803, METHOD_NEITHER, FILE_ANY_ACCESS)

static NTSTATUS NTAPI Keep(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)Device;
    if (Irp->PendingReturned)
        KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS Ask(FILTER *Filter, ULONG Code, PVOID Buffer, ULONG Length)
{
    IO_STATUS_BLOCK iosb;
    KEVENT event;
    NTSTATUS status;
    PIRP irp;

    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(Code, Filter->Lower, Buffer, Length, Buffer, Length, FALSE, &event, &iosb);
    if (irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    IoSetCompletionRoutine(irp, Keep, &event, TRUE, TRUE, TRUE);
    status = IoCallDriver(Filter->Lower, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
    status = irp->IoStatus.Status;
    IoFreeIrp(irp);
    return status;
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    static const ULONG codes[] = { IOCTL_BUFFERED, IOCTL_DIRECT, IOCTL_NEITHER };
    ULONG answer[16] = { 0 };
    unsigned i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (NT_SUCCESS(Ask(Filter, codes[i], answer, sizeof(answer))))
            Filter->Answers++;
    return STATUS_SUCCESS;
}

static void FilterSetUp(PDRIVER_OBJECT Driver) { (void)Driver; }
static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
