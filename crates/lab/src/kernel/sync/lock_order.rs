//! The order in which locks are acquired: a graph with an edge from each lock to those that were waited for while it was
//! held. Where the edges go round, contexts that run at the same time can each wait for the next for ever, whether or not
//! they ever did.
//!
//! An edge knows which other locks were held. Where two edges of a ring have one of these in common, no two contexts can
//! be at both of them at once, and the ring is none: the lock is the gate that only one context passes.
//!
//! Not here: what a lock is, and who holds it.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::io::irp::AddressMap;

/// The most edges that are kept. A driver that has more is not watched any further.
const EDGES_MAX: usize = 1 << 16;

/// The most steps that are taken to look for a ring whose edges have no lock in common.
const STEPS_MAX: u32 = 100_000;

/// That a lock was waited for while another was held.
struct Edge<E> {
    /// The other locks that were held, sorted: of each two sets none has the other in it.
    guards: Vec<Vec<usize>>,
    /// Where that was seen first.
    evidence: E,
}

/// The graph.
pub(super) struct LockOrder<E> {
    edges: AddressMap<BTreeMap<usize, Edge<E>>>,
    count: usize,
}

impl<E> Default for LockOrder<E> {
    fn default() -> Self {
        Self {
            edges: AddressMap::default(),
            count: 0,
        }
    }
}

impl<E> LockOrder<E> {
    /// Whether `wanted` was waited for before with `held` held, and no other locks than `guards`, which are sorted.
    pub(super) fn is_known(&self, held: usize, wanted: usize, guards: &[usize]) -> bool {
        let edge = self.edges.get(&held).and_then(|after| after.get(&wanted));
        edge.is_some_and(|edge| edge.guards.iter().any(|known| is_subset(known, guards)))
    }

    /// Notes that `wanted` is waited for with `held` held, and the locks in `guards`, which are sorted.
    pub(super) fn add(&mut self, held: usize, wanted: usize, guards: Vec<usize>, evidence: E) {
        if self.count >= EDGES_MAX {
            return;
        }
        let count = &mut self.count;
        let edge = self.edges.entry(held).or_default().entry(wanted).or_insert_with(|| {
            *count += 1;
            Edge {
                guards: Vec::new(),
                evidence,
            }
        });
        if !edge.guards.iter().any(|known| is_subset(known, &guards)) {
            edge.guards.retain(|known| !is_subset(&guards, known));
            edge.guards.push(guards);
        }
    }

    /// The locks on a way from `wanted` to `held`, both included, which with this edge from `held` to `wanted` is a ring.
    pub(super) fn ring(&self, held: usize, wanted: usize, guards: &[usize]) -> Option<Vec<usize>> {
        // Most of the time there is no way at all, which is soon seen.
        if !self.is_reachable(wanted, held) {
            return None;
        }
        let mut search = Search {
            order: self,
            target: held,
            way: vec![wanted],
            guards: guards.to_vec(),
            steps: 0,
        };
        search.go_on().then_some(search.way)
    }

    /// Where `wanted` was first waited for with `held` held.
    pub(super) fn evidence(&self, held: usize, wanted: usize) -> Option<&E> {
        let edge = self.edges.get(&held)?.get(&wanted)?;
        Some(&edge.evidence)
    }

    /// Forgets a lock. It stays the guard of the edges that it has guarded, which were not seen without it.
    pub(super) fn forget(&mut self, lock: usize) {
        self.edges.remove(&lock);
        for after in self.edges.values_mut() {
            after.remove(&lock);
        }
        self.count = self.edges.values().map(BTreeMap::len).sum();
    }

    fn is_reachable(&self, from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut left = vec![from];
        while let Some(lock) = left.pop() {
            if lock == to {
                return true;
            }
            let after = self.edges.get(&lock).into_iter().flat_map(BTreeMap::keys);
            left.extend(after.copied().filter(|&next| seen.insert(next)));
        }
        false
    }
}

/// A search for a way whose edges have no guard in common.
struct Search<'order, E> {
    order: &'order LockOrder<E>,
    target: usize,
    /// The locks passed so far.
    way: Vec<usize>,
    /// The guards of the edges passed so far.
    guards: Vec<usize>,
    steps: u32,
}

