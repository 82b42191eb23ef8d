//! The names of data that the kernel exports, as far as drivers are known to import them.
//!
//! An import table does not tell data from functions, so there is no other way to know. Not here:
//! the data. A name that is missing costs little: it is then bound as a function is.

/// The modules that 64-bit drivers import kernel data from.
const MODULES: [&str; 2] = ["ntoskrnl.exe", "hal.dll"];

/// In ascending order of bytes.
const NAMES: [&str; 74] = [
    "CcFastMdlReadWait",
    "CcFastReadNotPossible",
    "CcFastReadWait",
    "ExActivationObjectType",
    "ExCompositionObjectType",
    "ExCoreMessagingObjectType",
    "ExDesktopObjectType",
    "ExEventObjectType",
    "ExRawInputManagerObjectType",
    "ExSemaphoreObjectType",
    "ExTimerObjectType",
    "ExWindowStationObjectType",
    "FsRtlLegalAnsiCharacterArray",
    "HalDispatchTable",
    "HalPrivateDispatchTable",
    "InitSafeBootMode",
    "IoAdapterObjectType",
    "IoCompletionObjectType",
    "IoDeviceHandlerObjectSize",
    "IoDeviceHandlerObjectType",
    "IoDeviceObjectType",
    "IoDriverObjectType",
    "IoFileObjectType",
    "IoOtherOperationCount",
    "IoOtherTransferCount",
    "IoReadOperationCount",
    "IoReadTransferCount",
    "IoStatisticsLock",
    "IoWriteOperationCount",
    "IoWriteTransferCount",
    "KdComPortInUse",
    "KdDebuggerEnabled",
    "KdDebuggerNotPresent",
    "KdEnteredDebugger",
    "KeDcacheFlushCount",
    "KeIcacheFlushCount",
    "KeLoaderBlock",
    "KeNumberProcessors",
    "KeServiceDescriptorTable",
    "KeTickCount",
    "LpcPortObjectType",
    "Mm64BitPhysicalAddress",
    "MmBadPointer",
    "MmHighestUserAddress",
    "MmSectionObjectType",
    "MmSystemRangeStart",
    "MmUserProbeAddress",
    "NlsAnsiCodePage",
    "NlsLeadByteInfo",
    "NlsMbCodePageTag",
    "NlsMbOemCodePageTag",
    "NlsOemCodePage",
    "NlsOemLeadByteInfo",
    "NtBuildGUID",
    "NtBuildLab",
    "NtBuildNumber",
    "NtGlobalFlag",
    "POGOBuffer",
    "PsInitialSystemProcess",
    "PsJobType",
    "PsLoadedModuleList",
    "PsLoadedModuleResource",
    "PsPartitionType",
    "PsProcessType",
    "PsThreadType",
    "PsUILanguageComitted",
    "SeExports",
    "SePublicDefaultDacl",
    "SeSystemDefaultDacl",
    "SeTokenObjectType",
    "TmEnlistmentObjectType",
    "TmResourceManagerObjectType",
    "TmTransactionManagerObjectType",
    "TmTransactionObjectType",
];

/// Whether `name` of the module `dll` is known to be data.
pub(super) fn has(dll: &str, name: &str) -> bool {
    MODULES.iter().any(|module| module.eq_ignore_ascii_case(dll)) && NAMES.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{NAMES, has};

    #[test]
    fn every_name_is_found_because_they_are_in_order() {
        assert!(NAMES.is_sorted_by(|before, after| before < after));
        for name in NAMES {
            assert!(has("NTOSKRNL.EXE", name), "{name}");
        }
    }

    #[test]
    fn the_name_counts_only_in_a_module_of_the_kernel() {
        assert!(has("HAL.dll", "HalDispatchTable"));
        assert!(!has("other.sys", "HalDispatchTable"));
        assert!(!has("ntoskrnl.exe", "IofCallDriver"));
        assert!(!has("ntoskrnl.exe", "seexports"), "names are case-sensitive");
    }
}
