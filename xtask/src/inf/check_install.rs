//! What the rules look at in the Models sections, the references between sections, and the files.

use super::check::Problem;
use super::hardware_id::{check_form, is_generic};
use super::package::Package;
use super::stamp::{ALL_DISKS_EXTENSION_ID, ALL_DISKS_MARK};

/// The build of Windows from which the image loads: its kernel exports `ExAllocatePool2`.
const IMAGE_BUILD: u32 = 19041;

pub(super) fn syntax_of_its_time(package: &Package<'_>) -> Vec<Problem> {
    let run_from_store = package
        .entries_of("DestinationDirs")
        .any(|entry| entry.value(0) == "13");
    let used = [
        ("AddFilter", 18362, !package.filters.is_empty()),
        ("DIRID 13", 16299, run_from_store),
    ];
    let decorated = package
        .models
        .iter()
        .filter(|models| !models.decoration.arch().is_empty());
    decorated
        .flat_map(|models| {
            let newer = used
                .iter()
                .filter(|(_, build, used)| *used && models.decoration.build() < *build);
            newer.map(|(syntax, build, _)| {
                let message = format!("{syntax} came with build {build}: decorate the models 10.0...{build}");
                Problem::at(models.line, message)
            })
        })
        .collect()
}

pub(super) fn image_loads(package: &Package<'_>) -> Vec<Problem> {
    if !syntax_of_its_time(package).is_empty() {
        return Vec::new();
    }
    let early = package
        .models
        .iter()
        .filter(|models| !models.decoration.arch().is_empty() && models.decoration.build() < IMAGE_BUILD);
    early
        .map(|models| {
            let message = format!("the image does not load before build {IMAGE_BUILD}: decorate 10.0...{IMAGE_BUILD}");
            Problem::at(models.line, message)
        })
        .collect()
}

pub(super) fn decorated(package: &Package<'_>) -> Vec<Problem> {
    let undecorated = package
        .models
        .iter()
        .filter(|models| !["amd64", "arm64"].contains(&models.decoration.arch().as_str()));
    undecorated
        .map(|models| {
            let message = "a Models section is not for amd64 or arm64: decorate it with one";
            Problem::at(models.line, message)
        })
        .collect()
}

pub(super) fn sections_exist(package: &Package<'_>) -> Vec<Problem> {
    let missing = package.missing.iter();
    missing
        .map(|missing| {
            let message = format!("{} names [{}], which is not there", missing.directive, missing.section);
            Problem::at(missing.line, message)
        })
        .collect()
}

pub(super) fn sections_used(package: &Package<'_>) -> Vec<Problem> {
    let unreferenced = package.unreferenced();
    unreferenced
        .map(|section| Problem::at(section.line, format!("nothing names [{}]", section.name)))
        .collect()
}

pub(super) fn strings_defined(package: &Package<'_>) -> Vec<Problem> {
    let undefined = package.inf.undefined_strings().iter();
    undefined
        .map(|(name, line)| Problem::at(*line, format!("[Strings] does not define %{name}%")))
        .collect()
}

pub(super) fn installs_on_devices(package: &Package<'_>) -> Vec<Problem> {
    if package.devices().any(|device| device.ids().next().is_some()) {
        return Vec::new();
    }
    vec![Problem::at(
        0,
        "no Models section names a hardware ID: name that of a disk",
    )]
}

pub(super) fn hardware_ids(package: &Package<'_>) -> Vec<Problem> {
    let ids = package
        .devices()
        .flat_map(|device| device.ids().map(move |id| (device, id)));
    ids.filter_map(|(device, id)| {
        let error = check_form(id).err()?;
        Some(Problem::at(device.entry.line, error.to_string()))
    })
    .collect()
}

pub(super) fn all_disks_marked(package: &Package<'_>) -> Vec<Problem> {
    let version = |key| package.version(key).map_or("", |entry| entry.value(0));
    let by_id = version("ExtensionId").eq_ignore_ascii_case(ALL_DISKS_EXTENSION_ID);
    let by_provider = version("Provider").contains(ALL_DISKS_MARK);
    let wrong = package.devices().filter(|device| {
        let by_name = device.entry.key.as_deref().unwrap_or_default().contains(ALL_DISKS_MARK);
        let of_all_disks = device.ids().any(is_generic);
        [by_id, by_provider, by_name] != [of_all_disks; 3]
    });
    wrong
        .map(|device| {
            let message = format!(
                "a package for all disks, and no other, is marked {ALL_DISKS_MARK} and has the \
                 ExtensionId for it: stamp it as that variant, or name one disk"
            );
            Problem::at(device.entry.line, message)
        })
        .collect()
}

pub(super) fn files_in_package(package: &Package<'_>) -> Vec<Problem> {
    let missing = package.copied.iter().filter(|copied| {
        !package
            .entries_of("SourceDisksFiles")
            .any(|file| file.has_key(copied.source))
    });
    missing
        .map(|copied| {
            let message = format!("{} is copied: list it in [SourceDisksFiles]", copied.source);
            Problem::at(copied.line, message)
        })
        .collect()
}

pub(super) fn files_copied(package: &Package<'_>) -> Vec<Problem> {
    let left = package
        .entries_of("SourceDisksFiles")
        .filter(|file| !package.copied.iter().any(|copied| file.has_key(copied.source)));
    left.map(|file| {
        let name = file.key.as_deref().unwrap_or_default();
        Problem::at(file.line, format!("{name:?} is in the package and nothing copies it"))
    })
    .collect()
}

pub(super) fn run_from_store(package: &Package<'_>) -> Vec<Problem> {
    let mut problems: Vec<_> = package
        .entries_of("DestinationDirs")
        .filter(|entry| entry.value(0) != "13")
        .map(|entry| {
            let message = format!("files go to directory {}: write 13", entry.value(0));
            Problem::at(entry.line, message)
        })
        .collect();
    if package.entries_of("DestinationDirs").next().is_none() && !package.copied.is_empty() {
        problems.push(Problem::at(0, "[DestinationDirs] says nothing: DefaultDestDir = 13"));
    }
    problems
}
