//! Where the image is entered, what it exports, and whether the linker's map is of this image.

use super::Expected;
use super::check::{Check, Findings};
use super::image::{Image, Section};
use super::imports::Imports;
use super::map::Map;
use object::LittleEndian as LE;

/// The one way into a driver.
const ENTRY: &str = "DriverEntry";

/// Reads the export table: each name, and its address where it is no forwarder.
pub(super) fn exports(image: &Image<'_>, findings: &mut Findings) -> Vec<(String, Option<u32>)> {
    let table = match image.file.export_table() {
        Ok(Some(table)) => table,
        Ok(None) => return Vec::new(),
        Err(error) => {
            findings.add(
                Check::Exports,
                format!("the export directory cannot be read ({error}): link again"),
            );
            return Vec::new();
        }
    };
    let mut exports = Vec::new();
    for (pointer, index) in table.name_iter() {
        let name = table.name_from_pointer(pointer).unwrap_or(b"?");
        let address = table
            .address_by_index(index)
            .ok()
            .filter(|&address| !table.is_forward(address));
        exports.push((String::from_utf8_lossy(name).into_owned(), address));
    }
    let unnamed = table
        .address_iter()
        .filter(|(index, _ordinal, address)| *address != 0 && !table.name_iter().any(|(_, named)| named == *index))
        .count();
    if unnamed != 0 {
        findings.add(
            Check::Exports,
            format!("{unnamed} exports have an ordinal and no name: export {ENTRY} only"),
        );
    }
    exports
}

/// Checks the entry point and the exports.
pub(super) fn check(
    image: &Image<'_>,
    exports: &[(String, Option<u32>)],
    map: &Map,
    expected: &Expected<'_>,
    findings: &mut Findings,
) {
    let entry = image.optional_header().address_of_entry_point.get(LE);
    if !image.section_at(entry).is_some_and(Section::is_executable) {
        findings.add(
            Check::Entry,
            format!("the entry point {entry:#x} is not in an executable section: link with /ENTRY:{ENTRY}"),
        );
    }
    let exported = exports
        .iter()
        .filter(|(name, _)| name == ENTRY)
        .map(|(_, address)| (*address, "export"));
    let mapped = map.find(ENTRY).map(|symbol| (symbol.rva, "map"));
    let mut named = exported.chain(mapped).peekable();
    if named.peek().is_none() {
        findings.add(
            Check::Entry,
            format!("neither the exports nor the map have a {ENTRY}: define it with #[unsafe(no_mangle)]"),
        );
    }
    for (address, place) in named {
        if address != Some(entry) {
            findings.add(
                Check::Entry,
                format!(
                    "the entry point is {entry:#x} and the {place}'s {ENTRY} is {}: link with \
                     /ENTRY:{ENTRY}",
                    address.map_or("a forwarder".to_owned(), |address| format!("at {address:#x}"))
                ),
            );
        }
    }
    for (name, _) in exports {
        if name != ENTRY && !expected.exports.contains(&name.as_str()) {
            findings.add(
                Check::Exports,
                format!("exports {name}, which is not on the list: only {ENTRY} is called from outside"),
            );
        }
    }
}

/// Checks that the map was printed by the link that made this image.
///
/// The time stamp cannot tell: under `/Brepro` the map has none. Base, entry point and the places
/// of the import slots can.
pub(super) fn check_map(image: &Image<'_>, imports: &Imports, map: &Map, findings: &mut Findings) {
    const ADVICE: &str = "give the .map of the same link (/MAP)";
    if map.symbols.is_empty() {
        findings.add(Check::Map, format!("the map has no symbols: {ADVICE}"));
        return;
    }
    if map.image_base != Some(image.image_base()) {
        findings.add(Check::Map, format!("the map has another image base: {ADVICE}"));
    }
    let entry = image.optional_header().address_of_entry_point.get(LE);
    let mapped_entry = map.entry.and_then(|(number, offset)| {
        let index = usize::from(number).checked_sub(1)?;
        image.sections.get(index)?.virtual_address.checked_add(offset)
    });
    if mapped_entry != Some(entry) {
        findings.add(Check::Map, format!("the map has another entry point: {ADVICE}"));
    }
    for slot in &imports.slots {
        let Some(name) = &slot.name else { continue };
        let symbol = format!("__imp_{name}");
        if !map.find(&symbol).any(|place| place.rva == Some(slot.rva)) {
            findings.add(
                Check::Map,
                format!("the map has no {symbol} at {:#x}: {ADVICE}", slot.rva),
            );
        }
    }
    let is_outside = |rva| image.section_at(rva).is_none();
    let places = map.symbols.iter().filter_map(|symbol| symbol.rva);
    let outside = places.filter(|rva| is_outside(*rva)).count();
    if outside != 0 {
        findings.add(
            Check::Map,
            format!("{outside} symbols of the map are outside of the image: {ADVICE}"),
        );
    }
}
