//! IOCTL_STORAGE_MANAGE_BYPASS_IO: passed on unless the settings say otherwise, and then refused as documented.

use lab::{
    script::{Address, Device, IoStatus, RegistryKey, Request, World},
    status::{
        NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    },
};
use policy::bypass_io::{INPUT_BYTES, IOCTL_STORAGE_MANAGE_BYPASS_IO, OUTPUT_BYTES};

use crate::support::{driver, play, with_information};

const ENABLE: u32 = 1;
const DISABLE: u32 = 2;
const QUERY: u32 = 3;

/// What the buffer holds where nobody has written.
const UNTOUCHED: u8 = 0xA5;

/// A buffer with the BPIO_INPUT of an operation.
fn buffer(world: &World, operation: u32) -> Address {
    let mut bytes = vec![UNTOUCHED; 4_096];
    let words = [INPUT_BYTES as u32, INPUT_BYTES as u32, operation, 0, 0, 0];
    for (target, word) in bytes.chunks_mut(4).zip(words) {
        target.copy_from_slice(&word.to_le_bytes());
    }
    world.new_buffer(&bytes)
}

fn read(world: &World, buffer: Address) -> Vec<u8> {
    let mut bytes = vec![0; 4_096];
    assert!(world.read(buffer, &mut bytes));
    bytes
}

fn request(buffer: Address, input: usize, output: usize) -> Request {
    Request::device_control(IOCTL_STORAGE_MANAGE_BYPASS_IO, buffer, input as u32, output as u32)
}

/// Plays a script with a device on which BypassIO is vetoed.
#[track_caller]
fn vetoing(script: impl FnOnce(&World, Device)) {
    let played = driver().play_from_load(|world| {
        world.set_dword(RegistryKey::Hardware, "BypassIo", 1);
        assert_eq!(world.driver_entry(), STATUS_SUCCESS);
        let (_, filter) = world.add_filter();
        script(world, filter);
        world.remove(filter);
        world.unload();
    });
    played.unwrap_or_else(|error| panic!("{error}"));
}

/// Whether the request goes to the disk, and what that says comes back.
#[track_caller]
fn passes(world: &World, filter: Device, request: Request) {
    world.take_arrivals();
    world.answer_next(lab::script::Answer::complete(with_information(STATUS_SUCCESS)));
    let ended = world.carry_out(filter, request);
    assert_eq!(world.take_arrivals().len(), 1, "{request:?}");
    assert_eq!(ended, with_information(STATUS_SUCCESS), "{request:?}");
}

/// That the request ends here, with this status and nothing written.
#[track_caller]
fn is_refused(world: &World, filter: Device, request: Request, status: NtStatus) {
    let before = read(world, request.system_buffer);
    world.take_arrivals();
    let ended = world.carry_out(filter, request);
    assert_eq!(world.take_arrivals().len(), 0, "{request:?}");
    assert_eq!(ended, IoStatus::from(status), "{request:?}");
    assert_eq!(read(world, request.system_buffer), before, "{request:?}");
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_is_one_device_control_among_others_where_it_is_allowed() {
    play(|world| {
        let (_, filter) = world.add_filter();
        for operation in [ENABLE, DISABLE, QUERY, 77] {
            let buffer = buffer(world, operation);
            passes(world, filter, request(buffer, INPUT_BYTES, OUTPUT_BYTES));
            passes(world, filter, request(buffer, 0, 0));
        }
        passes(world, filter, request(Address::default(), 0, 0));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn where_reads_must_not_go_past_the_filter_it_says_who_refused_and_why() {
    vetoing(|world, filter| {
        for operation in [ENABLE, QUERY] {
            let buffer = buffer(world, operation);
            world.take_arrivals();
            let ended = world.carry_out(filter, request(buffer, INPUT_BYTES, OUTPUT_BYTES + 100));
            // Not an error: who refused is said in the buffer, and an error would leave that behind.
            assert_eq!(ended, IoStatus::new(STATUS_SUCCESS, OUTPUT_BYTES));
            assert_eq!(world.take_arrivals().len(), 0);
            let bytes = read(world, buffer);
            assert_eq!(bytes[8..12], operation.to_le_bytes());
            assert_eq!(bytes[24..28], 0xC000_00BB_u32.to_le_bytes());
            assert_eq!(bytes[28..30], 12_u16.to_le_bytes());
            let name: Vec<u8> = "irpscope.sys".encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(bytes[30..54], name);
            assert!(bytes[OUTPUT_BYTES..].iter().all(|&byte| byte == UNTOUCHED));
        }
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn to_end_it_is_never_refused() {
    vetoing(|world, filter| {
        let disable = buffer(world, DISABLE);
        passes(world, filter, request(disable, INPUT_BYTES, OUTPUT_BYTES));
        passes(world, filter, request(disable, INPUT_BYTES, 24));
        let unknown = buffer(world, 77);
        passes(world, filter, request(unknown, INPUT_BYTES, 0));
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn short_buffers_and_false_sizes_get_their_documented_statuses() {
    vetoing(|world, filter| {
        let enable = buffer(world, ENABLE);
        for input in 0..INPUT_BYTES {
            is_refused(
                world,
                filter,
                request(enable, input, OUTPUT_BYTES),
                STATUS_INFO_LENGTH_MISMATCH,
            );
        }
        for output in [0, 24, OUTPUT_BYTES - 1] {
            is_refused(
                world,
                filter,
                request(enable, INPUT_BYTES, output),
                STATUS_BUFFER_TOO_SMALL,
            );
        }
        world.write(enable, &[0; 4]);
        is_refused(
            world,
            filter,
            request(enable, INPUT_BYTES, OUTPUT_BYTES),
            STATUS_INVALID_PARAMETER,
        );
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_request_without_a_buffer_is_refused_and_not_read() {
    vetoing(|world, filter| {
        world.take_arrivals();
        let ended = world.carry_out(filter, request(Address::default(), INPUT_BYTES, OUTPUT_BYTES));
        assert_eq!(ended, IoStatus::from(STATUS_INFO_LENGTH_MISMATCH));
        assert_eq!(world.take_arrivals().len(), 0);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn other_codes_are_let_be() {
    vetoing(|world, filter| {
        let enable = buffer(world, ENABLE);
        for code in [
            0,
            IOCTL_STORAGE_MANAGE_BYPASS_IO + 1,
            IOCTL_STORAGE_MANAGE_BYPASS_IO + 4,
            u32::MAX,
        ] {
            let request = Request::device_control(code, enable, INPUT_BYTES as u32, OUTPUT_BYTES as u32);
            passes(world, filter, request);
        }
    });
}