impl<E> Search<'_, E> {
    fn go_on(&mut self) -> bool {
        let Some(&lock) = self.way.last() else {
            return false;
        };
        if lock == self.target {
            return true;
        }
        let order = self.order;
        for (&next, edge) in order.edges.get(&lock).into_iter().flatten() {
            if self.way.contains(&next) {
                continue;
            }
            for guards in &edge.guards {
                self.steps += 1;
                if self.steps > STEPS_MAX {
                    return false;
                }
                if guards.iter().any(|guard| self.guards.contains(guard)) {
                    continue;
                }
                let before = self.guards.len();
                self.guards.extend(guards);
                self.way.push(next);
                if self.go_on() {
                    return true;
                }
                self.way.pop();
                self.guards.truncate(before);
            }
        }
        false
    }
}

/// Whether each of `few` is one of `many`.
fn is_subset(few: &[usize], many: &[usize]) -> bool {
    few.iter().all(|lock| many.binary_search(lock).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::random::Random;

    /// An edge as the reference keeps it: what was held, what was wanted, what else was held.
    type Seen = (usize, usize, Vec<usize>);

    /// Whether some choice of the edges makes a ring of different locks with no guard in common, by trying all.
    fn goes_round(seen: &[Seen], ring: &mut Vec<Seen>) -> bool {
        let closed = |ring: &[Seen]| {
            ring.last()
                .zip(ring.first())
                .is_some_and(|(last, first)| last.1 == first.0)
        };
        if closed(ring) {
            return true;
        }
        for edge in seen {
            let follows = ring.last().is_none_or(|last| last.1 == edge.0);
            let is_new = ring.iter().all(|passed| passed.0 != edge.0);
            let is_free = ring
                .iter()
                .all(|passed| passed.2.iter().all(|guard| !edge.2.contains(guard)));
            if follows && is_new && is_free {
                ring.push(edge.clone());
                if goes_round(seen, ring) {
                    return true;
                }
                ring.pop();
            }
        }
        false
    }

    #[test]
    fn a_ring_is_told_exactly_when_an_edge_closes_one() {
        let mut rings = 0;
        for seed in 0..3000 {
            let random = Random::new(seed, "locks");
            let locks = 2 + random.index(4);
            let mut order = LockOrder::default();
            let mut seen: Vec<Seen> = Vec::new();
            for _ in 0..12 {
                let (held, wanted) = (random.index(locks), random.index(locks));
                if held == wanted {
                    continue;
                }
                // Gates are sometimes locks of the graph and sometimes others.
                let mut guards: Vec<usize> = (0..locks + 2)
                    .filter(|&guard| guard != held && guard != wanted && random.chance(150))
                    .collect();
                guards.sort_unstable();
                let ring = order.ring(held, wanted, &guards);
                seen.push((held, wanted, guards.clone()));
                assert_eq!(
                    ring.is_some(),
                    goes_round(&seen, &mut Vec::new()),
                    "seed {seed}: {seen:?}"
                );
                if let Some(ring) = ring {
                    assert_eq!((ring.first(), ring.last()), (Some(&wanted), Some(&held)));
                    for pair in ring.windows(2) {
                        assert!(order.evidence(pair[0], pair[1]).is_some());
                    }
                    rings += 1;
                    break;
                }
                assert_eq!(
                    order.is_known(held, wanted, &guards),
                    seen[..seen.len() - 1]
                        .iter()
                        .any(|(h, w, g)| (*h, *w) == (held, wanted) && is_subset(g, &guards))
                );
                order.add(held, wanted, guards, ());
            }
        }
        assert!(
            (500..2900).contains(&rings),
            "{rings} rings: too few or too many to mean anything"
        );
    }

    #[test]
    fn a_lock_that_is_gone_is_in_no_ring() {
        let mut order = LockOrder::default();
        order.add(1, 2, vec![], ());
        order.add(2, 3, vec![7], ());
        assert_eq!(order.ring(3, 1, &[]), Some(vec![1, 2, 3]));
        assert_eq!(order.ring(3, 1, &[7]), None);
        order.forget(7);
        assert_eq!(order.ring(3, 1, &[7]), None, "it was a gate as long as it was there");
        order.forget(2);
        assert_eq!(order.ring(3, 1, &[]), None);
        assert_eq!(order.count, 0);
    }
}
