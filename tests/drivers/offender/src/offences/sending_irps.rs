//! Offences in what a driver sends in an IRP of its own, and how.

use crate::{
    kernel::{
        APC_LEVEL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_PNP, IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL, IRP_MN_CANCEL_STOP_DEVICE,
        IRP_MN_QUERY_CAPABILITIES, IoFreeIrp, IoStatusBlock, IofCallDriver, KeLowerIrql, KfRaiseIrql, NtStatus,
        PASSIVE_LEVEL, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
    },
    objects::Device,
    request::Request,
    sending::{
        SECTOR_BYTES, allocate, build_control, build_read, free_built, new_event, send_and_wait, started, wait_for,
        with_buffer,
    },
    switch::Conduct,
};

/// IRP_MN_QUERY_POWER.
const QUERY_POWER: u8 = 0x03;
/// IRP_MN_REGINFO_EX.
const REGISTRATION: u8 = 0x0b;

/// DEVICE_CAPABILITIES: what a driver that asks for it has written to its first words. Size and Version share one, then come
/// flags, Address and UINumber.
const CAPABILITIES_BYTES: u32 = 64;
const CAPABILITIES: [u32; 4] = [CAPABILITIES_BYTES | 1 << 16, 0, u32::MAX, u32::MAX];

/// Sends a PnP request that begins with a status of its own.
pub(super) fn pnp_with_status(request: Request, conduct: Conduct) -> NtStatus {
    let status = conduct.choose(STATUS_SUCCESS, STATUS_NOT_SUPPORTED);
    started(request, |device| {
        send_pnp(device, IRP_MN_QUERY_CAPABILITIES, status, CAPABILITIES);
    })
}

/// Sends a PnP request that only the PnP manager sends.
pub(super) fn for_system(request: Request, conduct: Conduct) -> NtStatus {
    let minor_function = conduct.choose(IRP_MN_CANCEL_STOP_DEVICE, IRP_MN_QUERY_CAPABILITIES);
    started(request, |device| {
        send_pnp(device, minor_function, STATUS_NOT_SUPPORTED, CAPABILITIES);
    })
}

/// Asks for capabilities without having set the version of the structure.
pub(super) fn without_version(request: Request, conduct: Conduct) -> NtStatus {
    ask_capabilities(request, conduct, [CAPABILITIES_BYTES, 0, u32::MAX, u32::MAX])
}

/// Asks for capabilities without having set their size.
pub(super) fn without_size(request: Request, conduct: Conduct) -> NtStatus {
    ask_capabilities(request, conduct, [1 << 16, 0, u32::MAX, u32::MAX])
}

/// Asks for capabilities with an address that is known, as that of the pool block's zeroes is.
pub(super) fn without_address(request: Request, conduct: Conduct) -> NtStatus {
    ask_capabilities(request, conduct, [CAPABILITIES_BYTES | 1 << 16, 0, 0, u32::MAX])
}

/// Asks for capabilities with a number that is known.
pub(super) fn without_number(request: Request, conduct: Conduct) -> NtStatus {
    ask_capabilities(request, conduct, [CAPABILITIES_BYTES | 1 << 16, 0, u32::MAX, 0])
}

fn ask_capabilities(request: Request, conduct: Conduct, wrong: [u32; 4]) -> NtStatus {
    let capabilities = conduct.choose(wrong, CAPABILITIES);
    started(request, |device| {
        send_pnp(device, IRP_MN_QUERY_CAPABILITIES, STATUS_NOT_SUPPORTED, capabilities);
    })
}

fn send_pnp(device: Device, minor_function: u8, status: NtStatus, capabilities: [u32; 4]) {
    with_buffer(CAPABILITIES_BYTES, |block| {
        // SAFETY: a block of 64 bytes of pool that is this driver's.
        unsafe { block.cast::<[u32; 4]>().write(capabilities) };
        let own = allocate(device, IRP_MJ_PNP, minor_function, status);
        if !own.is_null() {
            own.next_location()
                .set_parameters([block.expose_provenance() as u64, 0, 0, 0]);
            send_and_wait(device, own);
            IoFreeIrp(own);
        }
    });
}

/// Sends a power request that begins with a status of its own. No driver may send one, so the twin does not.
pub(super) fn power_with_status(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let own = allocate(device, IRP_MJ_POWER, QUERY_POWER, STATUS_SUCCESS);
        if own.is_null() {
            return;
        }
        if conduct.offends() {
            send_and_wait(device, own);
        }
        IoFreeIrp(own);
    })
}

/// Sends a WMI request that begins with a status of its own.
pub(super) fn system_control_with_status(request: Request, conduct: Conduct) -> NtStatus {
    let status = conduct.choose(STATUS_SUCCESS, STATUS_NOT_SUPPORTED);
    started(request, |device| {
        let own = allocate(device, IRP_MJ_SYSTEM_CONTROL, REGISTRATION, status);
        if !own.is_null() {
            send_and_wait(device, own);
            IoFreeIrp(own);
        }
    })
}

/// Sends an IRP that nobody takes back.
pub(super) fn without_routine(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let own = allocate(device, IRP_MJ_FLUSH_BUFFERS, 0, STATUS_SUCCESS);
        if own.is_null() {
            return;
        }
        if conduct.offends() {
            IofCallDriver(device.lower(), own);
        } else {
            send_and_wait(device, own);
        }
        IoFreeIrp(own);
    })
}

/// The same with one of IoBuildAsynchronousFsdRequest.
pub(super) fn built_without_routine(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        with_buffer(SECTOR_BYTES, |buffer| {
            let built = build_read(device, buffer);
            if built.is_null() {
                return;
            }
            if conduct.offends() {
                IofCallDriver(device.lower(), built);
            } else {
                send_and_wait(device, built);
            }
            free_built(built);
        });
    })
}

/// Sends an IRP that is completed in an APC of this thread, where no APC can run.
pub(super) fn threaded_at_apc(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let mut event = new_event();
        let mut status_block = IoStatusBlock::ZERO;
        let own = build_control(device.lower(), &raw mut event, &raw mut status_block);
        if own.is_null() {
            return;
        }
        let old = KfRaiseIrql(conduct.choose(APC_LEVEL, PASSIVE_LEVEL));
        let status = IofCallDriver(device.lower(), own);
        KeLowerIrql(old);
        if status == STATUS_PENDING {
            wait_for(&mut event);
        }
    })
}
