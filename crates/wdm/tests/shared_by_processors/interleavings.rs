//! The models: two or three processors and few steps, in every interleaving that the memory model allows.

use loom::{
    cell::UnsafeCell,
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{
    custody::Custody,
    rendezvous::{Rendezvous, Turn},
    slots::{SLOTS_PER_SHARD, Shard, take},
};

/// A slab of one shard, of whose slots only the last `free` are free; each slot has something in it that only its owner
/// may touch.
struct Slab {
    shards: [Shard; 1],
    contents: Vec<UnsafeCell<usize>>,
}

impl Slab {
    fn with_free(free: usize) -> Arc<Self> {
        let shards = [Shard::new()];
        assert!(shards[0].is_free());
        for _ in free..SLOTS_PER_SHARD {
            take(&shards, 0).expect("a slot is free");
        }
        let contents = (0..SLOTS_PER_SHARD).map(|_| UnsafeCell::new(0)).collect();
        Arc::new(Self { shards, contents })
    }

    /// What an IRP does: takes a slot, uses it, and gives it back. Whether there was one.
    fn use_one(&self) -> bool {
        let Some((_, place)) = take(&self.shards, 0) else {
            return false;
        };
        // Loom fails where another owner's use is not over, or may not be seen to be.
        // SAFETY: loom's cell has checked that nobody else is at it.
        self.contents[place].with_mut(|contents| unsafe { *contents += 1 });
        assert!(self.shards[0].give_back(place));
        true
    }
}

#[test]
fn a_slot_has_one_owner_at_a_time_and_each_sees_what_the_last_one_did() {
    for free in [1, 2] {
        loom::model(move || {
            let slab = Slab::with_free(free);
            let others = [0; 2].map(|_| {
                let slab = Arc::clone(&slab);
                thread::spawn(move || slab.use_one())
            });
            let used = others.map(|other| other.join().expect("it does not panic"));
            assert!(used.contains(&true), "one of two finds a slot");
            assert!(free == 1 || used == [true; 2], "neither takes two");
            let left = std::iter::from_fn(|| take(&slab.shards, 0)).count();
            assert_eq!(left, free, "none is lost");
        });
    }
}

/// An IRP that is held: where the two meet, and what belongs to whoever owns it.
struct Irp {
    rendezvous: Rendezvous,
    /// How often it was sent. Written before the call.
    calls: UnsafeCell<u32>,
    /// What the lower driver completed it with: which call that was. Written before the completion routine runs.
    status: UnsafeCell<u32>,
}

const CALLS: u32 = 2;

/// A processor on which the lower driver completes an IRP, and those that it led to.
struct Completion(JoinHandle<Ended>);

/// How many times the IRP came to its end, and who may still bring it there.
struct Ended(u32, Vec<Completion>);

impl Irp {
    /// Lets the owner decide: to send the IRP again, up to so many times.
    fn is_sent_again(&self) -> bool {
        // SAFETY: loom's cell has checked that nobody writes.
        let calls = self.calls.with(|calls| unsafe { *calls });
        // SAFETY: as above.
        let status = self.status.with(|status| unsafe { *status });
        assert_eq!(status, calls, "the owner sees what the lower driver completed it with");
        calls < CALLS
    }

    /// What the lower driver does before it completes the IRP.
    fn set_status(&self) {
        // SAFETY: loom's cell has checked that nobody writes.
        let calls = self.calls.with(|calls| unsafe { *calls });
        // SAFETY: loom's cell has checked that nobody else is at it.
        self.status.with_mut(|status| unsafe { *status = calls });
    }
}

/// As the driver does it: sends, and goes on where the IRP came back before the call returned.
fn pump(irp: &Arc<Irp>) -> Ended {
    let mut completions = Vec::new();
    loop {
        irp.rendezvous.restart();
        // SAFETY: loom's cell has checked that nobody else is at it.
        irp.calls.with_mut(|calls| unsafe { *calls += 1 });
        let completed = Arc::clone(irp);
        completions.push(Completion(thread::spawn(move || {
            completed.set_status();
            completion_routine(&completed)
        })));
        if irp.rendezvous.returned() == Turn::Theirs {
            return Ended(0, completions);
        }
        if !irp.is_sent_again() {
            return Ended(1, completions);
        }
    }
}

fn completion_routine(irp: &Arc<Irp>) -> Ended {
    if irp.rendezvous.completed() == Turn::Theirs {
        Ended(0, Vec::new())
    } else if irp.is_sent_again() {
        pump(irp)
    } else {
        Ended(1, Vec::new())
    }
}

/// All ends, once every processor is done.
fn ends(Ended(own, completions): Ended) -> u32 {
    let others = completions
        .into_iter()
        .map(|Completion(other)| ends(other.join().expect("it does not panic")));
    own + others.sum::<u32>()
}

#[test]
fn an_irp_that_is_held_and_sent_again_ends_once_and_has_one_owner_at_a_time() {
    loom::model(|| {
        let irp = Arc::new(Irp {
            rendezvous: Rendezvous::new(),
            calls: UnsafeCell::new(0),
            status: UnsafeCell::new(0),
        });
        let ended = pump(&irp);
        assert_eq!(ends(ended), 1);
        // SAFETY: every other processor is done.
        assert_eq!(irp.calls.with(|calls| unsafe { *calls }), CALLS);
    });
}

/// An IRP of a driver's own: where it is, and what whoever has it may touch.
struct OwnIrp {
    custody: Custody,
    /// Whether it is there. Read by IoCancelIrp; cleared where the IRP is freed.
    there: UnsafeCell<bool>,
    /// How often IoCancelIrp was called with it. Shared with the drivers below, which are not the model's.
    cancelled: loom::sync::atomic::AtomicU32,
}

impl OwnIrp {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            custody: Custody::new(),
            there: UnsafeCell::new(false),
            cancelled: loom::sync::atomic::AtomicU32::new(0),
        })
    }

    /// As `Flight::send`. Whether it was sent.
    fn send(&self) -> bool {
        if !self.custody.claim() {
            return false;
        }
        // SAFETY: loom's cell has checked that nobody else is at it.
        self.there.with_mut(|there| unsafe { *there = true });
        self.custody.depart();
        // The lower driver is called here.
        if self.custody.is_closed() {
            assert_eq!(self.cancel(), 0, "it is not back before it was completed");
        }
        true
    }

    /// As `RawFlight::cancel`. How many IRPs it took over: one or none.
    fn cancel(&self) -> u32 {
        if !self.custody.begin_cancel() {
            return 0;
        }
        // SAFETY: loom's cell has checked that nobody writes.
        assert!(
            self.there.with(|there| unsafe { *there }),
            "no IRP is cancelled that is freed"
        );
        self.cancelled.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
        self.take_over_if(self.custody.end_cancel())
    }

    /// As the completion routine.
    fn complete(&self) -> u32 {
        self.take_over_if(self.custody.completed())
    }

    fn take_over_if(&self, turn: Turn) -> u32 {
        if turn == Turn::Theirs {
            return 0;
        }
        // SAFETY: loom's cell has checked that nobody else is at it, and loom fails where the canceller's read may not be over.
        self.there.with_mut(|there| unsafe { *there = false });
        self.custody.release();
        1
    }
}

