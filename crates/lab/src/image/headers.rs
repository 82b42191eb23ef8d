//! What an image's headers say, checked: after [`Headers::parse`] every range lies where it must.
//!
//! Reads the file and nothing else; maps nothing.

use std::{fmt::Display, ops::Range};

use object::{
    LittleEndian as LE,
    pe::{self, ImageDosHeader, ImageFileHeader, ImageNtHeaders64, ImageSectionHeader},
    read::{
        ReadRef,
        pe::{DataDirectories, ImageNtHeaders, SectionTable},
    },
};

use super::LoadError;
use crate::memory::{PAGE_BYTES, Protection};

/// The largest image that is accepted: several times the largest driver there is.
const IMAGE_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// A section of an image in memory.
#[derive(Debug, Clone)]
pub struct Section {
    name: String,
    addresses: Range<u32>,
    protection: Protection,
    contents: Range<usize>,
    is_never_paged: bool,
    is_discardable: bool,
}

impl Section {
    /// The section's name; bytes that are not printable are escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The addresses it covers, relative to the image's base, as the linker sized it.
    pub fn addresses(&self) -> Range<u32> {
        self.addresses.clone()
    }

    /// What the driver may do with its memory.
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// Whether its memory may be paged out, which is said by its name, unless its characteristics forbid it.
    pub fn is_pageable(&self) -> bool {
        self.name.starts_with("PAGE") && !self.is_never_paged
    }

    /// Whether its memory is only there until the driver has been initialised.
    pub fn is_initialisation(&self) -> bool {
        self.name.starts_with("INIT") && self.is_discardable
    }

    fn contains(&self, range: &Range<u64>) -> bool {
        u64::from(self.addresses.start) <= range.start && range.end <= u64::from(self.addresses.end)
    }
}

/// A data directory: where a table is, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory {
    pub(super) address: u32,
    pub(super) size: u32,
}

/// The headers' facts that loading needs.
#[derive(Debug)]
pub(super) struct Headers {
    pub(super) preferred_base: u64,
    pub(super) image_bytes: u32,
    pub(super) header_bytes: u32,
    pub(super) entry_point: u32,
    pub(super) sections: Vec<Section>,
    pub(super) exports: Option<Directory>,
    pub(super) imports: Option<Directory>,
    pub(super) relocations: Option<Directory>,
    pub(super) exceptions: Option<Directory>,
    pub(super) load_config: Option<Directory>,
}

impl Headers {
    /// Reads and checks the headers of `file`.
    pub(super) fn parse(file: &[u8]) -> Result<Self, LoadError> {
        let (nt, directories, table) = parse_unchecked(file)?;
        let optional = &nt.optional_header;

        let characteristics = nt.file_header.characteristics.get(LE).0;
        if characteristics & pe::IMAGE_FILE_EXECUTABLE_IMAGE.0 == 0 {
            return Err(LoadError::NotExecutable);
        }
        if characteristics & pe::IMAGE_FILE_RELOCS_STRIPPED.0 != 0 {
            return Err(LoadError::RelocationsStripped);
        }
        let subsystem = optional.subsystem.get(LE);
        if subsystem != pe::IMAGE_SUBSYSTEM_NATIVE {
            return Err(LoadError::NotNative { subsystem: subsystem.0 });
        }
        let image_bytes = optional.size_of_image.get(LE);
        if !(1..=IMAGE_BYTES_MAX).contains(&image_bytes) {
            return Err(LoadError::ImageSize {
                size: image_bytes,
                limit: IMAGE_BYTES_MAX,
            });
        }
        let header_bytes = optional.size_of_headers.get(LE);
        if header_bytes > image_bytes || header_bytes as usize > file.len() {
            return Err(LoadError::HeadersSize {
                headers: header_bytes,
                file: file.len(),
                image: image_bytes,
            });
        }
        let alignment = optional.section_alignment.get(LE);
        if !alignment.is_power_of_two() || (alignment as usize) < PAGE_BYTES {
            return Err(LoadError::SectionAlignment { alignment });
        }

        let directory = |index| {
            directories.get(index).map(|entry| Directory {
                address: entry.virtual_address.get(LE),
                size: entry.size.get(LE),
            })
        };
        let headers = Self {
            preferred_base: optional.image_base.get(LE),
            image_bytes,
            header_bytes,
            entry_point: optional.address_of_entry_point.get(LE),
            sections: sections(file, &table, header_bytes, image_bytes, alignment)?,
            exports: directory(pe::IMAGE_DIRECTORY_ENTRY_EXPORT),
            imports: directory(pe::IMAGE_DIRECTORY_ENTRY_IMPORT),
            relocations: directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC),
            exceptions: directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION),
            load_config: directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG),
        };
        match headers.section_at(headers.entry_point) {
            Some(section) if section.protection.execute => Ok(headers),
            _ => Err(LoadError::EntryPoint {
                address: headers.entry_point,
            }),
        }
    }

    /// The section that covers `address`.
    pub(super) fn section_at(&self, address: u32) -> Option<&Section> {
        self.section_covering(address, 1)
    }

    /// The section that covers `bytes` bytes from `address` on.
    pub(super) fn section_covering(&self, address: u32, bytes: u32) -> Option<&Section> {
        let range = u64::from(address)..u64::from(address) + u64::from(bytes);
        self.sections.iter().find(|section| section.contains(&range))
    }

    /// Copies headers and sections from `file` to where they belong in `image`.
    ///
    /// # Panics
    ///
    /// Where `file` is not what was parsed or `image` is shorter than [`Self::image_bytes`].
    pub(super) fn copy(&self, file: &[u8], image: &mut [u8]) {
        let header_bytes = self.header_bytes as usize;
        image[..header_bytes].copy_from_slice(&file[..header_bytes]);
        for section in &self.sections {
            let start = section.addresses.start as usize;
            let end = start + section.contents.len();
            image[start..end].copy_from_slice(&file[section.contents.clone()]);
        }
    }

    /// Every range of the image that the driver may use, and how.
    pub(super) fn regions(&self) -> impl Iterator<Item = (Range<usize>, Protection)> {
        let headers = (0..self.header_bytes as usize, Protection::READ);
        let sections = self.sections.iter().map(|section| {
            let addresses = section.addresses.start as usize..section.addresses.end as usize;
            (addresses, section.protection)
        });
        std::iter::once(headers).chain(sections)
    }
}

