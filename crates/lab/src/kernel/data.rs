//! What the kernel itself has in the memory that drivers see.

use super::scheduler::Context;
use crate::{
    guest,
    pool::{Contents, Owner, Pool},
};

const TAG: u32 = u32::from_le_bytes(*b"Kern");

/// One page for each, which nobody frees.
fn page(pool: &mut Pool) -> usize {
    pool.allocate(4096, TAG, Owner::Kernel, 0, Contents::Zeroed)
        .expect("a new pool has room for a page")
}

/// The kernel's variables.
pub(crate) struct KernelData {
    page: usize,
}

impl KernelData {
    pub(crate) fn new(pool: &mut Pool) -> Self {
        Self { page: page(pool) }
    }

    /// The cancel spin lock.
    pub(crate) fn cancel_spin_lock(&self) -> usize {
        self.page
    }

    /// KeNumberProcessors.
    pub(crate) fn number_of_processors(&self) -> usize {
        self.page + 0x40
    }

    /// KdDebuggerEnabled: no debugger is there.
    pub(crate) fn debugger_enabled(&self) -> usize {
        self.page + 0x41
    }

    /// KdDebuggerNotPresent.
    pub(crate) fn debugger_not_present(&self) -> usize {
        guest::write(self.page + 0x42, 1_u8);
        self.page + 0x42
    }

    /// InitSafeBootMode: the machine was started as usual.
    pub(crate) fn safe_boot_mode(&self) -> usize {
        self.page + 0x44
    }

    /// What PsInitialSystemProcess and its like point to: objects that drivers pass on and never look into.
    pub(crate) fn opaque_object(&self) -> usize {
        self.page + 0x100
    }
}

/// What code that was inlined into a driver reads through GS: the KPCR.
///
/// There is one, and its fields are those of whichever processor runs.
pub(crate) struct ProcessorData {
    pcr: usize,
    threads: usize,
}

/// KPCR.Self, KPCR.CurrentPrcb, and in the KPRCB that begins at 0x180 CurrentThread and Number.
mod pcr {
    pub(super) const SELF: usize = 0x18;
    pub(super) const CURRENT_PRCB: usize = 0x20;
    pub(super) const PRCB: usize = 0x180;
    pub(super) const CURRENT_THREAD: usize = 0x188;
    pub(super) const NUMBER: usize = 0x1A4;
}

/// The size of what stands for a thread object, which drivers pass on and never look into.
const THREAD_BYTES: usize = 16;

impl ProcessorData {
    pub(crate) fn new(pool: &mut Pool) -> Self {
        let pcr = page(pool);
        guest::write(pcr + pcr::SELF, pcr);
        guest::write(pcr + pcr::CURRENT_PRCB, pcr + pcr::PRCB);
        Self {
            pcr,
            threads: page(pool),
        }
    }

    /// The address that GS has.
    pub(crate) fn address(&self) -> usize {
        self.pcr
    }

    /// What stands for the thread object of a context.
    pub(crate) fn thread(&self, context: &Context) -> usize {
        self.threads + usize::from(context.id % 256) * THREAD_BYTES
    }

    /// Shows the context that runs.
    pub(crate) fn set_current(&self, context: &Context) {
        guest::write(self.pcr + pcr::CURRENT_THREAD, self.thread(context));
        let number = u32::try_from(context.processor.get()).unwrap_or_default();
        guest::write(self.pcr + pcr::NUMBER, number);
    }
}
