//! What the rules look at in services, filters and registry entries.

use super::check::Problem;
use super::package::{Hkr, Package, RegistryEntry, number};
use policy::configuration::Setting;

/// `SPSVCINST_ASSOCSERVICE`: the service is the device's function driver.
const ASSOC_SERVICE: u32 = 0x2;

/// `FLG_ADDREG_APPEND`: a string is appended to a REG_MULTI_SZ that is there.
const APPEND: u32 = 0x8;

/// `FLG_DELREG_MULTI_SZ_DELSTRING`: a string is deleted from a REG_MULTI_SZ.
const DELETE_STRING: u32 = 0x0001_8002;

/// `FLG_ADDREG_TYPE_DWORD`.
const DWORD: u32 = 0x0001_0001;

/// `FLG_ADDREG_TYPE_EXPAND_SZ`.
const EXPAND_SZ: u32 = 0x0002_0000;

/// `FLG_ADDREG_NOCLOBBER`: a value that is there is kept.
const NO_CLOBBER: u32 = 0x2;

/// `STORAGE_SUPPORTED_FEATURES_BYPASS_IO`, the only bit that is defined.
const BYPASS_IO: u32 = 0x1;

/// The roots below which an INF can name a registry key.
const REGISTRY_ROOTS: [&str; 5] = ["HKR", "HKLM", "HKCR", "HKCU", "HKU"];

/// The property category of DEVPKEY_Device_UpperFilters and DEVPKEY_Device_LowerFilters, and their numbers in it.
const DEVICE_PROPERTIES: &str = "{a45c254e-df1c-4efd-8020-67d146a850e0}";
const FILTER_PROPERTIES: [u32; 2] = [19, 20];

impl RegistryEntry<'_> {
    /// Whether its root is one that Windows knows.
    fn has_root(&self) -> bool {
        REGISTRY_ROOTS
            .iter()
            .any(|root| self.entry.value(0).eq_ignore_ascii_case(root))
    }

    /// Whether its root is known and is another than `HKR`.
    fn is_absolute(&self) -> bool {
        self.has_root() && !self.is_relative()
    }

    fn is_relative(&self) -> bool {
        self.entry.value(0).eq_ignore_ascii_case("HKR")
    }

    /// The first key below `HKR`.
    fn first_key(&self) -> &str {
        self.entry.value(1).split('\\').next().unwrap_or_default()
    }

    /// Whether it is a value that is set, and not a key alone.
    fn is_value(&self) -> bool {
        self.entry.values.len() > 2
    }

    /// Whether it is this value of its key, which is below `HKR`.
    fn sets(&self, hkr: Hkr, key: &str, value: &str) -> bool {
        self.hkr == hkr
            && self.is_relative()
            && self.entry.value(1).eq_ignore_ascii_case(key)
            && self.entry.value(2).eq_ignore_ascii_case(value)
    }

    fn location(&self) -> String {
        format!("{}\\{}", self.entry.value(0), self.entry.value(1))
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::at(self.entry.line, message)
    }
}

pub(super) fn multi_strings(package: &Package<'_>) -> Vec<Problem> {
    let appended = package
        .registry
        .iter()
        .filter(|entry| entry.flags & APPEND != 0 || entry.flags == DELETE_STRING);
    appended
        .map(|entry| entry.problem("a list that may be another's is changed: set a value of ours"))
        .collect()
}

pub(super) fn registry_roots(package: &Package<'_>) -> Vec<Problem> {
    let unknown = package.registry.iter().filter(|entry| !entry.has_root());
    unknown
        .map(|entry| {
            entry.problem(format!(
                "{:?} is no root of the registry: write HKR",
                entry.entry.value(0)
            ))
        })
        .collect()
}

pub(super) fn filters_by_property(package: &Package<'_>) -> Vec<Problem> {
    let lists = package.properties.iter().filter(|property| {
        property.value(0).eq_ignore_ascii_case(DEVICE_PROPERTIES)
            && number(property.value(1)).is_some_and(|id| FILTER_PROPERTIES.contains(&id))
    });
    lists
        .map(|property| Problem::at(property.line, "a filter is set as a property: use [DDInstall.Filters]"))
        .collect()
}

pub(super) fn keys_relative(package: &Package<'_>) -> Vec<Problem> {
    let absolute = package
        .registry
        .iter()
        .filter(|entry| entry.is_absolute() && !entry.is_value());
    absolute
        .map(|entry| entry.problem(format!("the key {} is not below HKR", entry.location())))
        .collect()
}

pub(super) fn values_relative(package: &Package<'_>) -> Vec<Problem> {
    let absolute = package
        .registry
        .iter()
        .filter(|entry| entry.is_absolute() && entry.is_value());
    absolute
        .map(|entry| entry.problem(format!("a value of {} is not below HKR", entry.location())))
        .collect()
}

pub(super) fn under_parameters(package: &Package<'_>) -> Vec<Problem> {
    let outside = package.registry.iter().filter(|entry| {
        entry.hkr == Hkr::Service && entry.is_relative() && !entry.first_key().eq_ignore_ascii_case("Parameters")
    });
    outside
        .map(|entry| {
            let message = format!("{} of the service is not below Parameters", entry.location());
            entry.problem(message)
        })
        .collect()
}

