//! The functions that the kernel exports to drivers: each by its name, with what serves it.
//!
//! A function that is not here is bound to a trap by the loader, so any driver loads, and a run ends only where the
//! driver calls what is missing.

mod device;
mod discouraged;
mod error_log;
mod executive;
mod failing;
mod format;
mod in_power;
mod io;
mod irql;
mod leaf;
mod list;
mod locks;
mod mdl;
mod memory;
mod power;
mod query_table;
mod registry;
mod request;
mod rtl;
mod start_io;
mod string;
mod sync;
mod system;
mod thread;

use std::{collections::HashMap, ffi::c_void, ptr::NonNull, sync::LazyLock};

use super::{Machine, entry::Frame};
use crate::rules::Rule;

/// A call of the driver, in the course of being served.
pub(crate) struct Call {
    pub(crate) machine: &'static Machine,
    pub(crate) frame: Frame,
}

impl Call {
    /// An argument of pointer size.
    pub(super) fn pointer(&self, index: usize) -> usize {
        self.frame.argument(index)
    }

    /// An argument of 32 bits.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half of the register is not defined"
    )]
    pub(super) fn u32(&self, index: usize) -> u32 {
        self.frame.argument(index) as u32
    }

    /// An argument of 8 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the rest of the register is not defined")]
    pub(super) fn u8(&self, index: usize) -> u8 {
        self.frame.argument(index) as u8
    }

    /// A BOOLEAN.
    pub(super) fn boolean(&self, index: usize) -> bool {
        self.u8(index) != 0
    }

    /// A LARGE_INTEGER that is passed by value.
    pub(super) fn i64(&self, index: usize) -> i64 {
        self.frame.argument(index).cast_signed() as i64
    }

    /// Where in the driver's image the call returns to, which names the call site.
    pub(super) fn site(&self) -> u32 {
        self.machine.site(self.frame)
    }
}

impl Machine {
    /// Where in the driver's image the kernel was called from, or 0 where no driver called.
    pub(crate) fn current_site(&self) -> u32 {
        let frame = self.scheduler.running().and_then(|context| context.frame.get());
        frame.map_or(0, |frame| self.site(frame))
    }

    /// Where in the driver's image a call returns to.
    pub(crate) fn site(&self, frame: Frame) -> u32 {
        let driver = self.driver.borrow();
        driver
            .as_ref()
            .and_then(|driver| driver.image.relative(frame.return_address()))
            .unwrap_or_default()
    }
}

/// What serves a function: its result is what the driver finds in RAX.
pub(crate) type Serve = fn(&Call) -> usize;

/// A function of the kernel.
pub(crate) struct Export {
    pub(crate) name: &'static str,
    pub(crate) serve: Serve,
    /// How long it takes, in virtual time.
    pub(crate) time_ns: u64,
}

const fn export(name: &'static str, serve: Serve) -> Export {
    Export {
        name,
        serve,
        time_ns: 100,
    }
}

/// The name of the routine that stands for a major function that a driver does not have.
pub(crate) const INVALID_DEVICE_REQUEST: &str = "IopInvalidDeviceRequest";
/// The name of the routine that IoSetCompletionRoutineEx writes into a stack location.
pub(crate) const UNLOAD_SAFE_COMPLETION: &str = "IopUnloadSafeCompletion";

/// The name of the routine that IoForwardIrpSynchronously writes into a stack location.
pub(crate) const FORWARD_COMPLETION: &str = "IopForwardCompletion";

/// The name of the completion routine that an initiator has in its stack location: the upper driver's, for who is below.
pub(crate) const UPPER_COMPLETION: &str = "UpperCompletion";

/// The name of the cancel routine of IRPs in a cancel-safe queue.
pub(crate) const CSQ_CANCEL: &str = "IopCsqCancelRoutine";

