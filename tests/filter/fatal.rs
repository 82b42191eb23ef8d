//! The bug check: what is proof that memory is broken stops the system, with the driver's own code and the reason.

use lab::{
    Verifier,
    script::{Address, Answer, Device, Request, ScriptError, World},
};

use crate::{layout::device_object, support::driver};

const CODE: &str = "0xe0697270";
const SLOT_FREED_TWICE: u32 = 1;
const SLAB_FREED_IN_USE: u32 = 2;

/// The bytes of the slab's bits: eight shards of 128 bytes, of which the one processor takes from the first.
const BITS: usize = 8 * SHARD;
const SHARD: usize = 128;
/// What of a shard are bits. The rest is padding, in which anything may stand.
const BITS_OF_SHARD: usize = 16;

/// What the bits would be at every pointer of the device's extension.
fn candidates(world: &World, filter: Device) -> Vec<(Address, Vec<u8>)> {
    let object = filter.bytes();
    let pointers = object[device_object::BYTES..]
        .chunks_exact(8)
        .map(|word| Address(usize::from_le_bytes(word.try_into().expect("eight bytes"))));
    let readable = pointers.filter_map(|address| {
        let mut bytes = vec![0; BITS];
        (address.0 % 128 == 0 && world.read(address, &mut bytes)).then_some((address, bytes))
    });
    readable.collect()
}

/// Where the bits of the slab are: all clear, and one set while the one READ there is is below.
fn bits(world: &World, filter: Device) -> Address {
    let before = candidates(world, filter);
    world.answer_next(Answer::Pend);
    let read = world.send(filter, Request::read(0, 512));
    let after = candidates(world, filter);
    world.complete(&read, lab::status::STATUS_SUCCESS);
    let ones = |bytes: &[u8]| {
        let bits = bytes.chunks(SHARD).flat_map(|shard| &shard[..BITS_OF_SHARD]);
        bits.map(|byte| byte.count_ones()).sum::<u32>()
    };
    let mut found = before.iter().zip(&after).filter(|((address, before), (again, after))| {
        address == again && ones(before) == 0 && ones(after) == 1 && after[0] == 1
    });
    let address = found.next().expect("the slab's bits are found").0.0.0;
    // The block, and its first value.
    assert!(
        found.all(|((other, _), _)| other.0 == address),
        "something else looks like the slab's bits"
    );
    Address(address)
}

/// That the script ends in a bug check with this reason.
#[track_caller]
fn stops(reason: u32, script: impl FnOnce(&World)) {
    // In special pool, what is looked at for the bits could end at a page that is not there.
    let plain = Verifier {
        special_pool: false,
        ..Verifier::default()
    };
    let violation = match driver().verifier(plain).processors(1).play(script) {
        Err(ScriptError::Violation(violation)) => violation,
        Err(error) => panic!("{error}"),
        Ok(()) => panic!("the system was not stopped"),
    };
    assert_eq!(violation.rule, "LAB/BugCheck", "{}", violation.message);
    let call = format!("KeBugCheckEx({CODE}, {reason:#x}, 0x0, 0x0, 0x0)");
    assert!(violation.message.contains(&call), "{}", violation.message);
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_slot_that_nobody_had_is_not_given_back() {
    stops(SLOT_FREED_TWICE, |world| {
        let (_, filter) = world.add_filter();
        let bits = bits(world, filter);
        world.answer_next(Answer::Pend);
        let read = world.send(filter, Request::read(0, 512));
        world.write(bits, &[0; 8]);
        world.complete(&read, lab::status::STATUS_SUCCESS);
    });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_slab_is_not_freed_while_a_request_has_a_slot_of_it() {
    stops(SLAB_FREED_IN_USE, |world| {
        let (_, filter) = world.add_filter();
        let bits = bits(world, filter);
        world.write(bits, &[0x80]);
        world.remove(filter);
    });
}
