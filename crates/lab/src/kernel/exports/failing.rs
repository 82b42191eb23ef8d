//! Functions that need memory of the kernel's own and give the driver nothing but a status: what happens where there is
//! none.
//!
//! Not here: those that give the driver something as well, such as pool, an IRP or a device. They fail where they are
//! served.

use super::Call;
use crate::kernel::status::STATUS_INSUFFICIENT_RESOURCES;

/// A function that may return STATUS_INSUFFICIENT_RESOURCES.
pub(super) struct MayFail {
    function: &'static str,
    /// Whether this call may: giving something up does not fail.
    when: fn(&Call) -> bool,
}

const fn always(function: &'static str) -> MayFail {
    MayFail {
        function,
        when: |_| true,
    }
}

static MAY_FAIL: [MayFail; 15] = [
    always("ExInitializeLookasideListEx"),
    always("IoCreateSymbolicLink"),
    always("IoCreateUnprotectedSymbolicLink"),
    always("IoGetDeviceProperty"),
    always("IoInitializeTimer"),
    always("IoRegisterLastChanceShutdownNotification"),
    always("IoRegisterShutdownNotification"),
    MayFail {
        function: "IoSetDeviceInterfaceState",
        when: |call| call.boolean(1),
    },
    MayFail {
        function: "IoWMIRegistrationControl",
        // WMIREG_ACTION_REGISTER.
        when: |call| call.u32(1) == 1,
    },
    always("RtlCreateRegistryKey"),
    always("RtlQueryRegistryValues"),
    always("RtlWriteRegistryValue"),
    always("ZwEnumerateKey"),
    always("ZwEnumerateValueKey"),
    always("ZwQueryValueKey"),
];

/// The entry of a function, if it has one.
pub(super) fn entry_of(function: &str) -> Option<&'static MayFail> {
    MAY_FAIL.iter().find(|entry| entry.function == function)
}

/// What the call returns where it is made to fail.
pub(super) fn failure(entry: &MayFail, call: &Call) -> Option<usize> {
    if !(entry.when)(call) {
        return None;
    }
    let status = call.machine.failure(entry.function, STATUS_INSUFFICIENT_RESOURCES)?;
    Some(status.cast_unsigned() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_that_may_fail_is_one_that_is_served() {
        for entry in &MAY_FAIL {
            assert!(super::super::names().contains(&entry.function), "{}", entry.function);
        }
    }
}
