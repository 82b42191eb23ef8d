//! Lists that processors share: singly linked with a depth, doubly linked under a spin lock, and lookaside lists.
//!
//! The code that allocates from a lookaside list is inlined into drivers; only what it calls is here.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{Machine, layout::lookaside},
};

/// How many entries a lookaside list keeps, as Windows begins with.
const LOOKASIDE_DEPTH: u16 = 4;
const LOOKASIDE_DEPTH_MAX: u16 = 256;

pub(super) const EXPORTS: &[Export] = &[
    export("InitializeSListHead", initialise_head),
    export("ExInitializeSListHead", initialise_head),
    export("ExpInterlockedPushEntrySList", push),
    export("ExInterlockedPushEntrySList", push),
    export("InterlockedPushEntrySList", push),
    export("ExpInterlockedPopEntrySList", |call| pop(call.pointer(0))),
    export("ExInterlockedPopEntrySList", |call| pop(call.pointer(0))),
    export("InterlockedPopEntrySList", |call| pop(call.pointer(0))),
    export("ExpInterlockedFlushSList", flush),
    export("ExInterlockedFlushSList", flush),
    export("ExQueryDepthSList", |call| {
        usize::from(guest::read::<u16>(call.pointer(0)))
    }),
    export("FirstEntrySList", |call| first(call.pointer(0))),
    export("ExInterlockedInsertHeadList", |call| {
        let head = call.pointer(0);
        call.machine.note_interlocked_insert(call.pointer(1));
        let next = guest::read::<usize>(head);
        insert_between(call.pointer(1), head, next);
        if next == head { 0 } else { next }
    }),
    export("ExInterlockedInsertTailList", |call| {
        let head = call.pointer(0);
        call.machine.note_interlocked_insert(call.pointer(1));
        let last = guest::read::<usize>(head.wrapping_add(8));
        insert_between(call.pointer(1), last, head);
        if last == head { 0 } else { last }
    }),
    export("ExInterlockedRemoveHeadList", |call| {
        let head = call.pointer(0);
        let entry = guest::read::<usize>(head);
        if entry == head {
            return 0;
        }
        let next = guest::read::<usize>(entry);
        guest::write(head, next);
        guest::write(next.wrapping_add(8), head);
        entry
    }),
    // A SINGLE_LIST_ENTRY under a spin lock has a pointer for a head.
    export("ExInterlockedPushEntryList", |call| {
        let (head, entry) = (call.pointer(0), call.pointer(1));
        call.machine.note_interlocked_insert(entry);
        let next = guest::read::<usize>(head);
        guest::write(entry, next);
        guest::write(head, entry);
        next
    }),
    export("ExInterlockedPopEntryList", |call| {
        let entry = guest::read::<usize>(call.pointer(0));
        if entry != 0 {
            guest::write(call.pointer(0), guest::read::<usize>(entry));
        }
        entry
    }),
    export("ExInterlockedAddUlong", |call| {
        let old = guest::read::<u32>(call.pointer(0));
        guest::write(call.pointer(0), old.wrapping_add(call.u32(1)));
        old as usize
    }),
    export("ExInterlockedAddLargeInteger", |call| {
        let old = guest::read::<u64>(call.pointer(0));
        guest::write(call.pointer(0), old.wrapping_add(call.pointer(1) as u64));
        old as usize
    }),
    export("ExInitializeNPagedLookasideList", initialise_lookaside),
    export("ExInitializePagedLookasideList", initialise_lookaside),
    export("ExDeleteNPagedLookasideList", |call| {
        delete_lookaside(call);
        0
    }),
    export("ExDeletePagedLookasideList", |call| {
        delete_lookaside(call);
        0
    }),
    export("ExInitializeLookasideListEx", |call| {
        let (list, allocate, free) = (call.pointer(0), call.pointer(1), call.pointer(2));
        let pool_type = call.u32(3);
        make_lookaside(
            call.machine,
            list,
            allocate,
            free,
            pool_type,
            call.pointer(5),
            call.u32(6),
        );
        0
    }),
    export("ExDeleteLookasideListEx", |call| {
        delete_lookaside(call);
        0
    }),
    export("ExFlushLookasideListEx", |call| {
        empty_lookaside(call);
        0
    }),
];

// An SLIST_HEADER is a depth of 16 bits and a sequence number of 48, then the first entry, whose low four bits mark the
// header's kind.

fn initialise_head(call: &Call) -> usize {
    guest::zero(call.pointer(0), 16);
    0
}

fn first(head: usize) -> usize {
    guest::read::<usize>(head.wrapping_add(8)) & !15
}

fn set_first(head: usize, entry: usize, depth: u16) {
    let sequence = (guest::read::<u64>(head) >> 16).wrapping_add(1);
    guest::write(head, sequence << 16 | u64::from(depth));
    guest::write(head.wrapping_add(8), entry | 2);
}

fn push(call: &Call) -> usize {
    let (head, entry) = (call.pointer(0), call.pointer(1));
    call.machine.locks_put_away(entry);
    let old = first(head);
    let depth = guest::read::<u16>(head);
    guest::write(entry, old);
    set_first(head, entry, depth.wrapping_add(1));
    old
}

fn pop(head: usize) -> usize {
    let entry = first(head);
    if entry != 0 {
        let depth = guest::read::<u16>(head);
        set_first(head, guest::read::<usize>(entry), depth.wrapping_sub(1));
    }
    entry
}

fn flush(call: &Call) -> usize {
    let head = call.pointer(0);
    let entry = first(head);
    set_first(head, 0, 0);
    entry
}

fn insert_between(entry: usize, before: usize, after: usize) {
    guest::write(entry, after);
    guest::write(entry.wrapping_add(8), before);
    guest::write(before, entry);
    guest::write(after.wrapping_add(8), entry);
}

fn initialise_lookaside(call: &Call) -> usize {
    let (list, allocate, free) = (call.pointer(0), call.pointer(1), call.pointer(2));
    make_lookaside(call.machine, list, allocate, free, 0, call.pointer(4), call.u32(5));
    0
}

fn make_lookaside(machine: &Machine, list: usize, allocate: usize, free: usize, pool_type: u32, size: usize, tag: u32) {
    guest::zero(list, lookaside::BYTES);
    lookaside::DEPTH.set(list, LOOKASIDE_DEPTH);
    lookaside::MAXIMUM_DEPTH.set(list, LOOKASIDE_DEPTH_MAX);
    lookaside::POOL_TYPE.set(list, pool_type);
    lookaside::TAG.set(list, tag);
    lookaside::SIZE.set(list, u32::try_from(size).unwrap_or(u32::MAX));
    let or_pool = |given: usize, name| if given == 0 { machine.exported(name) } else { given };
    lookaside::ALLOCATE.set(list, or_pool(allocate, "ExAllocatePoolWithTag"));
    lookaside::FREE.set(list, or_pool(free, "ExFreePool"));
}

/// Frees what a list keeps, by the routine that the driver gave for it.
fn empty_lookaside(call: &Call) {
    let list = call.pointer(0);
    let routine = lookaside::FREE.get(list);
    loop {
        let entry = pop(list);
        if entry == 0 {
            return;
        }
        if routine == call.machine.exported("ExFreePool") {
            call.machine.free_pool(entry, call.site());
        } else {
            call.machine
                .call_callback("free routine of a lookaside list", routine, &[entry, list]);
        }
    }
}

fn delete_lookaside(call: &Call) {
    empty_lookaside(call);
    guest::zero(call.pointer(0), lookaside::BYTES);
}