/// What stands in places that a driver may see and does not call.
const INTERNAL: [Export; 5] = [
    export(CSQ_CANCEL, |call| {
        call.machine.csq_cancel(call.pointer(1));
        0
    }),
    export(INVALID_DEVICE_REQUEST, |call| {
        call.machine
            .cannot("the driver called IopInvalidDeviceRequest by itself, which the lab does not simulate")
    }),
    export(UNLOAD_SAFE_COMPLETION, |call| {
        call.machine
            .cannot("the driver called the I/O manager's completion routine by itself")
    }),
    export(FORWARD_COMPLETION, |call| {
        call.machine
            .cannot("the driver called the I/O manager's completion routine by itself")
    }),
    export(UPPER_COMPLETION, |call| {
        call.machine
            .cannot("the driver called the upper driver's completion routine by itself")
    }),
];

struct Table {
    exports: Vec<&'static Export>,
    /// The limit of each, if it has one.
    limits: Vec<Option<&'static irql::Limit>>,
    /// Which of them fail before they are served, and when.
    may_fail: Vec<Option<&'static failing::MayFail>>,
    /// The rule against each, if there is one.
    against: Vec<Option<&'static Rule>>,
    numbers: HashMap<&'static str, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let parts: &[&'static [Export]] = &[
        &INTERNAL,
        io::EXPORTS,
        sync::EXPORTS,
        executive::EXPORTS,
        memory::EXPORTS,
        mdl::EXPORTS,
        rtl::EXPORTS,
        string::EXPORTS,
        locks::EXPORTS,
        list::EXPORTS,
        thread::EXPORTS,
        request::EXPORTS,
        device::EXPORTS,
        system::EXPORTS,
        registry::EXPORTS,
        error_log::EXPORTS,
        start_io::EXPORTS,
        power::EXPORTS,
    ];
    let exports: Vec<&'static Export> = parts.iter().copied().flatten().collect();
    let numbers = exports
        .iter()
        .enumerate()
        .map(|(number, export)| (export.name, number))
        .collect();
    let limits = exports.iter().map(|export| irql::limit_of(export.name)).collect();
    let may_fail = exports.iter().map(|export| failing::entry_of(export.name)).collect();
    let against = exports
        .iter()
        .map(|export| discouraged::rule_against(export.name))
        .collect();
    Table {
        exports,
        limits,
        may_fail,
        against,
        numbers,
    }
});

/// The names of the functions that a driver can call, sorted.
pub(crate) fn names() -> Vec<&'static str> {
    let served = TABLE.exports.iter().skip(INTERNAL.len()).map(|export| export.name);
    let mut names: Vec<_> = served.chain(leaf::NAMES.iter().copied()).collect();
    names.sort_unstable();
    names
}

/// How many functions there are.
pub(super) fn count() -> usize {
    TABLE.exports.len()
}

/// The function with this number, which the gate gave it.
pub(super) fn export_of(number: u32) -> &'static Export {
    TABLE.exports[number as usize]
}

/// Checks that the driver may call the function with this number at all, and at the IRQL that it has.
pub(super) fn check_call(function: u32, call: &Call) {
    if let Some(rule) = TABLE.against[function as usize] {
        discouraged::count(export_of(function).name, rule, call);
    }
    if let Some(limit) = TABLE.limits[function as usize] {
        let name = export_of(function).name;
        call.machine.check_irql(name, limit, call);
        if limit.is_for_passive_level() {
            call.machine.check_passive_in_power(name);
        }
    }
}

/// What the function with this number returns where it is made to fail before it does anything.
pub(super) fn failure_of(function: u32, call: &Call) -> Option<usize> {
    failing::failure(TABLE.may_fail[function as usize]?, call)
}

/// The function with this number, if there is one.
pub(super) fn try_export(number: u32) -> Option<&'static Export> {
    TABLE.exports.get(number as usize).copied()
}

/// The address that the driver's import of `name` is bound to.
pub(super) fn address(machine: &Machine, name: &str) -> Option<NonNull<c_void>> {
    if let Some(leaf) = leaf::address(name) {
        return Some(leaf);
    }
    if let Some(data) = executive::data(machine, name) {
        return NonNull::new(std::ptr::with_exposed_provenance_mut(data));
    }
    TABLE.numbers.get(name).map(|&number| machine.gate.address(number))
}

pub(super) use leaf::is_leaf;
