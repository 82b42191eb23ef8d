//! How a driver asks for pool and gives it back: what may be wrong with the call, whatever the block is like.
//!
//! Not here: blocks that are written over, freed twice or leaked, which the pool itself finds, and the IRQL of an
//! allocation, which is in the table of IRQLs.

use std::{cell::RefCell, collections::BTreeSet};

use super::{
    Machine,
    scheduler::{APC_LEVEL, DISPATCH_LEVEL},
};
use crate::rules;

/// What is known of the driver's blocks besides what the pool knows.
#[derive(Default)]
pub(crate) struct PoolUse {
    /// The blocks of paged pool.
    paged: RefCell<BTreeSet<usize>>,
}

impl PoolUse {
    /// A block was allocated from paged pool.
    pub(crate) fn note_paged(&self, block: usize) {
        self.paged.borrow_mut().insert(block);
    }
}

impl Machine {
    /// The driver asks for `bytes` of pool.
    pub(crate) fn check_pool_request(&self, call: &str, bytes: usize) {
        if bytes == 0 {
            self.violation(&rules::NOTHING_ALLOCATED, &format!("{call} for no byte"));
        }
    }

    /// The driver frees what it says is a block at `address`.
    pub(crate) fn check_pool_free(&self, address: usize) {
        if let Some(record) = self.irps.get(address)
            && !record.freed.get()
        {
            self.violation_about(
                Some(&record),
                &rules::IRP_FREED_AS_POOL,
                "ExFreePool with an IRP, which IoFreeIrp frees",
            );
        }
        let irql = self.irql();
        if irql > DISPATCH_LEVEL {
            self.violation(
                &rules::POOL_FREED_ABOVE_DISPATCH,
                &format!("a pool block is freed at IRQL {irql}"),
            );
        }
        if self.pool_use.paged.borrow_mut().remove(&address) && irql > APC_LEVEL {
            self.violation(
                &rules::PAGED_POOL_FREED_ABOVE_APC,
                &format!("a block of paged pool is freed at IRQL {irql}"),
            );
        }
    }
}
