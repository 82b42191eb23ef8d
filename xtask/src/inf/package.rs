//! What an INF installs, found by walking from `[Manufacturer]` as Windows does.
//!
//! It judges nothing: it says which sections are reached, which are missing, and what the devices,
//! services, filters, files and registry entries are. The rules judge.

use std::collections::BTreeSet;

use super::parse::{Entry, Inf, Section, is_strings};

/// Sections that Windows finds by name alone, decorated or not.
const ROOTS: [&str; 7] = [
    "Version",
    "Manufacturer",
    "SourceDisksNames",
    "SourceDisksFiles",
    "DestinationDirs",
    "ControlFlags",
    "ClassInstall32",
];

/// What can follow the name of an install section, each a section of its own.
const INSTALL_SUFFIXES: [&str; 9] = [
    "CoInstallers",
    "Components",
    "Events",
    "Filters",
    "HW",
    "Interfaces",
    "Services",
    "Software",
    "Wdf",
];

/// What one INF installs.
#[derive(Debug)]
pub(super) struct Package<'a> {
    pub(super) inf: &'a Inf,
    pub(super) models: Vec<Models<'a>>,
    pub(super) services: Vec<Service<'a>>,
    pub(super) filters: Vec<Filter<'a>>,
    pub(super) copied: Vec<Copied<'a>>,
    pub(super) registry: Vec<RegistryEntry<'a>>,
    /// The lines of AddProperty and DelProperty sections.
    pub(super) properties: Vec<&'a Entry>,
    pub(super) missing: Vec<Missing<'a>>,
    reached: BTreeSet<String>,
}

/// A Models section, as one decoration in `[Manufacturer]` names it.
#[derive(Debug)]
pub(super) struct Models<'a> {
    /// `NTamd64.10.0...19041`; empty where it has none.
    pub(super) decoration: Decoration<'a>,
    /// The line in `[Manufacturer]`.
    pub(super) line: usize,
    pub(super) devices: Vec<Device<'a>>,
}

/// A TargetOSVersion decoration: `NT[arch][.[major][.[minor][.[product][.[suite][.[build]]]]]]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoration<'a>(&'a str);

impl Decoration<'_> {
    /// The architecture, in lower case; empty where none is named.
    pub(super) fn arch(&self) -> String {
        let first = self.0.split('.').next().unwrap_or_default().to_ascii_lowercase();
        first.strip_prefix("nt").unwrap_or_default().to_owned()
    }

    /// The lowest build of Windows that takes the section; 0 where none is named.
    pub(super) fn build(&self) -> u32 {
        self.0
            .split('.')
            .nth(5)
            .and_then(|build| build.parse().ok())
            .unwrap_or(0)
    }
}

/// A line of a Models section: `description = install-section, identifier, ...`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device<'a> {
    pub(super) entry: &'a Entry,
}

impl<'a> Device<'a> {
    /// Its hardware and compatible IDs.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.entry
            .values
            .iter()
            .skip(1)
            .map(String::as_str)
            .filter(|id| !id.is_empty())
    }
}

/// A service that `AddService` installs.
#[derive(Debug)]
pub(super) struct Service<'a> {
    pub(super) name: &'a str,
    pub(super) flags: u32,
    pub(super) line: usize,
    pub(super) section: Option<&'a Section>,
}

/// A filter that `AddFilter` puts into the device's stack.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    pub(super) service: &'a str,
    pub(super) line: usize,
    pub(super) section: Option<&'a Section>,
}

/// A file that `CopyFiles` copies.
#[derive(Debug)]
pub(super) struct Copied<'a> {
    /// Its name on the target.
    pub(super) file: &'a str,
    /// Its name in the package.
    pub(super) source: &'a str,
    pub(super) line: usize,
}

/// A line of an AddReg or DelReg section: `root, subkey, name, flags, data`.
#[derive(Debug)]
pub(super) struct RegistryEntry<'a> {
    pub(super) entry: &'a Entry,
    pub(super) hkr: Hkr,
    pub(super) flags: u32,
}

/// Whose key `HKR` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hkr {
    Device,
    Service,
    /// Where the System log knows a service by.
    EventSource,
}

/// A section that a directive names and that is not there.
#[derive(Debug)]
pub(super) struct Missing<'a> {
    pub(super) section: &'a str,
    pub(super) directive: &'a str,
    pub(super) line: usize,
}

impl<'a> Package<'a> {
    /// Walks an INF.
    pub(super) fn of(inf: &'a Inf) -> Self {
        let mut package = Self {
            inf,
            models: Vec::new(),
            services: Vec::new(),
            filters: Vec::new(),
            copied: Vec::new(),
            registry: Vec::new(),
            properties: Vec::new(),
            missing: Vec::new(),
            reached: BTreeSet::new(),
        };
        for manufacturer in inf.section("Manufacturer").into_iter().flat_map(|all| &all.entries) {
            package.add_manufacturer(manufacturer);
        }
        package
    }

