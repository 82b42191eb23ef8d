//! A PE32+ image as the checks read it: headers, sections, and bytes by RVA.
//!
//! The `object` crate does the parsing. This view adds what a gate needs: a section's data clamped
//! to the file, so that no field of a damaged image can lead a check outside of it. It judges
//! nothing.

use anyhow::{Result, anyhow};
use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ImageNtHeaders, PeFile64, SectionTable, optional_header_magic};
use std::ops::Range;

/// The size of a page on every machine that the gate knows.
pub(super) const PAGE_SIZE: u32 = 0x1000;

/// A section header, and the part of the section that the file holds.
pub(super) struct Section<'data> {
    pub(super) name: String,
    pub(super) virtual_address: u32,
    pub(super) virtual_size: u32,
    pub(super) raw_offset: u32,
    pub(super) raw_size: u32,
    pub(super) characteristics: pe::SectionFlags,
    /// Empty where the header points outside of the file.
    pub(super) data: &'data [u8],
}

impl Section<'_> {
    pub(super) fn is_executable(&self) -> bool {
        self.characteristics.contains(pe::IMAGE_SCN_MEM_EXECUTE)
    }

    pub(super) fn is_writable(&self) -> bool {
        self.characteristics.contains(pe::IMAGE_SCN_MEM_WRITE)
    }

    /// The addresses that the section takes when loaded; the end may pass 4 GiB in a bad header.
    pub(super) fn range(&self) -> Range<u64> {
        let start = u64::from(self.virtual_address);
        start..start + u64::from(self.virtual_size)
    }
}

/// A readable PE32+ image.
pub(super) struct Image<'data> {
    pub(super) bytes: &'data [u8],
    pub(super) file: PeFile64<'data>,
    pub(super) sections: Vec<Section<'data>>,
}

/// What kind of PE file it is.
pub(super) enum Format<'data> {
    Pe32Plus(Image<'data>),
    /// A 32-bit image: readable, but nothing that the other checks could be made on.
    Pe32,
}

/// Reads the headers; fails only where the file is no readable PE image.
pub(super) fn parse(bytes: &[u8]) -> Result<Format<'_>> {
    let unreadable = |error| anyhow!("not a readable PE image ({error}): give the linked .sys");
    let magic = optional_header_magic(bytes).map_err(unreadable)?;
    if magic == pe::IMAGE_NT_OPTIONAL_HDR32_MAGIC {
        return Ok(Format::Pe32);
    }
    let file = PeFile64::parse(bytes).map_err(unreadable)?;
    let sections = file
        .section_table()
        .iter()
        .map(|header| Section {
            name: String::from_utf8_lossy(header.raw_name()).into_owned(),
            virtual_address: header.virtual_address.get(LE),
            virtual_size: header.virtual_size.get(LE),
            raw_offset: header.pointer_to_raw_data.get(LE),
            raw_size: header.size_of_raw_data.get(LE),
            characteristics: header.characteristics.get(LE),
            data: header.pe_data(bytes).unwrap_or_default(),
        })
        .collect();
    Ok(Format::Pe32Plus(Image { bytes, file, sections }))
}

impl<'data> Image<'data> {
    pub(super) fn file_header(&self) -> &'data pe::ImageFileHeader {
        &self.file.nt_headers().file_header
    }

    pub(super) fn optional_header(&self) -> &'data pe::ImageOptionalHeader64 {
        self.file.nt_headers().optional_header()
    }

    pub(super) fn image_base(&self) -> u64 {
        self.optional_header().image_base.get(LE)
    }

    pub(super) fn section_table(&self) -> SectionTable<'data> {
        self.file.section_table()
    }

    /// The file offset of the checksum field of the optional header.
    pub(super) fn checksum_offset(&self) -> usize {
        const IN_OPTIONAL_HEADER: usize = 64;
        self.file.dos_header().nt_headers_offset() as usize
            + size_of::<u32>()
            + size_of::<pe::ImageFileHeader>()
            + IN_OPTIONAL_HEADER
    }

    /// The address and size of a data directory, or `None` where it is absent or empty.
    pub(super) fn directory(&self, index: usize) -> Option<(u32, u32)> {
        let directory = self.file.data_directory(index)?;
        let (address, size) = directory.address_range();
        (address != 0 || size != 0).then_some((address, size))
    }

    /// The section that holds an address when loaded.
    pub(super) fn section_at(&self, rva: u32) -> Option<&Section<'data>> {
        self.sections
            .iter()
            .find(|section| section.range().contains(&u64::from(rva)))
    }

    /// The bytes from an address to the end of what the file holds of its section.
    pub(super) fn bytes_at(&self, rva: u32) -> Option<&'data [u8]> {
        self.section_table().pe_data_at(self.bytes, rva)
    }

    /// Exactly `size` bytes at an address.
    pub(super) fn slice_at(&self, rva: u32, size: u32) -> Option<&'data [u8]> {
        self.bytes_at(rva)?.get(..size as usize)
    }

    pub(super) fn u64_at(&self, rva: u32) -> Option<u64> {
        let bytes = self.bytes_at(rva)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    }

    /// The RVA of an absolute address, where that lies in one of the sections.
    pub(super) fn rva_of_address(&self, address: u64) -> Option<u32> {
        let rva = u32::try_from(address.checked_sub(self.image_base())?).ok()?;
        self.section_at(rva).map(|_| rva)
    }
}
