//! What the kernel itself has in the memory that drivers see.

use super::{clock::Clock, scheduler::Context};
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
    shared: usize,
}

/// The fields of KUSER_SHARED_DATA that have a value here.
mod shared {
    pub(super) const TICK_COUNT_MULTIPLIER: usize = 0x4;
    pub(super) const INTERRUPT_TIME: usize = 0x8;
    pub(super) const SYSTEM_TIME: usize = 0x14;
    pub(super) const BUILD_NUMBER: usize = 0x260;
    pub(super) const PRODUCT_TYPE: usize = 0x264;
    pub(super) const MAJOR_VERSION: usize = 0x26C;
    pub(super) const TICK_COUNT: usize = 0x320;
    pub(super) const PROCESSOR_COUNT: usize = 0x3C0;
}

/// The version of Windows that drivers are told.
pub(crate) mod version {
    pub(crate) const MAJOR: u32 = 10;
    pub(crate) const MINOR: u32 = 0;
    pub(crate) const BUILD: u32 = 26100;
}

/// The length of a clock tick, in 100 ns.
const TICK: u64 = 156_250;
/// Milliseconds in a tick, with 24 bits behind the point.
const TICK_COUNT_MULTIPLIER: u32 = 0x0FA0_0000;

/// Writes a KSYSTEM_TIME: low part, high part, and the high part once more.
fn write_system_time(address: usize, value: u64) {
    guest::write(address, value);
    guest::write(address + 8, (value >> 32) as u32);
}

impl KernelData {
    pub(crate) fn new(pool: &mut Pool) -> Self {
        let shared = page(pool);
        guest::write(shared + shared::TICK_COUNT_MULTIPLIER, TICK_COUNT_MULTIPLIER);
        guest::write(shared + shared::BUILD_NUMBER, version::BUILD);
        guest::write(shared + shared::PRODUCT_TYPE, 1_u32);
        guest::write(shared + shared::PRODUCT_TYPE + 4, 1_u8);
        guest::write(shared + shared::MAJOR_VERSION, version::MAJOR);
        guest::write(shared + shared::MAJOR_VERSION + 4, version::MINOR);
        guest::write(shared + shared::PROCESSOR_COUNT, 2_u32);
        Self {
            page: page(pool),
            shared,
        }
    }

    /// The page that stands for KUSER_SHARED_DATA, with the time as it is now.
    pub(crate) fn refreshed_shared_data(&self, clock: &Clock) -> usize {
        write_system_time(self.shared + shared::INTERRUPT_TIME, clock.interrupt_time());
        write_system_time(self.shared + shared::SYSTEM_TIME, clock.system_time());
        write_system_time(self.shared + shared::TICK_COUNT, clock.interrupt_time() / TICK);
        self.shared
    }

    /// That page, as it is.
    pub(crate) fn shared_data(&self) -> usize {
        self.shared
    }

    /// PsInitialSystemProcess, which points to an object.
    pub(crate) fn system_process(&self) -> usize {
        guest::write(self.page + 0x48, self.opaque_object());
        self.page + 0x48
    }

    /// NtBuildNumber.
    pub(crate) fn build_number(&self) -> usize {
        guest::write(self.page + 0x50, version::BUILD | 0xF000_0000);
        self.page + 0x50
    }

    /// PsThreadType and its like, which point to objects that drivers pass on.
    pub(crate) fn object_type(&self) -> usize {
        guest::write(self.page + 0x58, self.page + 0x200);
        self.page + 0x58
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

/// The size of what stands for a thread object: room for the head that makes it an object to wait for.
const THREAD_BYTES: usize = 64;
/// How many threads have an object of their own.
pub(crate) const THREADS_MAX: usize = 1024;

impl ProcessorData {
    pub(crate) fn new(pool: &mut Pool) -> Self {
        let pcr = page(pool);
        guest::write(pcr + pcr::SELF, pcr);
        guest::write(pcr + pcr::CURRENT_PRCB, pcr + pcr::PRCB);
        Self {
            pcr,
            threads: pool
                .allocate(THREADS_MAX * THREAD_BYTES, TAG, Owner::Kernel, 0, Contents::Zeroed)
                .expect("a new pool has room for the threads"),
        }
    }

    /// The address that GS has.
    pub(crate) fn address(&self) -> usize {
        self.pcr
    }

    /// What stands for the thread object of a context.
    pub(crate) fn thread(&self, context: &Context) -> usize {
        self.threads + usize::from(context.id) % THREADS_MAX * THREAD_BYTES
    }

    /// Whether a thread object is here.
    pub(crate) fn is_thread(&self, object: usize) -> bool {
        object
            .checked_sub(self.threads)
            .is_some_and(|offset| offset < THREADS_MAX * THREAD_BYTES && offset.is_multiple_of(THREAD_BYTES))
    }

    /// Shows the context that runs.
    pub(crate) fn set_current(&self, context: &Context) {
        guest::write(self.pcr + pcr::CURRENT_THREAD, self.thread(context));
        let number = u32::try_from(context.processor.get()).unwrap_or_default();
        guest::write(self.pcr + pcr::NUMBER, number);
    }
}
