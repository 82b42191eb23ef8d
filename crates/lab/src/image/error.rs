//! Why an image cannot be loaded, each in one line.

use std::io;

use object::pe::{IMAGE_FILE_MACHINE_ARM64, IMAGE_FILE_MACHINE_I386};

/// Why an image cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file does not have the headers of a PE image, or not all of them.
    #[error("not a PE image: {reason}")]
    NotPe {
        /// What is not as it should be.
        reason: String,
    },
    /// The image is for another processor.
    #[error("built for {}, not for x86-64 (machine 0x8664)", machine_name(*.machine))]
    Machine {
        /// `FileHeader.Machine`.
        machine: u16,
    },
    /// The optional header is not that of a 64-bit image.
    #[error("optional header magic is {magic:#x}, expected 0x20b (PE32+, 64-bit)")]
    NotPe32Plus {
        /// `OptionalHeader.Magic`.
        magic: u16,
    },
    /// The file is an object file or the product of a link that failed.
    #[error("not an executable image: IMAGE_FILE_EXECUTABLE_IMAGE is not set")]
    NotExecutable,
    /// The image is a user-mode program or library.
    #[error("subsystem is {subsystem}, expected 1 (native): not a driver")]
    NotNative {
        /// `OptionalHeader.Subsystem`.
        subsystem: u16,
    },
    /// The image can only run at the address it was linked for.
    #[error("base relocations were stripped (IMAGE_FILE_RELOCS_STRIPPED): link with /DYNAMICBASE")]
    RelocationsStripped,
    /// Two sections could share a page, and so could not have protections of their own.
    #[error("section alignment is {alignment:#x}, expected a power of two from 0x1000 on")]
    SectionAlignment {
        /// `OptionalHeader.SectionAlignment`.
        alignment: u32,
    },
    /// The image is empty, or larger than any driver is.
    #[error("image size is {size:#x}, expected 1 to {limit:#x} bytes")]
    ImageSize {
        /// `OptionalHeader.SizeOfImage`.
        size: u32,
        /// The most that is accepted.
        limit: u32,
    },
    /// The headers do not fit into the file or the image.
    #[error("headers of {headers:#x} bytes do not fit into a file of {file:#x} and an image of {image:#x} bytes")]
    HeadersSize {
        /// `OptionalHeader.SizeOfHeaders`.
        headers: u32,
        /// The file's length.
        file: usize,
        /// `OptionalHeader.SizeOfImage`.
        image: u32,
    },
    /// A section's contents are not in the file.
    #[error(
        "section {section}: its contents at {offset:#x}, {size:#x} bytes, end past the end of the file: truncated?"
    )]
    SectionContents {
        /// The section's name.
        section: String,
        /// `PointerToRawData`.
        offset: u32,
        /// `SizeOfRawData`.
        size: u32,
    },
    /// A section does not begin where a page protection could begin.
    #[error("section {section}: address {address:#x} is not a multiple of the section alignment {alignment:#x}")]
    SectionMisaligned {
        /// The section's name.
        section: String,
        /// `VirtualAddress`.
        address: u32,
        /// `OptionalHeader.SectionAlignment`.
        alignment: u32,
    },
    /// A section covers what is before it.
    #[error("section {section}: address {address:#x} overlaps {before}, which ends at {end:#x}")]
    SectionOverlap {
        /// The section's name.
        section: String,
        /// `VirtualAddress`.
        address: u32,
        /// What it overlaps: the headers or another section.
        before: String,
        /// Where that ends.
        end: u32,
    },
    /// A section is not within the image.
    #[error("section {section}: address {address:#x}, {size:#x} bytes, ends past the end of the image")]
    SectionOutsideImage {
        /// The section's name.
        section: String,
        /// `VirtualAddress`.
        address: u32,
        /// Its size in memory.
        size: u32,
    },
    /// A section asks for memory that could be both written and run.
    #[error("section {section} is both writable and executable")]
    WritableAndExecutable {
        /// The section's name.
        section: String,
    },
    /// The entry point is absent or not code.
    #[error("entry point {address:#x} is not in an executable section")]
    EntryPoint {
        /// `OptionalHeader.AddressOfEntryPoint`.
        address: u32,
    },
    /// A table is not within the image or is malformed.
    #[error("{table} table is malformed: {reason}")]
    Table {
        /// Which one: relocation, import, export.
        table: &'static str,
        /// What is wrong with it.
        reason: object::Error,
    },
    /// The directory of a table points outside of the image.
    #[error("{table} table at {address:#x}, {size:#x} bytes, is outside the image")]
    TableOutsideImage {
        /// Which one: relocation, import, export, load configuration.
        table: &'static str,
        /// The directory entry's `VirtualAddress`.
        address: u32,
        /// The directory entry's `Size`.
        size: u32,
    },
    /// A table has more entries than the loader accepts.
    #[error("{table} table has more than {limit} {unit}")]
    TableTooLong {
        /// Which one: import, export.
        table: &'static str,
        /// What is counted.
        unit: &'static str,
        /// The most that is accepted.
        limit: usize,
    },
    /// A name is empty, too long, or has bytes that are not printable ASCII.
    #[error("{table} table has a bad name at {address:#x}: expected 1 to {limit} printable ASCII bytes")]
    Name {
        /// Which one: import, export.
        table: &'static str,
        /// The address that the table gives for it, relative to the image.
        address: u32,
        /// The most bytes that are accepted.
        limit: usize,
    },
    /// A relocation is of a kind that 64-bit images for x86-64 do not have.
    #[error("relocation at {address:#x} is of type {kind}, expected 10 (DIR64) or 0 (ABSOLUTE)")]
    RelocationType {
        /// What it would relocate.
        address: u32,
        /// Its type.
        kind: u16,
    },
    /// A relocation is not within a section.
    #[error("relocation at {address:#x} is outside every section")]
    RelocationOutsideSections {
        /// What it would relocate.
        address: u32,
    },
    /// A function is imported by a number that only one version of its module gives a meaning.
    #[error("{dll} ordinal {ordinal} is imported by ordinal, expected imports by name only")]
    ImportByOrdinal {
        /// The module that is imported from.
        dll: String,
        /// The function's number.
        ordinal: u16,
    },
    /// An import's slot is not within a section.
    #[error("import {dll}!{name}: its address slot at {address:#x} is outside every section")]
    ImportSlotOutsideSections {
        /// The module that is imported from.
        dll: String,
        /// The function's name.
        name: String,
        /// The slot's address, relative to the image.
        address: u32,
    },
    /// An exported name stands for nothing within the sections.
    #[error("export {name}: address {address:#x} is outside every section")]
    ExportOutsideSections {
        /// The exported name.
        name: String,
        /// What it stands for.
        address: u32,
    },
    /// The load configuration has a security cookie that is nowhere.
    #[error("load configuration table: its security cookie at {address:#x} is outside every section")]
    SecurityCookieOutsideSections {
        /// The cookie's address when the image has been relocated.
        address: u64,
    },
    /// The system gave no memory or would not protect it.
    #[error("cannot map the image: {0}")]
    Memory(#[from] io::Error),
}

fn machine_name(machine: u16) -> String {
    if machine == IMAGE_FILE_MACHINE_I386.0 {
        "32-bit x86".to_owned()
    } else if machine == IMAGE_FILE_MACHINE_ARM64.0 {
        "ARM64".to_owned()
    } else {
        format!("machine {machine:#06x}")
    }
}
