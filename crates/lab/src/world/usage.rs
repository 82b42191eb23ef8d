//! Usage notifications: a paging, hibernation or dump file comes to the device or leaves it, and what a filter makes of
//! DO_POWER_PAGABLE then.
//!
//! A device that is needed for paging cannot have its power handled by pageable code, so it loses DO_POWER_PAGABLE with its
//! first such file and has it again after the last. Many filters do not care, and this is not held against them. One that
//! does change the flag has to do it right: also where the drivers below refuse the file, and where files are nested.

use std::{cell::Cell, rc::Rc};

use serde::{Deserialize, Serialize};

use super::{
    pnp::{Answered, Parameters, USAGE_NOTIFICATION},
    stack::DeviceStack,
};
use crate::{
    kernel::{
        Machine,
        io::{call::IRP_MJ_PNP, device::DO_POWER_PAGABLE, irp::IrpRecord},
        layout::device_object,
        status::{NtStatus, nt_success},
    },
    rules,
};

/// DEVICE_USAGE_NOTIFICATION_TYPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UsageType {
    /// DeviceUsageTypePaging.
    Paging,
    /// DeviceUsageTypeHibernation.
    Hibernation,
    /// DeviceUsageTypeDumpFile.
    Dump,
    /// DeviceUsageTypeBoot.
    Boot,
    /// One that the drivers of today do not know.
    Unknown,
}

/// One more than the greatest number of a type that a disk knows.
pub(crate) const USAGE_TYPES: usize = 5;

impl UsageType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Paging, Self::Hibernation, Self::Dump, Self::Boot, Self::Unknown];

    /// Those for which a device has to be ready while nothing can be paged in.
    pub(crate) const PAGED_FOR: [Self; 3] = [Self::Paging, Self::Hibernation, Self::Dump];

    /// Its number.
    pub(crate) fn number(self) -> usize {
        match self {
            Self::Paging => 1,
            Self::Hibernation => 2,
            Self::Dump => 3,
            Self::Boot => 4,
            Self::Unknown => 0x60,
        }
    }

    /// The type with this number, if there is one.
    pub(crate) fn of_number(number: usize) -> Option<Self> {
        let known = |usage: &Self| usage.number() == number & 0xFFFF_FFFF && *usage != Self::Unknown;
        Self::ALL.into_iter().find(known)
    }
}

/// What the world knows of the special files on a stack.
#[derive(Default)]
pub(crate) struct Usage {
    files: [Cell<u32>; USAGE_TYPES],
    /// Notifications that have not returned.
    under_way: Cell<u32>,
    /// The driver has changed the flag for one of them.
    takes_part: Cell<bool>,
    was_pagable: Cell<bool>,
    /// Two notifications have been under way at once: in which order a filter sees their ends is then nobody's to judge.
    have_overlapped: Cell<bool>,
}

impl Usage {
    /// How many files of this type are on the device.
    pub(crate) fn files(&self, usage: UsageType) -> u32 {
        self.files.get(usage.number()).map_or(0, Cell::get)
    }

    /// Whether a notification has not returned.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.get() > 0
    }

    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.files.iter().any(|files| files.get() > 0)
    }
}

fn is_pagable(device: usize) -> bool {
    device_object::FLAGS.get(device) & DO_POWER_PAGABLE != 0
}

impl Machine {
    /// Tells the stack that a file of this type comes to it or leaves it, and checks the filter's DO_POWER_PAGABLE.
    pub(crate) fn notify_usage(&'static self, stack: &DeviceStack, usage: UsageType, in_path: bool) -> NtStatus {
        let state = &stack.usage;
        if let Some(filter) = stack.filter
            && state.under_way.get() == 0
            && !state.any()
        {
            state.was_pagable.set(is_pagable(filter));
        }
        let before = stack.filter.map(is_pagable);
        state.under_way.set(state.under_way.get() + 1);
        if state.under_way.get() > 1 {
            state.have_overlapped.set(true);
            self.reporter.count("usage notifications at once", 1);
        }
        let parameters = Parameters::new([usize::from(in_path), usage.number(), 0, 0]);
        let Answered { status, irp, .. } = self.send_with(stack.top, IRP_MJ_PNP, USAGE_NOTIFICATION, &parameters);
        state.under_way.set(state.under_way.get() - 1);
        if let Some(files) = state.files.get(usage.number())
            && nt_success(status)
        {
            files.set(if in_path {
                files.get() + 1
            } else {
                files.get().saturating_sub(1)
            });
        }
        let way = if in_path { "in" } else { "out" };
        let end = if nt_success(status) { "" } else { " refused" };
        self.reporter
            .count(&format!("usage {usage:?} {way}{end}").to_lowercase(), 1);
        if let Some(filter) = stack.filter {
            if before != Some(is_pagable(filter)) {
                state.takes_part.set(true);
            }
            self.check_power_pagable(stack, filter, &irp);
        }
        status
    }

    /// A filter that changes DO_POWER_PAGABLE for usage notifications has it where it must, and nowhere else.
    fn check_power_pagable(&self, stack: &DeviceStack, filter: usize, irp: &Rc<IrpRecord>) {
        let state = &stack.usage;
        let below = self.devices.below(filter);
        if state.under_way.get() != 0 || !state.takes_part.get() || below == 0 {
            return;
        }
        let (ours, theirs) = (is_pagable(filter), is_pagable(below));
        if ours && !theirs && state.files(UsageType::Paging) > 0 {
            self.violation_about(
                Some(irp),
                &rules::POWER_PAGABLE_AND_PAGING,
                "a paging file is on the device, and the filter has DO_POWER_PAGABLE where the device below has not",
            );
        }
        if !ours && theirs && !state.any() && state.was_pagable.get() && !state.have_overlapped.get() {
            self.violation_about(
                Some(irp),
                &rules::POWER_PAGABLE_AND_PAGING,
                "no special file is on the device, and the filter has cleared DO_POWER_PAGABLE where the device below has it",
            );
        }
    }
}
