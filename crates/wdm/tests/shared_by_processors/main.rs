//! What processors share in a slab, in the pump of held IRPs and in a flight, tested on the host: the library itself is for
//! Windows only, and these parts of it know nothing of the kernel.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p wdm --release` goes through every interleaving; without that, one processor
//! does everything in each order there is.

// A copy of these modules, since the library has none off Windows, and keeps them to itself on it.
#[path = "../../src/custody.rs"]
mod custody;
#[path = "../../src/rendezvous.rs"]
mod rendezvous;
#[path = "../../src/slots.rs"]
mod slots;
#[path = "../../src/sync.rs"]
mod sync;

#[cfg(loom)]
mod interleavings;

#[cfg(not(loom))]
mod one_processor {
    use std::collections::BTreeSet;

    use super::{
        custody::Custody,
        rendezvous::{Rendezvous, Turn},
        slots::{SLOTS_PER_SHARD, Shard, take},
    };

    fn shards(count: usize) -> Vec<Shard> {
        (0..count).map(|_| Shard::new()).collect()
    }

    #[test]
    fn every_slot_is_taken_once_and_then_none_is_left() {
        for count in 0..=3 {
            let shards = shards(count);
            for hint in 0..4 {
                let taken: BTreeSet<_> = std::iter::from_fn(|| take(&shards, hint)).collect();
                let all = (0..count).flat_map(|shard| (0..SLOTS_PER_SHARD).map(move |place| (shard, place)));
                assert!(taken.iter().copied().eq(all), "{count} shards, hint {hint}");
                for (shard, place) in taken {
                    assert!(!shards[shard].is_free(), "slot {place} is taken");
                    assert!(shards[shard].give_back(place));
                }
                assert!(shards.iter().all(Shard::is_free));
            }
        }
    }

    #[test]
    fn a_processor_takes_from_its_own_shard_until_that_is_empty() {
        let shards = shards(3);
        // Processor 7 has the second of three shards.
        let order: Vec<usize> = std::iter::from_fn(|| Some(take(&shards, 7)?.0)).collect();
        let expected: Vec<usize> = [1, 2, 0]
            .into_iter()
            .flat_map(|shard| [shard; SLOTS_PER_SHARD])
            .collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn the_slot_that_was_given_back_is_the_one_that_is_taken_next() {
        for place in 0..SLOTS_PER_SHARD {
            let shards = shards(1);
            while take(&shards, 0).is_some() {}
            assert!(shards[0].give_back(place));
            assert_eq!(take(&shards, 0), Some((0, place)));
            assert_eq!(take(&shards, 0), None);
        }
    }

    #[test]
    fn whoever_comes_second_goes_on_and_can_send_again() {
        let rendezvous = Rendezvous::new();
        for _ in 0..2 {
            assert_eq!(rendezvous.returned(), Turn::Theirs);
            assert_eq!(rendezvous.completed(), Turn::Mine);
            rendezvous.restart();
            assert_eq!(rendezvous.completed(), Turn::Theirs);
            assert_eq!(rendezvous.returned(), Turn::Mine);
            rendezvous.restart();
        }
    }

    #[test]
    fn an_irp_that_returns_while_it_is_cancelled_is_the_cancellers() {
        let custody = Custody::new();
        for _ in 0..2 {
            assert!(!custody.begin_cancel(), "nothing is below");
            assert!(custody.claim());
            assert!(!custody.claim(), "one at a time");
            assert!(!custody.begin_cancel(), "it is not sent yet");
            custody.depart();
            assert!(custody.begin_cancel());
            assert!(!custody.begin_cancel(), "one thread is enough");
            assert_eq!(custody.completed(), Turn::Theirs);
            assert!(!custody.claim());
            assert_eq!(custody.end_cancel(), Turn::Mine);
            assert!(!custody.claim(), "it is the canceller's");
            custody.release();
        }
    }

    #[test]
    fn an_irp_that_was_cancelled_in_vain_is_the_completion_routines() {
        let custody = Custody::new();
        assert!(custody.claim());
        // Sent again without being let go of.
        for _ in 0..2 {
            custody.depart();
            for _ in 0..2 {
                assert!(custody.begin_cancel());
                assert_eq!(custody.end_cancel(), Turn::Theirs);
            }
            assert_eq!(custody.completed(), Turn::Mine);
        }
    }

    #[test]
    fn nothing_more_is_sent_when_it_is_closed() {
        // Before it is claimed, while it is made ready, and when it is below.
        let custody = Custody::new();
        custody.close();
        assert!(!custody.claim());

        let custody = Custody::new();
        assert!(custody.claim());
        custody.close();
        assert!(!custody.begin_cancel());
        custody.depart();
        assert!(custody.is_closed(), "the sender has to cancel it");
        assert!(custody.begin_cancel());
        assert_eq!(custody.end_cancel(), Turn::Theirs);
        assert_eq!(custody.completed(), Turn::Mine);
        custody.release();
        assert!(!custody.claim());

        let custody = Custody::new();
        assert!(custody.claim());
        custody.depart();
        custody.close();
        assert!(custody.begin_cancel());
        assert_eq!(custody.completed(), Turn::Theirs);
        assert_eq!(custody.end_cancel(), Turn::Mine);
        custody.release();
        assert!(!custody.claim());
    }
}
