//! Who has what: counters, leaks in order, serial numbers.

use lab::pool::{Contents, Counters, Owner, Tag};

use crate::{MODES, TAG, block, pool};

#[test]
fn what_is_live_is_listed_by_owner_in_order_of_allocation() {
    for mode in MODES {
        let mut pool = pool(mode);
        let blocks: Vec<_> = (0..9_usize)
            .map(|number| {
                let owner = [Owner::Driver, Owner::Kernel][number % 2];
                let address = pool.allocate(100 * number, TAG, owner, 1, Contents::Zeroed);
                address.unwrap()
            })
            .collect();
        // The oldest, the newest and one between, of the driver's; and one that comes after.
        for number in [0, 8, 4] {
            pool.free(blocks[number], 2).unwrap();
        }
        block(&mut pool, 7);
        let sizes = |owner| pool.live(owner).map(|block| block.bytes).collect::<Vec<_>>();
        assert_eq!(sizes(Owner::Driver), [200, 600, 7], "{mode:?}");
        assert_eq!(sizes(Owner::Kernel), [100, 300, 500, 700], "{mode:?}");
        let serials: Vec<_> = pool.live(Owner::Driver).map(|block| block.serial).collect();
        assert_eq!(serials, [3, 7, 10], "{mode:?}");
    }
}

#[test]
fn a_list_that_became_empty_starts_again() {
    for mode in MODES {
        let mut pool = pool(mode);
        for round in 0..3 {
            let address = block(&mut pool, 64);
            assert_eq!(pool.live(Owner::Driver).count(), 1, "{mode:?} {round}");
            pool.free(address, 2).unwrap();
            assert_eq!(pool.live(Owner::Driver).count(), 0, "{mode:?} {round}");
        }
    }
}

#[test]
fn counters_and_peaks_are_kept_for_each_owner() {
    for mode in MODES {
        let mut pool = pool(mode);
        let [first, second] = [10, 5000].map(|bytes| block(&mut pool, bytes));
        pool.free(first, 2).unwrap();
        pool.free(second, 2).unwrap();
        block(&mut pool, 100);
        let driver = Counters {
            allocations: 3,
            frees: 2,
            allocated_bytes: 5110,
            live_bytes: 100,
            live_blocks_max: 2,
            live_bytes_max: 5010,
        };
        assert_eq!(*pool.counters(Owner::Driver), driver, "{mode:?}");
        assert_eq!(pool.counters(Owner::Driver).live_blocks(), 1, "{mode:?}");
        assert_eq!(*pool.counters(Owner::Kernel), Counters::default(), "{mode:?}");
    }
}

#[test]
fn a_block_is_told_with_all_that_is_known_of_it() {
    for mode in MODES {
        let mut pool = pool(mode);
        let address = pool
            .allocate(568, u32::from_le_bytes(*b"Irps"), Owner::Kernel, 77, Contents::Zeroed)
            .unwrap();
        let live = pool.block_at(address + 567).unwrap();
        assert_eq!((live.serial, live.address, live.bytes), (1, address, 568));
        assert_eq!(
            (live.owner, live.allocated_at, live.freed_at),
            (Owner::Kernel, 77, None)
        );
        let freed = pool.free(address, 78).unwrap().block;
        assert_eq!((freed.serial, freed.freed_at), (1, Some(78)));
        assert_eq!(pool.block_at(address), None, "{mode:?}");
    }
}

#[test]
fn a_tag_is_shown_as_windows_shows_it() {
    // What a C driver writes as 'sprI'.
    let tag = u32::from(b's') << 24 | u32::from(b'p') << 16 | u32::from(b'r') << 8 | u32::from(b'I');
    assert_eq!(Tag::from(tag).to_string(), "Irps");
    assert_eq!(Tag::new(b"Irps"), Tag(tag));
    assert_eq!(Tag(0x0041_1B80).to_string(), "..A.");
}

#[test]
fn a_block_is_one_clear_phrase() {
    let mut pool = pool(MODES[0]);
    let address = block(&mut pool, 568);
    let told = pool.block_at(address).unwrap().to_string();
    assert_eq!(
        told,
        format!("block 1 ('Irps', 568 bytes at {address:#x}, of the driver)")
    );
}
