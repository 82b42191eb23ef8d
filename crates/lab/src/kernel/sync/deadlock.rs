//! Deadlock detection: who holds which spin lock, mutex, fast mutex or guarded mutex, and what Driver Verifier says of
//! that. Resources are not watched, there as here.
//!
//! Each lock is a lock of its own, known by its address, until its memory is freed or it is initialised again. That an
//! order was kept is told by [`LockOrder`]; only locks in pool and in images count for it, since those on stacks have
//! addresses that soon are another's. An attempt that does not wait, and a wait with a timeout, end by themselves: what
//! they acquire is held, but they were in nobody's way.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    ops::Range,
    rc::Rc,
};

use super::lock_order::LockOrder;
use crate::{
    kernel::{Machine, layout::fast_mutex, scheduler::Context},
    rules::{self, Rule},
    unwind,
};

/// How a lock is acquired, which says how it has to be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockKind {
    SpinLock,
    QueuedSpinLock,
    Mutex,
    FastMutex,
    FastMutexUnsafe,
    GuardedMutex,
    GuardedMutexUnsafe,
}

impl LockKind {
    /// What it is called, which is the same for each way to acquire the same kind of lock.
    fn name(self) -> &'static str {
        match self {
            Self::SpinLock => "spin lock",
            Self::QueuedSpinLock => "queued spin lock",
            Self::Mutex => "mutex",
            Self::FastMutex | Self::FastMutexUnsafe => "fast mutex",
            Self::GuardedMutex | Self::GuardedMutexUnsafe => "guarded mutex",
        }
    }

    /// Whether it is a FAST_MUTEX.
    fn has_event(self) -> bool {
        matches!(
            self,
            Self::FastMutex | Self::FastMutexUnsafe | Self::GuardedMutex | Self::GuardedMutexUnsafe
        )
    }
}

/// A place where a lock was acquired.
struct Place {
    frames: Vec<unwind::Frame>,
    routine: String,
    context: String,
}

/// A lock that a context holds.
struct Held {
    lock: usize,
    kind: LockKind,
    place: Rc<Place>,
}

/// Where two locks were acquired one after the other.
struct Evidence {
    first: Rc<Place>,
    second: Rc<Place>,
}

/// Every lock that was acquired.
#[derive(Default)]
pub(crate) struct Deadlocks {
    /// By the number of the context, what it holds, in the order in which it was acquired.
    held: RefCell<Vec<Vec<Held>>>,
    /// How many locks are held.
    held_count: Cell<usize>,
    /// How each was acquired first, by its address.
    kinds: RefCell<BTreeMap<usize, LockKind>>,
    order: RefCell<LockOrder<Evidence>>,
    /// Places by where the call returns to and how deep the stack is there: to unwind it each time would take too long.
    places: RefCell<HashMap<(usize, usize), Rc<Place>>>,
}

/// The most places that are kept at once.
const PLACES_MAX: usize = 4096;

impl Deadlocks {
    /// What a context holds.
    fn with_held<R>(&self, context: &Context, work: impl FnOnce(&mut Vec<Held>) -> R) -> R {
        let mut held = self.held.borrow_mut();
        let index = usize::from(context.id);
        if held.len() <= index {
            held.resize_with(index + 1, Vec::new);
        }
        work(&mut held[index])
    }

    /// Whether anyone holds a lock.
    fn is_held(&self, lock: usize) -> bool {
        self.held_count.get() > 0 && self.held.borrow().iter().flatten().any(|held| held.lock == lock)
    }

    /// The first lock in this memory that anyone holds.
    fn held_in(&self, memory: &Range<usize>) -> Option<(usize, LockKind)> {
        let held = self.held.borrow();
        let mut inside = held.iter().flatten().filter(|held| memory.contains(&held.lock));
        inside.next().map(|held| (held.lock, held.kind))
    }

    fn forget(&self, memory: Range<usize>) {
        let mut kinds = self.kinds.borrow_mut();
        let gone: Vec<usize> = kinds.range(memory).map(|(&lock, _)| lock).collect();
        for lock in gone {
            kinds.remove(&lock);
            self.order.borrow_mut().forget(lock);
        }
    }
}

impl Machine {
    /// The running context is about to acquire a lock, and waits for it where `waits` says so.
    pub(crate) fn lock_wanted(&self, lock: usize, kind: LockKind, waits: bool) {
        let context = self.current();
        let known = self.deadlocks.kinds.borrow().get(&lock).copied();
        if let Some(known) = known
            && known.name() != kind.name()
        {
            self.violation(
                &rules::LOCK_ACQUIRED_AS_OTHER_KIND,
                &format!(
                    "the lock at {lock:#x}, which was acquired as a {}, is acquired as a {}",
                    known.name(),
                    kind.name()
                ),
            );
        }
        if self.deadlocks.held_count.get() == 0 {
            return;
        }
        let held = self
            .deadlocks
            .with_held(context, |held| held.iter().map(|held| held.lock).collect::<Vec<_>>());
        if held.contains(&lock) && waits {
            self.violation(
                &rules::LOCK_ACQUIRED_AGAIN,
                &format!(
                    "the {} at {lock:#x} is acquired by who holds it: it waits for itself for ever",
                    kind.name()
                ),
            );
        }
        if waits && self.stays_where_it_is(lock) {
            for &before in held.iter().filter(|&&before| self.stays_where_it_is(before)) {
                self.note_order(context, before, lock, &held);
            }
        }
    }

