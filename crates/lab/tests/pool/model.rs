//! Long random histories, against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use lab::pool::{Classified, Contents, Mode, NoBlock, Owner, Pool};

use crate::{MODES, TAG, read, write};

/// Small numbers in an order that depends on the seed alone.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// What a history did, with addresses relative to the arena.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Allocated(usize, u64),
    Exhausted,
    Freed(u64),
}

/// Allocates and frees at random, checking each step against a map of what should be live.
fn history(mode: Mode, seed: u64) -> Vec<Event> {
    let mut dice = Dice(seed);
    let mut pool = Pool::with_arena(mode, 2 << 20).unwrap();
    let base = pool.arena().start;
    let mut model = BTreeMap::new();
    let mut events = Vec::new();
    for _ in 0..3000 {
        if dice.below(100) < 55 {
            let bytes = [dice.below(64), dice.below(5000), dice.below(60_000)][dice.below(3)];
            let address = match pool.allocate(bytes, TAG, Owner::Driver, 1, Contents::Zeroed) {
                Ok(address) => address,
                Err(NoBlock::Exhausted { .. }) => {
                    events.push(Event::Exhausted);
                    continue;
                }
                Err(refused) => panic!("{refused}"),
            };
            let end = address + bytes.max(1);
            if let Some((&below, &(size, _))) = model.range(..end).next_back() {
                assert!(below + size <= address, "seed {seed}: blocks overlap");
            }
            let mark = dice.below(256) as u8;
            for at in (address..address + bytes).step_by(97) {
                assert_eq!(read(at), 0, "seed {seed}: dirty memory");
                write(at, mark);
            }
            let serial = pool.block_at(address).map_or(0, |block| block.serial);
            events.push(Event::Allocated(address - base, serial));
            model.insert(address, (bytes, mark));
        } else if let Some(&address) = model.keys().nth(dice.below(model.len().max(1))) {
            let (bytes, mark) = model.remove(&address).unwrap();
            let is_whole = (address..address + bytes).step_by(97).all(|at| read(at) == mark);
            assert!(is_whole, "seed {seed}: another block was written instead");
            let freed = pool.free(address, 2).unwrap().block;
            assert_eq!((freed.address, freed.bytes), (address, bytes), "seed {seed}");
            assert!(
                matches!(pool.classify(address), Classified::Freed { .. }),
                "seed {seed}"
            );
            events.push(Event::Freed(freed.serial));
        }
        assert_eq!(
            pool.counters(Owner::Driver).live_blocks(),
            model.len() as u64,
            "seed {seed}"
        );
    }
    let mut live: Vec<_> = pool.live(Owner::Driver).map(|block| block.address).collect();
    live.sort_unstable();
    assert!(live.iter().eq(model.keys()), "seed {seed}");
    events
}

#[test]
fn blocks_never_overlap_and_the_accounts_stay_true() {
    for mode in MODES {
        for seed in 1..=10 {
            let events = history(mode, seed);
            // Else the histories are too tame to try what happens when addresses are used again.
            assert!(events.contains(&Event::Exhausted), "{mode:?} {seed}");
        }
    }
}

#[test]
fn the_same_calls_give_the_same_distances_and_serial_numbers() {
    for mode in MODES {
        assert_eq!(history(mode, 99), history(mode, 99), "{mode:?}");
    }
}
