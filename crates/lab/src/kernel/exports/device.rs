//! Device interfaces and properties, device timers, and registrations that nothing comes of here.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        Machine,
        layout::device_object,
        scheduler::Dpc,
        status::{
            NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
            STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
        },
    },
    pool::{Contents, Owner},
    rules,
};

const TAG: u32 = u32::from_le_bytes(*b"Io  ");

/// What DEVICE_OBJECT.Timer points to: the routine, its context, whether it is running, and the number of the start.
mod io_timer {
    pub(super) const BYTES: usize = 32;
    pub(super) const CONTEXT: usize = 8;
    pub(super) const STARTED: usize = 16;
    pub(super) const SERIAL: usize = 24;
}

const SECOND_NS: u64 = 1_000_000_000;

pub(super) const EXPORTS: &[Export] = &[
    export("IoRegisterDeviceInterface", register_interface),
    export("IoSetDeviceInterfaceState", |call| {
        let link = guest::unicode_string(call.pointer(0));
        status(if link.is_empty() {
            STATUS_OBJECT_NAME_NOT_FOUND
        } else {
            STATUS_SUCCESS
        })
    }),
    export("IoGetDeviceProperty", property),
    export("IoInitializeTimer", |call| {
        if device_object::TIMER.get(call.pointer(0)) != 0 {
            call.machine.violation(
                &rules::DEVICE_TIMER_INITIALISED_TWICE,
                "IoInitializeTimer with a device object whose timer is initialised",
            );
        }
        let timer = call.machine.kernel_block(io_timer::BYTES);
        guest::write(timer, call.pointer(1));
        guest::write(timer + io_timer::CONTEXT, call.pointer(2));
        device_object::TIMER.set(call.pointer(0), timer);
        status(STATUS_SUCCESS)
    }),
    export("IoStartTimer", |call| {
        call.machine.start_device_timer(call.pointer(0));
        0
    }),
    export("IoStopTimer", |call| {
        let timer = device_object::TIMER.get(call.pointer(0));
        if timer != 0 {
            guest::write(timer + io_timer::STARTED, 0_usize);
        }
        0
    }),
    export("IoWMIRegistrationControl", |call| {
        call.machine.wmi.note(call.pointer(0), call.u32(1));
        status(STATUS_SUCCESS)
    }),
    export("IoRegisterShutdownNotification", |_| status(STATUS_SUCCESS)),
    export("IoRegisterLastChanceShutdownNotification", |_| status(STATUS_SUCCESS)),
    export("IoUnregisterShutdownNotification", |_| 0),
    export("IoReportTargetDeviceChange", |_| status(STATUS_SUCCESS)),
    export("IoReportTargetDeviceChangeAsynchronous", |_| status(STATUS_SUCCESS)),
    export("IoAdjustPagingPathCount", |_| 0),
    export("IoIsSystemThread", |_| 1),
    export("PoRegisterDeviceForIdleDetection", |_| 0),
    export("PoSetDeviceBusyEx", |_| 0),
    export("PoSetSystemState", |_| 0),
    export("PoStartDeviceBusy", |_| 0),
    export("PoEndDeviceBusy", |_| 0),
];

fn status(status: NtStatus) -> usize {
    status.cast_unsigned() as usize
}

fn guid_text(address: usize) -> String {
    let tail: Vec<String> = (8..16)
        .map(|offset| format!("{:02x}", guest::read::<u8>(address + offset)))
        .collect();
    format!(
        "{{{:08x}-{:04x}-{:04x}-{}-{}}}",
        guest::read::<u32>(address),
        guest::read::<u16>(address + 4),
        guest::read::<u16>(address + 6),
        tail[..2].concat(),
        tail[2..].concat(),
    )
}

/// Gives the driver the name of the interface, in a buffer that it frees.
fn register_interface(call: &Call) -> usize {
    let machine = call.machine;
    if machine.fails("IoRegisterDeviceInterface") {
        return status(STATUS_INSUFFICIENT_RESOURCES);
    }
    let reference = guest::unicode_string(call.pointer(2));
    let separator = if reference.is_empty() { "" } else { "\\" };
    let name = format!("\\??\\LAB#Disk#0#{}{separator}{reference}", guid_text(call.pointer(1)));
    let units: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let Ok(bytes) = u16::try_from(units.len()) else {
        return status(STATUS_INVALID_PARAMETER);
    };
    let buffer = machine
        .pool
        .borrow_mut()
        .allocate(units.len(), TAG, Owner::Driver, call.site(), Contents::Zeroed);
    let Ok(buffer) = buffer else {
        return status(STATUS_INSUFFICIENT_RESOURCES);
    };
    guest::write_bytes(buffer, &units);
    let link = call.pointer(3);
    guest::write(link, bytes - 2);
    guest::write(link + 2, bytes);
    guest::write(link + 8, buffer);
    status(STATUS_SUCCESS)
}

/// IoGetDeviceProperty, for the properties that are text.
fn property(call: &Call) -> usize {
    call.machine.wait_allowed("IoGetDeviceProperty", true);
    // The numbers of DEVICE_REGISTRY_PROPERTY.
    let text = match call.u32(1) {
        0 => "Disk of the lab\0",
        1 => "LAB\\Disk\0\0",
        2 => "GenDisk\0\0",
        5 => "DiskDrive\0",
        6 => "{4d36e967-e325-11ce-bfc1-08002be10318}\0",
        7 => "{4d36e967-e325-11ce-bfc1-08002be10318}\\0000\0",
        8 => "The lab\0",
        9 => "Disk of the lab\0",
        11 => "\\Device\\00000001\0",
        15 => "LAB\0",
        _ => return status(STATUS_OBJECT_NAME_NOT_FOUND),
    };
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    guest::write(call.pointer(4), u32::try_from(units.len()).unwrap_or(u32::MAX));
    if units.len() > call.u32(2) as usize {
        return status(STATUS_BUFFER_TOO_SMALL);
    }
    guest::write_bytes(call.pointer(3), &units);
    status(STATUS_SUCCESS)
}

impl Machine {
    /// IoStartTimer: the routine of IoInitializeTimer is called each second.
    fn start_device_timer(&'static self, device: usize) {
        let timer = device_object::TIMER.get(device);
        if timer == 0 {
            return;
        }
        let serial = guest::read::<usize>(timer + io_timer::SERIAL) + 1;
        guest::write(timer + io_timer::SERIAL, serial);
        guest::write(timer + io_timer::STARTED, 1_usize);
        self.await_device_timer(device, timer, serial);
    }

    fn await_device_timer(&'static self, device: usize, timer: usize, serial: usize) {
        let at_ns = self.clock.now_ns() + SECOND_NS;
        self.clock.at(
            at_ns,
            Box::new(move |machine| {
                let is_set = machine.devices.is_live(device)
                    && guest::read::<usize>(timer + io_timer::STARTED) != 0
                    && guest::read::<usize>(timer + io_timer::SERIAL) == serial;
                if !is_set {
                    return;
                }
                machine.await_device_timer(device, timer, serial);
                let processor = machine.some_processor();
                machine.queue_dpc(
                    processor,
                    Dpc::Native(Box::new(move |machine| {
                        if machine.devices.is_live(device) {
                            let routine = guest::read::<usize>(timer);
                            let context = guest::read::<usize>(timer + io_timer::CONTEXT);
                            machine.call_callback("IoTimer routine", routine, &[device, context]);
                        }
                    })),
                );
            }),
        );
    }
}