#[test]
fn an_own_irp_is_taken_over_once_and_never_freed_while_it_is_cancelled() {
    loom::model(|| {
        let irp = OwnIrp::new();
        assert!(irp.send());
        let completion = thread::spawn({
            let irp = Arc::clone(&irp);
            move || irp.complete()
        });
        let other = thread::spawn({
            let irp = Arc::clone(&irp);
            move || irp.cancel()
        });
        let own = irp.cancel();
        let taken_over = own + completion.join().expect("no panic") + other.join().expect("no panic");
        assert_eq!(taken_over, 1);
        assert!(irp.custody.claim(), "it was let go of");
    });
}

#[test]
fn an_irp_that_is_sent_while_its_device_goes_is_cancelled_or_not_sent() {
    loom::model(|| {
        let irp = OwnIrp::new();
        let sender = thread::spawn({
            let irp = Arc::clone(&irp);
            move || irp.send()
        });
        irp.custody.close();
        let early = irp.cancel();
        let sent = sender.join().expect("no panic");
        // The drivers below complete it because it is cancelled, and would not otherwise.
        let cancelled = irp.cancelled.load(loom::sync::atomic::Ordering::Relaxed) > 0;
        assert_eq!(sent, cancelled, "nobody waits for an IRP that was not cancelled");
        assert_eq!(early, 0, "it is not back before it was completed");
        assert!(!sent || irp.complete() == 1);
        assert!(!irp.custody.claim(), "no other is sent");
    });
}
