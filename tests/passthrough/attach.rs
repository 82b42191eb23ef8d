//! AddDevice: what it makes, in which order, and what it leaves behind where it fails.

use crate::recorder::{
    Address, Call, DO_DEVICE_INITIALIZING, LowerDevice, Machine, STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE,
    STATUS_SUCCESS,
    layout::{REMOVE_LOCK_BYTES, device_object, driver_object},
};

const FILE_DEVICE_SECURE_OPEN: u32 = 0x100;

/// The flags that a filter has in common with the device below it: DO_BUFFERED_IO, DO_DIRECT_IO,
/// DO_POWER_PAGABLE and DO_POWER_INRUSH.
const INHERITED_FLAGS: [u32; 4] = [0x4, 0x10, 0x2000, 0x4000];

/// Likewise of its characteristics: FILE_REMOVABLE_MEDIA, FILE_READ_ONLY_DEVICE and
/// FILE_FLOPPY_DISKETTE.
const INHERITED_CHARACTERISTICS: [u32; 3] = [0x1, 0x2, 0x4];

/// Every combination of `bits`.
fn combinations(bits: &[u32]) -> impl Iterator<Item = u32> {
    (0..1_usize << bits.len()).map(|chosen| {
        let chosen = bits
            .iter()
            .enumerate()
            .filter(move |(index, _)| chosen >> index & 1 != 0);
        chosen.map(|(_, bit)| bit).sum()
    })
}

fn dereference(object: Address) -> Call {
    Call::ObfDereferenceObject { object }
}

