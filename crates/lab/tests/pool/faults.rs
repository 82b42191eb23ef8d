//! Special pool's protections, tried out: each bad access in a child that is to die of it.

use lab::{
    pool::{Mode, Pool},
    supervise::{Ended, Limits, Outlet, run},
};

use crate::{PAGE_BYTES, block, pool, read, write};

fn faults(access: impl Fn(&mut Pool)) -> bool {
    let ended = run(&Limits::default(), |_: &Outlet<()>| access(&mut pool(Mode::Special)));
    match ended {
        Ended::Value(()) => false,
        Ended::Signal {
            number: libc::SIGSEGV, ..
        } => true,
        ended => panic!("{ended}"),
    }
}

#[test]
fn the_first_byte_behind_the_slack_faults_and_the_last_one_of_the_block_does_not() {
    for (bytes, slack) in [(1, 15), (16, 0), (568, 8), (4096, 0), (8192, 0), (5000, 3192)] {
        let at = |beyond: usize| {
            faults(|pool| {
                let address = block(pool, bytes);
                write(address + bytes - 1 + beyond, 1);
            })
        };
        assert!(!at(0), "{bytes}");
        assert!(!at(slack), "{bytes}");
        assert!(at(slack + 1), "{bytes}");
        assert!(at(slack + PAGE_BYTES), "{bytes}");
    }
}

#[test]
fn a_page_before_the_block_faults() {
    assert!(faults(|pool| {
        let address = block(pool, 4096);
        read(address - 1);
    }));
}

#[test]
fn every_page_of_a_freed_block_faults_when_read_or_written() {
    for offset in [0, 1, 4096, 9999] {
        for is_write in [false, true] {
            assert!(
                faults(|pool| {
                    let address = block(pool, 10_000);
                    let other = block(pool, 10_000);
                    write(address + offset, 1);
                    pool.free(address, 2).unwrap();
                    write(other + offset, 1);
                    if is_write {
                        write(address + offset, 1);
                    } else {
                        read(address + offset);
                    }
                }),
                "{offset} {is_write}"
            );
        }
    }
}
