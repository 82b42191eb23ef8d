//! What happens when addresses, mappings or sizes run out.

use std::fs;

use lab::{
    pool::{Classified, Contents, MEMORY_BYTES, Mode, NoBlock, Owner, Pool},
    supervise::{Ended, Limits, Outlet, run},
};

use crate::{MODES, PAGE_BYTES, TAG, block, pool, read};

/// An arena for just so many special blocks of up to a page.
fn special_for(blocks: usize) -> Pool {
    Pool::with_arena(Mode::Special, (1 + 2 * blocks) * PAGE_BYTES).unwrap()
}

fn refusal(pool: &mut Pool, bytes: usize) -> NoBlock {
    let refused = pool.allocate(bytes, TAG, Owner::Driver, 1, Contents::Zeroed);
    refused.expect_err("there is no room for it")
}

#[test]
fn a_freed_address_is_not_used_again_until_the_arena_has_been_used_up() {
    let mut pool = special_for(10);
    let blocks: Vec<_> = (0..9).map(|_| block(&mut pool, 100)).collect();
    for number in [5, 2, 7] {
        pool.free(blocks[number], 2).unwrap();
    }
    let last = block(&mut pool, 100);
    assert!(!blocks.contains(&last));
    // Now those that were freed first come first, and they are forgotten.
    for number in [5, 2, 7] {
        assert!(matches!(pool.classify(blocks[number]), Classified::Freed { .. }));
        assert_eq!(block(&mut pool, 100), blocks[number]);
        assert!(matches!(pool.classify(blocks[number]), Classified::Live { .. }));
    }
    assert!(matches!(refusal(&mut pool, 100), NoBlock::Exhausted { bytes: 100, .. }));
}

#[test]
fn freed_neighbours_make_room_for_a_larger_block() {
    let mut pool = special_for(8);
    let blocks: Vec<_> = (0..8).map(|_| block(&mut pool, 100)).collect();
    assert!(matches!(refusal(&mut pool, 20_000), NoBlock::Exhausted { .. }));
    // In an order in which each joins another: below, above, and between two.
    for number in [3, 4, 6, 5, 2] {
        pool.free(blocks[number], 2).unwrap();
    }
    let large = block(&mut pool, 5 * 2 * PAGE_BYTES - PAGE_BYTES);
    assert_eq!(large, blocks[2] / PAGE_BYTES * PAGE_BYTES);
    for at in (large..large + 9 * PAGE_BYTES).step_by(PAGE_BYTES / 2) {
        assert_eq!(read(at), 0);
    }
    assert!(matches!(pool.classify(blocks[1]), Classified::Live { .. }));
    assert!(matches!(pool.classify(blocks[7]), Classified::Live { .. }));
}

#[test]
fn a_block_larger_than_all_memory_is_refused_and_the_pool_goes_on() {
    for mode in MODES {
        let mut pool = pool(mode);
        for bytes in [pool.arena().len(), 1 << 62, usize::MAX - PAGE_BYTES, usize::MAX] {
            let refused = refusal(&mut pool, bytes);
            assert!(matches!(refused, NoBlock::NoMemory { .. }), "{mode:?}: {refused}");
        }
        block(&mut pool, 100);
    }
}

#[test]
fn the_blocks_of_both_owners_share_one_memory_which_what_is_freed_comes_back_to() {
    for mode in MODES {
        let mut pool = pool(mode);
        let mut allocate = |owner, bytes| pool.allocate(bytes, TAG, owner, 1, Contents::Zeroed);
        let half = allocate(Owner::Driver, MEMORY_BYTES / 2).unwrap();
        allocate(Owner::Kernel, MEMORY_BYTES / 2 - 100).unwrap();
        let refused = allocate(Owner::Driver, 101).expect_err("100 bytes are left");
        assert!(
            matches!(refused, NoBlock::NoMemory { bytes: 101, .. }),
            "{mode:?}: {refused}"
        );
        allocate(Owner::Driver, 100).unwrap();
        pool.free(half, 2).unwrap();
        block(&mut pool, MEMORY_BYTES / 2);
    }
}

#[test]
fn a_plain_arena_that_is_full_takes_what_is_freed() {
    let mut pool = Pool::with_arena(Mode::Plain, 8 * PAGE_BYTES).unwrap();
    let mut blocks = Vec::new();
    let refused = loop {
        match pool.allocate(1000, TAG, Owner::Driver, 1, Contents::Zeroed) {
            Ok(address) => blocks.push(address),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, NoBlock::Exhausted { .. }), "{refused}");
    assert!(blocks.len() >= 24);
    pool.free(blocks[7], 2).unwrap();
    assert_eq!(block(&mut pool, 1000), blocks[7]);
}

#[test]
fn too_many_live_special_blocks_are_refused_while_the_process_can_still_map() {
    let ended = run(&Limits::default(), |_: &Outlet<(u64, String)>| {
        let mut pool = Pool::new(Mode::Special).unwrap();
        let refused = loop {
            let block = pool.allocate(100, TAG, Owner::Driver, 1, Contents::Zeroed);
            if let Err(refused) = block {
                break refused;
            }
        };
        let large = Vec::<u8>::with_capacity(64 << 20);
        assert!(std::hint::black_box(large).is_empty());
        let first = pool.live(Owner::Driver).next().unwrap().address;
        pool.free(first, 2).unwrap();
        block(&mut pool, 100);
        (pool.counters(Owner::Driver).live_blocks(), refused.to_string())
    });
    let Ended::Value((live, refused)) = ended else {
        panic!("{ended}");
    };
    let mappings = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let mappings: u64 = mappings.trim().parse().unwrap();
    assert!(live > mappings / 3 && live < mappings / 2, "{live} of {mappings}");
    assert!(refused.contains(&format!("more than {live} live blocks")), "{refused}");
}

#[test]
fn freed_special_blocks_hold_neither_memory_nor_mappings() {
    let ended = run(&Limits::default(), |_| {
        let mut pool = Pool::new(Mode::Special).unwrap();
        let kept = block(&mut pool, 100);
        let before = resident_kib_and_mappings();
        for _ in 0..20_000 {
            let pair = [0, 1].map(|_| block(&mut pool, 100));
            for address in pair {
                pool.free(address, 2).unwrap();
            }
        }
        assert_eq!(read(kept), 0);
        (before, resident_kib_and_mappings())
    });
    let Ended::Value((before, after)) = ended else {
        panic!("{ended}");
    };
    // 40,000 pages would be 160,000 KiB.
    assert!(after.0 < before.0 + 40_000, "from {} to {} KiB", before.0, after.0);
    assert!(after.1 < before.1 + 500, "from {} to {} mappings", before.1, after.1);
}

/// What this process has, with what it inherited from a parent that runs other tests meanwhile.
fn resident_kib_and_mappings() -> (u64, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib = resident.trim().trim_end_matches(" kB").parse().unwrap();
    let mappings = fs::read_to_string("/proc/self/maps").unwrap().lines().count();
    (kib, mappings)
}
