//! The relocation, import and export tables, read from an image whose sections are in place.
//!
//! All three address by the image's base, so they are read from the image and not from the file.
//! Only [`relocate`] changes the image.

use std::{collections::BTreeMap, ops::Range};

use object::{
    LittleEndian as LE,
    pe::{self, ImageNtHeaders64},
    read::pe::{ExportTable, ImageThunkData, Import, ImportTable, RelocationBlockIterator},
};

use super::{
    LoadError,
    headers::{Directory, Headers},
};

/// The most modules that an image may import from.
const MODULES_MAX: usize = 64;
/// The most functions that an image may import: more than the kernel exports.
const IMPORTS_MAX: usize = 8192;
/// The most names that an image may export.
const EXPORTS_MAX: usize = 8192;
/// The longest module or function name, as long as a decorated C++ name can be.
const NAME_BYTES_MAX: usize = 4096;
/// The size of an address, and so of a relocated value and of an import's slot.
const ADDRESS_BYTES: u32 = 8;

/// A function that an image asks for, and where it wants its address.
pub(super) struct ImportEntry {
    pub(super) dll: String,
    pub(super) name: String,
    pub(super) slot: u32,
}

/// Makes every relocated address in `image` right for `base`.
pub(super) fn relocate(image: &mut [u8], headers: &Headers, base: u64) -> Result<(), LoadError> {
    const TABLE: &str = "relocation";
    let Some(directory) = headers.relocations else {
        return Ok(());
    };
    // A copy, so that a relocation which points into the table cannot change what is read next.
    let table = table_bytes(image, TABLE, directory)?.to_vec();
    let displacement = base.wrapping_sub(headers.preferred_base);
    let mut blocks = RelocationBlockIterator::new(&table);
    while let Some(block) = blocks.next().map_err(|reason| malformed(TABLE, reason))? {
        for relocation in block {
            let address = relocation.virtual_address;
            match relocation.typ {
                pe::IMAGE_REL_BASED_ABSOLUTE => {}
                pe::IMAGE_REL_BASED_DIR64 => {
                    if headers.section_covering(address, ADDRESS_BYTES).is_none() {
                        return Err(LoadError::RelocationOutsideSections { address });
                    }
                    let linked = read_address(image, address);
                    write_address(image, address, linked.wrapping_add(displacement));
                }
                kind => {
                    return Err(LoadError::RelocationType { address, kind: kind.0 });
                }
            }
        }
    }
    Ok(())
}

/// Gives the functions of `image` that check their stack frame (/GS) a cookie to check for.
///
/// A kernel draws one at random. Here it is always the same, so that runs are; what matters to a
/// driver is that it is not the value it was linked with, which its start-up code refuses. The
/// image must have been relocated.
pub(super) fn set_security_cookie(image: &mut [u8], headers: &Headers, base: u64) -> Result<(), LoadError> {
    const TABLE: &str = "load configuration";
    /// Where the table has its own size and, as an absolute address, the cookie's.
    const SIZE: Range<usize> = 0..4;
    const COOKIE_ADDRESS: Range<usize> = 88..96;
    /// The top 16 bits are zero: the check takes anything else there for damage.
    const COOKIE: u64 = 0x0000_7C3A_95E1_4B6D;

    let Some(directory) = headers.load_config.filter(|directory| directory.address != 0) else {
        return Ok(());
    };
    // The size that counts is the table's: linkers have put other figures into the directory.
    let outside = LoadError::TableOutsideImage {
        table: TABLE,
        address: directory.address,
        size: directory.size,
    };
    let Some(table) = image.get(directory.address as usize..) else {
        return Err(outside);
    };
    let Some(size) = table.get(SIZE).and_then(|size| size.try_into().ok()) else {
        return Err(outside);
    };
    if (u32::from_le_bytes(size) as usize) < COOKIE_ADDRESS.end {
        return Ok(());
    }
    let Some(address) = table.get(COOKIE_ADDRESS).and_then(|address| address.try_into().ok()) else {
        return Err(outside);
    };
    let address = u64::from_le_bytes(address);
    if address == 0 {
        return Ok(());
    }
    let relative = u32::try_from(address.wrapping_sub(base))
        .ok()
        .filter(|&relative| headers.section_covering(relative, ADDRESS_BYTES).is_some())
        .ok_or(LoadError::SecurityCookieOutsideSections { address })?;
    write_address(image, relative, COOKIE);
    Ok(())
}