    /// The running context has acquired a lock.
    pub(crate) fn lock_acquired(&self, lock: usize, kind: LockKind) {
        let context = self.current();
        self.deadlocks.kinds.borrow_mut().entry(lock).or_insert(kind);
        let place = self.place_of_call(context);
        self.deadlocks
            .with_held(context, |held| held.push(Held { lock, kind, place }));
        self.deadlocks.held_count.set(self.deadlocks.held_count.get() + 1);
    }

    /// The running context releases a lock: it holds it, acquired it in the same way, and acquired no other since.
    pub(crate) fn lock_released(&self, lock: usize, kind: LockKind) {
        let context = self.current();
        let found = self.deadlocks.with_held(context, |held| {
            let index = held.iter().rposition(|held| held.lock == lock)?;
            let last = held.last().map(|last| (last.lock, last.kind));
            Some((held.remove(index).kind, last))
        });
        let Some((acquired, last)) = found else {
            self.released_unheld(lock, kind);
        };
        self.deadlocks.held_count.set(self.deadlocks.held_count.get() - 1);
        if acquired != kind {
            self.violation(
                &rules::LOCK_RELEASED_AS_OTHER_KIND,
                &format!(
                    "the {} at {lock:#x} was acquired with another function than it is released with",
                    acquired.name()
                ),
            );
        }
        if let Some((last, last_kind)) = last
            && last != lock
        {
            self.warning(
                self.current_irp().as_ref(),
                &rules::LOCK_RELEASED_OUT_OF_ORDER,
                &format!(
                    "the {} at {lock:#x} is released before the {} at {last:#x}, which was acquired after it",
                    kind.name(),
                    last_kind.name()
                ),
            );
        }
    }

    /// The running context releases what it does not hold.
    fn released_unheld(&self, lock: usize, kind: LockKind) -> ! {
        let (rule, what): (&Rule, _) = if self.deadlocks.is_held(lock) {
            (&rules::LOCK_RELEASED_BY_OTHER, "somebody else holds")
        } else {
            (&rules::LOCK_NOT_ACQUIRED, "nobody holds")
        };
        self.violation(
            rule,
            &format!("the {} at {lock:#x} is released, which {what}", kind.name()),
        )
    }

    /// Whether the running context holds a lock.
    pub(crate) fn holds_lock(&self, lock: usize) -> bool {
        self.deadlocks
            .with_held(self.current(), |held| held.iter().any(|held| held.lock == lock))
    }

    /// A lock is initialised: whatever was known of it is of another lock.
    pub(crate) fn lock_initialised(&self, lock: usize) {
        if self.deadlocks.is_held(lock) {
            self.violation(
                &rules::LOCK_INITIALISED_AGAIN,
                &format!("the lock at {lock:#x} is initialised while it is held"),
            );
        }
        self.deadlocks.forget(lock..lock.saturating_add(1));
    }

    /// An event is initialised. Where the initialisation of a fast mutex was inlined into the driver, that of the event
    /// in it is what is seen.
    pub(crate) fn lock_of_event_initialised(&self, event: usize) {
        let mutex = event.wrapping_sub(fast_mutex::EVENT.address(0));
        let kind = self.deadlocks.kinds.borrow().get(&mutex).copied();
        if kind.is_some_and(LockKind::has_event) {
            self.lock_initialised(mutex);
        }
    }

    /// Memory is about to be freed: no lock in it may be held, and none of them is there any more.
    pub(crate) fn locks_freed(&self, memory: &Range<usize>) {
        if self.deadlocks.held_count.get() > 0
            && let Some((lock, kind)) = self.deadlocks.held_in(memory)
        {
            self.violation(
                &rules::HELD_LOCK_FREED,
                &format!(
                    "freeing a pool block of {} bytes in which a {}, at offset {:#x}, is held",
                    memory.len(),
                    kind.name(),
                    lock - memory.start
                ),
            );
        }
        self.deadlocks.forget(memory.clone());
    }

    /// A pool block is put into a list, most likely a lookaside list: its locks will be others when it is taken out.
    pub(crate) fn locks_put_away(&self, address: usize) {
        if !self.any_lock_from(address) {
            return;
        }
        let block = self.pool.borrow().block_at(address);
        if let Some(block) = block.filter(|block| block.address == address) {
            self.deadlocks.forget(block.address..block.address + block.bytes);
        }
    }

