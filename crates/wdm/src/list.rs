//! A doubly linked list through nodes that stand in other structures, as the kernel's LIST_ENTRY is.
//!
//! It has no lock, and knows nothing of what the nodes stand in; and it is free of the kernel, so that a host can test it.

use core::{mem::offset_of, ptr};

/// A LIST_ENTRY: the node of a list, or its head.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Node {
    next: *mut Node,
    previous: *mut Node,
}

impl Node {
    /// Where a node has the one behind it.
    pub(crate) const NEXT: usize = offset_of!(Self, next);
    /// Where a node has the one before it.
    pub(crate) const PREVIOUS: usize = offset_of!(Self, previous);
}

/// The head of a list: a node that is linked with the first and the last of it, and with itself where it is empty.
///
/// # Invariants
///
/// From [`initialise`](Self::initialise) on the head does not move, and every node of the list is there and linked with its
/// neighbours.
#[derive(Debug)]
pub(crate) struct List {
    head: Node,
}

impl List {
    /// A head that is not in use yet.
    pub(crate) const fn new() -> Self {
        Self {
            head: Node {
                next: ptr::null_mut(),
                previous: ptr::null_mut(),
            },
        }
    }

    /// Makes an empty list of it.
    ///
    /// # Safety
    ///
    /// `this` stays where it is for as long as the list is used, and is used by one thread at a time, here and in the other
    /// functions.
    pub(crate) unsafe fn initialise(this: *mut Self) {
        let head = Self::head(this);
        // SAFETY: the caller promises that the list is there.
        unsafe {
            head.write(Node {
                next: head,
                previous: head,
            });
        };
    }

    const fn head(this: *mut Self) -> *mut Node {
        this.wrapping_byte_add(offset_of!(Self, head)).cast()
    }

    /// Puts `node` behind `after`, or before all others where that is `None`.
    ///
    /// # Safety
    ///
    /// The list is initialised, and `after` is in it. `node` is in no list, and stays where it is until it has been taken out.
    pub(crate) unsafe fn insert(this: *mut Self, after: Option<*mut Node>, node: *mut Node) {
        let before = after.unwrap_or(Self::head(this));
        // SAFETY: a node of the list, or its head.
        let behind = unsafe { (*before).next };
        // SAFETY: the caller gives the node to the list.
        unsafe {
            node.write(Node {
                next: behind,
                previous: before,
            });
        };
        // SAFETY: as above.
        unsafe { (*before).next = node };
        // SAFETY: as above.
        unsafe { (*behind).previous = node };
    }

    /// The node before `node`, or the last one where that is `None`.
    ///
    /// # Safety
    ///
    /// The list is initialised, and `node` is in it.
    pub(crate) unsafe fn previous(this: *const Self, node: Option<*mut Node>) -> Option<*mut Node> {
        let head = Self::head(this.cast_mut());
        // SAFETY: a node of the list, or its head.
        let previous = unsafe { (*node.unwrap_or(head)).previous };
        (previous != head).then_some(previous)
    }

    /// The node behind `node`, or the first one where that is `None`.
    ///
    /// # Safety
    ///
    /// The list is initialised, and `node` is in it.
    pub(crate) unsafe fn next(this: *const Self, node: Option<*mut Node>) -> Option<*mut Node> {
        let head = Self::head(this.cast_mut());
        // SAFETY: a node of the list, or its head.
        let next = unsafe { (*node.unwrap_or(head)).next };
        (next != head).then_some(next)
    }

    /// Takes `node` out of the list that it is in.
    ///
    /// # Safety
    ///
    /// It is in one, of which the caller has the use.
    pub(crate) unsafe fn remove(node: *mut Node) {
        // SAFETY: the caller promises that it is there.
        let Node { next, previous } = unsafe { node.read() };
        // SAFETY: its neighbours are nodes of the list, or its head.
        unsafe { (*previous).next = next };
        // SAFETY: as above.
        unsafe { (*next).previous = previous };
    }
}