/// The calls in order, but for the one that drops the reference on the device below.
///
/// Its place is the driver's choice, as soon as the reference has been of use; that it is made at
/// all the recorder checks whenever the driver returns.
fn except_dereference(calls: Vec<Call>, object: Address) -> Vec<Call> {
    calls.into_iter().filter(|call| *call != dereference(object)).collect()
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_device_and_its_remove_lock_are_ready_before_it_is_attached() {
    let mut machine = Machine::new();
    let lower = machine.new_lower_device(LowerDevice::default());
    assert_eq!(machine.add_device(lower), STATUS_SUCCESS);

    let filter = machine.top_of_stack(lower);
    let lock = machine.remove_lock(filter);
    let extension_bytes = (machine.device(filter).len() - device_object::BYTES) as u32;
    let calls = machine.take_calls();
    assert_eq!(
        calls.iter().filter(|call| **call == dereference(lower)).count(),
        1,
        "{calls:?}"
    );
    assert_eq!(
        except_dereference(calls, lower),
        [
            Call::IoGetAttachedDeviceReference { device: lower },
            Call::IoCreateDevice {
                driver: machine.driver().address(),
                extension_bytes,
                name: Address::default(),
                device_type: LowerDevice::default().device_type,
                characteristics: FILE_DEVICE_SECURE_OPEN,
                exclusive: false,
            },
            Call::IoInitializeRemoveLockEx {
                lock,
                size: REMOVE_LOCK_BYTES
            },
            Call::IoAttachDeviceToDeviceStackSafe {
                source: filter,
                target: lower
            },
        ]
    );
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_device_is_initializing_at_every_call_and_no_more_in_the_end() {
    let mut machine = Machine::new();
    let lower = machine.new_lower_device(LowerDevice::default());
    assert_eq!(machine.add_device(lower), STATUS_SUCCESS);

    for event in machine.take_events() {
        let initializing = event.newest_flags.map(|flags| flags & DO_DEVICE_INITIALIZING != 0);
        // Before there is a device, nothing can be said of it.
        assert_ne!(initializing, Some(false), "cleared before {:?}", event.call);
    }
    let flags = machine.device(machine.top_of_stack(lower)).u32(device_object::FLAGS);
    assert_eq!(flags & DO_DEVICE_INITIALIZING, 0, "never cleared");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_device_has_the_type_of_what_it_is_attached_to_and_not_of_the_bottom() {
    for device_type in [0x2, 0x7, 0x22, 0x2D, 0xFFFF_FFFF] {
        let mut machine = Machine::new();
        let bottom = machine.new_lower_device(LowerDevice::default());
        let middle = machine.new_lower_device(LowerDevice {
            device_type,
            ..LowerDevice::default()
        });
        machine.attach(middle, bottom);

        assert_eq!(machine.add_device(bottom), STATUS_SUCCESS);

        let filter = machine.top_of_stack(bottom);
        assert_eq!(machine.device(filter).u32(device_object::DEVICE_TYPE), device_type);
        assert_eq!(machine.device(middle).pointer(device_object::ATTACHED_DEVICE), filter);
        assert_eq!(machine.device(filter).u8(device_object::STACK_SIZE), 3);
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_flags_that_must_agree_are_copied_and_no_others() {
    for set in combinations(&INHERITED_FLAGS) {
        // Once with nothing else set, once with everything else.
        for others in [0, !INHERITED_FLAGS.iter().sum::<u32>() & !DO_DEVICE_INITIALIZING] {
            let mut machine = Machine::new();
            let flags = set | others;
            let lower = machine.new_lower_device(LowerDevice {
                flags,
                ..LowerDevice::default()
            });
            assert_eq!(machine.add_device(lower), STATUS_SUCCESS);
            let filter = machine.top_of_stack(lower);
            assert_eq!(
                machine.device(filter).u32(device_object::FLAGS),
                set,
                "on a device with flags {flags:#x}"
            );
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_characteristics_of_the_medium_are_copied_and_no_others() {
    for set in combinations(&INHERITED_CHARACTERISTICS) {
        for others in [0, !INHERITED_CHARACTERISTICS.iter().sum::<u32>()] {
            let mut machine = Machine::new();
            let characteristics = set | others;
            let lower = machine.new_lower_device(LowerDevice {
                characteristics,
                ..LowerDevice::default()
            });
            assert_eq!(machine.add_device(lower), STATUS_SUCCESS);
            let filter = machine.top_of_stack(lower);
            assert_eq!(
                machine.device(filter).u32(device_object::CHARACTERISTICS),
                set | FILE_DEVICE_SECURE_OPEN,
                "on a device with characteristics {characteristics:#x}"
            );
        }
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn flags_come_from_the_device_that_it_is_attached_to_and_not_from_the_bottom() {
    let mut machine = Machine::new();
    let bottom = machine.new_lower_device(LowerDevice {
        flags: 0x10,
        characteristics: 0,
        ..LowerDevice::default()
    });
    let middle = machine.new_lower_device(LowerDevice {
        flags: 0x2004,
        characteristics: 0x1,
        ..LowerDevice::default()
    });
    machine.attach(middle, bottom);
    assert_eq!(machine.add_device(bottom), STATUS_SUCCESS);
    let filter = machine.device(machine.top_of_stack(bottom));
    assert_eq!(filter.u32(device_object::FLAGS), 0x2004);
    assert_eq!(filter.u32(device_object::CHARACTERISTICS), 0x101);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_else_is_written() {
    let mut machine = Machine::new();
    let bottom = machine.new_lower_device(LowerDevice::default());
    let middle = machine.new_lower_device(LowerDevice::default());
    machine.attach(middle, bottom);
    let bottom_before = machine.device(bottom).snapshot();
    let mut middle_before = machine.device(middle).snapshot();
    let mut driver_before = machine.driver().snapshot();
    let extension_before = machine.driver_extension().snapshot();

    assert_eq!(machine.add_device(bottom), STATUS_SUCCESS);

    // What the kernel's own functions wrote: the new device's place in the stack and in the list.
    let filter = machine.top_of_stack(bottom);
    let pointer = filter.0.to_le_bytes();
    middle_before[device_object::ATTACHED_DEVICE..][..8].copy_from_slice(&pointer);
    driver_before[driver_object::DEVICE_OBJECT..][..8].copy_from_slice(&pointer);
    assert_eq!(machine.device(bottom).snapshot(), bottom_before);
    assert_eq!(machine.device(middle).snapshot(), middle_before);
    assert_eq!(machine.driver().snapshot(), driver_before);
    assert_eq!(machine.driver_extension().snapshot(), extension_before);

    // Of the filter's own device object only flags and characteristics are the driver's to write.
    // What is in its extension is its own affair.
    let mut object = machine.device(filter).snapshot();
    let mut expected = machine.as_kernel_wrote(filter);
    let may_write = device_object::FLAGS..device_object::CHARACTERISTICS + 4;
    object[may_write.clone()].fill(0);
    expected[may_write].fill(0);
    assert_eq!(object[..device_object::BYTES], expected[..device_object::BYTES]);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_cannot_be_created_leaves_nothing() {
    for status in [STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE] {
        let mut machine = Machine::new();
        let lower = machine.new_lower_device(LowerDevice::default());
        let before = (machine.device(lower).snapshot(), machine.driver().snapshot());
        machine.script(|script| script.create_device = status);

        assert_eq!(machine.add_device(lower), status);

        let calls = except_dereference(machine.take_calls(), lower);
        assert!(
            matches!(
                calls[..],
                [Call::IoGetAttachedDeviceReference { .. }, Call::IoCreateDevice { .. }]
            ),
            "{calls:?}"
        );
        assert_eq!(before, (machine.device(lower).snapshot(), machine.driver().snapshot()));
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_cannot_be_attached_is_deleted() {
    for status in [STATUS_NO_SUCH_DEVICE, STATUS_INSUFFICIENT_RESOURCES] {
        let mut machine = Machine::new();
        let lower = machine.new_lower_device(LowerDevice::default());
        let before = (machine.device(lower).snapshot(), machine.driver().snapshot());
        machine.script(|script| script.attach_device = status);

        assert_eq!(machine.add_device(lower), status);

        let calls = machine.take_calls();
        let [
            ..,
            Call::IoAttachDeviceToDeviceStackSafe { source, .. },
            Call::IoDeleteDevice { device },
        ] = calls[..]
        else {
            panic!("{calls:?}");
        };
        assert_eq!(source, device);
        assert!(!machine.is_device(device));
        assert_eq!(before, (machine.device(lower).snapshot(), machine.driver().snapshot()));
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_failed_device_does_not_spoil_the_next() {
    let mut machine = Machine::new();
    let lower = machine.new_lower_device(LowerDevice::default());
    machine.script(|script| script.attach_device = STATUS_NO_SUCH_DEVICE);
    assert_eq!(machine.add_device(lower), STATUS_NO_SUCH_DEVICE);
    machine.script(|script| script.attach_device = STATUS_SUCCESS);
    assert_eq!(machine.add_device(lower), STATUS_SUCCESS);
    assert_ne!(machine.top_of_stack(lower), lower);
}
