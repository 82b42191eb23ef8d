//! What the rules look at in `[Version]` and in the file as a whole.

use super::check::Problem;
use super::driver_ver::parse_driver_date;
use super::package::Package;

const EXTENSION_CLASS_GUID: &str = "{e2f84ce7-8efa-411c-aa69-97454ca4cb57}";

pub(super) fn encoding(package: &Package<'_>) -> Vec<Problem> {
    let line = package.inf.non_ascii_line();
    line.map(|line| Problem::at(line, "a character is not ASCII: write it in ASCII"))
        .into_iter()
        .collect()
}

pub(super) fn signature(package: &Package<'_>) -> Vec<Problem> {
    wrong_unless(package, "Signature", r#"write "$WINDOWS NT$""#, |signature| {
        signature.eq_ignore_ascii_case("$WINDOWS NT$")
    })
}

pub(super) fn provider(package: &Package<'_>) -> Vec<Problem> {
    wrong_unless(package, "Provider", "name who wrote the INF", |provider| {
        !provider.is_empty() && !provider.eq_ignore_ascii_case("Microsoft")
    })
}

pub(super) fn catalog(package: &Package<'_>) -> Vec<Problem> {
    wrong_unless(package, "CatalogFile", "name the catalog, a .cat file", |catalog| {
        catalog.to_ascii_lowercase().ends_with(".cat")
    })
}

pub(super) fn pnp_lockdown(package: &Package<'_>) -> Vec<Problem> {
    wrong_unless(package, "PnpLockdown", "write 1", |lockdown| lockdown == "1")
}

pub(super) fn class_install(package: &Package<'_>) -> Vec<Problem> {
    package
        .inf
        .sections()
        .iter()
        .filter(|section| section.name.to_ascii_lowercase().starts_with("classinstall32"))
        .map(|section| {
            let message = format!("[{}] defines a class: the class is Microsoft's", section.name);
            Problem::at(section.line, message)
        })
        .collect()
}

pub(super) fn extension_class(package: &Package<'_>) -> Vec<Problem> {
    let mut problems = wrong_unless(package, "Class", "write Extension", |class| {
        class.eq_ignore_ascii_case("Extension")
    });
    let repair = format!("write {EXTENSION_CLASS_GUID}");
    problems.extend(wrong_unless(package, "ClassGuid", &repair, |guid| {
        guid.eq_ignore_ascii_case(EXTENSION_CLASS_GUID)
    }));
    problems
}

pub(super) fn extension_id(package: &Package<'_>) -> Vec<Problem> {
    wrong_unless(package, "ExtensionId", "write a GUID of its own, in braces", is_guid)
}

pub(super) fn driver_ver(package: &Package<'_>) -> Vec<Problem> {
    let Some(entry) = package.version("DriverVer") else {
        return vec![Problem::at(0, "[Version] has no DriverVer: stamp the INF")];
    };
    let numbers: Vec<_> = entry.value(1).split('.').map(str::parse::<u16>).collect();
    if parse_driver_date(entry.value(0)).is_some() && numbers.len() == 4 && numbers.iter().all(Result::is_ok) {
        return Vec::new();
    }
    let message = format!("DriverVer is {:?}: write mm/dd/yyyy,w.x.y.z", entry.values.join(","));
    vec![Problem::at(entry.line, message)]
}

/// A problem where `[Version]` lacks `key`, or its value does not satisfy `right`.
fn wrong_unless(package: &Package<'_>, key: &str, repair: &str, right: impl Fn(&str) -> bool) -> Vec<Problem> {
    match package.version(key) {
        None => vec![Problem::at(0, format!("[Version] has no {key}: {repair}"))],
        Some(entry) if right(entry.value(0)) => Vec::new(),
        Some(entry) => {
            let message = format!("{key} is {:?}: {repair}", entry.value(0));
            vec![Problem::at(entry.line, message)]
        }
    }
}

/// Whether this is `{8-4-4-4-12}` in hexadecimal digits.
fn is_guid(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return false;
    };
    let groups: Vec<&str> = digits.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && digits
            .chars()
            .all(|character| character == '-' || character.is_ascii_hexdigit())
}
