/* expect: clean. Asks the device below when it starts and waits for a time only: the routine keeps the IRP, who waits completes it. */

#define FILTER_FIELDS ULONG Late;
#include "filter.h"

#define IOCTL_SLOW CTL_CODE(FILE_DEVICE_DISK, 0x804, METHOD_BUFFERED, FILE_ANY_ACCESS)

static NTSTATUS NTAPI Keep(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    (void)Device;
    if (Irp->PendingReturned)
        KeSetEvent((PKEVENT)Context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER time;
    KEVENT event;
    PIRP irp;

    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(IOCTL_SLOW, Filter->Lower, NULL, 0, NULL, 0, FALSE, &event, &iosb);
    if (irp == NULL)
        return STATUS_INSUFFICIENT_RESOURCES;
    IoSetCompletionRoutine(irp, Keep, &event, TRUE, TRUE, TRUE);
    if (IoCallDriver(Filter->Lower, irp) == STATUS_PENDING) {
        time.QuadPart = -1000; /* 100 us */
        if (KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &time) == STATUS_TIMEOUT) {
            Filter->Late++;
            IoCancelIrp(irp);
            KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        }
    }
    /* The routine has kept it, so it is here still. */
    KeClearEvent(&event);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static void FilterSetUp(PDRIVER_OBJECT Driver) { (void)Driver; }
static NTSTATUS FilterAdded(FILTER *Filter) { (void)Filter; return STATUS_SUCCESS; }
static void FilterRemoved(FILTER *Filter) { (void)Filter; }
