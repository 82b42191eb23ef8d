//! How a driver asks for pool and gives it back: what may be wrong with the call, whatever the block is like.
//!
//! Not here: blocks that are written over, freed twice or leaked, which the pool itself finds, and the IRQL of an
//! allocation, which is in the table of IRQLs.

use super::{
    Machine,
    scheduler::{APC_LEVEL, DISPATCH_LEVEL},
};
use crate::rules;

impl Machine {
    /// The driver asks for `bytes` of pool.
    pub(crate) fn check_pool_request(&self, call: &str, bytes: usize) {
        if bytes == 0 {
            self.violation(&rules::NOTHING_ALLOCATED, &format!("{call} for no byte"));
        }
    }

    /// The driver frees what it says is a block at `address`.
    pub(crate) fn check_pool_free(&self, address: usize) {
        let irql = self.irql();
        if irql > DISPATCH_LEVEL {
            self.violation(
                &rules::POOL_FREED_ABOVE_DISPATCH,
                &format!("a pool block is freed at IRQL {irql}"),
            );
        }
        if irql > APC_LEVEL && self.mdls.is_paged(address) {
            self.violation(
                &rules::PAGED_POOL_FREED_ABOVE_APC,
                &format!("a block of paged pool is freed at IRQL {irql}"),
            );
        }
    }
}
