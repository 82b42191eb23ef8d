//! What new memory contains, and what a driver is promised of where it is.

use lab::pool::{BLOCK_ALIGNMENT, Contents, Mode, NoBlock, Owner, pattern};

use crate::{MODES, PAGE_BYTES, TAG, block, pool, read, write};

const SIZES: [usize; 16] = [
    0, 1, 15, 16, 17, 100, 512, 568, 2047, 2048, 4000, 4081, 4095, 4096, 4097, 70_000,
];

#[test]
fn a_small_block_crosses_no_page_boundary_and_a_large_one_starts_on_one() {
    for mode in MODES {
        let mut pool = pool(mode);
        for bytes in SIZES.into_iter().cycle().take(200).chain(0..PAGE_BYTES) {
            let address = block(&mut pool, bytes);
            assert_eq!(address % BLOCK_ALIGNMENT, 0, "{mode:?} {bytes}");
            let in_page = address % PAGE_BYTES;
            if bytes >= PAGE_BYTES {
                assert_eq!(in_page, 0, "{mode:?} {bytes}");
            } else {
                assert!(in_page + bytes <= PAGE_BYTES, "{mode:?} {bytes}");
            }
        }
    }
}

#[test]
fn new_memory_is_zeroed_or_patterned_as_asked_even_where_an_old_block_was() {
    for mode in MODES {
        let mut pool = pool(mode);
        for contents in [Contents::Zeroed, Contents::Uninitialized, Contents::Zeroed] {
            let expected = match contents {
                Contents::Zeroed => 0,
                Contents::Uninitialized => pattern::UNINITIALIZED,
            };
            for bytes in SIZES {
                let address = pool.allocate(bytes, TAG, Owner::Driver, 1, contents).unwrap();
                for at in address..address + bytes {
                    assert_eq!(read(at), expected, "{mode:?} {bytes} {contents:?}");
                    write(at, 0x77);
                }
                pool.free(address, 2).unwrap();
            }
        }
    }
}

#[test]
fn freed_memory_of_the_plain_pool_is_patterned() {
    let mut pool = pool(Mode::Plain);
    for bytes in SIZES {
        let address = block(&mut pool, bytes);
        pool.free(address, 2).unwrap();
        assert!(
            (address..address + bytes).all(|at| read(at) == pattern::FREED),
            "{bytes}"
        );
    }
}

#[test]
fn a_write_to_freed_memory_of_the_plain_pool_is_seen_when_it_is_used_again() {
    for offset in [0, 1, 99, 511] {
        let mut pool = pool(Mode::Plain);
        let address = block(&mut pool, 512);
        pool.free(address, 2).unwrap();
        write(address + offset, 1);
        let refused = pool.allocate(512, TAG, Owner::Driver, 3, Contents::Zeroed);
        match refused {
            Err(NoBlock::WrittenAfterFree { block, offset: told }) => {
                assert_eq!((block.serial, block.freed_at, told), (1, Some(2), offset));
            }
            refused => panic!("{offset}: {refused:?}"),
        }
        // That memory is not used again, but the pool is.
        assert_ne!(block(&mut pool, 512), address);
    }
}

#[test]
fn no_pattern_makes_an_address_that_can_be_mapped() {
    for byte in [pattern::UNINITIALIZED, pattern::FREED, pattern::SLACK, pattern::LEAD] {
        let address = u64::from_ne_bytes([byte; 8]).cast_signed();
        // Canonical addresses are those whose upper bits repeat bit 47, or bit 56 at the most.
        assert!(address >> 56 != 0 && address >> 56 != -1, "{byte:#x}");
    }
}
