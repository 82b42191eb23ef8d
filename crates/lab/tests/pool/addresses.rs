//! What an address is told to be.

use lab::pool::{Classified, Mode};

use crate::{MODES, PAGE_BYTES, block, pool};

#[test]
fn each_byte_of_a_live_block_is_live() {
    for mode in MODES {
        let mut pool = pool(mode);
        for bytes in [1, 100, 568, 4095, 9000] {
            let address = block(&mut pool, bytes);
            for offset in [0, bytes / 2, bytes - 1] {
                match pool.classify(address + offset) {
                    Classified::Live { block, offset: told } => {
                        assert_eq!((block.address, told), (address, offset), "{mode:?}");
                    }
                    told => panic!("{mode:?} {bytes} {offset}: {told:?}"),
                }
            }
        }
    }
}

#[test]
fn what_is_around_a_special_block_is_an_overrun_or_an_underrun_of_it() {
    let mut pool = pool(Mode::Special);
    let blocks = [100, 568, 4096, 5000].map(|bytes| (bytes, block(&mut pool, bytes)));
    for (serial, (bytes, address)) in (1..).zip(blocks) {
        for distance in [0, 1, 11, 1000, 1999] {
            match pool.classify(address + bytes + distance) {
                Classified::BeyondEnd { block, by } => assert_eq!((block.serial, by), (serial, distance)),
                told => panic!("{bytes} {distance}: {told:?}"),
            }
        }
        for distance in [1, 2, 1000, 1999] {
            match pool.classify(address - distance) {
                Classified::BeforeStart { block, by } => assert_eq!((block.serial, by), (serial, distance)),
                told => panic!("{bytes} {distance}: {told:?}"),
            }
        }
    }
}

#[test]
fn a_freed_block_is_remembered_with_who_freed_it() {
    for mode in MODES {
        let mut pool = pool(mode);
        let before = block(&mut pool, 568);
        let freed = block(&mut pool, 568);
        let after = block(&mut pool, 568);
        pool.free(freed, 42).unwrap();
        for offset in [0_isize, 1, 567] {
            match pool.classify(freed + offset.cast_unsigned()) {
                Classified::Freed { block, offset: told } => {
                    assert_eq!((block.serial, block.freed_at, told), (2, Some(42), offset), "{mode:?}");
                }
                told => panic!("{mode:?} {offset}: {told:?}"),
            }
        }
        for live in [before, after] {
            assert!(matches!(pool.classify(live), Classified::Live { .. }), "{mode:?}");
        }
    }
}

#[test]
fn beside_a_freed_block_a_live_one_is_meant() {
    let mut pool = pool(Mode::Special);
    let freed = block(&mut pool, 4096);
    let live = block(&mut pool, 4096);
    let last = block(&mut pool, 4096);
    pool.free(freed, 2).unwrap();
    // In the page between the two, nearer to the freed one.
    let told = pool.classify(freed + PAGE_BYTES + 8);
    assert!(
        matches!(told, Classified::BeforeStart { block, .. } if block.address == live),
        "{told:?}"
    );
    pool.free(live, 2).unwrap();
    let told = pool.classify(freed + PAGE_BYTES + 8);
    assert!(
        matches!(told, Classified::Freed { block, offset: 4104 } if block.address == freed),
        "{told:?}"
    );
    let told = pool.classify(last - 8);
    assert!(matches!(told, Classified::BeforeStart { by: 8, .. }), "{told:?}");
}

#[test]
fn what_is_far_from_any_block_is_nothing_and_what_is_elsewhere_is_outside() {
    for mode in MODES {
        let mut pool = pool(mode);
        let arena = pool.arena();
        assert_eq!(pool.classify(arena.start), Classified::GuardOfNothing, "{mode:?}");
        block(&mut pool, 100);
        for address in [arena.start + arena.len() / 2, arena.end - 1] {
            assert_eq!(pool.classify(address), Classified::GuardOfNothing, "{mode:?}");
        }
        for address in [0, arena.start - 1, arena.end, usize::MAX] {
            assert_eq!(pool.classify(address), Classified::Outside, "{mode:?}");
        }
    }
}
