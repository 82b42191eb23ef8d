//! Whether the version resource says what it should; `version_info` reads it.

use super::Expected;
use super::check::{Check, Findings};
use super::image::Image;
use super::version_info::{self, FixedFileInfo, StringTable};

/// VOS_NT_WINDOWS32: Windows NT.
const VOS_NT_WINDOWS32: u32 = 0x0004_0004;

/// VFT_DRV: a device driver.
const VFT_DRV: u32 = 3;

/// Checks the version resource.
pub(super) fn check(image: &Image<'_>, expected: &Expected<'_>, findings: &mut Findings) {
    let mut report = |message: String| findings.add(Check::Version, message);
    let info = match version_info::read(image) {
        Ok(info) => info,
        Err(message) => return report(message.to_owned()),
    };
    match &info.fixed {
        Some(fixed) => check_fixed(fixed, expected, &mut report),
        None => report("the version resource has no VS_FIXEDFILEINFO: compile it again".to_owned()),
    }
    // Windows looks strings up by the first translation.
    let table = info.tables.iter().find(|table| {
        let translation = info.translation.as_deref().unwrap_or_default();
        table.key.eq_ignore_ascii_case(translation)
    });
    if table.is_none() {
        report(format!(
            "the Translation is {} and no string table is for it: Windows would show nothing",
            info.translation.as_deref().unwrap_or("missing")
        ));
    }
    if let Some(table) = table.or(info.tables.first()) {
        check_strings(table, expected, &mut report);
    }
}

fn check_fixed(fixed: &FixedFileInfo, expected: &Expected<'_>, report: &mut impl FnMut(String)) {
    if fixed.file_type != VFT_DRV {
        report(format!("FILETYPE is {:#x} and not VFT_DRV (3)", fixed.file_type));
    }
    if fixed.file_os != VOS_NT_WINDOWS32 {
        report(format!(
            "FILEOS is {:#x} and not VOS_NT_WINDOWS32 (0x40004)",
            fixed.file_os
        ));
    }
    let numbers = version_numbers(expected.version);
    for (name, version) in [
        ("FILEVERSION", fixed.file_version),
        ("PRODUCTVERSION", fixed.product_version),
    ] {
        if version != numbers {
            report(format!("{name} is {} and not {}", dotted(version), dotted(numbers)));
        }
    }
}

fn check_strings(table: &StringTable, expected: &Expected<'_>, report: &mut impl FnMut(String)) {
    let four_numbers = dotted(version_numbers(expected.version));
    let is_version = |text: &str| text == expected.version || text == four_numbers;
    let version = format!("{} or {four_numbers}", expected.version);
    let license = format!("a text with {:?}", expected.license);
    type Rule<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> bool);
    let rules: [Rule<'_>; 6] = [
        ("ProductName", expected.product, &|text| text == expected.product),
        ("ProductVersion", &version, &is_version),
        ("FileVersion", &version, &is_version),
        ("LegalCopyright", &license, &|text| text.contains(expected.license)),
        ("FileDescription", "a description", &|text| !text.trim().is_empty()),
        ("OriginalFilename", "a bare .sys file name", &is_driver_file_name),
    ];
    for (name, wanted, is_good) in rules {
        match table.strings.iter().find(|(key, _)| key == name) {
            None => report(format!("{name} is missing: it must be {wanted}")),
            Some((_, text)) if !is_good(text) => {
                report(format!("{name} is {text:?}: it must be {wanted}"));
            }
            Some(_) => {}
        }
    }
}

fn is_driver_file_name(text: &str) -> bool {
    let stem = text.to_ascii_lowercase();
    let stem = stem.strip_suffix(".sys").unwrap_or_default();
    !stem.is_empty() && !stem.contains(['/', '\\', ':'])
}

/// The four numbers of a version such as `1.2.3-rc.1`: what is not stated is zero.
fn version_numbers(version: &str) -> [u16; 4] {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = [0; 4];
    for (number, text) in numbers.iter_mut().zip(release.split('.')) {
        *number = text.parse().unwrap_or_default();
    }
    numbers
}

fn dotted([major, minor, build, revision]: [u16; 4]) -> String {
    format!("{major}.{minor}.{build}.{revision}")
}