    /// The lines of all Models sections.
    pub(super) fn devices(&self) -> impl Iterator<Item = Device<'a>> {
        self.models.iter().flat_map(|models| models.devices.iter().copied())
    }

    /// The entries of a section that Windows finds by its name.
    pub(super) fn entries_of(&self, section: &str) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.inf
            .section(section)
            .into_iter()
            .flat_map(|section| &section.entries)
    }

    /// The first entry with `key` in `[Version]`.
    pub(super) fn version(&self, key: &str) -> Option<&'a Entry> {
        self.entries_of("Version").find(|entry| entry.has_key(key))
    }

    /// Whether its class says that it adds to a device of another INF.
    pub(super) fn is_extension(&self) -> bool {
        self.version("Class")
            .is_some_and(|class| class.value(0).eq_ignore_ascii_case("Extension"))
    }

    /// The sections that nothing names.
    pub(super) fn unreferenced(&self) -> impl Iterator<Item = &'a Section> {
        self.inf.sections().iter().filter(|section| {
            let name = section.name.split('.').next().unwrap_or_default();
            let root = ROOTS.iter().any(|root| root.eq_ignore_ascii_case(name));
            !root && !is_strings(&section.name) && !self.is_reached(&section.name)
        })
    }

    fn is_reached(&self, section: &str) -> bool {
        self.reached.contains(&section.to_ascii_lowercase())
    }

    fn reach(&mut self, name: &str) -> Option<&'a Section> {
        let section = self.inf.section(name)?;
        self.reached.insert(name.to_ascii_lowercase());
        Some(section)
    }

    fn reach_or_miss(&mut self, name: &'a str, directive: &'a str, line: usize) -> Option<&'a Section> {
        let section = self.reach(name);
        if section.is_none() {
            self.missing.push(Missing {
                section: name,
                directive,
                line,
            });
        }
        section
    }

    /// `%Maker% = models, decoration, ...`.
    fn add_manufacturer(&mut self, entry: &'a Entry) {
        let name = entry.value(0);
        let decorations: Vec<&'a str> = match entry.values.get(1..) {
            None | Some([]) => vec![""],
            Some(decorations) => decorations.iter().map(String::as_str).collect(),
        };
        for decoration in decorations {
            let section = if decoration.is_empty() {
                self.reach(name)
            } else {
                self.reach(&format!("{name}.{decoration}"))
            };
            let Some(section) = section else {
                self.missing.push(Missing {
                    section: name,
                    directive: "Manufacturer",
                    line: entry.line,
                });
                continue;
            };
            let decoration = Decoration(decoration);
            let devices = section.entries.iter().map(|entry| Device { entry }).collect();
            self.models.push(Models {
                decoration,
                line: entry.line,
                devices,
            });
            for device in &section.entries {
                self.add_install(device.value(0), &decoration.arch(), device.line);
            }
        }
    }

    /// The install section as it is decorated for this architecture, and those that follow it.
    fn add_install(&mut self, name: &'a str, arch: &str, line: usize) {
        let decorated = [format!("{name}.NT{arch}"), format!("{name}.NT"), name.to_owned()];
        let Some(found) = decorated.iter().find(|name| self.inf.section(name).is_some()) else {
            self.missing.push(Missing {
                section: name,
                directive: "Models",
                line,
            });
            return;
        };
        if self.is_reached(found) {
            return;
        }
        let suffixed = INSTALL_SUFFIXES.iter().map(|suffix| format!("{found}.{suffix}"));
        for name in std::iter::once(found.clone()).chain(suffixed) {
            if let Some(section) = self.reach(&name) {
                for entry in &section.entries {
                    self.add_directive(entry, Hkr::Device);
                }
            }
        }
    }

    fn add_directive(&mut self, entry: &'a Entry, hkr: Hkr) {
        let Some(directive) = entry.key.as_deref() else {
            return;
        };
        match directive.to_ascii_lowercase().as_str() {
            "copyfiles" => self.add_copy_files(entry, directive),
            "addreg" | "delreg" => {
                for name in &entry.values {
                    if let Some(section) = self.reach_or_miss(name, directive, entry.line) {
                        self.registry.extend(section.entries.iter().map(|entry| RegistryEntry {
                            entry,
                            hkr,
                            flags: number(entry.value(3)).unwrap_or(0),
                        }));
                    }
                }
            }
            "addproperty" | "delproperty" => {
                for name in &entry.values {
                    let section = self.reach_or_miss(name, directive, entry.line);
                    self.properties
                        .extend(section.into_iter().flat_map(|section| &section.entries));
                }
            }
            "addservice" => {
                let section = self.reach_or_miss(entry.value(2), directive, entry.line);
                let events = match entry.value(3) {
                    "" => None,
                    name => self.reach_or_miss(name, directive, entry.line),
                };
                self.services.push(Service {
                    name: entry.value(0),
                    flags: number(entry.value(1)).unwrap_or(0),
                    line: entry.line,
                    section,
                });
                for entry in section.into_iter().flat_map(|section| &section.entries) {
                    self.add_directive(entry, Hkr::Service);
                }
                for entry in events.into_iter().flat_map(|section| &section.entries) {
                    self.add_directive(entry, Hkr::EventSource);
                }
            }
            "addfilter" => {
                let section = self.reach_or_miss(entry.value(2), directive, entry.line);
                self.filters.push(Filter {
                    service: entry.value(0),
                    line: entry.line,
                    section,
                });
            }
            _ => {}
        }
    }

    /// `CopyFiles = section, @file, ...`.
    fn add_copy_files(&mut self, entry: &'a Entry, directive: &'a str) {
        for name in &entry.values {
            if let Some(file) = name.strip_prefix('@') {
                self.copied.push(Copied {
                    file,
                    source: file,
                    line: entry.line,
                });
            } else if let Some(section) = self.reach_or_miss(name, directive, entry.line) {
                self.copied.extend(section.entries.iter().map(|entry| {
                    let file = entry.value(0);
                    let source = Some(entry.value(1)).filter(|name| !name.is_empty());
                    Copied {
                        file,
                        source: source.unwrap_or(file),
                        line: entry.line,
                    }
                }));
            }
        }
    }
}

/// A number as INF writes it, decimal or `0x`.
pub(super) fn number(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => lower.parse().ok(),
    }
}
