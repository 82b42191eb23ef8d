//! The list that IRPs of a queue are linked by, on the host: every short sequence of what can be done with it, compared with a
//! vector.

// A copy of this module, since the library has none off Windows, and keeps it to itself on it.
#[path = "../src/list.rs"]
mod list;

use std::mem::MaybeUninit;

use list::{List, Node};

/// How many nodes there are to put in.
const NODES: usize = 3;

/// How many steps a sequence has.
const STEPS: u32 = 6;

/// The nodes of the list, from the first on, and as they are found from the last on.
fn contents(list: *const List) -> Vec<*mut Node> {
    let (mut next, mut previous) = (None, None);
    let forwards = std::iter::from_fn(|| {
        // SAFETY: the list is initialised, and each node is in it.
        next = unsafe { List::next(list, next) };
        next
    });
    let forwards: Vec<_> = forwards.collect();
    let backwards = std::iter::from_fn(|| {
        // SAFETY: as above.
        previous = unsafe { List::previous(list, previous) };
        previous
    });
    let mut backwards: Vec<_> = backwards.collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    forwards
}

#[test]
fn it_has_what_was_put_in_and_not_taken_out_in_its_order() {
    // A step is a node and a place: put in there where it is not in the list, else taken out, from wherever it is.
    const CHOICES: usize = NODES * NODES;
    for sequence in 0..CHOICES.pow(STEPS) {
        let mut list = List::new();
        let list = &raw mut list;
        // SAFETY: it stays where it is until the end of this round.
        unsafe { List::initialise(list) };
        let mut places = [const { MaybeUninit::<Node>::uninit() }; NODES];
        let nodes = places.each_mut().map(MaybeUninit::as_mut_ptr);
        let mut expected = Vec::new();
        for step in 0..STEPS {
            let choice = sequence / CHOICES.pow(step) % CHOICES;
            let (node, place) = (nodes[choice % NODES], choice / NODES);
            if let Some(found) = expected.iter().position(|&other| other == node) {
                expected.remove(found);
                // SAFETY: it is in the list.
                unsafe { List::remove(node) };
            } else {
                let place = place.min(expected.len());
                let after = place.checked_sub(1).map(|before| expected[before]);
                expected.insert(place, node);
                // SAFETY: it is in no list, and stays where it is; the other is in this one.
                unsafe { List::insert(list, after, node) };
            }
            assert_eq!(contents(list), expected, "sequence {sequence}, step {step}");
        }
    }
}

#[test]
fn a_node_is_linked_as_the_kernel_links_a_list_entry() {
    // Its first pointer is the next one's, its second the previous one's.
    assert_eq!((Node::NEXT, Node::PREVIOUS), (0, size_of::<usize>()));
}