pub(super) fn filters_declared(package: &Package<'_>) -> Vec<Problem> {
    let lists = package.registry.iter().filter(|entry| {
        package.is_extension()
            && ["UpperFilters", "LowerFilters"]
                .iter()
                .any(|list| list.eq_ignore_ascii_case(entry.entry.value(2)))
    });
    lists
        .map(|entry| {
            let list = entry.entry.value(2);
            entry.problem(format!("{list} is set by registry: use [DDInstall.Filters]"))
        })
        .collect()
}

pub(super) fn binary_copied(package: &Package<'_>) -> Vec<Problem> {
    let wrong = package.services.iter().filter_map(|service| {
        let entry = service.section?.with_key("ServiceBinary").next()?;
        let file = entry.value(0).strip_prefix(r"%13%\");
        let copied = package
            .copied
            .iter()
            .any(|copied| file.is_some_and(|file| file.eq_ignore_ascii_case(copied.file)));
        (!copied).then(|| {
            let message = format!(r"ServiceBinary is {}: write %13%\ and a file copied", entry.value(0));
            Problem::at(entry.line, message)
        })
    });
    wrong.collect()
}

pub(super) fn filter_position(package: &Package<'_>) -> Vec<Problem> {
    let wrong = package.filters.iter().filter_map(|filter| {
        let section = filter.section?;
        let says = ["FilterPosition", "FilterLevel"].map(|key| section.with_key(key).count());
        (says.iter().sum::<usize>() != 1).then(|| {
            let message = format!("[{}] needs one FilterPosition or one FilterLevel", section.name);
            Problem::at(section.line, message)
        })
    });
    wrong.collect()
}

pub(super) fn filter_is_service(package: &Package<'_>) -> Vec<Problem> {
    if package.filters.is_empty() {
        return vec![Problem::at(
            0,
            "no AddFilter: the driver would be installed and not used",
        )];
    }
    let unknown = package
        .filters
        .iter()
        .filter(|filter| !package.services.iter().any(|service| service.name == filter.service));
    unknown
        .map(|filter| {
            let message = format!("AddFilter names {}, which no AddService does", filter.service);
            Problem::at(filter.line, message)
        })
        .collect()
}

pub(super) fn boot_start(package: &Package<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for section in package.services.iter().filter_map(|service| service.section) {
        for (key, value) in [("ServiceType", 1), ("StartType", 0), ("ErrorControl", 1)] {
            if section.value_of(key).and_then(number) != Some(value) {
                let message = format!("[{}] needs {key} = {value}", section.name);
                problems.push(Problem::at(section.line, message));
            }
        }
        if section.value_of("LoadOrderGroup").is_none_or(str::is_empty) {
            let message = format!("[{}] needs a LoadOrderGroup", section.name);
            problems.push(Problem::at(section.line, message));
        }
    }
    problems
}

pub(super) fn no_function_driver(package: &Package<'_>) -> Vec<Problem> {
    let associated = package
        .services
        .iter()
        .filter(|service| service.flags & ASSOC_SERVICE != 0);
    associated
        .map(|service| {
            let message = format!("{} would replace disk.sys: take flag 0x2 away", service.name);
            Problem::at(service.line, message)
        })
        .collect()
}

pub(super) fn storage_features(package: &Package<'_>) -> Vec<Problem> {
    let declared = package.registry.iter().any(|entry| {
        entry.sets(Hkr::Service, "Parameters", "StorageSupportedFeatures")
            && entry.flags == DWORD
            && number(entry.entry.value(4)) == Some(BYPASS_IO)
    });
    if declared {
        return Vec::new();
    }
    let message = "the service does not set HKR,Parameters,StorageSupportedFeatures,0x00010001,0x1";
    vec![Problem::at(0, message)]
}

pub(super) fn settings(package: &Package<'_>) -> Vec<Problem> {
    let settings = Setting::ALL.iter().map(|setting| setting.definition());
    let wrong = settings.flat_map(|setting| {
        let (first, last, step) = (setting.minimum, setting.maximum, setting.step);
        let entries = package.registry.iter();
        let set = entries.filter(move |entry| entry.sets(Hkr::Service, "Parameters", setting.name));
        let wrong = set.filter(move |entry| {
            let value = number(entry.entry.value(4));
            let may_be = |value: u32| (first..=last).contains(&value) && value.is_multiple_of(step);
            entry.flags != DWORD | NO_CLOBBER || !value.is_some_and(may_be)
        });
        wrong.map(move |entry| {
            entry.problem(format!(
                "{} is not 0x00010003 and a number from {first} to {last}, a multiple of {step}: the driver would ignore it, or an update \
                 overwrite what a user has set",
                setting.name
            ))
        })
    });
    wrong.collect()
}

pub(super) fn event_source(package: &Package<'_>) -> Vec<Problem> {
    let is_image = |file: &str| {
        let mut copied = package.copied.iter();
        let file = file.strip_prefix(r"%13%\");
        file.is_some_and(|file| copied.any(|copied| copied.file.eq_ignore_ascii_case(file)))
    };
    let named = package.registry.iter().any(|entry| {
        entry.sets(Hkr::EventSource, "", "EventMessageFile")
            && entry.flags == EXPAND_SZ
            && is_image(entry.entry.value(4))
    });
    let typed = package
        .registry
        .iter()
        .any(|entry| entry.sets(Hkr::EventSource, "", "TypesSupported") && entry.flags == DWORD);
    let missing = [(named, "EventMessageFile"), (typed, "TypesSupported")];
    let missing = missing.into_iter().filter(|(is_there, _)| !is_there);
    missing
        .map(|(_, value)| {
            Problem::at(
                0,
                format!("the service's event source does not set {value} as driver.inx does"),
            )
        })
        .collect()
}
