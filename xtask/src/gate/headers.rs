//! Checks of single header fields: what kind of image it is, and what it opts in to.
//!
//! Where the sections lie is the business of `layout`.

use super::Expected;
use super::check::{Check, Findings};
use super::image::Image;
use crate::target::Target;
use object::LittleEndian as LE;
use object::pe;

/// What an image is built for, by the machine that its file header names.
pub(super) fn target(image: &Image<'_>) -> Option<Target> {
    match image.file_header().machine.get(LE) {
        pe::IMAGE_FILE_MACHINE_AMD64 => Some(Target::X64),
        pe::IMAGE_FILE_MACHINE_ARM64 => Some(Target::Arm64),
        _ => None,
    }
}

/// The flags of DllCharacteristics that a driver must set, each with the option that sets it.
const DLL_CHARACTERISTICS: [(Check, pe::DllFlags, &str); 4] = [
    (
        Check::NxCompat,
        pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        "NX_COMPAT is not set: link with /NXCOMPAT",
    ),
    (
        Check::DynamicBase,
        pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
        "DYNAMIC_BASE is not set: link with /DYNAMICBASE",
    ),
    (
        Check::HighEntropyVa,
        pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA,
        "HIGH_ENTROPY_VA is not set: link with /HIGHENTROPYVA",
    ),
    (
        Check::ForceIntegrity,
        pe::IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY,
        "FORCE_INTEGRITY is not set: link with /INTEGRITYCHECK",
    ),
];

/// Checks machine, kind, subsystem and DllCharacteristics.
pub(super) fn check(image: &Image<'_>, expected: &Expected<'_>, findings: &mut Findings) {
    if target(image) != Some(expected.target) {
        let machine = image.file_header().machine.get(LE);
        findings.add(
            Check::Format,
            format!(
                "the machine is {:#06x} and not {}: build for the right target",
                machine.0,
                expected.target.machine_name()
            ),
        );
    }
    let characteristics = image.file_header().characteristics.get(LE);
    if !characteristics.contains(pe::IMAGE_FILE_EXECUTABLE_IMAGE) {
        findings.add(
            Check::Format,
            "EXECUTABLE_IMAGE is not set: the linker did not finish this image",
        );
    }
    let subsystem = image.optional_header().subsystem.get(LE);
    if subsystem != pe::IMAGE_SUBSYSTEM_NATIVE {
        findings.add(
            Check::Format,
            format!(
                "the subsystem is {} and not NATIVE (1): link with /SUBSYSTEM:NATIVE",
                subsystem.0
            ),
        );
    }
    let dll_characteristics = image.optional_header().dll_characteristics.get(LE);
    for (check, flag, message) in DLL_CHARACTERISTICS {
        if !dll_characteristics.contains(flag) {
            findings.add(check, message);
        }
    }
}