/// Lists what `image` imports, in the order of its import table.
pub(super) fn imports(image: &[u8], headers: &Headers) -> Result<Vec<ImportEntry>, LoadError> {
    const TABLE: &str = "import";
    let malformed = |reason| malformed(TABLE, reason);
    let mut entries = Vec::new();
    let Some(directory) = headers.imports else {
        return Ok(entries);
    };
    // The end of the table is a null descriptor: kernels do not look at the directory's size.
    let table = ImportTable::new(image, 0, directory.address);
    let mut descriptors = table.descriptors().map_err(malformed)?;
    let mut modules: usize = 0;
    while let Some(descriptor) = descriptors.next().map_err(malformed)? {
        modules += 1;
        if modules > MODULES_MAX {
            return Err(too_long(TABLE, "modules", MODULES_MAX));
        }
        let dll_address = descriptor.name.get(LE);
        let dll = table.name(dll_address).map_err(malformed)?;
        let dll = printable(TABLE, dll_address, dll)?;

        // Some linkers make no lookup table; the address table then holds the names at first.
        let first_slot = descriptor.first_thunk.get(LE);
        let lookup = match descriptor.original_first_thunk.get(LE) {
            0 => first_slot,
            lookup => lookup,
        };
        let mut thunks = table.thunks(lookup).map_err(malformed)?;
        let mut slot = first_slot;
        while let Some(thunk) = thunks.next::<ImageNtHeaders64>().map_err(malformed)? {
            if entries.len() == IMPORTS_MAX {
                return Err(too_long(TABLE, "functions", IMPORTS_MAX));
            }
            let name = match table.import::<ImageNtHeaders64>(thunk).map_err(malformed)? {
                Import::Name(_hint, name) => printable(TABLE, thunk.address(), name)?,
                Import::Ordinal(ordinal) => {
                    return Err(LoadError::ImportByOrdinal { dll, ordinal });
                }
            };
            if headers.section_covering(slot, ADDRESS_BYTES).is_none() {
                return Err(LoadError::ImportSlotOutsideSections {
                    dll,
                    name,
                    address: slot,
                });
            }
            entries.push(ImportEntry {
                dll: dll.clone(),
                name,
                slot,
            });
            slot = slot.wrapping_add(ADDRESS_BYTES);
        }
    }
    Ok(entries)
}

/// Lists the names that `image` exports, with what each stands for.
///
/// A name that is forwarded to another module is left out: there is nothing here it stands for.
pub(super) fn exports(image: &[u8], headers: &Headers) -> Result<BTreeMap<String, u32>, LoadError> {
    const TABLE: &str = "export";
    let malformed = |reason| malformed(TABLE, reason);
    let mut entries = BTreeMap::new();
    let Some(directory) = headers.exports else {
        return Ok(entries);
    };
    let table = ExportTable::parse(table_bytes(image, TABLE, directory)?, directory.address).map_err(malformed)?;
    if table.name_pointers().len() > EXPORTS_MAX {
        return Err(too_long(TABLE, "names", EXPORTS_MAX));
    }
    for (name_address, index) in table.name_iter() {
        let name = table.name_from_pointer(name_address).map_err(malformed)?;
        let name = printable(TABLE, name_address, name)?;
        let address = table.address_by_index(index).map_err(malformed)?;
        if table.is_forward(address) {
            continue;
        }
        if headers.section_at(address).is_none() {
            return Err(LoadError::ExportOutsideSections { name, address });
        }
        entries.insert(name, address);
    }
    Ok(entries)
}

/// Stores `value` in `image` at `address`, which the caller has checked to be within a section.
pub(super) fn write_address(image: &mut [u8], address: u32, value: u64) {
    let start = address as usize;
    image[start..start + ADDRESS_BYTES as usize].copy_from_slice(&value.to_le_bytes());
}

fn read_address(image: &[u8], address: u32) -> u64 {
    let mut bytes = [0; ADDRESS_BYTES as usize];
    let start = address as usize;
    bytes.copy_from_slice(&image[start..start + ADDRESS_BYTES as usize]);
    u64::from_le_bytes(bytes)
}

fn table_bytes<'image>(
    image: &'image [u8],
    table: &'static str,
    directory: Directory,
) -> Result<&'image [u8], LoadError> {
    let Directory { address, size } = directory;
    image
        .get(address as usize..)
        .and_then(|rest| rest.get(..size as usize))
        .ok_or(LoadError::TableOutsideImage { table, address, size })
}

fn printable(table: &'static str, address: u32, name: &[u8]) -> Result<String, LoadError> {
    let printable = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(name) {
        Ok(name) if printable => Ok(name.to_owned()),
        _ => Err(LoadError::Name {
            table,
            address,
            limit: NAME_BYTES_MAX,
        }),
    }
}

fn malformed(table: &'static str, reason: object::Error) -> LoadError {
    LoadError::Table { table, reason }
}

fn too_long(table: &'static str, unit: &'static str, limit: usize) -> LoadError {
    LoadError::TableTooLong { table, unit, limit }
}
