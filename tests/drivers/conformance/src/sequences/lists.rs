//! Interlocked lists, and pool.

use crate::{
    check::Check,
    kernel::{
        ExInterlockedInsertHeadList, ExInterlockedInsertTailList, ExInterlockedRemoveHeadList, ExQueryDepthSList,
        ExpInterlockedFlushSList, ExpInterlockedPopEntrySList, ExpInterlockedPushEntrySList, InitializeSListHead,
        Object, SListHeader, SpinLock,
    },
    layers::Stack,
    objects::{Field, NULL},
    threads,
};

/// The lock, the head of a list, and its entries, in nonpaged pool.
const LOCK: Field<SpinLock> = Field::at(0x00);
const HEAD: Field<[Object; 2]> = Field::at(0x10);
const SINGLE_HEAD: Field<SListHeader> = Field::at(0x20);
const ENTRIES: [Field<[Object; 2]>; 3] = [Field::at(0x30), Field::at(0x40), Field::at(0x50)];
const BYTES: usize = 0x60;

const PAGE_BYTES: usize = 0x1000;

/// Where an entry of a list leads to.
const NEXT: Field<Object> = Field::at(0);

fn with_memory(check: &mut Check, work: impl FnOnce(&mut Check, Object, [Object; 3])) {
    if let Some(block) = check.have(c"pool", threads::allocate(BYTES)) {
        let entries = ENTRIES.map(|entry| entry.place(block).cast());
        work(check, block, entries);
        threads::free(block);
    }
}

pub(super) fn an_interlocked_list_tells_what_was_first_or_last(check: &mut Check, _stack: Stack) {
    with_memory(check, |check, block, [first, second, third]| {
        let head: Object = HEAD.place(block).cast();
        let lock = LOCK.place(block);
        HEAD.set(block, [head, head]);
        let remove = || ExInterlockedRemoveHeadList(head, lock);
        check.equal(c"removed from an empty list", NULL, remove());
        check.equal(c"first before", NULL, ExInterlockedInsertHeadList(head, second, lock));
        check.equal(c"first before", second, ExInterlockedInsertHeadList(head, first, lock));
        check.equal(c"last before", second, ExInterlockedInsertTailList(head, third, lock));
        for entry in [first, second, third] {
            check.equal(c"removed", entry, remove());
        }
        check.equal(c"removed from an empty list", NULL, remove());
        check.equal(
            c"last before, in an empty list",
            NULL,
            ExInterlockedInsertTailList(head, first, lock),
        );
        check.equal(c"removed", first, remove());
    });
}

pub(super) fn a_sequenced_list_gives_back_the_last_first(check: &mut Check, _stack: Stack) {
    with_memory(check, |check, block, entries| {
        let head: Object = SINGLE_HEAD.place(block).cast();
        InitializeSListHead(head);
        let mut before = NULL;
        for (entry, depth) in entries.into_iter().zip(1..) {
            check.equal(c"first before", before, ExpInterlockedPushEntrySList(head, entry));
            check.equal(c"ExQueryDepthSList", depth, ExQueryDepthSList(head));
            before = entry;
        }
        for entry in entries.into_iter().rev() {
            check.equal(c"popped", entry, ExpInterlockedPopEntrySList(head));
        }
        check.equal(c"popped from an empty list", NULL, ExpInterlockedPopEntrySList(head));
        check.equal(c"ExQueryDepthSList", 0, ExQueryDepthSList(head));
    });
}

pub(super) fn flushing_a_sequenced_list_gives_back_all(check: &mut Check, _stack: Stack) {
    with_memory(check, |check, block, [first, second, _]| {
        let head: Object = SINGLE_HEAD.place(block).cast();
        InitializeSListHead(head);
        ExpInterlockedPushEntrySList(head, first);
        ExpInterlockedPushEntrySList(head, second);
        check.equal(c"first of what was flushed", second, ExpInterlockedFlushSList(head));
        check.equal(c"next of it", first, NEXT.of(second));
        check.equal(c"end of it", NULL, NEXT.of(first));
        check.equal(c"ExQueryDepthSList", 0, ExQueryDepthSList(head));
    });
}

pub(super) fn pool_is_zeroed_and_aligned(check: &mut Check, _stack: Stack) {
    for bytes in [1_usize, 16, 100, PAGE_BYTES, PAGE_BYTES.wrapping_mul(2)] {
        let Some(block) = check.have(c"pool", threads::allocate(bytes)) else {
            return;
        };
        let alignment = if bytes >= PAGE_BYTES { PAGE_BYTES } else { 16 };
        check.equal(
            c"address beyond the alignment",
            0,
            block.addr() & alignment.wrapping_sub(1),
        );
        let byte: Field<u8> = Field::at(0);
        let last = block.wrapping_byte_add(bytes.wrapping_sub(1));
        check.equal(c"first byte", 0, byte.of(block));
        check.equal(c"last byte", 0, byte.of(last));
        threads::free(block);
    }
}
