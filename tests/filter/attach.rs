//! AddDevice: what it makes, in which order, and what it leaves behind where it fails.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use lab::{
    script::{Address, Call, Device, LowerDevice, Moment, Request, World},
    status::{STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE, STATUS_SUCCESS},
};

use crate::{
    layout::{REMOVE_LOCK_BYTES, device_object, driver_object},
    statistics::head_of_statistics,
    support::{arrival, every_major, expected_below, named, play, put},
};

const DO_DEVICE_INITIALIZING: u32 = 0x80;
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

fn dereference(device: Device) -> Call {
    Call::ObfDereferenceObject {
        object: device.address(),
    }
}

/// The named calls in order, but for the one that drops the reference on the device below.
///
/// Its place is the driver's choice, as soon as the reference has been of use.
fn except_dereference(calls: Vec<Call>, device: Device) -> Vec<Call> {
    let calls = named(calls).into_iter();
    calls.filter(|call| *call != dereference(device)).collect()
}

/// How often AddDevice allocates.
fn allocations_of_add_device(world: &World) -> usize {
    world.take_calls();
    world.add_filter();
    let calls = world.take_calls().into_iter();
    calls
        .filter(|call| matches!(call, Call::ExAllocatePool2 { .. }))
        .count()
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_device_and_its_remove_lock_are_ready_before_it_is_attached() {
    play(|world| {
        let (lower, filter) = world.add_filter();

        let lock = filter.remove_lock();
        let calls = world.take_calls();
        assert_eq!(
            calls.iter().filter(|call| **call == dereference(lower)).count(),
            1,
            "{calls:?}"
        );
        assert_eq!(
            except_dereference(calls, lower),
            [
                Call::IoGetAttachedDeviceReference {
                    device: lower.address()
                },
                Call::IoCreateDevice {
                    driver: world.driver(),
                    extension_bytes: (filter.bytes().len() - device_object::BYTES) as u32,
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
                    source: filter.address(),
                    target: lower.address()
                },
            ]
        );
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_device_is_initializing_at_every_call_and_no_more_in_the_end() {
    play(|world| {
        let looked = Rc::new(Cell::new(0));
        let count = Rc::clone(&looked);
        world.on_call(move |world, moment, call| {
            // Before there is a device, nothing can be said of it.
            if let Some(device) = world.newest_device() {
                count.set(count.get() + 1);
                assert_ne!(
                    device.flags() & DO_DEVICE_INITIALIZING,
                    0,
                    "cleared when {call:?} {moment:?}"
                );
            }
        });
        let (_, filter) = world.add_filter();
        assert!(looked.get() > 0, "nothing was looked at");
        assert_eq!(filter.flags() & DO_DEVICE_INITIALIZING, 0, "never cleared");
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_device_has_the_type_of_what_it_is_attached_to_and_not_of_the_bottom() {
    play(|world| {
        for device_type in [0x2, 0x7, 0x22, 0x2D, 0xFFFF_FFFF] {
            let bottom = world.new_device(LowerDevice::default());
            let middle = world.new_device(LowerDevice {
                device_type,
                ..LowerDevice::default()
            });
            world.attach(middle, bottom);

            assert_eq!(world.add_device(bottom), STATUS_SUCCESS);

            let filter = bottom.top_of_stack();
            assert_eq!(filter.device_type(), device_type);
            assert_eq!(middle.attached(), Some(filter));
            assert_eq!(filter.stack_size(), 3);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_flags_that_must_agree_are_copied_and_no_others() {
    play(|world| {
        for set in combinations(&INHERITED_FLAGS) {
            // Once with nothing else set, once with everything else.
            for others in [0, !INHERITED_FLAGS.iter().sum::<u32>() & !DO_DEVICE_INITIALIZING] {
                let flags = set | others;
                let lower = world.new_device(LowerDevice {
                    flags,
                    ..LowerDevice::default()
                });
                assert_eq!(world.add_device(lower), STATUS_SUCCESS);
                assert_eq!(lower.top_of_stack().flags(), set, "on a device with flags {flags:#x}");
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn the_characteristics_of_the_medium_are_copied_and_no_others() {
    play(|world| {
        for set in combinations(&INHERITED_CHARACTERISTICS) {
            for others in [0, !INHERITED_CHARACTERISTICS.iter().sum::<u32>()] {
                let characteristics = set | others;
                let lower = world.new_device(LowerDevice {
                    characteristics,
                    ..LowerDevice::default()
                });
                assert_eq!(world.add_device(lower), STATUS_SUCCESS);
                assert_eq!(
                    lower.top_of_stack().characteristics(),
                    set | FILE_DEVICE_SECURE_OPEN,
                    "on a device with characteristics {characteristics:#x}"
                );
            }
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn flags_come_from_the_device_that_it_is_attached_to_and_not_from_the_bottom() {
    play(|world| {
        let bottom = world.new_device(LowerDevice {
            flags: 0x10,
            characteristics: 0,
            ..LowerDevice::default()
        });
        let middle = world.new_device(LowerDevice {
            flags: 0x2004,
            characteristics: 0x1,
            ..LowerDevice::default()
        });
        world.attach(middle, bottom);
        assert_eq!(world.add_device(bottom), STATUS_SUCCESS);
        let filter = bottom.top_of_stack();
        assert_eq!(filter.flags(), 0x2004);
        assert_eq!(filter.characteristics(), 0x101);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn nothing_else_is_written() {
    play(|world| {
        let bottom = world.new_device(LowerDevice::default());
        let middle = world.new_device(LowerDevice::default());
        world.attach(middle, bottom);
        let bottom_before = bottom.bytes();
        let mut middle_before = middle.bytes();
        let mut driver_before = world.driver_bytes();
        let extension_before = world.driver_extension_bytes();
        // What the kernel's own functions have written into the filter's device object.
        let by_kernel = Rc::new(RefCell::new(Vec::new()));
        let last_by_kernel = Rc::clone(&by_kernel);
        world.on_call(move |world, moment, call| {
            if moment == Moment::Returned
                && matches!(call, Call::IoCreateDevice { .. })
                && let Some(device) = world.newest_device()
            {
                *last_by_kernel.borrow_mut() = device.bytes();
            }
        });

        assert_eq!(world.add_device(bottom), STATUS_SUCCESS);

        // The new device's place in the stack and in the list.
        let filter = bottom.top_of_stack();
        let address = filter.address().0.to_le_bytes();
        put(&mut middle_before, device_object::ATTACHED_DEVICE, &address);
        put(&mut driver_before, driver_object::DEVICE_OBJECT, &address);
        assert_eq!(bottom.bytes(), bottom_before);
        assert_eq!(middle.bytes(), middle_before);
        assert_eq!(world.driver_bytes(), driver_before);
        assert_eq!(world.driver_extension_bytes(), extension_before);

        // Of the filter's own device object only flags and characteristics are the driver's to write; attaching writes
        // the stack size and the sector size. What is in the extension is the driver's own affair.
        let mut object = filter.bytes();
        let mut expected = by_kernel.take();
        expected[device_object::STACK_SIZE] = 3;
        let sector_size = device_object::SECTOR_SIZE..device_object::SECTOR_SIZE + 2;
        expected[sector_size.clone()].copy_from_slice(&middle.bytes()[sector_size]);
        let may_write = device_object::FLAGS..device_object::CHARACTERISTICS + 4;
        object[may_write.clone()].fill(0);
        expected[may_write].fill(0);
        assert_eq!(object[..device_object::BYTES], expected[..device_object::BYTES]);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_cannot_be_created_leaves_nothing() {
    play(|world| {
        for status in [STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE] {
            let lower = world.new_device(LowerDevice::default());
            let before = (lower.bytes(), world.driver_bytes());
            world.fail_next_with("IoCreateDevice", status);

            assert_eq!(world.add_device(lower), status);

            let calls = except_dereference(world.take_calls(), lower);
            assert!(
                matches!(
                    calls[..],
                    [Call::IoGetAttachedDeviceReference { .. }, Call::IoCreateDevice { .. }]
                ),
                "{calls:?}"
            );
            assert_eq!(before, (lower.bytes(), world.driver_bytes()));
            assert_eq!(world.driver_pool().live_blocks(), 0);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_that_cannot_be_attached_is_deleted() {
    play(|world| {
        for status in [STATUS_NO_SUCH_DEVICE, STATUS_INSUFFICIENT_RESOURCES] {
            let lower = world.new_device(LowerDevice::default());
            let before = (lower.bytes(), world.driver_bytes());
            world.fail_next_with("IoAttachDeviceToDeviceStackSafe", status);

            assert_eq!(world.add_device(lower), status);

            let calls = named(world.take_calls());
            let [
                ..,
                Call::IoAttachDeviceToDeviceStackSafe { source, .. },
                Call::IoDeleteDevice { device },
            ] = calls[..]
            else {
                panic!("{calls:?}");
            };
            assert_eq!(source, device);
            assert_eq!(world.newest_device(), None);
            assert_eq!(before, (lower.bytes(), world.driver_bytes()));
            assert_eq!(world.driver_pool().live_blocks(), 0);
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_failed_device_does_not_spoil_the_next() {
    play(|world| {
        let lower = world.new_device(LowerDevice::default());
        world.fail_next("IoAttachDeviceToDeviceStackSafe");
        assert_eq!(world.add_device(lower), STATUS_NO_SUCH_DEVICE);
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        assert_ne!(lower.top_of_stack(), lower);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_without_memory_to_count_in_is_there_and_lets_everything_pass() {
    play(|world| {
        let allocations = allocations_of_add_device(world);
        assert!(allocations > 0, "nothing was allocated");
        for failing in 0..allocations {
            let before = world.driver_pool().live_blocks();
            world.fail_after(failing, "ExAllocatePool2");
            let (lower, filter) = world.add_filter();
            assert_eq!(world.driver_pool().live_blocks(), before, "allocation {failing} failed");
            assert_eq!(head_of_statistics(filter), None, "allocation {failing} failed");

            let request = Request::read(0, 4096).patterned();
            let sent = world.send(filter, request);
            assert_eq!(sent.returned(), Some(STATUS_SUCCESS));
            assert_eq!(
                arrival(world).contents,
                sent.passed_to(lower),
                "allocation {failing} failed"
            );
            world.remove(filter);
            world.take_arrivals();
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_stack_that_is_as_high_as_one_can_be_is_left_as_it_is() {
    play(|world| {
        let lower = world.new_device(LowerDevice {
            stack_size: 127,
            ..LowerDevice::default()
        });
        let before = (lower.bytes(), world.driver_bytes());
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        assert_eq!(lower.top_of_stack(), lower);
        assert_eq!(before, (lower.bytes(), world.driver_bytes()));
        assert_eq!(world.driver_pool().live_blocks(), 0);

        let one_below = world.new_device(LowerDevice {
            stack_size: 126,
            ..LowerDevice::default()
        });
        assert_eq!(world.add_device(one_below), STATUS_SUCCESS);
        assert_eq!(one_below.top_of_stack().stack_size(), 127);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn on_a_device_that_has_no_stack_location_for_itself_every_request_passes() {
    play(|world| {
        let lower = world.new_device(LowerDevice {
            stack_size: 0,
            ..LowerDevice::default()
        });
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        let filter = lower.top_of_stack();
        for request in every_major() {
            let sent = world.send(filter, request);
            assert_eq!(arrival(world).contents, sent.passed_to(lower), "{request:?}");
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_device_with_neither_buffered_nor_direct_io_is_followed_as_any_other() {
    play(|world| {
        let lower = world.new_device(LowerDevice {
            flags: 0,
            ..LowerDevice::default()
        });
        assert_eq!(world.add_device(lower), STATUS_SUCCESS);
        let filter = lower.top_of_stack();
        assert_eq!(filter.flags(), 0);
        for bytes in [512, 0] {
            let request = Request::read(0, bytes).patterned();
            let sent = world.send(filter, request);
            let arrived = arrival(world).contents;
            assert_eq!(arrived, expected_below(&sent, &request, lower, &arrived));
            assert_eq!(sent.ended(), Some(STATUS_SUCCESS.into()));
        }
    });
}
