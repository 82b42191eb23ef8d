//! The table of rules: the only place where a rule has its id, its sentence and its check.
//!
//! `docs/inf.md` prints it, and the tests break each rule once.

use self::Origin::{Documented, Message, Ours, Reading};
use super::check::Problem;
use super::package::Package;
use super::{check_install, check_service, check_version};

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    /// InfVerif's number, or a name where the rule is ours.
    pub(super) id: &'static str,
    pub(super) origin: Origin,
    /// What an INF must satisfy.
    pub(super) sentence: &'static str,
    pub(super) check: fn(&Package<'_>) -> Vec<Problem>,
}

/// From where it is known what a rule asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Microsoft's page "INF validation errors and warnings".
    Documented,
    /// The message that InfVerif prints, as public reports quote it.
    Message,
    /// A number of InfVerif of which no public text says more than a few words: what is checked is our reading of them.
    Reading,
    /// No number of InfVerif: this package's own.
    Ours,
}

const fn rule(
    id: &'static str,
    origin: Origin,
    sentence: &'static str,
    check: fn(&Package<'_>) -> Vec<Problem>,
) -> Rule {
    Rule {
        id,
        origin,
        sentence,
        check,
    }
}

/// All rules, InfVerif's by number and then ours.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("1001", Documented, r#"[Version] is there, and its Signature is "$WINDOWS NT$"."#,
        check_version::signature),
    rule("1003", Documented, "The file's encoding is one that Windows reads: here, ASCII alone.",
        check_version::encoding),
    rule("1199", Message, "No syntax is newer than the Windows that the Models section is decorated for: AddFilter needs 18362, DIRID 13 needs 16299.",
        check_install::syntax_of_its_time),
    rule("1203", Documented, "Every section that a directive names is there.",
        check_install::sections_exist),
    rule("1204", Documented, "Provider is who wrote the INF, and not Microsoft.",
        check_version::provider),
    rule("1222", Reading, "A registry entry is below a root that an INF can name.",
        check_service::registry_roots),
    rule("1230", Documented, "Every file that is copied is listed in [SourceDisksFiles].",
        check_install::files_in_package),
    rule("1233", Documented, "[Version] names a CatalogFile.",
        check_version::catalog),
    rule("1235", Documented, "Every %string% is defined in [Strings].",
        check_install::strings_defined),
    rule("1285", Documented, "There is no [ClassInstall32]: the class Extension is Microsoft's.",
        check_version::class_install),
    rule("1297", Documented, "The INF installs on a device: a Models section names a hardware ID.",
        check_install::installs_on_devices),
    rule("1305", Documented, "No string is appended to a REG_MULTI_SZ that is there, or deleted from one.",
        check_service::multi_strings),
    rule("1320", Documented, "A registry key is made below HKR only.",
        check_service::keys_relative),
    rule("1321", Documented, "A registry value is set below HKR only.",
        check_service::values_relative),
    rule("1322", Documented, "Files stay in the driver store: every destination is directory 13.",
        check_install::run_from_store),
    rule("1323", Documented, "What is set in the service's key is set below Parameters.",
        check_service::under_parameters),
    rule("1324", Documented, "PnpLockdown is 1, so that Windows guards the installed files.",
        check_version::pnp_lockdown),
    rule("1329", Reading, "No filter is added by a property: AddProperty sets neither list of filters.",
        check_service::filters_by_property),
    rule("1384", Message, "An extension INF adds its filter in [DDInstall.Filters], not by an UpperFilters or LowerFilters value.",
        check_service::filters_declared),
    rule("2083", Documented, "Every section is named by something.",
        check_install::sections_used),
    rule("2084", Message, r"ServiceBinary is a file that CopyFiles copies, where it is copied: %13%\file.",
        check_service::binary_copied),
    rule("2223", Documented, "Every Models section is decorated with an architecture: here, amd64 or arm64.",
        check_install::decorated),
    rule("all-disks", Ours, "A package that matches every disk is the marked variant, and the marked variant matches every disk.",
        check_install::all_disks_marked),
    rule("assoc-service", Ours, "No service has SPSVCINST_ASSOCSERVICE: an extension INF must not replace the function driver.",
        check_service::no_function_driver),
    rule("boot-start", Ours, "The service is a kernel driver that starts at boot, in a load-order group, with normal error control.",
        check_service::boot_start),
    rule("driver-ver", Ours, "DriverVer is stamped: mm/dd/yyyy, and four numbers up to 65535.",
        check_version::driver_ver),
    rule("event-source", Ours, "The service has an event source, whose messages are in the image that is copied.",
        check_service::event_source),
    rule("extension-class", Ours, "Class and ClassGuid are those of extension INFs.",
        check_version::extension_class),
    rule("extension-id", Ours, "ExtensionId is there, a GUID in braces.",
        check_version::extension_id),
    rule("file-copied", Ours, "Every file of [SourceDisksFiles] is copied.",
        check_install::files_copied),
    rule("filter-position", Ours, "A filter has exactly one of FilterPosition and FilterLevel.",
        check_service::filter_position),
    rule("filter-service", Ours, "There is an AddFilter, and it names a service that the same INF installs.",
        check_service::filter_is_service),
    rule("hardware-id", Ours, "A hardware ID has at most 200 characters, no blank, comma or control character, and nothing outside ASCII.",
        check_install::hardware_ids),
    rule("image-build", Ours, "Models are decorated for build 19041 or later, whose kernel exports what the image imports.",
        check_install::image_loads),
    rule("settings", Ours, "A setting of the driver that is set is a REG_DWORD within its limits, and one that is there is kept.",
        check_service::settings),
    rule("storage-features", Ours, "The service sets Parameters\\StorageSupportedFeatures to 1, which says that it answers for BypassIO.",
        check_service::storage_features),
];

/// The table of rules as Markdown.
#[must_use]
pub fn rules_markdown() -> String {
    let mut text = String::from("| rule | what the INF must satisfy | known from |\n|---|---|---|\n");
    for Rule {
        id, origin, sentence, ..
    } in RULES
    {
        let origin = match origin {
            Documented => "documentation",
            Message => "its message",
            Reading => "our reading",
            Ours => "ours",
        };
        text.push_str(&format!("| {id} | {sentence} | {origin} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_none_stands_twice() {
        assert!(RULES.is_sorted_by(|one, next| one.id < next.id));
    }
}
