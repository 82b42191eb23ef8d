//! The image gate: inspects a finished driver image and says what must not ship.
//!
//! [`inspect`] takes the bytes of the `.sys` and the text of the linker's map, and reports facts
//! and findings; an image without findings may ship. It looks at the artifact only, never at
//! sources or build settings, and it changes nothing. Damaged input gives findings or one error,
//! never a panic. [`Check::ALL`] lists what is checked.

mod check;
mod checksum;
mod code;
mod entry;
mod functions;
mod headers;
mod image;
mod imports;
mod layout;
mod map;
mod panics;
mod paths;
mod relocations;
mod version;
mod version_info;

#[cfg(test)]
mod tests;

pub use check::{Check, Finding};

use crate::imports::AllowedImport;
use crate::target::{Profile, Target};
use anyhow::Result;
use check::Findings;
use code::{Code, Proof};
use image::{Format, Image};
use imports::Imports;
use map::Map;
use object::LittleEndian as LE;
use relocations::Relocations;

/// A function that the driver may import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import<'a> {
    /// The DLL's file name, compared without case.
    pub dll: &'a str,
    /// The function's name, compared with case.
    pub name: &'a str,
}

impl Import<'static> {
    /// A function of the allow-list, once for each DLL that it may be imported from.
    pub fn of(allowed: &AllowedImport) -> impl Iterator<Item = Self> + use<'_> {
        let name = allowed.name;
        allowed.dlls().map(move |dll| Self { dll, name })
    }
}

/// What an image is held to.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// What it is built for. Of ARM64 images the code is not decoded.
    pub target: Target,
    /// How it is built, which decides whether it may hold panic machinery.
    pub profile: Profile,
    /// Everything that it may import.
    pub imports: &'a [Import<'a>],
    /// What it may export besides DriverEntry.
    pub exports: &'a [&'a str],
    /// The functions that may stop the system, by demangled path without a hash.
    ///
    /// They need `#[inline(never)]`: only code in a function of that very name counts.
    pub fatal: &'a [&'a str],
    /// The version resource's ProductName.
    pub product: &'a str,
    /// The version, as in Cargo.toml.
    pub version: &'a str,
    /// The licence expression, which LegalCopyright holds.
    pub license: &'a str,
    /// The root of the workspace on the machine that builds, which must not be in the image.
    pub workspace: &'a str,
}

/// A section, for printing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionFacts {
    /// Its name.
    pub name: String,
    /// Its address in the image.
    pub rva: u32,
    /// Its size in memory.
    pub size_bytes: u32,
    /// Its access, as in `r-x`.
    pub access: String,
}

/// What the image is, for printing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The size of the file.
    pub size_bytes: usize,
    /// The machine's number in the file header.
    pub machine: u16,
    /// The address of the entry point.
    pub entry_rva: u32,
    /// The checksum that the header states.
    pub checksum: u32,
    /// The sections, in order.
    pub sections: Vec<SectionFacts>,
    /// The imports as `DLL!name`, in the order of the import address table.
    pub imports: Vec<String>,
    /// The names of the exports.
    pub exports: Vec<String>,
    /// How many absolute addresses are relocated.
    pub relocations: usize,
    /// How many symbols the map has.
    pub symbols: usize,
    /// How many functions were decoded.
    pub functions: usize,
    /// How many instructions were decoded.
    pub instructions: usize,
    /// The name of the PDB, where the debug directory has one.
    pub pdb: Option<String>,
}

/// What [`inspect`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the image is.
    pub facts: Facts,
    /// What was not checked, and why; one line each.
    pub skipped: Vec<String>,
    /// Every reason not to ship the image, sorted by check; none for a good one.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Tells whether the image may ship.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Inspects a driver image together with the linker's map of it.
///
/// # Errors
///
/// Fails where the file is no readable PE image; everything else that is wrong is a finding.
pub fn inspect(image: &[u8], map: &str, expected: &Expected<'_>) -> Result<Report> {
    let mut findings = Findings::default();
    match image::parse(image)? {
        Format::Pe32Plus(image) => Ok(inspect_image(&image, &Map::parse(map), expected, findings)),
        Format::Pe32 => {
            findings.add(
                Check::Format,
                "the image is PE32 and not PE32+: build for a 64-bit target",
            );
            Ok(Report {
                facts: Facts {
                    size_bytes: image.len(),
                    ..Facts::default()
                },
                skipped: vec!["every other check: they are for PE32+ images".to_owned()],
                findings: findings.into_vec(),
            })
        }
    }
}

fn inspect_image(image: &Image<'_>, map: &Map, expected: &Expected<'_>, mut findings: Findings) -> Report {
    let mut skipped = Vec::new();
    let imports = Imports::read(image, &mut findings);
    let exports = entry::exports(image, &mut findings);
    let relocations = Relocations::read(image, &mut findings);
    let pdb = paths::pdb_name(image, &mut findings);

    headers::check(image, expected, &mut findings);
    layout::check(image, &imports, &mut findings);
    entry::check(image, &exports, map, expected, &mut findings);
    entry::check_map(image, &imports, map, &mut findings);
    imports::check(image, &imports, expected, &mut findings);
    checksum::check(image, &mut findings);
    version::check(image, expected, &mut findings);
    paths::check(image, pdb.as_deref(), expected, &mut findings);

    let is_x64 = headers::target(image) == Some(Target::X64);
    let (functions, code) = if is_x64 {
        let functions = functions::functions(image, map, &exports, &mut findings);
        let code = Code::decode(image, &functions);
        (functions, code)
    } else {
        skipped.push("trap, code, and most of bug-check: only x64 code is decoded".to_owned());
        (Vec::new(), Code::default())
    };
    relocations::check(image, &relocations, &code.absolute_addresses, &mut findings);
    let proof = Proof {
        image,
        imports: &imports,
        relocations: &relocations,
        functions: &functions,
        code: &code,
        map,
        expected,
    };
    proof.check_decoding(&mut findings);
    match expected.profile {
        Profile::Dev => skipped.push("panic-symbol, panic-text, bug-check, trap: a dev image may panic".to_owned()),
        Profile::Release => {
            panics::check(image, map, &mut findings);
            if is_x64 {
                proof.check_fatal(&mut findings);
            } else {
                code::check_undecoded(&imports, expected, &mut findings);
            }
        }
    }
    Report {
        facts: Facts {
            size_bytes: image.bytes.len(),
            machine: image.file_header().machine.get(LE).0,
            entry_rva: image.optional_header().address_of_entry_point.get(LE),
            checksum: image.optional_header().check_sum.get(LE),
            sections: image.sections.iter().map(section_facts).collect(),
            imports: imports.slots.iter().map(import_fact).collect(),
            exports: exports.into_iter().map(|(name, _)| name).collect(),
            relocations: relocations.sites.len(),
            symbols: map.symbols.len(),
            functions: functions.iter().filter(|function| function.is_known).count(),
            instructions: code.instructions,
            pdb,
        },
        skipped,
        findings: findings.into_vec(),
    }
}

fn section_facts(section: &image::Section<'_>) -> SectionFacts {
    let write = if section.is_writable() { 'w' } else { '-' };
    let execute = if section.is_executable() { 'x' } else { '-' };
    SectionFacts {
        name: section.name.clone(),
        rva: section.virtual_address,
        size_bytes: section.virtual_size,
        access: format!("r{write}{execute}"),
    }
}

fn import_fact(slot: &imports::Slot) -> String {
    let name = slot.name.as_deref().unwrap_or("(by ordinal)");
    format!("{}!{name}", slot.dll)
}
