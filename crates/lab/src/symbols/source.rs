//! Where names come from: the choice between the files that may have them.

use std::{fs, io, path::Path};

use object::{
    LittleEndian as LE, Object, ObjectSymbol, SymbolKind, pe,
    read::pe::{ExportTarget, PeFile64},
};

use super::{
    Names, file_name, map,
    pdb::{self, Identity},
    table::Table,
};
use crate::unwind::FunctionTable;

/// The largest symbol file that is read: more than any driver's.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What was found for an image.
pub(super) struct Found {
    pub(super) names: Option<Box<dyn Names>>,
    pub(super) note: Option<String>,
}

impl Found {
    /// Takes the best names that the files beside `driver`, or `driver` itself, have.
    pub(super) fn beside(driver: &Path) -> Self {
        let mut notes = Vec::new();
        let names = best(driver, &mut notes);
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Self { names, note }
    }
}

fn best(driver: &Path, notes: &mut Vec<String>) -> Option<Box<dyn Names>> {
    let name = driver.file_name()?.to_string_lossy().into_owned();
    let bytes = match read(driver) {
        Ok(bytes) => bytes,
        Err(error) => {
            notes.push(format!("no names: {name}: {error}"));
            return None;
        }
    };
    let image = match PeFile64::parse(bytes.as_slice()) {
        Ok(image) => image,
        Err(error) => {
            notes.push(format!("no names: {name} is not a PE image: {error}"));
            return None;
        }
    };
    if let Some(names) = program_database(driver, &image, notes) {
        return Some(names);
    }
    let table = map_file(driver, &image, notes)
        .or_else(|| symbol_table(&image))
        .or_else(|| exports(&image))?;
    Some(Box::new(table))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {FILE_BYTES_MAX} bytes"),
        ));
    }
    fs::read(path)
}

/// As [`read`], but `None` for a file that is not there, and a note for one that cannot be read.
fn read_if_there(path: &Path, notes: &mut Vec<String>) -> Option<Vec<u8>> {
    match read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            notes.push(format!("{} is not used: {error}", shown(path)));
            None
        }
    }
}

fn program_database(driver: &Path, image: &PeFile64<'_>, notes: &mut Vec<String>) -> Option<Box<dyn Names>> {
    // An image without a debug record, or with a bad one, has no PDB that could match.
    let record = image.pdb_info().ok().flatten();
    let mut candidates = vec![driver.with_extension("pdb")];
    if let Some(record) = &record {
        let recorded = String::from_utf8_lossy(record.path()).into_owned();
        let recorded = driver.with_file_name(file_name(&recorded));
        if recorded
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("pdb"))
            && !candidates.contains(&recorded)
        {
            candidates.push(recorded);
        }
    }
    for path in candidates {
        let Some(bytes) = read_if_there(&path, notes) else {
            continue;
        };
        let name = shown(&path);
        let Some(record) = &record else {
            notes.push(format!(
                "{name} is not used: the image has no debug record to match it with"
            ));
            continue;
        };
        let identity = Identity {
            guid: record.guid(),
            age: record.age(),
        };
        match pdb::names(bytes, identity, |publics| table(image, publics)) {
            Ok(names) => return Some(Box::new(names)),
            Err(error) => notes.push(format!("{name} is not used: {error}")),
        }
    }
    None
}

fn map_file(driver: &Path, image: &PeFile64<'_>, notes: &mut Vec<String>) -> Option<Table> {
    let path = driver.with_extension("map");
    let bytes = read_if_there(&path, notes)?;
    let stamp = image.nt_headers().file_header.time_date_stamp.get(LE);
    match map::symbols(&bytes, image.relative_address_base(), stamp) {
        Ok(symbols) => table(image, symbols),
        Err(error) => {
            notes.push(format!("{} is not used: {error}", shown(&path)));
            None
        }
    }
}

/// The COFF symbols in the image, which mingw's linker leaves there.
fn symbol_table(image: &PeFile64<'_>) -> Option<Table> {
    let base = image.relative_address_base();
    let symbols = image
        .symbols()
        .filter(|symbol| symbol.is_definition() && matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data))
        .filter_map(|symbol| {
            let rva = u32::try_from(symbol.address().checked_sub(base)?).ok()?;
            let name = symbol
                .name()
                .ok()
                .filter(|name| !name.is_empty() && !name.starts_with('.'))?;
            Some((rva, name.to_owned()))
        })
        .collect();
    table(image, symbols)
}

fn exports(image: &PeFile64<'_>) -> Option<Table> {
    let exports = image.export_table().ok()??.exports().ok()?;
    let symbols = exports
        .into_iter()
        .filter_map(|export| match (export.name, export.target) {
            (Some(name), ExportTarget::Address(rva)) => Some((rva, String::from_utf8_lossy(name).into_owned())),
            _ => None,
        })
        .collect();
    table(image, symbols)
}

/// A table of `symbols`, unless there are none.
fn table(image: &PeFile64<'_>, symbols: Vec<(u32, String)>) -> Option<Table> {
    if symbols.is_empty() {
        return None;
    }
    let sections = image
        .section_table()
        .iter()
        .map(|section| {
            let start = section.virtual_address.get(LE);
            start..start.saturating_add(section.virtual_size.get(LE))
        })
        .collect();
    let bytes_from = |rva| image.section_table().pe_data_at(image.data(), rva);
    let entries = image
        .data_directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION)
        .and_then(|directory| {
            let (address, bytes) = directory.address_range();
            bytes_from(address)?.get(..bytes as usize)
        })
        .unwrap_or_default();
    let functions = FunctionTable::new(entries, bytes_from).pieces();
    Some(Table::new(symbols, sections, functions))
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