/// Finds the headers in the file; of what they say only the machine and the magic are checked.
fn parse_unchecked(file: &[u8]) -> Result<(&ImageNtHeaders64, DataDirectories<'_>, SectionTable<'_>), LoadError> {
    let dos = ImageDosHeader::parse(file).map_err(not_pe)?;
    let mut offset = u64::from(dos.nt_headers_offset());

    // Signature, machine and magic stand alike in every PE image: looked at before the rest is
    // taken for a 64-bit one, so that the error names what the file is.
    let mut common = offset;
    let (signature, file_header) = file
        .read::<object::U32<LE>>(&mut common)
        .and_then(|signature| Ok((signature.get(LE), file.read::<ImageFileHeader>(&mut common)?)))
        .map_err(|()| not_pe("the file ends before its PE header"))?;
    if signature != pe::IMAGE_NT_SIGNATURE {
        return Err(not_pe("no PE signature where the DOS header points"));
    }
    let machine = file_header.machine.get(LE);
    if machine != pe::IMAGE_FILE_MACHINE_AMD64 {
        return Err(LoadError::Machine { machine: machine.0 });
    }
    let magic = file
        .read::<object::U16<LE>>(&mut common)
        .map_err(|()| not_pe("the file ends before its optional header"))?
        .get(LE);
    if magic != pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC {
        return Err(LoadError::NotPe32Plus { magic });
    }

    let (nt, directories) = ImageNtHeaders64::parse(file, &mut offset).map_err(not_pe)?;
    let sections = nt.sections(file, offset).map_err(not_pe)?;
    Ok((nt, directories, sections))
}

fn not_pe(reason: impl Display) -> LoadError {
    LoadError::NotPe {
        reason: reason.to_string(),
    }
}

/// Checks the sections one by one, in the order of the table, which must be that of the addresses.
fn sections(
    file: &[u8],
    table: &SectionTable<'_>,
    header_bytes: u32,
    image_bytes: u32,
    alignment: u32,
) -> Result<Vec<Section>, LoadError> {
    let mut sections = Vec::with_capacity(table.len());
    let mut before = "the headers".to_owned();
    let mut free_from = header_bytes;
    for header in table.iter() {
        let section = section(file, header, image_bytes, alignment)?;
        if section.addresses.start < free_from {
            return Err(LoadError::SectionOverlap {
                section: section.name,
                address: section.addresses.start,
                before,
                end: free_from,
            });
        }
        free_from = section.addresses.end;
        before = format!("section {}", section.name);
        sections.push(section);
    }
    Ok(sections)
}

/// Checks what can be checked of one section alone.
fn section(file: &[u8], header: &ImageSectionHeader, image_bytes: u32, alignment: u32) -> Result<Section, LoadError> {
    let name = header.raw_name().escape_ascii().to_string();
    let address = header.virtual_address.get(LE);
    if !address.is_multiple_of(alignment) {
        return Err(LoadError::SectionMisaligned {
            section: name,
            address,
            alignment,
        });
    }
    // A linker may leave the virtual size zero; the section is then as long as its contents.
    let raw_bytes = header.size_of_raw_data.get(LE);
    let size = match header.virtual_size.get(LE) {
        0 => raw_bytes,
        size => size,
    };
    let Some(end) = address.checked_add(size).filter(|&end| end <= image_bytes) else {
        return Err(LoadError::SectionOutsideImage {
            section: name,
            address,
            size,
        });
    };
    let offset = header.pointer_to_raw_data.get(LE);
    let raw_end = u64::from(offset) + u64::from(raw_bytes);
    if raw_bytes != 0 && raw_end > file.len() as u64 {
        return Err(LoadError::SectionContents {
            section: name,
            offset,
            size: raw_bytes,
        });
    }
    let flags = header.characteristics.get(LE).0;
    let protection = Protection {
        read: flags & pe::IMAGE_SCN_MEM_READ.0 != 0,
        write: flags & pe::IMAGE_SCN_MEM_WRITE.0 != 0,
        execute: flags & pe::IMAGE_SCN_MEM_EXECUTE.0 != 0,
    };
    if protection.write && protection.execute {
        return Err(LoadError::WritableAndExecutable { section: name });
    }
    // Without contents the offset means nothing. With them, they are padded to the file's
    // alignment, and the padding is no part of the section.
    let contents = match raw_bytes {
        0 => 0..0,
        _ => offset as usize..offset as usize + raw_bytes.min(size) as usize,
    };
    Ok(Section {
        name,
        addresses: address..end,
        protection,
        contents,
        is_never_paged: flags & pe::IMAGE_SCN_MEM_NOT_PAGED.0 != 0,
        is_discardable: flags & pe::IMAGE_SCN_MEM_DISCARDABLE.0 != 0,
    })
}