    /// Whether a lock may be at this address or behind it.
    pub(crate) fn any_lock_from(&self, address: usize) -> bool {
        self.deadlocks.kinds.borrow().range(address..).next().is_some()
    }

    /// A thread of the driver's is over.
    pub(crate) fn check_locks_at_thread_end(&self) {
        let held = self.deadlocks.with_held(self.current(), |held| {
            held.last().map(|held| (held.lock, held.kind, held.place.clone()))
        });
        if let Some((lock, kind, place)) = held {
            let lines = self.told("it was acquired by", &place);
            self.violation_with(
                &rules::THREAD_ENDED_WITH_LOCK,
                &format!("a thread ends that holds the {} at {lock:#x}", kind.name()),
                lines,
            );
        }
    }

    /// Whether a lock is where memory is not soon another's: in pool or in an image.
    fn stays_where_it_is(&self, lock: usize) -> bool {
        let in_image = || {
            self.driver
                .borrow()
                .as_ref()
                .is_some_and(|driver| driver.image.relative(lock).is_some())
        };
        self.pool.borrow().arena().contains(&lock) || in_image()
    }

    /// `wanted` is waited for with `held` held.
    fn note_order(&self, context: &Context, held: usize, wanted: usize, all: &[usize]) {
        let mut guards: Vec<usize> = all.iter().copied().filter(|&lock| lock != held).collect();
        guards.sort_unstable();
        if self.deadlocks.order.borrow().is_known(held, wanted, &guards) {
            return;
        }
        let first = self.deadlocks.with_held(context, |locks| {
            locks
                .iter()
                .find(|lock| lock.lock == held)
                .map(|lock| lock.place.clone())
        });
        let Some(first) = first else {
            return;
        };
        let second = self.place_of_call(context);
        let ring = self.deadlocks.order.borrow().ring(held, wanted, &guards);
        let evidence = Evidence { first, second };
        if let Some(ring) = ring {
            self.hierarchy_violated(&ring, &evidence);
        }
        self.deadlocks.order.borrow_mut().add(held, wanted, guards, evidence);
    }

    fn hierarchy_violated(&self, ring: &[usize], now: &Evidence) -> ! {
        let kinds = self.deadlocks.kinds.borrow();
        let name = |lock: usize| {
            let kind = kinds.get(&lock).map_or("lock", |kind| kind.name());
            format!("the {kind} at {lock:#x}")
        };
        let (Some(&wanted), Some(&held)) = (ring.first(), ring.last()) else {
            self.cannot("the lab found a ring of no locks");
        };
        let message = format!(
            "{} is waited for with {} held, and in another place they are acquired the other way round",
            name(wanted),
            name(held)
        );
        let mut lines = vec!["the locks, as they are acquired here:".to_owned()];
        lines.extend(self.told(&format!("{} was acquired by", name(held)), &now.first));
        lines.extend(self.told(&format!("{} is wanted by", name(wanted)), &now.second));
        let order = self.deadlocks.order.borrow();
        for pair in ring.windows(2) {
            if let Some(evidence) = order.evidence(pair[0], pair[1]) {
                lines.push("and as they were acquired before:".to_owned());
                lines.extend(self.told(&format!("{} was acquired by", name(pair[0])), &evidence.first));
                lines.extend(self.told(&format!("{} then by", name(pair[1])), &evidence.second));
            }
        }
        drop((kinds, order));
        self.violation_with(&rules::LOCK_HIERARCHY, &message, lines)
    }

    /// The lines of a report on a place.
    fn told(&self, what: &str, place: &Place) -> Vec<String> {
        let driver = self.loaded();
        let frames = place
            .frames
            .iter()
            .map(|frame| format!("  {}", frame.display(&driver.symbols)));
        let end = format!("  -- {}, {}", place.routine, place.context);
        std::iter::once(what.to_owned()).chain(frames).chain([end]).collect()
    }

    /// Where the running context is.
    ///
    /// Of calls that return to the same place at the same depth of the stack the first is taken for all of them.
    fn place_of_call(&self, context: &Context) -> Rc<Place> {
        let frame = context.frame.get();
        let key = frame.map_or((0, 0), |frame| {
            let top = context.kernel_stack().end;
            (frame.return_address(), top.wrapping_sub(frame.address()))
        });
        if let Some(place) = self.deadlocks.places.borrow().get(&key) {
            return place.clone();
        }
        let routine = context.activations.borrow().last().map_or_else(
            || "no routine of the driver".to_owned(),
            |activation| activation.routine.kind(),
        );
        let place = Rc::new(Place {
            frames: frame.map_or_else(Vec::new, |frame| self.frames_of_call(context, frame)),
            routine,
            context: context.name.clone(),
        });
        let mut places = self.deadlocks.places.borrow_mut();
        if places.len() < PLACES_MAX {
            places.insert(key, place.clone());
        }
        place
    }
}
