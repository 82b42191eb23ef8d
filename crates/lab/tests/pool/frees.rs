//! Each way of freeing wrongly is told as what it is, and nothing is freed by it.

use lab::pool::{BadFree, Mode, Pool};

use crate::{MODES, block, pool, write};

fn refusal(pool: &mut Pool, address: usize) -> BadFree {
    pool.free(address, 9).expect_err("this is no way to free")
}

#[test]
fn what_was_never_a_block_is_not_a_block() {
    for mode in MODES {
        let mut pool = pool(mode);
        let address = block(&mut pool, 100);
        let arena = pool.arena();
        // Before the first block, far from any, around the arena, and in the block's own slack.
        let strangers = [
            address - 1,
            arena.start + arena.len() / 2,
            arena.start - 1,
            arena.end,
            0,
            usize::MAX,
            address + 100,
        ];
        for stranger in strangers {
            let refused = refusal(&mut pool, stranger);
            assert!(
                matches!(refused, BadFree::NotABlock { address } if address == stranger),
                "{mode:?} {stranger:#x}: {refused}"
            );
        }
        pool.free(address, 2).unwrap();
    }
}

#[test]
fn a_second_free_is_told_with_the_first_one() {
    for mode in MODES {
        let mut pool = pool(mode);
        let address = block(&mut pool, 100);
        pool.free(address, 5).unwrap();
        for at in [0, 16] {
            match refusal(&mut pool, address + at) {
                BadFree::AlreadyFreed { block, offset } => {
                    assert_eq!((block.serial, block.freed_at, offset), (1, Some(5), at));
                }
                refused => panic!("{mode:?}: {refused}"),
            }
        }
    }
}

#[test]
fn an_address_within_a_block_frees_nothing() {
    for mode in MODES {
        let mut pool = pool(mode);
        let address = block(&mut pool, 10_000);
        for at in [1, 16, 4096, 9999] {
            match refusal(&mut pool, address + at) {
                BadFree::InsideBlock { block, offset } => assert_eq!((block.serial, offset), (1, at)),
                refused => panic!("{mode:?}: {refused}"),
            }
        }
        pool.free(address, 2).unwrap();
    }
}

#[test]
fn a_byte_written_behind_the_block_is_found_when_it_is_freed() {
    // Sizes with slack in both modes, and how much of it is watched in the tighter one.
    for (bytes, slack) in [(1, 15), (15, 1), (100, 12), (568, 8), (4090, 6), (5000, 3192)] {
        for mode in MODES {
            for beyond in [0, slack / 2, slack - 1] {
                let mut pool = pool(mode);
                let address = block(&mut pool, bytes);
                write(address + bytes + beyond, 0);
                match refusal(&mut pool, address) {
                    BadFree::SlackOverwritten { block, offset } => {
                        assert_eq!((block.serial, offset), (1, bytes + beyond));
                    }
                    refused => panic!("{mode:?} {bytes} {beyond}: {refused}"),
                }
                assert!(pool.block_at(address).is_some(), "{mode:?} {bytes}");
            }
        }
    }
}

#[test]
fn the_plain_pool_watches_sixteen_bytes_behind_a_block_of_any_size() {
    let sizes = (0..4081)
        .filter(|bytes| bytes % 7 == 0)
        .chain([4096, 4097, 8192, 40_960]);
    for bytes in sizes {
        let mut pool = pool(Mode::Plain);
        let address = block(&mut pool, bytes);
        write(address + bytes + 15, 0);
        let refused = refusal(&mut pool, address);
        assert!(
            matches!(refused, BadFree::SlackOverwritten { .. }),
            "{bytes}: {refused}"
        );
    }
}

#[test]
fn a_byte_written_before_the_block_is_found_when_it_is_freed() {
    for before in [1, 16, 100, 3500] {
        let mut pool = pool(Mode::Special);
        let address = block(&mut pool, 568);
        write(address - before, 0);
        match refusal(&mut pool, address) {
            BadFree::Underrun { block, by } => assert_eq!((block.serial, by), (1, before)),
            refused => panic!("{before}: {refused}"),
        }
    }
}
