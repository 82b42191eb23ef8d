/* expect: clean. Follows power by the book of old: PoSetPowerState before power goes and after it came, PoStartNextPowerIrp in completion routines. */

#define FILTER_FIELDS DEVICE_POWER_STATE Power; SYSTEM_POWER_STATE System; volatile LONG Changes;
#include "filter.h"

static NTSTATUS NTAPI DeviceUp(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;
    POWER_STATE state = IoGetCurrentIrpStackLocation(Irp)->Parameters.Power.State;

    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    if (NT_SUCCESS(Irp->IoStatus.Status)) {
        PoSetPowerState(Device, DevicePowerState, state);
        filter->Power = state.DeviceState;
        InterlockedIncrement(&filter->Changes);
    }
    PoStartNextPowerIrp(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS NTAPI SystemDone(PDEVICE_OBJECT Device, PIRP Irp, PVOID Context)
{
    FILTER *filter = Context;

    (void)Device;
    if (Irp->PendingReturned)
        IoMarkIrpPending(Irp);
    if (NT_SUCCESS(Irp->IoStatus.Status))
        filter->System = IoGetCurrentIrpStackLocation(Irp)->Parameters.Power.State.SystemState;
    PoStartNextPowerIrp(Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return STATUS_CONTINUE_COMPLETION;
}

static NTSTATUS SetPower(FILTER *Filter, PDEVICE_OBJECT Device, PIRP Irp)
{
    PIO_STACK_LOCATION own = IoGetCurrentIrpStackLocation(Irp);

    if (own->Parameters.Power.Type == DevicePowerState) {
        POWER_STATE state = own->Parameters.Power.State;

        if (state.DeviceState > Filter->Power) {
            /* Down: noted before those below let the power go. */
            PoSetPowerState(Device, DevicePowerState, state);
            Filter->Power = state.DeviceState;
            InterlockedIncrement(&Filter->Changes);
        } else {
            IoMarkIrpPending(Irp);
            IoCopyCurrentIrpStackLocationToNext(Irp);
            IoSetCompletionRoutine(Irp, DeviceUp, Filter, TRUE, TRUE, TRUE);
            PoCallDriver(Filter->Lower, Irp);
            return STATUS_PENDING;
        }
    } else {
        IoMarkIrpPending(Irp);
        IoCopyCurrentIrpStackLocationToNext(Irp);
        IoSetCompletionRoutine(Irp, SystemDone, Filter, TRUE, TRUE, TRUE);
        PoCallDriver(Filter->Lower, Irp);
        return STATUS_PENDING;
    }
    PoStartNextPowerIrp(Irp);
    IoSkipCurrentIrpStackLocation(Irp);
    {
        NTSTATUS status = PoCallDriver(Filter->Lower, Irp);

        IoReleaseRemoveLock(&Filter->RemoveLock, Irp);
        return status;
    }
}

static NTSTATUS Power(PDEVICE_OBJECT Device, PIRP Irp)
{
    FILTER *filter = Device->DeviceExtension;
    NTSTATUS status = IoAcquireRemoveLock(&filter->RemoveLock, Irp);

    if (!NT_SUCCESS(status)) {
        PoStartNextPowerIrp(Irp);
        return FilterComplete(Irp, status);
    }
    if (IoGetCurrentIrpStackLocation(Irp)->MinorFunction == IRP_MN_SET_POWER)
        return SetPower(filter, Device, Irp);
    PoStartNextPowerIrp(Irp);
    IoSkipCurrentIrpStackLocation(Irp);
    status = PoCallDriver(filter->Lower, Irp);
    IoReleaseRemoveLock(&filter->RemoveLock, Irp);
    return status;
}

static void FilterSetUp(PDRIVER_OBJECT Driver)
{
    Driver->MajorFunction[IRP_MJ_POWER] = (PDRIVER_DISPATCH)Power;
}

static NTSTATUS FilterAdded(FILTER *Filter)
{
    Filter->Power = PowerDeviceD3;
    Filter->System = PowerSystemWorking;
    return STATUS_SUCCESS;
}

static NTSTATUS FilterStarted(FILTER *Filter)
{
    POWER_STATE state;

    state.DeviceState = PowerDeviceD0;
    PoSetPowerState(Filter->Self, DevicePowerState, state);
    Filter->Power = PowerDeviceD0;
    return STATUS_SUCCESS;
}

static void FilterRemoved(FILTER *Filter) { (void)Filter; }
